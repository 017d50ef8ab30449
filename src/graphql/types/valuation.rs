//! What positions and portfolios are worth, and what they are exposed to.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Object, SimpleObject};
use chrono::{DateTime, Utc};

use sigmasight_analytics::exposure::Totals;
use tokio::sync::OnceCell;

use super::instrument::{PriceSource, Staleness};
use super::position::{Position, PositionType};
use super::quality::{ComputationBasis, Provenance, ProvenanceInput, Quality};
use crate::domain;
use crate::domain::quality::Coverage;
use crate::graphql::error::{ApiError, Result};
use crate::graphql::page::{cost, size};
use crate::graphql::scalar::{Date, Decimal};
use crate::graphql::viewer::{book_warnings, request, resolved_warning};
use crate::services::factors::Excluded;
use crate::services::greeks::{BookGreeks, Model};
use crate::services::valuation::{self, Book, Line, METHOD, MODEL_VERSION, Summary};

/// How every figure of a book came about.
fn provenance(book: &Book, inputs: Vec<ProvenanceInput>, coverage: Coverage) -> Provenance {
    Provenance {
        as_of: book.horizon.as_of.into(),
        computed_at: book.computed_at,
        basis: ComputationBasis::Live,
        method: METHOD.into(),
        model_version: MODEL_VERSION.into(),
        inputs,
        coverage: coverage.into(),
    }
}

/// What a position is worth at the close of a session, and what it has gained. Money is in the
/// portfolio's currency. Figures that need a price are null when none is known.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct PositionValuation {
    /// The newest close at or before the session, per share as shares are in that session; of an
    /// option that has expired, what it settled at.
    price: Option<Decimal>,
    /// Who says what the price is; null without one.
    price_source: Option<PriceSource>,
    /// The day of the price; earlier than `asOf` when stale.
    price_date: Option<Date>,
    /// How old the price is at the session, by the degree; MISSING without any.
    price_staleness: Staleness,
    /// Close of exactly the session before, divided by the ratio of a split since; null when that
    /// bar is missing.
    previous_price: Option<Decimal>,
    /// Quantity × price × multiplier; never negative.
    market_value: Option<Decimal>,
    /// Signed quantity × price × multiplier: negative for SHORT, SC and SP.
    exposure: Option<Decimal>,
    /// Options: quantity × multiplier × price of the underlying. Else the market value.
    notional: Option<Decimal>,
    /// Signed quantity × entry price × multiplier; zero once closed.
    cost_basis: Decimal,
    /// Exposure − cost basis: a short gains when its price falls.
    unrealized_pnl: Option<Decimal>,
    /// Unrealized profit as a fraction of the size of the cost basis: 0.05 is 5 %.
    unrealized_pnl_percent: Option<f64>,
    /// Signed quantity × (exit price − entry price) × multiplier of what was closed; else zero.
    realized_pnl: Decimal,
    /// Signed quantity × multiplier × (price − price of the session before, or the entry price
    /// when entered since); of what closed in the session, up to the exit price. Null when either
    /// price is missing, when the newest one is stale, or when it is older than the entry.
    daily_pnl: Option<Decimal>,
    /// Daily profit as a fraction of the position's size a session ago.
    daily_return: Option<f64>,
    /// Signed share of the portfolio's gross exposure.
    weight: Option<f64>,
    /// The session the figures are of.
    as_of: Date,
    /// How far they can be trusted.
    quality: Quality,
    /// What to know about them, in sentences.
    warnings: Vec<String>,
    #[graphql(skip)]
    of: (Arc<Book>, Option<Arc<Line>>),
}

#[ComplexObject]
impl PositionValuation {
    /// Options: signed quantity × multiplier × delta × price of the underlying, with the delta of
    /// `greeks`; null without either. Else the exposure.
    async fn delta_adjusted_exposure(&self, ctx: &Context<'_>) -> Result<Option<Decimal>> {
        let (book, Some(line)) = &self.of else { return Ok(None) };
        let greeks = request(ctx).loaders().greeks(book, Model::default()).await?;
        Ok(greeks.holding(line).delta_adjusted_exposure().map(Decimal))
    }

    /// Where the figures come from.
    async fn provenance(&self) -> Provenance {
        let (book, line) = &self.of;
        match line {
            Some(line) => provenance(book, position_inputs(line), Summary::of([line]).coverage),
            None => provenance(book, Vec::new(), Coverage::default()),
        }
    }
}

