//! Polygon.io: bars as traded, option chains, splits and dividends.
//!
//! The key travels in a header and never in an address. An answer of several pages names the
//! next one by its address, which is followed only on the host that was asked.

mod shapes;

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde::de::DeserializeOwned;

use self::shapes::{Aggregate, DividendResult, Page, Snapshot, SplitResult};
use super::caller::{Caller, Limits, NoClient, Reply};
use super::check::{self, Expected};
use super::provider::{
    Absence, Bars, DailyBar, Dividend, MarketActions, MarketDataProvider, MarketDay, OptionQuote,
    ProviderError, Span, Split, Urgency,
};
use super::throttle::{Rate, Throttle};
use crate::clock::Clock;
use crate::config::Provider;
use crate::config::market::PolygonAccess;
use crate::domain::calendar::Calendar;
use crate::domain::instrument::OccSymbol;

const AGENT: &str = concat!("sigmasight/", env!("CARGO_PKG_VERSION"));
/// The most that a page may have.
const BARS_A_PAGE: &str = "50000";
const CONTRACTS_A_PAGE: &str = "250";
const ACTIONS_A_PAGE: &str = "1000";

pub struct Polygon {
    caller: Caller,
    headers: HeaderMap,
    calendar: Arc<Calendar>,
    clock: Clock,
}

impl Polygon {
    /// # Errors
    /// When no client can be made.
    pub fn new(
        access: &PolygonAccess,
        throttle: Throttle,
        limits: Limits,
        calendar: Arc<Calendar>,
        clock: Clock,
    ) -> Result<Self, NoClient> {
        let caller = Caller::new(access.base.clone(), AGENT, access.key.clone(), throttle, limits)?;
        // The settings refuse keys that fit no header.
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", caller.key()))
            .unwrap_or(HeaderValue::from_static("Bearer"));
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
        Ok(Self { caller, headers, calendar, clock })
    }

    /// All pages from the first on.
    async fn pages<T: DeserializeOwned>(
        &self,
        first: Url,
        urgency: Urgency,
    ) -> Result<Pages<T>, ProviderError> {
        let mut seen = HashSet::new();
        let mut pages = Pages { ticker: None, results: Vec::new() };
        let mut next = Some(first);
        while let Some(url) = next {
            if seen.len() == self.caller.limits().pages {
                return Err(ProviderError::Malformed("more pages than there can be".into()));
            }
            if !seen.insert(url.clone()) {
                return Err(ProviderError::Malformed("pages that go in a circle".into()));
            }
            let read = |reply: &Reply| self.read(reply);
            let page = self.caller.ask(&url, &self.headers, urgency, read).await?;
            pages.ticker = pages.ticker.or(page.ticker);
            pages.results.extend(page.results.unwrap_or_default());
            next = page.next_url.map(|next| self.caller.at_home(&next)).transpose()?;
        }
        Ok(pages)
    }

    /// A page, or what the error in its place says; some of those come with status 200.
    fn read<T: DeserializeOwned>(&self, reply: &Reply) -> Result<Page<T>, ProviderError> {
        let is_ok = (200..300).contains(&reply.status);
        let page = match reply.json::<Page<T>>() {
            Err(error) if is_ok => return Err(error),
            read => read.unwrap_or_default(),
        };
        let text = page.error.as_deref().or(page.message.as_deref()).unwrap_or_default();
        let said = self.caller.said(text);
        match (reply.status, page.status.as_deref()) {
            (401 | 403, _) | (_, Some("NOT_AUTHORIZED")) => Err(if said.contains("timeframe") {
                ProviderError::NotFound { absence: Absence::RangeTooOld, said }
            } else {
                ProviderError::Unauthorized(said)
            }),
            (_, Some("ERROR")) if said.contains("maximum requests") => {
                Err(ProviderError::RateLimited { retry_after: None })
            }
            (404, _) | (_, Some("NOT_FOUND")) => Err(ProviderError::not_found(said)),
            (status, Some("ERROR")) => {
                Err(ProviderError::Malformed(format!("an error with status {status}: {said}")))
            }
            (status, _) if !is_ok => {
                Err(ProviderError::Malformed(format!("status {status}: {said}")))
            }
            _ => Ok(page),
        }
    }

