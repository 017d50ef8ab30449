//! The Greeks of one position.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use sigmasight_analytics::decimal::rounded;
use sigmasight_analytics::exposure::Sensitivities;
use sigmasight_analytics::implied;
use sigmasight_analytics::option::{self, Kind, Market};

use super::volatility::{self, Histories, Volatility, VolatilitySource};
use super::{Inputs, Model, kind, years_to_expiry};
use crate::domain::calendar::Calendar;
use crate::domain::position::Position;
use crate::domain::quality::Quality;
use crate::services::dividends::DividendSource;
use crate::services::rates::{Rate, RateSource};
use crate::services::valuation::Line;

/// Digits behind the point that a model's figures are kept with; from there on all is exact.
const DIGITS: u32 = 12;

/// What to say where no yields are known.
pub const CONFIGURED_RATE: &str =
    "No Treasury yields are known: the risk-free rate is the configured one.";

/// Where Greeks come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// An option model.
    Model,
    /// Stand-ins of the option's kind, never added up.
    Fallback,
    /// No option: a share moves like itself.
    Stock,
    /// An option that has run out: nothing moves it.
    Expired,
}

/// What an option was valued with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pricing {
    pub model: Model,
    pub contract: option::Contract,
    pub market: Market,
    pub volatility: Volatility,
    pub rate: Rate,
    /// Where the dividend yield comes from.
    pub dividends: DividendSource,
}

/// What a model makes of an option as of a session, whoever holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Valued {
    pub pricing: Pricing,
    /// Of one long option, per share; None where the model gives no finite number.
    pub figures: Option<(Decimal, Sensitivities)>,
}

impl Valued {
    pub(super) fn new(pricing: Pricing, value: Option<(f64, option::Greeks)>) -> Self {
        let figures = value.and_then(|(value, greeks)| {
            Some((rounded(value, DIGITS)?, Sensitivities::rounded(&greeks, DIGITS)?))
        });
        Self { pricing, figures }
    }
}

/// The Greeks of one position. Those of a share or an option are of a long one.
#[derive(Clone, Debug)]
pub struct LineGreeks {
    pub source: Source,
    pub per_share: Option<Sensitivities>,
    /// Times signed quantity and multiplier; zero once closed.
    pub position: Option<Sensitivities>,
    /// Of an option that a model has valued.
    pub pricing: Option<Pricing>,
    /// When the nightly chain valued it; None for what was valued since, or by no model.
    pub found_at: Option<DateTime<Utc>>,
    /// What the model gives, per share.
    pub theoretical_price: Option<Decimal>,
    /// Of the underlying, of what is no option the own one.
    pub underlying_price: Option<Decimal>,
    /// Why there are no Greeks by a model; None when there are.
    pub missing: Option<String>,
}

/// What is to be done about a position.
pub(super) enum Plan {
    Known(Arc<LineGreeks>),
    Price(Pricing),
}

/// Whether a model would value a position, as far as its inputs are known.
pub(super) fn is_valued(line: &Line, calendar: &Calendar) -> bool {
    let Some(terms) = &line.position.instrument.contract else { return false };
    let is_alive =
        !line.is_expired && years_to_expiry(line.horizon.as_of, terms.expiry, calendar) > 0.0;
    let is_doubtful = line.needs_review() && line.unpriced_reason().is_some();
    is_alive && !is_doubtful && line.underlying_quote.is_some()
}

/// The stand-ins for a long option of which nothing is known, per share: those of one near the
/// money with some weeks to live. A written one has them with the other sign, by its quantity.
pub fn stand_in(kind: Kind) -> Sensitivities {
    let (delta, rho) = match kind {
        Kind::Call => (Decimal::new(6, 1), Decimal::new(8, 2)),
        Kind::Put => (Decimal::new(-4, 1), Decimal::new(-8, 2)),
    };
    Sensitivities {
        delta,
        gamma: Decimal::new(2, 2),
        theta: Decimal::new(-5, 2),
        vega: Decimal::new(15, 2),
        rho,
    }
}

