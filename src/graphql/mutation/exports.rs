//! Asking for files to take away.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::modeling::ModelTradeInput;
use super::owner;
use crate::domain::id::ExportId;
use crate::error::{Error, Refusal};
use crate::graphql::error::{Result, UserError, settle};
use crate::graphql::id::NodeId;
use crate::graphql::loaders::exports::ExportBy;
use crate::graphql::scalar::Date;
use crate::graphql::types::export::{Export, ExportFormat, ReportSection};
use crate::graphql::types::position::PositionFilter;
use crate::graphql::viewer::{Request, request};
use crate::services::exports::{self, AskedReport};
use crate::services::modeling::WrittenTrade;

/// Which positions, and as what.
#[derive(InputObject)]
struct ExportPortfolioInput {
    /// One of the viewer's.
    portfolio_id: ID,
    /// CSV, JSON or XLSX. The open positions of a CSV can be uploaded into another portfolio as the
    /// same book: what was entered as one is one row, with at most 10 decimals. Closed positions
    /// have an `exit_date`, which an upload ignores: leave them out of what is uploaded.
    format: ExportFormat,
    /// The session whose closes value it; the last completed one, with what was entered since, when
    /// left out. A day that is no session stands for the one before it.
    as_of: Option<Date>,
    /// What to narrow the positions to; all that are open when left out.
    filter: Option<PositionFilter>,
}

/// Which trades, and as what.
#[derive(InputObject)]
struct ExportTradesInput {
    /// A what-if session of the viewer's, whose trades are written down: limited to the prices they
    /// were tried at.
    session_id: Option<ID>,
    /// Instead of a session: 1 to 1,000 trades. All of them are written down, or none, and
    /// everything that is wrong with them is told.
    trades: Option<Vec<ModelTradeInput>>,
    /// CSV, JSON, XLSX or FIX.
    format: ExportFormat,
    /// The broker's account that they are for: up to 40 characters of ASCII.
    account: Option<String>,
}

/// Which report, and as what.
#[derive(InputObject)]
struct GenerateReportInput {
    /// One of the viewer's.
    portfolio_id: ID,
    /// MARKDOWN, JSON, CSV, XLSX or PDF. The numbers of all of them are the same; a CSV is of the
    /// positions with all their columns, or of every figure where there is no POSITIONS section.
    format: ExportFormat,
    /// The `key` of a `ReportTemplate`; `full` when left out.
    template: Option<String>,
    /// These sections instead of the template's, in the order of a report.
    sections: Option<Vec<ReportSection>>,
    /// The session; the last completed one, with what was entered since, when left out. A day that
    /// is no session stands for the one before it.
    as_of: Option<Date>,
}

/// A file that was asked for.
#[derive(SimpleObject)]
struct ExportPayload {
    /// The file as it is now, with the job that makes it; null when there are `userErrors`.
    export: Option<Export>,
    /// What the caller can mend.
    user_errors: Vec<UserError>,
}

impl ExportPayload {
    async fn of(request: &Request, outcome: Result<ExportId, Error>) -> Result<Self> {
        let (id, user_errors) = settle(outcome)?;
        request.has_written().await;
        let export = match id {
            Some(id) => request.loaders().row(ExportBy(id)).await?.map(Export),
            None => None,
        };
        Ok(Self { export, user_errors })
    }
}

#[derive(Default)]
pub struct Exports;

#[Object]
impl Exports {
    /// Has the positions of a portfolio written into a file, by a job to watch.
    #[graphql(complexity = "100 + child_complexity")]
    async fn export_portfolio(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which positions, and as what.")] input: ExportPortfolioInput,
    ) -> Result<ExportPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let filter = PositionFilter::selection(input.filter)?;
        let id = NodeId::portfolio(&input.portfolio_id);
        let (format, as_of) = (input.format.into(), input.as_of.map(|date| date.0));
        let outcome = exports::portfolio(&request.services, owner, id, format, as_of, filter).await;
        ExportPayload::of(request, outcome).await
    }

    /// Has trades written into a file of orders, by a job to watch. Nothing is sent to anybody.
    #[graphql(complexity = "100 + child_complexity")]
    async fn export_trades(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which trades, and as what.")] input: ExportTradesInput,
    ) -> Result<ExportPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let outcome = async {
            let orders = match (input.session_id, input.trades) {
                (None, Some(trades)) => {
                    let trades = trades.into_iter().map(WrittenTrade::from).collect();
                    match exports::orders(&request.services, owner, trades).await? {
                        Ok(orders) => orders,
                        Err(faults) => return Ok(Err(faults)),
                    }
                }
                (Some(id), None) => {
                    let id = NodeId::modeling_session(&id);
                    exports::orders_of_session(&request.services, owner, id).await?
                }
                _ => {
                    let message = "Give exactly one of `sessionId` and `trades`.";
                    return Err(Refusal::validation(message)
                        .at("trades")
                        .hint("The trades of a session are written down by its id alone.")
                        .into());
                }
            };
            let (format, account) = (input.format.into(), input.account.as_deref());
            exports::trades(&request.services, owner, orders, format, account).await.map(Ok)
        };
        match outcome.await {
            Ok(Err(faults)) => {
                let user_errors = faults.into_iter().map(UserError::from).collect();
                Ok(ExportPayload { export: None, user_errors })
            }
            Ok(Ok(id)) => ExportPayload::of(request, Ok(id)).await,
            Err(error) => ExportPayload::of(request, Err(error)).await,
        }
    }

    /// Has a report on a portfolio made, by a job to watch.
    #[graphql(complexity = "100 + child_complexity")]
    async fn generate_report(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which report, and as what.")] input: GenerateReportInput,
    ) -> Result<ExportPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let asked = AskedReport {
            portfolio: NodeId::portfolio(&input.portfolio_id),
            format: input.format.into(),
            template: input.template,
            sections: input.sections.map(|all| all.into_iter().map(Into::into).collect()),
            as_of: input.as_of.map(|date| date.0),
        };
        let outcome = exports::report(&request.services, owner, asked).await;
        ExportPayload::of(request, outcome).await
    }
}
