//! The door itself: methods, media types, headers, health.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use sigmasight::graphql;
use sigmasight::http::serve::{Patience, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::app::{get, post};
use crate::support::person::multipart;
use crate::support::{App, codes};

const WHO: &str = "{ viewer { user { email } } }";
/// `{viewer{user{email}}}` in an address.
const WHO_ADDRESS: &str = "/graphql?query=%7Bviewer%7Buser%7Bemail%7D%7D%7D";

/// A POST of these bytes as that type.
fn post_bytes(content_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post("/graphql")
        .header(header::CONTENT_TYPE, content_type)
        .body(body.into())
        .expect("a request")
}

fn with(mut request: Request<Body>, name: &'static str, value: &str) -> Request<Body> {
    request.headers_mut().insert(name, value.parse().expect("a header"));
    request
}

#[tokio::test]
async fn a_query_may_come_by_get() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let reply = ada.sends(get(WHO_ADDRESS)).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.json()["data"]["viewer"]["user"]["email"], "ada@example.com");

    // query($id: ID!) { node(id: $id) { id } } with {"id":"x"}
    let address = "/graphql?query=query(%24id:ID!)%7Bnode(id:%24id)%7Bid%7D%7D\
                   &variables=%7B%22id%22:%22x%22%7D";
    assert_eq!(ada.sends(get(address)).await.json()["data"], json!({ "node": null }));

    for address in ["/graphql", "/graphql?query=", "/graphql?q=x", "/graphql?variables=%7B"] {
        let reply = app.send(get(address)).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{address}");
        assert_eq!(codes(&reply.json()), ["VALIDATION"], "{address}");
    }
}

#[tokio::test]
async fn get_changes_nothing() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let mutation =
        "mutation%20M%7BcreatePortfolio(input:%7Bname:%22Core%22%7D)%7BuserErrors%7Bcode%7D%7D%7D";
    let both = format!("{mutation}%20query%20Q%7Bviewer%7Buser%7Bid%7D%7D%7D");

    for address in [
        format!("/graphql?query={mutation}"),
        format!("/graphql?query={mutation}&operationName=M"),
        format!("/graphql?query={both}&operationName=M"),
    ] {
        let reply = ada.sends(get(&address)).await;
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "{address}");
        assert_eq!(reply.header("allow"), "POST");
        assert_eq!(codes(&reply.json()), ["VALIDATION"]);
    }
    for address in [
        format!("/graphql?query={mutation}&operationName="),
        format!("/graphql?query={mutation}&operationName=Q"),
        format!("/graphql?query={both}"),
    ] {
        let reply = ada.sends(get(&address)).await;
        assert_eq!(codes(&reply.json()).len(), 1, "{address}: {}", reply.text());
    }
    let query = ada.sends(get(&format!("/graphql?query={both}&operationName=Q"))).await;
    assert_eq!(query.json()["errors"], Value::Null, "the query beside it may run");

    let portfolios = ada.reads("{ viewer { portfolios { totalCount } } }", json!({})).await;
    assert_eq!(portfolios["viewer"]["portfolios"]["totalCount"], 0);
}

