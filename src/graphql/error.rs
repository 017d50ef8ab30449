//! What a client is told when something did not happen: a code, a sentence, a hint.

use std::sync::Arc;

use async_graphql::resolver_utils::EnumType;
use async_graphql::{Enum, ErrorExtensionValues, ErrorExtensions, SimpleObject};

use crate::domain::job::Failure;
use crate::error::{Code, Error, Refusal, chain};

/// The error of every resolver. It has no `Display` on purpose: async-graphql shows clients the
/// text of any error that has one. Without it, only what becomes an [`Error`] compiles.
#[derive(Clone, Debug)]
pub struct ApiError(Arc<Error>);

pub type Result<T, E = ApiError> = std::result::Result<T, E>;

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(Arc::new(error.into()))
    }
}

impl ApiError {
    /// Whether it may pass without the caller doing anything.
    pub fn is_ours(&self) -> bool {
        !matches!(*self.0, Error::Refused(_))
    }
}

/// The text of every error that is ours.
pub const INTERNAL: &str = "Something went wrong on our side.";

impl From<ApiError> for async_graphql::Error {
    fn from(ApiError(error): ApiError) -> Self {
        match &*error {
            Error::Refused(refusal) => {
                Self::new(refusal.message.clone()).extend_with(|_, extensions| {
                    extensions.set("code", refusal.code.as_str());
                    if let Some(hint) = &refusal.hint {
                        extensions.set("hint", hint.as_ref());
                    }
                })
            }
            ours => {
                tracing::error!(error = %chain(ours), "a resolver failed");
                Self::new(INTERNAL).extend_with(|_, extensions: &mut ErrorExtensionValues| {
                    extensions.set("code", Code::Internal.as_str());
                })
            }
        }
    }
}

/// Why something was refused. The list is closed: handle these and a default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ErrorCode {
    /// Nobody is signed in, or the credentials no longer hold.
    Unauthenticated,
    /// Signed in, but not allowed.
    Forbidden,
    /// There is no such thing, or it is somebody else's.
    NotFound,
    /// The input breaks a rule; the message says which.
    Validation,
    /// The input contradicts what is stored.
    Conflict,
    /// A bound of the service is reached.
    LimitExceeded,
    /// Too many requests for now; try again later.
    RateLimited,
    /// The query asks for more than one request may: ask for less, or in parts.
    QueryTooComplex,
    /// There is too little data for the figure asked for.
    InsufficientData,
    /// A source of data does not answer.
    UpstreamUnavailable,
    /// It took longer than a request may.
    Timeout,
    /// Our fault.
    Internal,
}

impl From<Code> for ErrorCode {
    fn from(code: Code) -> Self {
        match code {
            Code::Unauthenticated => Self::Unauthenticated,
            Code::Forbidden => Self::Forbidden,
            Code::NotFound => Self::NotFound,
            Code::Validation => Self::Validation,
            Code::Conflict => Self::Conflict,
            Code::LimitExceeded => Self::LimitExceeded,
            Code::RateLimited => Self::RateLimited,
            Code::QueryTooComplex => Self::QueryTooComplex,
            Code::InsufficientData => Self::InsufficientData,
            Code::UpstreamUnavailable => Self::UpstreamUnavailable,
            Code::Timeout => Self::Timeout,
            Code::Internal => Self::Internal,
        }
    }
}

/// An expected failure of a mutation, which the caller can mend.
#[derive(Clone, Debug, SimpleObject)]
pub struct UserError {
    /// For a program to decide by.
    code: ErrorCode,
    /// One sentence for a person.
    message: String,
    /// Path into `input`, such as `["trades", "0", "quantity"]`; null when it is about the whole.
    field: Option<Vec<String>>,
    /// What to do about it, where that is known.
    hint: Option<String>,
}

impl From<Refusal> for UserError {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: refusal.code.into(),
            message: refusal.message.into_owned(),
            field: (!refusal.field.is_empty()).then_some(refusal.field),
            hint: refusal.hint.map(std::borrow::Cow::into_owned),
        }
    }
}

impl From<&Failure> for UserError {
    fn from(failure: &Failure) -> Self {
        let code = ErrorCode::items().iter().find(|item| item.name == failure.code);
        Self {
            code: code.map_or(ErrorCode::Internal, |item| item.value),
            message: failure.message.clone(),
            field: None,
            hint: failure.hint.clone(),
        }
    }
}

/// The outcome of a use case as a mutation tells it: what the caller can mend is data, what is
/// no input's fault (nobody signed in, not allowed, ours) is an error.
pub fn settle<T>(outcome: std::result::Result<T, Error>) -> Result<(Option<T>, Vec<UserError>)> {
    match outcome {
        Ok(value) => Ok((Some(value), Vec::new())),
        Err(error) => {
            let refusal = error.refusal()?;
            match refusal.code {
                Code::Forbidden | Code::Internal | Code::RateLimited | Code::Timeout => {
                    Err(refusal.into())
                }
                // A bound that a field of the input meets can be mended there.
                Code::LimitExceeded if refusal.field.is_empty() => Err(refusal.into()),
                _ => Ok((None, vec![refusal.into()])),
            }
        }
    }
}
