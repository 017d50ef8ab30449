//! The positions of a book as a file: what was entered comes first, as it was entered, and what it
//! came to beside it. The open ones of a CSV can be uploaded again as the same book; of a closed
//! one an upload would ignore the exit. A book holds one entry of a symbol and a day, and an upload
//! takes another for repeated: a part that was closed since the day of the file, and had another
//! price than what was left, is told as `DUPLICATE`.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::{Map, json};

use crate::domain::export::{ExportFormat, Moment};
use crate::domain::id::{InstrumentId, PortfolioId, PositionId, UserId};
use crate::domain::position::{Position, PositionType};
use crate::domain::price::{Horizon, PriceSource};
use crate::error::{Error, Refusal};
use crate::render::table::{Cell, Column, Table, Unit};
use crate::render::{csv, json as as_json, xlsx};
use crate::services::Services;
use crate::services::books::{self, Holdings, Prices};
use crate::services::greeks::BookGreeks;
use crate::services::valuation::{Book, Filter, Line};

/// What a file of positions is made of.
pub(super) struct Read {
    book: Arc<Book>,
    greeks: BookGreeks,
    /// As they were entered, whatever splits have made of them.
    entered: HashMap<PositionId, Arc<Position>>,
}

pub(super) async fn read(
    services: &Services,
    owner: UserId,
    portfolio: PortfolioId,
    moment: Moment,
) -> Result<Read, Error> {
    let horizon = Horizon::of(moment.as_of, moment.held_by, &services.calendar);
    let prices = Prices::default();
    let mut tx = services.db.begin_as(owner).await?;
    let holdings = Arc::new(Holdings::read(&mut tx, owner, &[portfolio]).await?);
    let asked = holdings.portfolios.iter().map(|own| (Arc::clone(own), horizon)).collect();
    let books = holdings.books_at(services, &mut tx, asked, &prices).await?;
    let greeks = books::greeks(services, &mut tx, &books, &prices).await?;
    tx.commit().await?;
    let entered = holdings.of(portfolio).iter().map(|own| (own.id, Arc::clone(own))).collect();
    let missing = || Refusal::not_found("portfolio");
    let (book, greeks) = books.into_iter().zip(greeks).next().ok_or_else(missing)?;
    Ok(Read { book, greeks, entered })
}

/// The columns of an upload, under its names, and what is not uploaded after them.
const COLUMNS: [Column; 31] = [
    Column::text("ticker", "Ticker"),
    Column::number("quantity", "Quantity"),
    Column::number("entry_price", "Entry price"),
    Column::text("entry_date", "Entry date"),
    Column::text("tags", "Tags"),
    Column::text("position_type", "Type"),
    Column::text("exit_date", "Exit date"),
    Column::number("exit_price", "Exit price"),
    Column::text("name", "Name"),
    Column::text("asset_class", "Asset class"),
    Column::text("sector", "Sector"),
    Column::text("industry", "Industry"),
    Column::text("underlying", "Underlying"),
    Column::number("market_price", "Price"),
    Column::text("price_date", "Price date"),
    Column::text("price_source", "Price source"),
    Column::number("market_value", "Market value"),
    Column::number("exposure", "Exposure"),
    Column::number("notional", "Notional"),
    Column::number("delta_adjusted_exposure", "Delta-adjusted exposure"),
    Column::number("weight", "Share of gross exposure"),
    Column::number("cost_basis", "Cost basis"),
    Column::number("unrealized_pnl", "Unrealized P&L"),
    Column::number("daily_pnl", "Day's P&L"),
    Column::number("delta", "Delta"),
    Column::number("gamma", "Gamma"),
    Column::number("theta", "Theta"),
    Column::number("vega", "Vega"),
    Column::number("rho", "Rho"),
    Column::text("quality", "Quality"),
    Column::text("notes", "Notes"),
];

/// Decimals of a number that an upload takes; what splits have made of one may have more.
const UPLOADED_DECIMALS: u32 = 10;
/// What is rounded to them: the quantity and the entry price, by place.
const UPLOADED_NUMBERS: [usize; 2] = [1, 2];
/// The exit's columns, by place.
const EXIT: [usize; 2] = [6, 7];
/// What adds up over the parts of a position, by place.
const ADDED_UP: [usize; 14] = [1, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28];

/// What the parts of one entry have in common.
type Entry = (InstrumentId, PositionType, NaiveDate, Decimal);

/// The positions of a book that a filter keeps, by symbol.
pub(super) struct Positions<'a> {
    book: &'a Book,
    table: Table,
    /// Of every row; None for one that is closed.
    entries: Vec<Option<Entry>>,
}

impl<'a> Positions<'a> {
    pub fn new(read: &'a Read, filter: &Filter) -> Self {
        let mut table = Table::new("positions", "Positions", COLUMNS.to_vec());
        let gross = read.book.totals().gross_exposure();
        let lines = read.book.select(filter);
        let mut entries = Vec::with_capacity(lines.len());
        for line in &lines {
            let entered = read.entered.get(&line.position.id).unwrap_or(&line.position);
            table.rows.push(row(line, entered, &read.greeks, gross));
            entries.push(line.is_open().then(|| entry(entered)));
        }
        Self { book: &read.book, table, entries }
    }

