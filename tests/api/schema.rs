//! The schema as its readers meet it: the reviewed file, the descriptions, the examples.

use std::fs;
use std::path::{Path, PathBuf};

use async_graphql::Positioned;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    FieldDefinition, InterfaceType, ObjectType, TypeDefinition, TypeKind, TypeSystemDefinition,
};
use serde_json::{Value, json};
use sigmasight::config::Environment;
use sigmasight::error::Code;
use sigmasight::graphql;
use sigmasight::services::demo;

use crate::live::uploads;
use crate::support::live::Events;
use crate::support::{App, Person};

/// Set to 1, the file is rewritten instead of compared.
const UPDATE: &str = "UPDATE_SCHEMA";

/// Every code a client may have to handle.
const CODES: [&str; 12] = [
    "UNAUTHENTICATED",
    "FORBIDDEN",
    "NOT_FOUND",
    "VALIDATION",
    "CONFLICT",
    "LIMIT_EXCEEDED",
    "RATE_LIMITED",
    "QUERY_TOO_COMPLEX",
    "INSUFFICIENT_DATA",
    "UPSTREAM_UNAVAILABLE",
    "TIMEOUT",
    "INTERNAL",
];

#[test]
fn the_reviewed_file_is_what_the_code_gives() {
    let path = root().join("schema.graphql");
    if std::env::var(UPDATE).is_ok_and(|value| value == "1") {
        fs::write(&path, graphql::sdl()).expect("schema.graphql can be written");
    }
    let reviewed = read(&path);
    let given = graphql::sdl();
    let first = reviewed.lines().zip(given.lines()).position(|(old, new)| old != new);
    assert!(
        reviewed == given,
        "schema.graphql differs from the code, first in line {}; \
         `{UPDATE}=1 cargo test --test api schema` rewrites it, and the difference is reviewed",
        first.unwrap_or_else(|| reviewed.lines().count().min(given.lines().count())) + 1,
    );
}

#[test]
fn everything_is_described() {
    let bare: Vec<_> = types().iter().flat_map(undescribed).collect();
    assert!(bare.is_empty(), "say what these are for, with unit and sign:\n{}", bare.join("\n"));
}

#[test]
fn what_is_not_described_is_named() {
    let sdl = r#"
        "Told." type T { "Told." a("Told." x: Int): Int b(y: Int): Int }
        enum E { "Told." A B }
        "Told." input I { "" c: Int }
        scalar S
    "#;
    let bare: Vec<_> = types_of(sdl).iter().flat_map(undescribed).collect();
    assert_eq!(bare, ["T.b", "T.b(y:)", "E", "E.B", "I.c", "S"]);
}

#[test]
fn a_computed_figure_is_explained_in_more_than_its_name_and_says_when_it_is_null() {
    let mut poor = Vec::new();
    for kind in types() {
        let TypeKind::Object(ObjectType { fields, .. }) = &kind.kind else { continue };
        let is_computed =
            |field: &FieldDefinition| ["quality", "provenance"].contains(&field.name.node.as_str());
        if !nodes(fields).any(is_computed) {
            continue;
        }
        let said = |text: &Option<Positioned<String>>| {
            text.as_ref().map_or_else(String::new, |text| text.node.to_lowercase())
        };
        let of_all = said(&kind.description);
        for field in nodes(fields) {
            let (name, own) = (&field.name.node, said(&field.description));
            let is_number = ["Float", "Decimal"].contains(&field.ty.node.to_string().as_str());
            let is_silent = is_number && !own.contains("null") && !of_all.contains("null");
            if own.split_whitespace().count() < 3 || own.len() <= name.len() + 4 || is_silent {
                poor.push(format!("{}.{name}: {own}", kind.name.node));
            }
        }
    }
    assert!(poor.is_empty(), "say formula, unit, sign and what null means:\n{}", poor.join("\n"));
}

#[test]
fn the_error_codes_are_a_closed_list() {
    let known: Vec<_> = types().into_iter().find(|kind| kind.name.node == "ErrorCode").map_or_else(
        Vec::new,
        |kind| match kind.kind {
            TypeKind::Enum(codes) => {
                codes.values.iter().map(|value| value.node.value.node.to_string()).collect()
            }
            _ => Vec::new(),
        },
    );
    assert_eq!(known, CODES);
    for code in [
        Code::Unauthenticated,
        Code::Forbidden,
        Code::NotFound,
        Code::Validation,
        Code::Conflict,
        Code::LimitExceeded,
        Code::RateLimited,
        Code::QueryTooComplex,
        Code::Timeout,
        Code::Internal,
    ] {
        assert!(CODES.contains(&code.as_str()), "{code:?} travels as {}", code.as_str());
    }
}

#[tokio::test]
async fn the_examples_of_the_editor_run_on_the_demo() {
    let app = App::start().with_simulated_prices().await;
    demo::seed(&app.services, Environment::Development).await.expect("the demo");
    let mut examples = examples();
    let (name, sign_in, variables) = examples.remove(0);
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

    assert!(examples.len() > 3, "the editor opens with more than a sign-in");
    for (name, query, mut variables) in examples {
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
    }
}

/// Name, document and variables of each example, by name: signing in comes first.
fn examples() -> Vec<(String, String, Value)> {
    let folder = fs::read_dir(root().join("web/src/examples")).expect("a folder of examples");
    let mut paths: Vec<_> = folder.map(|entry| entry.expect("an entry").path()).collect();
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

fn types() -> Vec<TypeDefinition> {
    types_of(graphql::sdl())
}

fn types_of(sdl: &str) -> Vec<TypeDefinition> {
    let document = parse_schema(sdl).expect("the schema is GraphQL");
    let types = document.definitions.into_iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(kind) => Some(kind.node),
        TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
    });
    types.collect()
}

/// The names of what has no description in a type, itself first.
fn undescribed(kind: &TypeDefinition) -> Vec<String> {
    let name = &kind.name.node;
    let mut parts = vec![(name.to_string(), &kind.description)];
    match &kind.kind {
        TypeKind::Object(ObjectType { fields, .. })
        | TypeKind::Interface(InterfaceType { fields, .. }) => {
            for FieldDefinition { name: field, description, arguments, .. } in nodes(fields) {
                parts.push((format!("{name}.{field}"), description));
                parts.extend(nodes(arguments).map(|argument| {
                    (format!("{name}.{field}({}:)", argument.name), &argument.description)
                }));
            }
        }
        TypeKind::InputObject(input) => {
            let fields = nodes(&input.fields);
            parts.extend(fields.map(|f| (format!("{name}.{}", f.name), &f.description)));
        }
        TypeKind::Enum(choice) => {
            let values = nodes(&choice.values);
            parts.extend(values.map(|v| (format!("{name}.{}", v.value), &v.description)));
        }
        TypeKind::Scalar | TypeKind::Union(_) => {}
    }
    let is_bare = |text: &Option<Positioned<String>>| {
        text.as_ref().is_none_or(|text| text.node.trim().is_empty())
    };
    parts.into_iter().filter(|(_, text)| is_bare(text)).map(|(name, _)| name).collect()
}

fn nodes<T>(all: &[Positioned<T>]) -> impl Iterator<Item = &T> {
    all.iter().map(|one| &one.node)
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
