//! People and what they may do.

use chrono::{DateTime, Utc};

use super::id::UserId;

/// What a person may do beyond their own book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    User,
    Admin,
}

/// A person who can sign in.
#[derive(Clone, Debug)]
pub struct User {
    pub id: UserId,
    /// As typed at registration; compared in lower case.
    pub email: String,
    pub full_name: Option<String>,
    pub role: Role,
    pub created_at: DateTime<Utc>,
}

/// Fewest characters of a password.
pub const MIN_PASSWORD_CHARACTERS: usize = 8;
/// Most bytes of a password: longer ones are refused before they cost a hash.
pub const MAX_PASSWORD_BYTES: usize = 1_024;
/// Most bytes of an address (RFC 5321, 4.5.3.1.3).
pub const MAX_EMAIL_BYTES: usize = 254;
