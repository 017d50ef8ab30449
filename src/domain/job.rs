//! Work the service owes itself: what there is of it, and what becomes of it.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::id::{JobId, PortfolioId, UserId};

/// What a job does.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobKind {
    MarketData,
    Greeks,
    Factors,
    MarketRisk,
    Stress,
    Correlations,
    Snapshots,
    Accuracy,
    Alerts,
    Retention,
    Backfill,
    Report,
    Export,
    Recalculate,
    Daily,
}

impl JobKind {
    /// As it travels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MarketData => "MARKET_DATA",
            Self::Greeks => "GREEKS",
            Self::Factors => "FACTORS",
            Self::MarketRisk => "MARKET_RISK",
            Self::Stress => "STRESS",
            Self::Correlations => "CORRELATIONS",
            Self::Snapshots => "SNAPSHOTS",
            Self::Accuracy => "ACCURACY",
            Self::Alerts => "ALERTS",
            Self::Retention => "RETENTION",
            Self::Backfill => "BACKFILL",
            Self::Report => "REPORT",
            Self::Export => "EXPORT",
            Self::Recalculate => "RECALCULATE",
            Self::Daily => "DAILY",
        }
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// It waits for its time, a worker, or what it needs.
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
    TimedOut,
}

impl JobStatus {
    /// As it travels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
            Self::TimedOut => "TIMED_OUT",
        }
    }

    pub fn has_ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// A job and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    /// None for work on everybody's behalf.
    pub owner_id: Option<UserId>,
    pub kind: JobKind,
    pub status: JobStatus,
    pub date: Option<NaiveDate>,
    pub portfolio_id: Option<PortfolioId>,
    pub progress: Progress,
    pub steps: Vec<Step>,
    /// The books it could not do, as far as they are remembered.
    pub failures: Vec<BookFailure>,
    pub attempt: i32,
    pub max_attempts: i32,
    pub timeout_seconds: i32,
    pub created_at: DateTime<Utc>,
    pub scheduled_for: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub is_cancelling: bool,
    pub failure: Option<Failure>,
}

impl Job {
    /// From 0 to 1: all of it once it has succeeded, else what has been worked through.
    pub fn done(&self) -> f64 {
        match (self.status, self.progress.total) {
            (JobStatus::Succeeded, _) => 1.0,
            (_, Some(total)) if total > 0 => {
                (f64::from(self.progress.processed) / f64::from(total)).min(1.0)
            }
            _ => 0.0,
        }
    }
}

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Of what it counts, those worked through, the failed too.
    pub processed: i32,
    /// None while it does not know.
    pub total: Option<i32>,
    pub failed: i32,
    /// What it is at.
    pub message: Option<String>,
}

/// A part of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub kind: JobKind,
    pub status: JobStatus,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub message: Option<String>,
}

/// A book that a job could not do while it did the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookFailure {
    /// The step that failed.
    pub step: JobKind,
    pub portfolio: PortfolioId,
    pub message: String,
}

/// All that is told of a job while it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub progress: Progress,
    pub steps: Vec<Step>,
    pub failures: Vec<BookFailure>,
}

/// Why a job ended badly, or was tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: String,
    pub message: String,
    pub hint: Option<String>,
}
