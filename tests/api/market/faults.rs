//! Providers that misbehave. The numbers are those of the list of attacks.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use reqwest::dns::{Name, Resolve, Resolving};
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};
use sigmasight::config::Provider;
use sigmasight::market::check::{Fault, Move, Quorum, is_outlier, quorum};
use sigmasight::market::provider::{
    Absence, Bars, MarketDataProvider, Outage, ProviderError, Tenor, Urgency,
};

use super::chain::{aggregates, chain, is_polygon};
use super::fred::observations;
use super::stub::{
    Asked, bomb, broken_off, endless, json as answer, silence, status, text, with_header,
};
use super::yahoo::chart;
use super::{Desk, closes, date, decimal, midnight, opening, pairs, span};

/// The bars of Apple on the 5th of January 2026, from Polygon.
async fn apple(desk: &Desk, urgency: Urgency) -> Result<Bars, ProviderError> {
    desk.polygon().daily_bars("AAPL", span("2026-01-05", "2026-01-05"), urgency).await
}

fn one_bar() -> Value {
    aggregates("AAPL", &[("2026-01-05", 267.26)])
}

/// A limit reached, as Polygon says it.
fn too_many() -> Value {
    json!({ "status": "ERROR", "request_id": "x",
            "error": "You've exceeded the maximum requests per minute, please wait." })
}

/// 81.
#[tokio::test]
async fn a_429_is_waited_out_as_told_else_by_backing_off() {
    let desk = Desk::with(|asked| match asked.earlier {
        0 => with_header(status(429, too_many()), RETRY_AFTER, "60"),
        1 | 2 => status(429, too_many()),
        _ => answer(one_bar()),
    })
    .await;
    apple(&desk, Urgency::Batch).await.expect("bars");
    assert_eq!(desk.time.waits(), [60, 2, 4], "as told; then by the number of the attempt");

    // Everybody is silent, not only who was told; and who cannot wait learns how long.
    let desk = Desk::with(|asked| match asked.earlier {
        0 => with_header(status(429, too_many()), RETRY_AFTER, "90"),
        _ => answer(one_bar()),
    })
    .await;
    for _ in 0..2 {
        let error = apple(&desk, Urgency::Quote).await.expect_err("a pause");
        let ProviderError::RateLimited { retry_after: Some(wait) } = error else {
            panic!("{error:?}")
        };
        assert_eq!(wait.as_secs(), 90);
    }
    assert_eq!(desk.stub.calls(), 1);
}

/// 81: a date instead of seconds, seen from the provider's own clock.
#[tokio::test]
async fn a_pause_may_be_told_by_its_end() {
    let desk = Desk::with(|asked| match asked.earlier {
        0 => {
            let told =
                with_header(status(429, too_many()), RETRY_AFTER, "Wed, 21 Oct 2015 07:28:00 GMT");
            with_header(told, axum::http::header::DATE, "Wed, 21 Oct 2015 07:27:23 GMT")
        }
        _ => answer(one_bar()),
    })
    .await;
    apple(&desk, Urgency::Batch).await.expect("bars");
    assert_eq!(desk.time.waits(), [37]);
}

/// 82.
#[tokio::test]
async fn a_429_in_disguise_is_one() {
    let desk = Desk::with(|asked| match asked.earlier {
        0 => answer(too_many()),
        _ => answer(one_bar()),
    })
    .await;
    apple(&desk, Urgency::Batch).await.expect("bars");
    assert_eq!(desk.time.waits(), [1]);

    for words in ["Too Many Requests\r\n", "Edge: Too Many Requests"] {
        let desk = Desk::with(move |asked| match asked.path.as_str() {
            "/" => with_header(text(""), axum::http::header::SET_COOKIE, "A3=x; Path=/"),
            _ => text(words),
        })
        .await;
        let error = desk.yahoo().profile("AAPL", Urgency::Quote).await.expect_err("no crumb");
        assert!(matches!(error, ProviderError::RateLimited { .. }), "{error:?}");
        let asked = desk.stub.asked();
        assert!(asked.iter().all(|asked| asked.path != "/v10/finance/quoteSummary/AAPL"));
    }
    // Any other sentence is no crumb either.
    let desk = Desk::with(|asked| match asked.path.as_str() {
        "/" => with_header(text(""), axum::http::header::SET_COOKIE, "A3=x; Path=/"),
        _ => text("Not now, dear"),
    })
    .await;
    let error = desk.yahoo().profile("AAPL", Urgency::Quote).await.expect_err("no crumb");
    assert!(matches!(error, ProviderError::Malformed(_)), "{error:?}");
}

