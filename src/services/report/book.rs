//! What a book is worth, what it is exposed to, and what is in it.

use rust_decimal::Decimal;
use sigmasight_analytics::exposure::Totals;

use super::read::Material;
use super::{money, percent, ratio};
use crate::domain::price::PriceSource;
use crate::render::report::Section;
use crate::render::table::{Cell, Chart, ChartKind, Column, Table, Unit};
use crate::services::correlation::concentration;
use crate::services::valuation::{Filter, Grouping, Line, leverage};

/// Names of the largest holdings that are listed.
const LARGEST: usize = 10;

pub(super) fn summary(material: &Material) -> Section {
    let book = &material.book;
    let (valued, totals) = (book.valuation(), book.totals());
    let mut section = Section::new("SUMMARY", "Summary");
    section.figure("total_value", "Total value", money(valued.total_value));
    section.figure("gross_exposure", "Gross exposure", money(totals.gross_exposure()));
    section.figure("net_exposure", "Net exposure", money(totals.net_exposure()));
    section.figure("leverage", "Leverage (gross over total)", ratio(leverage(totals, book)));
    section.figure("daily_pnl", "Day's profit or loss", money(valued.daily_pnl));
    section.figure("mtd_pnl", "Month to date", money(valued.mtd_pnl));
    section.figure("ytd_pnl", "Year to date", money(valued.ytd_pnl));
    section.figure("unrealized_pnl", "Unrealized since entry", money(valued.unrealized_pnl));
    section.figure("realized_pnl", "Realized", money(valued.realized_pnl));
    section.figure("cash_balance", "Cash", money(valued.cash_balance));
    section.figure("position_count", "Open positions", Cell::count(valued.position_count));
    section.figure("quality", "Quality of the data", Cell::text(valued.quality.code()));
    for warning in valued.warnings {
        section.note(warning);
    }
    section.note(
        "Total value is cash plus the signed exposure of every open position at the close of the \
         session. A figure that lacks a price is n/a, never zero; sums leave out and count what \
         they lack.",
    );
    section
}

const SIDES: [(&str, &str); 4] =
    [("long", "Long"), ("short", "Short"), ("net", "Net"), ("gross", "Gross")];

pub(super) fn exposures(material: &Material) -> Section {
    let book = &material.book;
    let totals = material.greeks.totals(&book.lines);
    let mut section = Section::new("EXPOSURES", "Exposures");
    section.figure("long_exposure", "Long", money(totals.long_exposure()));
    section.figure("short_exposure", "Short", money(totals.short_exposure()));
    section.figure("gross_exposure", "Gross", money(totals.gross_exposure()));
    section.figure("net_exposure", "Net", money(totals.net_exposure()));
    section.figure("notional", "Notional", money(totals.notional()));
    section.figure("delta_adjusted_net", "Delta-adjusted net", money(totals.delta_adjusted_net()));
    section.figure("long_count", "Long positions", Cell::count(totals.counts.long));
    section.figure("short_count", "Short positions", Cell::count(totals.counts.short));
    let mut sectors = grouped(material, "by_sector", "By sector", "Sector", Grouping::Sector);
    sectors.charts.push(Chart {
        title: "Long and short exposure by sector".into(),
        kind: ChartKind::Bars,
        names: 0,
        values: vec![1, 2],
    });
    section.tables.push(sectors);
    section.tables.push(grouped(material, "by_type", "By type", "Type", Grouping::Type));
    section.tables.push(largest(material));
    section.note(
        "Exposure is signed quantity × price × multiplier; gross is Σ|exposure|, net Σ exposure. \
         Shares are of the gross exposure of the book.",
    );
    section
}

fn grouped(
    material: &Material,
    key: &'static str,
    title: &'static str,
    name: &'static str,
    by: Grouping,
) -> Table {
    let gross = material.book.totals().gross_exposure();
    let mut columns = vec![Column::text("group", name)];
    columns.extend(SIDES.map(|(key, label)| Column::number(key, label)));
    columns.push(Column::number("weight", "Share of gross"));
    columns.push(Column::number("positions", "Positions"));
    let mut table = Table::new(key, title, columns);
    let groups = material.book.groups(by, &Filter::default());
    table.rows = groups.iter().map(|one| sides(&one.label, &one.totals(), gross)).collect();
    // Each position is in one group, so that these add up.
    table.total = Some(sides("Total", material.book.totals(), gross));
    table
}

fn sides(label: &str, totals: &Totals, gross: Decimal) -> Vec<Cell> {
    let own = totals.gross_exposure();
    vec![
        Cell::text(label),
        money(totals.long_exposure()),
        money(totals.short_exposure()),
        money(totals.net_exposure()),
        money(own),
        Cell::decimal(own.checked_div(gross), Unit::Percent),
        Cell::count(totals.counts.positions),
    ]
}

