//! What goes over a socket: the messages of `graphql-transport-ws` and the codes it closes with.
//!
//! Source: the protocol as `graphql-ws` defines it (its `PROTOCOL.md`), and RFC 6455, 7.4.

use async_graphql::{Response, ServerError};
use axum::extract::ws::{CloseFrame, Message};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The name of the protocol in the handshake.
pub const PROTOCOL: &str = "graphql-transport-ws";

/// What a client says.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Said {
    ConnectionInit {
        #[serde(default)]
        payload: Value,
    },
    Ping {
        #[serde(default)]
        payload: Option<Value>,
    },
    Pong {},
    Subscribe {
        id: String,
        payload: Box<async_graphql::Request>,
    },
    Complete {
        id: String,
    },
}

/// What is said to it.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Say<'a> {
    ConnectionAck,
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Value>,
    },
    Next {
        id: &'a str,
        payload: &'a Response,
    },
    Error {
        id: &'a str,
        payload: &'a [ServerError],
    },
    Complete {
        id: &'a str,
    },
}

impl Say<'_> {
    /// None for what cannot be written as JSON, which no answer of ours is.
    pub fn message(&self) -> Option<Message> {
        serde_json::to_string(self).ok().map(|text| Message::Text(text.into()))
    }
}

/// Why a socket is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    pub code: u16,
    pub reason: String,
}

impl Close {
    fn new(code: u16, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    pub fn idle() -> Self {
        Self::new(1000, "Nothing is watched")
    }

    pub fn going_away() -> Self {
        Self::new(1001, "The server stops")
    }

    pub fn too_large(bytes: usize) -> Self {
        Self::new(1009, format!("A message has at most {bytes} bytes"))
    }

    pub fn internal() -> Self {
        Self::new(1011, "Something went wrong on our side")
    }

    pub fn bad_request(reason: &str) -> Self {
        Self::new(4400, reason)
    }

    pub fn unauthorized() -> Self {
        Self::new(4401, "Unauthorized")
    }

    pub fn late() -> Self {
        Self::new(4408, "Connection initialisation timeout")
    }

    pub fn duplicate() -> Self {
        Self::new(4409, "A subscription of that id is there already")
    }

    pub fn begun_twice() -> Self {
        Self::new(4429, "Too many initialisation requests")
    }

    pub fn too_many(connections: usize) -> Self {
        Self::new(4429, format!("At most {connections} connections at a time"))
    }

    pub fn message(self) -> Message {
        Message::Close(Some(CloseFrame { code: self.code, reason: self.reason.into() }))
    }
}