pub(super) fn plan(
    line: &Line,
    inputs: &Inputs,
    histories: &mut Histories<'_>,
    calendar: &Calendar,
    model: Model,
) -> Plan {
    let Some(terms) = &line.position.instrument.contract else {
        return Plan::Known(LineGreeks::of_stock(line).into());
    };
    let years = years_to_expiry(line.horizon.as_of, terms.expiry, calendar);
    if line.is_expired || years <= 0.0 {
        return Plan::Known(LineGreeks::expired(line).into());
    }
    let unknown = |reason| {
        Plan::Known(LineGreeks::without(line, reason, inputs.assumptions.greeks_fallback).into())
    };
    if let Some(reason) = line.unpriced_reason().filter(|_| line.needs_review()) {
        return unknown(reason);
    }
    let Some(underlying) = &line.underlying_quote else {
        return unknown(format!("No price of the underlying {} is known.", line.underlying()));
    };
    if let Some((valued, found_at)) = inputs.valued.get(&line.position.instrument.id) {
        let fallback = inputs.assumptions.greeks_fallback;
        let greeks = LineGreeks::valued(line, Valued::clone(valued), fallback);
        return Plan::Known(LineGreeks { found_at: Some(*found_at), ..greeks }.into());
    }
    let model = model.of(terms.exercise_style);
    let rate = inputs.curve.rate(years);
    let paid = inputs.dividends.get(&terms.underlying_id);
    let dividends = paid.map_or(DividendSource::None, |paid| paid.source);
    let dividend_yield = paid.and_then(|paid| paid.continuous(underlying.price)).unwrap_or(0.0);
    let spot = underlying.price.to_f64().unwrap_or(f64::NAN);
    let strike = terms.strike.to_f64().unwrap_or(f64::NAN);
    let contract = option::Contract { kind: kind(terms.kind), strike, years };
    let quote = implied::Quote { price: f64::NAN, spot, rate: rate.rate, dividend_yield };
    let volatility =
        volatility::of_line(line, terms.underlying_id, &quote, &contract, histories, model);
    let market = Market { spot, rate: rate.rate, dividend_yield, volatility: volatility.value };
    Plan::Price(Pricing { model, contract, market, volatility, rate, dividends })
}

impl LineGreeks {
    /// Of a position that was entered after the session.
    pub fn not_held(position: &Position, session: NaiveDate) -> Self {
        let is_option = position.position_type.is_option();
        Self {
            source: if is_option { Source::Model } else { Source::Stock },
            per_share: None,
            position: None,
            pricing: None,
            found_at: None,
            theoretical_price: None,
            underlying_price: None,
            missing: Some(format!(
                "Not held on {session}: the position was entered on {}.",
                position.entry_date
            )),
        }
    }

    fn of_stock(line: &Line) -> Self {
        let share = Sensitivities { delta: Decimal::ONE, ..Sensitivities::default() };
        let price = line.quote.as_ref().map(|quote| quote.price);
        Self { underlying_price: price, ..Self::known(line, Source::Stock, Some(share)) }
    }

    fn expired(line: &Line) -> Self {
        Self::known(line, Source::Expired, Some(Sensitivities::default()))
    }

    /// No Greeks by a model, or the stand-ins where these are wanted.
    fn without(line: &Line, reason: String, fallback: bool) -> Self {
        let stand_in = line.holding().option.filter(|_| fallback).map(stand_in);
        let source = if stand_in.is_some() { Source::Fallback } else { Source::Model };
        Self { missing: Some(reason), ..Self::known(line, source, stand_in) }
    }

    pub(super) fn valued(line: &Line, valued: Valued, fallback: bool) -> Self {
        let Valued { pricing, figures } = valued;
        let Some((value, greeks)) = figures else {
            let symbol = &line.position.instrument.symbol;
            let reason = format!("The model gives {symbol} no finite value.");
            return Self { pricing: Some(pricing), ..Self::without(line, reason, fallback) };
        };
        Self {
            theoretical_price: Some(value),
            pricing: Some(pricing),
            ..Self::known(line, Source::Model, Some(greeks))
        }
    }

    fn known(line: &Line, source: Source, per_share: Option<Sensitivities>) -> Self {
        Self {
            source,
            per_share,
            position: per_share.and_then(|own| Sensitivities::of(line.holding(), Some(own))),
            pricing: None,
            found_at: None,
            theoretical_price: None,
            underlying_price: line.underlying_quote.as_ref().map(|quote| quote.price),
            missing: None,
        }
    }

    /// What a model made of the option; None where none did.
    pub fn as_valued(&self) -> Option<Valued> {
        let figures = self.theoretical_price.zip(self.per_share);
        Some(Valued { pricing: self.pricing.clone()?, figures })
    }

    /// Those per share, where they may be added up: stand-ins may not.
    pub fn counted(&self) -> Option<Sensitivities> {
        self.per_share.filter(|_| self.source != Source::Fallback)
    }

