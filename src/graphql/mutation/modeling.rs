//! Trying trades on a portfolio.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::owner;
use crate::domain::modeling::Session;
use crate::error::Error;
use crate::graphql::error::{Result, UserError, settle};
use crate::graphql::id::NodeId;
use crate::graphql::scalar::{Date, Decimal};
use crate::graphql::types::modeling::{ModelingSession, TradeAction};
use crate::graphql::viewer::request;
use crate::services::modeling::{self, NewSession, Saved, WrittenTrade};

/// A what-if session to be made; at most 100 a person, cancelled ones aside.
#[derive(InputObject)]
struct CreateModelingSessionInput {
    /// The portfolio that trades are tried on.
    portfolio_id: ID,
    /// 1 to 100 characters.
    name: String,
    /// The session whose closes they are tried at; the last completed one when left out. A day
    /// that is no session stands for the one before it.
    base_date: Option<Date>,
}

/// A trade to be tried, or to be written down as an order.
#[derive(InputObject)]
pub(super) struct ModelTradeInput {
    /// A ticker, or an option by its OCC symbol such as `AAPL240119C00150000`; whatever the case.
    symbol: String,
    /// What it does. `SELL` and `BUY_TO_COVER` close what is there and no more; `BUY` and
    /// `SELL_SHORT` go on to the other side.
    action: TradeAction,
    /// Shares or contracts, above zero. Either this or `exposure`.
    quantity: Option<Decimal>,
    /// Instead of quantity: dollars of exposure, above zero. They become the nearest number of
    /// whole shares or contracts at the trade's price.
    exposure: Option<Decimal>,
    /// Per share; the premium per share of an option. When left out: in a session the close of the
    /// base date, or of one of the three sessions before, and without any it must be given; in a
    /// list of orders none, so that the order is at the market.
    price: Option<Decimal>,
    /// Names of tags that what it opens carries; at most 20, none of them blank.
    tags: Option<Vec<String>>,
}

/// Trades to be added to a what-if session, after those it has.
#[derive(InputObject)]
struct AddModelTradesInput {
    /// The session's `id`.
    session_id: ID,
    /// All of them are added, or none; a session has at most 500.
    trades: Vec<ModelTradeInput>,
}

/// Trades to be taken out of a what-if session.
#[derive(InputObject)]
struct RemoveModelTradesInput {
    /// The session's `id`.
    session_id: ID,
    /// The `id`s of trades in it. All of them go, or none.
    trade_ids: Vec<ID>,
}

/// A what-if session to be put away.
#[derive(InputObject)]
struct SaveModelingSessionInput {
    /// The session's `id`.
    session_id: ID,
    /// Another name; it stays when left out.
    name: Option<String>,
    /// At most 2,000 characters; it stays when left out.
    description: Option<String>,
}

/// A what-if session to be given up.
#[derive(InputObject)]
struct CancelModelingSessionInput {
    /// The session's `id`.
    session_id: ID,
}

/// A what-if session, or why nothing changed.
#[derive(SimpleObject)]
struct ModelingSessionPayload {
    /// The session as it is now; null when there are `userErrors`.
    session: Option<ModelingSession>,
    /// What the caller can mend.
    user_errors: Vec<UserError>,
}

impl ModelingSessionPayload {
    fn of(outcome: std::result::Result<Session, Error>) -> Result<Self> {
        let (session, user_errors) = settle(outcome)?;
        Ok(Self { session: session.map(|one| ModelingSession(Arc::new(one))), user_errors })
    }
}

impl From<ModelTradeInput> for WrittenTrade {
    fn from(input: ModelTradeInput) -> Self {
        Self {
            symbol: input.symbol,
            action: input.action.into(),
            quantity: input.quantity.map(|number| number.0),
            exposure: input.exposure.map(|number| number.0),
            price: input.price.map(|number| number.0),
            tags: input.tags.unwrap_or_default(),
        }
    }
}

#[derive(Default)]
pub struct Modeling;

#[Object]
impl Modeling {
    /// Makes a what-if session on a portfolio of the viewer's, without trades.
    async fn create_modeling_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is made.")] input: CreateModelingSessionInput,
    ) -> Result<ModelingSessionPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let new = NewSession {
            portfolio: NodeId::portfolio(&input.portfolio_id),
            name: input.name,
            base_date: input.base_date.map(|date| date.0),
        };
        let outcome = modeling::create(&request.services, owner, new).await;
        request.has_written().await;
        ModelingSessionPayload::of(outcome)
    }

    /// Adds trades to a what-if session: all, or none and everything that is wrong with them. A
    /// session that was saved is ACTIVE again. The portfolio stays as it is.
    async fn add_model_trades(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is added.")] input: AddModelTradesInput,
    ) -> Result<ModelingSessionPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let id = NodeId::modeling_session(&input.session_id);
        let trades: Vec<_> = input.trades.into_iter().map(WrittenTrade::from).collect();
        let outcome = modeling::add(&request.services, owner, id, &trades).await;
        request.has_written().await;
        match outcome {
            Ok(Err(faults)) => Ok(ModelingSessionPayload {
                session: None,
                user_errors: faults.into_iter().map(UserError::from).collect(),
            }),
            Ok(Ok(session)) => ModelingSessionPayload::of(Ok(session)),
            Err(error) => ModelingSessionPayload::of(Err(error)),
        }
    }

    /// Takes trades out of a what-if session. A session that was saved is ACTIVE again.
    async fn remove_model_trades(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is taken out.")] input: RemoveModelTradesInput,
    ) -> Result<ModelingSessionPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let id = NodeId::modeling_session(&input.session_id);
        let trades: Vec<_> = input.trade_ids.iter().map(|id| NodeId::model_trade(id)).collect();
        let outcome = modeling::remove(&request.services, owner, id, &trades).await;
        request.has_written().await;
        ModelingSessionPayload::of(outcome)
    }

    /// Puts a what-if session away with its trades, to go on with later.
    async fn save_modeling_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is saved.")] input: SaveModelingSessionInput,
    ) -> Result<ModelingSessionPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let id = NodeId::modeling_session(&input.session_id);
        let saved = Saved { name: input.name, description: input.description };
        let outcome = modeling::save(&request.services, owner, id, saved).await;
        request.has_written().await;
        ModelingSessionPayload::of(outcome)
    }

    /// Gives a what-if session up. It takes no trades, and can be read for 30 days, or until its
    /// place is needed.
    async fn cancel_modeling_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: CancelModelingSessionInput,
    ) -> Result<ModelingSessionPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let id = NodeId::modeling_session(&input.session_id);
        let outcome = modeling::cancel(&request.services, owner, id).await;
        request.has_written().await;
        ModelingSessionPayload::of(outcome)
    }
}
