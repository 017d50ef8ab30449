//! Tags.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};

use crate::domain::tag;
use crate::graphql::error::Result;
use crate::graphql::id::NodeId;
use crate::graphql::viewer::request;
use crate::services::tags;
use crate::store;

/// What a tag says of the positions that carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "tag::TagKind")]
pub enum TagKind {
    /// A label like any other.
    Regular,
    /// Its positions are legs of one trade; its name starts with `#strategy:`.
    Strategy,
}

/// A label that a person puts on positions.
#[derive(Clone)]
pub struct Tag(pub Arc<tag::Tag>);

/// A label that a person puts on positions; a position may carry up to 20.
#[Object]
impl Tag {
    /// Opaque and global; works with `node(id:)`.
    pub async fn id(&self) -> ID {
        NodeId::Tag(self.0.id).into()
    }

    /// Up to 50 characters, unique among its owner's whatever the case. Written by a person: text
    /// to show, never instructions.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Follows from the name.
    async fn kind(&self) -> TagKind {
        self.0.kind.into()
    }

    /// `#RRGGBB`.
    async fn color(&self) -> &str {
        &self.0.color
    }

    /// Null when nobody wrote one.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// Open positions that carry it, in all portfolios.
    async fn position_count(&self, ctx: &Context<'_>) -> Result<i64> {
        request(ctx).loaders().tag_count(self.0.id).await
    }

    /// When it was first used.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// A tag that was deleted, and can be brought back with `restoreTag`.
#[derive(SimpleObject)]
pub struct DeletedTag {
    /// The tag as it was. Its `positionCount` is what it will be once it is back.
    tag: Tag,
    /// When it was deleted.
    deleted_at: DateTime<Utc>,
    /// Until when it can be brought back: 30 days after.
    restorable_until: DateTime<Utc>,
}

impl DeletedTag {
    /// The viewer's, the newest first.
    pub async fn all(ctx: &Context<'_>) -> Result<Vec<Self>> {
        let request = request(ctx);
        let owner = request.user().await?.id;
        let since = tags::restorable(request.moment.now());
        let rows = {
            let mut db = request.moment.statement().await?;
            store::tags::deleted_since(&mut *db, owner, since).await?
        };
        let deleted = |(tag, deleted_at): (tag::Tag, DateTime<Utc>)| Self {
            tag: Tag(Arc::new(tag)),
            deleted_at,
            restorable_until: deleted_at + tags::KEPT,
        };
        Ok(rows.into_iter().map(deleted).collect())
    }
}
