//! What trades change.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use rust_decimal::Decimal as Money;
use tokio::sync::OnceCell;

use super::{DecimalChange, FloatChange};
use crate::domain::scenario::Scenario;
use crate::graphql::error::{ApiError, Result};
use crate::graphql::scalar::Decimal;
use crate::graphql::types::factor::{ExposureBasis, Factor};
use crate::graphql::types::greeks::Greeks;
use crate::graphql::types::portfolio::stress::chosen;
use crate::graphql::types::scenario::StressScenario;
use crate::graphql::types::valuation::Exposures;
use crate::graphql::viewer::request;
use crate::services::factors::{Deltas, Estimates};
use crate::services::greeks::{BookGreeks, Model};
use crate::services::modeling::{self, Change, Pair, RiskChange};
use crate::services::valuation::{Book, Filter, Summary};

/// The base book and the trial book, with what several fields are made of.
pub struct ModelingImpact {
    books: Pair<Arc<Book>>,
    estimated: OnceCell<(Pair<Arc<Deltas>>, Arc<Estimates>)>,
    risk: OnceCell<RiskChange>,
}

impl ModelingImpact {
    pub fn new(books: Pair<Arc<Book>>) -> Self {
        Self { books, estimated: OnceCell::new(), risk: OnceCell::new() }
    }
}

impl From<Change<f64>> for FloatChange {
    fn from(change: Change<f64>) -> Self {
        Self { before: change.before, after: change.after, change: change.difference() }
    }
}

impl From<Change<Money>> for DecimalChange {
    fn from(change: Change<Money>) -> Self {
        Self {
            before: change.before.map(Decimal),
            after: change.after.map(Decimal),
            change: change.difference().map(Decimal),
        }
    }
}

/// Exposures before the trades and after them.
#[derive(SimpleObject)]
pub struct ExposureImpact {
    /// Of the base book.
    before: Exposures,
    /// Of the trial book.
    after: Exposures,
}

/// Greeks before the trades and after them, added up over the positions that have them.
#[derive(SimpleObject)]
pub struct GreeksImpact {
    /// Of the base book.
    before: Greeks,
    /// Of the trial book.
    after: Greeks,
}

/// A portfolio's beta to a factor, before the trades and after them.
#[derive(SimpleObject)]
pub struct FactorImpactLine {
    /// The factor.
    factor: Factor,
    /// Σ exposure × beta over the total value of the base book; null when it is not known, or that
    /// value is not above zero.
    before: Option<f64>,
    /// The same of the trial book.
    after: Option<f64>,
    /// `after` less `before`; null unless both are known.
    change: Option<f64>,
}

/// What a scenario would do, before the trades and after them.
#[derive(SimpleObject)]
pub struct StressImpactLine {
    /// The scenario.
    scenario: StressScenario,
    /// `StressResult.totalPnl` of the base book, in the portfolio's currency; below zero is a loss.
    /// Null when nothing of it is known.
    before: Option<Decimal>,
    /// The same of the trial book.
    after: Option<Decimal>,
    /// `after` less `before`; null unless both are known.
    change: Option<Decimal>,
}

/// What the trades of a session change, as of its base date. Figures before and after come from
/// the same closes, betas and rates, so that a change is of the trades alone.
#[Object]
impl ModelingImpact {
    /// Exposures of all open positions.
    async fn exposures(&self) -> ExposureImpact {
        let of = |book: &Arc<Book>| {
            Exposures::new(Arc::clone(book), book.select(&Filter::default()), None)
        };
        let Pair { before, after } = self.books.as_ref().map(of);
        ExposureImpact { before, after }
    }

    /// Greeks of all open positions by Black–Scholes–Merton: shares with a delta of 1 each.
    #[graphql(complexity = "20 + child_complexity")]
    async fn greeks(&self, ctx: &Context<'_>) -> Result<GreeksImpact> {
        let greeks = self.greeks_of(ctx).await?;
        Ok(GreeksImpact {
            before: greeks.before.sums(&self.books.before.lines).total.into(),
            after: greeks.after.sums(&self.books.after.lines).total.into(),
        })
    }

