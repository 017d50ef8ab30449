//! Polygon's answers as they are written, and what they say.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::super::check::{self, Claim};
use super::super::figure::Figure;
use super::super::provider::{Dividend, DividendKind, OptionQuote, ProviderError, Split};
use crate::domain::instrument::{ExerciseStyle, OccSymbol};

/// The frame of every answer, errors among them.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>", default)]
pub struct Page<T> {
    pub status: Option<String>,
    pub error: Option<String>,
    pub message: Option<String>,
    pub ticker: Option<String>,
    /// Absent where there are none.
    pub results: Option<Vec<T>>,
    pub next_url: Option<String>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        let (status, error, message) = (None, None, None);
        Self { status, error, message, ticker: None, results: None, next_url: None }
    }
}

/// A bar; `t` is midnight in New York, or the close where the whole market is asked for.
#[derive(Deserialize)]
pub struct Aggregate {
    #[serde(rename = "T")]
    pub ticker: Option<String>,
    t: i64,
    o: Option<Figure>,
    h: Option<Figure>,
    l: Option<Figure>,
    c: Option<Figure>,
    v: Option<Figure>,
}

impl Aggregate {
    pub fn claim(&self) -> Claim<'_> {
        Claim {
            stamp: self.t,
            currency: None,
            open: self.o.as_ref(),
            high: self.h.as_ref(),
            low: self.l.as_ref(),
            close: self.c.as_ref(),
            volume: self.v.as_ref(),
            shares_since: Decimal::ONE,
        }
    }
}

#[derive(Deserialize)]
pub struct SplitResult {
    #[serde(default)]
    pub ticker: String,
    execution_date: NaiveDate,
    split_from: Figure,
    split_to: Figure,
}

impl SplitResult {
    pub fn split(self) -> Result<Split, ProviderError> {
        let positive = |figure: Figure| {
            let number = figure.decimal().filter(|number| *number > Decimal::ZERO);
            number.ok_or_else(|| ProviderError::Malformed("a split by no number".into()))
        };
        let (from, to) = (positive(self.split_from)?, positive(self.split_to)?);
        Ok(Split { date: self.execution_date, from, to })
    }
}

#[derive(Deserialize)]
pub struct DividendResult {
    #[serde(default)]
    pub ticker: String,
    ex_dividend_date: NaiveDate,
    cash_amount: Figure,
    currency: Option<String>,
    dividend_type: Option<String>,
    pay_date: Option<NaiveDate>,
}

impl DividendResult {
    pub fn dividend(self) -> Result<Dividend, ProviderError> {
        if self.currency.is_some_and(|currency| currency != check::CURRENCY) {
            return Err(ProviderError::Malformed("a dividend in another currency".into()));
        }
        let amount = self.cash_amount.decimal().filter(|amount| *amount > Decimal::ZERO);
        Ok(Dividend {
            ex_date: self.ex_dividend_date,
            amount: amount
                .ok_or_else(|| ProviderError::Malformed("a dividend of no number".into()))?,
            kind: match self.dividend_type.as_deref() {
                Some("CD") => DividendKind::Regular,
                Some("SC") => DividendKind::Special,
                Some("LT" | "ST") => DividendKind::CapitalGain,
                _ => DividendKind::Unknown,
            },
            pay_date: self.pay_date,
        })
    }
}

#[derive(Deserialize)]
pub struct Snapshot {
    details: Details,
    day: Option<Day>,
    last_quote: Option<LastQuote>,
    last_trade: Option<LastTrade>,
    implied_volatility: Option<Figure>,
    open_interest: Option<Figure>,
    underlying_asset: Option<UnderlyingAsset>,
}

#[derive(Deserialize)]
pub struct Details {
    ticker: String,
    exercise_style: String,
    shares_per_contract: Figure,
}

#[derive(Deserialize)]
pub struct Day {
    close: Option<Figure>,
    volume: Option<Figure>,
    last_updated: Option<i64>,
}

#[derive(Deserialize)]
pub struct LastQuote {
    bid: Option<Figure>,
    ask: Option<Figure>,
    last_updated: Option<i64>,
}

#[derive(Deserialize)]
pub struct LastTrade {
    price: Option<Figure>,
}

#[derive(Deserialize)]
pub struct UnderlyingAsset {
    price: Option<Figure>,
}

impl Snapshot {
    /// The contract as its symbol names it; figures below zero are none.
    pub fn quote(self) -> Option<OptionQuote> {
        let name = self.details.ticker.strip_prefix("O:").unwrap_or(&self.details.ticker);
        let symbol = OccSymbol::parse(name).ok()?;
        let decimal = |figure: Option<Figure>| {
            figure.and_then(|figure| figure.decimal()).filter(|number| !number.is_sign_negative())
        };
        let positive = |figure| decimal(figure).filter(|number| !number.is_zero());
        let of_quote = self.last_quote.as_ref().and_then(|quote| quote.last_updated);
        let of_day = self.day.as_ref().and_then(|day| day.last_updated);
        Some(OptionQuote {
            symbol: symbol.compact(),
            kind: symbol.kind(),
            strike: symbol.strike(),
            expiry: symbol.expiry(),
            exercise_style: match self.details.exercise_style.as_str() {
                "european" => ExerciseStyle::European,
                "american" => ExerciseStyle::American,
                _ => symbol.exercise_style(),
            },
            shares_per_contract: positive(Some(self.details.shares_per_contract))?,
            implied_volatility: positive(self.implied_volatility),
            quoted_at: of_quote.or(of_day).and_then(check::instant),
            bid: decimal(self.last_quote.as_ref().and_then(|quote| quote.bid.clone())),
            ask: positive(self.last_quote.and_then(|quote| quote.ask)),
            last: positive(self.last_trade.and_then(|trade| trade.price)),
            close: positive(self.day.as_ref().and_then(|day| day.close.clone())),
            volume: decimal(self.day.and_then(|day| day.volume)),
            open_interest: decimal(self.open_interest),
            underlying_price: positive(self.underlying_asset.and_then(|asset| asset.price)),
        })
    }
}
