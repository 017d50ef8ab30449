//! What one request may ask for, and how often one user may ask.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};

use crate::support::app::{PASSWORD, get, post};
use crate::support::{App, Reply, codes, numbered};

/// What tools send to learn the schema; types of arguments are told nine levels deep.
const INTROSPECTION: &str = "
    query IntrospectionQuery {
        __schema {
            description
            queryType { name kind }
            mutationType { name kind }
            subscriptionType { name kind }
            types { ...FullType }
            directives {
                name
                description
                isRepeatable
                locations
                args(includeDeprecated: true) { ...InputValue }
            }
        }
    }
    fragment FullType on __Type {
        kind
        name
        description
        specifiedByURL
        isOneOf
        fields(includeDeprecated: true) {
            name
            description
            args(includeDeprecated: true) { ...InputValue }
            type { ...TypeRef }
            isDeprecated
            deprecationReason
        }
        inputFields(includeDeprecated: true) { ...InputValue }
        interfaces { ...TypeRef }
        enumValues(includeDeprecated: true) {
            name
            description
            isDeprecated
            deprecationReason
        }
        possibleTypes { ...TypeRef }
    }
    fragment InputValue on __InputValue {
        name
        description
        type { ...TypeRef }
        defaultValue
        isDeprecated
        deprecationReason
    }
    fragment TypeRef on __Type {
        kind name
        ofType { kind name
            ofType { kind name
                ofType { kind name
                    ofType { kind name
                        ofType { kind name
                            ofType { kind name
                                ofType { kind name
                                    ofType { kind name ofType { kind name } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }";

const PAGES: &str = "
    query($first: Int, $last: Int) {
        viewer { portfolios(first: $first, last: $last) { totalCount nodes { name } } }
    }";

/// `portfolios { nodes { positions { nodes { portfolio { positions ...` with the name of a
/// portfolio at the end; each turn nests three levels.
fn nested(turns: usize) -> String {
    let open = "portfolio { positions(first: 1) { nodes { ".repeat(turns);
    let close = " } } }".repeat(turns);
    let inner = format!("{open}portfolio {{ name }}{close}");
    format!(
        "{{ viewer {{ portfolios {{ nodes {{ positions(first: 1) {{ nodes {{ {inner} }} }} }} }} }} }}"
    )
}

#[tokio::test]
async fn a_query_that_nests_too_deep_is_refused_and_never_reaches_the_database() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;

    let deep = ada.asks(&nested(2), json!({})).await;
    assert_eq!(deep["errors"], Value::Null);
    let depth = deep["extensions"]["cost"]["depth"].as_u64().expect("a depth");
    assert!(depth <= 16, "{depth}");

    let deeper = ada.asks(&nested(4), json!({})).await;
    assert_eq!(codes(&deeper), ["QUERY_TOO_COMPLEX"]);
    assert_eq!(deeper["data"], Value::Null);
    // Two: whose the transaction is, and whether their session stands.
    assert!(deeper["extensions"]["statements"].as_u64().is_some_and(|sent| sent <= 2));
}

#[tokio::test]
async fn a_page_costs_the_same_by_literal_by_variable_and_by_default() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let cost = async |query: &str, variables: Value| {
        let answer = ada.asks(query, variables).await;
        assert_eq!(answer["errors"], Value::Null);
        answer["extensions"]["cost"]["complexity"].as_u64().expect("a cost")
    };
    let of = |first: &str| format!("{{ viewer {{ portfolios{first} {{ nodes {{ name }} }} }} }}");

    let literal = cost(&of("(first: 300)"), json!({})).await;
    let variable = "query($n: Int) { viewer { portfolios(first: $n) { nodes { name } } } }";
    let default = "query($n: Int = 300) { viewer { portfolios(first: $n) { nodes { name } } } }";
    assert_eq!(cost(variable, json!({ "n": 300 })).await, literal);
    assert_eq!(cost(default, json!({})).await, literal);
    assert_eq!(cost(&of("(last: 300)"), json!({})).await, literal);

    let usual = cost(&of(""), json!({})).await;
    assert_eq!(cost(&of("(first: 20)"), json!({})).await, usual);
    assert_eq!(cost(variable, json!({ "n": null })).await, usual);
    assert!(literal > 10 * usual, "{literal} and {usual}");
}

#[tokio::test]
async fn pages_within_pages_are_refused_by_literal_and_by_variable() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let query = |first: &str| {
        format!(
            "{{ viewer {{ portfolios(first: {first}) {{ nodes {{
                positions(first: {first}) {{ nodes {{ symbol }} }}
            }} }} }} }}"
        )
    };

    let literal = ada.asks(&query("500"), json!({})).await;
    let variable = format!("query($n: Int) {}", query("$n"));
    let by_variable = ada.asks(&variable, json!({ "n": 500 })).await;
    for answer in [&literal, &by_variable] {
        assert_eq!(codes(answer), ["QUERY_TOO_COMPLEX"]);
        assert_eq!(answer["data"], Value::Null);
    }
    assert_eq!(ada.asks(&variable, json!({ "n": 20 })).await["errors"], Value::Null);
}

