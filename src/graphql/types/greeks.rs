//! What moves positions, and by how much.

use std::sync::Arc;

use async_graphql::resolver_utils::enum_value;
use async_graphql::{Context, Enum, Object, SimpleObject};
use chrono::{DateTime, Utc};
use sigmasight_analytics::exposure::Sensitivities;

use super::dividend::DividendSource;
use super::instrument::{Instrument, OptionKind};
use super::quality::{ComputationBasis, Provenance, ProvenanceInput, Quality};
use super::valuation::{EXCLUDED, ExcludedPosition};
use crate::domain;
use crate::domain::number::nearest;
use crate::domain::quality::Coverage;
use crate::error::Refusal;
use crate::graphql::error::Result;
use crate::graphql::loaders::InstrumentBy;
use crate::graphql::page::{cost, group_cost, groups, size};
use crate::graphql::scalar::{Date, Decimal};
use crate::graphql::viewer::{book_warnings, request};
use crate::services::greeks::{
    self, BookGreeks, ByUnderlying, LineGreeks, MODEL_VERSION, Origin, Pricing, Source, Sums,
};
use crate::services::rates::RateSource;
use crate::services::valuation::{Book, Line};

/// How an option is valued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "greeks::Model")]
pub enum PricingModel {
    /// European: exercised at expiry alone. Closed form of Black, Scholes and Merton (1973) with
    /// a continuous dividend yield.
    #[default]
    BlackScholesMerton,
    /// American: exercised when it is best to. Andersen, Lake and Offengenden (2016), within a
    /// millionth of the strike.
    American,
}

/// Where a volatility comes from, the best source first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "greeks::VolatilitySource")]
pub enum VolatilitySource {
    /// The option's own price of the session implies it.
    Implied,
    /// The caller gave it.
    User,
    /// Standard deviation of the last 30 daily log returns of the underlying × √252; of at least
    /// 20 of them.
    Historical,
    /// The configured default, `DEFAULT_VOLATILITY`: 0.25 unless set otherwise.
    Default,
}

/// Where the Greeks of a position come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "greeks::Source")]
pub enum GreeksSource {
    /// An option model; null when it lacks an input.
    Model,
    /// Stand-ins per share of one long option, shown instead of null where `GREEKS_FALLBACK` is
    /// on, and never added up: of a call delta 0.6, gamma 0.02, theta −0.05, vega 0.15, rho 0.08;
    /// of a put delta −0.4, rho −0.08, the rest alike.
    Fallback,
    /// No option: delta is 1 per share, all else zero.
    Stock,
    /// An option that has run out by the close of the session: all zero.
    Expired,
}

/// How a value moves. Of a position the sign follows its quantity: a short call loses delta.
#[derive(Clone, Copy, Debug, Default, PartialEq, SimpleObject)]
pub struct Greeks {
    /// Change in value per 1.00 of the underlying; of positions, the shares that move alike.
    pub delta: f64,
    /// Change in delta per 1.00 of the underlying.
    pub gamma: f64,
    /// Change in value per calendar day, a 365th of a year; below zero is decay.
    pub theta: f64,
    /// Change in value per volatility point (0.01).
    pub vega: f64,
    /// Change in value per 0.01 of the risk-free rate.
    pub rho: f64,
}

impl From<Sensitivities> for Greeks {
    fn from(exact: Sensitivities) -> Self {
        Self {
            delta: nearest(exact.delta),
            gamma: nearest(exact.gamma),
            theta: nearest(exact.theta),
            vega: nearest(exact.vega),
            rho: nearest(exact.rho),
        }
    }
}

/// The Greeks of one position in a book.
pub struct PositionGreeks {
    book: Arc<Book>,
    /// None when it is asked about a day before it was entered.
    line: Option<Arc<Line>>,
    own: Arc<LineGreeks>,
    asked: Option<Date>,
}

impl PositionGreeks {
    /// A position's Greeks in a book, which may be of a day before it was entered.
    pub fn of(
        book: &Arc<Book>,
        greeks: &BookGreeks,
        position: &domain::position::Position,
        asked: Option<Date>,
    ) -> Self {
        let line = book.line(position.id).cloned();
        let own = line.as_ref().and_then(|line| greeks.line(line)).cloned();
        let own = own.unwrap_or_else(|| LineGreeks::not_held(position, book.horizon.as_of).into());
        Self { book: Arc::clone(book), line, own, asked }
    }

    fn pricing(&self) -> Option<&Pricing> {
        self.own.pricing.as_ref()
    }
}

/// What moves one position, as of the close of a session. Money is in the portfolio's currency.
#[Object]
impl PositionGreeks {
    /// Where they come from.
    async fn source(&self) -> GreeksSource {
        self.own.source.into()
    }

