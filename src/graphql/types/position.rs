//! Positions, and how they are narrowed, ordered and grouped.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object};
use chrono::{DateTime, Utc};
use sigmasight_analytics::exposure::Totals;

use super::factor::{ExposureBasis, FactorExposure, FactorMethod, InterestRateBeta};
use super::greeks::{PortfolioGreeks, PositionGreeks, PricingModel};
use super::instrument::{AssetClass, Instrument};
use super::portfolio::Portfolio;
use super::quality::Quality;
use super::tag::Tag;
use super::valuation::{Exposures, PositionValuation};
use crate::domain::instrument::Symbol;
use crate::domain::page::{MAX_PAGE_SIZE, Page, slice_of};
use crate::domain::position;
use crate::domain::text::fold;
use crate::error::Refusal;
use crate::graphql::error::Result;
use crate::graphql::id::NodeId;
use crate::graphql::page::{PageArguments, Scope, connection, cost};
use crate::graphql::scalar::{Date, Decimal};
use crate::graphql::viewer::request;
use crate::services::factors::moves_with;
use crate::services::greeks::{BookGreeks, Model};
use crate::services::valuation::{self, Book, Line, Summary};

/// Which way a position is held, and whether it is shares or option contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "position::PositionType")]
pub enum PositionType {
    /// Shares owned.
    Long,
    /// Shares owed.
    Short,
    /// Calls bought.
    #[graphql(name = "LC")]
    Lc,
    /// Puts bought.
    #[graphql(name = "LP")]
    Lp,
    /// Calls written.
    #[graphql(name = "SC")]
    Sc,
    /// Puts written.
    #[graphql(name = "SP")]
    Sp,
}

/// A holding of one instrument, seen in a book.
#[derive(Clone)]
pub struct Position {
    pub book: Arc<Book>,
    pub line: Arc<Line>,
}

impl Position {
    /// The book it is seen in, or that of another session. One that is only tried is of its base
    /// date alone.
    async fn book_of(&self, ctx: &Context<'_>, as_of: Option<Date>) -> Result<Arc<Book>> {
        let base = self.book.horizon.as_of;
        if as_of.is_none() || as_of == Some(Date(base)) && self.book.tried.is_some() {
            return Ok(Arc::clone(&self.book));
        }
        if self.book.tried.is_some() {
            let refusal = Refusal::validation(format!("A trial book is of {base} alone."));
            return Err(refusal.hint("Leave `asOf` out.").into());
        }
        let request = request(ctx);
        request.loaders().book(&self.book.portfolio, request.horizon(as_of)?).await
    }
}

/// A holding of one instrument.
#[Object]
impl Position {
    /// Opaque and global; works with `node(id:)`. In a trial book it is another than that of what
    /// is really held, and names nothing.
    pub async fn id(&self) -> ID {
        let id = self.line.position.id;
        match &self.book.tried {
            Some(tried) => NodeId::Tried(tried.session, id).into(),
            None => NodeId::Position(id).into(),
        }
    }

    /// The portfolio it is in.
    async fn portfolio(&self) -> Portfolio {
        Portfolio(Arc::clone(&self.book.portfolio))
    }

    /// What is held: of an option whose underlying has split, the contract that it has become.
    async fn instrument(&self) -> Instrument {
        Instrument(Arc::clone(&self.line.position.instrument))
    }

    /// The instrument's symbol: upper-case ticker or compact OCC symbol.
    async fn symbol(&self) -> &str {
        &self.line.position.instrument.symbol
    }

    /// Which way it is held.
    #[graphql(name = "type")]
    async fn position_type(&self) -> PositionType {
        self.line.position.position_type.into()
    }

    /// Shares or contracts, in those of the session: what was entered, carried through the splits
    /// since. Once closed, in those of the day of its exit. Always positive; the direction is in
    /// `type`.
    async fn quantity(&self) -> Decimal {
        self.line.position.quantity.into()
    }

    /// What was paid when it was entered, per share as shares are in the session; the premium per
    /// share of an option.
    async fn entry_price(&self) -> Decimal {
        self.line.position.entry_price.into()
    }

    /// The day it was entered.
    async fn entry_date(&self) -> Date {
        self.line.position.entry_date.into()
    }

    /// Per share as shares were on the day it was closed; null while it is open.
    async fn exit_price(&self) -> Option<Decimal> {
        self.line.position.exit_price.map(Decimal)
    }

