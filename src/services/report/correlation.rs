//! How the largest holdings move together.

use super::read::Material;
use super::{money, percent, ratio};
use crate::error::Error;
use crate::render::report::Section;
use crate::render::table::{Cell, Chart, ChartKind, Column, Table};
use crate::services::correlation::{CLUSTER_THRESHOLD, Filter, LOOKBACK, analyze, choose};

/// Symbols of the matrix that is shown: as many as a page can hold.
const SHOWN: usize = 16;

pub(super) fn correlations(material: &Material) -> Result<Section, Error> {
    let (book, night) = (&material.book, material.night()?);
    let chosen = choose(&book.lines, book.totals().gross_exposure(), &Filter::default());
    let histories = night.histories(chosen.entries.iter().map(|entry| entry.instrument));
    let found = analyze(chosen, &histories, &night.window.last(LOOKBACK), CLUSTER_THRESHOLD);
    let figures = &found.figures;
    let mut section = Section::new("CORRELATIONS", "Correlations");
    section.figure("average_correlation", "Average correlation", ratio(figures.average));
    let score = percent(figures.concentration_score);
    section.figure("concentration_score", "Exposure in clusters", score);
    let effective = ratio(figures.effective_positions);
    section.figure("effective_positions", "Effective positions", effective);
    section.figure("symbols", "Symbols correlated", Cell::count(found.entries.len()));

    let mut places: Vec<_> = (0..found.entries.len()).collect();
    places.sort_by_key(|at| std::cmp::Reverse(found.entries[*at].exposure.abs()));
    places.truncate(SHOWN);
    places.sort_unstable();
    let symbol = |at: usize| found.entries.get(at).map_or("", |entry| entry.symbol.as_str());
    let mut columns = vec![Column::text("symbol", "Symbol")];
    columns.extend(places.iter().map(|at| Column::named(symbol(*at))));
    let mut matrix = Table::new("matrix", "Correlations of the largest holdings", columns);
    let all = figures.matrix();
    for row in &places {
        let cell = |column: &usize| ratio(all.get(*row).and_then(|row| row.get(*column)).copied());
        let mut cells = vec![Cell::text(symbol(*row))];
        cells.extend(places.iter().map(cell));
        matrix.rows.push(cells);
    }
    matrix.charts.push(Chart {
        title: format!("Correlation of daily log returns over {LOOKBACK} sessions"),
        kind: ChartKind::Heat,
        names: 0,
        values: (1..=places.len()).collect(),
    });
    matrix.is_drawn_only = true;
    section.tables.push(matrix);

    let mut clusters = Table::new(
        "clusters",
        "Clusters",
        vec![
            Column::text("name", "Cluster"),
            Column::text("symbols", "Symbols"),
            Column::number("average", "Average correlation"),
            Column::number("exposure", "Exposure, absolute"),
            Column::number("weight", "Share"),
        ],
    );
    for one in &figures.clusters {
        clusters.rows.push(vec![
            Cell::text(&*one.nickname),
            Cell::text(one.symbols.join(", ")),
            ratio(one.average),
            money(one.total_value),
            percent(one.weight),
        ]);
    }
    section.tables.push(clusters);
    section.note(format!(
        "Holdings worth at least 10,000 and 1% of the gross exposure, options as their underlying; \
         the matrix has the {SHOWN} largest at most. A cluster links symbols whose correlation is \
         {CLUSTER_THRESHOLD} or more in size. Quality: {}.",
        figures.quality.code()
    ));
    if !found.excluded.is_empty() {
        section.note(format!("{} positions are left out.", found.excluded.len()));
    }
    Ok(section)
}