#[tokio::test]
async fn a_form_of_another_site_is_not_taken_for_a_request() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let body = json!({ "query": WHO }).to_string();
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "", "nonsense"] {
        let reply = ada.sends(post_bytes(content_type, body.clone())).await;
        assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
        assert_eq!(codes(&reply.json()), ["VALIDATION"]);
    }
    let untyped = Request::post("/graphql").body(body.clone().into()).expect("a request");
    assert_eq!(app.send(untyped).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let typed = ada.sends(post_bytes("Application/JSON; charset=utf-8", body)).await;
    assert_eq!(typed.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_is_no_single_request_is_refused() {
    let app = App::start().await;
    let one = json!({ "query": WHO });
    let open = "[".repeat(100_000);
    for body in [
        json!([one, one]).to_string(),
        json!([]).to_string(),
        String::new(),
        "{".into(),
        "null".into(),
        "\"query\"".into(),
        "{\"query\":1}".into(),
        "{\"query\":null}".into(),
        "{}".into(),
        "{\"query\":\"{__typename}\"} trailing".into(),
        "{\"query\":\"\u{0}\"}".into(),
        r#"{"query":"{__typename}","variables":[]}"#.into(),
        r#"{"query":"{__typename}","variables":"x"}"#.into(),
        format!(r#"{{"query":"{{__typename}}","variables":{{"x":{open}"#),
        format!(
            r#"{{"query":"{{__typename}}","variables":{{"x":{open}{}}}}}"#,
            "]".repeat(100_000)
        ),
        format!(
            r#"{{"query":"{{__typename}}","variables":{}1{}}}"#,
            r#"{"x":"#.repeat(9_000),
            "}".repeat(9_000)
        ),
        r#"{"query":"{__typename}","variables":{"x":1e400}}"#.into(),
        r#"{"query":"{__typename}","variables":{"x":"\ud800"}}"#.into(),
    ] {
        let shown: String = body.chars().take(60).collect();
        let reply = app.send(post_bytes("application/json", body)).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{shown}: {}", reply.text());
        assert_eq!(codes(&reply.json()), ["VALIDATION"], "{shown}");
    }
    let latin = app.send(post_bytes("application/json", b"{\"query\":\"\xE9\"}".to_vec())).await;
    assert_eq!(latin.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn strange_variables_are_refused_and_never_our_fault() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let create = "
        mutation($input: CreatePortfolioInput!) {
            createPortfolio(input: $input) { portfolio { name } userErrors { code } }
        }";
    for input in [
        json!({ "name": "nul \u{0} inside" }),
        json!({ "name": "\u{0}" }),
        json!({ "name": "ok", "description": "nul \u{0}" }),
        json!({ "name": "ok", "currency": "U\u{0}D" }),
        json!({ "name": "ok", "cashBalance": "1e400" }),
        json!({ "name": "ok", "cashBalance": "9".repeat(40) }),
        json!({ "name": "ok", "cashBalance": "79228162514264337593543950335" }),
        json!({ "name": "ok", "cashBalance": u64::MAX }),
        json!({ "name": "ok", "cashBalance": 1e308 }),
        json!({ "name": "ok", "cashBalance": "NaN" }),
        json!({ "name": 7 }),
        json!({ "name": ["ok"] }),
        json!({ "name": "x".repeat(1 << 20) }),
        json!({}),
        json!([]),
        Value::Null,
    ] {
        let shown: String = input.to_string().chars().take(80).collect();
        let reply =
            ada.sends(post(&json!({ "query": create, "variables": { "input": input } }))).await;
        assert_eq!(reply.status, StatusCode::OK, "{shown}");
        let answer = reply.json();
        let user_codes = &answer["data"]["createPortfolio"]["userErrors"];
        let code = codes(&answer).first().copied().or(user_codes[0]["code"].as_str());
        assert_eq!(code, Some("VALIDATION"), "{shown}: {answer}");
    }

    for (query, value) in [
        ("query($x: String!) { instrument(symbol: $x) { symbol } }", "A\u{0}B"),
        ("query($x: String!) { instruments(search: $x) { totalCount } }", "\u{0}"),
        ("query($x: String!) { viewer { portfolio(name: $x) { name } } }", "\u{0}"),
        ("query($x: String!) { viewer { tags(search: $x) { name } } }", "\u{0}"),
        ("query($x: ID!) { node(id: $x) { id } }", "\u{0}"),
        ("query($x: String!) { instruments(search: $x) { totalCount } }", "100%_\\"),
        ("query($x: Date!) { marketCalendar(from: $x, to: $x) { date } }", "9999-12-31"),
        ("query($x: Date!) { marketCalendar(from: $x, to: $x) { date } }", "-9999-01-01"),
        ("query($x: Date!) { marketCalendar(from: $x, to: $x) { date } }", "262142-12-31"),
    ] {
        let reply = ada.sends(post(&json!({ "query": query, "variables": { "x": value } }))).await;
        let answer = reply.json();
        assert_eq!(reply.status, StatusCode::OK);
        assert!(!codes(&answer).contains(&"INTERNAL"), "{query} of {value:?}: {answer}");
    }
    let login = "
        mutation($input: LoginInput!) { login(input: $input) { userErrors { code } } }";
    for (email, password, code) in [
        ("a\u{0}@b", "x", "VALIDATION"),
        ("ada@example.com", "\u{0}", "UNAUTHENTICATED"),
        ("💥", "💥", "UNAUTHENTICATED"),
    ] {
        let input = json!({ "email": email, "password": password });
        let answer = app.asks(login, json!({ "input": input })).await;
        assert_eq!(answer["data"]["login"]["userErrors"][0]["code"], code, "{email:?}");
    }
}

#[tokio::test]
async fn files_are_taken_from_nobody_who_has_not_signed_in() {
    let app = App::start().await;
    let operations = json!({ "query": WHO, "variables": { "input": { "file": null } } });
    let reply = app.send(multipart(&operations, b"ticker\n")).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    assert_eq!(reply.header("www-authenticate"), "Bearer");
    assert_eq!(codes(&reply.json()), ["UNAUTHENTICATED"]);
}

#[tokio::test]
async fn a_broken_multipart_body_is_refused() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let part = |name: &str, content: &str| {
        format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
    };
    let operations = json!({ "query": WHO, "variables": { "input": { "file": null } } });
    let operations = part("operations", &operations.to_string());
    for (what, content_type, body) in [
        ("no boundary", "multipart/form-data", String::new()),
        ("nothing", "multipart/form-data; boundary=X", String::new()),
        ("no operations", "multipart/form-data; boundary=X", "--X--\r\n".into()),
        ("cut off", "multipart/form-data; boundary=X", operations.clone()),
        (
            "a map without operations",
            "multipart/form-data; boundary=X",
            format!("{}--X--\r\n", part("map", "{}")),
        ),
        (
            "operations that are no JSON",
            "multipart/form-data; boundary=X",
            format!("{}{}--X--\r\n", part("operations", "{"), part("map", "{}")),
        ),
    ] {
        let reply = ada.sends(post_bytes(content_type, body)).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{what}: {}", reply.text());
        assert_eq!(codes(&reply.json()), ["VALIDATION"], "{what}");
    }
}

#[tokio::test]
async fn pages_of_other_sites_may_not_read_answers() {
    let app = App::start().await;
    let from = |origin: &str| with(post(&json!({ "query": WHO })), "origin", origin);
    for foreign in ["https://evil.example", "http://localhost.evil.example", "null"] {
        let reply = app.send(from(foreign)).await;
        assert_eq!(reply.header("access-control-allow-origin"), "", "{foreign}");
    }
    let reply = app.send(from("http://localhost:3000")).await;
    assert_eq!(reply.header("access-control-allow-origin"), "http://localhost:3000");
    assert_eq!(reply.header("access-control-allow-credentials"), "");

    let production = app.restart().in_production().await;
    let reply = production.send(from("http://localhost:3000")).await;
    assert_eq!(reply.header("access-control-allow-origin"), "");

    let preflight = Request::builder()
        .method(Method::OPTIONS)
        .uri("/graphql")
        .header("origin", "https://evil.example")
        .header("access-control-request-method", "POST")
        .body(Body::empty())
        .expect("a request");
    assert_eq!(app.send(preflight).await.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_request_keeps_its_id_and_gets_one_if_it_has_none() {
    let app = App::start().await;
    let named = with(post(&json!({ "query": WHO })), "x-request-id", "a-story");
    assert_eq!(app.send(named).await.header("x-request-id"), "a-story");
    let reply = app.send(post(&json!({ "query": WHO }))).await;
    assert!(reply.header("x-request-id").parse::<uuid::Uuid>().is_ok());
}

#[tokio::test]
async fn answers_are_compressed_for_whoever_asks() {
    let app = App::start().await;
    let plain = app.send(get("/schema.graphql")).await;
    assert_eq!(plain.header("content-encoding"), "");

    let gzip = app.send(with(get("/schema.graphql"), "accept-encoding", "gzip")).await;
    assert_eq!(gzip.header("content-encoding"), "gzip");
    assert!(gzip.body.len() < plain.body.len() / 2);
    let mut text = String::new();
    GzDecoder::new(&*gzip.body).read_to_string(&mut text).expect("gzip");
    assert_eq!(text, plain.text());

    let brotli = app.send(with(get("/schema.graphql"), "accept-encoding", "br, gzip")).await;
    assert_eq!(brotli.header("content-encoding"), "br");
}

#[tokio::test]
async fn a_server_that_runs_is_alive_and_ready() {
    let app = App::start().await;
    for address in ["/healthz", "/readyz"] {
        assert_eq!(app.send(get(address)).await.status, StatusCode::OK, "{address}");
    }
}

#[tokio::test]
async fn a_server_without_its_schema_is_alive_and_not_ready() {
    let app = App::start().await;
    sqlx::query(
        "delete from _sqlx_migrations
          where version = (select max(version) from _sqlx_migrations)",
    )
    .execute(&mut app.superuser().await)
    .await
    .expect("a migration undone");
    let reply = app.send(get("/readyz")).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(reply.text(), "migrations are missing\n");
    assert_eq!(app.send(get("/healthz")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_server_that_lost_its_database_is_alive_and_not_ready_and_says_nothing_of_why() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    app.services.db.close().await;

    let reply = app.send(get("/readyz")).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(app.send(get("/healthz")).await.status, StatusCode::OK);

    let reply = ada.sends(post(&json!({ "query": WHO }))).await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    let answer = reply.json();
    assert_eq!(codes(&answer), ["INTERNAL"]);
    assert_eq!(answer["errors"][0]["message"], "Something went wrong on our side.");
}

#[tokio::test]
async fn a_browser_is_shown_the_editor() {
    let app = App::start().await;
    let root = app.send(get("/")).await;
    assert!(root.status.is_redirection());
    assert_eq!(root.header("location"), "/graphql");

    let accepts = "text/html,application/xhtml+xml,*/*;q=0.8";
    let page = app.send(with(get("/graphql"), "accept", accepts)).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.text().contains("GraphiQL"));
    assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));

    let query = app.send(with(get(WHO_ADDRESS), "accept", accepts)).await;
    assert_eq!(query.json()["data"]["viewer"], Value::Null, "a query is answered all the same");
    let missing = app.send(get("/graphiql/../../etc/passwd")).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_schema_can_be_downloaded() {
    let app = App::start().await;
    let reply = app.send(get("/schema.graphql")).await;
    assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(reply.text(), graphql::sdl());
}

#[tokio::test]
async fn the_status_tells_of_failure_to_whoever_asks_for_graphql_json() {
    const GRAPHQL_JSON: &str = "application/graphql-response+json";
    let app = App::start().await;
    let ask = |query: &str, accept: &str| with(post(&json!({ "query": query })), "accept", accept);

    for (query, accept, status) in [
        (WHO, GRAPHQL_JSON, StatusCode::OK),
        ("{ nothing }", GRAPHQL_JSON, StatusCode::BAD_REQUEST),
        ("{", GRAPHQL_JSON, StatusCode::BAD_REQUEST),
        // Some of it is there: the portfolio alone failed.
        ("{ viewer { user { id } } portfolio(id: \"x\") { id } }", GRAPHQL_JSON, StatusCode::OK),
        (WHO, "application/json", StatusCode::OK),
        ("{ nothing }", "application/json", StatusCode::OK),
        ("{ nothing }", "*/*", StatusCode::OK),
    ] {
        let reply = app.send(ask(query, accept)).await;
        assert_eq!(reply.status, status, "{query} as {accept}: {}", reply.text());
        let expected = if accept == GRAPHQL_JSON { GRAPHQL_JSON } else { "application/json" };
        assert_eq!(reply.header("content-type"), expected, "{query}");
    }
}

#[tokio::test]
async fn the_cost_of_an_answer_is_told_and_its_statements_in_development_alone() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let extensions = ada.asks(WHO, json!({})).await["extensions"].take();
    assert_eq!(extensions["cost"]["maxDepth"], 16);
    assert!(extensions["statements"].is_u64());

    let production = ada.before(&app.restart().in_production().await);
    let extensions = production.asks(WHO, json!({})).await["extensions"].take();
    assert!(extensions["cost"]["complexity"].is_u64());
    assert_eq!(extensions["statements"], Value::Null);
}

/// The program at an address, with a client's patience cut short; dropping the guard stops it.
async fn served(app: &App, head: Duration) -> (SocketAddr, DropGuard) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    let patience = Patience { head, ..Patience::default() };
    tokio::spawn(serve(listener, app.router.clone(), patience, stop.clone()));
    (address, stop.drop_guard())
}

#[tokio::test]
async fn the_door_opens_over_tcp() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let (address, _served) = served(&app, Duration::from_secs(10)).await;

    let body = json!({ "query": WHO }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Authorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        ada.access_token,
        body.len()
    );
    let mut connection = TcpStream::connect(address).await.expect("a connection");
    connection.write_all(request.as_bytes()).await.expect("a request sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("ada@example.com"), "{answer}");
}

#[tokio::test]
async fn a_client_that_says_nothing_loses_its_connection() {
    let app = App::start().await;
    let (address, _served) = served(&app, Duration::from_millis(50)).await;
    for said in ["", "POST /graphql HTTP/1.1\r\nHost: nobody\r\nX-Slow: "] {
        let mut connection = TcpStream::connect(address).await.expect("a connection");
        connection.write_all(said.as_bytes()).await.expect("a beginning");
        let mut answer = Vec::new();
        // Ends because the other side closed: the story would hang here otherwise.
        connection.read_to_end(&mut answer).await.ok();
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{said}");
    }
}

#[tokio::test]
async fn a_file_is_not_taken_from_somebody_whose_session_has_ended() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    ada.reads("mutation { logout { ok } }", json!({})).await;
    // A body that nobody may read: it would be an error of another kind.
    let unread = Body::from_stream(futures_util::stream::once(async {
        Err::<Vec<u8>, _>(std::io::Error::other("read"))
    }));
    let request = Request::post("/graphql")
        .header("content-type", "multipart/form-data; boundary=b")
        .body(unread)
        .expect("a request");
    let reply = ada.sends(request).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    assert_eq!(codes(&reply.json()), ["UNAUTHENTICATED"]);
}

#[tokio::test]
async fn only_an_administrator_may_send_a_large_file() {
    const QUERY: &str =
        "mutation($input: ImportPricesInput!) { importPrices(input: $input) { importedBars } }";
    let app = App::start().await;
    let (ada, grace) = (app.sign_in("ada").await, app.sign_in_admin("grace").await);
    let operations = json!({ "query": QUERY, "variables": { "input": { "file": null } } });
    let file = vec![b'\n'; 13 << 20];
    let refused = ada.sends(multipart(&operations, &file)).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", refused.text());
    assert_eq!(codes(&refused.json()), ["LIMIT_EXCEEDED"]);
    assert_eq!(grace.sends(multipart(&operations, &file)).await.status, StatusCode::OK);
}
