//! Narrowing, ordering and grouping the lines of a book.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sigmasight_analytics::exposure::{Sensitivities, Totals};

use super::sums::Pnl;
use super::{Book, Line, Summary, totals};
use crate::domain::id::PositionId;
use crate::domain::instrument::AssetClass;
use crate::domain::position::PositionType;
use crate::domain::tag::{Tag, TagKind};
use crate::domain::text::fold;

/// Which side of a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum View {
    #[default]
    All,
    /// What is owned: a long put too.
    Longs,
    /// What is owed.
    Shorts,
}

/// Whether one of the tags suffices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TagMode {
    #[default]
    Any,
    All,
}

/// What a selection is narrowed to. Conditions add up; a list keeps what is in it, whatever the
/// case of a text. The default keeps every open position.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Filter {
    pub types: Option<Vec<PositionType>>,
    pub symbols: Option<Names>,
    pub underlyings: Option<Names>,
    pub asset_classes: Option<Vec<AssetClass>>,
    pub sectors: Option<Names>,
    pub tags: Option<Names>,
    pub tag_mode: TagMode,
    pub view: View,
    /// Options whose expiry is at most so many calendar days after the session.
    pub expiring_within_days: Option<u32>,
    /// Least size of the exposure; what has no price is left out.
    pub min_abs_exposure: Option<Decimal>,
    pub include_closed: bool,
    /// Part of the symbol, of the instrument's name, of a note or of a tag.
    pub search: Option<String>,
}

/// Names without their case, each looked up at once however many there are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Names(HashSet<String>);

impl Names {
    fn holds(&self, name: &str) -> bool {
        self.0.contains(&fold(name))
    }
}

impl<T: AsRef<str>> FromIterator<T> for Names {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        Self(names.into_iter().map(|name| fold(name.as_ref().trim())).collect())
    }
}

impl Filter {
    pub fn keeps(&self, line: &Line) -> bool {
        let position = &line.position;
        let instrument = &position.instrument;
        let holds = |names: &Option<Names>, name: &str| {
            names.as_ref().is_none_or(|names| names.holds(name))
        };
        (self.include_closed || line.is_open())
            && self.types.as_ref().is_none_or(|types| types.contains(&position.position_type))
            && holds(&self.symbols, &instrument.symbol)
            && holds(&self.underlyings, line.underlying())
            && self.asset_classes.as_ref().is_none_or(|list| list.contains(&instrument.asset_class))
            && holds(&self.sectors, instrument.sector.as_deref().unwrap_or_default())
            && self.tags.as_ref().is_none_or(|wanted| self.keeps_tags(wanted, &line.tags))
            && match self.view {
                View::All => true,
                View::Longs => position.position_type.is_long(),
                View::Shorts => !position.position_type.is_long(),
            }
            && self.expiring_within_days.is_none_or(|days| {
                let from = line.horizon.as_of;
                let to = from.checked_add_days(Days::new(days.into())).unwrap_or(NaiveDate::MAX);
                instrument.contract.as_ref().is_some_and(|c| (from..=to).contains(&c.expiry))
            })
            && self
                .min_abs_exposure
                .is_none_or(|least| line.holding().market_value().is_some_and(|v| v >= least))
            && self.search.as_ref().is_none_or(|search| finds(line, search))
    }

    /// A name that is no tag's is carried by nothing.
    fn keeps_tags(&self, wanted: &Names, carried: &[Arc<Tag>]) -> bool {
        let found = carried.iter().filter(|tag| wanted.holds(&tag.name)).count();
        match self.tag_mode {
            TagMode::Any => found > 0,
            TagMode::All => found == wanted.0.len(),
        }
    }
}

/// `search` without its case.
fn finds(line: &Line, search: &str) -> bool {
    let instrument = &line.position.instrument;
    [Some(&instrument.symbol), instrument.name.as_ref(), line.position.notes.as_ref()]
        .into_iter()
        .flatten()
        .chain(line.tags.iter().map(|tag| &tag.name))
        .any(|text| fold(text).contains(search))
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderField {
    #[default]
    Symbol,
    EntryDate,
    MarketValue,
    Exposure,
    UnrealizedPnl,
    DailyPnl,
    Expiry,
    Delta,
    Gamma,
    Theta,
    Vega,
}

impl OrderField {
    /// Whether it orders by what the book alone does not know.
    pub fn is_greek(self) -> bool {
        matches!(self, Self::Delta | Self::Gamma | Self::Theta | Self::Vega)
    }
}

/// In what order a selection is listed. What lacks the figure comes last either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    pub by: OrderField,
    pub descending: bool,
}