    fn expected(&self, span: Span) -> Expected<'_> {
        let last_session = self.calendar.last_completed_session(self.clock.now());
        Expected { calendar: &self.calendar, span, last_session }
    }
}

#[async_trait]
impl MarketDataProvider for Polygon {
    fn name(&self) -> Provider {
        Provider::Polygon
    }

    fn rate(&self) -> Option<&Rate> {
        Some(self.caller.rate())
    }

    async fn daily_bars(
        &self,
        symbol: &str,
        span: Span,
        urgency: Urgency,
    ) -> Result<Bars, ProviderError> {
        let ticker = ticker(symbol);
        let (from, to) = (span.from.to_string(), span.to.to_string());
        let path = ["v2", "aggs", "ticker", &ticker, "range", "1", "day", &from, &to];
        let query = [("adjusted", "false"), ("sort", "asc"), ("limit", BARS_A_PAGE)];
        let pages = self.pages::<Aggregate>(self.caller.url(&path, &query), urgency).await?;
        let answered = pages.results_for(&ticker)?;

        let mut bars = Bars::default();
        let expected = self.expected(span);
        for result in &answered {
            match check::bar(&result.claim(), &expected) {
                Ok(bar) if bars.bars.last().is_some_and(|last| last.date >= bar.date) => {
                    bars.rejected.push(check::Fault::Repeated(bar.date));
                }
                Ok(bar) => bars.bars.push(bar),
                Err(fault) => bars.rejected.push(fault),
            }
        }
        Ok(bars)
    }

    async fn market_day(
        &self,
        date: NaiveDate,
        urgency: Urgency,
    ) -> Result<MarketDay, ProviderError> {
        let day = date.to_string();
        let path = ["v2", "aggs", "grouped", "locale", "us", "market", "stocks", &day];
        let url = self.caller.url(&path, &[("adjusted", "false")]);
        let results = self.pages::<Aggregate>(url, urgency).await?.results;
        if results.is_empty() {
            return Err(ProviderError::not_found("no bars of that day"));
        }

        let mut market = MarketDay::default();
        let expected = self.expected(Span { from: date, to: date });
        for result in results {
            let bar = check::bar(&result.claim(), &expected);
            let symbol = result.ticker.unwrap_or_default();
            match bar {
                Ok(bar) => market.bars.push((symbol, bar)),
                Err(fault) => market.rejected.push((symbol, fault)),
            }
        }
        Ok(market)
    }

    async fn market_actions(
        &self,
        span: Span,
        urgency: Urgency,
    ) -> Result<MarketActions, ProviderError> {
        let url = self.actions("splits", "execution_date", None, span);
        let splits = self.pages::<SplitResult>(url, urgency).await?.results;
        let url = self.actions("dividends", "ex_dividend_date", None, span);
        let dividends = self.pages::<DividendResult>(url, urgency).await?.results;

        let mut market = MarketActions::default();
        for result in splits {
            let symbol = result.ticker.clone();
            match result.split() {
                Ok(split) => market.splits.push((symbol, split)),
                Err(_) => drop(market.unread.insert(symbol)),
            }
        }
        for result in dividends {
            let symbol = result.ticker.clone();
            match result.dividend() {
                Ok(dividend) => market.dividends.push((symbol, dividend)),
                Err(_) => drop(market.unread.insert(symbol)),
            }
        }
        Ok(market)
    }

    async fn previous_close(
        &self,
        symbol: &str,
        urgency: Urgency,
    ) -> Result<DailyBar, ProviderError> {
        let ticker = ticker(symbol);
        let path = ["v2", "aggs", "ticker", &ticker, "prev"];
        let url = self.caller.url(&path, &[("adjusted", "false")]);
        let results = self.pages::<Aggregate>(url, urgency).await?.results_for(&ticker)?;
        let last = results.last().ok_or_else(nothing)?;
        let whenever = Span { from: NaiveDate::MIN, to: NaiveDate::MAX };
        check::bar(&last.claim(), &self.expected(whenever)).map_err(ProviderError::Implausible)
    }

