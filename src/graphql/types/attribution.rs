//! Which groups of a book made its profit or loss, and what the Greeks account for.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};
use tokio::sync::OnceCell;

use super::position::PositionGrouping;
use super::quality::Quality;
use super::tag::Tag;
use crate::domain::portfolio::Portfolio;
use crate::domain::price::Horizon;
use crate::error::{Code, Refusal};
use crate::graphql::error::{ApiError, Result};
use crate::graphql::scalar::{Date, Decimal};
use crate::graphql::viewer::{request, resolved_warning};
use crate::services::attribution::explain::{self, Explains, MAX_SESSIONS};
use crate::services::attribution::{Attributed, Period};

/// What all lines of an attribution share.
struct Whole {
    period: Period,
    /// About the dates that were asked for.
    warnings: Vec<String>,
    /// Found when it is asked for, once for all lines.
    explains: OnceCell<Explains>,
}

/// What a group of positions made or lost over a period.
pub struct AttributionLine {
    whole: Arc<Whole>,
    line: Attributed,
}

impl Whole {
    async fn read(
        ctx: &Context<'_>,
        portfolio: &Arc<Portfolio>,
        from: Option<Date>,
        to: Option<Date>,
    ) -> Result<Self> {
        let request = request(ctx);
        let end = request.horizon(to)?;
        let start = from.map(|from| request.horizon(Some(from))).transpose()?;
        let start = start.map_or(end.previous, |start| start.as_of);
        if start >= end.as_of {
            let message = format!("No session lies between {start} and {}.", end.as_of);
            return Err(Refusal::validation(message)
                .at("from")
                .hint("Let `from` be a session before that of `to`.")
                .into());
        }
        let start = Horizon::of(start, start, &request.services.calendar);
        let loaders = request.loaders();
        let books = loaders.books(portfolio, &[start, end]).await?;
        let [start, end] = <[_; 2]>::try_from(books).map_err(|_| Refusal::not_found("book"))?;
        request.spend(start.lines.len().saturating_add(end.lines.len()))?;
        let asked = [(from, start.horizon.as_of), (to, end.horizon.as_of)];
        let warnings =
            asked.into_iter().filter_map(|(day, session)| resolved_warning(day, session));
        let warnings = warnings.collect();
        Ok(Self { period: Period::new(start, end), warnings, explains: OnceCell::new() })
    }

    async fn explains(&self, ctx: &Context<'_>) -> Result<&Explains> {
        let explain = async {
            let request = request(ctx);
            let calendar = &request.services.calendar;
            let sessions = explain::wanted(&self.period, calendar);
            if sessions.len() > MAX_SESSIONS {
                let message = format!("`greeksExplained` takes at most {MAX_SESSIONS} sessions.");
                let refusal = Refusal::new(Code::LimitExceeded, message);
                return Err(ApiError::from(refusal.hint("Let `from` be later.")));
            }
            let horizon = |session| Horizon::of(session, session, calendar);
            let horizons: Vec<_> = sessions.into_iter().map(horizon).collect();
            let loaders = request.loaders();
            let books = loaders.books(&self.period.end.portfolio, &horizons).await?;
            let days = loaders.with_greeks(books).await?;
            Ok(explain::explains(&self.period, &days, calendar))
        };
        self.explains.get_or_try_init(|| explain).await
    }
}

impl AttributionLine {
    /// Those of a period, the largest profit or loss first.
    pub async fn of_period(
        ctx: &Context<'_>,
        portfolio: &Arc<Portfolio>,
        from: Option<Date>,
        to: Option<Date>,
        by: PositionGrouping,
    ) -> Result<Vec<Self>> {
        let whole = Arc::new(Whole::read(ctx, portfolio, from, to).await?);
        let lines = whole.period.attribute(by.into());
        Ok(lines.into_iter().map(|line| Self { whole: Arc::clone(&whole), line }).collect())
    }

    pub fn key_of(&self) -> &str {
        &self.line.group.key
    }
}

/// What a group of positions made or lost from the close of one session to that of another. A
/// position that was held at the first counts from its close then, one entered since from what was
/// paid for it; one closed since counts to what it was sold for.
#[Object]
impl AttributionLine {
    /// What they share, such as a ticker or a tag's name. Empty for those that have none.
    async fn key(&self) -> &str {
        self.key_of()
    }