#[tokio::test]
async fn the_same_field_under_many_names_costs_as_often() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let aliases = |count| {
        let one = "portfolios(first: 500) { nodes { name currency cashBalance } }";
        let all = numbered(0..count, |n| format!("a{n}: {one} "));
        format!("{{ viewer {{ {all} }} }}")
    };
    let cost = async |query: &str| {
        let answer = ada.asks(query, json!({})).await;
        answer["extensions"]["cost"]["complexity"].as_u64()
    };

    let (one, three) = (cost(&aliases(1)).await, cost(&aliases(3)).await);
    let viewer = 1;
    assert_eq!(three, one.map(|one| 3 * (one - viewer) + viewer));

    let many = ada.asks(&aliases(31), json!({})).await;
    assert_eq!(codes(&many), ["QUERY_TOO_COMPLEX"]);

    // Put into fragments, they cost what they cost without.
    let spread = "
        { viewer { ...A ...B } }
        fragment A on Viewer { a0: portfolios(first: 500) { nodes { name currency cashBalance } } ...B }
        fragment B on Viewer { a1: portfolios(first: 500) { nodes { name currency cashBalance } } }";
    assert!(cost(spread).await >= cost(&aliases(2)).await);
}

#[tokio::test]
async fn a_bomb_of_fragments_is_refused_at_once() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let mut bomb = String::from("{ viewer { ...F30 } } fragment F0 on Viewer { tags { name } }");
    for n in 1..=30 {
        let before = n - 1;
        write!(bomb, " fragment F{n} on Viewer {{ ...F{before} ...F{before} }}").expect("writes");
    }
    let began = Instant::now();
    let reply = ada.sends(post(&json!({ "query": bomb }))).await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(codes(&reply.json()), ["QUERY_TOO_COMPLEX"]);

    let circle = "{ viewer { ...A } }
        fragment A on Viewer { ...B } fragment B on Viewer { ...A }";
    let answer = ada.asks(circle, json!({})).await;
    assert_eq!(codes(&answer), ["QUERY_TOO_COMPLEX"], "it never ends");
}

/// The reply to this query of nobody's, which must come soon.
async fn soon(app: &App, what: &str, query: &str) -> Reply {
    let began = Instant::now();
    let reply = app.send(post(&json!({ "query": query }))).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{what}: {:?}", began.elapsed());
    assert!(!reply.status.is_server_error(), "{what}: {}", reply.text());
    reply
}

#[tokio::test]
async fn a_text_that_is_all_brackets_is_refused_however_many_there_are() {
    let app = App::start().await;
    for turns in [65, 100, 300, 600, 1_000, 2_000, 4_000, 9_000] {
        let within =
            |open: &str, close: &str| format!("{}1{}", open.repeat(turns), close.repeat(turns));
        let id = |value: String| format!("{{ node(id: {value}) {{ id }} }}");
        for (what, query) in [
            ("selections", within("{ a ", "}")),
            ("open selections", "{ a ".repeat(turns)),
            ("inline fragments", within("{...", "}")),
            ("lists", id(within("[", "]"))),
            ("open lists", id("[".repeat(turns))),
            ("objects", id(within("{a:", "}"))),
            ("types", format!("query($a: {}) {{ viewer {{ id }} }}", within("[", "]"))),
            (
                "lists after a string without an end",
                id(format!("[\"\"\" \" {}", "[".repeat(turns))),
            ),
        ] {
            let reply = soon(&app, what, &query).await;
            assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{turns} {what}");
            assert_eq!(codes(&reply.json()), ["QUERY_TOO_COMPLEX"], "{turns} {what}");
        }
    }
}

