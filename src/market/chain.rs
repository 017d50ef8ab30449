//! Several providers as one: asked in order, each for what it has, until one answers.

use std::sync::Arc;

use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use rust_decimal::Decimal;

use super::check::Fault;
use super::provider::{
    Absence, Bars, DailyBar, Dividend, MarketActions, MarketDataProvider, MarketDay, OptionQuote,
    Profile, ProviderError, Span, Split, Tenor, Urgency, Yield, price_source,
};
use super::throttle::Rate;
use crate::config::Provider;
use crate::domain::calendar::Calendar;

/// The providers in their order. Clones share everything.
#[derive(Clone)]
pub struct Chain {
    members: Vec<Arc<dyn MarketDataProvider>>,
    calendar: Arc<Calendar>,
}

/// An answer, who gave it, and why those before did not.
#[derive(Debug)]
pub struct Answered<T> {
    pub source: Provider,
    pub answer: T,
    pub passed_over: Vec<(Provider, ProviderError)>,
}

/// Nobody answered; each says why. Nothing is made up in its place.
#[derive(Debug, thiserror::Error)]
#[error("no provider has it{}", list(.refusals))]
pub struct Unanswered {
    /// Those that do not offer such a thing are left out.
    pub refusals: Vec<(Provider, ProviderError)>,
    absence: Option<Absence>,
}

impl Unanswered {
    /// Whether somebody who has such a thing could not say for now.
    pub fn is_passing(&self) -> bool {
        self.refusals.iter().any(|(_, error)| !matches!(error, ProviderError::NotFound { .. }))
    }

    /// Why there is nothing, as far as somebody has said so.
    pub fn absence(&self) -> Absence {
        let said = |wanted: Absence| {
            self.refusals.iter().any(|(_, error)| match error {
                ProviderError::NotFound { absence, .. } => *absence == wanted,
                ProviderError::RateLimited { .. } => wanted == Absence::RateLimited,
                _ => false,
            })
        };
        let known = [Absence::RateLimited, Absence::RangeTooOld, Absence::NoTrade];
        let told = known.into_iter().find(|&absence| said(absence));
        self.absence.or(told).unwrap_or(Absence::Unknown)
    }
}

fn list(refusals: &[(Provider, ProviderError)]) -> String {
    refusals.iter().fold(String::new(), |list, (who, why)| format!("{list}; {who:?} {why}"))
}

impl Chain {
    pub fn new(members: Vec<Arc<dyn MarketDataProvider>>, calendar: Arc<Calendar>) -> Self {
        Self { members, calendar }
    }

    /// Whether anybody in it has prices.
    pub fn has_prices(&self) -> bool {
        self.members.iter().any(|member| price_source(member.name()).is_some())
    }

    /// Whether anybody in it has yields.
    pub fn has_yields(&self) -> bool {
        self.members.iter().any(|member| member.name() == Provider::Fred)
    }

    /// How often each of those who have a limit may be asked.
    pub fn rates(&self) -> Vec<(Provider, Rate)> {
        let rate =
            |member: &Arc<dyn MarketDataProvider>| Some((member.name(), member.rate()?.clone()));
        self.members.iter().filter_map(rate).collect()
    }

    /// Whom it asks, in order.
    pub fn providers(&self) -> Vec<Provider> {
        self.members.iter().map(|member| member.name()).collect()
    }

    /// The bars of a symbol, from the first provider that has any. Some days may still be
    /// missing: what a provider leaves out within its answer is nobody else's to fill.
    ///
    /// # Errors
    /// When nobody has a bar that makes sense; a range without a session is asked of nobody.
    pub async fn daily_bars(
        &self,
        symbol: &str,
        span: Span,
        urgency: Urgency,
    ) -> Result<Answered<Bars>, Unanswered> {
        if self.calendar.sessions(span.from, span.to).next().is_none() {
            return Err(Unanswered { refusals: Vec::new(), absence: Some(Absence::Holiday) });
        }
        self.first(symbol, |member| {
            Box::pin(async move {
                let bars = member.daily_bars(symbol, span, urgency).await?;
                sensible(bars.bars.is_empty(), &bars.rejected)?;
                Ok(bars)
            })
        })
        .await
    }

    /// What each provider that has it says a symbol closed at, in the order of preference.
    pub async fn closes(
        &self,
        symbol: &str,
        date: NaiveDate,
        urgency: Urgency,
    ) -> Vec<(Provider, Decimal)> {
        let span = Span { from: date, to: date };
        let mut closes = Vec::new();
        for member in &self.members {
            let Ok(bars) = member.daily_bars(symbol, span, urgency).await else { continue };
            let close = bars.bars.iter().find(|bar| bar.date == date).map(|bar| bar.close);
            closes.extend(close.map(|close| (member.name(), close)));
        }
        closes
    }