    /// How the option was valued; null for what no model valued. An option that cannot be
    /// exercised early is valued by `BLACK_SCHOLES_MERTON` whatever was asked for.
    async fn model(&self) -> Option<PricingModel> {
        Some(self.pricing()?.model.into())
    }

    /// Of one long share or option, per share, to 12 decimals. Null when an input is missing; a
    /// warning says which.
    async fn per_share(&self) -> Option<Greeks> {
        self.own.per_share.map(Into::into)
    }

    /// Per-share Greeks × signed quantity × multiplier. Null when they could not be computed; zero
    /// once the position is closed.
    async fn position(&self) -> Option<Greeks> {
        self.own.position.map(Into::into)
    }

    /// Position delta × price of the underlying. Null without either.
    async fn delta_dollars(&self) -> Option<Decimal> {
        self.own.delta_dollars().map(Decimal)
    }

    /// Change of `deltaDollars` when the underlying rises by 1 %: position gamma × price² / 100.
    /// Null without either.
    async fn gamma_dollars(&self) -> Option<Decimal> {
        self.own.gamma_dollars().map(Decimal)
    }

    /// What the model gives, per share: the option's own price when that implied the volatility.
    /// Null for what no model valued.
    async fn theoretical_price(&self) -> Option<Decimal> {
        self.own.theoretical_price.map(Decimal)
    }

    /// Annualized, a fraction: 0.25 is 25 %. Null for what no model valued.
    async fn volatility(&self) -> Option<f64> {
        Some(self.pricing()?.market.volatility)
    }

    /// Where the volatility comes from; the warnings say why from no better source. Null for what
    /// no model valued.
    async fn volatility_source(&self) -> Option<VolatilitySource> {
        Some(self.pricing()?.volatility.source.into())
    }

    /// A year, continuously compounded, a fraction: of the Treasury's curve at the time to expiry,
    /// else the configured one. Null for what no model valued.
    async fn risk_free_rate(&self) -> Option<f64> {
        Some(self.pricing()?.market.rate)
    }

    /// Of the underlying, a year, continuously compounded, a fraction: ln(1 + D / P) for its
    /// regular dividends D of twelve months; 0 where none are known. Null for what no model valued.
    async fn dividend_yield(&self) -> Option<f64> {
        Some(self.pricing()?.market.dividend_yield)
    }

    /// Of an option, of its underlying; else the own price. Per share as shares are in the
    /// session. Null when unknown.
    async fn underlying_price(&self) -> Option<Decimal> {
        self.own.underlying_price.map(Decimal)
    }

    /// Calendar days from the close of the session to 16:00 in New York on the expiry, over 365;
    /// 0 once expired. Null for what no model valued.
    async fn time_to_expiry_years(&self) -> Option<f64> {
        let expired = (self.own.source == Source::Expired).then_some(0.0);
        self.pricing().map(|pricing| pricing.contract.years).or(expired)
    }

    /// The session they are of.
    async fn as_of(&self) -> Date {
        self.book.horizon.as_of.into()
    }

    /// How far they can be trusted: `FULL` when an observed price implied the volatility and the
    /// rate is of observed yields, `ESTIMATED` for any other source of either.
    async fn quality(&self) -> Quality {
        let line = self.line.as_ref();
        line.map_or(Quality::Insufficient, |line| self.own.quality(line).into())
    }

    /// What to know about them, in sentences.
    async fn warnings(&self) -> Vec<String> {
        let mut warnings = match &self.line {
            Some(line) => self.own.warnings(line),
            None => self.own.missing.iter().cloned().collect(),
        };
        warnings.extend(book_warnings(self.asked, &self.book));
        warnings
    }

    /// Where they come from: the model and every input of it, enough to do it again.
    async fn provenance(&self) -> Provenance {
        let method = match (self.own.source, self.pricing()) {
            (Source::Model, Some(pricing)) => pricing.model.method(),
            (Source::Model, None) => "NONE",
            (Source::Fallback, _) => "FALLBACK",
            (Source::Stock, _) => "STOCK",
            (Source::Expired, _) => "EXPIRED",
        };
        let (inputs, coverage) = match &self.line {
            Some(line) => (inputs(line, &self.own), Sums::of_one(line, &self.own).coverage),
            None => Default::default(),
        };
        provenance(&self.book, method, inputs, coverage).found_at(self.own.found_at)
    }
}

/// As provenance tells it.
pub(super) fn rate_source(source: RateSource) -> &'static str {
    match source {
        RateSource::Treasury => "TREASURY",
        RateSource::Synthetic => "SYNTHETIC",
        RateSource::Configured => "CONFIGURED",
    }
}

