//! One option contract that somebody describes, priced for them; nothing is stored.

use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use sigmasight_analytics::american::{self, Accuracy};
use sigmasight_analytics::implied::{self, NoVolatility};
use sigmasight_analytics::option::{self, Contract, HigherOrderGreeks, Market};

use super::volatility::{by_default, historical, of_price};
use super::{HISTORY, Model, Volatility, VolatilitySource, kind, years_to_expiry};
use crate::config::assumptions::Assumptions;
use crate::domain::calendar::Calendar;
use crate::domain::instrument::{ExerciseStyle, OPTION_MULTIPLIER, OccSymbol, OptionKind};
use crate::domain::price::Quote;
use crate::error::Refusal;
use crate::services::history::Series;
use crate::services::rates::{Curve, RateSource};

/// A contract as somebody describes it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub symbol: Option<String>,
    pub kind: Option<OptionKind>,
    pub strike: Option<Decimal>,
    pub expiry: Option<NaiveDate>,
    /// Instead of the expiry.
    pub years: Option<f64>,
    pub underlying_price: Option<Decimal>,
    pub volatility: Option<f64>,
    pub risk_free_rate: Option<f64>,
    pub dividend_yield: f64,
    /// Signed contracts.
    pub quantity: Decimal,
}

/// A contract whose description makes sense.
#[derive(Clone, Debug)]
pub struct Terms {
    pub symbol: Option<OccSymbol>,
    kind: OptionKind,
    strike: f64,
    /// None once it has expired.
    years: Option<f64>,
    spot: Option<f64>,
    volatility: Option<f64>,
    rate: Option<f64>,
    dividend_yield: f64,
    quantity: f64,
}

/// What is known of a contract beside its description, as of the session.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub own: Option<Quote>,
    pub underlying: Option<Quote>,
    pub history: Option<Arc<Series>>,
    pub curve: Option<Arc<Curve>>,
}

/// What a contract is worth and what moves it.
#[derive(Clone, Debug)]
pub struct Valuation {
    pub model: Model,
    /// Per share; None once it has expired.
    pub price: Option<f64>,
    /// Of one long option.
    pub per_share: option::Greeks,
    /// Times signed contracts and multiplier.
    pub position: option::Greeks,
    /// Of one long European option.
    pub higher_order: Option<HigherOrderGreeks>,
    /// None once it has expired.
    pub inputs: Option<(Contract, Market, Volatility)>,
    pub warnings: Vec<String>,
}

/// The nearest float. A figure of many digits must not lose the last one, for an implied
/// volatility may hang on it.
fn number(exact: Decimal) -> f64 {
    exact.to_string().parse().unwrap_or(f64::NAN)
}

impl Asked {
    /// What is described, as of a session.
    ///
    /// # Errors
    /// `Validation` with the field that lacks, contradicts or is out of range.
    pub fn terms(&self, session: NaiveDate, calendar: &Calendar) -> Result<Terms, Refusal> {
        let symbol = self.symbol.as_deref().map(OccSymbol::parse).transpose();
        let symbol = symbol.map_err(|error| Refusal::validation(error.to_string()).at("symbol"))?;
        let symbol = symbol.as_ref();
        let kind = either("kind", self.kind, symbol.map(OccSymbol::kind))?;
        let strike = either("strike", self.strike, symbol.map(OccSymbol::strike))?;
        let expiry = match (self.expiry, symbol.map(OccSymbol::expiry), self.years) {
            (Some(_), _, Some(_)) => {
                return Err(Refusal::validation("Give `expiry` or `timeToExpiryYears`, not both.")
                    .at("timeToExpiryYears"));
            }
            (None, None, Some(_)) => None,
            (given, named, _) => Some(either("expiry", given, named)?),
        };
        let years = match (self.years, expiry) {
            (Some(years), _) => Some(at_least_zero("timeToExpiryYears", years)?),
            (None, Some(expiry)) => {
                Some(years_to_expiry(session, expiry, calendar)).filter(|years| *years > 0.0)
            }
            (None, None) => None,
        };
        let spot = self.underlying_price.map(|price| above_zero("underlyingPrice", price));
        let volatility = self.volatility.map(|given| at_least_zero("volatility", given));
        Ok(Terms {
            symbol: symbol.cloned(),
            kind,
            strike: above_zero("strike", strike)?,
            years,
            spot: spot.transpose()?,
            volatility: volatility.transpose()?,
            rate: self.risk_free_rate.map(|rate| finite("riskFreeRate", rate)).transpose()?,
            dividend_yield: finite("dividendYield", self.dividend_yield)?,
            quantity: number(self.quantity),
        })
    }
}

