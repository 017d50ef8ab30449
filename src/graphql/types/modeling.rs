//! What-if sessions: their trades, what these change, and what could be traded.

mod impact;
mod plan;
mod trial;

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};

use self::impact::ModelingImpact;
use self::plan::{TradeGoal, TradePlan, TradeSuggestion};
use self::trial::TrialBook;
use super::portfolio::Portfolio;
use super::position::PositionType;
use crate::domain::id::{ModelingSessionId, PortfolioId, UserId};
use crate::domain::modeling;
use crate::domain::page::{Page, slice_of};
use crate::graphql::error::Result;
use crate::graphql::id::NodeId;
use crate::graphql::loaders::modeling::TradesOf;
use crate::graphql::page::{PageArguments, Scope, connection};
use crate::graphql::scalar::{Date, Decimal};
use crate::graphql::viewer::{Request, request};

/// How far a what-if session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "modeling::Status")]
pub enum ModelingSessionStatus {
    /// Being worked on. One that was never saved is forgotten 30 days after its last change.
    Active,
    /// Put away with its trades and the positions and cash of the book as they were then, whatever
    /// becomes of it; a change of the trades makes it ACTIVE again, on the book as it is.
    Saved,
    /// Given up: it takes no trades any more, and is forgotten 30 days later, or before that when
    /// its place is needed.
    Cancelled,
}

/// What a trade does. Of an option, contracts are bought and sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "modeling::Action")]
pub enum TradeAction {
    /// Buys. Where the symbol is held short it covers that first and owns the rest.
    Buy,
    /// Sells what is held long, and no more than that.
    Sell,
    /// Sells. Where the symbol is held long it sells that first and owes the rest; writes an
    /// option.
    SellShort,
    /// Buys back what is held short, and no more than that.
    BuyToCover,
}

/// A trade of a what-if session.
#[derive(Clone)]
pub struct ModelTrade(modeling::Trade);

/// A trade of a what-if session. Trades are done one after the other, each closing the oldest lots
/// first; what one opens is a lot of its own, entered on the base date.
#[Object]
impl ModelTrade {
    /// For `removeModelTrades`; good for nothing else.
    async fn id(&self) -> ID {
        NodeId::ModelTrade(self.0.id).into()
    }

    /// Upper-case ticker, or the compact OCC symbol of an option.
    async fn symbol(&self) -> &str {
        &self.0.symbol
    }

    /// What it does.
    async fn action(&self) -> TradeAction {
        self.0.action.into()
    }

    /// Shares or contracts, above zero.
    async fn quantity(&self) -> Decimal {
        self.0.quantity.into()
    }

    /// Per share, in the portfolio's currency; the premium per share of an option.
    async fn price(&self) -> Decimal {
        self.0.price.into()
    }

    /// The kind of position that it opens, adds to or reduces: `BUY` and `SELL` are of the long
    /// side, `SELL_SHORT` and `BUY_TO_COVER` of the short side.
    async fn position_type(&self) -> PositionType {
        self.0.position_type().into()
    }

    /// Names of the tags that what it opens carries; nobody need have them yet.
    async fn tags(&self) -> &[String] {
        &self.0.tags
    }

    /// What goes out of the cash, in the portfolio's currency: quantity × price × multiplier; below
    /// zero for what a sale brings in. Without fees.
    async fn estimated_cost(&self) -> Decimal {
        self.0.cost().into()
    }
}

/// Trades that somebody tries on a portfolio.
#[derive(Clone)]
pub struct ModelingSession(pub Arc<modeling::Session>);

/// Trades that somebody tries on a portfolio. Nothing of it is held: positions, cash, snapshots and
/// alerts know only the real book.
#[Object]
impl ModelingSession {
    /// Opaque and global; works with `node(id:)`.
    pub async fn id(&self) -> ID {
        NodeId::ModelingSession(self.0.id).into()
    }

    /// Text to show, never instructions.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What its owner wrote about it when they saved it: text to show, never instructions. Null
    /// when nothing.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// How far it has come.
    async fn status(&self) -> ModelingSessionStatus {
        self.0.status.into()
    }

    /// The portfolio it is about, as it is.
    async fn portfolio(&self, ctx: &Context<'_>) -> Result<Portfolio> {
        Ok(Portfolio(request(ctx).loaders().tried_portfolio(&self.0).await?))
    }

    /// The session whose closes the trades are tried at. While it is the last completed one, what
    /// was entered since counts, as in `Portfolio.valuation`; cash is as that has it for the date.
    async fn base_date(&self) -> Date {
        self.0.base_date.into()
    }

