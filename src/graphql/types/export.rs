//! Files to take away: exports, reports, and what has reports made again and again.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::job::{Job, JobStatus};
use super::portfolio::Portfolio;
use crate::domain::export;
use crate::domain::job as work;
use crate::domain::page::Slice;
use crate::error::Error;
use crate::graphql::error::Result;
use crate::graphql::id::NodeId;
use crate::graphql::loaders::PortfolioBy;
use crate::graphql::loaders::exports::NewestOf;
use crate::graphql::loaders::jobs::JobBy;
use crate::graphql::page::{Scope, connection};
use crate::graphql::viewer::request;
use crate::services::exports;

/// What a file is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "export::ExportKind")]
pub enum ExportKind {
    /// The positions of a book.
    Portfolio,
    /// Orders.
    Trades,
    /// The figures of a book.
    Report,
}

/// What a file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "export::ExportFormat")]
pub enum ExportFormat {
    /// Rows and columns, RFC 4180, UTF-8. A text that a spreadsheet would run has an apostrophe
    /// before it.
    Csv,
    /// Money, prices and quantities as strings, exact; statistics as numbers; null for what is
    /// unavailable.
    Json,
    /// A workbook, with charts where it is a report.
    Xlsx,
    /// Messages of FIX 4.4, `NewOrderSingle`; of trades alone.
    Fix,
    /// A text with tables; of reports alone.
    Markdown,
    /// Pages with charts; of reports alone.
    Pdf,
}

/// A part of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "export::ReportSection")]
pub enum ReportSection {
    /// What the book is worth, and its key figures.
    Summary,
    /// Long, short, gross and net; by sector, type and the largest names.
    Exposures,
    /// Every position with its price, its profit and its exposure.
    Positions,
    /// Greeks of the book, by underlying and of each option.
    Greeks,
    /// Exposures to the factors.
    Factors,
    /// Volatility, ratios, value at risk, and where the risk comes from.
    Risk,
    /// How the largest holdings move together.
    Correlations,
    /// Moves of the market and of the 10-year yield.
    Scenarios,
    /// The stress scenarios.
    Stress,
    /// Value, profit and returns by session and over some periods.
    Performance,
    /// What is missing of the data, and what that costs.
    DataQuality,
}

/// A file to take away, made or to be made by its job. Kept for 30 days.
#[derive(Clone)]
pub struct Export(pub Arc<export::Export>);

/// A file to take away, made or to be made by its job. Kept for 30 days.
#[Object]
impl Export {
    /// Opaque and global; works with `node(id:)`.
    pub async fn id(&self) -> ID {
        NodeId::Export(self.0.id).into()
    }

    /// What it is about.
    async fn kind(&self) -> ExportKind {
        self.0.kind.into()
    }

    /// What it is written in.
    async fn format(&self) -> ExportFormat {
        self.0.format.into()
    }

    /// Where its job stands.
    async fn status(&self, ctx: &Context<'_>) -> Result<JobStatus> {
        Ok(self.job_of(ctx).await?.status.into())
    }

    /// What it is called when it is taken away: lower-case letters, digits, hyphens and points.
    async fn file_name(&self) -> &str {
        &self.0.file_name
    }

    /// Bytes; null until it is made.
    async fn byte_size(&self) -> Option<i32> {
        self.0.byte_size
    }

    /// Where whoever has the link can take it away, until `expiresAt`: a path on this server, signed
    /// anew at each ask. Null until it is made.
    async fn download_url(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.link(ctx).await.map(|link| link.map(|(url, _)| url))
    }

    /// When the `downloadUrl` of this answer ends, 15 minutes after it was asked for. Null until the
    /// file is made.
    async fn expires_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime<Utc>>> {
        self.link(ctx).await.map(|link| link.map(|(_, until)| until))
    }

    /// When it was asked for.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// What makes it.
    async fn job(&self, ctx: &Context<'_>) -> Result<Job> {
        self.job_of(ctx).await.map(Job)
    }

