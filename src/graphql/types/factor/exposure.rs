//! What positions and portfolios have in the factors.

use std::sync::Arc;

use async_graphql::resolver_utils::enum_value;
use async_graphql::{ComplexObject, Context, SimpleObject};
use chrono::{DateTime, Utc};
use futures_util::future::try_join;

use super::{
    CONTRIBUTIONS, ExposureBasis, Factor, FactorMethod, Known, estimates, model_inputs, provenance,
};
use crate::domain::{factor, result};
use crate::graphql::error::Result;
use crate::graphql::loaders::PortfolioBy;
use crate::graphql::loaders::results::{BookOn, ExposuresOf, PartsOf};
use crate::graphql::page::{cost, size};
use crate::graphql::scalar::{Date, Decimal};
use crate::graphql::types::position::Position;
use crate::graphql::types::quality::{ComputationBasis, Provenance, ProvenanceInput, Quality};
use crate::graphql::viewer::{Request, book_warnings, request};
use crate::services::factors::{self, Basis, Contribution, MODEL_VERSION, Method};
use crate::services::valuation::{Book, Line};

/// What a position or a portfolio has in a factor. With a quality of INSUFFICIENT the figures are
/// null and `warnings` say why.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct FactorExposure {
    /// The factor that the exposure is to.
    factor: Factor,
    /// Of a portfolio: exposure dollars over its total value, cash included; null unless that is
    /// above zero. Of a position: the beta of what moves it.
    beta: Option<f64>,
    /// Of the beta, from the regressions' own errors: √Σ(exposure × error)² over the total value,
    /// as if the errors of different instruments had nothing to do with each other. Null under
    /// RIDGE.
    standard_error: Option<f64>,
    /// Σ exposure × beta over the positions, in the portfolio's currency: the money that would
    /// move like the factor; below zero where shorts outweigh.
    exposure_dollars: Option<Decimal>,
    /// How the betas were estimated.
    method: FactorMethod,
    /// What they were multiplied with.
    basis: ExposureBasis,
    /// The fewest observations that one of the betas is estimated from; null without any.
    observations: Option<usize>,
    /// The session of prices and betas.
    as_of: Date,
    /// How far the figures can be trusted.
    quality: Quality,
    /// What to know about them, in sentences: what is left out, and why.
    warnings: Vec<String>,
    #[graphql(skip)]
    origin: Origin,
    #[graphql(skip)]
    coverage: crate::domain::quality::Coverage,
}

/// Where an exposure comes from.
enum Origin {
    /// Of a book, by betas of which the nightly chain found the newest at a time, or this request.
    Found { book: Arc<Book>, parts: Vec<Contribution>, at: Option<DateTime<Utc>> },
    /// As the nightly chain found it then.
    Kept { of: result::Of, total_value: rust_decimal::Decimal },
}

#[ComplexObject]
impl FactorExposure {
    /// What each position adds, the largest first; all of them add up to `exposureDollars`.
    #[graphql(complexity = "cost(first.or(Some(CONTRIBUTIONS)), None, child_complexity)")]
    async fn contributions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, up to 500.", default = 10)] first: Option<i32>,
    ) -> Result<Vec<FactorContribution>> {
        let most = size("first", first.or(Some(CONTRIBUTIONS)))?;
        let part = |book, line, beta, dollars: rust_decimal::Decimal| FactorContribution {
            position: Position { book: Arc::clone(book), line: Arc::clone(line) },
            beta,
            exposure_dollars: dollars.into(),
        };
        match &self.origin {
            Origin::Found { book, parts, .. } => {
                let parts = parts.iter().take(most);
                Ok(parts.map(|one| part(book, &one.line, one.beta, one.dollars)).collect())
            }
            Origin::Kept { of, .. } => {
                let loaders = request(ctx).loaders();
                let key = PartsOf(BookOn { portfolio: of.portfolio_id, date: of.date });
                // At once, so that whoever asks for the same book beside it shares the statements.
                let book = Box::pin(loaders.book_on(of.portfolio_id, of.date));
                let (parts, book) = try_join(loaders.row(key), book).await?;
                let parts = parts.unwrap_or_default();
                let own = parts.iter().filter(|one| one.factor == self.factor.0.name());
                let own = own.filter_map(|one| {
                    Some(part(&book, book.line(one.position)?, one.beta, one.dollars))
                });
                Ok(own.take(most).collect())
            }
        }
    }

    /// Where the figures come from.
    async fn provenance(&self, ctx: &Context<'_>) -> Result<Provenance> {
        let method: Method = self.method.into();
        let mut inputs = model_inputs(request(ctx), method, self.as_of.0);
        inputs.push(ProvenanceInput::new("basis", &enum_value(self.basis)));
        let total_value =
            |value: rust_decimal::Decimal| ProvenanceInput::new("totalValue", &value.normalize());
        match &self.origin {
            Origin::Found { book, at, .. } => {
                inputs.push(total_value(book.total_value()).in_unit(&book.portfolio.currency));
                Ok(provenance(book, method, inputs, self.coverage).found_at(*at))
            }
            Origin::Kept { of, total_value: value } => {
                let portfolio = request(ctx).loaders().row(PortfolioBy(of.portfolio_id)).await?;
                let currency = portfolio.map(|own| own.currency.clone()).unwrap_or_default();
                inputs.push(total_value(*value).in_unit(&currency));
                Ok(Provenance {
                    as_of: of.date.into(),
                    computed_at: of.created_at,
                    basis: ComputationBasis::Stored,
                    method: method.name().into(),
                    model_version: MODEL_VERSION.into(),
                    inputs,
                    coverage: self.coverage.into(),
                })
            }
        }
    }
}