    /// Position delta times the price of the underlying.
    pub fn delta_dollars(&self) -> Option<Decimal> {
        self.in_dollars(Sensitivities::dollar_delta)
    }

    /// Change of the dollar delta by a rise of the underlying of 1 %.
    pub fn gamma_dollars(&self) -> Option<Decimal> {
        self.in_dollars(Sensitivities::dollar_gamma)
    }

    fn in_dollars(&self, figure: fn(&Sensitivities, Decimal) -> Decimal) -> Option<Decimal> {
        let position = self.position?;
        match self.source {
            // Whatever the price is: nothing moves it any more.
            Source::Expired => Some(Decimal::ZERO),
            _ => Some(figure(&position, self.underlying_price?)),
        }
    }

    /// How far they can be trusted.
    pub fn quality(&self, line: &Line) -> Quality {
        match (self.source, &self.pricing) {
            _ if self.per_share.is_none() => Quality::Insufficient,
            (Source::Fallback, _) => Quality::Estimated,
            (Source::Expired, _) => Quality::Full,
            (Source::Stock, _) if line.quote.is_none() => Quality::Limited,
            (Source::Stock, _) | (Source::Model, None) => line.quality(),
            (Source::Model, Some(pricing)) => pricing.quality(line),
        }
    }

    /// What is to be known about them, in sentences.
    pub fn warnings(&self, line: &Line) -> Vec<String> {
        let mut warnings = Vec::new();
        let symbol = &line.position.instrument.symbol;
        if let Some(exit) = line.position.exit_date.filter(|_| !line.is_open()) {
            warnings.push(format!("Closed on {exit}: no Greeks of the position are left."));
        }
        match (&self.missing, self.source) {
            (Some(reason), Source::Fallback) => warnings.push(format!(
                "{reason} The Greeks of {symbol} are FALLBACK: documented stand-ins for any option \
                 of its kind, kept out of every sum."
            )),
            (Some(reason), _) => warnings.push(format!("{reason} Greeks of {symbol} are null.")),
            (None, Source::Expired) => {
                warnings.push(format!("{symbol} has expired: its Greeks are zero."));
            }
            (None, Source::Stock) if line.quote.is_none() => {
                let reason = line.unpriced_reason().unwrap_or_default();
                warnings.push(format!("{reason} deltaDollars and gammaDollars are null."));
            }
            (None, _) => {}
        }
        if let Some(pricing) = &self.pricing {
            pricing.warn(line, &mut warnings);
        }
        warnings
    }
}

impl Pricing {
    fn quality(&self, line: &Line) -> Quality {
        let underlying = line.underlying_quote.as_ref();
        if underlying.is_some_and(|quote| quote.date < line.horizon.as_of) {
            return Quality::Stale;
        }
        let is_observed = underlying.is_some_and(|quote| quote.source.is_observed())
            && self.volatility.source == VolatilitySource::Implied
            && !self.volatility.is_simulated
            && self.rate.source == RateSource::Treasury;
        if is_observed { Quality::Full } else { Quality::Estimated }
    }

    fn warn(&self, line: &Line, warnings: &mut Vec<String>) {
        let symbol = line.underlying();
        if let Some(quote) = &line.underlying_quote {
            if quote.date < line.horizon.as_of {
                warnings.push(format!("The newest price of {symbol} is of {}.", quote.date));
            }
            if !quote.source.is_observed() {
                warnings.push(format!("The price of {symbol} is simulated, not traded."));
            }
        }
        warnings.extend(self.volatility.reasons.iter().cloned());
        warnings.extend(self.shared_warnings().into_iter().map(str::to_owned));
    }

    /// What may be so of many positions at once.
    pub(super) fn shared_warnings(&self) -> Vec<&'static str> {
        let of_volatility = match self.volatility.source {
            _ if self.volatility.is_simulated => Some("Volatilities are of simulated prices."),
            VolatilitySource::Historical => {
                Some("Where no price implies a volatility it is that of the underlying's past.")
            }
            VolatilitySource::Default => Some("Some volatilities are the configured default."),
            VolatilitySource::Implied | VolatilitySource::User => None,
        };
        let of_rate = match self.rate.source {
            RateSource::Treasury => None,
            RateSource::Synthetic => Some("The risk-free rate is of simulated Treasury yields."),
            RateSource::Configured => Some(CONFIGURED_RATE),
        };
        of_volatility.into_iter().chain(of_rate).collect()
    }
}
