//! The book of a portfolio as of a session, priced: what the words of the graph (market value,
//! exposure, profit) come to for each position, any selection of them, and the whole.
//!
//! A [`Book`] is assembled from rows by one pure function and answers everything else from
//! memory, so that a list, its groups and its totals can never disagree. A figure that lacks a
//! price is None and says why; sums leave it out and count it.

mod select;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sigmasight_analytics::exposure::{Holding, Totals};
use sigmasight_analytics::option::Kind;

pub use select::{Filter, Group, Grouping, Order, OrderField, SortKey, TagMode, View, totals};

use crate::domain::id::{InstrumentId, PositionId};
use crate::domain::instrument::OptionKind;
use crate::domain::portfolio::Portfolio;
use crate::domain::position::Position;
use crate::domain::price::{Horizon, PriceSource, Quote};
use crate::domain::quality::{Coverage, Quality};
use crate::domain::tag::Tag;

/// Name of the method that [`Book`] values by.
pub const METHOD: &str = "MARK_TO_MARKET";
/// Raised whenever the same inputs would give another figure.
pub const MODEL_VERSION: &str = "valuation/1";

/// A portfolio's positions as of a session, priced.
#[derive(Debug)]
pub struct Book {
    pub portfolio: Arc<Portfolio>,
    pub horizon: Horizon,
    pub computed_at: DateTime<Utc>,
    /// Everything entered by then, closed positions too; by symbol.
    pub lines: Vec<Arc<Line>>,
    /// Where each position is in `lines`: a page asks for hundreds of them.
    places: HashMap<PositionId, usize>,
    /// Over the open lines.
    totals: Totals,
}

/// A position in a book.
#[derive(Debug)]
pub struct Line {
    pub position: Arc<Position>,
    pub tags: Vec<Arc<Tag>>,
    pub quote: Option<Quote>,
    pub underlying_quote: Option<Quote>,
    pub horizon: Horizon,
    holding: Holding,
}

impl Book {
    /// Puts a book together. `quotes` are of the horizon's session, by instrument.
    pub fn assemble(
        portfolio: Arc<Portfolio>,
        positions: &[Arc<Position>],
        tags: &HashMap<PositionId, Vec<Arc<Tag>>>,
        quotes: &HashMap<InstrumentId, Quote>,
        horizon: Horizon,
        computed_at: DateTime<Utc>,
    ) -> Self {
        let mut lines: Vec<_> = positions
            .iter()
            .filter(|position| position.entry_date <= horizon.held_by)
            .map(|position| {
                let instrument = &position.instrument;
                let underlying = instrument.contract.as_ref().map(|c| c.underlying_id);
                Arc::new(Line::new(
                    Arc::clone(position),
                    tags.get(&position.id).cloned().unwrap_or_default(),
                    quotes.get(&instrument.id).cloned(),
                    underlying.and_then(|id| quotes.get(&id).cloned()),
                    horizon,
                ))
            })
            .collect();
        lines
            .sort_by_cached_key(|line| (line.position.instrument.symbol.clone(), line.position.id));
        let places = lines.iter().map(|line| line.position.id).zip(0..).collect();
        let totals = Totals::of(lines.iter().filter(|l| l.is_open()).map(|l| &l.holding));
        Self { portfolio, horizon, computed_at, lines, places, totals }
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
        self.portfolio.cash_balance.saturating_add(self.totals.net_exposure())
    }

    /// Sum of the sizes of the open positions' exposures.
    pub fn gross_exposure(&self) -> Decimal {
        self.totals.gross_exposure()
    }

