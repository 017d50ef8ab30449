//! Entering, correcting, closing and deleting positions.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::{DeletePayload, owner};
use crate::error::Error;
use crate::graphql::error::{Result, UserError, settle};
use crate::graphql::id::NodeId;
use crate::graphql::loaders::jobs::JobBy;
use crate::graphql::scalar::{Date, Decimal};
use crate::graphql::types::job::Job;
use crate::graphql::types::node::find_position;
use crate::graphql::types::position::Position;
use crate::graphql::viewer::request;
use crate::services::positions::{self, Asked, Changed, Changes, Closing, NewHolding};

/// A position to be entered, by the rules of an upload.
#[derive(InputObject)]
struct AddPositionInput {
    /// Where it goes.
    portfolio_id: ID,
    /// A ticker or an OCC option symbol, whatever the case.
    symbol: String,
    /// Shares or contracts; below zero for what is owed. Not zero, at most a thousand million
    /// either way, with at most ten decimal places.
    quantity: Decimal,
    /// Per share, also of an option; above zero.
    entry_price: Decimal,
    /// A day of the last five years.
    entry_date: Date,
    /// At most 20, none of them blank; those unknown so far are made.
    tags: Option<Vec<String>>,
    /// At most 2,000 characters.
    notes: Option<String>,
}

/// What is to change of a position; what is left out stays as it is shown.
#[derive(InputObject)]
struct UpdatePositionInput {
    /// The position's `id`.
    id: ID,
    /// Above zero, in the shares that it is shown in: those of today, after the splits since its
    /// entry. Refused for a closed position.
    quantity: Option<Decimal>,
    /// Per share as shares are today, or were on the day of the exit; above zero.
    entry_price: Option<Decimal>,
    /// A day of the last five years, and not after the exit.
    entry_date: Option<Date>,
    /// All its tags anew, in their order; at most 20, none of them blank. Those unknown so far are
    /// made.
    tags: Option<Vec<String>>,
    /// At most 2,000 characters; an empty text removes what is there.
    notes: Option<String>,
    /// The position's `updatedAt` as it was read: if it has been changed since, nothing is stored,
    /// and the error is a CONFLICT. Not looked at when left out.
    expected_updated_at: Option<DateTime<Utc>>,
}

/// How a position is closed.
#[derive(InputObject)]
struct ClosePositionInput {
    /// The position's `id`.
    id: ID,
    /// Per share as shares are on the day of the exit, also of an option; zero for what expires
    /// worthless.
    exit_price: Decimal,
    /// A session from the entry to today.
    exit_date: Date,
    /// How much of it, in shares or contracts of that day: above zero, at most what is held. All of
    /// it when left out.
    quantity: Option<Decimal>,
    /// As of `UpdatePositionInput`: the position's `updatedAt` as it was read. A `quantity` that was
    /// closed of the same entry at the same price and date already is only closed again with it:
    /// so a request that is sent twice closes once.
    expected_updated_at: Option<DateTime<Utc>>,
}

/// A position to be deleted.
#[derive(InputObject)]
struct DeletePositionInput {
    /// The position's `id`.
    id: ID,
    /// As of `UpdatePositionInput`: the position's `updatedAt` as it was read.
    expected_updated_at: Option<DateTime<Utc>>,
}

/// A position as it is after a change, or why it was not changed.
#[derive(Default, SimpleObject)]
pub(super) struct PositionPayload {
    /// The position; of one that was closed in part, the rest that stays open. Null when there are
    /// `userErrors`.
    pub position: Option<Position>,
    /// What `closePosition` has closed: the position itself, or the part of it, which has an `id`
    /// of its own. Null for every other change.
    pub closed_position: Option<Position>,
    /// What the change added to the `cashBalance` of the portfolio, in its currency: signed closed
    /// quantity × multiplier × exit price; below zero when a short was covered. Zero for a change
    /// that moves no cash; null when there are `userErrors`.
    pub cash_effect: Option<Decimal>,
    /// The work that completes prices and makes the history of the book anew; watch it with
    /// `jobProgress`. Null when neither is touched.
    pub job: Option<Job>,
    /// What the caller can mend.
    pub user_errors: Vec<UserError>,
}

