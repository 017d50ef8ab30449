//! Options that a caller describes, priced on demand.

use std::sync::Arc;

use async_graphql::{Context, InputObject, SimpleObject};
use futures_util::future::{join_all, try_join3};
use sigmasight_analytics::option::Greeks as ModelGreeks;

use super::greeks::{Greeks, PricingModel, VolatilitySource};
use super::instrument::OptionKind;
use crate::domain::instrument::Instrument;
use crate::domain::price::Horizon;
use crate::error::{Error, Refusal};
use crate::graphql::error::{Result, UserError};
use crate::graphql::loaders::{InstrumentNamed, QuoteOf};
use crate::graphql::scalar::{Date, Decimal};
use crate::graphql::viewer::{Request, request};
use crate::services::greeks::contract::{Asked, Known, Priced, Terms, Valuation};
use crate::services::greeks::{self, HISTORY, Model};
use crate::store::prices::{Span, Subject};

/// Most contracts of one question.
pub const MAX_CONTRACTS: usize = 1_000;

/// An option to value. What its `symbol` says need not be said again.
#[derive(Clone, Debug, InputObject)]
pub struct OptionContractInput {
    /// OCC symbol, compact or padded; or give kind, strike, expiry and underlyingPrice.
    symbol: Option<String>,
    /// The right it gives.
    kind: Option<OptionKind>,
    /// Per share, above zero.
    strike: Option<Decimal>,
    /// Its last day; it runs until 16:00 in New York, counted from the close of the last session.
    /// One that has run out by then has expired: without a price, its Greeks zero.
    expiry: Option<Date>,
    /// Instead of expiry: years of 365 days, zero or more. Zero is the moment of the expiry, in
    /// which the option is worth its payoff and its Greeks are their limits.
    time_to_expiry_years: Option<f64>,
    /// Per share, above zero. With a symbol it may be left out where the market's price as of the
    /// last session is known.
    underlying_price: Option<Decimal>,
    /// Annualized, a fraction: 0.25 is 25 %; zero or more. When left out it is what the symbol's
    /// own price implies, else that of its underlying's last 30 sessions, else the default.
    volatility: Option<f64>,
    /// A year, continuously compounded, a fraction; when left out that of the Treasury's curve at
    /// the time to expiry, else the configured one.
    risk_free_rate: Option<f64>,
    /// A year, continuously compounded, a fraction.
    #[graphql(default = 0.0)]
    dividend_yield: f64,
    /// Signed contracts of 100 shares.
    #[graphql(default_with = "Decimal(rust_decimal::Decimal::ONE)")]
    quantity: Decimal,
}

/// A price whose volatility is asked for.
#[derive(Clone, Debug, InputObject)]
pub struct OptionQuoteInput {
    /// The right it gives.
    kind: OptionKind,
    /// Per share, above zero.
    strike: Decimal,
    /// Years of 365 days, above zero.
    time_to_expiry_years: f64,
    /// Per share, above zero.
    underlying_price: Decimal,
    /// A year, continuously compounded, a fraction.
    risk_free_rate: f64,
    /// A year, continuously compounded, a fraction.
    #[graphql(default = 0.0)]
    dividend_yield: f64,
    /// Of the option, per share.
    price: Decimal,
}

/// What an option is worth and what moves it; or why that cannot be said.
#[derive(SimpleObject)]
pub struct OptionValuation {
    /// Of one long option, per share. Null with an error, and once it has expired.
    price: Option<f64>,
    /// Greeks of one long option, per share; zero once it has expired. Null with an error.
    per_share: Option<Greeks>,
    /// Per-share Greeks × signed contracts × 100. Null with an error.
    position: Option<Greeks>,
    /// How the Greeks themselves move, of one long option, per share. Null with an error, and by
    /// the model AMERICAN.
    higher_order: Option<HigherOrderGreeks>,
    /// How it was valued: an option on an index, which cannot be exercised early, by
    /// `BLACK_SCHOLES_MERTON` whatever was asked for.
    model: PricingModel,
    /// The volatility it was valued with, annualized. Null with an error, and once it has expired.
    volatility: Option<f64>,
    /// Where the volatility comes from.
    volatility_source: Option<VolatilitySource>,
    /// The rate it was valued with, a year, continuously compounded.
    risk_free_rate: Option<f64>,
    /// The price of the underlying that it was valued at, per share.
    underlying_price: Option<f64>,
    /// The time it was valued with, in years of 365 days.
    time_to_expiry_years: Option<f64>,
    /// What to know about the figures, in sentences.
    warnings: Vec<String>,
    /// Why there are no figures; null when there are.
    error: Option<UserError>,
}