fn largest(material: &Material) -> Table {
    let found = concentration(&material.book.lines);
    let mut table = Table::new(
        "largest",
        "Largest holdings",
        vec![
            Column::text("symbol", "Symbol"),
            Column::number("exposure", "Exposure"),
            Column::number("weight", "Share of gross"),
        ],
    );
    let row = |one: &crate::services::correlation::Share| {
        vec![Cell::text(&*one.key), money(one.exposure), percent(one.weight)]
    };
    table.rows = found.instruments.iter().take(LARGEST).map(row).collect();
    table
}

/// The positions of a book, with all that is known of each.
fn columns() -> Vec<Column> {
    vec![
        Column::text("symbol", "Symbol"),
        Column::text("position_type", "Type"),
        Column::number("quantity", "Quantity"),
        Column::number("entry_price", "Entry price"),
        Column::number("price", "Price"),
        Column::number("exposure", "Exposure"),
        Column::number("weight", "Weight"),
        Column::number("daily_pnl", "Day's P&L"),
        Column::number("unrealized_pnl", "Unrealized P&L"),
        Column::text("tags", "Tags"),
        Column::text("name", "Name").wide(),
        Column::text("sector", "Sector").wide(),
        Column::text("industry", "Industry").wide(),
        Column::text("asset_class", "Asset class").wide(),
        Column::text("underlying", "Underlying").wide(),
        Column::text("entry_date", "Entry date").wide(),
        Column::number("market_value", "Market value").wide(),
        Column::number("notional", "Notional").wide(),
        Column::number("delta_adjusted_exposure", "Delta-adjusted exposure").wide(),
        Column::number("cost_basis", "Cost basis").wide(),
        Column::number("unrealized_pnl_percent", "Unrealized return").wide(),
        Column::number("daily_return", "Day's return").wide(),
        Column::number("delta", "Delta").wide(),
        Column::number("gamma", "Gamma").wide(),
        Column::number("theta", "Theta").wide(),
        Column::number("vega", "Vega").wide(),
        Column::number("rho", "Rho").wide(),
        Column::text("price_date", "Price date").wide(),
        Column::text("price_source", "Price source").wide(),
        Column::text("quality", "Quality").wide(),
    ]
}

pub(super) fn positions(material: &Material) -> Section {
    let book = &material.book;
    let gross = book.totals().gross_exposure();
    let mut section = Section::new("POSITIONS", "Positions");
    let mut table = Table::new("positions", "Open positions, by symbol", columns());
    table.rows = book.open_lines().map(|line| position(material, line, gross)).collect();
    let mut total = vec![Cell::None; table.columns.len()];
    total[0] = Cell::text("Total");
    total[5] = money(book.totals().net_exposure());
    total[7] = money(book.totals().daily_pnl());
    total[8] = money(book.totals().unrealized_pnl());
    table.total = Some(total);
    section.tables.push(table);
    section.note(
        "Weight is the size of a position's exposure over the gross exposure of the book. Quantities \
         and entry prices are in the shares of the session, splits included.",
    );
    section
}

fn position(material: &Material, line: &Line, gross: Decimal) -> Vec<Cell> {
    let position = &line.position;
    let instrument = &position.instrument;
    let valued = line.valuation(gross);
    let own = material.greeks.line(line).and_then(|own| own.position);
    let greek = |of: Option<Decimal>| Cell::decimal(of, Unit::Greek);
    let text = |text: Option<&str>| text.map_or(Cell::None, Cell::text);
    let tags: Vec<_> = line.tags.iter().map(|tag| tag.name.as_str()).collect();
    let adjusted = material.greeks.holding(line).delta_adjusted_exposure();
    vec![
        Cell::text(&*instrument.symbol),
        Cell::text(position.position_type.code()),
        Cell::decimal(position.signed_quantity(), Unit::Exact),
        Cell::decimal(position.entry_price, Unit::Price),
        Cell::decimal(valued.price, Unit::Price),
        money(valued.exposure),
        percent(valued.weight),
        money(valued.daily_pnl),
        money(valued.unrealized_pnl),
        Cell::text(tags.join(", ")),
        text(instrument.name.as_deref()),
        text(instrument.sector.as_deref()),
        text(instrument.industry.as_deref()),
        Cell::text(instrument.asset_class.code()),
        Cell::text(line.underlying()),
        Cell::Date(position.entry_date),
        money(valued.market_value),
        money(valued.notional),
        money(adjusted),
        money(valued.cost_basis),
        percent(valued.unrealized_pnl_percent),
        percent(valued.daily_return),
        greek(own.map(|own| own.delta)),
        greek(own.map(|own| own.gamma)),
        greek(own.map(|own| own.theta)),
        greek(own.map(|own| own.vega)),
        greek(own.map(|own| own.rho)),
        valued.price_date.map_or(Cell::None, Cell::Date),
        text(valued.price_source.map(PriceSource::code)),
        Cell::text(valued.quality.code()),
    ]
}