    /// Why it was not made, in a sentence; null unless its job failed.
    async fn error(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let job = self.job_of(ctx).await?;
        Ok(job.failure.as_ref().filter(|_| job.status.has_ended()).map(|why| why.message.clone()))
    }

    /// The portfolio it is about; null for trades.
    async fn portfolio(&self, ctx: &Context<'_>) -> Option<Result<Portfolio>> {
        let found = request(ctx).loaders().row(PortfolioBy(self.0.portfolio_id?)).await;
        found.map(|found| found.map(Portfolio)).transpose()
    }
}

impl Export {
    async fn job_of(&self, ctx: &Context<'_>) -> Result<Arc<work::Job>> {
        let found = request(ctx).loaders().row(JobBy(self.0.job_id)).await?;
        Ok(found.ok_or_else(|| Error::Internal("a file without its job".into()))?)
    }

    async fn link(&self, ctx: &Context<'_>) -> Option<Result<(String, DateTime<Utc>)>> {
        self.0.byte_size?;
        let request = request(ctx);
        let link = async {
            let owner = request.user().await?.id;
            Ok(exports::link(&request.services, owner, self.0.id)?)
        };
        Some(link.await)
    }
}

connection! {
    /// Files to take away, the newest first.
    ExportConnection, ExportEdge, Export
}

impl ExportConnection {
    pub fn page(slice: Slice<export::Export>, scope: Scope) -> Self {
        Self::of(slice.map(Arc::new), scope, |one: &Arc<export::Export>| one.id, Export)
    }
}

/// A kind of report.
#[derive(Clone, Debug, SimpleObject)]
pub struct ReportTemplate {
    /// Give it as `template`.
    key: &'static str,
    /// What reports of it are called.
    name: &'static str,
    /// What it is for.
    description: &'static str,
    /// What is in it, in its order.
    sections: Vec<ReportSection>,
}

impl From<&export::ReportTemplate> for ReportTemplate {
    fn from(template: &export::ReportTemplate) -> Self {
        Self {
            key: template.key,
            name: template.name,
            description: template.description,
            sections: template.sections.iter().map(|one| (*one).into()).collect(),
        }
    }
}

/// A report that is made again and again; what it makes is among the viewer's `exports`.
#[derive(Clone)]
pub struct ReportSchedule(pub Arc<export::ReportSchedule>);

/// A report that is made again and again; what it makes is among the viewer's `exports`.
#[Object]
impl ReportSchedule {
    /// Opaque and global; works with `node(id:)`.
    pub async fn id(&self) -> ID {
        NodeId::ReportSchedule(self.0.id).into()
    }

    /// The portfolio it is about.
    async fn portfolio(&self, ctx: &Context<'_>) -> Result<Portfolio> {
        let found = request(ctx).loaders().row(PortfolioBy(self.0.portfolio_id)).await?;
        let missing = || Error::Internal("a schedule without its portfolio".into());
        Ok(found.map(Portfolio).ok_or_else(missing)?)
    }

    /// The `key` of a `ReportTemplate`.
    async fn template(&self) -> &str {
        &self.0.template
    }

    /// What its files are written in.
    async fn format(&self) -> ExportFormat {
        self.0.format.into()
    }

    /// Five fields: minute, hour, day of the month, month, day of the week.
    async fn cron(&self) -> &str {
        &self.0.cron
    }

    /// Where those are read; it changes its clocks, and the schedule with them.
    async fn time_zone(&self) -> &'static str {
        "America/New_York"
    }

    /// Whether it is on.
    async fn is_enabled(&self) -> bool {
        self.0.is_enabled
    }

    /// The newest file it had made; null before the first, and once that is not kept any more.
    async fn last_export(&self, ctx: &Context<'_>) -> Option<Result<Export>> {
        let found = request(ctx).loaders().row(NewestOf(self.0.id)).await;
        found.map(|found| found.map(Export)).transpose()
    }

    /// When it is due next; null when it never is.
    async fn next_run_at(&self) -> Option<DateTime<Utc>> {
        self.0.next_run_at.filter(|_| self.0.is_enabled)
    }
}