impl PositionValuation {
    /// A position's figures in a book, which may be of a day before it was entered.
    pub fn of(
        book: &Arc<Book>,
        position: &domain::position::Position,
        asked: Option<Date>,
    ) -> Self {
        let line = book.line(position.id).cloned();
        let session = book.horizon.as_of;
        let figures = line.as_ref().map_or_else(
            || valuation::PositionValuation::before_entry(position, session),
            |line| line.valuation(book.totals().gross_exposure()),
        );
        let mut warnings = figures.warnings;
        warnings.extend(resolved_warning(asked, session));
        Self {
            price: figures.price.map(Decimal),
            price_source: figures.price_source.map(Into::into),
            price_date: figures.price_date.map(Date),
            price_staleness: figures.price_staleness.into(),
            previous_price: figures.previous_price.map(Decimal),
            market_value: figures.market_value.map(Decimal),
            exposure: figures.exposure.map(Decimal),
            notional: figures.notional.map(Decimal),
            cost_basis: figures.cost_basis.into(),
            unrealized_pnl: figures.unrealized_pnl.map(Decimal),
            unrealized_pnl_percent: figures.unrealized_pnl_percent,
            realized_pnl: figures.realized_pnl.into(),
            daily_pnl: figures.daily_pnl.map(Decimal),
            daily_return: figures.daily_return,
            weight: figures.weight,
            as_of: session.into(),
            quality: figures.quality.into(),
            warnings,
            of: (Arc::clone(book), line),
        }
    }
}

/// Everything a position's figures are computed from.
fn position_inputs(line: &Line) -> Vec<ProvenanceInput> {
    let position = &line.position;
    let per_share = format!("{} per share", position.instrument.currency);
    let units = if position.position_type.is_option() { "contracts" } else { "shares" };
    let mut inputs = vec![
        ProvenanceInput::new("signedQuantity", &position.signed_quantity()).in_unit(units),
        ProvenanceInput::new("multiplier", &position.instrument.multiplier),
        ProvenanceInput::new("entryPrice", &position.entry_price).in_unit(&per_share),
    ];
    // Quantity, entry price and closes before a split are carried through it.
    inputs.extend(line.splits.iter().map(|split| {
        ProvenanceInput::new("split", &split.ratio).from(split.source.into(), split.date)
    }));
    if let Some(quote) = &line.quote {
        let price = ProvenanceInput::new("price", &quote.price).in_unit(&per_share);
        inputs.push(price.from(quote.source.into(), quote.date));
        if let Some(previous) = quote.previous {
            let price = ProvenanceInput::new("previousPrice", &previous).in_unit(&per_share);
            inputs.push(price.from(quote.source.into(), line.horizon.previous));
        }
    }
    if let Some(quote) = &line.underlying_quote {
        let price = ProvenanceInput::new("underlyingPrice", &quote.price).in_unit(&per_share);
        inputs.push(price.from(quote.source.into(), quote.date));
    }
    if let Some(start) = line.daily_start() {
        let price = ProvenanceInput::new("dailyStartPrice", &start).in_unit(&per_share);
        inputs.push(match &line.quote {
            Some(quote) if position.entry_date <= line.horizon.previous => {
                price.from(quote.source.into(), line.horizon.previous)
            }
            _ => price.from(PriceSource::Position, position.entry_date),
        });
    }
    inputs
}

/// What a portfolio is worth at the close of a session, and what it has gained. Sums are over the
/// positions that have a price; `quality`, `warnings` and `provenance.coverage` say what was left
/// out. With a quality of INSUFFICIENT that is all of them, and a sum of zero says nothing.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct PortfolioValuation {
    /// Cash plus the signed exposure of every open position: net liquidation value.
    total_value: Decimal,
    /// Money held beside positions at the end of that day; below zero is borrowed.
    cash_balance: Decimal,
    /// Sum of the positions' market values.
    market_value: Decimal,
    /// Signed cost of all open positions, those without a price too.
    cost_basis: Decimal,
    /// Profit or loss since entry, of the positions that have a price.
    unrealized_pnl: Decimal,
    /// Profit or loss of what was closed.
    realized_pnl: Decimal,
    /// Profit or loss since the close of the session before. Null when no position has one.
    daily_pnl: Option<Decimal>,
    /// Profit or loss since the last session of the month before. Null when no position has one.
    mtd_pnl: Option<Decimal>,
    /// Profit or loss since the last session of the year before. Null when no position has one.
    ytd_pnl: Option<Decimal>,
    /// Open positions, those without a price too.
    position_count: usize,
    /// The session the figures are of.
    as_of: Date,
    /// How far they can be trusted.
    quality: Quality,
    /// What to know about them, in sentences.
    warnings: Vec<String>,
    #[graphql(skip)]
    book: Arc<Book>,
    #[graphql(skip)]
    coverage: Coverage,
}

