//! The questions of `docs/queries`, which are also the tabs of the editor: each runs on the demo,
//! and says what its answer there says.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sigmasight::config::Environment;
use sigmasight::services::demo;

use crate::live::uploads;
use crate::support::live::Events;
use crate::support::{App, Person};

/// Set to 1, the answers are rewritten instead of compared.
const UPDATE: &str = "UPDATE_ANSWERS";
/// When they were given: Monday the 5th of January 2026, half an hour after the close.
const NOW: &str = "2026-01-05T21:30:00Z";
/// Questions that an analyst asks; what else is beside them signs in or shows how to.
const QUESTIONS: usize = 15;

#[tokio::test]
async fn each_question_has_the_answer_that_stands_beside_it() {
    let app = App::start().at(NOW).with_simulated_prices().await;
    demo::seed(&app.services, Environment::Development).await.expect("the demo");
    let mut tabs = tabs();
    let (name, sign_in, variables) = tabs.remove(0);
    let mut answer = app.asks(&sign_in, variables.clone()).await;
    assert_eq!(answer["errors"], Value::Null, "{name}");
    let token = |kind: &str| answer["data"]["login"]["session"][kind].as_str().map(str::to_owned);
    let person = Person {
        app,
        email: variables["email"].as_str().unwrap_or_default().to_owned(),
        access_token: token("accessToken").unwrap_or_else(|| panic!("{name}: {answer}")),
        refresh_token: token("refreshToken").unwrap_or_default(),
    };
    let portfolio = answer["data"]["login"]["viewer"]["portfolios"]["nodes"][0]["id"].take();

    assert!(tabs.len() > QUESTIONS, "the editor opens with all of them");
    for (place, (name, query, mut variables)) in tabs.into_iter().enumerate() {
        // The editor fills in the first portfolio.
        if variables["portfolioId"] == "<portfolioId>" {
            variables["portfolioId"] = portfolio.clone();
        }
        // And the job of the last upload.
        if variables["jobId"] == "<jobId>" {
            let csv = "ticker,quantity,entry_price,entry_date\nAAPL,1,150,2025-12-01\n";
            let portfolio = portfolio.as_str().unwrap_or_default();
            variables["jobId"] = uploads(&person, portfolio, csv).await;
        }
        let answer = if query.contains("\nsubscription ") {
            Events::of(&person, &query, variables).await.next().await.unwrap_or_default()
        } else {
            person.asks(&query, variables).await
        };
        assert_eq!(answer["errors"], Value::Null, "{name}");
        let fields = answer["data"].as_object().unwrap_or_else(|| panic!("{name}: {answer}"));
        for (field, value) in fields {
            assert!(!value.is_null() && *value != json!([]), "{name} finds no {field}");
            assert!(value.get("userErrors").is_none_or(|errors| *errors == json!([])), "{name}");
        }
        if place < QUESTIONS {
            compare_with_kept(&name, &answer["data"]["viewer"]["portfolios"]["nodes"][0]);
        }
    }
}

fn compare_with_kept(name: &str, told: &Value) {
    let path = folder().with_file_name("answers").join(name).with_extension("json");
    if std::env::var(UPDATE).is_ok_and(|value| value == "1") {
        let text = serde_json::to_string_pretty(told).expect("JSON") + "\n";
        fs::write(&path, text).expect("an answer can be written");
    }
    let kept: Value = serde_json::from_str(&read(&path)).expect("an answer is JSON");
    let differences = differences("", told, &kept);
    assert!(
        differences.is_empty(),
        "{name} has another answer; `{UPDATE}=1 cargo test --test api questions` rewrites it, and \
         what `docs/queries/README.md` says of it is looked at again:\n{}",
        differences.join("\n")
    );
}

/// Where two answers differ. The last digits of statistics depend on the machine.
fn differences(place: &str, told: &Value, kept: &Value) -> Vec<String> {
    match (told, kept) {
        (Value::Object(told), Value::Object(kept)) if told.keys().eq(kept.keys()) => told
            .iter()
            .flat_map(|(name, value)| differences(&format!("{place}.{name}"), value, &kept[name]))
            .collect(),
        (Value::Array(told), Value::Array(kept)) if told.len() == kept.len() => told
            .iter()
            .zip(kept)
            .enumerate()
            .flat_map(|(n, (told, kept))| differences(&format!("{place}[{n}]"), told, kept))
            .collect(),
        _ if told == kept || is_near(told, kept) => Vec::new(),
        _ => vec![format!("{place}: {told} is not {kept}")],
    }
}

fn is_near(told: &Value, kept: &Value) -> bool {
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok());
    let both = number(told).zip(number(kept));
    both.is_some_and(|(told, kept): (f64, f64)| (told - kept).abs() <= 1e-6 * kept.abs() + 1e-9)
}

#[test]
fn what_differs_is_told_by_its_place() {
    let kept = json!({ "a": [1.0, "12.5"], "b": "2026-01-05" });
    let near = json!({ "a": [1.000_000_1, "12.500001"], "b": "2026-01-05" });
    assert!(differences("", &near, &kept).is_empty());
    let far = json!({ "a": [1.1, "12.5"], "b": "2026-01-06" });
    let told = differences("", &far, &kept);
    assert_eq!(told, [".a[0]: 1.1 is not 1.0", ".b: \"2026-01-06\" is not \"2026-01-05\""]);
    assert_eq!(differences("", &json!({ "a": [] }), &kept).len(), 1);
}

#[test]
fn each_question_is_told_with_its_answer() {
    let told = read(&folder().join("README.md"));
    for (name, query, _) in tabs().iter().skip(1).take(QUESTIONS) {
        let question = query.lines().next().unwrap_or_default().trim_start_matches("# ");
        assert!(question.ends_with('?'), "{name} opens with its question");
        assert!(told.contains(question), "the answer to {question:?} of {name} is told");
    }
    for (name, ..) in tabs() {
        assert!(told.contains(&format!("({name})")), "{name} is linked");
    }
}

/// Name, document and variables of each file, by name: signing in comes first.
fn tabs() -> Vec<(String, String, Value)> {
    let entries = fs::read_dir(folder()).expect("a folder of questions");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "graphql"));
    paths.sort();
    let read_one = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let variables = path.with_extension("json");
        let variables = if variables.exists() { read(&variables) } else { "{}".into() };
        let variables = serde_json::from_str(&variables).expect("variables are JSON");
        (name, read(&path), variables)
    };
    paths.into_iter().map(read_one).collect()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/queries")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
