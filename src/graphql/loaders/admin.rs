//! Questions of whoever operates the service, and of people about what they did. Whether an
//! operator asks is decided before; row-level security decides it again.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use async_graphql::dataloader::Loader;

use super::Rows;
use crate::domain::audit::AuditEntry;
use crate::domain::id::{AuditId, UserId};
use crate::domain::page::{Page, Slice};
use crate::domain::user::User;
use crate::graphql::error::{ApiError, Result};
use crate::store;
use crate::store::throttle::Gate;

/// What is remembered of the providers?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gates;

#[async_trait]
impl Loader<Gates> for Rows {
    type Value = Arc<[Gate]>;
    type Error = ApiError;

    async fn load(&self, _: &[Gates]) -> Result<HashMap<Gates, Self::Value>> {
        let mut db = self.moment.statement().await?;
        let gates = store::throttle::gates(&mut *db).await?;
        Ok(HashMap::from([(Gates, gates.into())]))
    }
}

/// Who is on this page of everybody?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UsersPage(pub Page<UserId>);

#[async_trait]
impl Loader<UsersPage> for Rows {
    type Value = Slice<User>;
    type Error = ApiError;

    async fn load(&self, keys: &[UsersPage]) -> Result<HashMap<UsersPage, Self::Value>> {
        let pages: Vec<_> = keys.iter().map(|key| key.0.clone()).collect();
        let slices = {
            let mut db = self.moment.statement().await?;
            store::users::pages(&mut *db, &pages).await?
        };
        Ok(keys.iter().cloned().zip(slices).collect())
    }
}

/// What is on this page of everybody's log?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogPage(pub Page<AuditId>);

#[async_trait]
impl Loader<LogPage> for Rows {
    type Value = Slice<AuditEntry>;
    type Error = ApiError;

    async fn load(&self, keys: &[LogPage]) -> Result<HashMap<LogPage, Self::Value>> {
        if self.owner().await?.is_none() {
            return Ok(HashMap::new());
        }
        let pages: Vec<_> = keys.iter().map(|key| key.0.clone()).collect();
        let slices = {
            let mut db = self.moment.statement().await?;
            store::audit::log_pages(&mut *db, &pages).await?
        };
        Ok(keys.iter().cloned().zip(slices).collect())
    }
}

/// What is on this page of what the viewer did?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ActivityPage(pub Page<AuditId>);

#[async_trait]
impl Loader<ActivityPage> for Rows {
    type Value = Slice<AuditEntry>;
    type Error = ApiError;

    async fn load(&self, keys: &[ActivityPage]) -> Result<HashMap<ActivityPage, Self::Value>> {
        let Some(owner) = self.owner().await? else { return Ok(HashMap::new()) };
        let pages: Vec<_> = keys.iter().map(|key| key.0.clone()).collect();
        let slices = {
            let mut db = self.moment.statement().await?;
            store::audit::activity_pages(&mut *db, owner, &pages).await?
        };
        Ok(keys.iter().cloned().zip(slices).collect())
    }
}
