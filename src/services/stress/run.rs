//! Scenarios run on a book.

use std::collections::HashMap;
use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sigmasight_analytics::Error;
use sigmasight_analytics::scenario::revaluation::{Holding, Shift, Terms};

use super::design::Design;
use super::driver::Driver;
use super::sheet::Sheet;
use super::{Desk, Held, PositionPnl, Standing, Total, by_size, money, sum};
use crate::domain::quality::{Coverage, Quality};
use crate::domain::scenario::{Macro, Scenario, Shock, Variable};

/// Years of the options that the VIX is made of.
const VIX_YEARS: f64 = 30.0 / 365.0;

/// What a scenario does to a book.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub scenario: Arc<Scenario>,
    /// Only the shocked variables move.
    pub direct: Decimal,
    /// What the others add, moving along.
    pub correlation: Decimal,
    /// Both.
    pub total: Total,
    /// The total with options priced anew; None when one could not be.
    pub full_revaluation: Option<Decimal>,
    pub impacts: Vec<Impact>,
    /// The largest first; they add up to the total.
    pub positions: Vec<PositionPnl>,
    pub standing: Standing,
}

/// What one variable's move does, before positions are bounded by their worth.
#[derive(Clone, Debug)]
pub struct Impact {
    pub variable: Variable,
    pub shock: f64,
    pub dollars: Decimal,
    pub pnl: Decimal,
    /// Whether it is shocked; else it moves along.
    pub is_direct: bool,
}

impl Desk {
    /// What each of these scenarios does, in their order.
    pub fn run(&self, scenarios: &[Arc<Scenario>]) -> Vec<Outcome> {
        self.each(scenarios, |scenario, design| {
            self.outcome(scenario, design).unwrap_or_else(|error| self.failed(scenario, &error))
        })
    }

    /// The profit or loss of each alone, which takes a fraction of the time; None where nothing of
    /// it is known.
    pub fn totals(&self, scenarios: &[Arc<Scenario>]) -> Vec<Option<Decimal>> {
        self.each(scenarios, |scenario, design| {
            let sheet = Sheet::new(self, design, &scenario.shocks);
            let (moves, _) = sheet.correlated(design).ok().filter(|_| sheet.is_known())?;
            Some(sum(sheet.impact(&moves).ok()?.by_position.into_iter().map(money)))
        })
    }

    fn each<T>(
        &self,
        scenarios: &[Arc<Scenario>],
        of: impl Fn(&Arc<Scenario>, &Design) -> T,
    ) -> Vec<T> {
        let mut designs = HashMap::<Vec<Macro>, Design>::new();
        let one = |scenario: &Arc<Scenario>| {
            let macros = self.macros(&scenario.shocks);
            let design = designs.entry(macros).or_insert_with_key(|macros| self.design(macros));
            of(scenario, design)
        };
        scenarios.iter().map(one).collect()
    }

    /// The variables beside the factors that are shocked and known, in a fixed order.
    pub(super) fn macros(&self, shocks: &[Shock]) -> Vec<Macro> {
        let is_shocked = |one: &Macro| {
            let variable = Variable::Macro(*one);
            shocks.iter().any(|shock| shock.variable == variable)
        };
        let known = |one: &Macro| self.drivers.is_known(Driver::Macro(*one));
        Macro::ALL.into_iter().filter(is_shocked).filter(known).collect()
    }

    pub(super) fn outcome(
        &self,
        scenario: &Arc<Scenario>,
        design: &Design,
    ) -> Result<Outcome, Error> {
        let sheet = Sheet::new(self, design, &scenario.shocks);
        let (moves, doubt) = sheet.correlated(design)?;
        let direct = sheet.impact(&sheet.direct())?;
        let total = sheet.impact(&moves)?;

        let pnls: Vec<_> = total.by_position.iter().copied().map(money).collect();
        let direct = sum(direct.by_position.into_iter().map(money));
        let all = sum(pnls.iter().copied());
        let mut warnings = sheet.warnings.clone();
        warnings.extend(doubt);
        warnings.extend(sheet.capped(&moves));
        let full_revaluation = match self.revalued(&sheet, &moves, &pnls, scenario) {
            Ok((pnl, warning)) => {
                warnings.extend(warning);
                warnings.extend(worse(self.result(all), self.result(pnl)));
                Some(pnl)
            }
            Err(error) => {
                warnings.push(format!("Options could not be priced anew: {error}."));
                None
            }
        };
        let impacts = sheet.columns.iter().zip(&moves).zip(sheet.dollars()).zip(total.by_variable);
        let impacts = impacts
            .filter(|(((column, change), _), _)| column.shock.is_some() || **change != 0.0)
            .map(|(((column, change), dollars), pnl)| Impact {
                variable: column.variable.clone(),
                shock: *change,
                dollars: money(dollars),
                pnl: money(pnl),
                is_direct: column.shock.is_some(),
            });
        let positions = sheet.included.iter().zip(&pnls);
        let positions =
            positions.map(|(held, pnl)| PositionPnl { line: Arc::clone(held.line()), pnl: *pnl });
        let mut quality = sheet.quality;
        if self.is_left_out(&scenario.shocks, &sheet) {
            quality = quality.max(Quality::Limited);
        }
        let mut standing = Self::standing(&sheet.included, &sheet.excluded, quality);
        standing.warnings.splice(0..0, warnings);
        Ok(Outcome {
            scenario: Arc::clone(scenario),
            direct,
            correlation: all.saturating_sub(direct),
            total: self.result(all),
            full_revaluation,
            impacts: impacts.collect(),
            positions: by_size(positions),
            standing,
        })
    }

