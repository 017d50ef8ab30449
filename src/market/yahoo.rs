//! Yahoo: bars with the splits and dividends between them, and profiles. Unofficial and free.
//!
//! Its prices are adjusted for every split until today, those after the range asked for among
//! them. So a chart is always asked for until today; its own splits then lead back to the prices
//! as traded. The same holds for the amounts of its dividends.
//!
//! Profiles want a cookie and a crumb, which are fetched once and kept until they are refused.

mod shapes;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{Days, NaiveDate, NaiveTime};
use reqwest::Url;
use reqwest::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use serde::Deserialize;
use tokio::sync::Mutex;

use self::shapes::{Chart, ChartAnswer, Complaint, Found, Summary, SummaryAnswer};
use super::caller::{Caller, Limits, NoClient, Reply};
use super::check::{self, Expected, Fault};
use super::provider::{
    Absence, Bars, Dividend, MarketDataProvider, Profile, ProviderError, Span, Split, Urgency,
};
use super::throttle::{Rate, Throttle};
use crate::clock::Clock;
use crate::config::Provider;
use crate::domain::calendar::{Calendar, new_york_date};

/// Programs that say what they are get no answer.
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
/// Where a cookie is given, for requests to Yahoo itself.
const COOKIES: &str = "https://fc.yahoo.com/";
const MODULES: &str = "price,summaryDetail,assetProfile,quoteType";

pub struct Yahoo {
    caller: Caller,
    cookies: Url,
    pass: Mutex<Option<Pass>>,
    calendar: Arc<Calendar>,
    clock: Clock,
}

/// What lets a request for a profile through.
#[derive(Clone)]
struct Pass {
    cookie: HeaderValue,
    crumb: String,
}

impl Yahoo {
    /// # Errors
    /// When no client can be made.
    pub fn new(
        base: Url,
        throttle: Throttle,
        limits: Limits,
        calendar: Arc<Calendar>,
        clock: Clock,
    ) -> Result<Self, NoClient> {
        // Whatever stands in for Yahoo gives its cookies itself.
        let cookies = match (base.host_str(), Url::parse(COOKIES)) {
            (Some(host), Ok(cookies)) if host.ends_with(".yahoo.com") => cookies,
            _ => base.clone(),
        };
        let caller = Caller::new(base, AGENT, None, throttle, limits)?.also_at(cookies.clone());
        Ok(Self { caller, cookies, pass: Mutex::default(), calendar, clock })
    }

    async fn chart(
        &self,
        symbol: &str,
        from: NaiveDate,
        urgency: Urgency,
    ) -> Result<Chart, ProviderError> {
        let name = name(symbol);
        let start = from.and_time(NaiveTime::MIN).and_utc().timestamp().to_string();
        let end = self.clock.now().checked_add_days(Days::new(1));
        let end = end.unwrap_or(self.clock.now()).timestamp().to_string();
        let query = [
            ("period1", start.as_str()),
            ("period2", end.as_str()),
            ("interval", "1d"),
            ("events", "div,splits,capitalGains"),
            ("includePrePost", "false"),
        ];
        let url = self.caller.url(&["v8", "finance", "chart", &name], &query);
        let read = |reply: &Reply| self.only(self.read::<ChartAnswer>(reply)?.chart);
        let chart = self.caller.ask(&url, &HeaderMap::new(), urgency, read).await?;
        if !chart.meta.symbol.eq_ignore_ascii_case(&name) {
            return Err(ProviderError::Renamed(self.caller.said(&chart.meta.symbol)));
        }
        Ok(chart)
    }

    /// An answer, or what the error in its place says.
    fn read<T: for<'a> Deserialize<'a>>(&self, reply: &Reply) -> Result<T, ProviderError> {
        if is_silence(reply) {
            return Err(ProviderError::RateLimited { retry_after: None });
        }
        if (200..300).contains(&reply.status) {
            return reply.json();
        }
        // The error lies below a name that differs by address.
        let told = reply.json::<HashMap<String, Complaint>>().unwrap_or_default();
        let told = told.into_values().find_map(|complaint| complaint.error?.description);
        let said = self.caller.said(&told.unwrap_or_default());
        Err(match reply.status {
            401 | 403 => ProviderError::Unauthorized(said),
            400 | 404 | 422 => ProviderError::not_found(said),
            status => ProviderError::Malformed(format!("status {status}: {said}")),
        })
    }

    /// What was found, or why nothing was.
    fn only<T>(&self, found: Found<T>) -> Result<T, ProviderError> {
        let told = found.error.and_then(|error| error.description).unwrap_or_default();
        let first = found.result.and_then(|found| found.into_iter().next());
        first.ok_or_else(|| ProviderError::not_found(self.caller.said(&told)))
    }

    async fn summary(
        &self,
        symbol: &str,
        pass: &Pass,
        urgency: Urgency,
    ) -> Result<Summary, ProviderError> {
        let query = [("modules", MODULES), ("crumb", pass.crumb.as_str())];
        let url = self.caller.url(&["v10", "finance", "quoteSummary", &name(symbol)], &query);
        let headers = HeaderMap::from_iter([(COOKIE, pass.cookie.clone())]);
        let read = |reply: &Reply| self.only(self.read::<SummaryAnswer>(reply)?.quote_summary);
        self.caller.ask(&url, &headers, urgency, read).await
    }

