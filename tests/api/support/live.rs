//! Connections that stay open: a socket, and a stream of events.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{Request, Response, StatusCode, header};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sigmasight::http::serve::{self, serve};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt;

use super::app::post;
use super::{App, Person};

/// Longer than anything takes; a story that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program at an address; dropping the guard stops it.
pub async fn listens(app: &App) -> (SocketAddr, DropGuard) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    let patience = serve::Patience::default();
    tokio::spawn(serve(listener, app.router.clone(), patience, stop.clone()));
    (address, stop.drop_guard())
}

/// A client of `graphql-transport-ws`.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Connects with these headers; or the status of the refusal.
    pub async fn opens(
        address: SocketAddr,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, StatusCode> {
        let address = format!("ws://{address}/graphql/ws");
        let mut request = address.into_client_request().expect("an address");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => Err(response.status()),
            Err(error) => panic!("no socket: {error}"),
        }
    }

    /// Connects in the right protocol and says nothing.
    pub async fn open(address: SocketAddr) -> Self {
        let protocol = ("sec-websocket-protocol", "graphql-transport-ws");
        Self::opens(address, &[protocol]).await.expect("a socket")
    }

    /// Connects in somebody's name.
    pub async fn of(person: &Person, address: SocketAddr) -> Self {
        let mut socket = Self::open(address).await;
        let answer = socket.begins(&json!({ "accessToken": person.access_token })).await;
        assert_eq!(answer["type"], "connection_ack", "{answer}");
        socket
    }

    /// Says who it is; what comes back.
    pub async fn begins(&mut self, payload: &Value) -> Value {
        self.says(&json!({ "type": "connection_init", "payload": payload })).await;
        self.hears().await
    }

    pub async fn subscribes(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.says(&json!({ "type": "subscribe", "id": id, "payload": payload })).await;
    }

    pub async fn says(&mut self, message: &Value) {
        self.0.send(Message::Text(message.to_string().into())).await.expect("a message sent");
    }

    /// The next message; of a close its code, as `{"close": 4401}`.
    pub async fn hears(&mut self) -> Value {
        let next = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return serde_json::from_str(&text).expect("JSON");
                    }
                    Some(Ok(Message::Close(Some(frame)))) => {
                        return json!({ "close": u16::from(frame.code) });
                    }
                    Some(Ok(_)) => {}
                    end => panic!("the socket ended without a word: {end:?}"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("something is said")
    }
}

/// A client of `graphql-sse`.
pub struct Events {
    body: BodyDataStream,
    text: String,
}

impl Events {
    /// What an operation answers by events.
    pub async fn of(person: &Person, query: &str, variables: Value) -> Self {
        let response = Self::asks(person, query, variables).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        assert!(!response.headers().contains_key(header::CONTENT_ENCODING));
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    pub async fn asks(person: &Person, query: &str, variables: Value) -> Response<Body> {
        let mut request: Request<Body> = post(&json!({ "query": query, "variables": variables }));
        let bearer = format!("Bearer {}", person.access_token);
        for (name, value) in [
            (header::AUTHORIZATION, bearer.as_str()),
            (header::ACCEPT, "text/event-stream"),
            (header::ACCEPT_ENCODING, "gzip, br"),
        ] {
            request.headers_mut().insert(name, value.parse().expect("a header"));
        }
        person.app.router.clone().oneshot(request).await.expect("a router never fails")
    }

    /// The payload of the next `next`; None once it is complete.
    pub async fn next(&mut self) -> Option<Value> {
        let event = tokio::time::timeout(PATIENCE, self.event()).await.expect("an event");
        let line = |field: &str| {
            event.lines().find_map(|line| line.strip_prefix(field).map(|it| it.trim().to_owned()))
        };
        match line("event:").as_deref() {
            Some("next") => serde_json::from_str(&line("data:").expect("data")).expect("JSON"),
            Some("complete") => None,
            other => panic!("{other:?} in {event}"),
        }
    }

    async fn event(&mut self) -> String {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                // What begins with a colon is there to keep the connection.
                if !event.starts_with(':') {
                    return event;
                }
                continue;
            }
            let chunk = self.body.next().await.expect("more").expect("a chunk");
            self.text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }
}
