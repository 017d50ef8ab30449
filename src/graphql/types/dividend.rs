//! What a share pays.

use async_graphql::{Enum, SimpleObject};

use super::quality::Quality;
use crate::domain::price::Quote;
use crate::graphql::scalar::{Date, Decimal};
use crate::services::dividends::{self, Trailing};

/// Where a dividend yield comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "dividends::DividendSource")]
pub enum DividendSource {
    /// The regular cash dividends of the twelve months before.
    Trailing,
    /// No dividend of those months is known.
    None,
}

/// What a share has paid over twelve months, as a yield.
#[derive(SimpleObject)]
pub struct DividendYield {
    /// `ln(1 + D / P)` for dividends D and the price P as of the session: a fraction a year,
    /// continuously compounded. 0.01 is 1 %. 0 where no dividend is known; null where dividends
    /// are and a price is not.
    rate: Option<f64>,
    /// D: what went ex in the twelve months to the session, the session included; per share as the
    /// shares are then, in the instrument's currency. Special dividends and funds' gains are left
    /// out where their provider tells them apart.
    per_share: Decimal,
    /// Whether any dividend is known.
    source: DividendSource,
    /// The session it is of.
    as_of: Date,
    /// `ESTIMATED` where the price is simulated or no dividend is known, `STALE` where the price is
    /// older than the session, `INSUFFICIENT` where there is none.
    quality: Quality,
    /// What is worth knowing before it is believed; empty for `FULL`.
    warnings: Vec<String>,
}

impl DividendYield {
    /// `quote` is carried to the shares of the session.
    pub fn of(
        paid: Trailing,
        quote: Option<&Quote>,
        as_of: chrono::NaiveDate,
        resolved: Option<String>,
    ) -> Self {
        let price = quote.map_or(rust_decimal::Decimal::ZERO, |quote| quote.price);
        let rate = paid.continuous(price);
        let told = |quality, warning: String| (quality, Some(warning));
        let (quality, warning) = match quote {
            _ if paid.source == dividends::DividendSource::None => told(
                Quality::Estimated,
                "No dividend of the twelve months is known: none is assumed.".into(),
            ),
            None => told(Quality::Insufficient, format!("No price is known at {as_of} or before.")),
            Some(quote) if quote.date < as_of => {
                told(Quality::Stale, format!("The price is of {}.", quote.date))
            }
            Some(quote) if !quote.source.is_observed() => {
                told(Quality::Estimated, "Price and dividends are simulated.".into())
            }
            Some(_) => (Quality::Full, None),
        };
        Self {
            rate,
            per_share: paid.per_share.into(),
            source: paid.source.into(),
            as_of: as_of.into(),
            quality,
            warnings: resolved.into_iter().chain(warning).collect(),
        }
    }
}