impl Terms {
    /// Whose price or past it takes, when the description does not say all.
    pub fn wanted_symbols(&self) -> Option<(String, String)> {
        let symbol = self.symbol.as_ref().filter(|_| self.years.is_some())?;
        let is_complete = self.spot.is_some() && self.volatility.is_some();
        (!is_complete).then(|| (symbol.compact(), symbol.underlying().to_owned()))
    }

    /// Whether it takes the risk-free curve.
    pub fn wants_curve(&self) -> bool {
        self.rate.is_none() && self.years.is_some()
    }

    /// The value and what moves it.
    ///
    /// # Errors
    /// `Validation` where the price of the underlying is not known, or the model gives none.
    pub fn value(
        &self,
        known: &Known,
        session: NaiveDate,
        calendar: &Calendar,
        assumptions: &Assumptions,
        model: Model,
    ) -> Result<Valuation, Refusal> {
        let style = self.symbol.as_ref().map_or(ExerciseStyle::American, OccSymbol::exercise_style);
        let model = model.of(style);
        let Some(years) = self.years else { return Ok(Valuation::expired(model)) };
        let spot = self.spot.or_else(|| price_of(known.underlying.as_ref(), session));
        let spot = spot.ok_or_else(|| {
            Refusal::validation(match &self.symbol {
                Some(symbol) => {
                    format!("No price of {} on {session} is known.", symbol.underlying())
                }
                None => "The price of the underlying is missing.".into(),
            })
            .at("underlyingPrice")
            .hint("Give `underlyingPrice`.")
        })?;
        let mut warnings = Vec::new();
        let rate = self.rate.unwrap_or_else(|| {
            let rate = known.curve.as_ref().map(|curve| curve.rate(years));
            match rate {
                Some(rate) if rate.source != RateSource::Configured => rate.rate,
                _ => {
                    warnings.push(super::line::CONFIGURED_RATE.into());
                    assumptions.risk_free_rate
                }
            }
        });
        let contract = Contract { kind: kind(self.kind), strike: self.strike, years };
        let quote =
            implied::Quote { price: f64::NAN, spot, rate, dividend_yield: self.dividend_yield };
        let volatility =
            self.best_volatility(known, session, calendar, assumptions, &contract, &quote, model);
        warnings.extend(volatility.reasons.iter().cloned());
        let market = Market {
            spot,
            rate,
            dividend_yield: self.dividend_yield,
            volatility: volatility.value,
        };
        let valued = match model {
            Model::BlackScholesMerton => option::value_and_greeks(&contract, &market),
            Model::American => american::value_and_greeks(&contract, &market, Accuracy::Accurate),
        };
        let (price, per_share) = valued.map_err(|error| {
            Refusal::validation(format!("The model gives no value: {error}."))
                .hint("Rates are fractions a year, times are years: 0.05 is 5 %, 0.5 half a year.")
        })?;
        let higher_order = (model == Model::BlackScholesMerton)
            .then(|| option::higher_order(&contract, &market))
            .filter(|HigherOrderGreeks { vanna, volga, charm }| {
                [vanna, volga, charm].into_iter().all(|figure| figure.is_finite())
            });
        Ok(Valuation {
            model,
            price: Some(price),
            per_share,
            position: per_share.of_position(self.quantity * f64::from(OPTION_MULTIPLIER)),
            higher_order,
            inputs: Some((contract, market, volatility)),
            warnings,
        })
    }

    /// What the caller gave, else the first rung that gives one.
    #[expect(clippy::too_many_arguments, reason = "each is a rung, or what it stands on")]
    fn best_volatility(
        &self,
        known: &Known,
        session: NaiveDate,
        calendar: &Calendar,
        assumptions: &Assumptions,
        contract: &Contract,
        quote: &implied::Quote,
        model: Model,
    ) -> Volatility {
        let of = |value, source, is_simulated| Volatility {
            value,
            source,
            is_simulated,
            reasons: Vec::new(),
        };
        if let Some(given) = self.volatility {
            return of(given, VolatilitySource::User, false);
        }
        // A price of the market says nothing beside a price of the underlying that is not.
        let own = known.own.as_ref().filter(|_| self.spot.is_none());
        if let Some(price) = price_of(own, session)
            && let Ok(implied) = of_price(contract, &implied::Quote { price, ..*quote }, model)
        {
            let is_simulated = own.is_some_and(|quote| !quote.source.is_observed());
            return of(implied, VolatilitySource::Implied, is_simulated);
        }
        let past = known.history.as_ref().and_then(|series| {
            let first = calendar.sessions_before(session, HISTORY);
            let sessions: Vec<_> = calendar.sessions(first, session).collect();
            Some(of(
                historical(&series.over(&sessions))?,
                VolatilitySource::Historical,
                series.is_simulated(),
            ))
        });
        past.unwrap_or_else(|| by_default(assumptions.default_volatility, Vec::new()))
    }
}

