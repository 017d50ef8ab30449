//! What moves would do to a portfolio.

mod origin;

use std::fmt::Write as _;
use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Object, SimpleObject};

pub use origin::{Origin, PositionImpact};

use self::origin::{How, live};
use super::quality::{Provenance, ProvenanceInput, Quality};
use super::scenario::{Severity, StressScenario};
use crate::domain::result::{self, Moved};
use crate::domain::scenario::Scenario;
use crate::graphql::error::Result;
use crate::graphql::page::cost;
use crate::graphql::scalar::{Date, Decimal};
use crate::graphql::viewer::request;
use crate::services::stress::{self, Desk, Move, Outcome, Standing, Total};
use crate::services::valuation::Book;

/// What a single move would do.
pub struct ScenarioResult {
    pub origin: Origin,
    pub kind: Moved,
    pub result: Move,
}

impl ScenarioResult {
    /// As the nightly chain found it, of a book that is still the same.
    pub fn latest(
        of: result::Of,
        book: &Arc<Book>,
        found: result::Largest<result::MarketRisk, result::PositionPnl>,
    ) -> Self {
        let result::Largest { found, largest: positions } = found;
        let result = Move {
            change: found.change,
            total: Total {
                pnl: found.pnl,
                share: found.share,
                new_total_value: found.new_total_value,
                severity: found.severity,
            },
            beta: found.beta,
            positions: Vec::new(),
            standing: Standing {
                quality: found.quality,
                warnings: found.warnings,
                coverage: found.covered.into(),
            },
        };
        let origin = Origin::Stored { of, positions, book: Some(Arc::clone(book)) };
        Self { origin, kind: found.kind, result }
    }
}

/// What a single move of the market or of the 10-year Treasury yield would do, as of a session.
/// Figures are of the positions that have a price, a delta and a beta: `provenance.coverage` counts
/// them, and with `INSUFFICIENT` there are none: the figures are null and `warnings` say why.
#[Object]
impl ScenarioResult {
    /// The move in words, such as `Market +1 %`.
    async fn name(&self) -> String {
        let change = self.result.change;
        match self.kind {
            Moved::Market => format!("Market {}", signed(change * 100.0, "%")),
            Moved::Rate => format!("10-year yield {}", signed(change * 10_000.0, "bp")),
        }
    }

    /// Of the market the return, −10 % is `-0.1`; of the yield the absolute change, `0.005` is 50
    /// basis points up.
    #[graphql(name = "move")]
    async fn change(&self) -> f64 {
        self.result.change
    }

    /// Σ delta-adjusted exposure × beta × move, with the sign of the exposures: a short offsets.
    /// Below zero is a loss; no long position loses, and no short one gains, more than it is worth.
    /// Null when nothing is known.
    async fn pnl(&self) -> Option<Decimal> {
        self.known().map(|total| total.pnl.into())
    }

    /// `pnl` as a fraction of the total value, or of the gross exposure where that value is not
    /// above zero; 0 for a portfolio without both, null when nothing is known.
    async fn pnl_percent(&self) -> Option<f64> {
        self.known().map(|total| total.share)
    }

    /// Total value plus `pnl`; null when nothing is known.
    async fn new_total_value(&self) -> Option<Decimal> {
        self.known().map(|total| total.new_total_value.into())
    }

    /// Σ exposure × beta over the total value: the portfolio's return per 1.00 of the move. Null
    /// unless the total value is above zero and a beta is known.
    async fn beta(&self) -> Option<f64> {
        self.result.beta
    }

    /// How bad that is, by `pnlPercent`; the values say from where on. Null when nothing is known.
    async fn severity(&self) -> Option<Severity> {
        self.known().map(|total| total.severity.into())
    }