    /// The bars of the whole market on one session.
    ///
    /// # Errors
    /// When nobody has them; a day without a session is asked of nobody.
    pub async fn market_day(
        &self,
        date: NaiveDate,
        urgency: Urgency,
    ) -> Result<Answered<MarketDay>, Unanswered> {
        if !self.calendar.is_session(date) {
            return Err(Unanswered { refusals: Vec::new(), absence: Some(Absence::Holiday) });
        }
        self.first("the market", |member| {
            Box::pin(async move {
                let day = member.market_day(date, urgency).await?;
                let faults = day.rejected.iter().map(|(_, fault)| fault);
                sensible(day.bars.is_empty(), faults)?;
                Ok(day)
            })
        })
        .await
    }

    /// The bar of the last session that has closed.
    ///
    /// # Errors
    /// When nobody has it.
    pub async fn previous_close(
        &self,
        symbol: &str,
        urgency: Urgency,
    ) -> Result<Answered<DailyBar>, Unanswered> {
        self.first(symbol, |member| member.previous_close(symbol, urgency)).await
    }

    /// The splits and dividends of the whole market in a range of days.
    ///
    /// # Errors
    /// When nobody can say. None at all are an answer.
    pub async fn market_actions(
        &self,
        span: Span,
        urgency: Urgency,
    ) -> Result<Answered<MarketActions>, Unanswered> {
        self.first("the market's issuers", |member| member.market_actions(span, urgency)).await
    }

    /// # Errors
    /// When nobody can say. No splits are an answer.
    pub async fn splits(
        &self,
        symbol: &str,
        span: Span,
        urgency: Urgency,
    ) -> Result<Answered<Vec<Split>>, Unanswered> {
        self.first(symbol, |member| member.splits(symbol, span, urgency)).await
    }

    /// # Errors
    /// When nobody can say. No dividends are an answer.
    pub async fn dividends(
        &self,
        symbol: &str,
        span: Span,
        urgency: Urgency,
    ) -> Result<Answered<Vec<Dividend>>, Unanswered> {
        self.first(symbol, |member| member.dividends(symbol, span, urgency)).await
    }

    /// # Errors
    /// When nobody knows the symbol.
    pub async fn profile(
        &self,
        symbol: &str,
        urgency: Urgency,
    ) -> Result<Answered<Profile>, Unanswered> {
        self.first(symbol, |member| member.profile(symbol, urgency)).await
    }

    /// # Errors
    /// When nobody has contracts in the range.
    pub async fn option_chain(
        &self,
        underlying: &str,
        expiries: Span,
        urgency: Urgency,
    ) -> Result<Answered<Vec<OptionQuote>>, Unanswered> {
        self.first(underlying, |member| member.option_chain(underlying, expiries, urgency)).await
    }

    /// # Errors
    /// When nobody has the rate.
    pub async fn yields(
        &self,
        tenor: Tenor,
        span: Span,
        urgency: Urgency,
    ) -> Result<Answered<Vec<Yield>>, Unanswered> {
        self.first("the risk-free curve", |member| member.yields(tenor, span, urgency)).await
    }

    /// Asks one after the other.
    async fn first<'a, T>(
        &'a self,
        subject: &str,
        ask: impl Fn(&'a dyn MarketDataProvider) -> BoxFuture<'a, Result<T, ProviderError>>,
    ) -> Result<Answered<T>, Unanswered> {
        let mut passed_over = Vec::new();
        for member in &self.members {
            let source = member.name();
            match ask(member.as_ref()).await {
                Ok(answer) => return Ok(Answered { source, answer, passed_over }),
                Err(ProviderError::Unsupported(_)) => {}
                // Nothing is wrong with a provider that does not know everything.
                Err(error @ ProviderError::NotFound { .. }) => passed_over.push((source, error)),
                Err(error) => {
                    tracing::warn!(provider = ?source, subject, %error, "a provider is passed over");
                    passed_over.push((source, error));
                }
            }
        }
        Err(Unanswered { refusals: passed_over, absence: None })
    }
}

/// Whether there is a bar to believe; else what is wrong with the first of the others.
fn sensible<'a>(
    is_empty: bool,
    rejected: impl IntoIterator<Item = &'a Fault>,
) -> Result<(), ProviderError> {
    match (is_empty, rejected.into_iter().next()) {
        (false, _) => Ok(()),
        (true, Some(fault)) => Err(ProviderError::Implausible(fault.clone())),
        (true, None) => Err(ProviderError::not_found("no bars in that range")),
    }
}