/// What a position adds to an exposure.
#[derive(SimpleObject)]
pub struct FactorContribution {
    /// The position.
    position: Position,
    /// Of what moves it: its instrument, or the underlying of an option.
    beta: f64,
    /// Exposure × beta, in the portfolio's currency.
    exposure_dollars: Decimal,
}

impl FactorExposure {
    fn new(
        book: &Arc<Book>,
        found: factors::FactorExposure,
        (method, basis): (FactorMethod, ExposureBasis),
        at: Option<DateTime<Utc>>,
        asked: Option<Date>,
    ) -> Self {
        let mut warnings = found.warnings;
        warnings.extend(book_warnings(asked, book));
        Self {
            factor: Factor(found.factor),
            beta: found.beta,
            standard_error: found.standard_error,
            exposure_dollars: found.dollars.map(Decimal),
            method,
            basis,
            observations: found.observations,
            as_of: book.horizon.as_of.into(),
            quality: found.quality.into(),
            warnings,
            origin: Origin::Found { book: Arc::clone(book), parts: found.contributions, at },
            coverage: found.coverage,
        }
    }

    /// As the nightly chain found them for a book, in display order; empty where it found none.
    pub async fn kept(request: &Request, of: BookOn) -> Result<Vec<Self>> {
        let found = request.loaders().row(ExposuresOf(of)).await?.unwrap_or_default();
        let kept = found.into_iter().filter_map(|row| Self::stored(row.of, row.found));
        let mut kept: Vec<_> = kept.collect();
        kept.sort_by_key(|one| one.factor.0.display_order());
        Ok(kept)
    }

    fn stored(of: result::Of, found: result::FactorExposure) -> Option<Self> {
        Some(Self {
            factor: Factor(factor::Factor::named(&found.factor)?),
            beta: found.beta,
            standard_error: found.standard_error,
            exposure_dollars: found.dollars.map(Decimal),
            method: Method::default().into(),
            basis: Basis::default().into(),
            observations: found.observations.and_then(|count| usize::try_from(count).ok()),
            as_of: of.date.into(),
            quality: found.quality.into(),
            warnings: found.warnings,
            origin: Origin::Kept { of, total_value: found.total_value },
            coverage: found.covered.into(),
        })
    }

    fn all(
        book: &Arc<Book>,
        found: Vec<factors::FactorExposure>,
        how: (FactorMethod, ExposureBasis),
        at: Option<DateTime<Utc>>,
        asked: Option<Date>,
    ) -> Vec<Self> {
        found.into_iter().map(|found| Self::new(book, found, how, at, asked)).collect()
    }

    /// Of a whole book.
    pub async fn of_book(
        request: &Request,
        book: Arc<Book>,
        as_of: Option<Date>,
        how: (FactorMethod, ExposureBasis),
    ) -> Result<Vec<Self>> {
        request.spend(book.lines.len().saturating_mul(factor::Factor::ALL.len()))?;
        let known = estimates(request, &book, &book.lines, how.0.into()).await?;
        let Known { estimates, greeks, .. } = &known;
        let (basis, value) = (how.1.into(), book.total_value());
        let found = factors::exposures(&book.lines, value, basis, &greeks.deltas(), estimates);
        Ok(Self::all(&book, found, how, known.found_at(basis), as_of))
    }

    /// Of one position in a book, which may be of a day before it was entered: then of nothing.
    pub async fn of_position(
        request: &Request,
        book: Arc<Book>,
        line: Option<&Arc<Line>>,
        as_of: Option<Date>,
        how: (FactorMethod, ExposureBasis),
    ) -> Result<Vec<Self>> {
        let Some(line) = line.filter(|line| line.is_open()) else { return Ok(Vec::new()) };
        let alone = std::slice::from_ref(line);
        let known = estimates(request, &book, alone, how.0.into()).await?;
        let Known { estimates, greeks, .. } = &known;
        let found = factors::position_exposures(line, how.1.into(), &greeks.deltas(), estimates);
        Ok(Self::all(&book, found, how, known.found_at(how.1.into()), as_of))
    }
}