    /// As an upload takes it: a part that was closed after the day is one with what was left of its
    /// position then, and no number has more decimals than are taken.
    fn for_upload(&self) -> Table {
        let mut rows: Vec<Vec<Cell>> = Vec::with_capacity(self.table.rows.len());
        let mut places = HashMap::new();
        for (row, entry) in self.table.rows.iter().zip(&self.entries) {
            let known = entry.map(|entry| *places.entry(entry).or_insert(rows.len()));
            match known.and_then(|place| rows.get_mut(place)) {
                Some(whole) => add(whole, row),
                None => rows.push(row.clone()),
            }
        }
        for row in &mut rows {
            for place in UPLOADED_NUMBERS {
                if let Some(number) = row[place].number() {
                    let value = number.value.round_dp(UPLOADED_DECIMALS);
                    row[place] = Cell::decimal(value, number.unit);
                }
            }
        }
        Table { rows, ..self.table.clone() }
    }

    pub fn written(&self, format: ExportFormat, now: DateTime<Utc>) -> Result<Vec<u8>, Error> {
        Ok(match format {
            ExportFormat::Csv => csv::table(&self.for_upload())?,
            ExportFormat::Json => as_json::table(self.head(now), "positions", &self.table),
            ExportFormat::Xlsx => xlsx::table("Positions", &self.table)?,
            other => {
                let message = format!("a book is not written as {}", other.as_str());
                return Err(Error::Internal(message));
            }
        })
    }

    /// What is said of the whole book.
    fn head(&self, now: DateTime<Utc>) -> Map<String, serde_json::Value> {
        let valuation = self.book.valuation();
        let head = json!({
            "portfolio": self.book.portfolio.name,
            "description": self.book.portfolio.description,
            "currency": self.book.portfolio.currency,
            "asOf": self.book.horizon.as_of,
            "madeAt": now,
            "cashBalance": valuation.cash_balance.normalize().to_string(),
            "totalValue": valuation.total_value.normalize().to_string(),
            "grossExposure": self.book.totals().gross_exposure().normalize().to_string(),
            "netExposure": self.book.totals().net_exposure().normalize().to_string(),
            "quality": valuation.quality.code(),
            "warnings": valuation.warnings,
        });
        match head {
            serde_json::Value::Object(head) => head,
            _ => Map::new(),
        }
    }
}

fn entry(entered: &Position) -> Entry {
    let Position { position_type, entry_date, entry_price, .. } = *entered;
    (entered.instrument.id, position_type, entry_date, entry_price)
}

/// Adds a part to the others of its entry. A sum is unknown when one of its parts is.
fn add(whole: &mut [Cell], part: &[Cell]) {
    for place in ADDED_UP {
        let both = whole[place].number().zip(part[place].number());
        whole[place] = both.map_or(Cell::None, |(sum, more)| {
            Cell::decimal(sum.value.saturating_add(more.value), sum.unit)
        });
    }
    for place in EXIT {
        if whole[place] != part[place] {
            whole[place] = Cell::None;
        }
    }
}

fn row(line: &Line, entered: &Position, greeks: &BookGreeks, gross: Decimal) -> Vec<Cell> {
    let exact = |value| Cell::decimal(value, Unit::Exact);
    let text = |text: Option<&str>| text.map_or(Cell::None, Cell::text);
    let date = |date: Option<_>| date.map_or(Cell::None, Cell::Date);
    let instrument = &entered.instrument;
    let valued = line.valuation(gross);
    let own = greeks.line(line).and_then(|own| own.position);
    let tags: Vec<_> = line.tags.iter().map(|tag| tag.name.as_str()).collect();
    vec![
        Cell::text(&*instrument.symbol),
        exact(Some(entered.signed_quantity())),
        exact(Some(entered.entry_price)),
        Cell::Date(entered.entry_date),
        Cell::text(tags.join(", ")),
        Cell::text(entered.position_type.code()),
        date(entered.exit_date),
        exact(entered.exit_price),
        text(instrument.name.as_deref()),
        Cell::text(instrument.asset_class.code()),
        text(instrument.sector.as_deref()),
        text(instrument.industry.as_deref()),
        Cell::text(line.underlying()),
        exact(valued.price),
        date(valued.price_date),
        text(valued.price_source.map(PriceSource::code)),
        exact(valued.market_value),
        exact(valued.exposure),
        exact(valued.notional),
        exact(greeks.holding(line).delta_adjusted_exposure()),
        Cell::decimal(line.holding().weight_of(gross), Unit::Share),
        exact(Some(valued.cost_basis)),
        exact(valued.unrealized_pnl),
        exact(valued.daily_pnl),
        exact(own.map(|own| own.delta)),
        exact(own.map(|own| own.gamma)),
        exact(own.map(|own| own.theta)),
        exact(own.map(|own| own.vega)),
        exact(own.map(|own| own.rho)),
        Cell::text(valued.quality.code()),
        text(entered.notes.as_deref()),
    ]
}
