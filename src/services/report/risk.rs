//! Factors, and what the past returns of the holdings say.

use std::sync::Arc;

use super::read::Material;
use super::{money, percent, ratio};
use crate::domain::reference::BENCHMARK;
use crate::error::Error;
use crate::render::report::Section;
use crate::render::table::{Cell, Chart, ChartKind, Column, Table};
use crate::services::factors::{self, Basis, Deltas, wanted};
use crate::services::meter::Meter;
use crate::services::rates::{RISK_FREE_YEARS, per_session};
use crate::services::risk::{Benchmark, RiskDecomposition, RiskMetrics, decompose, metrics};

/// Positions of a list of contributions.
const LISTED: usize = 10;

pub(super) fn factors(material: &Material, meter: &Meter) -> Result<Section, Error> {
    let book = &material.book;
    let estimates = material.estimates(meter)?;
    let found = factors::exposures(
        &book.lines,
        book.total_value(),
        Basis::Dollar,
        &Deltas::new(),
        estimates,
    );
    let mut section = Section::new("FACTORS", "Factor exposures");
    let mut table = Table::new(
        "factors",
        "Exposures to the factors",
        vec![
            Column::text("factor", "Factor"),
            Column::text("proxy", "Proxy"),
            Column::number("beta", "Beta"),
            Column::number("standard_error", "Standard error"),
            Column::number("exposure_dollars", "Exposure"),
            Column::number("observations", "Returns"),
            Column::text("quality", "Quality"),
        ],
    );
    for one in &found {
        table.rows.push(vec![
            Cell::text(one.factor.name()),
            one.factor.etf().map_or(Cell::None, Cell::text),
            ratio(one.beta),
            ratio(one.standard_error),
            money(one.dollars),
            one.observations.map_or(Cell::None, Cell::count),
            Cell::text(one.quality.code()),
        ]);
    }
    table.charts.push(Chart {
        title: "Beta to each factor".into(),
        kind: ChartKind::Bars,
        names: 0,
        values: vec![2],
    });
    section.tables.push(table);
    section.note(
        "Exposure to a factor is Σ exposure × beta; beta is that over the total value. Betas are \
         regressed over 252 sessions on the market and on each style net of its own beta to the \
         market, and capped at ±3.",
    );
    for warning in found.into_iter().flat_map(|one| one.warnings) {
        section.note(warning);
    }
    Ok(section)
}

pub(super) fn risk(material: &Material, meter: &Meter) -> Result<Section, Error> {
    let (book, night) = (&material.book, material.night()?);
    let deltas = material.greeks.deltas();
    let histories = night.histories(wanted(&book.lines));
    let benchmark =
        Benchmark { symbol: BENCHMARK, series: night.references.get(BENCHMARK).map(Arc::as_ref) };
    let rate = material.curve.rate(RISK_FREE_YEARS).rate;
    let found = metrics(
        &book.lines,
        book.total_value(),
        &deltas,
        &histories,
        &night.window,
        benchmark,
        per_session(rate),
    );
    let mut section = Section::new("RISK", "Risk");
    figures(&mut section, &found);
    section.note(format!(
        "By the {} daily returns that today's holdings would have had, against {BENCHMARK}. Values \
         at risk and expected shortfalls are losses over one session, above zero; volatility is × \
         √252. Quality: {}.",
        found.observations,
        found.quality.code()
    ));
    for warning in &found.warnings {
        section.note(warning.as_str());
    }
    let estimates = material.estimates(meter)?;
    let parts = decompose(&book.lines, book.total_value(), &deltas, estimates);
    decomposition(&mut section, &parts);
    Ok(section)
}

fn figures(section: &mut Section, found: &RiskMetrics) {
    let own = found.own.as_ref();
    let loss = |share: Option<f64>| {
        money(share.and_then(|share| crate::services::risk::money(share, found.base)))
    };
    let losses = &found.losses;
    let mut add = |key, label, cell| section.figure(key, label, cell);
    add("annualized_volatility", "Volatility, annual", percent(own.map(|own| own.volatility)));
    add("beta", "Beta to SPY", ratio(found.against.beta));
    add("sharpe_ratio", "Sharpe ratio", ratio(own.and_then(|own| own.sharpe_ratio)));
    add("sortino_ratio", "Sortino ratio", ratio(own.and_then(|own| own.sortino_ratio)));
    add("max_drawdown", "Deepest drawdown", percent(own.and_then(|own| own.max_drawdown)));
    add("current_drawdown", "Drawdown now", percent(found.current_drawdown));
    add("calmar_ratio", "Calmar ratio", ratio(own.and_then(|own| own.calmar_ratio)));
    add("omega_ratio", "Omega ratio", ratio(own.and_then(|own| own.omega_ratio)));
    add("historical_var95", "VaR 95%, historical", loss(losses.historical_95));
    add("historical_var99", "VaR 99%, historical", loss(losses.historical_99));
    add("parametric_var95", "VaR 95%, parametric", loss(losses.parametric_95));
    add("parametric_var99", "VaR 99%, parametric", loss(losses.parametric_99));
    add("expected_shortfall95", "Expected shortfall 95%", loss(losses.shortfall_95));
    add("expected_shortfall99", "Expected shortfall 99%", loss(losses.shortfall_99));
    add("tracking_error", "Tracking error, annual", percent(found.against.tracking_error));
    add("information_ratio", "Information ratio", ratio(found.against.information_ratio));
}

/// Where the risk comes from: of the factors, what is specific, and the positions.
fn decomposition(section: &mut Section, found: &RiskDecomposition) {
    let mut sources = Table::new(
        "risk_sources",
        "Where the expected volatility comes from",
        vec![
            Column::text("source", "Source"),
            Column::number("contribution", "Contribution, annual"),
            Column::number("share", "Share of the volatility"),
        ],
    );
    for part in &found.factors {
        sources.rows.push(vec![
            Cell::text(part.factor.name()),
            percent(part.contribution),
            percent(part.share),
        ]);
    }
    let specific = found.specific_contribution;
    let of_whole = specific.zip(found.volatility.filter(|whole| *whole > 0.0));
    sources.rows.push(vec![
        Cell::text("Specific"),
        percent(specific),
        percent(of_whole.map(|(part, whole)| part / whole)),
    ]);
    let whole = found.volatility.map(|_| 1.0);
    sources.total = Some(vec![Cell::text("Volatility"), percent(found.volatility), percent(whole)]);
    sources.charts.push(Chart {
        title: "Share of the expected volatility".into(),
        kind: ChartKind::Bars,
        names: 0,
        values: vec![2],
    });
    section.tables.push(sources);
    let mut positions = Table::new(
        "risk_positions",
        "Positions that bring or take the most risk",
        vec![
            Column::text("symbol", "Symbol"),
            Column::number("contribution", "Contribution, annual"),
            Column::number("share", "Share of the volatility"),
        ],
    );
    for part in found.positions.iter().take(LISTED) {
        positions.rows.push(vec![
            Cell::text(&*part.line.position.instrument.symbol),
            percent(part.contribution),
            percent(part.share),
        ]);
    }
    section.tables.push(positions);
    for warning in &found.warnings {
        section.note(warning.as_str());
    }
}
