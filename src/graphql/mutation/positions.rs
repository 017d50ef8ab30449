//! Loading positions.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject, Upload};

use super::{csv_bytes, owner};
use crate::domain::id::PositionId;
use crate::domain::page::MAX_PAGE_SIZE;
use crate::error::{Error, Refusal};
use crate::graphql::error::{Result, UserError, settle};
use crate::graphql::id::NodeId;
use crate::graphql::loaders::PortfolioBy;
use crate::graphql::loaders::jobs::JobBy;
use crate::graphql::scalar::Date;
use crate::graphql::types::job::Job;
use crate::graphql::types::portfolio::Portfolio;
use crate::graphql::types::position::Position;
use crate::graphql::types::upload::{UploadRowError, UploadWarning};
use crate::graphql::viewer::{Request, request};
use crate::services::upload::{self, Outcome, judge};
use std::sync::Arc;

/// What becomes of the positions that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "upload::Mode")]
enum UploadMode {
    /// They stay. A row that repeats an open position's ticker and entry date is refused.
    Append,
    /// They make room, in the same transaction. A file without a good row replaces nothing.
    Replace,
}

/// A CSV of positions: `ticker,quantity,entry_price,entry_date` and optionally `tags` and
/// `position_type`. Exactly one of `file` and `csv`.
#[derive(InputObject)]
struct UploadPositionsInput {
    /// Where they go.
    portfolio_id: ID,
    /// The file, as multipart/form-data; at most 10 MiB and 10,000 rows.
    file: Option<Upload>,
    /// Its text, for small files.
    csv: Option<String>,
    /// What becomes of the positions that are there.
    #[graphql(default_with = "UploadMode::Append")]
    mode: UploadMode,
    /// Report, but store nothing.
    #[graphql(default = false)]
    dry_run: bool,
    /// The same key twice does the work once and gives the same answer; 1 to 200 characters.
    idempotency_key: Option<String>,
    /// Dates are judged as of this day; today when left out.
    reference_date: Option<Date>,
}

/// What a list of findings is taken to hold, for the budget of a query: ten thousand rows may be
/// wrong, few are.
const FINDINGS: usize = 2_000;

/// What became of a file of positions.
#[derive(Default, SimpleObject)]
struct UploadPositionsPayload {
    /// The portfolio as it is now; null when there are `userErrors`.
    portfolio: Option<Portfolio>,
    /// Rows stored, or that a dry run would store.
    created_count: usize,
    /// Rows refused. 0 when the whole file is refused: see `rows`.
    rejected_count: usize,
    /// What is wrong with the file or its rows, by row.
    #[graphql(complexity = "FINDINGS * child_complexity")]
    rows: Vec<UploadRowError>,
    /// What is worth knowing about what was accepted.
    #[graphql(complexity = "FINDINGS * child_complexity")]
    warnings: Vec<UploadWarning>,
    /// The work that completes the prices of what was stored; watch it with `jobProgress`. Null
    /// when nothing was.
    backfill_job: Option<Job>,
    /// The positions stored, in the order of the file; empty for a dry run.
    #[graphql(complexity = "MAX_PAGE_SIZE * child_complexity")]
    positions: Vec<Position>,
    /// What the caller can mend.
    user_errors: Vec<UserError>,
}

#[derive(Default)]
pub struct Positions;

#[Object]
impl Positions {
    /// Loads a CSV of positions. Bad rows are reported and do not stop the good ones; `dryRun`
    /// reports without storing.
    #[graphql(complexity = "100 + child_complexity")]
    async fn upload_positions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file and where it goes.")] input: UploadPositionsInput,
    ) -> Result<UploadPositionsPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let portfolio = NodeId::portfolio(&input.portfolio_id);
        let outcome = async {
            let bytes = csv_bytes(ctx, input.file, input.csv, judge::MAX_BYTES).await?;
            let portfolio = portfolio
                .ok_or_else(|| Error::from(Refusal::not_found("portfolio").at("portfolioId")))?;
            let file = upload::Upload {
                portfolio,
                bytes,
                mode: input.mode.into(),
                dry_run: input.dry_run,
                idempotency_key: input.idempotency_key,
                reference_date: input.reference_date.map(|date| date.0),
            };
            upload::upload(&request.services, owner, file).await
        };
        let (outcome, user_errors) = settle(outcome.await)?;
        request.has_written().await;
        let (Some(outcome), Some(id)) = (outcome, portfolio) else {
            return Ok(UploadPositionsPayload { user_errors, ..UploadPositionsPayload::default() });
        };
        let portfolio = request.loaders().row(PortfolioBy(id)).await?.map(Portfolio);
        let positions = match &portfolio {
            // The book is only read for whoever asks for positions.
            Some(portfolio) if ctx.look_ahead().field("positions").exists() => {
                stored(request, portfolio, &outcome.positions).await?
            }
            _ => Vec::new(),
        };
        let job = match outcome.backfill_job {
            Some(id) => request.loaders().row(JobBy(id)).await?.map(Job),
            None => None,
        };
        Ok(UploadPositionsPayload::of(outcome, portfolio, positions, job))
    }
}

async fn stored(
    request: &Request,
    portfolio: &Portfolio,
    ids: &[PositionId],
) -> Result<Vec<Position>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let book = request.loaders().book(&portfolio.0, request.horizon(None)?).await?;
    let lines: std::collections::HashMap<_, _> =
        book.lines.iter().map(|line| (line.position.id, line)).collect();
    Ok(ids
        .iter()
        .filter_map(|id| lines.get(id))
        .map(|line| Position { book: Arc::clone(&book), line: Arc::clone(line) })
        .collect())
}

impl UploadPositionsPayload {
    fn of(
        outcome: Outcome,
        portfolio: Option<Portfolio>,
        positions: Vec<Position>,
        backfill_job: Option<Job>,
    ) -> Self {
        Self {
            portfolio,
            created_count: outcome.created,
            rejected_count: outcome.rejected,
            rows: outcome.errors.into_iter().map(Into::into).collect(),
            warnings: outcome.warnings.into_iter().map(Into::into).collect(),
            positions,
            backfill_job,
            user_errors: Vec::new(),
        }
    }
}