    /// Whether a shock has no column, or one that is not estimated.
    fn is_left_out(&self, shocks: &[Shock], sheet: &Sheet<'_>) -> bool {
        shocks.iter().filter_map(|shock| Driver::of(&shock.variable)).any(|driver| {
            let variable = driver.variable();
            !self.drivers.is_known(driver)
                || !sheet.columns.iter().any(|column| column.variable == variable)
        })
    }

    /// The total with options priced anew where their underlyings go, at volatilities and rates
    /// that move only as the scenario says.
    fn revalued(
        &self,
        sheet: &Sheet<'_>,
        moves: &[f64],
        by_delta: &[Decimal],
        scenario: &Scenario,
    ) -> Result<(Decimal, Option<String>), Error> {
        let shock = |of: Macro| {
            let shock = scenario.shocks.iter().find(|own| own.variable == Variable::Macro(of));
            shock.map(|own| own.shock)
        };
        let points = shock(Macro::Vix).map(|change| Some(self.drivers.vix? / 100.0 * change));
        let rate = shock(Macro::InterestRate).unwrap_or(0.0);
        let mut has_options = false;
        let mut total = Decimal::ZERO;
        let rows = sheet.betas.chunks_exact(sheet.columns.len().max(1));
        for ((held, pnl), row) in sheet.included.iter().zip(by_delta).zip(rows) {
            let pnl = match holding(held) {
                None => *pnl,
                Some((holding, years)) => {
                    has_options = true;
                    let spot = row.iter().zip(moves).map(|(beta, change)| beta * change).sum();
                    let points = points.flatten().unwrap_or(0.0);
                    // Volatility returns to its mean: what is far off moves by less.
                    let volatility = points * (VIX_YEARS / years.max(VIX_YEARS)).sqrt();
                    money(holding.pnl(&Shift { spot, volatility, rate })?)
                }
            };
            total = total.saturating_add(pnl);
        }
        let warning = (has_options && points == Some(None)).then(|| {
            "No level of the VIX is known: options are priced anew at the volatilities they have."
                .to_owned()
        });
        Ok((total, warning))
    }

    fn failed(&self, scenario: &Arc<Scenario>, error: &Error) -> Outcome {
        let coverage = Coverage {
            excluded_positions: self.held.len() + self.unknown.len(),
            excluded_exposure: self.book.totals().gross_exposure(),
            ..Coverage::default()
        };
        Outcome {
            scenario: Arc::clone(scenario),
            direct: Decimal::ZERO,
            correlation: Decimal::ZERO,
            total: self.result(Decimal::ZERO),
            full_revaluation: None,
            impacts: Vec::new(),
            positions: Vec::new(),
            standing: Standing {
                quality: Quality::Insufficient,
                warnings: vec![format!("Nothing could be computed: {error}.")],
                coverage,
            },
        }
    }
}

/// That options priced anew make it worse than by delta, where they do by a class of severity or
/// more.
fn worse(by_delta: Total, anew: Total) -> Option<String> {
    (anew.severity > by_delta.severity).then(|| {
        let told = |one: Total| format!("{} ({:.1} %)", one.severity.as_str(), one.share * 100.0);
        format!("With options priced anew it is {}, not {}.", told(anew), told(by_delta))
    })
}

/// An option for pricing, and the years it has left; None of what moves as its underlying does.
fn holding(held: &Held) -> Option<(Holding, f64)> {
    let pricing = held.pricing.as_ref()?;
    let own = &held.holding;
    let holding = Holding {
        units: own.units().to_f64()?,
        price: own.price?.to_f64()?,
        terms: Terms::Option { contract: pricing.contract, market: pricing.market },
    };
    Some((holding, pricing.contract.years))
}