#[tokio::test]
async fn a_long_chain_of_fragments_is_refused() {
    let app = App::start().await;
    for links in [40, 400, 1_400] {
        let mut chain = format!("{{ viewer {{ ...F{links} }} }} fragment F0 on Viewer {{ x }}");
        for n in 1..=links {
            let before = n - 1;
            write!(chain, " fragment F{n} on Viewer {{ ...F{before} }}").expect("writes");
        }
        let reply = soon(&app, "a chain", &chain).await;
        assert_eq!(codes(&reply.json()), ["QUERY_TOO_COMPLEX"], "{links}");
    }
}

#[tokio::test]
async fn a_field_has_at_most_eight_directives() {
    let app = App::start().await;
    let query =
        |count| format!("{{ viewer {} {{ user {{ id }} }} }}", "@skip(if: false)".repeat(count));
    let reply = soon(&app, "directives", &query(3_000)).await;
    assert_eq!(codes(&reply.json()), ["QUERY_TOO_COMPLEX"]);
}

#[tokio::test]
async fn a_text_that_is_wide_is_cheap_or_refused() {
    let app = App::start().await;
    let aliases = |count| numbered(0..count, |n| format!("a{n}:__typename "));
    let operations = numbered(0..2_000, |n| format!("query q{n}{{__typename}} "));

    let names =
        soon(&app, "one name", &format!("{{ {} }}", "__typename ".repeat(5_000))).await.json();
    assert_eq!(names["data"], json!({ "__typename": "Query" }));
    let many = soon(&app, "many names", &format!("{{ {} }}", aliases(3_000))).await.json();
    assert_eq!(many["data"].as_object().map(serde_json::Map::len), Some(3_000));
    assert_eq!(codes(&soon(&app, "operations", &operations).await.json()), ["VALIDATION"]);

    let fields = format!("{{ {} }}", "viewer{user{id}}".repeat(3_500));
    let reply = soon(&app, "fields", &fields).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(codes(&reply.json()), ["QUERY_TOO_COMPLEX"]);
}

#[tokio::test]
async fn a_text_that_cannot_be_read_is_told_where_and_not_shown_again() {
    let app = App::start().await;
    let answer = app.asks("{\n  viewer {\n    user { id \n}", json!({})).await;
    let error = &answer["errors"][0];
    assert_eq!(error["extensions"]["code"], "VALIDATION");
    assert_eq!(error["locations"], json!([{ "line": 4, "column": 2 }]));
    let message = error["message"].as_str().expect("a message");
    assert!(message.starts_with("The query cannot be read: expected "), "{message}");
    assert!(!message.contains('\n'), "{message}");
}

#[tokio::test]
async fn a_page_has_between_one_entry_and_five_hundred() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;

    for variables in [
        json!({ "first": 0 }),
        json!({ "first": -1 }),
        json!({ "first": 501 }),
        json!({ "first": i32::MAX }),
        json!({ "first": i32::MIN }),
        json!({ "last": 0 }),
        json!({ "last": -1 }),
        json!({ "last": 501 }),
        json!({ "first": 1, "last": 1 }),
        json!({ "first": i64::from(i32::MAX) + 1 }),
        json!({ "first": 1.5 }),
        json!({ "first": "1" }),
    ] {
        let answer = ada.asks(PAGES, variables.clone()).await;
        let codes = codes(&answer);
        assert!(!codes.is_empty() && codes.iter().all(|code| *code == "VALIDATION"), "{variables}");
    }
    for variables in [
        json!({}), // left out is as good as null
        json!({ "first": null }),
        json!({ "first": null, "last": null }),
        json!({ "first": 500 }),
        json!({ "last": 500 }),
        json!({ "first": 1, "last": null }),
    ] {
        let answer = ada.reads(PAGES, variables).await;
        assert_eq!(answer["viewer"]["portfolios"]["totalCount"], 0);
    }
}