#[ComplexObject]
impl PortfolioValuation {
    /// Where the figures come from. The inputs of each position are in its own valuation.
    async fn provenance(&self) -> Provenance {
        let currency = &self.book.portfolio.currency;
        let cash =
            ProvenanceInput::new("cashBalance", &self.cash_balance.0.normalize()).in_unit(currency);
        let count = ProvenanceInput::new("positions", &self.position_count);
        provenance(&self.book, vec![cash, count], self.coverage)
    }
}

impl PortfolioValuation {
    pub fn of(book: Arc<Book>, asked: Option<Date>) -> Self {
        let figures = book.valuation();
        let mut warnings = figures.warnings;
        warnings.extend(book_warnings(asked, &book));
        Self {
            total_value: figures.total_value.into(),
            cash_balance: figures.cash_balance.into(),
            market_value: figures.market_value.into(),
            cost_basis: figures.cost_basis.into(),
            unrealized_pnl: figures.unrealized_pnl.into(),
            realized_pnl: figures.realized_pnl.into(),
            daily_pnl: figures.daily_pnl.map(Decimal),
            mtd_pnl: figures.mtd_pnl.map(Decimal),
            ytd_pnl: figures.ytd_pnl.map(Decimal),
            position_count: figures.position_count,
            as_of: book.horizon.as_of.into(),
            quality: figures.quality.into(),
            warnings,
            coverage: figures.coverage,
            book,
        }
    }
}

/// Positions left out of a figure that are named when nobody says how many.
pub(super) const EXCLUDED: i32 = 100;

/// What some positions expose their portfolio to.
pub struct Exposures {
    book: Arc<Book>,
    lines: Vec<Arc<Line>>,
    totals: Totals,
    summary: Summary,
    counts: Vec<(domain::position::PositionType, usize)>,
    asked: Option<Date>,
    /// By delta: computed when they are asked for.
    by_delta: OnceCell<Totals>,
}

impl Exposures {
    pub fn new(book: Arc<Book>, lines: Vec<Arc<Line>>, asked: Option<Date>) -> Self {
        let totals = valuation::totals(&lines);
        let summary = Summary::of(lines.iter().filter(|line| line.is_open()));
        let counts = valuation::counts_by_type(&lines);
        Self { book, lines, totals, summary, counts, asked, by_delta: OnceCell::new() }
    }

    async fn greeks(&self, ctx: &Context<'_>) -> Result<Arc<BookGreeks>> {
        request(ctx).spend(self.lines.len())?;
        request(ctx).loaders().greeks(&self.book, Model::default()).await
    }

    /// The sums with the deltas that the book itself lacks.
    async fn by_delta(&self, ctx: &Context<'_>) -> Result<&Totals> {
        let computed = async { Ok::<_, ApiError>(self.greeks(ctx).await?.totals(&self.lines)) };
        self.by_delta.get_or_try_init(|| computed).await
    }

    fn excluded_lines<'a>(
        &'a self,
        greeks: &'a BookGreeks,
    ) -> impl Iterator<Item = (&'a Arc<Line>, String)> {
        let open = self.lines.iter().filter(|line| line.is_open());
        open.filter_map(|line| Some((line, greeks.missing_reason(line)?)))
    }
}

/// What positions expose their portfolio to, in its currency. A sum is over the positions that
/// have the figure; `quality`, `warnings`, `excluded` and `provenance.coverage` say what was left
/// out. With a quality of INSUFFICIENT that is all of them, and a sum of zero says nothing.
#[Object]
impl Exposures {
    /// Σ|exposure|: what is owned plus what is owed, never negative.
    async fn gross_exposure(&self) -> Decimal {
        self.totals.gross_exposure().into()
    }

    /// Σ exposure: below zero where more is owed than owned.
    async fn net_exposure(&self) -> Decimal {
        self.totals.net_exposure().into()
    }

    /// Sum of the positive exposures.
    async fn long_exposure(&self) -> Decimal {
        self.totals.long_exposure().into()
    }

    /// Sum of the negative exposures: zero or negative.
    async fn short_exposure(&self) -> Decimal {
        self.totals.short_exposure().into()
    }

    /// Net exposure of options, at their own prices.
    async fn options_exposure(&self) -> Decimal {
        self.totals.option_net().into()
    }

    /// Net exposure of everything else.
    async fn stock_exposure(&self) -> Decimal {
        self.totals.stock_net().into()
    }

    /// Sum of the notionals: options at the price of their underlying; never negative.
    async fn notional(&self) -> Decimal {
        self.totals.notional().into()
    }