    pub fn valuation(&self) -> PortfolioValuation {
        let open: Vec<_> = self.open_lines().collect();
        let summary = Summary::of(open.iter().copied());
        let mut warnings = summary.warnings();
        let mut over = |name: &str, base: fn(&Horizon) -> NaiveDate, start: Start| {
            let pnl = Pnl::over(&self.lines, base(&self.horizon), start);
            if pnl.left_out > 0 {
                warnings.push(format!(
                    "{name} leaves out {} of {} positions: a price of {} or of {} is missing.",
                    pnl.left_out,
                    pnl.left_out + pnl.counted,
                    base(&self.horizon),
                    self.horizon.as_of,
                ));
            }
            pnl.total()
        };
        let daily_pnl = over("dailyPnl", |h| h.previous, |q| q.previous);
        let mtd_pnl = over("mtdPnl", |h| h.month_base, |q| q.month_base);
        let ytd_pnl = over("ytdPnl", |h| h.year_base, |q| q.year_base);
        PortfolioValuation {
            total_value: self.total_value(),
            cash_balance: self.portfolio.cash_balance,
            market_value: self.totals.market_value(),
            cost_basis: self.totals.cost_basis(),
            unrealized_pnl: self.totals.unrealized_pnl(),
            realized_pnl: sum(self.lines.iter().map(|line| line.realized_pnl())),
            daily_pnl,
            mtd_pnl,
            ytd_pnl,
            position_count: open.len(),
            quality: summary.quality(),
            warnings,
            coverage: summary.coverage,
        }
    }
}

/// Which of a quote's closes a period starts from.
type Start = fn(&Quote) -> Option<Decimal>;

impl Line {
    fn new(
        position: Arc<Position>,
        tags: Vec<Arc<Tag>>,
        quote: Option<Quote>,
        underlying_quote: Option<Quote>,
        horizon: Horizon,
    ) -> Self {
        let is_open = position.is_open_at(horizon.held_by);
        let holding = Holding {
            option: position.instrument.contract.as_ref().map(|contract| match contract.kind {
                OptionKind::Call => Kind::Call,
                OptionKind::Put => Kind::Put,
            }),
            signed_quantity: if is_open { position.signed_quantity() } else { Decimal::ZERO },
            multiplier: position.instrument.multiplier.into(),
            entry_price: position.entry_price,
            price: quote.as_ref().map(|quote| quote.price),
            previous_price: None,
            underlying_price: underlying_quote.as_ref().map(|quote| quote.price),
            // Until Greeks are computed nothing says how an option moves with its underlying.
            delta: None,
        };
        let mut line = Self { position, tags, quote, underlying_quote, horizon, holding };
        line.holding.previous_price = line.start_price(horizon.previous, |quote| quote.previous);
        line
    }

    pub fn is_open(&self) -> bool {
        self.position.is_open_at(self.horizon.held_by)
    }

    /// Whose price moves it: the underlying of an option, else its own symbol.
    pub fn underlying(&self) -> &str {
        self.position.instrument.underlying_symbol()
    }

    /// The arithmetic's view of the position.
    pub fn holding(&self) -> &Holding {
        &self.holding
    }

    /// Profit or loss of what was sold; zero while all of it is held.
    pub fn realized_pnl(&self) -> Decimal {
        if self.is_open() {
            return Decimal::ZERO;
        }
        self.position.exit_price.map_or(Decimal::ZERO, |exit| {
            let units = self.full_units();
            units.saturating_mul(exit.saturating_sub(self.position.entry_price))
        })
    }

    /// Signed units of the underlying, those already sold too.
    fn full_units(&self) -> Decimal {
        self.position.signed_quantity().saturating_mul(self.holding.multiplier)
    }

    /// What the position is measured against from `base` on: its own entry price when entered
    /// since, else the close of exactly that session. None when that is missing, or when no
    /// newer price than the base's is known: an old price says nothing of a period after it.
    fn start_price(&self, base: NaiveDate, start: Start) -> Option<Decimal> {
        let quote = self.quote.as_ref();
        if self.is_open() && quote.is_none_or(|quote| quote.date <= base) {
            return None;
        }
        if self.position.entry_date > base {
            return Some(self.position.entry_price);
        }
        quote.and_then(start)
    }

    /// Profit or loss from the close of `base` to that of the book's session.
    fn pnl_since(&self, base: NaiveDate, start: Start) -> Option<Decimal> {
        let start = self.start_price(base, start)?;
        if self.is_open() {
            return self.holding.pnl_since(start);
        }
        self.position
            .exit_price
            .map(|exit| self.full_units().saturating_mul(exit.saturating_sub(start)))
    }

    /// How far the position's figures can be trusted.
    pub fn quality(&self) -> Quality {
        match &self.quote {
            None => Quality::Insufficient,
            Some(quote) if quote.date < self.horizon.as_of => Quality::Stale,
            Some(quote) if quote.source == PriceSource::Synthetic => Quality::Estimated,
            Some(_) => Quality::Full,
        }
    }