impl PositionPayload {
    async fn of(ctx: &Context<'_>, outcome: Result<Changed, Error>) -> Result<Self> {
        let request = request(ctx);
        let (changed, user_errors) = settle(outcome)?;
        request.has_written().await;
        let Some(changed) = changed else { return Ok(Self { user_errors, ..Self::default() }) };
        // The book is only read for whoever asks for positions.
        let is_asked = |field| ctx.look_ahead().field(field).exists();
        let position = match changed.position {
            id if is_asked("position") => find_position(ctx, id).await?,
            _ => None,
        };
        let closed_position = match changed.closed {
            Some(id) if is_asked("closedPosition") => find_position(ctx, id).await?,
            _ => None,
        };
        let job = match changed.job {
            Some(id) => request.loaders().row(JobBy(id)).await?.map(Job),
            None => None,
        };
        let cash_effect = Some(changed.cash_effect.into());
        Ok(Self { position, closed_position, cash_effect, job, user_errors })
    }
}

fn asked(id: &ID, expected_updated_at: Option<DateTime<Utc>>) -> Asked {
    Asked { id: NodeId::position(id), expected_updated_at }
}

#[derive(Default)]
pub struct Holdings;

#[Object]
impl Holdings {
    /// Enters a position as an upload of one row does: it comes into the book from outside at its
    /// entry price, and the portfolio's cash stays. An open position of the same symbol and entry
    /// date is a CONFLICT.
    #[graphql(complexity = "100 + child_complexity")]
    async fn add_position(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is entered.")] input: AddPositionInput,
    ) -> Result<PositionPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let new = NewHolding {
            portfolio: NodeId::portfolio(&input.portfolio_id),
            symbol: input.symbol,
            quantity: input.quantity.0,
            entry_price: input.entry_price.0,
            entry_date: input.entry_date.0,
            tags: input.tags.unwrap_or_default(),
            notes: input.notes,
        };
        let outcome = positions::add(&request.services, owner, new).await;
        PositionPayload::of(ctx, outcome).await
    }

    /// Corrects what was entered of a position, its tags or its notes. The portfolio's cash stays.
    /// The history of the book is made anew; earlier versions of the position are kept.
    #[graphql(complexity = "100 + child_complexity")]
    async fn update_position(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdatePositionInput,
    ) -> Result<PositionPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let changes = Changes {
            asked: asked(&input.id, input.expected_updated_at),
            quantity: input.quantity.map(|quantity| quantity.0),
            entry_price: input.entry_price.map(|price| price.0),
            entry_date: input.entry_date.map(|date| date.0),
            tags: input.tags,
            notes: input.notes,
        };
        let outcome = positions::correct(&request.services, owner, changes).await;
        PositionPayload::of(ctx, outcome).await
    }

    /// Closes a position, whole or in part. What it brings, signed quantity × multiplier × exit
    /// price, goes into the portfolio's `cashBalance` on the day of the exit, and is taken from it
    /// when a short is covered: so the value of the book changes by profit alone, and `netFlow` of
    /// that session is not touched. Days before keep what they held. Of a part, the position keeps
    /// its `id` and the rest; the part has an `id` of its own, the same entry, tags and notes.
    #[graphql(complexity = "100 + child_complexity")]
    async fn close_position(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one, and how.")] input: ClosePositionInput,
    ) -> Result<PositionPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let closing = Closing {
            asked: asked(&input.id, input.expected_updated_at),
            price: input.exit_price.0,
            date: input.exit_date.0,
            quantity: input.quantity.map(|quantity| quantity.0),
        };
        let outcome = positions::close(&request.services, owner, closing).await;
        PositionPayload::of(ctx, outcome).await
    }

    /// Deletes a position as if it had never been entered: the history of the book is made anew
    /// without it, and what its close had moved of the portfolio's cash moves back. What was sold
    /// is closed instead. The position's earlier versions are kept.
    #[graphql(complexity = "100 + child_complexity")]
    async fn delete_position(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: DeletePositionInput,
    ) -> Result<DeletePayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let position = asked(&input.id, input.expected_updated_at);
        let outcome = positions::delete(&request.services, owner, position).await;
        let (deleted, user_errors) = settle(outcome)?;
        request.has_written().await;
        Ok(DeletePayload { deleted_id: deleted.map(|id| NodeId::Position(id).into()), user_errors })
    }
}
