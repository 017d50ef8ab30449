//! Files to take away: what there is of them, and what becomes of it.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::id::{ExportId, JobId, PortfolioId, ReportScheduleId};
use super::modeling::Action;

/// What a file is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExportKind {
    Portfolio,
    Trades,
    Report,
}

impl ExportKind {
    /// The formats that it comes in.
    pub fn formats(self) -> &'static [ExportFormat] {
        use ExportFormat::{Csv, Fix, Json, Markdown, Pdf, Xlsx};
        match self {
            Self::Portfolio => &[Csv, Json, Xlsx],
            Self::Trades => &[Csv, Json, Xlsx, Fix],
            Self::Report => &[Csv, Json, Xlsx, Markdown, Pdf],
        }
    }
}

/// What a file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExportFormat {
    Csv,
    Json,
    Xlsx,
    Fix,
    Markdown,
    Pdf,
}

impl ExportFormat {
    pub const ALL: [Self; 6] =
        [Self::Csv, Self::Json, Self::Xlsx, Self::Fix, Self::Markdown, Self::Pdf];

    /// As it travels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::Xlsx => "XLSX",
            Self::Fix => "FIX",
            Self::Markdown => "MARKDOWN",
            Self::Pdf => "PDF",
        }
    }

    /// How the names of its files end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Xlsx => "xlsx",
            Self::Fix => "fix",
            Self::Markdown => "md",
            Self::Pdf => "pdf",
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Json => "application/json",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Fix => "application/octet-stream",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Pdf => "application/pdf",
        }
    }
}

/// A part of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReportSection {
    Summary,
    Exposures,
    Positions,
    Greeks,
    Factors,
    Risk,
    Correlations,
    Scenarios,
    Stress,
    Performance,
    DataQuality,
}

impl ReportSection {
    /// Every part, in the order of a report.
    pub const ALL: [Self; 11] = [
        Self::Summary,
        Self::Performance,
        Self::Exposures,
        Self::Positions,
        Self::Greeks,
        Self::Factors,
        Self::Risk,
        Self::Correlations,
        Self::Scenarios,
        Self::Stress,
        Self::DataQuality,
    ];

    /// As it travels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Summary => "SUMMARY",
            Self::Exposures => "EXPOSURES",
            Self::Positions => "POSITIONS",
            Self::Greeks => "GREEKS",
            Self::Factors => "FACTORS",
            Self::Risk => "RISK",
            Self::Correlations => "CORRELATIONS",
            Self::Scenarios => "SCENARIOS",
            Self::Stress => "STRESS",
            Self::Performance => "PERFORMANCE",
            Self::DataQuality => "DATA_QUALITY",
        }
    }
}

/// A kind of report that comes with the program.
#[derive(Debug, PartialEq, Eq)]
pub struct ReportTemplate {
    pub key: &'static str,
    pub name: &'static str,
    pub description: &'static str,
    pub sections: &'static [ReportSection],
}

/// The template of a report when none is named.
pub const DEFAULT_TEMPLATE: &str = "full";

/// What a report may be made by.
pub static TEMPLATES: [ReportTemplate; 4] = [
    ReportTemplate {
        key: DEFAULT_TEMPLATE,
        name: "Portfolio report",
        description: "Every section: value, exposures, positions, Greeks, factors, risk, \
                      correlations, scenarios, stress tests and the quality of the data.",
        sections: &ReportSection::ALL,
    },
    ReportTemplate {
        key: "summary",
        name: "Summary report",
        description: "A page or two for a regular look: value and its history, exposures, and the \
                      quality of the data.",
        sections: &[
            ReportSection::Summary,
            ReportSection::Performance,
            ReportSection::Exposures,
            ReportSection::DataQuality,
        ],
    },
    ReportTemplate {
        key: "risk",
        name: "Risk report",
        description: "What moves the book, and what would happen to it: Greeks, factors, risk, \
                      correlations, scenarios and stress tests.",
        sections: &[
            ReportSection::Summary,
            ReportSection::Greeks,
            ReportSection::Factors,
            ReportSection::Risk,
            ReportSection::Correlations,
            ReportSection::Scenarios,
            ReportSection::Stress,
            ReportSection::DataQuality,
        ],
    },
    ReportTemplate {
        key: "holdings",
        name: "Holdings report",
        description: "What is held and what it is worth: every position with its profit, \
                      exposures and Greeks.",
        sections: &[
            ReportSection::Summary,
            ReportSection::Exposures,
            ReportSection::Positions,
            ReportSection::Greeks,
            ReportSection::DataQuality,
        ],
    },
];

/// The template of that key.
pub fn template(key: &str) -> Option<&'static ReportTemplate> {
    TEMPLATES.iter().find(|template| template.key == key)
}

/// A file, made or to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    pub id: ExportId,
    pub kind: ExportKind,
    pub format: ExportFormat,
    pub portfolio_id: Option<PortfolioId>,
    /// What makes it.
    pub job_id: JobId,
    pub schedule_id: Option<ReportScheduleId>,
    pub file_name: String,
    /// None until it is made.
    pub byte_size: Option<i32>,
    pub created_at: DateTime<Utc>,
}

/// A file's bytes, and how they go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    pub file_name: String,
    pub format: ExportFormat,
    pub content: Vec<u8>,
}

/// A report that is made again and again, in New York's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportSchedule {
    pub id: ReportScheduleId,
    pub portfolio_id: PortfolioId,
    pub template: String,
    pub format: ExportFormat,
    /// Five fields.
    pub cron: String,
    pub is_enabled: bool,
    pub next_run_at: Option<DateTime<Utc>>,
    pub last_run_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

/// An order, ready to be written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Upper-case ticker, or the compact OCC symbol.
    pub symbol: String,
    pub action: Action,
    /// Shares or contracts, above zero.
    pub quantity: Decimal,
    /// A limit per share; None to trade at the market.
    pub price: Option<Decimal>,
    pub tags: Vec<String>,
    pub currency: String,
}

/// The session whose closes value a book, and the last day whose entries and exits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    pub as_of: NaiveDate,
    pub held_by: NaiveDate,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_found_and_has_its_sections_in_the_order_of_a_report() {
        for one in &TEMPLATES {
            assert_eq!(template(one.key), Some(one));
            let place = |section| ReportSection::ALL.iter().position(|known| known == section);
            let places: Vec<_> = one.sections.iter().map(place).collect();
            assert!(places.is_sorted() && !places.is_empty(), "{}", one.key);
        }
        assert_eq!(template("nonsense"), None);
    }
}
