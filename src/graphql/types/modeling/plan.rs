//! What could be traded to bring a book where somebody wants it.

use std::sync::Arc;

use async_graphql::{Context, Enum, SimpleObject};

use super::TradeAction;
use crate::domain::modeling::Session;
use crate::error::Refusal;
use crate::graphql::error::Result;
use crate::graphql::scalar::Decimal;
use crate::graphql::viewer::request;
use crate::services::greeks::Model;
use crate::services::modeling::{self, Goal, Plan, Suggestion, Sums};

/// Largest target, either way.
const MAX_TARGET: f64 = 10.0;

/// What is wanted of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "Goal")]
pub enum TradeGoal {
    /// The market beta, Σ delta-adjusted exposure × beta over the total value, goes to zero, by
    /// shares of SPY. What has no beta is left out.
    NeutralizeMarketBeta,
    /// The delta, Σ delta × price over the total value, goes to zero: what options and shares of
    /// one underlying make together by shares of that underlying, the rest by shares of SPY.
    NeutralizeDelta,
    /// No symbol has more than a tenth of the gross exposure, or than one and a half equal shares
    /// where there are fewer than 15 symbols: the largest are sold down to one size.
    ReduceConcentration,
    /// The gross exposure goes down to the total value, or by a tenth where it is no more than
    /// that already: a like part of everything is sold, or covered.
    ReduceGross,
}

/// A trade that would bring a book nearer to a goal.
#[derive(Clone, Debug, SimpleObject)]
pub struct TradeSuggestion {
    /// Upper-case ticker, or the compact OCC symbol of an option.
    symbol: String,
    /// What to do.
    action: TradeAction,
    /// Whole shares or contracts, above zero.
    quantity: Decimal,
    /// The close that it is reckoned at, per share; the premium per share of an option.
    estimated_price: Decimal,
    /// Why, in a sentence with numbers.
    rationale: String,
    /// What it changes, in a sentence with numbers.
    effect: String,
}

impl From<Suggestion> for TradeSuggestion {
    fn from(found: Suggestion) -> Self {
        Self {
            symbol: found.symbol,
            action: found.action.into(),
            quantity: found.quantity.into(),
            estimated_price: found.price.into(),
            rationale: found.rationale,
            effect: found.effect,
        }
    }
}

/// How a goal is reached, or why there is nothing to trade. The trades together bring the figure
/// to the target, as near as whole shares and contracts come, when the book is computed anew with
/// them.
#[derive(SimpleObject)]
pub struct TradePlan {
    /// What is wanted.
    goal: TradeGoal,
    /// The figure of the goal in the trial book as it is: a beta, or a share as a fraction. Null
    /// when it cannot be told.
    before: Option<f64>,
    /// Where it is to go, in the same unit.
    target: f64,
    /// How far from the target the trades may leave it: half of one share or contract as a
    /// fraction of the total value, either way; of `REDUCE_CONCENTRATION` zero.
    tolerance: f64,
    /// The figure with the trades; without any, as it is.
    after: Option<f64>,
    /// The trades, to be done in this order; at most 500. Empty when there is nothing to do or
    /// nothing that can be done.
    trades: Vec<TradeSuggestion>,
    /// Why there are no trades, in a sentence; null when there are.
    reason: Option<String>,
}

impl TradePlan {
    /// # Errors
    /// `Validation` for a target beyond what a figure can be.
    pub async fn of(
        ctx: &Context<'_>,
        session: &Session,
        goal: TradeGoal,
        target: Option<f64>,
    ) -> Result<Self> {
        let least = match goal {
            TradeGoal::NeutralizeMarketBeta | TradeGoal::NeutralizeDelta => -MAX_TARGET,
            TradeGoal::ReduceConcentration | TradeGoal::ReduceGross => 0.0,
        };
        if target.is_some_and(|target| !(least..=MAX_TARGET).contains(&target)) {
            let rule = format!("`target` of this goal is from {least} to {MAX_TARGET}.");
            return Err(Refusal::validation(rule)
                .at("target")
                .hint("Leave it out for what is usual.")
                .into());
        }
        let request = request(ctx);
        let loaders = request.loaders();
        let books = loaders.tried_books(session).await?;
        request.spend(books.after.lines.len())?;
        let (greeks, hedge) = futures_util::try_join!(
            loaders.greeks(&books.after, Model::default()),
            loaders.hedge(&books.after),
        )?;
        let estimates = loaders.shared_estimates(books.as_ref(), hedge.as_ref()).await?;
        let book = Arc::clone(&books.after);
        let work = move || {
            let sums = Sums { greeks: &greeks, estimates: &estimates, hedge: hedge.as_ref() };
            modeling::plan(goal.into(), target, &book, &sums)
        };
        Ok(loaders.off_the_threads(work).await?.into())
    }

    pub fn into_trades(self) -> Vec<TradeSuggestion> {
        self.trades
    }
}

impl From<Plan> for TradePlan {
    fn from(plan: Plan) -> Self {
        Self {
            goal: plan.goal.into(),
            before: plan.before,
            target: plan.target,
            tolerance: plan.tolerance,
            after: plan.after,
            trades: plan.trades.into_iter().map(TradeSuggestion::from).collect(),
            reason: plan.reason,
        }
    }
}
