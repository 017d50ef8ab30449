//! People.

use async_graphql::{Enum, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};

use crate::domain::user;
use crate::graphql::id::NodeId;
use crate::graphql::page::connection;
use crate::services::accounts;

/// What a person may do beyond their own book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "user::Role")]
pub enum Role {
    /// Works on their own portfolios.
    User,
    /// Also operates the service.
    Admin,
}

/// A person who can sign in.
#[derive(Clone)]
pub struct User(pub user::User);

/// A person who can sign in.
#[Object]
impl User {
    /// Opaque and global; works with `node(id:)`.
    pub async fn id(&self) -> ID {
        NodeId::User(self.0.id).into()
    }

    /// As typed at registration; compared whatever the case.
    async fn email(&self) -> &str {
        &self.0.email
    }

    /// Null when they gave none.
    async fn full_name(&self) -> Option<&str> {
        self.0.full_name.as_deref()
    }

    /// What they may do beyond their own book.
    async fn role(&self) -> Role {
        self.0.role.into()
    }

    /// When they were registered.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

connection! {
    /// People who can sign in, by registration.
    UserConnection, UserEdge, User
}

/// What a sign-in gives: a short-lived token to ask with, and one to renew it.
#[derive(SimpleObject)]
pub struct Session {
    /// Send it as `Authorization: Bearer <accessToken>`.
    access_token: String,
    /// Exchange it once with `refreshSession` for a new pair; keep it secret.
    refresh_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// When the access token ends.
    expires_at: DateTime<Utc>,
}

impl From<accounts::Tokens> for Session {
    fn from(tokens: accounts::Tokens) -> Self {
        Self {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            token_type: "Bearer",
            expires_at: tokens.expires_at,
        }
    }
}