    /// What each position makes or loses, the largest size first.
    #[graphql(complexity = "cost(first.or(Some(10)), None, child_complexity)")]
    async fn positions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many; up to 500.", default_with = "Some(10)")] first: Option<
            i32,
        >,
    ) -> Result<Vec<PositionImpact>> {
        let (kind, change) = (self.kind, self.result.change);
        let anew = move |desk: &Desk| {
            let found = desk.moves_of(kind, &[change]).unwrap_or_default().into_iter().next();
            found.map(|one| one.positions).unwrap_or_default()
        };
        self.origin.positions(ctx, &self.result.positions, first, anew).await
    }

    /// The session whose closes it starts from.
    async fn as_of(&self) -> Date {
        self.origin.as_of().into()
    }

    /// How far it can be trusted.
    async fn quality(&self) -> Quality {
        self.result.standing.quality.into()
    }

    /// What to know about it, in sentences.
    async fn warnings(&self) -> &[String] {
        &self.result.standing.warnings
    }

    /// Where it comes from.
    async fn provenance(&self, ctx: &Context<'_>) -> Result<Provenance> {
        let how = match self.kind {
            Moved::Market => How::MarketBeta,
            Moved::Rate => How::RateBeta,
        };
        let Move { total, standing, .. } = &self.result;
        self.origin.provenance(ctx, how, total, standing).await
    }
}

impl ScenarioResult {
    fn known(&self) -> Option<&Total> {
        self.result.standing.is_known().then_some(&self.result.total)
    }
}

/// A number with its sign and unit, without the noise of floats.
fn signed(number: f64, unit: &str) -> String {
    let mut text = format!("{number:+.4}");
    text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    let _ = write!(text, " {unit}");
    text
}

/// What a scenario would do.
pub struct StressResult {
    pub origin: Origin,
    pub outcome: Outcome,
}

impl StressResult {
    /// As the nightly chain found it, of `book` where that is still the same.
    pub fn kept(
        scenario: &Scenario,
        of: result::Of,
        found: result::StressResult,
        book: Option<&Arc<Book>>,
    ) -> Self {
        let impact = |one: result::Impact| stress::Impact {
            variable: one.variable,
            shock: one.shock,
            dollars: one.dollars,
            pnl: one.pnl,
            is_direct: one.is_direct,
        };
        let outcome = Outcome {
            scenario: Arc::new(Scenario { shocks: found.shocks, ..scenario.clone() }),
            direct: found.direct_pnl,
            correlation: found.correlation_pnl,
            total: Total {
                pnl: found.total_pnl,
                share: found.share,
                new_total_value: found.new_total_value,
                severity: found.severity,
            },
            full_revaluation: found.full_revaluation_pnl,
            impacts: found.impacts.into_iter().map(impact).collect(),
            positions: Vec::new(),
            standing: Standing {
                quality: found.quality,
                warnings: found.warnings,
                coverage: found.covered.into(),
            },
        };
        let origin = Origin::Stored { of, positions: found.positions, book: book.cloned() };
        Self { origin, outcome }
    }
}

/// What a variable's move does to a portfolio.
#[derive(SimpleObject)]
pub struct FactorImpact {
    /// As of `FactorShock`.
    variable: String,
    /// How far it moves: its shock, or where it is expected given the shocks.
    shock: f64,
    /// Σ delta-adjusted exposure × beta: profit per 1.00 of its move. Betas are of one regression
    /// on the seven factors and on everything else that is shocked.
    exposure_dollars: Decimal,
    /// `exposureDollars` × `shock`, before positions are bounded by their worth.
    pnl: Decimal,
    /// Whether the scenario shocks it; else it moves along.
    is_direct: bool,
}

/// What a scenario would do to a portfolio, at once and starting from the close of a session. It
/// is of the positions that have a price, a delta and betas, or whose sector is shocked:
/// `provenance.coverage` counts them, and with `INSUFFICIENT` there are none, or too little is known
/// of what is shocked: the figures are null and `warnings` say why. A position of a shocked sector
/// moves as its sector does, whatever else moves.
#[Object]
impl StressResult {
    /// What is supposed to happen.
    async fn scenario(&self) -> StressScenario {
        StressScenario(Arc::clone(&self.outcome.scenario))
    }

    /// Only the shocked variables move. Null when nothing is known.
    async fn direct_pnl(&self) -> Option<Decimal> {
        self.known().map(|outcome| outcome.direct.into())
    }

    /// What the other factors add, moving as they usually do with the shocked ones: to Σus Σss⁻¹ ×
    /// shocks, with the covariances Σ of 252 sessions. Styles are net of their beta to the market,
    /// so a shock of the market alone moves none of them: market betas carry all of it. Null when
    /// nothing is known.
    async fn correlation_pnl(&self) -> Option<Decimal> {
        self.known().map(|outcome| outcome.correlation.into())
    }