/// How the Greeks of a European option move. Plain derivatives: per 1.00 of volatility and per
/// year, not per point and day.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct HigherOrderGreeks {
    /// Change in delta per 1.00 of volatility.
    vanna: f64,
    /// Second derivative of value in volatility.
    volga: f64,
    /// Change in delta per year that passes.
    charm: f64,
}

/// The volatility that a price implies; or why there is none.
#[derive(SimpleObject)]
pub struct ImpliedVolatility {
    /// At which the European option is worth its price: annualized, a fraction, above zero. Null
    /// with an error.
    volatility: Option<f64>,
    /// Why there is none; null when there is.
    error: Option<UserError>,
}

impl From<ModelGreeks> for Greeks {
    fn from(greeks: ModelGreeks) -> Self {
        let ModelGreeks { delta, gamma, theta, vega, rho } = greeks;
        Self { delta, gamma, theta, vega, rho }
    }
}

impl From<OptionContractInput> for Asked {
    fn from(input: OptionContractInput) -> Self {
        Self {
            symbol: input.symbol,
            kind: input.kind.map(Into::into),
            strike: input.strike.map(|strike| strike.0),
            expiry: input.expiry.map(|expiry| expiry.0),
            years: input.time_to_expiry_years,
            underlying_price: input.underlying_price.map(|price| price.0),
            volatility: input.volatility,
            risk_free_rate: input.risk_free_rate,
            dividend_yield: input.dividend_yield,
            quantity: input.quantity.0,
        }
    }
}

impl From<OptionQuoteInput> for Priced {
    fn from(input: OptionQuoteInput) -> Self {
        Self {
            kind: input.kind.into(),
            strike: input.strike.0,
            years: input.time_to_expiry_years,
            underlying_price: input.underlying_price.0,
            risk_free_rate: input.risk_free_rate,
            dividend_yield: input.dividend_yield,
            price: input.price.0,
        }
    }
}

/// Values contracts, each by itself.
///
/// # Errors
/// `Unauthenticated`; `Validation` for too many; `QueryTooComplex`. What is wrong with a contract
/// is in its own answer.
pub async fn valuations(
    ctx: &Context<'_>,
    contracts: Vec<OptionContractInput>,
    model: Model,
) -> Result<Vec<OptionValuation>> {
    let request = request(ctx);
    request.user().await?;
    bounded(contracts.len())?;
    request.spend(contracts.len().saturating_mul(greeks::cost_of_one(model)))?;
    let horizon = request.horizon(None)?;
    let each = contracts.into_iter().map(|input| described(request, input.into(), horizon));
    let each = join_all(each).await.into_iter().collect::<Result<Vec<_>>>()?;
    let (calendar, session) = (Arc::clone(&request.services.calendar), horizon.as_of);
    let assumptions = request.services.assumptions;
    // A thousand American options take a second, which other requests must not wait for.
    let valued = tokio::task::spawn_blocking(move || {
        let value = |(terms, known): (Terms, Known)| {
            terms.value(&known, session, &calendar, &assumptions, model)
        };
        each.into_iter().map(|described| described.and_then(value)).collect::<Vec<_>>()
    });
    let valued = valued.await.map_err(|error| Error::Internal(error.to_string()))?;
    let answer = |(at, valued)| match valued {
        Ok(valued) => OptionValuation::of(valued),
        Err(refusal) => OptionValuation::refused(in_contract(at, refusal), model),
    };
    Ok(valued.into_iter().enumerate().map(answer).collect())
}

/// A contract with what is known of it; or what is wrong with its description.
async fn described(
    request: &Request,
    asked: Asked,
    horizon: Horizon,
) -> Result<Result<(Terms, Known), Refusal>> {
    match asked.terms(horizon.as_of, &request.services.calendar) {
        Ok(terms) => {
            let known = known(request, &terms, horizon).await?;
            Ok(Ok((terms, known)))
        }
        Err(refusal) => Ok(Err(refusal)),
    }
}

