//! Figures about the program itself, for Prometheus. No label names a person, a book or a symbol.
//!
//! What happens in this process is counted here as it happens; what the database knows, such as
//! the jobs, is asked of it when somebody reads (`http/metrics.rs`).

use std::sync::LazyLock;
use std::time::Duration;

use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

const REQUEST_SECONDS: &str = "sigmasight_http_request_seconds";
/// Upper bounds of the latencies, in seconds: a query takes milliseconds, an upload seconds.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// How often what was measured is put into its buckets, read or not.
const UPKEEP: Duration = Duration::from_secs(5);

static KEPT: LazyLock<PrometheusHandle> = LazyLock::new(|| {
    let latency = Matcher::Full(REQUEST_SECONDS.to_owned());
    let builder = PrometheusBuilder::new();
    let recorder = match builder.set_buckets_for_metric(latency, &BUCKETS) {
        Ok(builder) => builder.build_recorder(),
        Err(_) => PrometheusBuilder::new().build_recorder(),
    };
    let kept = recorder.handle();
    // Whoever came first counts, and we show nothing.
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::warn!("somebody else counts what this program does");
    }
    kept
});

/// Counts from now on.
pub fn start() {
    LazyLock::force(&KEPT);
}

/// Keeps what is counted small while nobody reads it; for as long as it is awaited.
pub async fn keep() {
    loop {
        tokio::time::sleep(UPKEEP).await;
        KEPT.run_upkeep();
    }
}

/// All that was counted, as Prometheus reads it.
pub fn render() -> String {
    KEPT.render()
}

/// A request that was answered; of a stream, one that has begun to be.
pub fn answered(method: &str, route: &str, status: u16, took: Duration) {
    let labels = [
        ("method", method.to_owned()),
        ("route", route.to_owned()),
        ("status", status.to_string()),
    ];
    counter!("sigmasight_http_requests_total", &labels).increment(1);
    histogram!(REQUEST_SECONDS, "route" => route.to_owned()).record(took.as_secs_f64());
}

/// An operation that is run: `query`, `mutation` or `subscription`.
pub fn operation(kind: &'static str) {
    counter!("sigmasight_graphql_operations_total", "type" => kind).increment(1);
}

/// An error that a client was told.
pub fn told(code: String) {
    counter!("sigmasight_graphql_errors_total", "code" => code).increment(1);
}

/// Alerts that were raised: `CRITICAL`, `HIGH`, `MEDIUM` or `LOW`.
pub fn raised(priority: &'static str) {
    counter!("sigmasight_alerts_raised_total", "priority" => priority).increment(1);
}

/// A statement that is sent to the database.
pub fn statement() {
    counter!("sigmasight_sql_statements_total").increment(1);
}

/// A subscription that is open until this is dropped.
pub struct Open(&'static str);

impl Open {
    pub fn over(transport: &'static str) -> Self {
        gauge!("sigmasight_subscriptions_open", "transport" => transport).increment(1.0);
        Self(transport)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        gauge!("sigmasight_subscriptions_open", "transport" => self.0).decrement(1.0);
    }
}