#[tokio::test]
async fn a_query_has_at_most_64_kib_and_a_request_two_mib() {
    let app = App::start().await;
    let padded = |bytes: usize| {
        let query = "{ viewer { user { id } } }";
        format!("{query}{}", " ".repeat(bytes - query.len()))
    };

    let fits = app.send(post(&json!({ "query": padded(64 * 1024) }))).await;
    assert_eq!(fits.status, StatusCode::OK);
    let reply = app.send(post(&json!({ "query": padded(64 * 1024 + 1) }))).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(codes(&reply.json()), ["LIMIT_EXCEEDED"]);

    let body = |bytes: usize| {
        let request = json!({ "query": "{ viewer { user { id } } }" }).to_string();
        let body = format!("{request}{}", " ".repeat(bytes - request.len()));
        Request::post("/graphql").header(header::CONTENT_TYPE, "application/json").body(body.into())
    };
    let body = |bytes| -> Request<Body> { body(bytes).expect("a request") };
    assert_eq!(app.send(body(2 << 20)).await.status, StatusCode::OK);
    let reply = app.send(body((2 << 20) + 1)).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(codes(&reply.json()), ["LIMIT_EXCEEDED"]);

    let address = format!("/graphql?query=%7Bviewer%7Buser%7Bid%7D%7D%7D{}", "+".repeat(17_000));
    let reply = app.send(get(&address)).await;
    assert_eq!(reply.status, StatusCode::URI_TOO_LONG);
    assert_eq!(codes(&reply.json()), ["LIMIT_EXCEEDED"]);
}

#[tokio::test]
async fn a_document_has_at_most_ten_mutations_however_they_are_written() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let creations = |count: usize, first: usize| -> String {
        numbered(first..first + count, |n| {
            format!("m{n}: createPortfolio(input: {{ name: \"P{n}\" }}) {{ portfolio {{ id }} }} ")
        })
    };
    let refused = async |query: String| {
        let reply = ada.sends(post(&json!({ "query": query }))).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.text());
        assert_eq!(codes(&reply.json()), ["QUERY_TOO_COMPLEX"]);
    };

    let ten = ada.asks(&format!("mutation {{ {} }}", creations(10, 0)), json!({})).await;
    assert_eq!(ten["errors"], Value::Null);
    refused(format!("mutation {{ {} }}", creations(11, 10))).await;
    refused(format!(
        "mutation {{ ...A }} fragment A on Mutation {{ {} ...B }} fragment B on Mutation {{ {} }}",
        creations(6, 10),
        creations(5, 16)
    ))
    .await;
    refused(format!("mutation {{ ... {{ {} }} }}", creations(11, 10))).await;

    let portfolios = ada.reads(PAGES, json!({})).await;
    assert_eq!(portfolios["viewer"]["portfolios"]["totalCount"], 10, "nothing was half done");
}

#[tokio::test]
async fn every_answer_tells_how_many_requests_are_left() {
    let app = App::start().limited_to(100, 100).await;
    let ada = app.sign_in("ada").await;
    for left in ["99", "98", "97"] {
        let reply = ada.sends(post(&json!({ "query": "{ viewer { user { id } } }" }))).await;
        assert_eq!(reply.header("x-ratelimit-limit"), "100");
        assert_eq!(reply.header("x-ratelimit-remaining"), left);
        assert_eq!(reply.header("retry-after"), "");
    }
}

#[tokio::test]
async fn whoever_asks_too_often_waits_and_nobody_else_does() {
    let app = App::start().limited_to(5, 100).await;
    let ada = app.sign_in("ada").await;
    let bob = app.sign_in("bob").await;
    let who = || post(&json!({ "query": "{ viewer { user { email } } }" }));

    for _ in 0..5 {
        assert_eq!(ada.sends(who()).await.status, StatusCode::OK);
    }
    let reply = ada.sends(who()).await;
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(codes(&reply.json()), ["RATE_LIMITED"]);
    assert_eq!(reply.header("x-ratelimit-remaining"), "0");
    let seconds: u64 = reply.header("retry-after").parse().expect("whole seconds");
    assert!((1..=13).contains(&seconds), "one in twelve seconds is allowed, not {seconds}");

    assert_eq!(bob.sends(who()).await.status, StatusCode::OK, "his allowance is his own");
    // Another session of hers is not another allowance.
    let input = json!({ "email": "ada@example.com", "password": PASSWORD });
    let login =
        "mutation($input: LoginInput!) { login(input: $input) { session { accessToken } } }";
    let answer = app.asks(login, json!({ "input": input })).await;
    let access_token = answer["data"]["login"]["session"]["accessToken"].as_str().expect("a token");
    let again = crate::support::Person { access_token: access_token.into(), ..ada.clone() };
    assert_eq!(again.sends(who()).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_burst_is_cut_off_though_the_minute_has_room() {
    let app = App::start().limited_to(1_000, 3).await;
    let ada = app.sign_in("ada").await;
    let mut refused = 0;
    for _ in 0..30 {
        let reply = ada.sends(post(&json!({ "query": "{ viewer { user { id } } }" }))).await;
        if reply.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(reply.header("retry-after"), "1");
            refused += 1;
        }
    }
    assert!(refused > 0);
}

#[tokio::test]
async fn tools_can_learn_the_schema() {
    let app = App::start().await;
    let answer = app.asks(INTROSPECTION, json!({})).await;
    assert_eq!(answer["errors"], Value::Null);
    let types = answer["data"]["__schema"]["types"].as_array().map(Vec::len);
    assert!(types.is_some_and(|types| types > 50));

    let abuse = format!(
        "{{ __schema {{ types {{ {} name {} }} }} }}",
        "ofType { ".repeat(25),
        "}".repeat(25)
    );
    assert_eq!(codes(&app.asks(&abuse, json!({})).await), ["QUERY_TOO_COMPLEX"]);
}

#[tokio::test]
async fn the_limits_that_hold_are_published() {
    let app = App::start().limited_to(77, 100).await;
    let query = "{ service { limits {
        maxDepth maxComplexity maxPageSize requestsPerMinute maxUploadBytes maxUploadRows
    } } }";
    let answer = app.asks(query, json!({})).await;
    assert_eq!(
        answer["data"]["service"]["limits"],
        json!({
            "maxDepth": 16,
            "maxComplexity": 50_000,
            "maxPageSize": 500,
            "requestsPerMinute": 77,
            "maxUploadBytes": 10 << 20,
            "maxUploadRows": 10_000,
        })
    );
}

