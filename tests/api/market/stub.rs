//! A provider on this machine: answers by a script and remembers what it was asked.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use futures_util::stream;
use reqwest::Url;
use serde_json::Value;
use tokio::net::TcpListener;

use super::time::LeapingTime;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub query: HashMap<String, String>,
    pub headers: HeaderMap,
    /// How many requests for the same path came before.
    pub earlier: usize,
    pub at: DateTime<Utc>,
    /// Where the stub itself answers: `http://127.0.0.1:1234`.
    pub host: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Clones share everything.
#[derive(Clone)]
pub struct Stub {
    pub url: Url,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<dyn Fn(&Asked) -> Response + Send + Sync>,
    time: Arc<LeapingTime>,
    host: String,
    asked: Mutex<Vec<Asked>>,
}

impl Stub {
    pub async fn start(
        time: Arc<LeapingTime>,
        script: impl Fn(&Asked) -> Response + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let host = format!("http://{}", listener.local_addr().expect("an address"));
        let url = host.parse().expect("an address");
        let shared =
            Arc::new(Shared { script: Box::new(script), time, host, asked: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        // It ends with the test's runtime.
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    /// Everything it was asked, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().expect("the list").clone()
    }

    /// How often it was asked.
    pub fn calls(&self) -> usize {
        self.shared.asked.lock().expect("the list").len()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let uri = request.uri();
    let whole = Url::parse(&format!("{}{uri}", shared.host)).expect("a request's address");
    let asked = {
        let mut list = shared.asked.lock().expect("the list");
        let path = whole.path().to_owned();
        let asked = Asked {
            earlier: list.iter().filter(|asked| asked.path == path).count(),
            path,
            query: whole.query_pairs().into_owned().collect(),
            headers: request.headers().clone(),
            at: shared.time.instant(),
            host: shared.host.clone(),
        };
        list.push(asked.clone());
        asked
    };
    (shared.script)(&asked)
}

/// JSON with status 200.
pub fn json(value: Value) -> Response {
    axum::Json(value).into_response()
}

pub fn status(code: u16, value: Value) -> Response {
    (StatusCode::from_u16(code).expect("a status"), axum::Json(value)).into_response()
}

/// Text with status 200.
pub fn text(body: &'static str) -> Response {
    body.into_response()
}

pub fn with_header(mut response: Response, name: header::HeaderName, value: &str) -> Response {
    response.headers_mut().insert(name, value.parse().expect("a header"));
    response
}

/// The headers of an answer and nothing after them.
pub fn silence() -> Response {
    Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()).into_response()
}

/// The beginning of an answer, and a connection that breaks.
pub fn broken_off(beginning: &'static str) -> Response {
    let parts = [Ok(Bytes::from_static(beginning.as_bytes())), Err(std::io::Error::other("gone"))];
    Body::from_stream(stream::iter(parts)).into_response()
}

/// An answer without an end.
pub fn endless() -> Response {
    let part = || Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 4_096]));
    Body::from_stream(stream::repeat_with(part)).into_response()
}

/// A few bytes that unpack to so many.
pub fn bomb(bytes: usize) -> Response {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&vec![b' '; bytes]).expect("a buffer takes everything");
    let body = packer.finish().expect("a buffer takes everything");
    with_header(body.into_response(), header::CONTENT_ENCODING, "gzip")
}
