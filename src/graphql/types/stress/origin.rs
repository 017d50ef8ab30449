//! Where what moves would do comes from: found for this request, or kept by the nightly chain.

use std::sync::Arc;

use async_graphql::{Context, SimpleObject};
use chrono::NaiveDate;

use crate::domain::result::{self, KEPT_POSITIONS};
use crate::graphql::error::Result;
use crate::graphql::loaders::PortfolioBy;
use crate::graphql::page::size;
use crate::graphql::scalar::Decimal;
use crate::graphql::types::factor::model_inputs;
use crate::graphql::types::position::Position;
use crate::graphql::types::quality::{ComputationBasis, Provenance, ProvenanceInput};
use crate::graphql::viewer::{Request, request};
use crate::services::factors::Method;
use crate::services::stress::{Desk, MODEL_VERSION, PositionPnl, Standing, Total};
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
        method: &str,
        total: &Total,
        standing: &Standing,
    ) -> Result<Provenance> {
        let request = request(ctx);
        let (of, book) = match self {
            Self::Live(desk) => return Ok(live(request, desk, method, standing)),
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
            method: method.into(),
            model_version: MODEL_VERSION.into(),
            inputs: inputs(request, of.date, value, &currency),
            coverage: standing.coverage.into(),
        })
    }
}

/// How a figure of a desk came about.
pub fn live(request: &Request, desk: &Desk, method: &str, standing: &Standing) -> Provenance {
    let (session, value) = (desk.book.horizon.as_of, desk.book.total_value());
    Provenance {
        as_of: session.into(),
        computed_at: desk.book.computed_at,
        basis: ComputationBasis::Live,
        method: method.into(),
        model_version: MODEL_VERSION.into(),
        inputs: inputs(request, session, value, &desk.book.portfolio.currency),
        coverage: standing.coverage.into(),
    }
}

/// Betas are those of the factors, options counting through their delta.
fn inputs(
    request: &Request,
    as_of: NaiveDate,
    total_value: rust_decimal::Decimal,
    currency: &str,
) -> Vec<ProvenanceInput> {
    let mut inputs = model_inputs(request, Method::Orthogonal, as_of);
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
