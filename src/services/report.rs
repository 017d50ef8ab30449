//! A report on a book: the figures that the graph gives, by the functions that give them there,
//! put into sections.

mod book;
mod correlation;
mod greeks;
mod history;
mod quality;
mod read;
mod risk;
mod stress;

use rust_decimal::Decimal;

use self::read::Material;
use super::Services;
use super::exports::make::off_the_threads;
use super::meter::Meter;
use crate::domain::export::{Moment, ReportSection};
use crate::domain::id::{PortfolioId, UserId};
use crate::domain::price::PriceSource;
use crate::error::Error;
use crate::render::report::{Report, Section};
use crate::render::table::{Cell, Unit};

/// A report to be made.
pub struct Asked {
    pub owner: UserId,
    pub portfolio: PortfolioId,
    pub moment: Moment,
    /// What kind of report it is.
    pub title: String,
    pub sections: Vec<ReportSection>,
}

/// Makes a report; `meter` counts its sections, with what is read before and written after them.
///
/// # Errors
/// `NotFound` for a portfolio that is gone; `Stopped` when `meter` says so.
pub async fn make(services: &Services, asked: Asked, meter: &Meter) -> Result<Report, Error> {
    meter.counts(asked.sections.len() + 2, "Reading the book");
    let material = read::read(services, &asked).await?;
    meter.did(1);
    meter.goes_on()?;
    let (meter, made_at) = (meter.clone(), services.now());
    off_the_threads(move || {
        let mut sections = Vec::with_capacity(asked.sections.len());
        for section in &asked.sections {
            meter.goes_on()?;
            meter.says(format!("Section {}", section.as_str()));
            sections.push(self::section(*section, &material, &meter)?);
            meter.did(1);
        }
        let portfolio = &material.book.portfolio;
        Ok(Report {
            title: asked.title,
            subject: portfolio.name.clone(),
            currency: portfolio.currency.clone(),
            as_of: material.book.horizon.as_of,
            made_at,
            notices: notices(&material),
            sections,
        })
    })
    .await
}

fn section(of: ReportSection, material: &Material, meter: &Meter) -> Result<Section, Error> {
    Ok(match of {
        ReportSection::Summary => book::summary(material),
        ReportSection::Performance => history::performance(material),
        ReportSection::Exposures => book::exposures(material),
        ReportSection::Positions => book::positions(material),
        ReportSection::Greeks => greeks::greeks(material),
        ReportSection::Factors => risk::factors(material, meter)?,
        ReportSection::Risk => risk::risk(material, meter)?,
        ReportSection::Correlations => correlation::correlations(material)?,
        ReportSection::Scenarios => stress::scenarios(material)?,
        ReportSection::Stress => stress::stress(material)?,
        ReportSection::DataQuality => quality::quality(material),
    })
}

/// What a reader has to know before any figure.
fn notices(material: &Material) -> Vec<String> {
    let open = || material.book.open_lines();
    let is_simulated =
        |source: Option<PriceSource>| source.is_some_and(|source| source == PriceSource::Synthetic);
    let simulated =
        open().filter(|line| is_simulated(line.quote.as_ref().map(|quote| quote.source))).count();
    let mut notices = Vec::new();
    if simulated > 0 {
        notices.push(format!(
            "Simulated prices: {simulated} of {} open positions are priced by a simulation, not by \
             a market. Figures made of them say nothing about real securities.",
            open().count()
        ));
    }
    notices
}

fn money(value: impl Into<Option<Decimal>>) -> Cell {
    Cell::decimal(value, Unit::Money)
}

fn percent(value: impl Into<Option<f64>>) -> Cell {
    Cell::float(value, Unit::Percent)
}

fn ratio(value: impl Into<Option<f64>>) -> Cell {
    Cell::float(value, Unit::Ratio)
}