    /// `directPnl` plus `correlationPnl`, exactly. Below zero is a loss. No price falls below zero: no
    /// long position loses, and no short one gains, more than it is worth, so that a book of longs
    /// cannot lose more either. What a short position loses has no bound. Null when nothing is known.
    async fn total_pnl(&self) -> Option<Decimal> {
        self.known().map(|outcome| outcome.total.pnl.into())
    }

    /// Options revalued in full at the shocked prices instead of by delta; without options the
    /// total. Where it is worse than `totalPnl` by a class of severity, `warnings` say so. A
    /// volatility moves only with a shock of the VIX, by so many points of the index times √(30 /
    /// days left) beyond 30 days; the rate with `INTEREST_RATE`. Null when an option cannot be
    /// priced, or nothing is known.
    async fn full_revaluation_pnl(&self) -> Option<Decimal> {
        self.known()?.full_revaluation.map(Decimal)
    }

    /// `totalPnl`, in which options count by delta, as a fraction of the total value, or of the
    /// gross exposure where that value is not above zero; 0 for a portfolio without both, null when
    /// nothing is known.
    async fn pnl_percent(&self) -> Option<f64> {
        self.known().map(|outcome| outcome.total.share)
    }

    /// Total value plus `totalPnl`; null when nothing is known.
    async fn new_total_value(&self) -> Option<Decimal> {
        self.known().map(|outcome| outcome.total.new_total_value.into())
    }

    /// How bad that is, by `pnlPercent`, and so by delta; the values say from where on. Null when
    /// nothing is known.
    async fn severity(&self) -> Option<Severity> {
        self.known().map(|outcome| outcome.total.severity.into())
    }

    /// What each variable does, shocked or moved along; they make `totalPnl` with what it changes that no
    /// position's value crosses zero. At most 35; none when nothing is known.
    #[graphql(complexity = "1 + 8 * child_complexity")]
    async fn factor_impacts(&self) -> Vec<FactorImpact> {
        let impact = |one: &stress::Impact| FactorImpact {
            variable: one.variable.to_string(),
            shock: one.shock,
            exposure_dollars: one.dollars.into(),
            pnl: one.pnl.into(),
            is_direct: one.is_direct,
        };
        self.known().map_or_else(Vec::new, |own| own.impacts.iter().map(impact).collect())
    }

    /// What each position adds to `totalPnl`, the largest size first. Of `stressHistory` the
    /// ten largest alone, and of these the positions that are still there.
    #[graphql(complexity = "cost(first.or(Some(10)), None, child_complexity)")]
    async fn positions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many; up to 500.", default_with = "Some(10)")] first: Option<
            i32,
        >,
    ) -> Result<Vec<PositionImpact>> {
        if !self.outcome.standing.is_known() {
            return Ok(Vec::new());
        }
        let scenario = Arc::clone(&self.outcome.scenario);
        let anew = move |desk: &Desk| {
            let found = desk.run(&[scenario]).into_iter().next();
            found.map(|one| one.positions).unwrap_or_default()
        };
        self.origin.positions(ctx, &self.outcome.positions, first, anew).await
    }

    /// The session whose closes it starts from.
    async fn as_of(&self) -> Date {
        self.origin.as_of().into()
    }

    /// How far it can be trusted. `LIMITED` also where something stands in for a variable without
    /// enough history.
    async fn quality(&self) -> Quality {
        self.outcome.standing.quality.into()
    }

    /// What to know about it, in sentences.
    async fn warnings(&self) -> &[String] {
        &self.outcome.standing.warnings
    }

    /// Where it comes from: with the exposures and betas of the positions, and the Greeks' own
    /// provenance for options priced anew, enough to do it again.
    async fn provenance(&self, ctx: &Context<'_>) -> Result<Provenance> {
        let Outcome { scenario, total, standing, .. } = &self.outcome;
        let mut told = self.origin.provenance(ctx, How::JointBetas, total, standing).await?;
        told.inputs.extend(self.origin.supposed(ctx, scenario).await?);
        Ok(told)
    }
}

impl StressResult {
    fn known(&self) -> Option<&Outcome> {
        self.outcome.standing.is_known().then_some(&self.outcome)
    }
}

