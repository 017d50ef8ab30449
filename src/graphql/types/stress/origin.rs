//! Where what moves would do comes from: found for this request, or kept by the nightly chain.

use std::sync::Arc;

use async_graphql::{Context, SimpleObject};
use chrono::NaiveDate;

use crate::domain::result::{self, KEPT_POSITIONS};
use crate::domain::scenario::{Macro, Scenario, Variable};
use crate::graphql::error::Result;
use crate::graphql::loaders::PortfolioBy;
use crate::graphql::page::size;
use crate::graphql::scalar::Decimal;
use crate::graphql::types::factor::{model_inputs, rate_inputs};
use crate::graphql::types::position::Position;
use crate::graphql::types::quality::{ComputationBasis, Provenance, ProvenanceInput};
use crate::graphql::viewer::{Request, request};
use crate::services::factors::{Method, RATE_SERIES, WINDOW};
use crate::services::stress::{
    Desk, MODEL_VERSION, PositionPnl, SPREAD_DURATION, Standing, Total, vix_level,
};
use crate::services::valuation::Book;

/// What one position makes or loses.
#[derive(SimpleObject)]
pub struct PositionImpact {
    /// The position.
    position: Position,
    /// Its profit, or loss below zero; a long position loses, and a short one gains, no more than it is
    /// worth.
    pnl: Decimal,
}

/// How a figure is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    MarketBeta,
    RateBeta,
    JointBetas,
    MonteCarlo,
}

impl How {
    /// As provenance names it.
    fn name(self) -> &'static str {
        match self {
            Self::MarketBeta => "MARKET_BETA",
            Self::RateBeta => "RATE_BETA",
            Self::JointBetas => "JOINT_BETAS",
            Self::MonteCarlo => "MONTE_CARLO",
        }
    }

    /// What its betas are made with.
    fn inputs(self, request: &Request, as_of: NaiveDate) -> Vec<ProvenanceInput> {
        match self {
            Self::RateBeta => rate_inputs(request, as_of),
            _ => model_inputs(request, Method::Orthogonal, as_of),
        }
    }
}

/// Where a result comes from.
pub enum Origin {
    Live(Arc<Desk>),
    Stored {
        of: result::Of,
        /// The largest.
        positions: Vec<result::PositionPnl>,
        /// Of what still holds.
        book: Option<Arc<Book>>,
    },
}

impl Origin {
    /// The session whose closes it starts from.
    pub fn as_of(&self) -> NaiveDate {
        match self {
            Self::Live(desk) => desk.book.horizon.as_of,
            Self::Stored { of, .. } => of.date,
        }
    }

    /// What positions make or lose, of all of them where it is live; `anew` finds them where more
    /// are asked for than are kept of what still holds.
    pub async fn positions(
        &self,
        ctx: &Context<'_>,
        all: &[PositionPnl],
        first: Option<i32>,
        anew: impl FnOnce(&Desk) -> Vec<PositionPnl> + Send + 'static,
    ) -> Result<Vec<PositionImpact>> {
        let most = size("first", first.or(Some(10)))?;
        let loaders = request(ctx).loaders();
        match self {
            Self::Live(desk) => Ok(impacts(&desk.book, all, most)),
            Self::Stored { positions: kept, book: Some(book), .. }
                if most > kept.len() && kept.len() >= KEPT_POSITIONS =>
            {
                request(ctx).spend(book.lines.len())?;
                let desk = Box::pin(loaders.desk(book)).await?;
                let all = loaders.off_the_threads(move || anew(&desk)).await?;
                Ok(impacts(book, &all, most))
            }
            Self::Stored { of, positions: kept, book } => {
                let book = match book {
                    Some(book) => Arc::clone(book),
                    None => Box::pin(loaders.book_on(of.portfolio_id, of.date)).await?,
                };
                let there = kept.iter().filter_map(|one| {
                    let line = Arc::clone(book.line(one.position)?);
                    Some(PositionPnl { line, pnl: one.pnl })
                });
                Ok(impacts(&book, &there.collect::<Vec<_>>(), most))
            }
        }
    }

