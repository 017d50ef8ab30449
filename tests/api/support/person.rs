//! People and what they do.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use serde_json::{Value, json};
use sigmasight::services::demo;

use super::app::{App, PASSWORD, Reply, post};

const LOGIN: &str = "
    mutation($input: LoginInput!) {
        login(input: $input) { session { accessToken refreshToken } userErrors { code } }
    }";

const CREATE: &str = "
    mutation($input: CreatePortfolioInput!) {
        createPortfolio(input: $input) {
            portfolio { id }
            userErrors { code message field hint }
        }
    }";

const UPLOAD: &str = "
    mutation($input: UploadPositionsInput!) {
        uploadPositions(input: $input) {
            portfolio { id }
            createdCount
            rejectedCount
            rows { row column code message hint }
            warnings { row column code message }
            positions { id symbol type quantity entryPrice entryDate tags { name } }
            userErrors { code message field hint }
        }
    }";

const IMPORT: &str = "
    mutation($input: ImportPricesInput!) {
        importPrices(input: $input) {
            importedBars
            symbols
            rejectedCount
            rows { row column code message hint }
            warnings { row column code message }
            userErrors { code message field hint }
        }
    }";

/// Somebody who has signed in.
#[derive(Clone)]
pub struct Person {
    pub app: App,
    pub email: String,
    pub access_token: String,
    pub refresh_token: String,
}

impl Person {
    /// Signs in with everybody's password, through the door.
    pub async fn signs_in(app: &App, name: &str) -> Self {
        Self::signs_in_as(app, format!("{name}@example.com"), PASSWORD).await
    }

    /// One of the demo's people, who are there once it is seeded.
    pub async fn of_the_demo(app: &App, name: &str) -> Self {
        Self::signs_in_as(app, format!("{name}@sigmasight.com"), demo::PASSWORD).await
    }

    async fn signs_in_as(app: &App, email: String, password: &str) -> Self {
        let input = json!({ "email": email, "password": password });
        let answer = app.asks(LOGIN, json!({ "input": input })).await;
        let session = &answer["data"]["login"]["session"];
        let token = |name: &str| match session[name].as_str() {
            Some(token) => token.to_owned(),
            None => panic!("{email} cannot sign in: {answer}"),
        };
        let (access_token, refresh_token) = (token("accessToken"), token("refreshToken"));
        Self { app: app.clone(), email, access_token, refresh_token }
    }

    /// The same person with the same tokens before a program that was started again.
    pub fn before(&self, app: &App) -> Self {
        Self { app: app.clone(), ..self.clone() }
    }

    /// Sends any request with the access token.
    pub async fn sends(&self, mut request: Request<Body>) -> Reply {
        let bearer = format!("Bearer {}", self.access_token);
        let bearer = HeaderValue::from_str(&bearer).expect("a token is ASCII");
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        self.app.send(request).await
    }

    /// The whole answer: `data`, `errors`, `extensions`.
    pub async fn asks(&self, query: &str, variables: Value) -> Value {
        self.sends(post(&json!({ "query": query, "variables": variables }))).await.json()
    }

    /// The `data` of an answer without errors.
    pub async fn reads(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.asks(query, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{query}");
        answer["data"].take()
    }

    /// An empty portfolio in dollars; its id.
    pub async fn creates_portfolio(&self, name: &str) -> String {
        self.creates_portfolio_with_cash(name, "0").await
    }

    pub async fn creates_portfolio_with_cash(&self, name: &str, cash: &str) -> String {
        let input = json!({ "name": name, "cashBalance": cash });
        let made = self.reads(CREATE, json!({ "input": input })).await;
        let id = made["createPortfolio"]["portfolio"]["id"].as_str();
        id.unwrap_or_else(|| panic!("no portfolio: {made}")).to_owned()
    }

    /// Appends a CSV to a portfolio, as a file; the payload.
    pub async fn uploads(&self, portfolio: &str, csv: impl AsRef<[u8]>) -> Value {
        self.uploads_with(portfolio, csv, json!({})).await
    }

    /// The same with more input, as of `{"mode": "REPLACE"}`.
    pub async fn uploads_with(&self, portfolio: &str, csv: impl AsRef<[u8]>, more: Value) -> Value {
        let mut input = json!({ "portfolioId": portfolio, "file": null });
        input.as_object_mut().into_iter().for_each(|input| {
            input.extend(more.as_object().cloned().unwrap_or_default());
        });
        self.sends_file(UPLOAD, input, csv).await["uploadPositions"].take()
    }

    /// Loads a CSV of prices, as a file; the payload. For admins.
    pub async fn imports_prices(&self, csv: impl AsRef<[u8]>) -> Value {
        self.sends_file(IMPORT, json!({ "file": null }), csv).await["importPrices"].take()
    }

    /// The `data` of a mutation whose `input.file` travels as multipart.
    async fn sends_file(&self, query: &str, input: Value, file: impl AsRef<[u8]>) -> Value {
        let operations = json!({ "query": query, "variables": { "input": input } });
        let mut answer = self.sends(multipart(&operations, file.as_ref())).await.json();
        assert_eq!(answer["errors"], Value::Null);
        answer["data"].take()
    }
}

/// A POST of one file beside its operation, whose variable `input.file` it becomes: the GraphQL
/// multipart request specification.
pub fn multipart(operations: &Value, file: &[u8]) -> Request<Body> {
    const BOUNDARY: &str = "----a-line-that-no-file-of-a-story-holds";
    let map = json!({ "0": ["variables.input.file"] });
    let mut body = String::new();
    for (name, content) in [("operations", operations), ("map", &map)] {
        let disposition = format!("Content-Disposition: form-data; name=\"{name}\"");
        write!(body, "--{BOUNDARY}\r\n{disposition}\r\n\r\n{content}\r\n").expect("writes");
    }
    let disposition = "Content-Disposition: form-data; name=\"0\"; filename=\"file.csv\"";
    write!(body, "--{BOUNDARY}\r\n{disposition}\r\nContent-Type: text/csv\r\n\r\n")
        .expect("writes");
    let mut body = body.into_bytes();
    body.extend_from_slice(file);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    Request::post("/graphql")
        .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(body.into())
        .expect("a request")
}
