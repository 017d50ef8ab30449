//! A book as so many dollars of so many variables.

use std::collections::BTreeSet;

use sigmasight_analytics::Error;
use sigmasight_analytics::scenario::stress::{Book, StressImpact, propagate};

use super::column::{Column, Source, columns};
use super::design::Design;
use super::driver::Driver;
use super::{Desk, Held, Standing, without_betas};
use crate::domain::factor::Factor;
use crate::domain::quality::Quality;
use crate::domain::scenario::{Shock, Variable};
use crate::services::factors::{self, Excluded, Insufficient};

/// Moves smaller than this are rounding errors.
const NEGLIGIBLE: f64 = 1e-12;

/// How far the returns of a row can be trusted, and which betas of the design are capped: their
/// places, and what was estimated.
type Filled<'d> = (Quality, &'d [(usize, f64)]);

/// A beta that is capped.
#[derive(Clone, Copy, Debug)]
struct Beyond {
    column: usize,
    /// Its place among what is included.
    position: usize,
    /// As estimated.
    beta: f64,
}

/// What each position makes of each variable's move.
pub(super) struct Sheet<'a> {
    pub included: Vec<&'a Held>,
    pub excluded: Vec<Excluded>,
    pub columns: Vec<Column>,
    /// A row for each position: return per 1.00 of each column.
    pub betas: Vec<f64>,
    beyond: Vec<Beyond>,
    values: Vec<f64>,
    sensitivities: Vec<f64>,
    pub quality: Quality,
    pub warnings: Vec<String>,
}

impl<'a> Sheet<'a> {
    /// For these shocks. What is of a shocked sector moves by that shock alone: the first of them
    /// that it is of.
    pub fn new(desk: &'a Desk, design: &Design, shocks: &[Shock]) -> Self {
        let (columns, warnings) = columns(design, shocks);
        let needs_betas = columns
            .iter()
            .any(|column| column.shock.is_some() && !matches!(column.source, Source::Sector(_)));
        let is_unknown = columns.iter().all(|column| column.shock.is_none());
        let mut sheet = Self::empty(desk, columns);
        sheet.warnings = warnings;
        sheet.warnings.extend(desk.not_held(shocks));
        if is_unknown {
            // Nothing that is shocked can be told: no profit of zero stands in for that.
            let reason = "nothing that is shocked has enough history.".to_owned();
            let reason = Insufficient { reason, observations: 0 };
            sheet.excluded.extend(desk.held.iter().map(|held| without_betas(held, &reason)));
            return sheet;
        }
        // Without positions there is nothing that betas could be wrong about.
        if needs_betas && !desk.held.is_empty() {
            sheet.warnings.extend(design.warnings.iter().cloned());
            sheet.quality = design.quality;
        }
        let mut row = Vec::with_capacity(sheet.columns.len());
        for held in &desk.held {
            row.clear();
            match sheet.fill(&mut row, held, design, needs_betas) {
                Ok((quality, capped)) => {
                    sheet.note(capped, design);
                    sheet.add(held, &row, quality);
                }
                Err(reason) => sheet.excluded.push(without_betas(held, &reason)),
            }
        }
        sheet
    }

    /// Of one variable, by the betas that a function gives.
    pub fn of_one(
        desk: &'a Desk,
        variable: Variable,
        mut beta: impl FnMut(&Held) -> Result<(f64, Quality), Insufficient>,
    ) -> Self {
        let column = Column { variable, shock: Some(0.0), source: Source::Design(0) };
        let mut sheet = Self::empty(desk, vec![column]);
        for held in &desk.held {
            match beta(held) {
                Ok((beta, quality)) => sheet.add(held, &[beta], quality),
                Err(reason) => sheet.excluded.push(without_betas(held, &reason)),
            }
        }
        sheet
    }

    fn empty(desk: &Desk, columns: Vec<Column>) -> Self {
        let entries = desk.held.len().saturating_mul(columns.len());
        Self {
            included: Vec::with_capacity(desk.held.len()),
            excluded: desk.unknown.clone(),
            columns,
            betas: Vec::with_capacity(entries),
            beyond: Vec::new(),
            values: Vec::with_capacity(desk.held.len()),
            sensitivities: Vec::with_capacity(entries),
            quality: Quality::Full,
            warnings: Vec::new(),
        }
    }

    fn add(&mut self, held: &'a Held, row: &[f64], quality: Quality) {
        self.included.push(held);
        self.values.push(held.value);
        self.sensitivities.extend(row.iter().map(|beta| beta * held.exposure));
        self.betas.extend(row);
        self.quality = self.quality.max(quality);
    }

    /// Which columns the next position's capped betas are in.
    fn note(&mut self, capped: &[(usize, f64)], design: &Design) {
        let position = self.included.len();
        let market = design.place(Driver::Factor(Factor::Market));
        for (place, beta) in capped {
            let is_in = |column: &Column| match column.source {
                Source::Design(own) => own == *place,
                Source::Market(_) => market == Some(*place),
                Source::Sector(_) => false,
            };
            let columns = self.columns.iter().enumerate().filter(|(_, column)| is_in(column));
            self.beyond.extend(columns.map(|(column, _)| Beyond { column, position, beta: *beta }));
        }
    }