fn provenance(
    book: &Book,
    method: &str,
    inputs: Vec<ProvenanceInput>,
    coverage: Coverage,
) -> Provenance {
    Provenance {
        as_of: book.horizon.as_of.into(),
        computed_at: book.computed_at,
        basis: ComputationBasis::Live,
        method: method.into(),
        model_version: MODEL_VERSION.into(),
        inputs,
        coverage: coverage.into(),
    }
}

/// Everything a position's Greeks are computed from.
fn inputs(line: &Line, greeks: &LineGreeks) -> Vec<ProvenanceInput> {
    let position = &line.position;
    let per_share = format!("{} per share", position.instrument.currency);
    let units = if position.position_type.is_option() { "contracts" } else { "shares" };
    let mut inputs = vec![
        ProvenanceInput::new("signedQuantity", &line.holding().signed_quantity.normalize())
            .in_unit(units),
        ProvenanceInput::new("multiplier", &position.instrument.multiplier),
    ];
    let spot = if line.holding().is_option() { &line.underlying_quote } else { &line.quote };
    if let Some(quote) = spot {
        let price = ProvenanceInput::new("underlyingPrice", &quote.price).in_unit(&per_share);
        inputs.push(price.from(quote.source.into(), quote.date));
    }
    if let Some(contract) = &position.instrument.contract {
        let kind = enum_value(OptionKind::from(contract.kind));
        inputs.push(ProvenanceInput::new("kind", &kind));
        inputs.push(ProvenanceInput::new("strike", &contract.strike).in_unit(&per_share));
        inputs.push(ProvenanceInput::new("expiry", &contract.expiry));
    }
    let Some(Pricing { contract, market, volatility, rate, dividends, .. }) = &greeks.pricing
    else {
        return inputs;
    };
    if let (greeks::VolatilitySource::Implied, Some(quote)) = (volatility.source, &line.quote) {
        let price = ProvenanceInput::new("optionPrice", &quote.price).in_unit(&per_share);
        inputs.push(price.from(quote.source.into(), quote.date));
    }
    let a_year = |name: &str, value: f64, source: String, as_of: Option<chrono::NaiveDate>| {
        let input = ProvenanceInput::new(name, &value).in_unit("fraction a year");
        ProvenanceInput { source: Some(source), as_of: as_of.map(Date), ..input }
    };
    let session = Some(line.horizon.as_of);
    let told = |source: VolatilitySource| enum_value(source).to_string();
    inputs.push(
        ProvenanceInput::new("timeToExpiryYears", &contract.years).in_unit("years of 365 days"),
    );
    inputs.push(a_year("volatility", market.volatility, told(volatility.source.into()), session));
    inputs.push(a_year("riskFreeRate", market.rate, rate_source(rate.source).into(), rate.date));
    inputs.push(a_year(
        "dividendYield",
        market.dividend_yield,
        enum_value(DividendSource::from(*dividends)).to_string(),
        session,
    ));
    inputs
}

/// Some positions of a book and their Greeks.
pub struct PortfolioGreeks {
    book: Arc<Book>,
    lines: Vec<Arc<Line>>,
    greeks: Arc<BookGreeks>,
    sums: Sums,
    asked: Option<Date>,
}

impl PortfolioGreeks {
    pub fn new(
        book: Arc<Book>,
        lines: Vec<Arc<Line>>,
        greeks: Arc<BookGreeks>,
        asked: Option<Date>,
    ) -> Self {
        let sums = greeks.sums(&lines);
        Self { book, lines, greeks, sums, asked }
    }

    /// When the nightly chain made the newest of the valuations; None where it did not make all.
    fn found_at(&self) -> Option<DateTime<Utc>> {
        match self.greeks.origin(&self.lines) {
            Origin::Kept(at) => Some(at),
            Origin::Nothing | Origin::New => None,
        }
    }
}

/// What moves positions together, as of the close of a session: Greeks added up over those that
/// have them and whose underlying has a price. `quality`, `warnings`, `excluded` and
/// `provenance.coverage` say what was left out. With a quality of INSUFFICIENT that is all of them,
/// and a sum of zero says nothing.
#[Object]
impl PortfolioGreeks {
    /// Sums over the positions: shares with a delta of 1 each, options at that of their model. Of
    /// different underlyings they add up in money alone: see `deltaDollars`.
    async fn total(&self) -> Greeks {
        self.sums.total.into()
    }

    /// Σ position delta × price of the underlying, in the portfolio's currency.
    async fn delta_dollars(&self) -> Decimal {
        self.sums.delta_dollars.into()
    }

    /// Change of `deltaDollars` when every underlying rises by 1 %: Σ position gamma × price² / 100.
    async fn gamma_dollars(&self) -> Decimal {
        self.sums.gamma_dollars.into()
    }

