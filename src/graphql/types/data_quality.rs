//! What is missing of the data, and what that costs.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, SimpleObject};
use chrono::{DateTime, Utc};

use crate::domain::instrument;
use crate::error::Error;
use crate::graphql::error::Result;
use crate::graphql::loaders::PresenceOf;
use crate::graphql::scalar::Date;
use crate::graphql::viewer::request;
use crate::services::quality::{self, History, Window};
use crate::services::valuation::Book;
use crate::store::presence::Presence;

/// What is missing of the data of a portfolio's open positions, and which figures that costs.
///
/// Assessed are the last 253 completed sessions, whose closes make the 252 returns that the
/// longest statistics are of. Histories are those of the shares and funds held and of the
/// underlyings of the options held; an option needs none of its own. A history should have a close
/// of every session since it is known to have traded: since its first close, since it was
/// entered, or since a provider was first asked for it in vain; without any close, of all 253.
/// Options that have expired and closed positions are left out.
#[derive(SimpleObject)]
pub struct PortfolioDataQuality {
    /// Σ sessions with a close ÷ Σ sessions that should have one, over all histories, simulated
    /// closes included: from 0 to 1, where 1 means that nothing is missing. 1 for a portfolio
    /// without positions.
    score: f64,
    /// When it was assessed.
    assessed_at: DateTime<Utc>,
    /// Symbols with every close since they are known to have traded, and enough of them for
    /// factors and correlations; ascending.
    complete_history: Vec<String>,
    /// Those with enough, but not every one; by symbol.
    partial_history: Vec<PartialHistory>,
    /// Those with fewer than 60 returns of the last 252 sessions, or fewer than 20 of the last 90;
    /// and options of which no price is known. By symbol.
    insufficient: Vec<PartialHistory>,
    /// Symbols held, and underlyings of options held, whose newest price is older than the last
    /// completed session; ascending. What has no price at all is not among them.
    stale_prices: Vec<String>,
    /// Symbols with simulated closes in their history, which no market ever traded at; ascending.
    simulated: Vec<String>,
    /// Regressing histories on factors: each takes 60 returns of the last 252 sessions. A return
    /// takes the closes of two sessions in a row. The factors' own histories are not looked at.
    factor_regression: Feasibility,
    /// Correlating histories: each takes 20 returns of the last 90 sessions; feasible where two
    /// histories share 20.
    correlation: Feasibility,
    /// Greeks of the options held, by symbol: each takes a price of its underlying, and a price
    /// of its own or its underlying's last 30 returns, of which its volatility is. Feasible also
    /// where no option is held: the delta of a share is one.
    greeks: Feasibility,
}

/// A history that is not all there.
#[derive(SimpleObject)]
pub struct PartialHistory {
    /// Whose it is.
    symbol: String,
    /// Sessions of the last 253 with a close; 0 for an option of which no price is known.
    days_available: usize,
    /// Sessions of the last 253 without a close that should have one; of an option of which no
    /// price is known, those since it was entered.
    days_missing: usize,
    /// Why, in sentences: where providers were asked in vain, what they said. Null when nothing
    /// is known of it.
    reason: Option<String>,
}

/// Whether a kind of figure can be computed, and for how many.
#[derive(SimpleObject)]
pub struct Feasibility {
    /// Whether there is a figure of this kind at all.
    is_feasible: bool,
    /// How many have what it takes.
    eligible: usize,
    /// How many have not, and are left out.
    excluded: usize,
    /// Daily returns that it takes of each.
    minimum_days: usize,
}

/// What is there of an instrument's closes, up to the last completed session.
#[derive(SimpleObject)]
#[graphql(complex)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the graph")]
pub struct InstrumentDataQuality {
    /// The first session with a close; null when none is known.
    first_date: Option<Date>,
    /// The newest session with a close; null when none is known.
    last_date: Option<Date>,
    /// Sessions with a close among the last 253, whose closes make a year of returns.
    trading_days: usize,
    /// Sessions among the last 253 without a close that should have one: those since its first
    /// close, or since a provider was first asked for it in vain; without any close all of them.
    /// None after the last day of an option.
    missing_days: usize,
    /// Why closes are missing, in sentences: where providers were asked in vain, what they said.
    /// Null when none is.
    missing_reason: Option<String>,
    /// Whether there is no close of the last completed session, or of an option's last one.
    is_stale: bool,
    /// Whether closes among the last 253 sessions are simulated: no market ever traded at them.
    is_simulated: bool,
    /// Whether at least 60 of the last 252 returns are known, of which a regression on factors is;
    /// of an option, whether those of its underlying are, through which it enters.
    supports_factors: bool,
    /// Whether at least 20 of the last 90 returns are known, of which a correlation is; of an
    /// option, whether those of its underlying are.
    supports_correlation: bool,
    #[graphql(skip)]
    of: Arc<Presence>,
}