    /// Why the position is left out of the figures that need its price; None when it is not.
    pub fn unpriced_reason(&self) -> Option<String> {
        self.quote
            .is_none()
            .then(|| format!("No price of {} is known.", self.position.instrument.symbol))
    }

    /// Why the position is left out of delta-adjusted figures; None when it is not.
    pub fn delta_missing_reason(&self) -> Option<String> {
        if self.holding.delta_adjusted_exposure().is_some() {
            return None;
        }
        if !self.holding.is_option() {
            return self.unpriced_reason();
        }
        Some(match self.underlying_quote {
            None => format!("No price of the underlying {} is known.", self.underlying()),
            Some(_) => format!("No delta of {} is known.", self.position.instrument.symbol),
        })
    }

    pub fn valuation(&self, gross_exposure: Decimal) -> PositionValuation {
        let holding = &self.holding;
        PositionValuation {
            price: holding.price,
            price_source: self.quote.as_ref().map(|quote| quote.source),
            price_date: self.quote.as_ref().map(|quote| quote.date),
            previous_price: self.quote.as_ref().and_then(|quote| quote.previous),
            market_value: holding.market_value(),
            exposure: holding.exposure(),
            notional: holding.notional(),
            delta_adjusted_exposure: holding.delta_adjusted_exposure(),
            cost_basis: holding.cost_basis(),
            unrealized_pnl: holding.unrealized_pnl(),
            unrealized_pnl_percent: holding.unrealized_pnl_percent().and_then(|p| p.to_f64()),
            realized_pnl: self.realized_pnl(),
            daily_pnl: holding.daily_pnl(),
            daily_return: holding.daily_return().and_then(|share| share.to_f64()),
            weight: holding.weight_of(gross_exposure).and_then(|share| share.to_f64()),
            quality: self.quality(),
            warnings: self.warnings(),
        }
    }

    fn warnings(&self) -> Vec<String> {
        let symbol = &self.position.instrument.symbol;
        let Some(quote) = &self.quote else {
            return vec![format!(
                "No price of {symbol} at or before {} is known; figures that need one are null.",
                self.horizon.as_of
            )];
        };
        let mut warnings = Vec::new();
        if quote.date < self.horizon.as_of {
            warnings.push(format!("The newest price of {symbol} is of {}.", quote.date));
        } else if self.holding.previous_price.is_none() {
            warnings.push(format!(
                "No price of {symbol} on {} is known, so there is no dailyPnl.",
                self.horizon.previous
            ));
        }
        if quote.source == PriceSource::Synthetic {
            warnings.push(format!("The price of {symbol} is SYNTHETIC: simulated, not traded."));
        }
        if self.position.instrument.is_adjusted() {
            warnings.push(format!(
                "{symbol} is an adjusted contract, taken as {} shares; check its terms.",
                self.holding.multiplier
            ));
        }
        if let Some(contract) = &self.position.instrument.contract
            && contract.expiry < self.horizon.as_of
            && self.is_open()
        {
            warnings.push(format!("{symbol} expired on {}; close the position.", contract.expiry));
        }
        warnings
    }
}

/// One position's figures; money in the portfolio's currency. None where a price is missing.
#[derive(Clone, Debug)]
pub struct PositionValuation {
    pub price: Option<Decimal>,
    pub price_source: Option<PriceSource>,
    pub price_date: Option<NaiveDate>,
    pub previous_price: Option<Decimal>,
    pub market_value: Option<Decimal>,
    pub exposure: Option<Decimal>,
    pub notional: Option<Decimal>,
    pub delta_adjusted_exposure: Option<Decimal>,
    pub cost_basis: Decimal,
    pub unrealized_pnl: Option<Decimal>,
    pub unrealized_pnl_percent: Option<f64>,
    pub realized_pnl: Decimal,
    pub daily_pnl: Option<Decimal>,
    pub daily_return: Option<f64>,
    pub weight: Option<f64>,
    pub quality: Quality,
    pub warnings: Vec<String>,
}