/// Where a line stands in an order; also what a cursor remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortKey {
    value: Option<SortValue>,
    descending: bool,
    id: PositionId,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum SortValue {
    Text(String),
    Number(Decimal),
    Date(NaiveDate),
}

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_value = match (&self.value, &other.value) {
            (Some(a), Some(b)) if self.descending => b.cmp(a),
            (Some(a), Some(b)) => a.cmp(b),
            (a, b) => a.is_none().cmp(&b.is_none()),
        };
        by_value.then_with(|| self.id.cmp(&other.id))
    }
}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Order {
    /// `greeks` are those of the position, where they are known.
    pub fn key(self, line: &Line, greeks: Option<Sensitivities>) -> SortKey {
        let number = |figure: Option<Decimal>| figure.map(SortValue::Number);
        let instrument = &line.position.instrument;
        let value = match self.by {
            OrderField::Symbol => Some(SortValue::Text(instrument.symbol.clone())),
            OrderField::EntryDate => Some(SortValue::Date(line.position.entry_date)),
            OrderField::MarketValue => number(line.holding().market_value()),
            OrderField::Exposure => number(line.holding().exposure()),
            OrderField::UnrealizedPnl => number(line.holding().unrealized_pnl()),
            OrderField::DailyPnl => number(line.daily_pnl()),
            OrderField::Delta => number(greeks.map(|own| own.delta)),
            OrderField::Gamma => number(greeks.map(|own| own.gamma)),
            OrderField::Theta => number(greeks.map(|own| own.theta)),
            OrderField::Vega => number(greeks.map(|own| own.vega)),
            OrderField::Expiry => instrument.contract.as_ref().map(|c| SortValue::Date(c.expiry)),
        };
        SortKey { value, descending: self.descending, id: line.position.id }
    }
}

/// What positions are put together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    Type,
    Tag,
    Strategy,
    Underlying,
    Sector,
    Industry,
    AssetClass,
    Expiry,
}

/// Positions that share a key. Those without one (no tag, no sector) share the empty key, so
/// that nothing is lost.
#[derive(Clone, Debug)]
pub struct Group {
    pub key: String,
    pub label: String,
    /// When grouped by tag or strategy.
    pub tag: Option<Arc<Tag>>,
    pub lines: Vec<Arc<Line>>,
}

impl Group {
    /// The sums over its open positions.
    pub fn totals(&self) -> Totals {
        totals(&self.lines)
    }

    /// How far its sums can be trusted.
    pub fn summary(&self) -> Summary {
        Summary::of(self.lines.iter().filter(|line| line.is_open()))
    }

    /// Profit or loss of the session, of what closed in it too if that was selected; None when
    /// no position has one.
    pub fn daily_pnl(&self) -> Option<Decimal> {
        Pnl::daily(&self.lines).total()
    }
}

impl Book {
    /// The lines a filter keeps, by symbol.
    pub fn select(&self, filter: &Filter) -> Vec<Arc<Line>> {
        self.lines.iter().filter(|line| filter.keeps(line)).map(Arc::clone).collect()
    }

    /// The groups of what a filter keeps, by label; those without a key come last.
    pub fn groups(&self, by: Grouping, filter: &Filter) -> Vec<Group> {
        let mut groups = BTreeMap::<(bool, String), Group>::new();
        for line in self.select(filter) {
            for (key, label, tag) in keys(&line, by) {
                let place = (key.is_empty(), fold(&label));
                groups
                    .entry(place)
                    .or_insert_with(|| Group { key, label, tag, lines: Vec::new() })
                    .lines
                    .push(Arc::clone(&line));
            }
        }
        groups.into_values().collect()
    }
}

/// Key, label and tag of each group a line is in.
fn keys(line: &Line, by: Grouping) -> Vec<(String, String, Option<Arc<Tag>>)> {
    let instrument = &line.position.instrument;
    let plain = |key: Option<String>, without: &str| {
        let label = key.clone().unwrap_or_else(|| without.to_owned());
        vec![(key.unwrap_or_default(), label, None)]
    };
    match by {
        Grouping::Type => plain(Some(line.position.position_type.code().to_owned()), ""),
        Grouping::Tag => tagged(line, |_| true, "Untagged"),
        Grouping::Strategy => tagged(line, |tag| tag.kind == TagKind::Strategy, "No strategy"),
        Grouping::Underlying => plain(Some(line.underlying().to_owned()), ""),
        Grouping::Sector => plain(instrument.sector.clone(), "No sector"),
        Grouping::Industry => plain(instrument.industry.clone(), "No industry"),
        Grouping::AssetClass => plain(Some(instrument.asset_class.code().to_owned()), ""),
        Grouping::Expiry => {
            plain(instrument.contract.as_ref().map(|c| c.expiry.to_string()), "No expiry")
        }
    }
}

fn tagged(
    line: &Line,
    counts: impl Fn(&Tag) -> bool,
    without: &str,
) -> Vec<(String, String, Option<Arc<Tag>>)> {
    let keys: Vec<_> = line
        .tags
        .iter()
        .filter(|tag| counts(tag))
        .map(|tag| (tag.name.clone(), tag.name.clone(), Some(Arc::clone(tag))))
        .collect();
    if keys.is_empty() { vec![(String::new(), without.to_owned(), None)] } else { keys }
}