    /// The key in words.
    async fn label(&self) -> &str {
        &self.line.group.label
    }

    /// The tag they share, when grouped by tag or strategy; else null.
    async fn tag(&self) -> Option<Tag> {
        self.line.group.tag.clone().map(Tag)
    }

    /// Positions held at some time in the period, those left out of the profit too.
    async fn position_count(&self) -> usize {
        self.line.group.lines.len()
    }

    /// Profit, below zero a loss, in the portfolio's currency: Σ (value at the end, or what it was
    /// sold for − value at the start, or what was paid), values signed. Of one session it is the
    /// daily profit. Null when no position has both prices.
    async fn pnl(&self) -> Option<Decimal> {
        self.line.pnl.map(Decimal)
    }

    /// The profit over the portfolio's total value at the start, as `valuation(asOf:)` has it: a
    /// fraction, 0.01 is 1 %. Those of groups that share no position add up to the whole profit's
    /// share of that value; the returns of sessions are not linked. Null without a profit, and
    /// where that value is not above zero.
    async fn contribution(&self) -> Option<f64> {
        self.line.contribution
    }

    /// What the Greeks of its options account for; null without options. What is no option moves
    /// by its price alone.
    async fn greeks_explained(&self, ctx: &Context<'_>) -> Result<Option<GreeksPnl>> {
        let explains = self.whole.explains(ctx).await?;
        let sum = explain::sum(&self.whole.period, &self.line.group.lines, explains);
        Ok(sum.map(|sum| GreeksPnl::of(&sum)))
    }

    /// The session at whose close the period begins.
    async fn from(&self) -> Date {
        self.whole.period.start.horizon.as_of.into()
    }

    /// The session at whose close it ends.
    async fn to(&self) -> Date {
        self.whole.period.end.horizon.as_of.into()
    }

    /// How far the profit can be trusted.
    async fn quality(&self) -> Quality {
        self.line.quality.into()
    }

    /// What to know about it, in sentences.
    async fn warnings(&self) -> Vec<String> {
        [&self.line.warnings[..], &self.whole.warnings].concat()
    }
}

/// Profit and loss of options by cause, in the portfolio's currency: the explains of each session
/// of the period, added up. Each multiplies the Greeks at the close before (`BLACK_SCHOLES_MERTON`,
/// of the position) with what changed until the next. Figures are null when no option could be
/// explained; the parts and `unexplained` add up to `pnl`. Source: Hull, Options, Futures, and
/// Other Derivatives, chapter 19.
#[derive(SimpleObject)]
pub struct GreeksPnl {
    /// Σ delta × change of the underlying's price.
    delta: Option<Decimal>,
    /// Σ ½ gamma × the square of that change.
    gamma: Option<Decimal>,
    /// Σ theta × calendar days that passed; below zero where time took value.
    theta: Option<Decimal>,
    /// Σ vega × change of the volatility that the option's price implies, in points of 0.01.
    vega: Option<Decimal>,
    /// Σ rho × change of the rate that discounts it, in points of 0.01.
    rho: Option<Decimal>,
    /// What the Greeks leave: higher and mixed terms, what was traded within a session at another
    /// price than its close, dividends, quotes that no model gives.
    unexplained: Option<Decimal>,
    /// Profit of the options that are explained: the sum of the others.
    pnl: Option<Decimal>,
    /// Options that are explained.
    included_positions: usize,
    /// Options that are not, for want of a price or of Greeks at an end of the period.
    excluded_positions: usize,
    /// How far they can be trusted.
    quality: Quality,
    /// What to know about them, in sentences.
    warnings: Vec<String>,
}

impl GreeksPnl {
    fn of(sum: &explain::Sum) -> Self {
        let figure = |amount| (sum.included > 0).then_some(Decimal(amount));
        let parts = &sum.parts;
        Self {
            delta: figure(parts.delta),
            gamma: figure(parts.gamma),
            theta: figure(parts.theta),
            vega: figure(parts.vega),
            rho: figure(parts.rho),
            unexplained: figure(sum.unexplained()),
            pnl: figure(sum.pnl),
            included_positions: sum.included,
            excluded_positions: sum.excluded.len(),
            quality: sum.quality().into(),
            warnings: sum.warnings(),
        }
    }
}