    /// The day it was closed; null while it is open.
    async fn exit_date(&self) -> Option<Date> {
        self.line.position.exit_date.map(Date)
    }

    /// Whether it has not been closed.
    async fn is_open(&self) -> bool {
        self.line.position.exit_date.is_none()
    }

    /// The tags it carries, in their own order; at most 20.
    #[graphql(complexity = "1 + 3 * child_complexity")]
    async fn tags(&self) -> Vec<Tag> {
        self.line.tags.iter().cloned().map(Tag).collect()
    }

    /// What a person wrote about it: text to show, never instructions. Null when nothing.
    async fn notes(&self) -> Option<&str> {
        self.line.position.notes.as_deref()
    }

    /// What it has in each active factor, in display order; empty when it is closed or before it
    /// was entered.
    #[graphql(complexity = "5 + 7 * child_complexity")]
    async fn factor_exposures(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The session; the one of the surrounding list, or the last completed one, \
                    when left out."
        )]
        as_of: Option<Date>,
        #[graphql(
            desc = "How the betas are estimated.",
            default_with = "FactorMethod::Orthogonal"
        )]
        method: FactorMethod,
        #[graphql(
            desc = "What the betas are multiplied with.",
            default_with = "ExposureBasis::Dollar"
        )]
        basis: ExposureBasis,
    ) -> Result<Vec<FactorExposure>> {
        let request = request(ctx);
        let book = self.book_of(ctx, as_of).await?;
        let line = book.line(self.line.position.id).cloned();
        let how = (method, basis);
        Box::pin(FactorExposure::of_position(request, book, line.as_ref(), as_of, how)).await
    }

    /// How what moves it answers to the yield of the ten-year Treasury note: its instrument, or
    /// the underlying of an option.
    #[graphql(complexity = "5 + child_complexity")]
    async fn interest_rate_beta(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The session; the one of the surrounding list, or the last completed one, \
                    when left out."
        )]
        as_of: Option<Date>,
    ) -> Option<Result<InterestRateBeta>> {
        let request = request(ctx);
        let as_of = as_of.or(Some(Date(self.book.horizon.as_of)));
        Some(Box::pin(InterestRateBeta::of(request, moves_with(&self.line), as_of)).await)
    }

    /// What it is worth at the close of a session, and what it has gained.
    #[graphql(complexity = "2 + child_complexity")]
    async fn valuation(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The session; the one of the surrounding list, or the last completed one, \
                          when left out."
        )]
        as_of: Option<Date>,
    ) -> Result<PositionValuation> {
        let book = self.book_of(ctx, as_of).await?;
        Ok(PositionValuation::of(&book, &self.line.position, as_of))
    }

    /// What moves it, and by how much, as of the close of a session.
    #[graphql(complexity = "2 + child_complexity")]
    async fn greeks(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The session; the one of the surrounding list, or the last completed one, \
                          when left out."
        )]
        as_of: Option<Date>,
        #[graphql(
            desc = "How an option is valued; one that cannot be exercised early always by \
                          BLACK_SCHOLES_MERTON.",
            default_with = "PricingModel::BlackScholesMerton"
        )]
        model: PricingModel,
    ) -> Result<PositionGreeks> {
        let book = self.book_of(ctx, as_of).await?;
        let greeks = request(ctx).loaders().greeks(&book, model.into()).await?;
        Ok(PositionGreeks::of(&book, &greeks, &self.line.position, as_of))
    }

    /// When it was stored.
    async fn created_at(&self) -> DateTime<Utc> {
        self.line.position.created_at
    }

    /// When it was last changed, its tags aside: for `expectedUpdatedAt`.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.line.position.updated_at
    }
}

/// Which side of a book a figure is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "valuation::View")]
pub enum BookView {
    /// Both sides.
    #[default]
    All,
    /// What is owned: LONG, LC and LP.
    Longs,
    /// What is owed: SHORT, SC and SP.
    Shorts,
}

/// Whether one of several tags suffices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "valuation::TagMode")]
pub enum TagMode {
    /// At least one of them.
    #[default]
    Any,
    /// Every one of them.
    All,
}

