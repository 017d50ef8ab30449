//! Yahoo's answers as they are written, and what they say.

use std::collections::HashMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::super::check::{self, Claim};
use super::super::figure::Figure;
use super::super::provider::{Dividend, DividendKind, Profile, ProviderError, Split};
use crate::domain::calendar::new_york_date;
use crate::domain::instrument::AssetClass;

#[derive(Deserialize)]
pub struct ChartAnswer {
    pub chart: Found<Chart>,
}

/// A list of one, or why there is none.
#[derive(Deserialize)]
pub struct Found<T> {
    pub result: Option<Vec<T>>,
    pub error: Option<Told>,
}

#[derive(Deserialize)]
pub struct Chart {
    pub meta: Meta,
    /// Absent where the range is empty.
    #[serde(default)]
    timestamp: Vec<i64>,
    #[serde(default)]
    events: Events,
    indicators: Indicators,
}

#[derive(Deserialize)]
pub struct Meta {
    pub symbol: String,
    pub currency: Option<String>,
}

/// By the second they happened, as text.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Events {
    dividends: HashMap<String, Payment>,
    splits: HashMap<String, SplitEvent>,
    capital_gains: HashMap<String, Payment>,
}

#[derive(Deserialize)]
pub struct Payment {
    date: i64,
    amount: Figure,
}

#[derive(Deserialize)]
pub struct SplitEvent {
    date: i64,
    numerator: Figure,
    denominator: Figure,
}

#[derive(Deserialize)]
pub struct Indicators {
    #[serde(default)]
    quote: Vec<Quote>,
}

/// A list for each figure, one element for each time, with nulls.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Quote {
    open: Vec<Option<Figure>>,
    high: Vec<Option<Figure>>,
    low: Vec<Option<Figure>>,
    close: Vec<Option<Figure>>,
    volume: Vec<Option<Figure>>,
}

impl Chart {
    /// Its splits, ascending.
    pub fn splits(&self) -> Result<Vec<Split>, ProviderError> {
        let mut splits = Vec::new();
        for event in self.events.splits.values() {
            let number = |figure: &Figure| figure.decimal().filter(|n| *n > Decimal::ZERO);
            let (Some(date), Some(to), Some(from)) =
                (day(event.date), number(&event.numerator), number(&event.denominator))
            else {
                return Err(ProviderError::Malformed("a split by no number".into()));
            };
            splits.push(Split { date, from, to });
        }
        splits.sort_by_key(|split| split.date);
        Ok(splits)
    }

    /// What was paid, ascending, per share as the shares were on the day.
    pub fn dividends(&self) -> Result<Vec<Dividend>, ProviderError> {
        if self.meta.currency.as_deref() != Some(check::CURRENCY) {
            return Err(ProviderError::Malformed("dividends in another currency".into()));
        }
        let splits = self.splits()?;
        let regular = self.events.dividends.values().map(|paid| (paid, DividendKind::Unknown));
        let gains =
            self.events.capital_gains.values().map(|paid| (paid, DividendKind::CapitalGain));
        let mut dividends = Vec::new();
        for (payment, kind) in regular.chain(gains) {
            let paid = day(payment.date).and_then(|ex_date| {
                let adjusted = payment.amount.decimal().filter(|paid| *paid > Decimal::ZERO)?;
                let amount = adjusted.checked_mul(shares_since(ex_date, &splits)?)?;
                Some(Dividend { ex_date, amount: amount.normalize(), kind, pay_date: None })
            });
            let paid =
                paid.ok_or_else(|| ProviderError::Malformed("a dividend of no number".into()));
            dividends.push(paid?);
        }
        dividends.sort_by_key(|dividend| dividend.ex_date);
        Ok(dividends)
    }

    /// Its bars as they are written; days without a close are none.
    pub fn claims<'a>(&'a self, splits: &'a [Split]) -> impl Iterator<Item = Claim<'a>> {
        let quote = self.indicators.quote.first();
        self.timestamp.iter().enumerate().filter_map(move |(at, &stamp)| {
            let quote = quote?;
            let figure = |of: &'a [Option<Figure>]| of.get(at).and_then(Option::as_ref);
            let close = figure(&quote.close)?;
            Some(Claim {
                stamp,
                currency: Some(self.meta.currency.as_deref().unwrap_or("none")),
                open: figure(&quote.open),
                high: figure(&quote.high),
                low: figure(&quote.low),
                close: Some(close),
                volume: figure(&quote.volume),
                // What cannot be computed makes a price of zero, which is refused.
                shares_since: day(stamp)
                    .and_then(|date| shares_since(date, splits))
                    .unwrap_or(Decimal::ZERO),
            })
        })
    }
}

/// What one share of a day has become by the splits after it.
fn shares_since(date: NaiveDate, splits: &[Split]) -> Option<Decimal> {
    let later = splits.iter().filter(|split| split.date > date);
    later
        .map(|split| split.to.checked_div(split.from))
        .try_fold(Decimal::ONE, |product, ratio| product.checked_mul(ratio?))
}

fn day(stamp: i64) -> Option<NaiveDate> {
    check::instant(stamp).map(new_york_date)
}

#[derive(Deserialize)]
pub struct Complaint {
    pub error: Option<Told>,
}