    /// How a figure came about.
    pub async fn provenance(
        &self,
        ctx: &Context<'_>,
        how: How,
        total: &Total,
        standing: &Standing,
    ) -> Result<Provenance> {
        let request = request(ctx);
        let (of, book) = match self {
            Self::Live(desk) => return Ok(live(request, desk, how, standing)),
            Self::Stored { of, book, .. } => (of, book),
        };
        let portfolio = match book {
            Some(book) => Some(Arc::clone(&book.portfolio)),
            None => request.loaders().row(PortfolioBy(of.portfolio_id)).await?,
        };
        let currency = portfolio.map(|own| own.currency.clone()).unwrap_or_default();
        let value = total.new_total_value.saturating_sub(total.pnl);
        Ok(Provenance {
            as_of: of.date.into(),
            computed_at: of.created_at,
            basis: ComputationBasis::Stored,
            method: how.name().into(),
            model_version: MODEL_VERSION.into(),
            inputs: inputs(request, how, of.date, value, &currency),
            coverage: standing.coverage.into(),
        })
    }

    /// What a scenario supposes, what stands for that, and what options are priced anew with.
    pub async fn supposed(
        &self,
        ctx: &Context<'_>,
        scenario: &Scenario,
    ) -> Result<Vec<ProvenanceInput>> {
        let mut inputs = Vec::new();
        for one in &scenario.shocks {
            let variable = &one.variable;
            inputs.push(ProvenanceInput::new(&format!("shock {variable}"), &one.shock));
            let Variable::Macro(of) = variable else { continue };
            let series = match of.proxies() {
                [] => RATE_SERIES.to_owned(),
                symbols => symbols.join(", "),
            };
            inputs.push(ProvenanceInput::new(&format!("series {variable}"), &series));
            match of {
                Macro::CreditSpread => inputs.push(
                    ProvenanceInput::new("spreadDuration", &SPREAD_DURATION).in_unit("years"),
                ),
                Macro::Vix => inputs.extend(self.vix_level(ctx).await?.map(|level| {
                    ProvenanceInput::new("level VIX", &level).in_unit("percent a year")
                })),
                _ => {}
            }
        }
        inputs.push(ProvenanceInput::new(
            "spots, volatilities and rates of options",
            &"Position.greeks.provenance",
        ));
        Ok(inputs)
    }

    /// The level that shocks of the VIX start from.
    async fn vix_level(&self, ctx: &Context<'_>) -> Result<Option<f64>> {
        let of = match self {
            Self::Live(desk) => return Ok(desk.vix_level()),
            Self::Stored { of, .. } => of,
        };
        let loaders = request(ctx).loaders();
        let window = loaders.window(of.date, WINDOW);
        let found = loaders.references(&window, Macro::Vix.proxies().to_vec()).await?;
        Ok(found.values().next().and_then(|series| vix_level(series, &window)))
    }
}

/// How a figure of a desk came about.
pub fn live(request: &Request, desk: &Desk, how: How, standing: &Standing) -> Provenance {
    let (session, value) = (desk.book.horizon.as_of, desk.book.total_value());
    Provenance {
        as_of: session.into(),
        computed_at: desk.book.computed_at,
        basis: ComputationBasis::Live,
        method: how.name().into(),
        model_version: MODEL_VERSION.into(),
        inputs: inputs(request, how, session, value, &desk.book.portfolio.currency),
        coverage: standing.coverage.into(),
    }
}

/// Options count through their delta.
fn inputs(
    request: &Request,
    how: How,
    as_of: NaiveDate,
    total_value: rust_decimal::Decimal,
    currency: &str,
) -> Vec<ProvenanceInput> {
    let mut inputs = how.inputs(request, as_of);
    inputs.extend([
        ProvenanceInput::new("basis", &"DELTA_ADJUSTED"),
        ProvenanceInput::new("totalValue", &total_value.normalize()).in_unit(currency),
    ]);
    inputs
}

fn impacts(book: &Arc<Book>, all: &[PositionPnl], most: usize) -> Vec<PositionImpact> {
    let impact = |one: &PositionPnl| PositionImpact {
        position: Position { book: Arc::clone(book), line: Arc::clone(&one.line) },
        pnl: one.pnl.into(),
    };
    all.iter().take(most).map(impact).collect()
}