#[ComplexObject]
impl InstrumentDataQuality {
    /// Closes that moved further than anything explains, by date: more than eight deviations of
    /// the 60 sessions before, without a split or dividend, while the market moved less than 3 %.
    /// They are used all the same. The nightly chain looks, at what is held.
    #[graphql(complexity = "5 + 5 * child_complexity")]
    async fn doubts(&self) -> Vec<PriceDoubt> {
        let doubts = self.of.doubts.iter();
        doubts.map(|(date, says)| PriceDoubt { date: Date(*date), message: says.clone() }).collect()
    }
}

/// A close that is doubted.
#[derive(SimpleObject)]
pub struct PriceDoubt {
    /// Its session.
    date: Date,
    /// What is odd about it, and what other sources say.
    message: String,
}

impl PortfolioDataQuality {
    /// What is missing of a book of the last completed session.
    pub async fn of(ctx: &Context<'_>, book: &Book) -> Result<Self> {
        let request = request(ctx);
        let window = Window::up_to(book.horizon.as_of, &request.services.calendar);
        let wanted = quality::wanted(book).into_iter().map(|id| PresenceOf(window.of(id)));
        let found = request.loaders().rows(wanted).await?;
        let presences = found.into_iter().map(|(of, there)| (of.0.instrument, there)).collect();
        let assessed = quality::assess(book, &presences, &window);
        Ok(Self {
            score: assessed.score,
            assessed_at: book.computed_at,
            complete_history: assessed.complete,
            partial_history: assessed.partial.into_iter().map(Into::into).collect(),
            insufficient: assessed.insufficient.into_iter().map(Into::into).collect(),
            stale_prices: assessed.stale,
            simulated: assessed.simulated,
            factor_regression: assessed.factor_regression.into(),
            correlation: assessed.correlation.into(),
            greeks: assessed.greeks.into(),
        })
    }
}

impl InstrumentDataQuality {
    /// What is there of an instrument up to the last completed session.
    pub async fn of(ctx: &Context<'_>, instrument: &Arc<instrument::Instrument>) -> Result<Self> {
        let request = request(ctx);
        let last = request.horizon(None)?.as_of;
        let window = Window::up_to(last, &request.services.calendar);
        let contract = instrument.contract.as_ref();
        let own = PresenceOf(window.of(instrument.id));
        let underlying = contract.map(|contract| PresenceOf(window.of(contract.underlying_id)));
        let found = request.loaders().rows([own].into_iter().chain(underlying)).await?;
        let there = |of: &PresenceOf| {
            let missing = || Error::Internal("a range was not answered for".into());
            found.get(of).cloned().ok_or_else(missing)
        };
        let of = there(&own)?;
        let of_own = History::of(&of, &window, None, contract.map(|contract| contract.expiry));
        let moving = match &underlying {
            Some(of) => {
                let of = there(of)?;
                History::of(&of, &window, None, None)
            }
            None => of_own.clone(),
        };
        Ok(Self {
            first_date: of_own.first.map(Date),
            last_date: of_own.last.map(Date),
            trading_days: of_own.available,
            missing_days: of_own.missing,
            missing_reason: of_own.reason,
            is_stale: of_own.is_stale,
            is_simulated: of_own.is_simulated,
            supports_factors: moving.supports_factors(),
            of,
            supports_correlation: moving.supports_correlation(),
        })
    }
}

impl From<quality::Holed> for PartialHistory {
    fn from(holed: quality::Holed) -> Self {
        let quality::Holed { symbol, available, missing, reason } = holed;
        Self { symbol, days_available: available, days_missing: missing, reason }
    }
}

impl From<quality::Feasibility> for Feasibility {
    fn from(feasibility: quality::Feasibility) -> Self {
        let quality::Feasibility { is_feasible, eligible, excluded, minimum } = feasibility;
        Self { is_feasible, eligible, excluded, minimum_days: minimum }
    }
}
