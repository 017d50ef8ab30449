//! Making, changing and deleting tags, and putting them on positions.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use futures_util::future::try_join_all;

use super::holdings::PositionPayload;
use super::owner;
use crate::domain::id::TagId;
use crate::domain::page::MAX_PAGE_SIZE;
use crate::error::Error;
use crate::graphql::error::{Result, UserError, settle};
use crate::graphql::id::NodeId;
use crate::graphql::loaders::{PortfolioBy, TagBy};
use crate::graphql::types::node::find_position;
use crate::graphql::types::position::Position;
use crate::graphql::types::tag::Tag;
use crate::graphql::viewer::{Request, request};
use crate::services::tags::{self, Bulk, Changes, NewTag, Tagged};

/// A tag to be made; at most 100 a person.
#[derive(InputObject)]
struct CreateTagInput {
    /// 1 to 50 printable characters, not starting with `=`, `+`, `-` or `@`; unique among the
    /// owner's whatever the case. One that starts with `#strategy:` marks the legs of a trade.
    name: String,
    /// `#RRGGBB`; one that follows from the name when left out.
    color: Option<String>,
    /// At most 500 characters.
    description: Option<String>,
}

/// What is to change of a tag; what is left out stays.
#[derive(InputObject)]
struct UpdateTagInput {
    /// The tag's `id`.
    id: ID,
    /// As of `CreateTagInput`; the kind follows it.
    name: Option<String>,
    /// `#RRGGBB`.
    color: Option<String>,
    /// At most 500 characters; an empty text removes what is there.
    description: Option<String>,
}

/// A tag to be deleted.
#[derive(InputObject)]
struct DeleteTagInput {
    /// The tag's `id`.
    id: ID,
    /// Whether to delete it even though positions carry it.
    #[graphql(default = false)]
    force: bool,
}

/// A deleted tag to be brought back.
#[derive(InputObject)]
struct RestoreTagInput {
    /// The `id` it had and will have: `viewer.deletedTags` lists those there are.
    id: ID,
}

/// All the tags of one position.
#[derive(InputObject)]
struct SetPositionTagsInput {
    /// The position's `id`.
    position_id: ID,
    /// Names in the order the position will carry them, at most 20, none of them blank; an empty
    /// list takes all off. Those unknown so far are made.
    tags: Vec<String>,
}

/// Some positions and some tags.
#[derive(InputObject)]
struct TagPositionsInput {
    /// The `id`s of 1 to 10,000 positions, of any of the viewer's portfolios.
    position_ids: Vec<ID>,
    /// Names, at most 20, none of them blank, whatever their case.
    tags: Vec<String>,
}

impl From<TagPositionsInput> for Bulk {
    fn from(input: TagPositionsInput) -> Self {
        let positions = input.position_ids.iter().map(|id| NodeId::position(id)).collect();
        Self { positions, tags: input.tags }
    }
}

/// A tag, or why there is none.
#[derive(SimpleObject)]
struct TagPayload {
    /// The tag as it is now; null when there are `userErrors`.
    tag: Option<Tag>,
    /// What the caller can mend.
    user_errors: Vec<UserError>,
}

impl TagPayload {
    async fn of(request: &Request, outcome: Result<TagId, Error>) -> Result<Self> {
        let (id, user_errors) = settle(outcome)?;
        request.has_written().await;
        let tag = match id {
            Some(id) => request.loaders().row(TagBy(id)).await?.map(Tag),
            None => None,
        };
        Ok(Self { tag, user_errors })
    }
}

/// A tag that was deleted, or why it was not.
#[derive(SimpleObject)]
struct DeleteTagPayload {
    /// The `id` of what is deleted; null when there are `userErrors`.
    deleted_id: Option<ID>,
    /// Positions that carry it, closed ones too; also when they are why it was not deleted.
    affected_positions: usize,
    /// What the caller can mend.
    user_errors: Vec<UserError>,
}

/// Positions whose tags were changed, or why they were not.
#[derive(SimpleObject)]
struct TagPositionsPayload {
    /// The positions, each once and in the order asked for; empty when there are `userErrors`.
    #[graphql(complexity = "MAX_PAGE_SIZE * child_complexity")]
    positions: Vec<Position>,
    /// What the caller can mend.
    user_errors: Vec<UserError>,
}

impl TagPositionsPayload {
    async fn of(ctx: &Context<'_>, outcome: Result<Tagged, Error>) -> Result<Self> {
        let request = request(ctx);
        let (tagged, user_errors) = settle(outcome)?;
        request.has_written().await;
        // Books are only read for whoever asks for positions.
        let positions = match tagged {
            Some(tagged) if ctx.look_ahead().field("positions").exists() => {
                seen(request, tagged).await?
            }
            _ => Vec::new(),
        };
        Ok(Self { positions, user_errors })
    }
}