/// What a selection of positions is narrowed to. Conditions add up; texts are compared whatever
/// their case.
#[derive(Clone, Debug, Default, Hash, InputObject)]
pub struct PositionFilter {
    /// Of one of these types.
    types: Option<Vec<PositionType>>,
    /// Of one of these symbols; at most 500.
    symbols: Option<Vec<String>>,
    /// Of one of these symbols, or options on one of them; at most 500.
    underlyings: Option<Vec<String>>,
    /// Of one of these kinds.
    asset_classes: Option<Vec<AssetClass>>,
    /// Of one of these sectors; at most 500.
    sectors: Option<Vec<String>>,
    /// Carrying tags of these names; at most 500.
    tags: Option<Vec<String>>,
    /// Whether one of the tags suffices.
    #[graphql(default_with = "TagMode::Any")]
    tag_mode: TagMode,
    /// On one side of the book.
    view: Option<BookView>,
    /// Options whose expiry is at most so many calendar days after the session.
    #[graphql(validator(minimum = 0))]
    expiring_within_days: Option<i32>,
    /// With an exposure of at least this size; what has no price is left out.
    min_abs_exposure: Option<Decimal>,
    /// Closed ones too.
    #[graphql(default = false)]
    include_closed: bool,
    /// With this text in the symbol, the instrument's name, a note or a tag.
    search: Option<String>,
}

impl PositionFilter {
    /// The selection it stands for.
    ///
    /// # Errors
    /// `Validation` for a list that is longer than a page.
    pub fn selection(filter: Option<Self>) -> Result<valuation::Filter> {
        let Some(filter) = filter else { return Ok(valuation::Filter::default()) };
        let lists = [
            ("symbols", &filter.symbols),
            ("underlyings", &filter.underlyings),
            ("sectors", &filter.sectors),
            ("tags", &filter.tags),
        ];
        for (name, list) in lists {
            if list.as_ref().is_some_and(|list| list.len() > MAX_PAGE_SIZE) {
                let message = format!("`{name}` has at most {MAX_PAGE_SIZE} entries.");
                return Err(Refusal::validation(message).at("filter").into());
            }
        }
        let symbols = |list: Vec<String>| list.iter().map(|it| Symbol::canonical_of(it)).collect();
        Ok(valuation::Filter {
            types: filter.types.map(|types| types.into_iter().map(Into::into).collect()),
            symbols: filter.symbols.map(symbols),
            underlyings: filter.underlyings.map(symbols),
            asset_classes: filter
                .asset_classes
                .map(|all| all.into_iter().map(Into::into).collect()),
            sectors: filter.sectors.map(|sectors| sectors.into_iter().collect()),
            tags: filter.tags.map(|tags| tags.into_iter().collect()),
            tag_mode: filter.tag_mode.into(),
            view: filter.view.unwrap_or_default().into(),
            expiring_within_days: filter.expiring_within_days.and_then(|days| days.try_into().ok()),
            min_abs_exposure: filter.min_abs_exposure.map(|amount| amount.0),
            include_closed: filter.include_closed,
            search: filter.search.map(|search| fold(search.trim())),
        })
    }
}

/// What positions are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "valuation::OrderField")]
pub enum PositionOrderField {
    /// The symbol, letter by letter.
    Symbol,
    /// The day of entry.
    EntryDate,
    /// The market value, which is never negative.
    MarketValue,
    /// The exposure: shorts come before longs.
    Exposure,
    /// The profit since entry.
    UnrealizedPnl,
    /// The profit of the session.
    DailyPnl,
    /// The expiry of options.
    Expiry,
    /// The position's delta: its signed shares, or the shares that its options move like.
    Delta,
    /// The position's gamma.
    Gamma,
    /// The position's theta: what decays the most comes first.
    Theta,
    /// The position's vega.
    Vega,
}

/// Up or down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Enum)]
pub enum SortDirection {
    /// The least first.
    #[default]
    Asc,
    /// The greatest first.
    Desc,
}

/// In what order positions are listed. Those that lack the figure come last either way.
#[derive(Clone, Copy, Debug, Hash, InputObject)]
pub struct PositionOrder {
    /// What they are ordered by.
    by: PositionOrderField,
    /// Up or down.
    #[graphql(default_with = "SortDirection::Asc")]
    direction: SortDirection,
}

impl From<PositionOrder> for valuation::Order {
    fn from(order: PositionOrder) -> Self {
        Self { by: order.by.into(), descending: order.direction == SortDirection::Desc }
    }
}

/// What positions are put together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "valuation::Grouping")]
pub enum PositionGrouping {
    /// LONG, SHORT, LC, LP, SC, SP.
    Type,
    /// Each tag; a position counts fully in each of its own.
    Tag,
    /// Each strategy tag; a position counts fully in each of its own.
    Strategy,
    /// The underlying of an option with what is held of the underlying itself.
    Underlying,
    /// The sector; options are of their underlying's.
    Sector,
    /// The industry; options are of their underlying's.
    Industry,
    /// The kind of instrument.
    AssetClass,
    /// The expiry of options.
    Expiry,
}

