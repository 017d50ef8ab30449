//! The book of a portfolio as of a session, priced: what the words of the graph (market value,
//! exposure, profit) come to for each position, any selection of them, and the whole.
//!
//! A [`Book`] is assembled from rows by one pure function and answers everything else from
//! memory, so that a list, its groups and its totals can never disagree. A figure that lacks a
//! price is None and says why; sums leave it out and count it.

mod carry;
mod digest;
mod line;
mod select;
mod settlement;
mod sums;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sigmasight_analytics::exposure::Totals;

pub use carry::{Carried, Series, Splits};
pub use line::{Line, PositionValuation};
pub use select::{Filter, Group, Grouping, Order, OrderField, SortKey, TagMode, View};
pub use sums::{Summary, counts_by_type, leverage, net_leverage, totals};

use self::sums::{Pnl, sum};
use crate::domain::calendar::Calendar;
use crate::domain::id::{InstrumentId, ModelingSessionId, PortfolioId, PositionId};
use crate::domain::portfolio::Portfolio;
use crate::domain::position::Position;
use crate::domain::price::{Horizon, Quote};
use crate::domain::quality::{Coverage, Quality};
use crate::domain::tag::Tag;

/// Name of the method that [`Book`] values by.
pub const METHOD: &str = "MARK_TO_MARKET";
/// Raised whenever the same inputs would give another figure.
pub const MODEL_VERSION: &str = "valuation/3";

/// Quotes by instrument and the session they are as of.
pub type Quotes = HashMap<(InstrumentId, NaiveDate), Quote>;

/// Positions as they stand on the last day whose entries and exits count; those entered since are
/// left out.
pub fn carried(positions: &[Arc<Position>], splits: &Splits, horizon: Horizon) -> Vec<Carried> {
    positions
        .iter()
        .filter(|position| position.entry_date <= horizon.held_by)
        .map(|position| Carried::new(position, splits, horizon.held_by))
        .collect()
}

/// Which book it is: of one request there is no other like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BookKey {
    pub portfolio: PortfolioId,
    pub horizon: Horizon,
    /// With whose trades on top.
    pub trial: Option<ModelingSessionId>,
}

/// What makes a book one that somebody only tries.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Whose trades are in it.
    pub session: ModelingSessionId,
    /// What to know about them, in sentences.
    pub warnings: Vec<String>,
}

/// A portfolio's positions as of a session, priced.
#[derive(Debug)]
pub struct Book {
    pub portfolio: Arc<Portfolio>,
    /// Money beside the positions at the end of the book's day; below zero is borrowed. Of a book
    /// that is tried what the trades leave of it.
    pub cash: Decimal,
    /// None of what is really held.
    pub tried: Option<Tried>,
    /// The day of the first entry, which may be after this one; None where nobody has said it.
    pub begins: Option<NaiveDate>,
    pub horizon: Horizon,
    pub computed_at: DateTime<Utc>,
    /// Everything entered by then, closed positions too; by symbol.
    pub lines: Vec<Arc<Line>>,
    /// Where each position is in `lines`: a page asks for hundreds of them.
    places: HashMap<PositionId, usize>,
    /// Over the open lines.
    totals: Totals,
}

impl Book {
    /// Puts a book together from the quotes that its positions want and that are known.
    pub fn assemble(
        portfolio: Arc<Portfolio>,
        positions: Vec<Carried>,
        tags: &HashMap<PositionId, Vec<Arc<Tag>>>,
        quotes: &Quotes,
        horizon: Horizon,
        calendar: &Calendar,
        computed_at: DateTime<Utc>,
    ) -> Self {
        let mut lines: Vec<_> = positions
            .into_iter()
            .map(|carried| {
                let tags = tags.get(&carried.position.id).cloned().unwrap_or_default();
                Arc::new(Line::new(carried, tags, quotes, horizon, calendar))
            })
            .collect();
        lines
            .sort_by_cached_key(|line| (line.position.instrument.symbol.clone(), line.position.id));
        let places = lines.iter().map(|line| line.position.id).zip(0..).collect();
        let totals = totals(&lines);
        let cash = portfolio.cash_at(horizon.held_by);
        let (tried, begins) = (None, None);
        Self { portfolio, cash, tried, begins, horizon, computed_at, lines, places, totals }
    }