/// 83.
#[tokio::test]
async fn five_failures_and_then_an_answer_is_an_answer() {
    let desk = Desk::with(|asked| match asked.earlier {
        ..5 => status(500, json!({})),
        _ => answer(one_bar()),
    })
    .await;
    apple(&desk, Urgency::Batch).await.expect("bars");
    assert_eq!(desk.stub.calls(), 6);
    let (backing_off, token) = ([1, 2, 4, 8, 16], 60 - 31);
    assert_eq!(desk.time.waits(), [&backing_off[..], &[token]].concat());

    let desk = Desk::with(|_| status(502, json!({}))).await;
    let error = apple(&desk, Urgency::Batch).await.expect_err("down");
    assert!(matches!(error, ProviderError::Unavailable(Outage::Status(502))), "{error:?}");
    assert_eq!(desk.stub.calls(), 6, "and not forever");
}

/// 84.
#[tokio::test]
async fn an_answer_that_hangs_after_its_headers_is_cut_off() {
    let desk = Desk::with(|_| silence()).await;
    let desk = desk.limited(|limits| limits.total = Duration::from_millis(100));
    let error = apple(&desk, Urgency::Quote).await.expect_err("nothing in time");
    assert!(matches!(error, ProviderError::Unavailable(Outage::Timeout)), "{error:?}");
}

