//! FRED, the data of the Federal Reserve Bank of St. Louis: the risk-free curve.
//!
//! Its values are percent, as text; a day without one has a dot. The key can only travel in the
//! address, which is therefore never logged or told.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::NaiveDate;
use reqwest::Url;
use reqwest::header::HeaderMap;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::caller::{Caller, Limits, NoClient, Reply};
use super::figure::Figure;
use super::provider::{MarketDataProvider, ProviderError, Span, Tenor, Urgency, Yield};
use super::throttle::{Rate, Throttle};
use crate::config::Provider;
use crate::config::market::Secret;

const AGENT: &str = concat!("sigmasight/", env!("CARGO_PKG_VERSION"));
/// The most that an answer may have: four hundred years of sessions.
const OBSERVATIONS: &str = "100000";
/// A fraction. Rates have been below zero and near twenty percent; what is far outside is a
/// value in another unit.
const MAX_RATE: Decimal = Decimal::ONE;

pub struct Fred {
    caller: Caller,
}

impl Fred {
    /// # Errors
    /// When no client can be made.
    pub fn new(
        base: Url,
        key: Option<Secret>,
        throttle: Throttle,
        limits: Limits,
    ) -> Result<Self, NoClient> {
        Ok(Self { caller: Caller::new(base, AGENT, key, throttle, limits)? })
    }

    fn read(&self, reply: &Reply) -> Result<Observations, ProviderError> {
        if (200..300).contains(&reply.status) {
            return reply.json();
        }
        let complaint = reply.json::<Complaint>().map_or(String::new(), |told| told.error_message);
        let said = self.caller.said(&complaint);
        Err(match reply.status {
            401 | 403 => ProviderError::Unauthorized(said),
            400 if said.contains("api_key") => ProviderError::Unauthorized(said),
            400 | 404 => ProviderError::not_found(said),
            status => ProviderError::Malformed(format!("status {status}: {said}")),
        })
    }
}

#[async_trait]
impl MarketDataProvider for Fred {
    fn name(&self) -> Provider {
        Provider::Fred
    }

    fn rate(&self) -> Option<&Rate> {
        Some(self.caller.rate())
    }

    async fn yields(
        &self,
        tenor: Tenor,
        span: Span,
        urgency: Urgency,
    ) -> Result<Vec<Yield>, ProviderError> {
        let query = [
            ("series_id", series(tenor)),
            // Without it the answer is XML.
            ("file_type", "json"),
            ("observation_start", &span.from.to_string()),
            ("observation_end", &span.to.to_string()),
            ("sort_order", "asc"),
            ("limit", OBSERVATIONS),
            ("api_key", self.caller.key()),
        ];
        let url = self.caller.url(&["series", "observations"], &query);
        let read = |reply: &Reply| self.read(reply);
        let answer = self.caller.ask(&url, &HeaderMap::new(), urgency, read).await?;
        if answer.units != "lin" {
            return Err(ProviderError::Malformed("rates that are not levels".into()));
        }

        // Of several vintages of a day the newest stands.
        let mut newest = BTreeMap::<NaiveDate, Yield>::new();
        for observation in answer.observations {
            let Some(found) = observation.read()? else { continue };
            if !span.contains(found.date) {
                continue;
            }
            let is_newer =
                newest.get(&found.date).is_none_or(|known| known.vintage <= found.vintage);
            if is_newer {
                newest.insert(found.date, found);
            }
        }
        Ok(newest.into_values().collect())
    }
}

/// How FRED names the rate of a tenor.
fn series(tenor: Tenor) -> &'static str {
    match tenor {
        Tenor::FedFunds => "DFF",
        Tenor::Sofr => "SOFR",
        Tenor::OneMonth => "DGS1MO",
        Tenor::ThreeMonths => "DGS3MO",
        Tenor::SixMonths => "DGS6MO",
        Tenor::OneYear => "DGS1",
        Tenor::TwoYears => "DGS2",
        Tenor::ThreeYears => "DGS3",
        Tenor::FiveYears => "DGS5",
        Tenor::SevenYears => "DGS7",
        Tenor::TenYears => "DGS10",
        Tenor::TwentyYears => "DGS20",
        Tenor::ThirtyYears => "DGS30",
    }
}

#[derive(Deserialize)]
struct Observations {
    /// `lin` is the value itself, not its change.
    units: String,
    observations: Vec<Observation>,
}

#[derive(Deserialize)]
struct Observation {
    realtime_start: NaiveDate,
    date: NaiveDate,
    value: Figure,
}

#[derive(Deserialize)]
struct Complaint {
    error_message: String,
}

impl Observation {
    /// The rate as a fraction; None on a day without one. The only place that divides by 100.
    fn read(self) -> Result<Option<Yield>, ProviderError> {
        if self.value.is(".") {
            return Ok(None);
        }
        let rate =
            self.value.decimal().and_then(|percent| percent.checked_div(Decimal::ONE_HUNDRED));
        match rate {
            Some(rate) if rate.abs() < MAX_RATE => {
                Ok(Some(Yield { date: self.date, rate, vintage: self.realtime_start }))
            }
            _ => Err(ProviderError::Malformed(format!("no rate in percent, on {}", self.date))),
        }
    }
}