impl PositionValuation {
    /// The answer for a session at which the position was not held yet.
    pub fn before_entry(position: &Position, session: NaiveDate) -> Self {
        Self {
            price: None,
            price_source: None,
            price_date: None,
            previous_price: None,
            market_value: None,
            exposure: None,
            notional: None,
            delta_adjusted_exposure: None,
            cost_basis: Decimal::ZERO,
            unrealized_pnl: None,
            unrealized_pnl_percent: None,
            realized_pnl: Decimal::ZERO,
            daily_pnl: None,
            daily_return: None,
            weight: None,
            quality: Quality::Insufficient,
            warnings: vec![format!(
                "Not held on {session}: the position was entered on {}.",
                position.entry_date
            )],
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

/// How far the sums over some lines can be trusted.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    pub coverage: Coverage,
    stale: usize,
    oldest: Option<NaiveDate>,
    synthetic: usize,
    unpriced: Vec<String>,
}

impl Summary {
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a Arc<Line>>) -> Self {
        let mut summary = Self::default();
        for line in lines {
            let coverage = &mut summary.coverage;
            let Some(quote) = &line.quote else {
                coverage.excluded_positions += 1;
                let cost = line.holding.cost_basis().abs();
                coverage.excluded_exposure = coverage.excluded_exposure.saturating_add(cost);
                summary.unpriced.push(line.position.instrument.symbol.clone());
                continue;
            };
            coverage.included_positions += 1;
            let exposure = line.holding.market_value().unwrap_or_default();
            coverage.included_exposure = coverage.included_exposure.saturating_add(exposure);
            if quote.date < line.horizon.as_of {
                summary.stale += 1;
                summary.oldest = Some(summary.oldest.map_or(quote.date, |old| old.min(quote.date)));
            }
            summary.synthetic += usize::from(quote.source == PriceSource::Synthetic);
        }
        summary
    }

    pub fn quality(&self) -> Quality {
        let coverage = &self.coverage;
        if coverage.excluded_positions > 0 {
            return if coverage.included_positions == 0 {
                Quality::Insufficient
            } else {
                Quality::Limited
            };
        }
        if self.stale > 0 {
            return Quality::Stale;
        }
        if self.synthetic > 0 { Quality::Estimated } else { Quality::Full }
    }

    pub fn warnings(&self) -> Vec<String> {
        const NAMED: usize = 5;
        let all = self.coverage.included_positions + self.coverage.excluded_positions;
        let mut warnings = Vec::new();
        if !self.unpriced.is_empty() {
            let named = self.unpriced.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            let rest = if self.unpriced.len() > NAMED { ", …" } else { "" };
            warnings.push(format!(
                "{} of {all} positions have no price and are left out: {named}{rest}.",
                self.unpriced.len()
            ));
        }
        if let Some(oldest) = self.oldest {
            warnings.push(format!(
                "{} of {all} positions have a stale price, the oldest of {oldest}.",
                self.stale
            ));
        }
        if self.synthetic > 0 {
            warnings.push(format!(
                "{} of {all} positions are priced SYNTHETIC: simulated, not traded.",
                self.synthetic
            ));
        }
        warnings
    }
}

/// Profit over a period, and what could not be counted.
#[derive(Default)]
struct Pnl {
    sum: Decimal,
    counted: usize,
    left_out: usize,
}

impl Pnl {
    /// Over all lines held at some time after the close of `base`.
    fn over(lines: &[Arc<Line>], base: NaiveDate, start: Start) -> Self {
        let held = |line: &&Arc<Line>| line.position.exit_date.is_none_or(|exit| exit > base);
        let mut pnl = Self::default();
        for line in lines.iter().filter(held) {
            match line.pnl_since(base, start) {
                Some(profit) => {
                    pnl.sum = pnl.sum.saturating_add(profit);
                    pnl.counted += 1;
                }
                None => pnl.left_out += 1,
            }
        }
        pnl
    }

    /// None when positions were held and none could be counted.
    fn total(&self) -> Option<Decimal> {
        (self.counted > 0 || self.left_out == 0).then_some(self.sum)
    }
}

fn sum(amounts: impl Iterator<Item = Decimal>) -> Decimal {
    amounts.fold(Decimal::ZERO, Decimal::saturating_add)
}