/// 85.
#[tokio::test]
async fn what_is_not_whole_json_is_no_answer() {
    for (body, told) in [
        (r#"{"ticker":"AAPL","results":[{"t":1767589"#, "JSON that breaks off"),
        ("<html><body>Sorry!</body></html>", "something that is not JSON"),
        ("", "nothing"),
        (r#"{"results":{"t":1}}"#, "JSON of another form, at line 1, column 11"),
    ] {
        let desk = Desk::with(move |_| with_header(text(body), CONTENT_TYPE, "application/json"));
        let error = apple(&desk.await, Urgency::Batch).await.expect_err("no bars");
        assert_eq!(error.to_string(), format!("answers what cannot be read: {told}"));
    }
    let desk = Desk::with(|_| broken_off(r#"{"ticker":"AAPL","#)).await;
    let error = apple(&desk, Urgency::Quote).await.expect_err("no bars");
    assert!(matches!(error, ProviderError::Unavailable(Outage::BrokenOff)), "{error:?}");
}

/// 86: nothing where something should be.
#[tokio::test]
async fn no_results_are_nothing_found() {
    for body in [json!({ "status": "OK", "resultsCount": 0 }), json!({ "status": "OK" }), json!({})]
    {
        let desk = Desk::with(move |_| answer(body.clone())).await;
        let error = apple(&desk, Urgency::Batch).await.expect_err("nothing");
        assert!(matches!(error, ProviderError::NotFound { .. }), "{error:?}");
    }
}

/// 86: pages.
#[tokio::test]
async fn pages_stay_at_home_and_come_to_an_end() {
    let paged = |next: fn(&Asked) -> String| {
        Desk::with(move |asked| {
            let mut page = one_bar();
            page["next_url"] = next(asked).into();
            answer(page)
        })
    };
    let desk = paged(|asked| format!("{}{}?cursor=again", asked.host, asked.path)).await;
    let error = apple(&desk, Urgency::Batch).await.expect_err("a circle");
    assert_eq!(error.to_string(), "answers what cannot be read: pages that go in a circle");
    assert_eq!(desk.stub.calls(), 2);

    let desk =
        paged(|asked| format!("{}{}?cursor={}", asked.host, asked.path, asked.earlier)).await;
    let desk = desk.limited(|limits| limits.pages = 7);
    let error = apple(&desk, Urgency::Batch).await.expect_err("too many");
    assert_eq!(error.to_string(), "answers what cannot be read: more pages than there can be");
    assert_eq!(desk.stub.calls(), 7);

    let elsewhere: [fn(&Asked) -> String; 7] = [
        |_| "https://api.polygon.io.example.com/v2?cursor=x".into(),
        |_| "file:///etc/passwd".into(),
        |_| "http://169.254.169.254/latest/meta-data".into(),
        |_| "http://10.0.0.1/".into(),
        // The same machine, another port; the same place, another protocol; a name before an @.
        |_| "http://127.0.0.1:1/".into(),
        |asked| asked.host.replace("http:", "https:"),
        |asked| asked.host.replace("http://", "http://api.polygon.io@"),
    ];
    for next in elsewhere {
        let desk = paged(next).await;
        let error = apple(&desk, Urgency::Batch).await.expect_err("elsewhere");
        assert!(matches!(error, ProviderError::RefusedAddress(_)), "{error:?}");
        assert!(!error.to_string().contains("cursor"), "{error}");
        assert_eq!(desk.stub.calls(), 1);
    }
}

/// 86: redirects.
#[tokio::test]
async fn a_redirect_is_followed_at_home_only() {
    let other = Desk::with(|_| answer(one_bar())).await;
    let away = other.stub.url.to_string();
    let desk = Desk::with(move |_| with_header(status(302, json!({})), LOCATION, &away)).await;
    let error = apple(&desk, Urgency::Batch).await.expect_err("elsewhere");
    assert!(matches!(error, ProviderError::RefusedAddress(_)), "{error:?}");
    assert_eq!(other.stub.calls(), 0, "nobody was there, and no key");

    let desk = Desk::with(|asked| match asked.path.as_str() {
        "/moved" => answer(one_bar()),
        _ => with_header(status(301, json!({})), LOCATION, "/moved"),
    })
    .await;
    apple(&desk, Urgency::Batch).await.expect("bars");
    let desk = Desk::with(|_| with_header(status(307, json!({})), LOCATION, "/round")).await;
    let error = apple(&desk, Urgency::Batch).await.expect_err("a circle");
    assert!(matches!(error, ProviderError::RefusedAddress(_)), "{error:?}");
    assert_eq!(desk.stub.calls(), 4, "three redirects, and no more");
}

/// 87.
#[tokio::test]
async fn a_price_that_cannot_be_is_rejected_and_its_neighbours_are_not() {
    let desk = Desk::with(|_| {
        let mut page = aggregates(
            "AAPL",
            &[
                ("2025-12-29", 0.0),
                ("2025-12-30", -5.0),
                ("2025-12-31", 1e12),
                ("2026-01-02", 1.0),
                ("2026-01-05", 267.26),
            ],
        );
        page["results"][3]["c"] = "NaN".into();
        answer(page)
    })
    .await;
    let week = span("2025-12-29", "2026-01-05");
    let bars = desk.polygon().daily_bars("AAPL", week, Urgency::Batch).await.expect("bars");
    assert_eq!(closes(&bars), pairs(&[("2026-01-05", "267.26")]));
    assert_eq!(
        bars.rejected,
        [
            Fault::Price { date: date("2025-12-29"), found: decimal("0.0") },
            Fault::Price { date: date("2025-12-30"), found: decimal("-5.0") },
            Fault::Price { date: date("2025-12-31"), found: decimal("1000000000000.0") },
            Fault::NotANumber { date: date("2026-01-02"), found: "NaN".into() },
        ]
    );
}

/// 88.
#[tokio::test]
async fn a_day_is_the_same_in_every_unit_of_its_stamp_and_a_holiday_has_no_bar() {
    let desk = Desk::with(|_| {
        let mut page = aggregates(
            "AAPL",
            &[
                ("2025-10-31", 1.0), // the last session before clocks change in autumn
                ("2025-11-03", 2.0),
                ("2025-11-04", 3.0),
                ("2025-11-27", 4.0), // Thanksgiving
                ("2025-11-28", 5.0),
            ],
        );
        page["results"][1]["t"] = (midnight("2025-11-03") / 1_000).into();
        page["results"][2]["t"] = (midnight("2025-11-04") * 1_000_000).into();
        page["results"][4]["t"] = 12.into();
        answer(page)
    })
    .await;
    let range = span("2025-10-31", "2025-11-28");
    let bars = desk.polygon().daily_bars("AAPL", range, Urgency::Batch).await.expect("bars");
    let expected = [("2025-10-31", "1"), ("2025-11-03", "2"), ("2025-11-04", "3")];
    assert_eq!(closes(&bars), pairs(&expected));
    assert_eq!(bars.rejected, [Fault::NoSession(date("2025-11-27")), Fault::Stamp(12)]);
}

/// 89.
#[tokio::test]
async fn a_split_of_today_is_no_loss_and_one_that_prices_do_not_show_is_noticed() {
    // Four for one this morning; `before` is what Yahoo gives as the close of Friday.
    let on_the_day = |before: f64| {
        Desk::with(move |_| {
            let at = opening("2026-01-05");
            let split =
                json!({ "date": at, "numerator": 4, "denominator": 1, "splitRatio": "4:1" });
            let days = [("2026-01-02", json!(before)), ("2026-01-05", json!(101.0))];
            answer(chart("AAPL", &days, &json!({ "splits": { at.to_string(): split } })))
        })
    };
    let range = span("2026-01-02", "2026-01-05");

    let desk = on_the_day(100.0).await;
    let bars = desk.yahoo().daily_bars("AAPL", range, Urgency::Batch).await.expect("bars").bars;
    // Ten shares on Friday are forty today, and gained one percent.
    let (friday, today) = (decimal("10") * bars[0].close, decimal("40") * bars[1].close);
    assert_eq!((friday, today), (decimal("4000.0"), decimal("4040.0")));
    let change = (bars[1].close / bars[0].close).to_f64().expect("a number") - 1.0;
    let past: Vec<f64> = (0..60).map(|day| f64::from(day % 3 - 1) * 0.01).collect();
    let split = Move { today: change, past: &past, has_action: true, market: Some(0.001) };
    assert_eq!(is_outlier(&split), Some(false));
    assert_eq!(is_outlier(&Move { has_action: false, ..split }), Some(true), "else it would be");

    // The split is announced, but Friday's close is still that of the old shares.
    let desk = on_the_day(400.0).await;
    let error = desk.yahoo().daily_bars("AAPL", range, Urgency::Batch).await.expect_err("a seam");
    let at = date("2026-01-05");
    assert!(
        matches!(error, ProviderError::Implausible(Fault::Split(day)) if day == at),
        "{error:?}"
    );
}

/// 90.
#[tokio::test]
async fn two_sources_that_differ_are_told_and_the_first_is_used() {
    let desk = Desk::with(|asked| {
        if is_polygon(asked) {
            answer(aggregates(
                "AAPL",
                &[("2025-12-31", 100.0), ("2026-01-02", 100.0), ("2026-01-05", 100.0)],
            ))
        } else {
            let days = [("2025-12-31", json!(100.2)), ("2026-01-05", json!(101.5))];
            answer(chart("AAPL", &days, &json!({})))
        }
    })
    .await;
    let (chain, range) = (chain(&desk), span("2025-12-31", "2026-01-05"));
    let bars = chain.daily_bars("AAPL", range, Urgency::Batch).await.expect("bars");
    let at = async |day| {
        let closes = chain.closes("AAPL", date(day), Urgency::Batch).await;
        closes.into_iter().map(|(_, close)| close).collect::<Vec<_>>()
    };
    let [monday, december, friday] =
        [at("2026-01-05").await, at("2025-12-31").await, at("2026-01-02").await];
    assert_eq!(monday, [decimal("100.0"), decimal("101.5")]);
    let distance = Quorum::Differs { basis_points: Some(decimal("150")) };
    assert_eq!(quorum(monday[0], Some(monday[1])), distance);
    assert_eq!(quorum(december[0], Some(december[1])), Quorum::Agreed, "20 basis points are none");
    assert_eq!(friday, [decimal("100.0")], "a missing day is no difference");
    assert_eq!(bars.answer.bars[2].close, decimal("100.0"), "the first is used");
}

/// 91.
#[tokio::test]
async fn a_symbol_that_was_renamed_or_delisted_is_told_in_the_providers_words() {
    let desk = Desk::with(|asked| match asked.path.as_str() {
        "/v8/finance/chart/FB" => {
            answer(chart("META", &[("2026-01-05", json!(650.0))], &json!({})))
        }
        "/v8/finance/chart/TWTR" => status(
            404,
            json!({ "chart": { "result": null, "error": {
                "code": "Not Found", "description": "No data found, symbol may be delisted" }}}),
        ),
        path if path.contains("/FB/") => answer(aggregates("META", &[("2026-01-05", 650.0)])),
        _ => answer(json!({ "status": "OK", "resultsCount": 0 })),
    })
    .await;
    let (chain, day) = (chain(&desk), span("2026-01-05", "2026-01-05"));
    let renamed = chain.daily_bars("FB", day, Urgency::Batch).await.expect_err("another name");
    for (_, error) in &renamed.refusals {
        assert!(matches!(error, ProviderError::Renamed(to) if to == "META"), "{error:?}");
    }
    let gone = chain.daily_bars("TWTR", day, Urgency::Batch).await.expect_err("gone");
    assert_eq!(gone.absence(), Absence::Unknown, "nobody knows that it was delisted");
    assert_eq!(
        gone.to_string(),
        "no provider has it; Polygon has nothing: no bars in that range; \
         Yahoo has nothing: No data found, symbol may be delisted"
    );
}

/// 92.
#[tokio::test]
async fn a_missing_yield_is_absent_and_a_revised_one_is_the_newest() {
    let desk = Desk::with(|_| {
        answer(observations(&[
            ("2025-12-30", "2025-12-29", "4.12"),
            ("2026-01-03", "2025-12-29", "4.10"),
            ("2025-12-31", "2025-12-30", "."),
        ]))
    })
    .await;
    let range = span("2025-12-29", "2025-12-31");
    let yields = desk.fred().yields(Tenor::TwoYears, range, Urgency::Batch).await.expect("yields");
    assert_eq!(yields.len(), 1);
    assert_eq!(
        (yields[0].rate.normalize(), yields[0].vintage),
        (decimal("0.041"), date("2026-01-03"))
    );
}

/// 93.
#[tokio::test]
async fn a_clock_that_is_a_day_off_makes_up_no_bar() {
    let script =
        |_: &Asked| answer(aggregates("AAPL", &[("2026-01-02", 271.0), ("2026-01-05", 267.26)]));
    let believed = |now: &'static str| async move {
        let desk = Desk::with(script).await.believing_in(now);
        let range = span("2026-01-02", "2026-01-06");
        desk.polygon().daily_bars("AAPL", range, Urgency::Batch).await.expect("bars")
    };
    let behind = believed("2026-01-04T21:30:00Z").await;
    assert_eq!(closes(&behind), pairs(&[("2026-01-02", "271")]));
    assert_eq!(behind.rejected, [Fault::NotFinal(date("2026-01-05"))], "fetched another time");
    let ahead = believed("2026-01-06T21:30:00Z").await;
    assert_eq!(closes(&ahead), pairs(&[("2026-01-02", "271"), ("2026-01-05", "267.26")]));
    assert_eq!(ahead.rejected, []);
}

/// Names that lead nowhere.
enum Names {
    Unknown,
    Slow,
}

impl Resolve for Names {
    fn resolve(&self, _name: Name) -> Resolving {
        match self {
            Self::Unknown => Box::pin(std::future::ready(Err("no such name".into()))),
            Self::Slow => Box::pin(std::future::pending()),
        }
    }
}

/// 94.
#[tokio::test]
async fn no_name_a_slow_name_no_encryption_and_no_listener_are_outages() {
    let there = Desk::with(|_| answer(one_bar())).await;
    let here = there.stub.url.to_string();
    for (address, names, outage) in [
        ("https://provider.test/".to_owned(), Some(Names::Unknown), Outage::Name),
        ("https://provider.test/".to_owned(), Some(Names::Slow), Outage::Timeout),
        (here.replace("http:", "https:"), None, Outage::Encryption),
        ("http://127.0.0.1:1/".to_owned(), None, Outage::Connection),
    ] {
        let mut desk = Desk::with(|_| answer(one_bar())).await.limited(|limits| {
            limits.connecting = Duration::from_millis(100);
            limits.names = names.map(|names| Arc::new(names) as Arc<dyn Resolve>);
        });
        desk.stub.url = address.parse().expect("an address");
        let error = apple(&desk, Urgency::Quote).await.expect_err("an outage");
        let is_it = matches!(&error, ProviderError::Unavailable(found) if *found == outage);
        assert!(is_it, "{address}: {error:?}");
    }
}

/// 95.
#[tokio::test]
async fn an_endless_answer_is_cut_off_and_so_is_one_that_unpacks_to_too_much() {
    for large in [endless, || bomb(8 << 20)] {
        let desk = Desk::with(move |_| large()).await.limited(|limits| limits.bytes = 1 << 20);
        let error = apple(&desk, Urgency::Batch).await.expect_err("too large");
        assert!(matches!(error, ProviderError::TooLarge { limit: 1_048_576 }), "{error:?}");
        assert_eq!(desk.stub.calls(), 1, "it would be no smaller next time");
    }
}

/// 97: what the chain says of it; to value at yesterday's prices is for who asks.
#[tokio::test]
async fn with_all_providers_down_there_is_nothing_and_everybody_says_why() {
    let desk = Desk::with(|asked| {
        let words = if is_polygon(asked) { json!({}) } else { json!("Service Unavailable") };
        status(503, words)
    })
    .await;
    let (chain, day) = (chain(&desk), span("2026-01-05", "2026-01-05"));
    let none = chain.daily_bars("AAPL", day, Urgency::Quote).await.expect_err("nothing");
    let told: Vec<_> = none.refusals.iter().map(|(who, why)| (*who, why.to_string())).collect();
    assert_eq!(
        told,
        [
            (Provider::Polygon, "is unavailable: status 503".into()),
            (Provider::Yahoo, "is unavailable: status 503".into()),
        ]
    );
    assert_eq!(none.absence(), Absence::Unknown);
}
