//! How much of a book sits in few positions, whatever they have to do with each other.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sigmasight_analytics::correlation::{effective_positions_by_weight, herfindahl};

use crate::services::valuation::Line;

/// What is left of sectors that nobody has named.
pub const NO_SECTOR: &str = "";

/// A book's exposure by instrument and by sector.
#[derive(Clone, Debug, PartialEq)]
pub struct Concentration {
    /// 1 / Σa² over the shares a of the gross exposure; None without any.
    pub effective_positions: Option<f64>,
    /// Σa²: 1 for one instrument.
    pub herfindahl: Option<f64>,
    /// By symbol, the largest first.
    pub instruments: Vec<Share>,
    /// By sector, the largest first; [`NO_SECTOR`] for what is of none.
    pub sectors: Vec<Share>,
}

/// What a book has in one instrument or sector.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    pub key: String,
    /// Signed.
    pub exposure: Decimal,
    /// Σ|exposure| over that of the book: they add up to one.
    pub weight: f64,
}

/// Of the open lines that have a price.
pub fn concentration(lines: &[Arc<Line>]) -> Concentration {
    let symbol = |line: &Line| line.position.instrument.symbol.clone();
    let sector =
        |line: &Line| line.position.instrument.sector.clone().unwrap_or_else(|| NO_SECTOR.into());
    let instruments = shares(lines, symbol);
    let weights: Vec<_> = instruments.iter().map(|share| share.weight).collect();
    Concentration {
        effective_positions: effective_positions_by_weight(&weights),
        herfindahl: herfindahl(&weights),
        sectors: shares(lines, sector),
        instruments,
    }
}

fn shares(lines: &[Arc<Line>], key: impl Fn(&Line) -> String) -> Vec<Share> {
    let mut sums = BTreeMap::<String, (Decimal, Decimal)>::new();
    let mut gross = Decimal::ZERO;
    for line in lines.iter().filter(|line| line.is_open()) {
        let Some(exposure) = line.holding().exposure() else { continue };
        let (net, size) = sums.entry(key(line)).or_default();
        *net = net.saturating_add(exposure);
        *size = size.saturating_add(exposure.abs());
        gross = gross.saturating_add(exposure.abs());
    }
    let mut shares: Vec<_> = sums.into_iter().collect();
    shares.sort_by_key(|(key, (_, size))| (Reverse(*size), key.clone()));
    shares
        .into_iter()
        .map(|(key, (exposure, size))| Share {
            key,
            exposure,
            weight: size.checked_div(gross).and_then(|weight| weight.to_f64()).unwrap_or(0.0),
        })
        .collect()
}
