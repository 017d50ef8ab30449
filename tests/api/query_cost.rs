//! What a document would cost, told without running it.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{App, codes, numbered};

const COST: &str = "
    query($query: String!, $variables: JSON) {
        queryCost(query: $query, variables: $variables) {
            complexity depth maxComplexity maxDepth isAllowed
            mostExpensive { path complexity }
            error { code message hint }
        }
    }";

const PAGES: &str = "
    query Pages($first: Int) {
        viewer {
            portfolios(first: $first) {
                nodes { name big: positions(first: 100) { nodes { symbol quantity } } ...Small }
            }
        }
    }
    fragment Small on Portfolio { positions(first: 2) { nodes { symbol } } }";

async fn cost(app: &App, query: &str, variables: Value) -> Value {
    let answer = app.asks(COST, json!({ "query": query, "variables": variables })).await;
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    answer["data"]["queryCost"].clone()
}

#[tokio::test]
async fn a_document_costs_what_its_answer_says_that_it_cost() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    for first in [json!(1), json!(7), Value::Null] {
        let variables = json!({ "first": first });
        let told = cost(&app, PAGES, variables.clone()).await;
        let ran = ada.asks(PAGES, variables).await["extensions"]["cost"].take();
        for name in ["complexity", "maxComplexity", "depth", "maxDepth"] {
            assert_eq!(told[name], ran[name], "{name}");
        }
        assert_eq!((&told["isAllowed"], &told["error"]), (&json!(true), &Value::Null));
    }
    // Variables that are left out altogether, too.
    let answer = app.asks(COST, json!({ "query": "{ viewer { user { id } } }" })).await;
    assert_eq!(answer["data"]["queryCost"]["complexity"], 3, "{answer}");
    let statements = &answer["extensions"]["statements"];
    assert_eq!(statements, 0, "nothing was run");
}

#[tokio::test]
async fn the_fields_that_cost_most_are_told_by_their_paths_and_those_in_fragments_too() {
    let app = App::start().await;
    let told = cost(&app, PAGES, json!({ "first": 10 })).await;
    let all = told["mostExpensive"].as_array().expect("a list");
    let of = |path: &str| {
        let found = all.iter().find(|one| one["path"] == path);
        found.unwrap_or_else(|| panic!("no {path}: {told}"))["complexity"].as_u64()
    };
    assert_eq!(of("viewer"), told["complexity"].as_u64(), "everything is in it");
    // What the document costs less without a field.
    let without = PAGES.replace("big: positions(first: 100) { nodes { symbol quantity } }", "");
    let rest = cost(&app, &without, json!({ "first": 10 })).await["complexity"].as_u64();
    let big = of("viewer.portfolios.nodes.big");
    assert_eq!(big.zip(rest).map(|(one, rest)| one + rest), told["complexity"].as_u64());
    assert!(of("viewer.portfolios.nodes.positions") < big, "that of the fragment");
    let costs: Vec<_> = all.iter().filter_map(|one| one["complexity"].as_u64()).collect();
    assert!(costs.is_sorted_by(|one, next| one >= next), "{costs:?}");
}

#[tokio::test]
async fn what_is_told_to_be_refused_is_refused_and_nothing_else() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let page = |first: usize| {
        format!(
            "{{ viewer {{ portfolios(first: {first}) {{ nodes {{ {} }} }} }} }}",
            "id ".repeat(99)
        )
    };
    let deep = |levels: usize| {
        let open = "portfolio { positions(first: 1) { nodes { ".repeat(levels);
        let close = " } } }".repeat(levels);
        format!("{{ position(id: \"x\") {{ {open} id {close} }} }}")
    };
    let mut bomb = String::from("{ viewer { ...F30 } } fragment F0 on Viewer { tags { name } }");
    for n in 1..=30 {
        let before = n - 1;
        write!(bomb, " fragment F{n} on Viewer {{ ...F{before} ...F{before} }}").expect("writes");
    }
    let circle = "{ viewer { ...A } } fragment A on Viewer { ...B } fragment B on Viewer { ...A }";
    let documents = [
        page(499),
        page(500),
        deep(4),
        deep(5),
        bomb,
        circle.to_owned(),
        "{ a ".repeat(600),
        "{ viewer { user { id }".to_owned(),
        "{ nobody }".to_owned(),
        "query A { service { version } } query B { service { version } }".to_owned(),
        String::new(),
        format!("{{ {} }}", "__typename ".repeat(10_000)),
        format!("mutation {{ {} }}", numbered(0..11, |n| format!("a{n}: logout {{ isDone }} "))),
        "{ service { version } }".to_owned(),
        "query($first: Int!) { viewer { portfolios(first: $first) { totalCount } } }".to_owned(),
    ];
    let mut allowed = 0;
    for document in documents {
        let began = Instant::now();
        let told = cost(&app, &document, json!({})).await;
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        let answer = ada.asks(&document, json!({})).await;
        let start: String = document.chars().take(60).collect();
        if told["isAllowed"] == true {
            allowed += 1;
            assert_eq!(answer["errors"], Value::Null, "{start}: {answer}");
        } else {
            assert_eq!(codes(&answer)[0], told["error"]["code"], "{start}: {answer}");
            assert_eq!(answer["errors"][0]["message"], told["error"]["message"], "{start}");
        }
    }
    assert!(allowed >= 3, "some run: {allowed}");
}

#[tokio::test]
async fn measuring_the_largest_documents_is_bounded() {
    let app = App::start().await;
    // As many fields as may be, each with something inside.
    let wide = format!("{{ {} }}", numbered(0..3_000, |n| format!("a{n}:node(id:1){{id}}")));
    let began = Instant::now();
    let told = cost(&app, &wide, json!({})).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(told["complexity"].as_u64(), Some(6_000), "{told}");
    // Itself it costs so much that few fit into a request.
    let many =
        |count| numbered(0..count, |n| format!("a{n}: queryCost(query: \"{{x}}\") {{ depth }} "));
    let two = app.asks(&format!("{{ {} }}", many(2)), json!({})).await;
    assert_eq!(two["errors"], Value::Null, "{two}");
    let three = app.asks(&format!("{{ {} }}", many(3)), json!({})).await;
    assert_eq!(codes(&three), ["QUERY_TOO_COMPLEX"]);
}