/// What the description of a contract leaves to be looked up.
async fn known(request: &Request, terms: &Terms, horizon: Horizon) -> Result<Known> {
    let loaders = request.loaders();
    let curve = async {
        if !terms.wants_curve() {
            return Ok(None);
        }
        loaders.curve(horizon.as_of).await.map(Some)
    };
    let named = |symbol: Option<String>| async {
        let Some(symbol) = symbol else { return Ok(None) };
        loaders.row(InstrumentNamed(symbol)).await
    };
    let (own, underlying) = terms.wanted_symbols().unzip();
    let (curve, own, underlying) = try_join3(curve, named(own), named(underlying)).await?;
    let quote = |instrument: Option<Arc<Instrument>>| async {
        let Some(instrument) = instrument.map(|found| found.id) else { return Ok(None) };
        loaders.row(QuoteOf { instrument, horizon }).await.map(Option::flatten)
    };
    let span = underlying.as_ref().map(|underlying| {
        let from = request.services.calendar.sessions_before(horizon.as_of, HISTORY);
        Span { of: Subject::Id(underlying.id), from, to: horizon.as_of }
    });
    let history = async { Ok(loaders.series(Vec::from_iter(span)).await?.into_values().next()) };
    let (own, underlying, history) = try_join3(quote(own), quote(underlying), history).await?;
    Ok(Known { own, underlying, history, curve })
}

/// Finds the volatilities that prices imply, each by itself.
///
/// # Errors
/// `Unauthenticated`; `Validation` for too many; `QueryTooComplex`.
pub async fn implied_volatilities(
    ctx: &Context<'_>,
    contracts: Vec<OptionQuoteInput>,
) -> Result<Vec<ImpliedVolatility>> {
    request(ctx).user().await?;
    bounded(contracts.len())?;
    request(ctx).spend(contracts.len())?;
    let each = contracts.into_iter().enumerate().map(|(at, input)| {
        match Priced::from(input).volatility() {
            Ok(volatility) => ImpliedVolatility { volatility: Some(volatility), error: None },
            Err(refusal) => {
                ImpliedVolatility { volatility: None, error: Some(in_contract(at, refusal)) }
            }
        }
    });
    Ok(each.collect())
}

fn bounded(contracts: usize) -> Result<()> {
    if contracts <= MAX_CONTRACTS {
        return Ok(());
    }
    Err(Refusal::validation(format!("At most {MAX_CONTRACTS} contracts at once."))
        .hint("Ask in parts.")
        .into())
}

/// The refusal of one of several contracts, with the path to the field that is to blame.
fn in_contract(at: usize, refusal: Refusal) -> UserError {
    let mut field = vec!["contracts".to_owned(), at.to_string()];
    field.extend(refusal.field);
    Refusal { field, ..refusal }.into()
}

impl OptionValuation {
    fn of(valued: Valuation) -> Self {
        let inputs = valued.inputs.as_ref();
        Self {
            price: valued.price,
            per_share: Some(valued.per_share.into()),
            position: Some(valued.position.into()),
            higher_order: valued.higher_order.map(|figures| HigherOrderGreeks {
                vanna: figures.vanna,
                volga: figures.volga,
                charm: figures.charm,
            }),
            model: valued.model.into(),
            volatility: inputs.map(|(_, market, _)| market.volatility),
            volatility_source: inputs.map(|(_, _, volatility)| volatility.source.into()),
            risk_free_rate: inputs.map(|(_, market, _)| market.rate),
            underlying_price: inputs.map(|(_, market, _)| market.spot),
            time_to_expiry_years: inputs.map(|(contract, ..)| contract.years),
            warnings: valued.warnings,
            error: None,
        }
    }

    fn refused(error: UserError, model: Model) -> Self {
        Self {
            price: None,
            per_share: None,
            position: None,
            higher_order: None,
            model: model.into(),
            volatility: None,
            volatility_source: None,
            risk_free_rate: None,
            underlying_price: None,
            time_to_expiry_years: None,
            warnings: Vec::new(),
            error: Some(error),
        }
    }
}