#[derive(Deserialize)]
pub struct Told {
    pub description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SummaryAnswer {
    pub quote_summary: Found<Summary>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    price: Option<Price>,
    asset_profile: Option<AssetProfile>,
    #[serde(rename = "summaryDetail")]
    detail: Option<SummaryDetail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    long_name: Option<String>,
    short_name: Option<String>,
    currency: Option<String>,
    quote_type: Option<String>,
}

#[derive(Deserialize)]
pub struct AssetProfile {
    sector: Option<String>,
    industry: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SummaryDetail {
    dividend_yield: Option<Raw>,
}

/// A number with its printed form, or nothing at all.
#[derive(Deserialize)]
pub struct Raw {
    raw: Option<Figure>,
}

impl Summary {
    pub fn profile(self) -> Profile {
        let said = |text: Option<String>| {
            let text: String = text?.chars().filter(|c| !c.is_control()).take(200).collect();
            (!text.is_empty()).then_some(text)
        };
        let (name, currency, kind) = match self.price {
            Some(price) => (price.long_name.or(price.short_name), price.currency, price.quote_type),
            None => (None, None, None),
        };
        let (sector, industry) =
            self.asset_profile.map_or((None, None), |about| (about.sector, about.industry));
        Profile {
            name: said(name),
            asset_class: match kind.as_deref() {
                Some("EQUITY") => AssetClass::Equity,
                Some("ETF") => AssetClass::Etf,
                Some("MUTUALFUND") => AssetClass::MutualFund,
                Some("INDEX") => AssetClass::Index,
                Some("OPTION") => AssetClass::Option,
                _ => AssetClass::Unknown,
            },
            sector: said(sector).map(standard),
            industry: said(industry),
            currency: said(currency),
            dividend_yield: self
                .detail
                .and_then(|detail| detail.dividend_yield?.raw?.decimal())
                .filter(|fraction| !fraction.is_sign_negative()),
        }
    }
}

/// A sector as the Global Industry Classification Standard names it, which is how scenarios and
/// everybody else here do.
fn standard(sector: String) -> String {
    const NAMES: [(&str, &str); 5] = [
        ("Consumer Cyclical", "Consumer Discretionary"),
        ("Consumer Defensive", "Consumer Staples"),
        ("Financial Services", "Financials"),
        ("Healthcare", "Health Care"),
        ("Basic Materials", "Materials"),
    ];
    let known = NAMES.into_iter().find(|(yahoos, _)| *yahoos == sector);
    known.map_or(sector, |(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::prelude::ToPrimitive;
    use serde_json::{Map, Value, json};

    use super::*;

    /// New shares for old.
    const RATIOS: [(i32, i32); 6] = [(2, 1), (4, 1), (3, 2), (10, 1), (1, 3), (1, 50)];
    /// 09:30 in New York on Monday the 6th of January 2025, and the seconds of a day.
    const FIRST: i64 = 1_736_173_800;
    const DAY: i64 = 86_400;

    /// A day: its close in cents, the split in the morning and the dividend in cents.
    type Lived = (i32, Option<(i32, i32)>, Option<i32>);

    fn lived() -> impl Strategy<Value = Vec<Lived>> {
        let split = prop::option::weighted(0.1, prop::sample::select(RATIOS.to_vec()));
        let dividend = prop::option::weighted(0.2, 1_i32..500);
        prop::collection::vec((100_i32..100_000, split, dividend), 1..40)
    }

    proptest! {
        /// Somebody holds one share from the first day on and counts what becomes of it. What
        /// Yahoo tells is of the shares that there are in the end; as traded it is of each day's.
        #[test]
        fn what_is_adjusted_leads_back_to_the_shares_of_each_day(days in lived()) {
            let mut held = 1.0;
            let counts: Vec<f64> = days.iter().map(|(_, split, _)| {
                held *= split.map_or(1.0, |(to, from)| f64::from(to) / f64::from(from));
                held
            }).collect();
            let stamp = |nth: usize| FIRST + DAY * i64::try_from(nth).expect("few days");
            let adjusted = |nth: usize, cents: i32| f64::from(cents) / 100.0 * counts[nth] / held;
            let (mut splits, mut dividends) = (Map::new(), Map::new());
            for (nth, (_, split, dividend)) in days.iter().enumerate() {
                let at = stamp(nth);
                if let Some((to, from)) = split {
                    let told = json!({ "date": at, "numerator": to, "denominator": from });
                    splits.insert(at.to_string(), told);
                }
                if let Some(cents) = dividend {
                    let told = json!({ "date": at, "amount": adjusted(nth, *cents) });
                    dividends.insert(at.to_string(), told);
                }
            }
            let closes: Vec<Value> =
                days.iter().enumerate().map(|(nth, day)| adjusted(nth, day.0).into()).collect();
            let stamps: Vec<_> = (0..days.len()).map(stamp).collect();
            let chart = json!({
                "meta": { "symbol": "AAPL", "currency": "USD" }, "timestamp": stamps,
                "events": { "splits": splits, "dividends": dividends },
                "indicators": { "quote": [{ "close": closes }] },
            });
            let chart: Chart = serde_json::from_str(&chart.to_string()).expect("a chart");

            let splits = chart.splits().expect("splits");
            let claims: Vec<_> = chart.claims(&splits).collect();
            prop_assert_eq!(claims.len(), days.len());
            for (nth, claim) in claims.iter().enumerate() {
                let told = claim.close.and_then(Figure::decimal).expect("a close");
                let traded = (told * claim.shares_since).to_f64().expect("a number");
                // Worth the same by both ways of counting.
                let worth = f64::from(days[nth].0) / 100.0 * counts[nth];
                prop_assert!((traded * counts[nth] / worth - 1.0).abs() < 1e-9);
            }
            let paid = chart.dividends().expect("dividends");
            let cents = days.iter().enumerate().filter_map(|(nth, day)| Some((nth, day.2?)));
            for (dividend, (nth, cents)) in paid.iter().zip(cents) {
                prop_assert_eq!(Some(dividend.ex_date), day(stamp(nth)));
                let amount = dividend.amount.to_f64().expect("a number");
                prop_assert!((amount / (f64::from(cents) / 100.0) - 1.0).abs() < 1e-9);
            }
        }
    }
}