#[tokio::test]
async fn a_list_costs_what_it_may_hold() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let cost = async |query: &str| {
        let answer = ada.asks(query, json!({})).await;
        assert_eq!(answer["errors"], Value::Null, "{query}");
        answer["extensions"]["cost"]["complexity"].as_u64().expect("a cost")
    };
    let year = cost("{ marketCalendar(from: \"2026-01-01\", to: \"2026-12-31\") { date } }").await;
    let decade =
        cost("{ marketCalendar(from: \"2020-01-01\", to: \"2029-12-31\") { date } }").await;
    assert_eq!((year, decade), (365, 3653));
    let excluded = |first: &str| {
        format!(
            "{{ viewer {{ portfolios(first: 1) {{ nodes {{ exposures {{ excluded{first} {{ reason }} }} }} }} }} }}"
        )
    };
    let (usual, few) = (cost(&excluded("")).await, cost(&excluded("(first: 2)")).await);
    assert_eq!(usual - few, 98);

    // A cycle through what was left out is refused by its cost, before anything is read.
    let two = "{ viewer { portfolios { nodes { exposures { excluded { position { portfolio {
        exposures { excluded { position { symbol } } } } } } } } } } }";
    let answer = ada.asks(two, json!({})).await;
    assert_eq!(codes(&answer), ["QUERY_TOO_COMPLEX"]);
}

#[tokio::test]
async fn a_request_works_through_a_million_positions_and_no_more() {
    let app = App::start().at("2024-07-01T14:00:00Z").await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let rows = numbered(0..2_000, |n| format!("T{n:04},1,10,2023-03-15\n"));
    let file = format!("ticker,quantity,entry_price,entry_date\n{rows}");
    assert_eq!(ada.uploads(&book, file).await["createdCount"], 2_000);

    let ask = async |dates: usize| {
        let fields = numbered(0..dates, |n| {
            let day = chrono::NaiveDate::from_ymd_opt(2024, 1, 2).expect("a day")
                + chrono::Days::new(n as u64);
            format!("d{n}: valuation(asOf: \"{day}\") {{ totalValue }} ")
        });
        ada.asks(
            &format!("query($id: ID!) {{ portfolio(id: $id) {{ {fields} }} }}"),
            json!({ "id": book }),
        )
        .await
    };
    let some = ask(5).await;
    assert_eq!(some["errors"], Value::Null);
    // Of five days in a row that begin on a Tuesday, four are sessions to be priced.
    assert_eq!(some["extensions"]["cost"]["rows"], (4 * 10 + 5) * 2_000);
    assert_eq!(some["extensions"]["cost"]["maxRows"], 1_000_000);

    let many = ask(80).await;
    assert!(codes(&many).contains(&"QUERY_TOO_COMPLEX"), "{many:.500}");
}