    /// The same, which knows when its portfolio begins.
    #[must_use]
    pub fn beginning(self, begins: Option<NaiveDate>) -> Self {
        Self { begins, ..self }
    }

    /// What to say of a book of a day before anything was entered.
    pub fn not_begun(&self) -> Option<String> {
        let begins = self.begins.filter(|begins| *begins > self.horizon.held_by)?;
        Some(format!(
            "Nothing had been entered by {}: the first entry is of {begins}.",
            self.horizon.held_by
        ))
    }

    /// The same as a book that somebody tries, with the cash that their trades leave.
    #[must_use]
    pub fn tried(self, tried: Tried, cash: Decimal) -> Self {
        Self { tried: Some(tried), cash, ..self }
    }

    pub fn key(&self) -> BookKey {
        let trial = self.tried.as_ref().map(|tried| tried.session);
        BookKey { portfolio: self.portfolio.id, horizon: self.horizon, trial }
    }

    pub fn line(&self, position: PositionId) -> Option<&Arc<Line>> {
        self.places.get(&position).and_then(|place| self.lines.get(*place))
    }

    pub fn open_lines(&self) -> impl Iterator<Item = &Arc<Line>> {
        self.lines.iter().filter(|line| line.is_open())
    }

    /// Cash plus the signed exposure of every open position that has a price: net liquidation
    /// value, in the portfolio's currency.
    pub fn total_value(&self) -> Decimal {
        self.cash.saturating_add(self.totals.net_exposure())
    }

    /// The sums over the open positions.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    pub fn valuation(&self) -> PortfolioValuation {
        let summary = Summary::of(self.open_lines());
        let mut warnings = summary.warnings();
        let mut over = |name: &str, pnl: Pnl, base: NaiveDate| {
            if pnl.left_out > 0 {
                warnings.push(format!(
                    "{name} leaves out {} of {} positions: a price of {base} or of {} is missing.",
                    pnl.left_out,
                    pnl.left_out + pnl.counted,
                    self.horizon.as_of,
                ));
            }
            pnl.total()
        };
        let Horizon { previous, month_base, year_base, .. } = self.horizon;
        let daily_pnl = over("dailyPnl", Pnl::daily(&self.lines), previous);
        let month = Pnl::since(&self.lines, month_base, |quote| quote.month_base);
        let mtd_pnl = over("mtdPnl", month, month_base);
        let year = Pnl::since(&self.lines, year_base, |quote| quote.year_base);
        let ytd_pnl = over("ytdPnl", year, year_base);
        PortfolioValuation {
            total_value: self.total_value(),
            cash_balance: self.cash,
            market_value: self.totals.market_value(),
            cost_basis: self.totals.cost_basis(),
            unrealized_pnl: self.totals.unrealized_pnl(),
            realized_pnl: sum(self.lines.iter().map(|line| line.realized_pnl())),
            daily_pnl,
            mtd_pnl,
            ytd_pnl,
            position_count: self.totals.counts.positions,
            quality: summary.quality(),
            warnings,
            coverage: summary.coverage,
        }
    }
}

/// A portfolio's figures over the positions that have a price.
#[derive(Clone, Debug)]
pub struct PortfolioValuation {
    pub total_value: Decimal,
    pub cash_balance: Decimal,
    pub market_value: Decimal,
    pub cost_basis: Decimal,
    pub unrealized_pnl: Decimal,
    pub realized_pnl: Decimal,
    pub daily_pnl: Option<Decimal>,
    pub mtd_pnl: Option<Decimal>,
    pub ytd_pnl: Option<Decimal>,
    pub position_count: usize,
    pub quality: Quality,
    pub warnings: Vec<String>,
    pub coverage: Coverage,
}
