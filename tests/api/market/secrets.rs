//! A key is sent to its provider and told to nobody else.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use sigmasight::error;
use sigmasight::market::provider::{MarketDataProvider, ProviderError, Tenor, Urgency};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use super::fred::observations;
use super::stub::{Asked, json as answer, silence, status};
use super::{Desk, KEY, span};

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("the log").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// 96. Every event of every library, on this thread, where all of it runs.
#[tokio::test]
async fn a_key_is_in_no_log_and_in_no_error() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
    let guard = subscriber.with_writer(log.clone()).finish().set_default();

    let echo = |asked: &Asked| match asked.earlier {
        0 => answer(observations(&[("2026-01-05", "2026-01-05", "4.2")])),
        1 => status(400, json!({ "error_code": 400, "error_message": format!("api_key {KEY}?") })),
        2 => status(418, json!({ "error_code": 418, "error_message": format!("{KEY}!") })),
        3 => answer(json!({ "units": KEY, "observations": [{ "date": KEY }] })),
        4 => status(302, json!({})),
        5 => silence(),
        _ => status(500, json!({ "error_message": KEY })),
    };
    let desk = Desk::with(echo).await.limited(|limits| limits.total = Duration::from_millis(100));
    let (fred, day) = (desk.fred(), span("2026-01-05", "2026-01-05"));
    let mut told = String::new();
    let mut note = |error: &ProviderError| {
        let causes = error::chain(error);
        writeln!(told, "{error} | {error:?} | {causes}").expect("a text takes everything");
    };
    for _ in 0..6 {
        if let Err(error) = fred.yields(Tenor::TwoYears, day, Urgency::Quote).await {
            note(&error);
        }
    }
    let mut unreachable = desk.clone();
    unreachable.stub.url = "http://127.0.0.1:1/".parse().expect("an address");
    for error in [
        unreachable.fred().yields(Tenor::TwoYears, day, Urgency::Quote).await.err(),
        unreachable.polygon().daily_bars("AAPL", day, Urgency::Quote).await.err(),
    ] {
        note(&error.expect("nobody is there"));
    }
    let polygon = Desk::with(|asked| {
        let key = asked.header("authorization").unwrap_or_default();
        status(401, json!({ "status": "ERROR", "error": format!("Unknown API Key {key}") }))
    })
    .await;
    note(&polygon.polygon().daily_bars("AAPL", day, Urgency::Quote).await.expect_err("refused"));
    drop(guard);

    assert!(told.contains("api_key …?") && told.contains("Unknown API Key Bearer …"), "{told}");
    assert!(!told.contains(KEY), "{told}");
    let log = String::from_utf8_lossy(&log.0.lock().expect("the log")).into_owned();
    for library in ["hyper", "reqwest", "sqlx"] {
        assert!(log.contains(library), "it is a log of everything, {library} among it");
    }
    let leak = log.lines().find(|line| line.contains(KEY));
    assert_eq!(leak, None);
}
