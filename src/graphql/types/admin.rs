//! How the service runs, for whoever operates it.

use async_graphql::{Context, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::audit::AuditEntryConnection;
use super::user::{User, UserConnection};
use crate::graphql::error::Result;
use crate::graphql::loaders::admin::{Gates, LogPage, UsersPage};
use crate::graphql::page::{PageArguments, Scope, cost};
use crate::graphql::viewer::request;
use crate::services::providers::{self, Status};

/// How the service runs. Exists for operators alone.
pub struct Admin(pub(in crate::graphql) ());

/// How the service runs. Exists for operators alone.
#[Object]
impl Admin {
    /// Everybody who is registered, by registration.
    #[graphql(complexity = "cost(first, None, child_complexity)")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of a page; 20 when left out, at most 500.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<UserConnection> {
        let scope = Scope::of("users");
        let page = PageArguments::forward(first, after).page(scope)?;
        let slice = request(ctx).loaders().row(UsersPage(page)).await?.unwrap_or_default();
        Ok(UserConnection::of(slice, scope, |user| user.id, User))
    }

    /// Where market data comes from, one entry for each provider that the program knows, always
    /// the same four.
    #[graphql(complexity = "1 + 4 * child_complexity")]
    async fn providers(&self, ctx: &Context<'_>) -> Result<Vec<ProviderStatus>> {
        let request = request(ctx);
        let gates = request.loaders().row(Gates).await?;
        let statuses = providers::statuses(&request.services, gates.as_deref().unwrap_or_default());
        Ok(statuses.into_iter().map(Into::into).collect())
    }

    /// What everybody did, the newest first.
    #[graphql(complexity = "cost(first, None, child_complexity)")]
    async fn audit_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of a page; 20 when left out, at most 500.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<AuditEntryConnection> {
        let scope = Scope::of("audit log");
        let page = PageArguments::forward(first, after).page(scope)?;
        let slice = request(ctx).loaders().row(LogPage(page)).await?.unwrap_or_default();
        Ok(AuditEntryConnection::page(slice, scope))
    }
}

/// How a provider of market data is, by what all processes of the service remember of it.
#[derive(SimpleObject)]
struct ProviderStatus {
    /// As `MARKET_DATA_PROVIDERS` names it, such as `polygon`.
    name: &'static str,
    /// Whether it is asked at all.
    is_configured: bool,
    /// What to set so that it is; null when it is.
    missing: Option<&'static str>,
    /// Whether its last request was answered usefully. False from the first request that failed in
    /// all its attempts; after three in a row it is left alone for a minute. Null when it was
    /// never asked; the simulation is always healthy.
    is_healthy: Option<bool>,
    /// When it last answered, to the minute; null when it never has.
    answered_at: Option<DateTime<Utc>>,
    /// Requests a minute that all processes together may make. Null when it is not configured, or
    /// has no limit.
    requests_per_minute: Option<u32>,
    /// Requests that may be made at once: 0 while it rests or has asked for silence. Null as
    /// `requestsPerMinute` is.
    tokens_available: Option<f64>,
    /// What was last wrong, in words without keys and addresses. Null while it is healthy.
    last_error: Option<String>,
    /// When that was; null as `lastError` is.
    failed_at: Option<DateTime<Utc>>,
}

impl From<Status> for ProviderStatus {
    fn from(status: Status) -> Self {
        let (failed_at, last_error) = status.last_error.unzip();
        Self {
            name: status.name,
            is_configured: status.is_configured,
            missing: status.missing,
            is_healthy: status.is_healthy,
            answered_at: status.answered_at,
            requests_per_minute: status.allowance.map(|of| of.requests_per_minute),
            tokens_available: status.allowance.map(|of| of.tokens.into()),
            last_error,
            failed_at,
        }
    }
}