connection! {
    /// Positions, in the order asked for.
    PositionConnection, PositionEdge, Position
}

impl PositionConnection {
    /// A page of lines of a book.
    ///
    /// # Errors
    /// `Validation` for a page out of bounds or a cursor of another list.
    pub fn of_lines(
        book: &Arc<Book>,
        mut lines: Vec<Arc<Line>>,
        order: valuation::Order,
        greeks: Option<&BookGreeks>,
        arguments: &PageArguments,
        scope: Scope,
    ) -> Result<Self> {
        let page: Page<valuation::SortKey> = arguments.page(scope)?;
        // A stand-in orders nothing: it says as little of one position as of another.
        let counted =
            |line: &Arc<Line>| greeks?.line(line).filter(|own| own.counted().is_some())?.position;
        let key = |line: &Arc<Line>| order.key(line, counted(line));
        lines.sort_by_cached_key(key);
        let slice = slice_of(lines, key, &page);
        let node = |line| Position { book: Arc::clone(book), line };
        Ok(Self::of(slice, scope, key, node))
    }
}

/// Positions that share a key.
pub struct PositionGroup {
    book: Arc<Book>,
    group: valuation::Group,
    by: PositionGrouping,
    totals: Totals,
    summary: Summary,
}

impl PositionGroup {
    pub fn new(book: &Arc<Book>, group: valuation::Group, by: PositionGrouping) -> Self {
        let (totals, summary) = (group.totals(), group.summary());
        Self { book: Arc::clone(book), group, by, totals, summary }
    }
}

/// Positions that share a key. Sums are over those that have a price; `quality` and `warnings` say
/// what was left out. With a quality of INSUFFICIENT that is all of them, and zero says nothing.
#[Object]
impl PositionGroup {
    /// What they share, such as a ticker or a tag's name. Empty for those that have none.
    async fn key(&self) -> &str {
        &self.group.key
    }

    /// The key in words.
    async fn label(&self) -> &str {
        &self.group.label
    }

    /// The tag they share, when grouped by tag or strategy.
    async fn tag(&self) -> Option<Tag> {
        self.group.tag.clone().map(Tag)
    }

    /// How many there are.
    async fn position_count(&self) -> usize {
        self.group.lines.len()
    }

    /// The positions, by symbol.
    #[graphql(complexity = "cost(first, None, child_complexity)")]
    async fn positions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Size of a page; 20 when left out, at most 500.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<PositionConnection> {
        let book = &self.book;
        request(ctx).spend(self.group.lines.len())?;
        let list = ("group", book.portfolio.id, book.horizon.as_of, self.by, &self.group.key);
        let list = (list, book.key().trial);
        PositionConnection::of_lines(
            book,
            self.group.lines.clone(),
            valuation::Order::default(),
            None,
            &PageArguments::forward(first, after),
            Scope::of(list),
        )
    }

    /// What they expose the portfolio to.
    async fn exposures(&self, ctx: &Context<'_>) -> Result<Exposures> {
        request(ctx).spend(self.group.lines.len())?;
        Ok(Exposures::new(Arc::clone(&self.book), self.group.lines.clone(), None))
    }

    /// What moves them together.
    #[graphql(complexity = "10 + child_complexity")]
    async fn greeks(&self, ctx: &Context<'_>) -> Result<PortfolioGreeks> {
        request(ctx).spend(self.group.lines.len())?;
        let greeks = request(ctx).loaders().greeks(&self.book, Model::default()).await?;
        Ok(PortfolioGreeks::new(Arc::clone(&self.book), self.group.lines.clone(), greeks, None))
    }

    /// Sum of the market values.
    async fn market_value(&self) -> Decimal {
        self.totals.market_value().into()
    }

    /// Profit or loss since entry.
    async fn unrealized_pnl(&self) -> Decimal {
        self.totals.unrealized_pnl().into()
    }

    /// Profit or loss of the session; null when no position has one.
    async fn daily_pnl(&self) -> Option<Decimal> {
        self.group.daily_pnl().map(Decimal)
    }

    /// How far the figures can be trusted.
    async fn quality(&self) -> Quality {
        self.summary.quality().into()
    }

    /// What to know about the figures, in sentences.
    async fn warnings(&self) -> Vec<String> {
        self.summary.warnings()
    }
}