    /// How many of the positions are options, those without Greeks too.
    async fn option_position_count(&self) -> usize {
        self.sums.options
    }

    /// The book once everything expiring within the given days is gone; what is exercised or
    /// assigned by then does not count as shares.
    async fn after_expiry(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Calendar days after the session, its last one included; 0 is what runs out \
                          that day.",
            default = 7,
            validator(minimum = 0)
        )]
        within_days: i32,
    ) -> Result<Greeks> {
        request(ctx).spend(self.lines.len())?;
        let days = within_days.try_into().unwrap_or_default();
        Ok(self.greeks.after_expiry(&self.lines, days).into())
    }

    /// The sums of each underlying, its shares and the options on it, by symbol.
    #[graphql(complexity = "group_cost(first, child_complexity)")]
    async fn by_underlying(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "At most so many underlyings, up to 500. When left out all of them, which is \
                    an error for more than 500."
        )]
        first: Option<i32>,
        #[graphql(desc = "The underlyings that follow the one with this symbol.")] after: Option<
            String,
        >,
    ) -> Result<Vec<UnderlyingGreeks>> {
        request(ctx).spend(self.lines.len())?;
        let all = self.greeks.by_underlying(&self.lines);
        let part = groups(all, |group| &group.symbol, first, after.as_deref())?;
        Ok(part.into_iter().map(UnderlyingGreeks).collect())
    }

    /// Positions left out of the sums, because an input of their Greeks or their price is unknown;
    /// by symbol.
    #[graphql(complexity = "cost(first.or(Some(EXCLUDED)), None, child_complexity)")]
    async fn excluded(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, up to 500; 100 when left out.")] first: Option<i32>,
    ) -> Result<Vec<ExcludedPosition>> {
        let most = size("first", first.or(Some(EXCLUDED)))?;
        request(ctx).spend(self.lines.len())?;
        let open = self.lines.iter().filter(|line| line.is_open());
        let reasons = open.filter_map(|line| Some((line, self.greeks.missing_reason(line)?)));
        Ok(reasons
            .take(most)
            .map(|(line, reason)| ExcludedPosition::new(&self.book, line, reason))
            .collect())
    }

    /// The session they are of.
    async fn as_of(&self) -> Date {
        self.book.horizon.as_of.into()
    }

    /// When they were computed: of the valuations of options the newest, where the nightly chain
    /// made all of them.
    async fn calculated_at(&self) -> DateTime<Utc> {
        self.found_at().unwrap_or(self.book.computed_at)
    }

    /// How far they can be trusted: as the worst of what is in them, `LIMITED` when something is
    /// left out.
    async fn quality(&self) -> Quality {
        self.sums.quality().into()
    }

    /// What to know about them, in sentences. Those of each position are in its own Greeks.
    async fn warnings(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        request(ctx).spend(self.lines.len())?;
        let mut warnings = self.greeks.warnings(&self.lines);
        warnings.extend(book_warnings(self.asked, &self.book));
        Ok(warnings)
    }

    /// Where they come from. The inputs of each position are in its own Greeks.
    async fn provenance(&self) -> Provenance {
        let Coverage { included_positions, excluded_positions, .. } = self.sums.coverage;
        let count = ProvenanceInput::new("positions", &(included_positions + excluded_positions));
        let method = self.greeks.model.method();
        provenance(&self.book, method, vec![count], self.sums.coverage).found_at(self.found_at())
    }
}

/// The sums of one underlying.
pub struct UnderlyingGreeks(ByUnderlying);

/// What moves with one underlying: its shares and the options on it, of those that have Greeks.
#[Object]
impl UnderlyingGreeks {
    /// The share, fund or index.
    async fn underlying(&self, ctx: &Context<'_>) -> Result<Instrument> {
        let found = request(ctx).loaders().row(InstrumentBy(self.0.underlying)).await?;
        Ok(Instrument(found.ok_or_else(|| Refusal::not_found("instrument"))?))
    }

    /// Sums over its positions: delta in shares of it.
    async fn total(&self) -> Greeks {
        self.0.sums.total.into()
    }

    /// Delta × its price, in the portfolio's currency.
    async fn delta_dollars(&self) -> Decimal {
        self.0.sums.delta_dollars.into()
    }

    /// Change of `deltaDollars` when it rises by 1 %: gamma × price² / 100.
    async fn gamma_dollars(&self) -> Decimal {
        self.0.sums.gamma_dollars.into()
    }

    /// How many positions it moves, those without Greeks too.
    async fn position_count(&self) -> usize {
        self.0.sums.positions()
    }

    /// How far the sums can be trusted.
    async fn quality(&self) -> Quality {
        self.0.sums.quality().into()
    }
}