/// Positions in their books, of all portfolios at once.
async fn seen(request: &Request, tagged: Tagged) -> Result<Vec<Position>> {
    let loaders = request.loaders();
    let ids = tagged.iter().map(|(_, portfolio)| PortfolioBy(*portfolio));
    let portfolios = loaders.rows(ids).await?;
    let horizon = request.horizon(None)?;
    let books = portfolios.values().map(|portfolio| loaders.book(portfolio, horizon));
    let books = try_join_all(books).await?;
    let books: HashMap<_, _> = books.into_iter().map(|book| (book.portfolio.id, book)).collect();
    let position = |(id, portfolio)| {
        let book = books.get(&portfolio)?;
        Some(Position { book: Arc::clone(book), line: Arc::clone(book.line(id)?) })
    };
    Ok(tagged.into_iter().filter_map(position).collect())
}

#[derive(Default)]
pub struct Tags;

#[Object]
impl Tags {
    /// Makes a tag. A deleted one of the same name stays deleted: `restoreTag` brings that back.
    async fn create_tag(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is made.")] input: CreateTagInput,
    ) -> Result<TagPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let CreateTagInput { name, color, description } = input;
        let new = NewTag { name, color, description };
        TagPayload::of(request, tags::create(&request.services, owner, new).await).await
    }

    /// Changes a tag, on every position that carries it.
    async fn update_tag(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdateTagInput,
    ) -> Result<TagPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let changes = Changes {
            id: NodeId::tag(&input.id),
            name: input.name,
            color: input.color,
            description: input.description,
        };
        TagPayload::of(request, tags::update(&request.services, owner, changes).await).await
    }

    /// Deletes a tag, and takes it off what carries it: for 30 days, in which `restoreTag` brings
    /// it back as it was, and then for good. One in use is deleted only with `force: true`; else
    /// the answer says how many positions carry it.
    async fn delete_tag(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: DeleteTagInput,
    ) -> Result<DeleteTagPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let id = NodeId::tag(&input.id);
        let outcome = tags::delete(&request.services, owner, id, input.force).await;
        let (deleted, mut user_errors) = settle(outcome)?;
        request.has_written().await;
        let deleted = deleted.unwrap_or_default();
        user_errors.extend(deleted.refusal().map(UserError::from));
        Ok(DeleteTagPayload {
            deleted_id: deleted.id.map(|id| NodeId::Tag(id).into()),
            affected_positions: deleted.affected,
            user_errors,
        })
    }

    /// Brings back a tag that was deleted in the last 30 days, on all positions that carried it
    /// and are still there. A CONFLICT when another tag has its name by now.
    async fn restore_tag(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: RestoreTagInput,
    ) -> Result<TagPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let id = NodeId::tag(&input.id);
        TagPayload::of(request, tags::restore(&request.services, owner, id).await).await
    }

    /// Gives a position exactly these tags.
    #[graphql(complexity = "100 + child_complexity")]
    async fn set_position_tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which position, and which tags.")] input: SetPositionTagsInput,
    ) -> Result<PositionPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let id = NodeId::position(&input.position_id);
        let outcome = tags::set(&request.services, owner, id, &input.tags).await;
        let (id, user_errors) = settle(outcome)?;
        request.has_written().await;
        let Some(id) = id else {
            return Ok(PositionPayload { user_errors, ..PositionPayload::default() });
        };
        let position = find_position(ctx, id).await?;
        let cash_effect = Some(rust_decimal::Decimal::ZERO.into());
        Ok(PositionPayload { position, cash_effect, ..PositionPayload::default() })
    }

    /// Puts tags on many positions beside those they carry, all or none of them; those unknown so
    /// far are made.
    #[graphql(complexity = "100 + child_complexity")]
    async fn tag_positions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which positions, and which tags.")] input: TagPositionsInput,
    ) -> Result<TagPositionsPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let outcome = tags::add(&request.services, owner, input.into()).await;
        TagPositionsPayload::of(ctx, outcome).await
    }

    /// Takes tags off many positions, all or none of them; what does not carry one stays as it is.
    #[graphql(complexity = "100 + child_complexity")]
    async fn untag_positions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which positions, and which tags.")] input: TagPositionsInput,
    ) -> Result<TagPositionsPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let outcome = tags::remove(&request.services, owner, input.into()).await;
        TagPositionsPayload::of(ctx, outcome).await
    }
}