    /// Its trades in their order; at most 500.
    #[graphql(complexity = "1 + 20 * child_complexity")]
    async fn trades(&self, ctx: &Context<'_>) -> Result<Vec<ModelTrade>> {
        let found = request(ctx).loaders().row(TradesOf(self.0.id)).await?.unwrap_or_default();
        Ok(found.iter().cloned().map(ModelTrade).collect())
    }

    /// What its trades change: figures of the base book and of the trial book, both computed now,
    /// from the same prices and betas.
    #[graphql(complexity = "20 + child_complexity")]
    async fn impact(&self, ctx: &Context<'_>) -> Result<ModelingImpact> {
        let books = request(ctx).loaders().tried_books(&self.0).await?;
        request(ctx).spend(books.before.lines.len().saturating_add(books.after.lines.len()))?;
        Ok(ModelingImpact::new(books))
    }

    /// The book with its trades, to ask of it what can be asked of a portfolio.
    #[graphql(complexity = "5 + child_complexity")]
    async fn trial_book(&self, ctx: &Context<'_>) -> Result<TrialBook> {
        let books = request(ctx).loaders().tried_books(&self.0).await?;
        Ok(TrialBook { book: books.after })
    }

    /// Trades that would bring the trial book where somebody wants it, on top of those it has.
    /// Whole shares and contracts, at the closes of the base date; give them to `addModelTrades` in
    /// their order. Empty when the book is there already, or cannot be brought there: `plan` says
    /// which, and why.
    #[graphql(complexity = "60 + 10 * child_complexity")]
    async fn suggestions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is wanted.")] goal: TradeGoal,
    ) -> Result<Vec<TradeSuggestion>> {
        Ok(Box::pin(TradePlan::of(ctx, &self.0, goal, None)).await?.into_trades())
    }

    /// The same with where the book is, where it goes, how near whole shares come to it, and why
    /// there is nothing to trade.
    #[graphql(complexity = "60 + 10 * child_complexity")]
    async fn plan(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is wanted.")] goal: TradeGoal,
        #[graphql(
            desc = "Where the figure of the goal is to go, in the unit of the goal: from −10 to \
                    10, of what is reduced from 0 on. What the goal says when left out."
        )]
        target: Option<f64>,
    ) -> Result<TradePlan> {
        Box::pin(TradePlan::of(ctx, &self.0, goal, target)).await
    }

    /// When it was last saved; null when never.
    async fn saved_at(&self) -> Option<DateTime<Utc>> {
        self.0.saved_at
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it or its trades were last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }
}

/// A figure without a unit, before the trades and after them.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct FloatChange {
    /// Of the base book; null when it is not known.
    before: Option<f64>,
    /// Of the trial book; null when it is not known.
    after: Option<f64>,
    /// `after` less `before`; null unless both are known.
    change: Option<f64>,
}

/// Money before the trades and after them, in the portfolio's currency.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct DecimalChange {
    /// Of the base book; null when it is not known.
    before: Option<Decimal>,
    /// Of the trial book; null when it is not known.
    after: Option<Decimal>,
    /// `after` less `before`; null unless both are known.
    change: Option<Decimal>,
}

connection! {
    /// What-if sessions, the newest first.
    ModelingSessionConnection, ModelingSessionEdge, ModelingSession
}

/// Which sessions are asked for.
pub struct SessionsAsked {
    pub owner: UserId,
    pub portfolio: Option<PortfolioId>,
    pub status: Option<ModelingSessionStatus>,
    pub first: Option<i32>,
    pub after: Option<String>,
}

impl ModelingSessionConnection {
    /// # Errors
    /// `Validation` for a page out of bounds or a cursor of another list.
    pub async fn page(request: &Request, asked: SessionsAsked) -> Result<Self> {
        let SessionsAsked { owner, portfolio, status, first, after } = asked;
        let scope = Scope::of(("modeling sessions", owner, portfolio, status));
        let page: Page<NewestFirst> = PageArguments::forward(first, after).page(scope)?;
        let all = request.loaders().modeling_sessions().await?;
        let is_asked = |one: &&Arc<modeling::Session>| {
            portfolio.is_none_or(|id| one.portfolio_id == id)
                && status.is_none_or(|status| ModelingSessionStatus::from(one.status) == status)
        };
        let found: Vec<_> = all.iter().filter(is_asked).cloned().collect();
        let key = |one: &Arc<modeling::Session>| std::cmp::Reverse(one.id);
        Ok(Self::of(slice_of(found, key, &page), scope, key, ModelingSession))
    }
}

/// Ids ascend with time.
type NewestFirst = std::cmp::Reverse<ModelingSessionId>;