    /// The returns of a position per 1.00 of each column, into an empty row.
    fn fill<'d>(
        &self,
        row: &mut Vec<f64>,
        held: &Held,
        design: &'d Design,
        needs_betas: bool,
    ) -> Result<Filled<'d>, Insufficient> {
        let is_of = |variable: &Variable| {
            variable.acts_on(held.sector.as_deref(), held.industry.as_deref())
        };
        let own = self.columns.iter().position(|column| is_of(&column.variable));
        if let Some(own) = own {
            row.extend((0..self.columns.len()).map(|at| if at == own { 1.0 } else { 0.0 }));
            return Ok((Quality::Full, &[]));
        }
        if !needs_betas {
            row.resize(self.columns.len(), 0.0);
            return Ok((Quality::Full, &[]));
        }
        let betas = design.of(held.instrument)?;
        let of_driver = |place: usize| betas.values.get(place).copied().unwrap_or(0.0);
        let market = || design.place(Driver::Factor(Factor::Market)).map_or(0.0, of_driver);
        let beta = |column: &Column| match column.source {
            Source::Design(place) => of_driver(place),
            Source::Market(times) => market() * times,
            Source::Sector(Some(name)) if is_of(&Variable::Sector(name.into())) => 1.0,
            Source::Sector(_) => 0.0,
        };
        row.extend(self.columns.iter().map(beta));
        Ok((betas.quality, &betas.capped))
    }

    /// Whether anything is known of what the shocks do.
    pub fn is_known(&self) -> bool {
        let has_positions = !self.included.is_empty() || self.excluded.is_empty();
        has_positions && self.quality != Quality::Insufficient
    }

    /// Profit and loss when the columns move so.
    ///
    /// # Errors
    /// What is no number.
    pub fn impact(&self, moves: &[f64]) -> Result<StressImpact, Error> {
        Book { values: &self.values, sensitivities: &self.sensitivities }.impact(moves)
    }

    /// One column moves, and nothing else.
    pub fn alone(&self, place: Option<usize>, change: f64) -> Vec<f64> {
        let is_it = |at: usize| place == Some(at);
        (0..self.columns.len()).map(|at| if is_it(at) { change } else { 0.0 }).collect()
    }

    /// What a figure of these moves says of itself.
    pub fn standing(&self, moves: &[f64]) -> Standing {
        let mut standing = Desk::standing(&self.included, &self.excluded, self.quality);
        let own = self.warnings.iter().cloned().chain(self.capped(moves));
        standing.warnings.splice(0..0, own);
        standing
    }

    /// A sentence about the betas to what moves that are capped.
    pub fn capped(&self, moves: &[f64]) -> Option<String> {
        let is_moved = |one: &&Beyond| moves.get(one.column).is_some_and(|own| *own != 0.0);
        let beyond: Vec<_> = self.beyond.iter().filter(is_moved).collect();
        let furthest = beyond.iter().max_by(|a, b| a.beta.abs().total_cmp(&b.beta.abs()))?;
        let symbol = self.included.get(furthest.position)?.line().underlying();
        let variable = &self.columns.get(furthest.column)?.variable;
        let positions: BTreeSet<_> = beyond.iter().map(|one| one.position).collect();
        let counted = factors::capped(positions.len())?;
        Some(format!(
            "{counted} The furthest is that of {symbol} to {variable}: {:.2}.",
            furthest.beta
        ))
    }

    /// Dollars behind each column.
    pub fn dollars(&self) -> Vec<f64> {
        let mut dollars = vec![0.0; self.columns.len()];
        for row in self.sensitivities.chunks_exact(self.columns.len().max(1)) {
            for (total, own) in dollars.iter_mut().zip(row) {
                *total += own;
            }
        }
        dollars
    }

    /// Only what is shocked moves.
    pub fn direct(&self) -> Vec<f64> {
        self.columns.iter().map(|column| column.shock.unwrap_or(0.0)).collect()
    }

    /// What is not shocked moves to where it is expected then. What has no covariance moves by its
    /// shock and nothing along with it.
    ///
    /// # Errors
    /// What is no number, or does not converge.
    pub fn correlated(&self, design: &Design) -> Result<(Vec<f64>, Option<String>), Error> {
        let mut moves = self.direct();
        let size = design.drivers.len();
        if design.covariance.len() != size * size || size > moves.len() {
            return Ok((moves, None));
        }
        let shocks: Vec<_> = self.columns[..size].iter().map(|column| column.shock).collect();
        let found = propagate(&design.covariance, &shocks)?;
        let is_doubtful = shocks.iter().any(Option::is_some) && found.is_ill_conditioned();
        let warning = is_doubtful.then(|| {
            "The shocked variables are nearly the same: what moves along hangs on small \
             differences between their shocks."
                .to_owned()
        });
        for ((own, found), shock) in moves.iter_mut().zip(&found.moves).zip(&shocks) {
            // What is left of a covariance of zero is no move.
            let is_noise = shock.is_none() && found.abs() < NEGLIGIBLE;
            *own = if is_noise { 0.0 } else { *found };
        }
        Ok((moves, warning))
    }
}
