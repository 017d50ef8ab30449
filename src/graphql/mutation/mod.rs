//! What changes things: a file a noun, input, payload and resolver together.
//!
//! What the caller can mend comes back as `userErrors` beside a nullable result; the rest is an
//! error with a code. A mutation that has written makes the request forget what it has read.

mod alerts;
mod exports;
mod holdings;
mod jobs;
mod modeling;
mod portfolios;
mod positions;
mod prices;
mod report_schedules;
mod scenarios;
mod sessions;
mod tags;

use async_graphql::{ID, MergedObject, SimpleObject, Upload};

use super::error::{Result, UserError};
use super::viewer::Request;
use crate::error::Refusal;

/// Where writing starts. Mutations of one document run one after the other.
#[derive(MergedObject, Default)]
pub struct Mutation(
    sessions::Sessions,
    portfolios::Portfolios,
    positions::Positions,
    holdings::Holdings,
    prices::Prices,
    jobs::Jobs,
    scenarios::Scenarios,
    alerts::Alerts,
    tags::Tags,
    exports::Exports,
    report_schedules::ReportSchedules,
    modeling::Modeling,
);

/// What was deleted, or why nothing was.
#[derive(SimpleObject)]
struct DeletePayload {
    /// The `id` of what is gone; null when there are `userErrors`.
    deleted_id: Option<ID>,
    /// What the caller can mend.
    user_errors: Vec<UserError>,
}

/// The bytes of a CSV that comes as a file or as text; `max_bytes` and one more are enough to
/// tell that it is too large.
///
/// # Errors
/// `Validation` unless exactly one of the two is given.
async fn csv_bytes(
    ctx: &async_graphql::Context<'_>,
    file: Option<Upload>,
    csv: Option<String>,
    max_bytes: usize,
) -> std::result::Result<Vec<u8>, crate::error::Error> {
    match (file, csv) {
        (None, Some(text)) => Ok(text.into_bytes()),
        (Some(file), None) => {
            let internal = |error: std::io::Error| {
                crate::error::Error::Internal(format!("an upload cannot be read: {error}"))
            };
            let content = file.value(ctx).map_err(internal)?.content;
            tokio::task::spawn_blocking(move || {
                let mut bytes = Vec::new();
                let most = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
                std::io::Read::read_to_end(&mut std::io::Read::take(content, most), &mut bytes)?;
                Ok(bytes)
            })
            .await
            .map_err(|error| internal(std::io::Error::other(error)))?
            .map_err(internal)
        }
        (file, _) => Err(Refusal::validation("Give exactly one of `file` and `csv`.")
            .at(if file.is_some() { "csv" } else { "file" })
            .hint("Send the file as multipart/form-data, or its text as `csv`.")
            .into()),
    }
}

/// The id of whoever is signed in.
async fn owner(request: &Request) -> Result<crate::domain::id::UserId> {
    Ok(request.user().await?.id)
}
