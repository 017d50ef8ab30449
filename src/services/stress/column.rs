//! What a scenario shocks, and where the betas to that come from.

use super::design::Design;
use super::driver::{Driver, StandIn};
use super::{Desk, Held};
use crate::domain::scenario::{Shock, Variable};

/// A variable that may move positions.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub variable: Variable,
    /// Its move if it is shocked; else it moves along.
    pub shock: Option<f64>,
    pub source: Source,
}

/// Where the return per 1.00 of a column comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// The beta at this place of the design.
    Design(usize),
    /// So many times the market's beta.
    Market(f64),
    /// One for what is of the column's own sector, or of this one.
    Sector(Option<&'static str>),
}

impl Desk {
    /// A sentence about each shocked sector that no position is of.
    pub(super) fn not_held(&self, shocks: &[Shock]) -> Vec<String> {
        let shocked = shocks.iter().map(|shock| &shock.variable);
        let sectors: Vec<_> =
            shocked.filter(|variable| matches!(variable, Variable::Sector(_))).collect();
        if sectors.is_empty() || self.held.is_empty() {
            return Vec::new();
        }
        let has_none = |one: &&Held| one.sector.is_none() && one.industry.is_none();
        let unknown = match self.held.iter().filter(has_none).count() {
            0 => String::new(),
            some => format!(" Of {some} the sector is not known."),
        };
        let is_held = |variable: &Variable| {
            let mut held = self.held.iter();
            held.any(|one| variable.acts_on(one.sector.as_deref(), one.industry.as_deref()))
        };
        let missing = sectors.into_iter().filter(|variable| !is_held(variable));
        missing.map(|variable| format!("No position is of {variable}.{unknown}")).collect()
    }
}

/// The drivers of a design in their order, then what is shocked beside them.
pub(super) fn columns(design: &Design, shocks: &[Shock]) -> (Vec<Column>, Vec<String>) {
    let shock_of = |variable: &Variable| {
        shocks.iter().find(|shock| shock.variable == *variable).map(|shock| shock.shock)
    };
    let mut warnings = Vec::new();
    let mut columns: Vec<_> = design
        .drivers
        .iter()
        .enumerate()
        .map(|(place, driver)| {
            let variable = driver.variable();
            Column { shock: shock_of(&variable), variable, source: Source::Design(place) }
        })
        .collect();
    for Shock { variable, shock } in shocks {
        let source = match Driver::of(variable) {
            None => Source::Sector(None),
            Some(driver) if design.place(driver).is_some() => continue,
            Some(driver) => match stand_in(driver, *shock, &mut warnings) {
                Some(source) => source,
                None => continue,
            },
        };
        columns.push(Column { variable: variable.clone(), shock: Some(*shock), source });
    }
    (columns, warnings)
}

/// What a driver without history is taken for, and a sentence about that.
fn stand_in(driver: Driver, shock: f64, warnings: &mut Vec<String>) -> Option<Source> {
    let start = format!("There is too little history of {driver} to estimate betas from");
    let (source, end) = match driver.stand_in() {
        StandIn::Market(times) => (
            Some(Source::Market(times)),
            format!("market betas stand in, for a move of the market by {:.4}", times * shock),
        ),
        StandIn::Sector(name) => (
            Some(Source::Sector(Some(name))),
            format!("everything in the sector {name} is taken to move as far, and nothing else"),
        ),
        StandIn::Nothing => (None, "its shock is left out".to_owned()),
    };
    warnings.push(format!("{start}: {end}."));
    source
}
