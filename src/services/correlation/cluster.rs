//! Clusters, with a name that says what their members have in common.

use std::cmp::Reverse;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use sigmasight_analytics::correlation::Correlations;

use super::Entry;
use crate::domain::text::fold;

/// Symbols that move as one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// A tag that all its positions carry, else the sector of all, else "<largest> lookalikes".
    pub nickname: String,
    /// The largest first.
    pub symbols: Vec<String>,
    /// Mean over its pairs.
    pub average: Option<f64>,
    /// Σ|exposure|.
    pub total_value: Decimal,
    /// That over the same of everything correlated.
    pub weight: f64,
}

/// The groups of two and more, by value.
pub(super) fn named(
    groups: &[Vec<usize>],
    entries: &[Entry],
    correlations: Option<&Correlations>,
) -> Vec<Cluster> {
    let size = |entries: &mut dyn Iterator<Item = &Entry>| {
        entries.fold(Decimal::ZERO, |sum, entry| sum.saturating_add(entry.exposure.abs()))
    };
    let gross = size(&mut entries.iter());
    let cluster = |places: &Vec<usize>| {
        let mut members: Vec<_> = places.iter().filter_map(|at| entries.get(*at)).collect();
        members.sort_by_key(|entry| (Reverse(entry.exposure.abs()), entry.symbol.clone()));
        let total_value = size(&mut members.iter().copied());
        Cluster {
            nickname: nickname(&members),
            symbols: members.iter().map(|entry| entry.symbol.clone()).collect(),
            average: correlations.and_then(|all| all.average_within(places)),
            total_value,
            weight: total_value.checked_div(gross).and_then(|w| w.to_f64()).unwrap_or(0.0),
        }
    };
    let mut clusters: Vec<_> = groups.iter().filter(|group| group.len() > 1).map(cluster).collect();
    clusters.sort_by_key(|cluster| Reverse(cluster.total_value));
    clusters
}

/// `members` are the largest first.
fn nickname(members: &[&Entry]) -> String {
    let lines = || members.iter().flat_map(|entry| &entry.lines);
    let Some(first) = lines().next() else { return String::new() };
    let is_on_all = |id| lines().all(|line| line.tags.iter().any(|tag| tag.id == id));
    let common = first.tags.iter().filter(|tag| is_on_all(tag.id));
    if let Some(tag) = common.min_by_key(|tag| fold(&tag.name)) {
        return tag.name.clone();
    }
    let sector = first.position.instrument.sector.as_deref();
    let is_shared = lines().all(|line| line.position.instrument.sector.as_deref() == sector);
    if let Some(sector) = sector.filter(|_| is_shared) {
        return sector.to_owned();
    }
    let largest = members.first().map_or("", |entry| entry.symbol.as_str());
    format!("{largest} lookalikes")
}
