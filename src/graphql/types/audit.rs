//! What was done, by whom.

use std::sync::Arc;

use async_graphql::{ID, Json, Object};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::user::User;
use crate::domain::audit;
use crate::domain::id::{AlertId, AlertRuleId, AuditId, PortfolioId, PositionId, TagId, UserId};
use crate::domain::page::Slice;
use crate::graphql::id::NodeId;
use crate::graphql::page::{Scope, connection};

/// One line of the audit log.
#[derive(Clone)]
pub struct AuditEntry(Arc<audit::AuditEntry>);

/// One line of the audit log, which is appended to and never rewritten.
#[Object]
impl AuditEntry {
    /// Opaque and global.
    async fn id(&self) -> ID {
        NodeId::AuditEntry(self.0.id).into()
    }

    /// When it was done.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// Who did it; null for somebody who is gone.
    async fn actor(&self) -> Option<User> {
        self.0.actor.clone().map(User)
    }

    /// What was done, as `noun.verb`, such as `positions.upload`.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// What it was done to: its type and, where it has one, its `id` after a space, such as
    /// `Portfolio AgG…`. Null when it is about nothing in particular.
    async fn subject(&self) -> Option<String> {
        let (kind, key) = self.0.subject.as_ref()?;
        let id = match kind.as_str() {
            "User" => NodeId::User(UserId(*key)),
            "Portfolio" => NodeId::Portfolio(PortfolioId(*key)),
            "Position" => NodeId::Position(PositionId(*key)),
            "Tag" => NodeId::Tag(TagId(*key)),
            "AlertRule" => NodeId::AlertRule(AlertRuleId(*key)),
            "Alert" => NodeId::Alert(AlertId(*key)),
            _ => return Some(kind.clone()),
        };
        Some(format!("{kind} {}", ID::from(id).as_str()))
    }

    /// What more is known of it, by action; null when nothing is.
    async fn detail(&self) -> Option<Json<Value>> {
        let is_empty = self.0.detail.as_object().is_some_and(serde_json::Map::is_empty);
        (!is_empty).then(|| Json(self.0.detail.clone()))
    }
}

connection! {
    /// Lines of the audit log, the newest first.
    AuditEntryConnection, AuditEntryEdge, AuditEntry
}

impl AuditEntryConnection {
    pub fn page(slice: Slice<audit::AuditEntry>, scope: Scope) -> Self {
        let key = |entry: &audit::AuditEntry| -> AuditId { entry.id };
        Self::of(slice, scope, key, |entry| AuditEntry(Arc::new(entry)))
    }
}
