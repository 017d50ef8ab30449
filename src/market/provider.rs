//! What a source of market data can be asked, what it answers, and why it did not.
//!
//! - Prices are decimals with the digits the provider wrote, as traded: not adjusted for splits
//!   or dividends. Ratios and rates are fractions: 4.25 % is `0.0425`.
//! - A date is a day in New York; a range includes both its ends.
//! - A provider implements what it has. The rest answers [`ProviderError::Unsupported`].
//! - No text of an error holds a key, or an address that might.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use super::check::Fault;
use super::throttle::Rate;
use crate::config::Provider;
use crate::domain::instrument::{AssetClass, ExerciseStyle, OptionKind};
use crate::domain::price::PriceSource;
pub use crate::domain::rate::Tenor;

/// A source of market data. Symbols are ours: `BRK.B`, `^VIX`, `AAPL240119C00150000`.
#[async_trait]
pub trait MarketDataProvider: Send + Sync {
    /// Who answers.
    fn name(&self) -> Provider;

    /// How often it may be asked; None for whom no limit is known of.
    fn rate(&self) -> Option<&Rate> {
        None
    }

    /// The bars of a symbol, ascending.
    async fn daily_bars(
        &self,
        _symbol: &str,
        _span: Span,
        _urgency: Urgency,
    ) -> Result<Bars, ProviderError> {
        Err(ProviderError::Unsupported("daily bars"))
    }

    /// The bars of the whole market on one day, in one request; by symbol.
    async fn market_day(
        &self,
        _date: NaiveDate,
        _urgency: Urgency,
    ) -> Result<MarketDay, ProviderError> {
        Err(ProviderError::Unsupported("the bars of a whole day"))
    }

    /// The splits and cash dividends of the whole market in a range of days; no order.
    async fn market_actions(
        &self,
        _span: Span,
        _urgency: Urgency,
    ) -> Result<MarketActions, ProviderError> {
        Err(ProviderError::Unsupported("the splits and dividends of the market"))
    }

    /// The bar of the last session that has closed.
    async fn previous_close(
        &self,
        _symbol: &str,
        _urgency: Urgency,
    ) -> Result<DailyBar, ProviderError> {
        Err(ProviderError::Unsupported("the previous close"))
    }

    /// The splits of a symbol, ascending. None is an answer.
    async fn splits(
        &self,
        _symbol: &str,
        _span: Span,
        _urgency: Urgency,
    ) -> Result<Vec<Split>, ProviderError> {
        Err(ProviderError::Unsupported("splits"))
    }

    /// The cash dividends of a symbol, ascending. None is an answer.
    async fn dividends(
        &self,
        _symbol: &str,
        _span: Span,
        _urgency: Urgency,
    ) -> Result<Vec<Dividend>, ProviderError> {
        Err(ProviderError::Unsupported("dividends"))
    }

    /// What a symbol stands for.
    async fn profile(&self, _symbol: &str, _urgency: Urgency) -> Result<Profile, ProviderError> {
        Err(ProviderError::Unsupported("profiles"))
    }

    /// The contracts on an underlying that expire in a range, with their quotes; no order.
    async fn option_chain(
        &self,
        _underlying: &str,
        _expiries: Span,
        _urgency: Urgency,
    ) -> Result<Vec<OptionQuote>, ProviderError> {
        Err(ProviderError::Unsupported("option chains"))
    }

    /// The rate of one tenor, ascending; days without a value are absent.
    async fn yields(
        &self,
        _tenor: Tenor,
        _span: Span,
        _urgency: Urgency,
    ) -> Result<Vec<Yield>, ProviderError> {
        Err(ProviderError::Unsupported("yields"))
    }
}

/// Days from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: NaiveDate,
    pub to: NaiveDate,
}

impl Span {
    pub fn contains(self, date: NaiveDate) -> bool {
        (self.from..=self.to).contains(&date)
    }
}

/// Who waits: the more urgent request takes its turn at a provider first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Somebody looks at the screen.
    Quote,
    /// The nightly run.
    Batch,
    /// History, which nobody waits for.
    Backfill,
}

/// One session as traded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyBar {
    pub date: NaiveDate,
    pub open: Option<Decimal>,
    pub high: Option<Decimal>,
    pub low: Option<Decimal>,
    /// Above zero.
    pub close: Decimal,
    pub volume: Option<Decimal>,
}

/// The bars that make sense, and what was wrong with the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bars {
    pub bars: Vec<DailyBar>,
    pub rejected: Vec<Fault>,
}

/// The whole market on one day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MarketDay {
    pub bars: Vec<(String, DailyBar)>,
    pub rejected: Vec<(String, Fault)>,
}

/// New shares for old: 4 for 1 is `to` 4 and `from` 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The first day that trades in new shares.
    pub date: NaiveDate,
    pub from: Decimal,
    pub to: Decimal,
}

/// What issuers did in some days, whoever did anything, by symbol.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MarketActions {
    pub splits: Vec<(String, Split)>,
    pub dividends: Vec<(String, Dividend)>,
    /// The symbols of which something was told that makes no sense.
    pub unread: BTreeSet<String>,
}