    /// Σ|delta-adjusted exposure|, over the positions whose delta is known.
    async fn delta_adjusted_gross(&self, ctx: &Context<'_>) -> Result<Decimal> {
        Ok(self.by_delta(ctx).await?.delta_adjusted_gross().into())
    }

    /// Σ delta-adjusted exposure, over the positions whose delta is known.
    async fn delta_adjusted_net(&self, ctx: &Context<'_>) -> Result<Decimal> {
        Ok(self.by_delta(ctx).await?.delta_adjusted_net().into())
    }

    /// Sum of the positive delta-adjusted exposures: a short put is among them.
    async fn delta_adjusted_long(&self, ctx: &Context<'_>) -> Result<Decimal> {
        Ok(self.by_delta(ctx).await?.delta_adjusted_long().into())
    }

    /// Sum of the negative delta-adjusted exposures: zero or negative.
    async fn delta_adjusted_short(&self, ctx: &Context<'_>) -> Result<Decimal> {
        Ok(self.by_delta(ctx).await?.delta_adjusted_short().into())
    }

    /// Positions owned, priced or not.
    async fn long_count(&self) -> usize {
        self.totals.counts.long
    }

    /// Positions owed, priced or not.
    async fn short_count(&self) -> usize {
        self.totals.counts.short
    }

    /// All positions, priced or not.
    async fn position_count(&self) -> usize {
        self.totals.counts.positions
    }

    /// How many of each type; types without any are left out.
    async fn counts_by_type(&self) -> Vec<PositionTypeCount> {
        self.counts
            .iter()
            .map(|(kind, count)| PositionTypeCount { position_type: (*kind).into(), count: *count })
            .collect()
    }

    /// Gross exposure over the total value of the whole portfolio. Null when no price is known, or
    /// when the total value is not above zero.
    async fn leverage(&self) -> Option<f64> {
        valuation::leverage(&self.totals, &self.book)
    }

    /// Positions left out of the delta-adjusted figures, because their price or their delta is
    /// unknown; by symbol.
    #[graphql(complexity = "cost(first.or(Some(EXCLUDED)), None, child_complexity)")]
    async fn excluded(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, up to 500; 100 when left out.")] first: Option<i32>,
    ) -> Result<Vec<ExcludedPosition>> {
        let most = size("first", first.or(Some(EXCLUDED)))?;
        let greeks = self.greeks(ctx).await?;
        Ok(self
            .excluded_lines(&greeks)
            .take(most)
            .map(|(line, reason)| ExcludedPosition::new(&self.book, line, reason))
            .collect())
    }

    /// How many positions are left out of the delta-adjusted figures.
    async fn excluded_count(&self, ctx: &Context<'_>) -> Result<usize> {
        let greeks = self.greeks(ctx).await?;
        Ok(self.excluded_lines(&greeks).count())
    }

    /// The session the figures are of.
    async fn as_of(&self) -> Date {
        self.book.horizon.as_of.into()
    }

    /// When they were computed.
    async fn calculated_at(&self) -> DateTime<Utc> {
        self.book.computed_at
    }

    /// How far they can be trusted.
    async fn quality(&self) -> Quality {
        self.summary.quality().into()
    }

    /// What to know about them, in sentences.
    async fn warnings(&self) -> Vec<String> {
        let mut warnings = self.summary.warnings();
        warnings.extend(book_warnings(self.asked, &self.book));
        warnings
    }

    /// Where the figures come from. The inputs of each position are in its own valuation.
    async fn provenance(&self) -> Provenance {
        let count = ProvenanceInput::new("positions", &self.totals.counts.positions);
        provenance(&self.book, vec![count], self.summary.coverage)
    }
}

/// How many positions are of a type.
#[derive(SimpleObject)]
pub struct PositionTypeCount {
    /// The type.
    #[graphql(name = "type")]
    position_type: PositionType,
    /// How many.
    count: usize,
}

/// A position that a figure leaves out.
#[derive(SimpleObject)]
pub struct ExcludedPosition {
    /// The position.
    position: Position,
    /// Why, in a sentence.
    reason: String,
}

impl ExcludedPosition {
    pub fn new(book: &Arc<Book>, line: &Arc<Line>, reason: String) -> Self {
        Self { position: Position { book: Arc::clone(book), line: Arc::clone(line) }, reason }
    }

    /// The first so many of what a figure over a book leaves out.
    pub fn of(book: &Arc<Book>, excluded: &[Excluded], most: usize) -> Vec<Self> {
        let position = |line| Position { book: Arc::clone(book), line: Arc::clone(line) };
        let excluded = excluded.iter().take(most);
        excluded
            .map(|one| Self { position: position(&one.line), reason: one.reason.clone() })
            .collect()
    }
}