    async fn splits(
        &self,
        symbol: &str,
        span: Span,
        urgency: Urgency,
    ) -> Result<Vec<Split>, ProviderError> {
        let url = self.actions("splits", "execution_date", Some(symbol), span);
        let found = self.pages::<SplitResult>(url, urgency).await?.results;
        let mut splits =
            found.into_iter().map(SplitResult::split).collect::<Result<Vec<_>, _>>()?;
        splits.sort_by_key(|split| split.date);
        Ok(splits)
    }

    async fn dividends(
        &self,
        symbol: &str,
        span: Span,
        urgency: Urgency,
    ) -> Result<Vec<Dividend>, ProviderError> {
        let url = self.actions("dividends", "ex_dividend_date", Some(symbol), span);
        let found = self.pages::<DividendResult>(url, urgency).await?.results;
        let dividends = found.into_iter().map(DividendResult::dividend);
        let mut dividends = dividends.collect::<Result<Vec<_>, _>>()?;
        dividends.sort_by_key(|dividend| dividend.ex_date);
        Ok(dividends)
    }

    async fn option_chain(
        &self,
        underlying: &str,
        expiries: Span,
        urgency: Urgency,
    ) -> Result<Vec<OptionQuote>, ProviderError> {
        let ticker = ticker(underlying);
        let (from, to) = (expiries.from.to_string(), expiries.to.to_string());
        let query = [
            ("expiration_date.gte", from.as_str()),
            ("expiration_date.lte", to.as_str()),
            ("limit", CONTRACTS_A_PAGE),
        ];
        let url = self.caller.url(&["v3", "snapshot", "options", &ticker], &query);
        let results = self.pages::<Snapshot>(url, urgency).await?.results;
        if results.is_empty() {
            return Err(ProviderError::not_found("no contracts in that range"));
        }
        // A contract that cannot be named, such as one with a strike beyond OCC's form, is none
        // that anybody here can hold.
        Ok(results.into_iter().filter_map(Snapshot::quote).collect())
    }
}

impl Polygon {
    /// What issuers did, of one symbol or of all.
    fn actions(&self, kind: &str, date: &str, symbol: Option<&str>, span: Span) -> Url {
        let (from, to) = (span.from.to_string(), span.to.to_string());
        let (since, until) = (format!("{date}.gte"), format!("{date}.lte"));
        let days = [(since.as_str(), from.as_str()), (&until, &to), ("limit", ACTIONS_A_PAGE)];
        let query: Vec<_> =
            symbol.map(|symbol| ("ticker", symbol)).into_iter().chain(days).collect();
        self.caller.url(&["v3", "reference", kind], &query)
    }
}

/// How Polygon names a symbol of ours.
fn ticker(symbol: &str) -> String {
    if let Some(index) = symbol.strip_prefix('^') {
        format!("I:{index}")
    } else if OccSymbol::parse(symbol).is_ok() {
        format!("O:{symbol}")
    } else {
        symbol.to_owned()
    }
}

/// An unknown symbol and one without a trade look alike here.
fn nothing() -> ProviderError {
    ProviderError::not_found("no bars in that range")
}

/// The results of all pages.
struct Pages<T> {
    ticker: Option<String>,
    results: Vec<T>,
}

impl<T> Pages<T> {
    /// The results, if there are any and they are of what was asked for.
    fn results_for(self, ticker: &str) -> Result<Vec<T>, ProviderError> {
        match self.ticker {
            Some(other) if other != ticker => {
                Err(ProviderError::Renamed(other.chars().take(21).collect()))
            }
            _ if self.results.is_empty() => Err(nothing()),
            _ => Ok(self.results),
        }
    }
}