/// A payment in cash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dividend {
    /// The first day that trades without it.
    pub ex_date: NaiveDate,
    /// Per share, as the shares were on that day.
    pub amount: Decimal,
    pub kind: DividendKind,
    pub pay_date: Option<NaiveDate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DividendKind {
    Regular,
    Special,
    /// A fund passes on what it gained.
    CapitalGain,
    /// The provider does not say.
    Unknown,
}

/// What a symbol stands for; what a provider does not say is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub name: Option<String>,
    pub asset_class: AssetClass,
    pub sector: Option<String>,
    pub industry: Option<String>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// Dividends of a year over the price, a fraction.
    pub dividend_yield: Option<Decimal>,
}

/// An option contract and how it was last quoted, in dollars per share of its underlying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionQuote {
    /// The compact OCC symbol.
    pub symbol: String,
    pub kind: OptionKind,
    pub strike: Decimal,
    pub expiry: NaiveDate,
    pub exercise_style: ExerciseStyle,
    /// What one contract delivers; other than 100 after some splits and mergers.
    pub shares_per_contract: Decimal,
    /// Annual, a fraction; absent where the provider could not tell.
    pub implied_volatility: Option<Decimal>,
    /// When bid and ask were last seen; where they are not told, when the day's bar was.
    pub quoted_at: Option<DateTime<Utc>>,
    pub bid: Option<Decimal>,
    pub ask: Option<Decimal>,
    pub last: Option<Decimal>,
    /// Close of the day's bar.
    pub close: Option<Decimal>,
    /// Contracts traded that day.
    pub volume: Option<Decimal>,
    pub open_interest: Option<Decimal>,
    pub underlying_price: Option<Decimal>,
}

/// A rate on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yield {
    pub date: NaiveDate,
    /// A fraction per year.
    pub rate: Decimal,
    /// When this value was published: a revision of an old day has a newer one.
    pub vintage: NaiveDate,
}

/// Why a provider did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    #[error("does not offer {0}")]
    Unsupported(&'static str),
    /// Ours or theirs: the limit is reached.
    #[error("asks for a pause")]
    RateLimited { retry_after: Option<std::time::Duration> },
    /// The next attempt may succeed.
    #[error("is unavailable: {0}")]
    Unavailable(Outage),
    /// It answers, and has nothing.
    #[error("has nothing: {said}")]
    NotFound { absence: Absence, said: String },
    /// It answers for something else than what was asked for.
    #[error("answers for {0} instead")]
    Renamed(String),
    #[error("does not accept the key: {0}")]
    Unauthorized(String),
    /// Not what it promised to send.
    #[error("answers what cannot be read: {0}")]
    Malformed(String),
    #[error("sends more than {limit} bytes")]
    TooLarge { limit: usize },
    /// It sent us elsewhere.
    #[error("leads to another host ({0}), where nothing of ours is sent")]
    RefusedAddress(String),
    /// It can be read, and nothing of it makes sense.
    #[error("gives figures of no sense: {0}")]
    Implausible(Fault),
    /// The requests could not be counted, so none was made.
    #[error("cannot be asked, because the database that counts requests failed")]
    Uncounted(#[source] sqlx::Error),
}

impl ProviderError {
    /// Nothing there, in the provider's own words.
    pub fn not_found(said: impl Into<String>) -> Self {
        Self::NotFound { absence: Absence::Unknown, said: said.into() }
    }

    /// In words that anybody may read: addresses are left out, as keys are anyway.
    pub fn without_addresses(&self) -> String {
        let text = self.to_string();
        let word = |word| if str::contains(word, "://") { "…" } else { word };
        text.split(' ').map(word).collect::<Vec<_>>().join(" ")
    }
}

/// What keeps a provider from answering at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Outage {
    #[error("no answer in time")]
    Timeout,
    #[error("its name cannot be resolved")]
    Name,
    #[error("no connection")]
    Connection,
    #[error("no trusted encryption")]
    Encryption,
    #[error("the answer broke off")]
    BrokenOff,
    #[error("status {0}")]
    Status(u16),
    /// It failed several times in a row and is left alone for a while.
    #[error("it failed repeatedly and rests")]
    Rests,
}

/// Why there is nothing. Nobody guesses: that a symbol was delisted is said only by who knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// No session in the range.
    Holiday,
    /// A known symbol without a trade in the range.
    NoTrade,
    /// The provider, or the plan, does not reach back so far.
    RangeTooOld,
    /// The provider would not say for now.
    RateLimited,
    Unknown,
}

/// Under which source what a provider says of prices is stored; None for what has no prices.
pub fn price_source(provider: Provider) -> Option<PriceSource> {
    match provider {
        Provider::Polygon => Some(PriceSource::Polygon),
        Provider::Yahoo => Some(PriceSource::Yahoo),
        Provider::Synthetic => Some(PriceSource::Synthetic),
        Provider::Fred => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_reads_an_address() {
        let elsewhere = ProviderError::RefusedAddress("https://elsewhere.example".into());
        let told = elsewhere.without_addresses();
        assert_eq!(told, "leads to another host … where nothing of ours is sent");
        let refused = ProviderError::Unauthorized("see http://10.0.0.1/?key=1 for more".into());
        assert_eq!(refused.without_addresses(), "does not accept the key: see … for more");
    }
}
