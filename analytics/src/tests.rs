//! The reference prices, for tests.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::returns::{log_returns, simple_returns};

/// Prices by symbol, one entry a session.
pub(crate) struct History {
    pub sessions: Vec<String>,
    pub prices: BTreeMap<String, Vec<Option<f64>>>,
}

/// Real prices of 2018 to 2020: an index, five factor funds and twenty stocks, without gaps.
pub(crate) static DAILY: LazyLock<History> = LazyLock::new(|| {
    let mut history = History { sessions: Vec::new(), prices: BTreeMap::new() };
    for line in include_str!("../tests/fixtures/prices_daily.csv").lines().skip(1) {
        let [symbol, session, price] = cells(line)[..] else { panic!("three cells in {line}") };
        if symbol == "SPX" {
            history.sessions.push(session.to_owned());
        }
        history.prices.entry(symbol.to_owned()).or_default().push(price.parse().ok());
    }
    history
});

/// The same with gaps, flat and repeated series, one column each.
pub(crate) static WITH_GAPS: LazyLock<History> = LazyLock::new(|| {
    let mut lines = include_str!("../tests/fixtures/factor_regression_edge_prices.csv").lines();
    let symbols = cells(lines.next().expect("a header"));
    let mut history = History { sessions: Vec::new(), prices: BTreeMap::new() };
    for line in lines {
        for (symbol, cell) in symbols.iter().zip(cells(line)) {
            if *symbol == "date" {
                history.sessions.push(cell.to_owned());
            } else {
                history.prices.entry((*symbol).to_owned()).or_default().push(cell.parse().ok());
            }
        }
    }
    history
});

impl History {
    /// The last `window` returns of a symbol up to and including a session.
    pub fn window(&self, symbol: &str, end: &str, window: usize, kind: &str) -> Vec<Option<f64>> {
        let last = self.sessions.iter().position(|session| session == end).expect("a session");
        let prices = &self.prices[symbol][last - window..=last];
        if kind == "log" { log_returns(prices) } else { simple_returns(prices) }
    }

    /// The same of a symbol without gaps.
    pub fn dense(&self, symbol: &str, end: &str, window: usize, kind: &str) -> Vec<f64> {
        self.window(symbol, end, window, kind).into_iter().collect::<Option<_>>().expect(symbol)
    }
}

/// The largest error seen of each figure: every suite of reference figures prints it.
#[derive(Default)]
pub(crate) struct Worst {
    errors: BTreeMap<String, f64>,
}

impl Worst {
    /// Asserts that a figure is within a relative and an absolute tolerance added up, and
    /// remembers how far it was off: relatively, where the relative one is not zero.
    pub fn check(
        &mut self,
        (what, case): (&str, &Value),
        got: f64,
        expected: f64,
        (relative, absolute): (f64, f64),
    ) {
        let off = (got - expected).abs();
        assert!(
            off <= absolute + relative * expected.abs(),
            "{} {what}: got {got:e}, expected {expected:e}",
            case["id"]
        );
        // Near zero the absolute tolerance is the one that counts.
        let scale = if relative > 0.0 { expected.abs() + absolute / relative } else { 1.0 };
        self.note(what, off / scale);
    }

    /// Remembers how far a figure was off, in whatever the suite measures that.
    pub fn note(&mut self, what: &str, error: f64) {
        let worst = self.errors.entry(what.to_owned()).or_default();
        *worst = worst.max(error);
    }

    pub fn print(&self, suite: &str) {
        for (what, error) in &self.errors {
            println!("{suite}: worst error of {what} {error:.1e}");
        }
    }
}

pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

pub(crate) fn count(value: &Value) -> usize {
    value.as_u64().and_then(|count| count.try_into().ok()).expect("a count")
}

pub(crate) fn names(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().map(|name| name.as_str().expect("a name")).collect()
}

pub(crate) fn cases(text: &str) -> Vec<Value> {
    let mut fixture: Value = serde_json::from_str(text).expect("the fixture is JSON");
    serde_json::from_value(fixture["cases"].take()).expect("cases")
}

fn cells(line: &str) -> Vec<&str> {
    line.split(',').collect()
}
