//! What a request is told that was refused before it ran.

use async_graphql::{ErrorExtensionValues, ParseRequestError, ServerError};
use axum::http::StatusCode;

use crate::error::{Code, Error, Refusal, chain};
use crate::graphql;

/// A request that is refused as a whole.
pub struct Refused {
    pub status: StatusCode,
    pub refusal: Refusal,
}

impl Refused {
    pub fn new(status: StatusCode, refusal: Refusal) -> Self {
        Self { status, refusal }
    }

    pub fn bad_token() -> Self {
        let message = "The access token is not valid, or not any more.";
        let refusal = Refusal { message: message.into(), ..Refusal::unauthenticated() }
            .hint("Renew it with `refreshSession`, or sign in with `login`.");
        Self::new(StatusCode::UNAUTHORIZED, refusal)
    }

    pub fn too_large(status: StatusCode, what: &str, bytes: usize) -> Self {
        let refusal =
            Refusal::new(Code::LimitExceeded, format!("{what} has at most {bytes} bytes."));
        Self::new(status, refusal.hint("Send files as multipart/form-data, and less text."))
    }

    pub fn into_response(self) -> async_graphql::Response {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", self.refusal.code.as_str());
        if let Some(hint) = &self.refusal.hint {
            extensions.set("hint", hint.as_ref());
        }
        let mut error = ServerError::new(self.refusal.message, None);
        error.extensions = Some(extensions);
        async_graphql::Response::from_errors(vec![error])
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match error.refusal() {
            Ok(refusal) => {
                let status = match refusal.code {
                    Code::Unauthenticated => StatusCode::UNAUTHORIZED,
                    Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
                    Code::LimitExceeded => StatusCode::SERVICE_UNAVAILABLE,
                    Code::Timeout => StatusCode::GATEWAY_TIMEOUT,
                    _ => StatusCode::BAD_REQUEST,
                };
                Self::new(status, refusal)
            }
            Err(ours) => {
                tracing::error!(error = %chain(&ours), "a request failed");
                let refusal = Refusal::new(Code::Internal, graphql::error::INTERNAL);
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, refusal)
            }
        }
    }
}

impl From<ParseRequestError> for Refused {
    fn from(error: ParseRequestError) -> Self {
        match error {
            ParseRequestError::UnsupportedBatch => {
                let refusal = Refusal::validation("One request at a time, not a list of them.");
                Self::new(StatusCode::BAD_REQUEST, refusal)
            }
            other => {
                let refusal = Refusal::validation(format!("The request cannot be read: {other}."));
                let hint = "Send `{\"query\": \"...\", \"variables\": {}}`.";
                Self::new(StatusCode::BAD_REQUEST, refusal.hint(hint))
            }
        }
    }
}