    /// Betas to each active factor, in display order, as `Portfolio.factorExposures` has them by
    /// ORTHOGONAL.
    #[graphql(complexity = "40 + 7 * child_complexity")]
    async fn factors(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "What the betas are multiplied with: through delta, for an option moves with \
                    its underlying and not like its premium.",
            default_with = "ExposureBasis::DeltaAdjusted"
        )]
        basis: ExposureBasis,
    ) -> Result<Vec<FactorImpactLine>> {
        let (deltas, estimates) = Box::pin(self.estimated(ctx)).await?;
        let books = self.books.as_ref().map(Arc::as_ref);
        let deltas = deltas.as_ref().map(Arc::as_ref);
        let found = modeling::factors(books, deltas, basis.into(), estimates);
        Ok(found
            .into_iter()
            .map(|one| FactorImpactLine {
                factor: Factor(one.factor),
                before: one.beta.before,
                after: one.beta.after,
                change: one.beta.difference(),
            })
            .collect())
    }

    /// What scenarios would do, in the order of the list or of the ids.
    #[graphql(complexity = "80 + scenario_ids.as_ref().map_or(30, Vec::len) * child_complexity")]
    async fn stress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "These scenarios; all that are active when left out.")]
        scenario_ids: Option<Vec<ID>>,
    ) -> Result<Vec<StressImpactLine>> {
        let found = Box::pin(self.stressed(ctx, scenario_ids)).await?;
        let line = |(scenario, change): (Arc<Scenario>, Change<Money>)| StressImpactLine {
            scenario: StressScenario(scenario),
            before: change.before.map(Decimal),
            after: change.after.map(Decimal),
            change: change.difference().map(Decimal),
        };
        Ok(found.into_iter().map(line).collect())
    }

    /// Annual standard deviation that the factor model expects, as a fraction of the total value:
    /// `RiskDecomposition.volatility`. Null when too little is known.
    #[graphql(complexity = "40 + child_complexity")]
    async fn volatility(&self, ctx: &Context<'_>) -> Result<FloatChange> {
        Ok(Box::pin(self.risk(ctx)).await?.volatility.into())
    }

    /// Loss over one session that 5 % exceed by the factor model: 1.645 σ, above zero.
    /// `RiskDecomposition.parametricVar95`.
    #[graphql(name = "parametricVar95", complexity = "40 + child_complexity")]
    async fn parametric_var95(&self, ctx: &Context<'_>) -> Result<DecimalChange> {
        Ok(Box::pin(self.risk(ctx)).await?.var_95.into())
    }

    /// Cash plus the exposure of every open position that has a price. Trades at the close leave it
    /// as it is.
    async fn total_value(&self) -> DecimalChange {
        self.books.as_ref().map(|book| Some(book.total_value())).into()
    }

    /// Cash, from which what is bought is paid and into which what is sold goes. Below zero is
    /// borrowed.
    async fn cash(&self) -> DecimalChange {
        self.books.as_ref().map(|book| Some(book.cash)).into()
    }

    /// What to know about the figures after the trades, in sentences: what is not known, what is
    /// left out, what could not be done.
    #[graphql(complexity = 40)]
    async fn warnings(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        let after = &self.books.after;
        let mut warnings = after.tried.as_ref().map_or_else(Vec::new, |own| own.warnings.clone());
        warnings.extend(Summary::of(after.open_lines()).warnings());
        let greeks = self.greeks_of(ctx).await?;
        warnings.extend(greeks.after.warnings(&after.lines));
        let risk = Box::pin(self.risk(ctx)).await?;
        for warning in &risk.warnings {
            if !warnings.contains(warning) {
                warnings.push(warning.clone());
            }
        }
        Ok(warnings)
    }
}

impl ModelingImpact {
    async fn greeks_of(&self, ctx: &Context<'_>) -> Result<Pair<Arc<BookGreeks>>> {
        let loaders = request(ctx).loaders();
        let (before, after) = futures_util::try_join!(
            loaders.greeks(&self.books.before, Model::default()),
            loaders.greeks(&self.books.after, Model::default()),
        )?;
        Ok(Pair { before, after })
    }

    /// Delta-adjusted exposures of both books, and one set of betas for both.
    async fn estimated(&self, ctx: &Context<'_>) -> Result<&(Pair<Arc<Deltas>>, Arc<Estimates>)> {
        let find = async {
            let loaders = request(ctx).loaders();
            let (greeks, estimates) = futures_util::try_join!(
                self.greeks_of(ctx),
                Box::pin(loaders.shared_estimates(self.books.as_ref(), None)),
            )?;
            Ok::<_, ApiError>((greeks.map(|greeks| greeks.deltas()), Arc::new(estimates)))
        };
        self.spend(ctx, 1)?;
        self.estimated.get_or_try_init(|| find).await
    }

    async fn risk(&self, ctx: &Context<'_>) -> Result<&RiskChange> {
        let find = async {
            let (deltas, estimates) = self.estimated(ctx).await?.clone();
            let books = self.books.clone();
            let work = move || {
                let books = books.as_ref().map(Arc::as_ref);
                modeling::risk(books, deltas.as_ref().map(Arc::as_ref), &estimates)
            };
            request(ctx).loaders().off_the_threads(work).await
        };
        self.risk.get_or_try_init(|| find).await
    }

    /// Takes note of so many passes over both books.
    fn spend(&self, ctx: &Context<'_>, passes: usize) -> Result<()> {
        let Pair { before, after } = &self.books;
        let lines = before.lines.len().saturating_add(after.lines.len());
        request(ctx).spend(lines.saturating_mul(passes))
    }

    async fn stressed(
        &self,
        ctx: &Context<'_>,
        ids: Option<Vec<ID>>,
    ) -> Result<Vec<(Arc<Scenario>, Change<Money>)>> {
        let loaders = request(ctx).loaders();
        let all = loaders.scenarios().await?;
        let scenarios = chosen(&all, ids.as_deref(), None)?;
        self.spend(ctx, scenarios.len())?;
        let Pair { before, after } = &self.books;
        let (before, after) = futures_util::try_join!(loaders.desk(before), loaders.desk(after))?;
        let work = move || {
            let changes = modeling::stress(Pair { before: &before, after: &after }, &scenarios);
            scenarios.into_iter().zip(changes).collect()
        };
        loaders.off_the_threads(work).await
    }
}
