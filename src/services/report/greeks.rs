//! What moves a book, and by how much.

use sigmasight_analytics::exposure::Sensitivities;

use super::money;
use super::read::Material;
use crate::render::report::Section;
use crate::render::table::{Cell, Column, Table, Unit};

pub(super) fn greeks(material: &Material) -> Section {
    let (book, greeks) = (&material.book, &material.greeks);
    let sums = greeks.sums(&book.lines);
    let is_known = sums.positions() == 0 || sums.coverage.included_positions > 0;
    let total = Some(sums.total).filter(|_| is_known);
    let mut section = Section::new("GREEKS", "Greeks");
    let mut figure = |key, label, of: fn(Sensitivities) -> rust_decimal::Decimal| {
        section.figure(key, label, Cell::decimal(total.map(of), Unit::Greek));
    };
    figure("delta", "Delta, shares", |of| of.delta);
    figure("gamma", "Gamma, shares per 1.00", |of| of.gamma);
    figure("theta", "Theta, money per day", |of| of.theta);
    figure("vega", "Vega, money per point", |of| of.vega);
    figure("rho", "Rho, money per 1% of rate", |of| of.rho);
    let known = |value| money(Some(value).filter(|_| is_known));
    section.figure("delta_dollars", "Delta dollars", known(sums.delta_dollars));
    section.figure("gamma_dollars", "Gamma dollars per 1%", known(sums.gamma_dollars));
    section.figure("option_count", "Open options", Cell::count(sums.options));

    let five = || {
        [
            ("delta", "Delta"),
            ("gamma", "Gamma"),
            ("theta", "Theta"),
            ("vega", "Vega"),
            ("rho", "Rho"),
        ]
        .map(|(key, label)| Column::number(key, label))
    };
    let cells = |own: Option<Sensitivities>| {
        [
            own.map(|own| own.delta),
            own.map(|own| own.gamma),
            own.map(|own| own.theta),
            own.map(|own| own.vega),
            own.map(|own| own.rho),
        ]
        .map(|greek| Cell::decimal(greek, Unit::Greek))
    };

    let mut columns =
        vec![Column::text("symbol", "Option"), Column::number("quantity", "Contracts")];
    columns.push(Column::number("volatility", "Volatility"));
    columns.extend(five());
    columns.push(Column::text("quality", "Quality"));
    let mut options = Table::new("options", "Options", columns);
    for line in book.open_lines().filter(|line| line.holding().is_option()) {
        let own = greeks.line(line);
        let volatility = own.and_then(|own| own.pricing.as_ref()).map(|of| of.market.volatility);
        let mut row = vec![
            Cell::text(&*line.position.instrument.symbol),
            Cell::decimal(line.position.signed_quantity(), Unit::Exact),
            Cell::float(volatility, Unit::Percent),
        ];
        row.extend(cells(own.and_then(|own| own.position)));
        row.push(own.map_or(Cell::None, |own| Cell::text(own.quality(line).code())));
        options.rows.push(row);
    }
    section.tables.push(options);

    let mut columns = vec![Column::text("symbol", "Underlying")];
    columns.extend(five());
    columns.push(Column::number("delta_dollars", "Delta dollars"));
    let mut underlyings = Table::new("by_underlying", "By underlying", columns);
    for one in greeks.by_underlying(&book.lines) {
        let is_known = one.sums.coverage.included_positions > 0;
        let mut row = vec![Cell::text(one.symbol)];
        row.extend(cells(Some(one.sums.total).filter(|_| is_known)));
        row.push(money(Some(one.sums.delta_dollars).filter(|_| is_known)));
        underlyings.rows.push(row);
    }
    section.tables.push(underlyings);
    section.note(
        "Greeks of positions: times signed quantity and multiplier. By Black, Scholes and Merton; \
         theta is per calendar day, vega per volatility point (0.01), rho per 1% of rate. The \
         delta of a share is 1.",
    );
    let left_out = sums.coverage.excluded_positions;
    if left_out > 0 {
        section.note(format!("{left_out} of {} positions have no Greeks.", sums.positions()));
    }
    section
}