/// How well the market's move times the betas would have predicted what the positions, as they are
/// now, returned. Betas are of the 252 sessions before the ones looked at, so that no prediction
/// knows its outcome; returns are over the total value, or over the gross exposure where that value
/// is not above zero; options count through their present delta. With `INSUFFICIENT` the figures
/// are null and `warnings` say why.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct ScenarioAccuracy {
    /// Sessions looked back on.
    days_back: usize,
    /// Those of them with a prediction and an outcome.
    observations: usize,
    /// Root of the mean square of prediction less outcome, per session; null without observations.
    rmse: Option<f64>,
    /// Of predictions with outcomes; null where either does not vary.
    correlation: Option<f64>,
    /// Mean of prediction less outcome; above zero promised too much. Null without observations.
    bias: Option<f64>,
    /// Share of the sessions whose sign was right; null without observations.
    hit_rate: Option<f64>,
    /// How far it can be trusted; `INSUFFICIENT` without observations.
    quality: Quality,
    /// What to know about it, in sentences.
    warnings: Vec<String>,
    #[graphql(skip)]
    points: Vec<stress::Point>,
}

/// What was predicted for a session, and what came.
#[derive(SimpleObject)]
pub struct ScenarioAccuracyPoint {
    /// The session.
    date: Date,
    /// Σ weight × market beta × return of the market.
    predicted: f64,
    /// Σ weight × return.
    actual: f64,
}

#[ComplexObject]
impl ScenarioAccuracy {
    /// Session by session, ascending; at most `daysBack`.
    #[graphql(complexity = "1 + 90 * child_complexity")]
    async fn points(&self) -> Vec<ScenarioAccuracyPoint> {
        let point = |one: &stress::Point| ScenarioAccuracyPoint {
            date: one.date.into(),
            predicted: one.predicted,
            actual: one.actual,
        };
        self.points.iter().map(point).collect()
    }
}

impl From<stress::Accuracy> for ScenarioAccuracy {
    fn from(found: stress::Accuracy) -> Self {
        let measured = found.measured;
        Self {
            days_back: found.days_back,
            observations: found.points.len(),
            rmse: measured.map(|of| of.rmse),
            correlation: measured.and_then(|of| of.correlation),
            bias: measured.map(|of| of.bias),
            hit_rate: measured.map(|of| of.hit_rate),
            quality: found.standing.quality.into(),
            warnings: found.standing.warnings,
            points: found.points,
        }
    }
}

/// The smallest move of one variable, up or down, that loses a share of the portfolio; nothing else
/// moves with it, and options move by their delta. Betas are those of `stressTest`, to the variable
/// beside the factors: that to `INTEREST_RATE` is what the yield does while the factors stay, and may
/// have another sign than that of `rateScenarios`, which is to the yield alone.
#[derive(SimpleObject)]
pub struct ReverseStressResult {
    /// What moves, named as in `FactorShock`.
    variable: String,
    /// The share of the total value to lose, above zero: 0.1 is 10 %; of the gross exposure where
    /// that value is not above zero.
    loss_ratio: f64,
    /// How far, in the unit of `FactorShock.shock`; null where no move within the variable's bounds
    /// loses as much; `warnings` then say the most that one loses.
    #[graphql(name = "move")]
    change: Option<f64>,
    /// The loss there, below zero; null without a move.
    pnl: Option<Decimal>,
    /// Whether there is such a move.
    is_reachable: bool,
    /// The session whose closes it starts from.
    as_of: Date,
    /// How far it can be trusted.
    quality: Quality,
    /// What to know about it, in sentences.
    warnings: Vec<String>,
}

impl ReverseStressResult {
    pub fn new(desk: &Desk, variable: String, loss_ratio: f64, found: stress::Reverse) -> Self {
        Self {
            variable,
            loss_ratio,
            change: found.change,
            pnl: found.pnl.map(Decimal),
            is_reachable: found.change.is_some(),
            as_of: desk.book.horizon.as_of.into(),
            quality: found.standing.quality.into(),
            warnings: found.standing.warnings,
        }
    }
}

