//! What the job of a file does: it reads, writes the file off the async threads, and keeps it.
//! Done again it says the same, and what is kept already stays: the time in a file is when it was
//! asked for.

use std::sync::Arc;

use serde_json::Value;

use super::{MAX_BYTES, Request, positions, trades};
use crate::domain::export::{Export, ExportFormat};
use crate::domain::id::{ExportId, UserId};
use crate::error::{Code, Error, Refusal};
use crate::render::report::Report;
use crate::render::{RenderError, csv, json, markdown, pdf, xlsx};
use crate::services::meter::Meter;
use crate::services::{Services, report};
use crate::store;

/// Makes a file of an owner's. One that is gone is owed nothing.
///
/// # Errors
/// `Refused` for one that is too large, or of a book that is gone; `Stopped` when `meter` says so.
pub async fn run(
    services: &Services,
    owner: UserId,
    id: ExportId,
    meter: &Meter,
) -> Result<(), Error> {
    let mut tx = services.db.begin_as(owner).await?;
    let found = store::exports::owned(tx.statement(), owner, &[id]).await?;
    let request = store::exports::request(tx.statement(), owner, id).await?;
    tx.commit().await?;
    let Some((export, request)) = found.into_iter().next().zip(request) else { return Ok(()) };
    let content = content(services, owner, &export, request, meter).await?;
    if content.len() > MAX_BYTES {
        let message = format!(
            "The file has {} bytes, more than the {MAX_BYTES} that are kept.",
            content.len()
        );
        return Err(Refusal::new(Code::Validation, message)
            .hint("Ask for fewer positions or sections.")
            .into());
    }
    meter.goes_on()?;
    let mut tx = services.db.begin_as(owner).await?;
    store::exports::fill(tx.statement(), owner, id, &content).await?;
    tx.commit().await?;
    meter.all_done();
    meter.says(format!("{}: {} bytes", export.file_name, content.len()));
    Ok(())
}

async fn content(
    services: &Services,
    owner: UserId,
    export: &Export,
    request: Value,
    meter: &Meter,
) -> Result<Vec<u8>, Error> {
    let request: Request = serde_json::from_value(request)
        .map_err(|error| Error::Internal(format!("what a file is of cannot be read: {error}")))?;
    let format = export.format;
    let (of, id, created_at) = (export.portfolio_id, export.id, export.created_at);
    let gone = || Refusal::not_found("portfolio");
    match request {
        Request::Portfolio { moment, filter } => {
            let portfolio = of.ok_or_else(gone)?;
            meter.counts(3, "Reading the book");
            let read = positions::read(services, owner, portfolio, moment).await?;
            meter.did(1);
            meter.says("Writing the file");
            let written = off_the_threads(move || {
                let book = positions::Positions::new(&read, &filter);
                book.written(format, created_at)
            });
            let written = written.await?;
            meter.did(1);
            Ok(written)
        }
        Request::Trades { account, orders } => {
            meter.counts(orders.len(), "Writing orders");
            let account = account.as_deref().map(Arc::<str>::from);
            off_the_threads(move || {
                trades::written(&orders, account.as_deref(), format, id, created_at)
            })
            .await
        }
        Request::Report { moment, title, sections } => {
            let portfolio = of.ok_or_else(gone)?;
            let asked = report::Asked { owner, portfolio, moment, title, sections };
            let made = report::make(services, asked, meter).await?;
            let made = Report { made_at: created_at, ..made };
            meter.says("Writing the document");
            off_the_threads(move || document(&made, format)).await
        }
    }
}

/// A report in a format.
///
/// # Errors
/// When it comes in no such format, or does not fit it.
pub fn document(report: &Report, format: ExportFormat) -> Result<Vec<u8>, Error> {
    Ok(match format {
        ExportFormat::Csv => csv::report(report)?,
        ExportFormat::Json => json::report(report),
        ExportFormat::Xlsx => xlsx::report(report)?,
        ExportFormat::Markdown => markdown::report(report),
        ExportFormat::Pdf => pdf::report(report)?,
        ExportFormat::Fix => {
            return Err(Error::Internal("a report is no list of orders".into()));
        }
    })
}

pub(in crate::services) async fn off_the_threads<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Internal(format!("writing a file failed: {error}")))?
}

impl From<RenderError> for Error {
    fn from(error: RenderError) -> Self {
        Self::Internal(format!("{error}: {:?}", std::error::Error::source(&error)))
    }
}
