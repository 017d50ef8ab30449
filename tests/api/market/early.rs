//! A bar that was told before its session had settled.

use serde_json::{Value, json};
use sigmasight::domain::calendar::Calendar;
use sqlx::Row as _;

use super::chain::aggregates;
use super::keeping::{book_of, fills};
use super::stub::{Asked, json as answer};
use super::{Desk, date};
use crate::support::{App, Person};

/// Polygon at the bell of a day, whose close is another one once it is asked for by itself.
fn at_the_bell(asked: &Asked, day: &str, settled: f64) -> axum::response::Response {
    let parts: Vec<_> = asked.path.split('/').collect();
    match parts.as_slice() {
        ["", "v2", "aggs", "ticker", "AAPL", "range", "1", "day", from, to] => {
            let calendar = Calendar::default();
            let days = calendar.sessions(date(from), date(to));
            let days: Vec<_> = days.map(|day| day.to_string()).collect();
            let close = |of: &str| if of == day && from == to { settled } else { 100.0 };
            let bars: Vec<_> = days.iter().map(|day| (day.as_str(), close(day))).collect();
            answer(aggregates("AAPL", &bars))
        }
        _ => answer(json!({ "status": "OK", "results": [] })),
    }
}

async fn close_of(person: &Person) -> Value {
    let query = "{ instrument(symbol: \"AAPL\") { quote { price } } }";
    person.reads(query, json!({})).await["instrument"]["quote"]["price"].take()
}

#[tokio::test]
async fn a_bar_told_at_the_bell_is_asked_for_once_more_when_the_session_has_settled() {
    // A whole day, an early close, and a close that stays as it was.
    for (day, bell, settles, close) in [
        ("2026-01-05", "21:00:00", "21:15:00", 101.0),
        ("2025-12-24", "18:00:00", "18:15:00", 101.0),
        ("2026-01-05", "21:00:00", "21:15:00", 100.0),
    ] {
        let desk = Desk::with(move |asked| at_the_bell(asked, day, close)).await;
        let at = |time: &str| format!("{day}T{time}Z");
        let app = App::start().at(&at(bell)).await;
        let (ada, _) = book_of(&app, "AAPL,10,150,2025-12-01\n").await;
        let fills_at = async |time: &str| {
            let app = app.restart().at(&at(time)).await;
            let changed = fills(&app, &desk.clone().believing_in(&at(time))).await;
            (changed, desk.stub.calls())
        };
        let (bars, calls) = fills_at(bell).await;
        assert!(bars > 250, "{bars}");
        assert_eq!(close_of(&ada).await, "100");

        let minute_before = settles.replace("15:00", "14:59");
        assert_eq!(fills_at(&minute_before).await, (0, calls), "it has not settled");
        let changed = u64::from(close > 100.0);
        assert_eq!(fills_at(settles).await, (changed, calls + 3), "bars, splits and dividends");
        assert_eq!(close_of(&ada).await, json!(format!("{close}")));
        let history = "select close from prices_history";
        let earlier = sqlx::query(history).fetch_all(&mut app.superuser().await).await;
        let earlier: Vec<rust_decimal::Decimal> =
            earlier.expect("a history").iter().map(|row| row.get(0)).collect();
        assert_eq!(earlier.len() as u64, changed, "the earlier version is kept");
        assert_eq!(fills_at("23:00:00").await, (0, calls + 3), "once");
    }
}