#[tokio::test]
async fn groups_come_all_at_once_or_in_parts() {
    const GROUPS: &str = "query($id: ID!, $first: Int, $after: String) { portfolio(id: $id) {
        positionGroups(by: UNDERLYING, first: $first, after: $after) { key }
    } }";
    let app = App::start().at("2024-07-01T14:00:00Z").await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    let rows = numbered(0..501, |n| format!("T{n:03},1,10,2023-03-15\n"));
    ada.uploads(&book, format!("ticker,quantity,entry_price,entry_date\n{rows}")).await;

    let answer = ada.asks(GROUPS, json!({ "id": book })).await;
    assert_eq!(codes(&answer), ["LIMIT_EXCEEDED"], "{answer}");
    let keys = async |more: Value| {
        let mut variables = json!({ "id": book });
        variables
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("one").clone());
        let seen = ada.reads(GROUPS, variables).await;
        let groups = seen["portfolio"]["positionGroups"].as_array().expect("groups").clone();
        groups
            .iter()
            .map(|group| group["key"].as_str().expect("a key").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(json!({ "first": 2 })).await, ["T000", "T001"]);
    assert_eq!(keys(json!({ "first": 500, "after": "T001" })).await.len(), 499);
    assert_eq!(keys(json!({ "after": "T498" })).await, ["T499", "T500"]);
    let lost = ada.asks(GROUPS, json!({ "id": book, "after": "NONE" })).await;
    assert_eq!(codes(&lost), ["VALIDATION"]);
}

#[tokio::test]
async fn the_schema_is_told_once_and_not_a_hundred_times() {
    let app = App::start().await;
    // Each level tells all possible types of an interface, whose interfaces are told again.
    let mut nested = "name".to_owned();
    for _ in 0..6 {
        nested = format!("possibleTypes {{ interfaces {{ {nested} }} }}");
    }
    let wide =
        numbered(0..60, |n| format!("a{n}: fields {{ description args {{ description }} }} "));
    for query in [
        format!("{{ __type(name: \"Node\") {{ {nested} }} }}"),
        format!("{{ __schema {{ types {{ {wide} }} }} }}"),
        format!("{{ ... {{ ... on Query {{ __schema {{ types {{ {wide} }} }} }} }} }}"),
        format!(
            "{{ {} }} fragment F on Query {{ __schema {{ types {{ a: fields {{ description }} }} }} }}",
            "...F ".repeat(400)
        ),
        numbered(0..9, |n| format!("query q{n} {{ ...F }} "))
            + "fragment F on Query { __schema { types { fields { args { type { fields { args { name } } } } } } } }",
    ] {
        let reply = app.send(post(&json!({ "query": query }))).await;
        assert_eq!(codes(&reply.json()), ["QUERY_TOO_COMPLEX"], "{query:.80} {}", reply.text());
    }
}

#[tokio::test]
async fn a_filter_names_at_most_a_page_of_things() {
    const FILTERED: &str = "query($id: ID!, $filter: PositionFilter!) {
        portfolio(id: $id) { positions(filter: $filter) { totalCount } }
    }";
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let book = ada.creates_portfolio("Core").await;
    for list in ["symbols", "underlyings", "sectors", "tags"] {
        let ask = async |names: usize| {
            let names: Vec<_> = (0..names).map(|n| format!("T{n}")).collect();
            ada.asks(FILTERED, json!({ "id": book, "filter": { list: names } })).await
        };
        assert_eq!(ask(500).await["errors"], Value::Null, "{list}");
        assert_eq!(codes(&ask(501).await), ["VALIDATION"], "{list}");
    }
}

#[tokio::test]
async fn nobody_has_more_than_two_hundred_portfolios() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    ada.creates_portfolio("First").await;
    sqlx::query(
        "insert into portfolios (owner_id, id, name, name_key, currency, cash_balance, created_at,
                                 updated_at)
         select owner_id, gen_random_uuid(), 'P' || n, 'p' || n, currency, 0, created_at, updated_at
           from portfolios, generate_series(1, 198) n",
    )
    .execute(&mut app.superuser().await)
    .await
    .expect("many portfolios");
    ada.creates_portfolio("Last").await;
    let query = "mutation { createPortfolio(input: { name: \"One more\" }) {
        portfolio { id } userErrors { code message field hint }
    } }";
    let refused = ada.reads(query, json!({})).await["createPortfolio"].take();
    assert_eq!(refused["portfolio"], Value::Null);
    let error = &refused["userErrors"][0];
    assert_eq!((&error["code"], &error["field"]), (&json!("LIMIT_EXCEEDED"), &json!(["name"])));
    assert!(error["hint"].is_string(), "{error}");
    // It is of one person; another has room.
    app.sign_in("bob").await.creates_portfolio("First").await;
}
