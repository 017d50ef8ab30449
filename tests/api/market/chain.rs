//! Several providers as one.

use std::sync::Arc;

use serde_json::{Value, json};
use sigmasight::config::Provider;
use sigmasight::config::market::{MarketData, PolygonAccess};
use sigmasight::domain::price::PriceSource;
use sigmasight::market;
use sigmasight::market::chain::Chain;
use sigmasight::market::provider::{Absence, ProviderError, Tenor, Urgency, price_source};

use super::stub::{Asked, json as answer, status};
use super::yahoo::chart;
use super::{Desk, closes, date, midnight, pairs, span};
use crate::support::App;

/// Polygon, then Yahoo, then FRED.
pub fn chain(desk: &Desk) -> Chain {
    let members: Vec<Arc<dyn market::provider::MarketDataProvider>> =
        vec![Arc::new(desk.polygon()), Arc::new(desk.yahoo()), Arc::new(desk.fred())];
    Chain::new(members, desk.calendar.clone())
}

pub fn is_polygon(asked: &Asked) -> bool {
    asked.path.starts_with("/v2/")
}

/// One bar of Polygon's.
pub fn aggregates(ticker: &str, bars: &[(&str, f64)]) -> Value {
    let results: Vec<_> = bars
        .iter()
        .map(|(day, close)| json!({ "t": midnight(day), "c": close, "v": 1000.0 }))
        .collect();
    json!({ "ticker": ticker, "status": "OK", "results": results })
}

#[tokio::test]
async fn whom_the_first_provider_does_not_know_the_second_is_asked_for() {
    let desk = Desk::with(|asked| {
        if asked.path.contains("/AAPL/") {
            answer(aggregates("AAPL", &[("2026-01-05", 267.26)]))
        } else if is_polygon(asked) {
            answer(json!({ "status": "OK", "resultsCount": 0 }))
        } else {
            answer(chart("VFIAX", &[("2026-01-05", json!(630.5))], &json!({})))
        }
    })
    .await;
    let (chain, day) = (chain(&desk), span("2026-01-05", "2026-01-05"));

    let apple = chain.daily_bars("AAPL", day, Urgency::Batch).await.expect("bars");
    assert_eq!(apple.source, Provider::Polygon);
    assert_eq!(price_source(apple.source), Some(PriceSource::Polygon));
    assert!(apple.passed_over.is_empty());

    let fund = chain.daily_bars("VFIAX", day, Urgency::Batch).await.expect("bars");
    assert_eq!(fund.source, Provider::Yahoo);
    assert_eq!(closes(&fund.answer), pairs(&[("2026-01-05", "630.5")]));
    let (first, why) = &fund.passed_over[0];
    assert_eq!(
        (*first, why.to_string()),
        (Provider::Polygon, "has nothing: no bars in that range".into())
    );
}

#[tokio::test]
async fn a_provider_is_asked_only_for_what_it_has() {
    let desk =
        Desk::with(|_| status(404, json!({ "status": "NOT_FOUND", "message": "none" }))).await;
    let (chain, day) = (chain(&desk), span("2026-01-05", "2026-01-05"));
    let none = chain.yields(Tenor::TwoYears, day, Urgency::Batch).await.expect_err("nothing");
    let refused: Vec<_> = none.refusals.iter().map(|(provider, _)| *provider).collect();
    assert_eq!(refused, [Provider::Fred]);
    let none = chain.option_chain("AAPL", day, Urgency::Batch).await.expect_err("nothing");
    let refused: Vec<_> = none.refusals.iter().map(|(provider, _)| *provider).collect();
    assert_eq!(refused, [Provider::Polygon]);
}

#[tokio::test]
async fn nobody_is_asked_for_a_holiday() {
    let desk = Desk::with(|_| status(500, json!({}))).await;
    let (chain, new_year) = (chain(&desk), span("2026-01-01", "2026-01-01"));
    let none = chain.daily_bars("AAPL", new_year, Urgency::Batch).await.expect_err("a holiday");
    assert_eq!(none.absence(), Absence::Holiday);
    let none = chain.market_day(date("2026-01-03"), Urgency::Batch).await.expect_err("a Saturday");
    assert_eq!(none.absence(), Absence::Holiday);
    assert_eq!(desk.stub.calls(), 0);
}

#[tokio::test]
async fn an_answer_of_which_nothing_makes_sense_is_none() {
    let desk = Desk::with(|asked| {
        if is_polygon(asked) {
            answer(aggregates("AAPL", &[("2026-01-05", 0.0)]))
        } else {
            answer(chart("AAPL", &[("2026-01-05", json!(267.26))], &json!({})))
        }
    })
    .await;
    let day = span("2026-01-05", "2026-01-05");
    let bars = chain(&desk).daily_bars("AAPL", day, Urgency::Batch).await.expect("bars");
    assert_eq!(bars.source, Provider::Yahoo);
    assert!(matches!(bars.passed_over[0].1, ProviderError::Implausible(_)));
}

#[tokio::test]
async fn the_settings_make_the_chain() {
    let app = App::start().await;
    let mut config = app.config.clone();
    assert_eq!(chain_of(&config, &app), []);
    config.providers =
        vec![Provider::Fred, Provider::Polygon, Provider::Yahoo, Provider::Synthetic];
    let key = Some("a-key".parse().expect("a key"));
    config.market = MarketData {
        polygon: PolygonAccess { key: key.clone(), ..PolygonAccess::default() },
        fred_key: key,
        ..MarketData::default()
    };
    assert_eq!(
        chain_of(&config, &app),
        [Provider::Fred, Provider::Polygon, Provider::Yahoo],
        "what is simulated fills no hole in what was observed"
    );
}

fn chain_of(config: &sigmasight::config::Config, app: &App) -> Vec<Provider> {
    let chain = market::chain(config, &app.services.db, &app.services.calendar);
    chain.expect("a chain").providers()
}
