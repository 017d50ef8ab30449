//! Why a use case did not happen, in words for whoever asked.

use std::borrow::Cow;

/// What kind of refusal this is; the closed list that clients can rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Nobody is signed in, or the credentials no longer hold.
    Unauthenticated,
    /// Signed in, but not allowed.
    Forbidden,
    /// Missing, or somebody else's: the caller learns no more than that.
    NotFound,
    /// The input breaks a rule.
    Validation,
    /// The input contradicts what is stored.
    Conflict,
    /// A bound of the service is reached.
    LimitExceeded,
    /// Too many requests for now.
    RateLimited,
    /// The query asks for more than one request may.
    QueryTooComplex,
    /// What is stored does not suffice for what is asked.
    InsufficientData,
    /// A source of data does not answer.
    UpstreamUnavailable,
    /// It took longer than a request may.
    Timeout,
    /// Our fault.
    Internal,
}

impl Code {
    /// As it travels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::Validation => "VALIDATION",
            Self::Conflict => "CONFLICT",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::RateLimited => "RATE_LIMITED",
            Self::QueryTooComplex => "QUERY_TOO_COMPLEX",
            Self::InsufficientData => "INSUFFICIENT_DATA",
            Self::UpstreamUnavailable => "UPSTREAM_UNAVAILABLE",
            Self::Timeout => "TIMEOUT",
            Self::Internal => "INTERNAL",
        }
    }
}

/// A refusal the caller can understand: a code, a sentence, a hint, and where in the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub message: Cow<'static, str>,
    /// Path into `input`.
    pub field: Vec<String>,
    pub hint: Option<Cow<'static, str>>,
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), field: Vec::new(), hint: None }
    }

    pub fn validation(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Validation, message)
    }

    /// The same answer for what is missing and for what is somebody else's.
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {what}."))
    }

    pub fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "Sign in first.")
            .hint("Send `Authorization: Bearer <accessToken>`; `login` gives one.")
    }

    #[must_use]
    pub fn at(mut self, field: &str) -> Self {
        self.field = field.split('.').map(String::from).collect();
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Why a use case did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's to mend.
    #[error("{}", .0.message)]
    Refused(Box<Refusal>),
    /// Ours; the caller learns only that it happened.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
    #[error("{0}")]
    Internal(String),
    /// Somebody asked for the work to stop, or it took too long.
    #[error("the work was stopped")]
    Stopped,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match code.as_deref() {
            // `character_not_in_repertoire` and `untranslatable_character`. Texts come as UTF-8,
            // of which PostgreSQL lacks only the character zero.
            Some("22021" | "22P05") => {
                Refusal::validation("A text holds a zero character, which cannot be kept.").into()
            }
            // `lock_not_available` and `deadlock_detected`: somebody else changes the same rows.
            Some("55P03" | "40P01") => {
                Refusal::new(Code::Conflict, "Another change of the same book is under way.")
                    .hint("Try again in a few seconds; nothing was stored.")
                    .into()
            }
            // `query_canceled`: longer than a statement may take.
            Some("57014") => Refusal::new(Code::Timeout, "The database took too long.")
                .hint("Ask for less at once.")
                .into(),
            _ if matches!(error, sqlx::Error::PoolTimedOut) => {
                Refusal::new(Code::LimitExceeded, "The service is busy.")
                    .hint("Try again in a few seconds.")
                    .into()
            }
            _ => Self::Database(error),
        }
    }
}

impl Error {
    /// Whether the same may go well another time: the database is away or busy, or somebody else is
    /// at the same rows.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Refused(refusal) => {
                matches!(refusal.code, Code::Conflict | Code::LimitExceeded | Code::Timeout)
            }
            Self::Database(error) => is_away(error),
            Self::Internal(_) | Self::Stopped => false,
        }
    }

    /// Whether nothing else can be asked of the database now either: none of its connections is to
    /// be had.
    pub fn is_of_a_database_away(&self) -> bool {
        match self {
            Self::Database(error) => is_away(error),
            Self::Refused(refusal) => refusal.code == Code::LimitExceeded,
            Self::Internal(_) | Self::Stopped => false,
        }
    }

    /// What a caller is told of it, in a sentence.
    pub fn sentence(&self) -> &str {
        match self {
            Self::Refused(refusal) => &refusal.message,
            Self::Stopped => "It was stopped.",
            Self::Database(_) | Self::Internal(_) => {
                "It failed for a reason of the service's own, which its log has."
            }
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => refusal.hint.as_deref(),
            Self::Database(error) if is_away(error) => {
                Some("Check that PostgreSQL runs and answers, and try again.")
            }
            Self::Database(_) | Self::Internal(_) | Self::Stopped => None,
        }
    }

    /// The refusal, or the error itself when it is ours.
    pub fn refusal(self) -> Result<Refusal, Self> {
        match self {
            Self::Refused(refusal) => Ok(*refusal),
            other => Err(other),
        }
    }
}

fn is_away(error: &sqlx::Error) -> bool {
    use sqlx::Error::{Io, PoolClosed, PoolTimedOut, Protocol, Tls, WorkerCrashed};
    if let Some(told) = error.as_database_error() {
        // Of the connection, resources, an operator, the system: classes of PostgreSQL's appendix A.
        let is_class = |code: &str| ["08", "53", "57", "58"].iter().any(|of| code.starts_with(of));
        return told.code().is_some_and(|code| is_class(&code));
    }
    matches!(error, Io(_) | PoolClosed | PoolTimedOut | Protocol(_) | Tls(_) | WorkerCrashed)
}

/// An error with its causes, for the log.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
