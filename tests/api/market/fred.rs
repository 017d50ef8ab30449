//! FRED in its own shapes.

use serde_json::{Value, json};
use sigmasight::market::provider::{MarketDataProvider, ProviderError, Tenor, Urgency};

use super::stub::{json as answer, status};
use super::{Desk, KEY, date, decimal, span};

/// Observations: the day of publication, the day they are of, the value.
pub fn observations(rows: &[(&str, &str, &str)]) -> Value {
    let rows: Vec<_> = rows
        .iter()
        .map(|(vintage, date, value)| {
            json!({ "realtime_start": vintage, "realtime_end": "9999-12-31",
                    "date": date, "value": value })
        })
        .collect();
    json!({ "realtime_start": "2026-01-05", "realtime_end": "2026-01-05",
            "observation_start": "2025-12-22", "observation_end": "9999-12-31", "units": "lin",
            "output_type": 1, "file_type": "json", "order_by": "observation_date",
            "sort_order": "asc", "count": rows.len(), "offset": 0, "limit": 100_000,
            "observations": rows })
}

#[tokio::test]
async fn percent_become_fractions_once_and_a_dot_is_no_value() {
    let desk = Desk::with(|_| {
        answer(observations(&[
            ("2026-01-05", "2025-12-24", "4.15"),
            ("2026-01-05", "2025-12-25", "."),
            ("2026-01-05", "2025-12-26", "-0.05"),
            ("2026-01-05", "2025-12-29", "0"),
        ]))
    })
    .await;
    let range = span("2025-12-24", "2025-12-31");
    let yields = desk.fred().yields(Tenor::TenYears, range, Urgency::Batch).await.expect("yields");
    let told: Vec<_> = yields.iter().map(|found| (found.date, found.rate.normalize())).collect();
    assert_eq!(
        told,
        [
            (date("2025-12-24"), decimal("0.0415")),
            (date("2025-12-26"), decimal("-0.0005")),
            (date("2025-12-29"), decimal("0")),
        ]
    );
    let asked = &desk.stub.asked()[0];
    assert_eq!(asked.path, "/fred/series/observations");
    assert_eq!(asked.query["series_id"], "DGS10");
    assert_eq!(asked.query["file_type"], "json");
    assert_eq!(asked.query["observation_start"], "2025-12-24");
    assert_eq!(asked.query["api_key"], KEY);
}

#[tokio::test]
async fn every_tenor_has_its_series() {
    let desk = Desk::with(|_| answer(observations(&[]))).await;
    let (fred, day) = (desk.fred(), span("2026-01-05", "2026-01-05"));
    let tenors = [
        (Tenor::FedFunds, "DFF"),
        (Tenor::Sofr, "SOFR"),
        (Tenor::OneMonth, "DGS1MO"),
        (Tenor::ThreeMonths, "DGS3MO"),
        (Tenor::SixMonths, "DGS6MO"),
        (Tenor::OneYear, "DGS1"),
        (Tenor::TwoYears, "DGS2"),
        (Tenor::ThreeYears, "DGS3"),
        (Tenor::FiveYears, "DGS5"),
        (Tenor::SevenYears, "DGS7"),
        (Tenor::TenYears, "DGS10"),
        (Tenor::TwentyYears, "DGS20"),
        (Tenor::ThirtyYears, "DGS30"),
    ];
    for (tenor, _) in tenors {
        assert_eq!(fred.yields(tenor, day, Urgency::Batch).await.expect("an answer"), []);
    }
    let asked: Vec<_> = desk.stub.asked().iter().map(|a| a.query["series_id"].clone()).collect();
    assert_eq!(asked, tenors.map(|(_, series)| series));
}

#[tokio::test]
async fn what_fred_refuses_is_told_in_its_words() {
    let desk = Desk::with(|asked| {
        let message = match asked.earlier {
            0 => "Bad Request.  The series does not exist.",
            _ => "Bad Request.  The value for variable api_key is not registered.",
        };
        status(400, json!({ "error_code": 400, "error_message": message }))
    })
    .await;
    let (fred, day) = (desk.fred(), span("2026-01-05", "2026-01-05"));
    let first = fred.yields(Tenor::TwoYears, day, Urgency::Batch).await.expect_err("refused");
    assert!(matches!(&first, ProviderError::NotFound { said, .. } if said.contains("series")));
    let second = fred.yields(Tenor::TwoYears, day, Urgency::Batch).await.expect_err("refused");
    assert!(matches!(second, ProviderError::Unauthorized(_)), "{second:?}");
}

#[tokio::test]
async fn a_rate_in_another_unit_is_refused() {
    for value in ["415", "NaN", ""] {
        let desk =
            Desk::with(move |_| answer(observations(&[("2026-01-05", "2025-12-24", value)]))).await;
        let day = span("2025-12-24", "2025-12-24");
        let error = desk.fred().yields(Tenor::TwoYears, day, Urgency::Batch).await;
        assert!(matches!(error, Err(ProviderError::Malformed(_))), "{value}: {error:?}");
    }
    // A change instead of a level would be small enough to be believed.
    let desk = Desk::with(|_| {
        let mut changes = observations(&[("2026-01-05", "2025-12-24", "0.02")]);
        changes["units"] = "chg".into();
        answer(changes)
    })
    .await;
    let day = span("2025-12-24", "2025-12-24");
    let error = desk.fred().yields(Tenor::TwoYears, day, Urgency::Batch).await;
    assert!(matches!(error, Err(ProviderError::Malformed(_))), "{error:?}");
}