    /// The pass that is kept; a new one if there is none, or if it is the one that was refused.
    async fn pass(&self, refused: Option<&Pass>, urgency: Urgency) -> Result<Pass, ProviderError> {
        let mut kept = self.pass.lock().await;
        if let Some(pass) = &*kept
            && refused.is_none_or(|refused| refused.crumb != pass.crumb)
        {
            return Ok(pass.clone());
        }
        *kept = None;
        // The page itself is an error, and means nothing.
        let none = HeaderMap::new();
        let cookie = self.caller.ask(&self.cookies, &none, urgency, cookie).await?;
        let headers = HeaderMap::from_iter([(COOKIE, cookie.clone())]);
        let url = self.caller.url(&["v1", "test", "getcrumb"], &[]);
        let read = |reply: &Reply| self.crumb(reply);
        let crumb = self.caller.ask(&url, &headers, urgency, read).await?;
        let pass = Pass { cookie, crumb };
        *kept = Some(pass.clone());
        Ok(pass)
    }

    /// A crumb has a few characters; an error in its place is a sentence.
    fn crumb(&self, reply: &Reply) -> Result<String, ProviderError> {
        if is_silence(reply) {
            return Err(ProviderError::RateLimited { retry_after: None });
        }
        if matches!(reply.status, 401 | 403) {
            return Err(ProviderError::Unauthorized("no crumb for this cookie".into()));
        }
        let text = reply.text();
        let is_crumb = (8..=16).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./_-".contains(&byte));
        if is_crumb {
            Ok(text)
        } else {
            Err(ProviderError::Malformed(format!("`{}` for a crumb", self.caller.said(&text))))
        }
    }
}

#[async_trait]
impl MarketDataProvider for Yahoo {
    fn name(&self) -> Provider {
        Provider::Yahoo
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
        let chart = self.chart(symbol, span.from, urgency).await?;
        let splits = chart.splits()?;
        let now = self.clock.now();
        let expected = Expected {
            calendar: &self.calendar,
            span: Span { from: span.from, to: new_york_date(now) },
            last_session: self.calendar.last_completed_session(now),
        };
        let mut bars = Bars::default();
        for claim in chart.claims(&splits) {
            match check::bar(&claim, &expected) {
                Ok(bar) if bars.bars.last().is_some_and(|last| last.date >= bar.date) => {
                    bars.rejected.push(Fault::Repeated(bar.date));
                }
                Ok(bar) => bars.bars.push(bar),
                // The bar of the session under way comes with the others.
                Err(Fault::NotFinal(_)) => {}
                Err(fault) => bars.rejected.push(fault),
            }
        }
        for split in &splits {
            let at = bars.bars.partition_point(|bar| bar.date < split.date);
            let (before, after) = bars.bars.split_at(at);
            if let (Some(before), Some(after)) = (before.last(), after.first())
                && !check::fits_split(before.close, after.close, split)
            {
                return Err(ProviderError::Implausible(Fault::Split(split.date)));
            }
        }
        bars.bars.retain(|bar| span.contains(bar.date));
        if bars.bars.is_empty() && bars.rejected.is_empty() {
            let said = "a known symbol without bars in that range".into();
            return Err(ProviderError::NotFound { absence: Absence::NoTrade, said });
        }
        Ok(bars)
    }

    async fn splits(
        &self,
        symbol: &str,
        span: Span,
        urgency: Urgency,
    ) -> Result<Vec<Split>, ProviderError> {
        let mut splits = self.chart(symbol, span.from, urgency).await?.splits()?;
        splits.retain(|split| span.contains(split.date));
        Ok(splits)
    }

    async fn dividends(
        &self,
        symbol: &str,
        span: Span,
        urgency: Urgency,
    ) -> Result<Vec<Dividend>, ProviderError> {
        let chart = self.chart(symbol, span.from, urgency).await?;
        let mut dividends = chart.dividends()?;
        dividends.retain(|dividend| span.contains(dividend.ex_date));
        Ok(dividends)
    }

    async fn profile(&self, symbol: &str, urgency: Urgency) -> Result<Profile, ProviderError> {
        let pass = self.pass(None, urgency).await?;
        let found = match self.summary(symbol, &pass, urgency).await {
            Err(ProviderError::Unauthorized(_)) => {
                let pass = self.pass(Some(&pass), urgency).await?;
                self.summary(symbol, &pass, urgency).await?
            }
            found => found?,
        };
        Ok(found.profile())
    }
}

/// How Yahoo names a symbol of ours: a share class is told by a dash.
fn name(symbol: &str) -> String {
    symbol.replace('.', "-")
}

/// What Yahoo answers to who asks too often, whatever the status says.
fn is_silence(reply: &Reply) -> bool {
    let body = reply.body.trim_ascii_start();
    body.starts_with(b"Too Many Requests") || body.starts_with(b"Edge: Too Many Requests")
}

/// The cookies of an answer, as they are sent back.
fn cookie(reply: &Reply) -> Result<HeaderValue, ProviderError> {
    let pairs: Vec<_> = reply
        .headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|cookie| cookie.to_str().ok()?.split(';').next())
        .collect();
    let mut cookie = HeaderValue::from_str(&pairs.join("; "))
        .map_err(|_| ProviderError::Malformed("a cookie that is none".into()))?;
    if cookie.is_empty() {
        return Err(ProviderError::Unauthorized("no cookie".into()));
    }
    cookie.set_sensitive(true);
    Ok(cookie)
}
