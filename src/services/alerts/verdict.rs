//! What a rule makes of the figures: whether it fires, and what can fire again.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};

use super::figures::Reading;
use crate::domain::alert::{Alert, AlertRule, Operator};
use crate::domain::id::AlertId;

/// Other keys that a message names.
const NAMED: usize = 3;

/// What changes of a rule.
#[derive(Debug, Default, PartialEq)]
pub struct Verdict {
    /// Beyond the threshold and not before.
    pub breached: Vec<String>,
    /// Back by the margin, or gone.
    pub cleared: Vec<String>,
    /// One, however many are breached.
    pub alert: Option<Alert>,
}

/// Judges a rule by what it is about, and by what of that `was_breached` before. What is not known
/// changes nothing.
pub fn judge(
    rule: &AlertRule,
    readings: &[Reading],
    was_breached: &BTreeSet<String>,
    (date, now): (NaiveDate, DateTime<Utc>),
) -> Verdict {
    let is_back = |key: &&String| {
        let mut found = readings.iter().filter(|one| one.key == **key).peekable();
        found.peek().is_none() || found.all(|one| one.value.is_some_and(|now| rule.is_clear(now)))
    };
    let cleared = was_breached.iter().filter(is_back).cloned().collect();
    let mut beyond: Vec<_> = readings
        .iter()
        .filter(|one| !was_breached.contains(&one.key))
        .filter_map(|one| Some((one.key.as_str(), one.value?)))
        .filter(|(_, value)| rule.is_breached(*value))
        .collect();
    // The furthest first.
    beyond.sort_by(|(key, one), (other_key, other)| {
        rule.beyond(*other).total_cmp(&rule.beyond(*one)).then(key.cmp(other_key))
    });
    let alert = beyond.first().map(|(key, value)| {
        let title = title(rule, key, *value);
        let others: Vec<_> = beyond.iter().skip(1).map(|(key, _)| *key).collect();
        Alert {
            id: AlertId::fresh(),
            portfolio_id: rule.portfolio_id,
            rule_id: rule.id,
            date,
            key: (*key).to_owned(),
            priority: rule.priority,
            message: message(rule, &title, &others, date),
            title,
            value: *value,
            triggered_at: now,
            acknowledged_at: None,
        }
    });
    Verdict {
        breached: beyond.into_iter().map(|(key, _)| key.to_owned()).collect(),
        cleared,
        alert,
    }
}

fn title(rule: &AlertRule, key: &str, value: f64) -> String {
    let of = if key.is_empty() { String::new() } else { format!(", {key}") };
    format!("{}{of}: {}", rule.metric.name(), rule.metric.unit().show(value))
}

fn message(rule: &AlertRule, title: &str, others: &[&str], date: NaiveDate) -> String {
    let threshold = rule.metric.unit().show(rule.threshold);
    let side = match rule.operator {
        Operator::Above => "or above",
        Operator::Below => "or below",
        Operator::AbsAbove => "or beyond on either side",
    };
    let named = others.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let others = match others.len().saturating_sub(NAMED) {
        _ if others.is_empty() => String::new(),
        0 => format!(" So do {named}."),
        more => format!(" So do {named} and {more} more."),
    };
    format!(
        "{title} at the close of {date}; the rule \"{}\" fires at {threshold} {side}.{others}",
        rule.name
    )
}