impl Valuation {
    fn expired(model: Model) -> Self {
        Self {
            model,
            price: None,
            per_share: option::Greeks::default(),
            position: option::Greeks::default(),
            higher_order: Some(HigherOrderGreeks::default()),
            inputs: None,
            warnings: vec!["It has expired: nothing moves it any more.".into()],
        }
    }
}

/// A price of an option whose volatility is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Priced {
    pub kind: OptionKind,
    pub strike: Decimal,
    pub years: f64,
    pub underlying_price: Decimal,
    pub risk_free_rate: f64,
    pub dividend_yield: f64,
    /// Per share.
    pub price: Decimal,
}

impl Priced {
    /// The volatility that the price implies in the European model.
    ///
    /// # Errors
    /// `Validation` with the field that is to blame, and what to do.
    pub fn volatility(&self) -> Result<f64, Refusal> {
        let contract =
            Contract { kind: kind(self.kind), strike: number(self.strike), years: self.years };
        let quote = implied::Quote {
            price: number(self.price),
            spot: number(self.underlying_price),
            rate: self.risk_free_rate,
            dividend_yield: self.dividend_yield,
        };
        implied::volatility(&contract, &quote).map_err(|error| match (error, self.blamed()) {
            (NoVolatility::NotFinite | NoVolatility::InvalidInput, Some(field)) => {
                refused(error).at(field)
            }
            _ => refused(error),
        })
    }

    /// The field that no model takes.
    fn blamed(&self) -> Option<&'static str> {
        let is_above_zero = |number: f64| number > 0.0 && number.is_finite();
        let fields = [
            ("strike", is_above_zero(number(self.strike))),
            ("timeToExpiryYears", is_above_zero(self.years)),
            ("underlyingPrice", is_above_zero(number(self.underlying_price))),
            ("riskFreeRate", self.risk_free_rate.is_finite()),
            ("dividendYield", self.dividend_yield.is_finite()),
        ];
        fields.into_iter().find(|(_, is_fine)| !is_fine).map(|(field, _)| field)
    }
}

fn refused(error: NoVolatility) -> Refusal {
    let (field, hint) = match error {
        NoVolatility::NotFinite | NoVolatility::InvalidInput => (
            "underlyingPrice",
            "Rates are fractions a year, times are years: 0.05 is 5 %, 0.5 half a year.",
        ),
        NoVolatility::NegativePrice => ("price", "Give the premium per share."),
        NoVolatility::BelowIntrinsic => (
            "price",
            "Take prices of the option and of its underlying from the same moment; an option that \
             may be exercised early has none below what that brings.",
        ),
        NoVolatility::AtIntrinsic => (
            "price",
            "Every volatility that is small enough gives it; take an option with time value.",
        ),
        NoVolatility::AboveUpperBound => ("price", "Give the premium per share, not per contract."),
    };
    Refusal::validation(told(error)).at(field).hint(hint)
}

fn told(error: NoVolatility) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

/// The price as of exactly the session.
fn price_of(quote: Option<&Quote>, session: NaiveDate) -> Option<f64> {
    quote.filter(|quote| quote.date == session).map(|quote| number(quote.price))
}

/// What is given, or what the symbol says; both must agree.
fn either<T: PartialEq>(field: &str, given: Option<T>, named: Option<T>) -> Result<T, Refusal> {
    match (given, named) {
        (Some(given), Some(named)) if given != named => {
            Err(Refusal::validation(format!("`{field}` contradicts `symbol`."))
                .at(field)
                .hint("Leave it out, or the symbol."))
        }
        (Some(value), _) | (None, Some(value)) => Ok(value),
        (None, None) => Err(Refusal::validation(format!("`{field}` is missing.")).at(field).hint(
            "Give `symbol`; or `kind`, `strike`, `underlyingPrice` and `expiry` or \
                   `timeToExpiryYears`.",
        )),
    }
}

fn above_zero(field: &str, exact: Decimal) -> Result<f64, Refusal> {
    let value = number(exact);
    let is_above = value > 0.0;
    is_above
        .then_some(value)
        .ok_or_else(|| Refusal::validation(format!("`{field}` must be above zero.")).at(field))
}

fn at_least_zero(field: &str, value: f64) -> Result<f64, Refusal> {
    let is_fine = value >= 0.0 && value.is_finite();
    is_fine
        .then_some(value)
        .ok_or_else(|| Refusal::validation(format!("`{field}` must be zero or above.")).at(field))
}

fn finite(field: &str, value: f64) -> Result<f64, Refusal> {
    let refused = || Refusal::validation(format!("`{field}` must be a number.")).at(field);
    value.is_finite().then_some(value).ok_or_else(refused)
}