/// What a portfolio may make or lose over a horizon, by Monte Carlo: the seven factors are drawn
/// jointly lognormal, without drift and with their covariance over 252 sessions times the
/// sessions ahead; what they leave unexplained of each instrument is drawn as one; positions move
/// by delta-adjusted exposure × beta. An option has today's delta throughout, also where it expires
/// within the horizon: `warnings` say so. With `INSUFFICIENT` the figures are null, the lists empty, and
/// `warnings` say why.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct MonteCarloResult {
    /// Outcomes that were drawn.
    pub paths: i32,
    /// Sessions ahead that the outcomes are of.
    pub horizon_days: i32,
    /// Of `valueAtRisk` and `expectedShortfall`: 0.95 is 95 %.
    pub confidence: f64,
    /// What the random numbers start from: the same gives the same outcomes.
    pub seed: i32,
    /// The session whose closes it starts from.
    pub as_of: Date,
    /// How far it can be trusted.
    pub quality: Quality,
    /// What to know about it, in sentences.
    pub warnings: Vec<String>,
    #[graphql(skip)]
    pub desk: Arc<Desk>,
    #[graphql(skip)]
    pub found: stress::Simulated,
}

/// The profit that a share of the paths stays below.
#[derive(SimpleObject)]
pub struct PercentilePoint {
    /// The share: 0.05 is the fifth percentile.
    percentile: f64,
    /// The profit, below zero a loss.
    pnl: Decimal,
}

/// How many paths end in an interval.
#[derive(SimpleObject)]
pub struct HistogramBin {
    /// Where it begins.
    from: Decimal,
    /// Where it ends; that itself belongs to the next, but for the last.
    to: Decimal,
    /// Paths that end in it.
    count: usize,
}

#[ComplexObject]
impl MonteCarloResult {
    /// A loss above zero, exceeded in a share of 1 − `confidence` of the paths; below zero where even
    /// these gain. Null when nothing is known.
    async fn value_at_risk(&self) -> Option<Decimal> {
        self.known().map(|found| found.value_at_risk.into())
    }

    /// Mean loss of the paths that lose as much or more; null when nothing is known.
    async fn expected_shortfall(&self) -> Option<Decimal> {
        self.known().map(|found| found.expected_shortfall.into())
    }

    /// Mean profit: close to zero, as nothing is expected to move. Null when nothing is known.
    async fn mean(&self) -> Option<Decimal> {
        self.known().map(|found| found.mean.into())
    }

    /// Standard deviation of the profits, in the portfolio's currency; never negative. Null when
    /// nothing is known.
    async fn standard_deviation(&self) -> Option<Decimal> {
        self.known().map(|found| found.standard_deviation.into())
    }

    /// At 1, 5, 10, 25, 50, 75, 90, 95 and 99 %.
    #[graphql(complexity = "1 + 9 * child_complexity")]
    async fn percentiles(&self) -> Vec<PercentilePoint> {
        let point = |&(percentile, pnl): &(f64, rust_decimal::Decimal)| PercentilePoint {
            percentile,
            pnl: pnl.into(),
        };
        self.known().map_or_else(Vec::new, |own| own.percentiles.iter().map(point).collect())
    }

    /// Twenty intervals of one width from the worst path to the best; one where all are the same.
    #[graphql(complexity = "1 + 20 * child_complexity")]
    async fn histogram(&self) -> Vec<HistogramBin> {
        let bin = |&(from, to, count): &(rust_decimal::Decimal, rust_decimal::Decimal, usize)| {
            HistogramBin { from: from.into(), to: to.into(), count }
        };
        self.known().map_or_else(Vec::new, |own| own.histogram.iter().map(bin).collect())
    }

    /// Where it comes from.
    async fn provenance(&self, ctx: &Context<'_>) -> Provenance {
        let mut told = live(request(ctx), &self.desk, How::MonteCarlo, &self.found.standing);
        told.inputs.extend([
            ProvenanceInput::new("paths", &self.paths),
            ProvenanceInput::new("horizonDays", &self.horizon_days).in_unit("sessions"),
            ProvenanceInput::new("confidence", &self.confidence),
            ProvenanceInput::new("seed", &self.seed),
        ]);
        told
    }
}

impl MonteCarloResult {
    fn known(&self) -> Option<&stress::Simulated> {
        self.found.standing.is_known().then_some(&self.found)
    }
}
