//! What was done, by whom.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::id::AuditId;
use super::user::User;

/// One line of the log.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    pub id: AuditId,
    pub at: DateTime<Utc>,
    /// None for somebody who is gone.
    pub actor: Option<User>,
    /// `noun.verb`.
    pub action: String,
    /// The kind of what it was done to, and its id.
    pub subject: Option<(String, Uuid)>,
    pub detail: Value,
}
