//! Trades that are found among the legs of a book, each suggested as a tag.
//!
//! Only what carries no strategy yet is looked at. A leg is in one trade at most, the one that
//! leaves the least to chance: what has more legs comes first, and options are paired with their
//! nearest. Each search sorts and walks once, so that it is quick however long the book is. What is
//! found is named by [`recognize`], so that a suggestion that is taken is recognized.

mod legs;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use self::legs::{Found, of_underlying};
use super::upload::judge::MAX_TAG_CHARACTERS;
use super::valuation::{Book, Line};
use crate::domain::id::PositionId;
use crate::domain::strategy::{Kind, Leg, recognize};
use crate::domain::tag::{STRATEGY_PREFIX, Tag, TagKind};
use crate::domain::text::fold;

/// Most suggestions of one book, the surest first.
const MOST: usize = 100;
/// Positions of a sector that are worth a tag of their own.
const SECTOR: usize = 3;
/// How often one side of a pair may be as large as the other.
const LOPSIDED: Decimal = Decimal::TWO;

/// A tag that some positions might share.
#[derive(Clone, Debug)]
pub struct Suggestion {
    pub tag: String,
    /// In the order of the trade's legs.
    pub lines: Vec<Arc<Line>>,
    pub reason: String,
    /// From 0 to 1: how unlikely it is that they fit by chance.
    pub confidence: f64,
}

/// The suggestions for a book, the surest first; `known` are its owner's tags.
pub fn suggestions(book: &Book, known: &[Arc<Tag>]) -> Vec<Suggestion> {
    let is_free = |line: &&Arc<Line>| {
        let is_leg = line.tags.iter().any(|tag| tag.kind == TagKind::Strategy);
        !is_leg && !line.is_expired && !line.needs_review()
    };
    let mut by_underlying = BTreeMap::<&str, Vec<&Arc<Line>>>::new();
    for line in book.open_lines().filter(is_free) {
        by_underlying.entry(line.underlying()).or_default().push(line);
    }
    let (mut trades, mut stocks) = (Vec::new(), Vec::new());
    for lines in by_underlying.into_values() {
        trades.extend(of_underlying(lines, &mut stocks));
    }
    trades.extend(pairs(stocks));

    let mut taken: HashSet<_> = known.iter().map(|tag| fold(&tag.name)).collect();
    let mut suggestions: Vec<_> =
        trades.into_iter().map(|trade| suggestion(trade, &mut taken)).collect();
    suggestions.extend(sectors(book));
    suggestions.sort_by(|one, other| {
        other.confidence.total_cmp(&one.confidence).then_with(|| one.tag.cmp(&other.tag))
    });
    suggestions.truncate(MOST);
    suggestions
}

/// What lines are together, if it has a name.
fn found(lines: Vec<&Arc<Line>>) -> Option<Found<'_>> {
    let shape = recognize(lines.iter().map(|line| Leg::from(&*line.position)))?;
    Some(Found { shape, lines })
}

fn suggestion(found: Found<'_>, taken: &mut HashSet<String>) -> Suggestion {
    let Found { shape, lines } = found;
    let mut names: Vec<_> = lines.iter().map(|line| line.underlying().to_lowercase()).collect();
    names.dedup();
    let kind = shape.kind.code().to_lowercase().replace('_', "-");
    let contract = lines.iter().find_map(|line| line.position.instrument.contract.as_ref());
    let expiry = contract.map(|contract| format!("-{}", contract.expiry)).unwrap_or_default();
    let plain = format!("{STRATEGY_PREFIX}{}-{kind}{expiry}", names.join("-"));
    let numbered = (2_u32..).map(|number| format!("{plain}-{number}"));
    // Each number is tried once, so that one of them is free.
    let free = std::iter::once(plain.clone()).chain(numbered).find(|name| taken.insert(fold(name)));
    Suggestion {
        tag: free.unwrap_or(plain),
        confidence: confidence(shape.kind, &lines),
        lines: lines.into_iter().cloned().collect(),
        reason: shape.description,
    }
}

fn confidence(kind: Kind, lines: &[&Arc<Line>]) -> f64 {
    match kind {
        Kind::IronCondor | Kind::IronButterfly | Kind::Condor => 0.95,
        Kind::Vertical | Kind::Collar => 0.9,
        Kind::Straddle => 0.85,
        Kind::Strangle => 0.7,
        // All of the shares, or some of them.
        Kind::CoveredCall => 0.6 + 0.25 * share(lines, |line| Some(line.full_units().abs())),
        Kind::PairsTrade => 0.4 + 0.2 * share(lines, |line| line.holding().market_value()),
        _ => 0.5,
    }
}

/// The smaller of two sizes over the larger.
fn share(lines: &[&Arc<Line>], size: impl Fn(&Line) -> Option<Decimal>) -> f64 {
    let sizes: Option<Vec<_>> = lines.iter().map(|line| size(line)).collect();
    let sizes = sizes.unwrap_or_default();
    let ends = sizes.iter().min().zip(sizes.iter().max());
    ends.and_then(|(least, most)| least.checked_div(*most)?.to_f64()).unwrap_or(0.0)
}

/// Stocks owned against stocks owed of the same industry, or of the same sector where none is known,
/// of about the same value.
fn pairs(stocks: Vec<&Arc<Line>>) -> Vec<Found<'_>> {
    let mut by_industry = BTreeMap::<&str, [Vec<(Decimal, &Arc<Line>)>; 2]>::new();
    for line in stocks {
        let instrument = &line.position.instrument;
        let industry = instrument.industry.as_deref().or(instrument.sector.as_deref());
        let value = line.holding().market_value().filter(|value| !value.is_zero());
        let Some((industry, value)) = industry.zip(value) else { continue };
        let side = usize::from(!line.position.position_type.is_long());
        by_industry.entry(industry).or_default()[side].push((value, line));
    }
    let mut pairs = Vec::new();
    for [mut longs, mut shorts] in by_industry.into_values() {
        for side in [&mut longs, &mut shorts] {
            // The largest last, where it is taken from; what is equal by symbol.
            side.sort_by(|(one, a), (other, b)| {
                one.cmp(other).then_with(|| place(b).cmp(&place(a)))
            });
        }
        while let Some(((long, owned), (short, owed))) = longs.last().zip(shorts.last()) {
            let (long, short) = (*long, *short);
            let fits = long.max(short) <= long.min(short).saturating_mul(LOPSIDED);
            if fits && let Some(pair) = found(vec![owned, owed]) {
                pairs.push(pair);
                longs.pop();
                shorts.pop();
            } else if long >= short {
                longs.pop();
            } else {
                shorts.pop();
            }
        }
    }
    pairs
}

fn place(line: &Line) -> (&str, PositionId) {
    (&line.position.instrument.symbol, line.position.id)
}

/// Positions of one sector that carry no tag at all.
fn sectors(book: &Book) -> Vec<Suggestion> {
    let mut by_sector = BTreeMap::<&str, Vec<Arc<Line>>>::new();
    for line in book.open_lines().filter(|line| line.tags.is_empty()) {
        if let Some(sector) = &line.position.instrument.sector {
            by_sector.entry(sector).or_default().push(Arc::clone(line));
        }
    }
    by_sector.retain(|_, lines| lines.len() >= SECTOR);
    by_sector
        .into_iter()
        .map(|(sector, lines)| Suggestion {
            tag: sector.chars().take(MAX_TAG_CHARACTERS).collect(),
            reason: format!("{} positions of the sector {sector} carry no tag.", lines.len()),
            lines,
            confidence: 0.3,
        })
        .collect()
}

#[cfg(test)]
mod tests;
