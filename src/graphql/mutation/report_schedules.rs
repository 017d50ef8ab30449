//! Having reports made again and again.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{DeletePayload, owner};
use crate::graphql::error::{Result, UserError, settle};
use crate::graphql::id::NodeId;
use crate::graphql::types::export::{ExportFormat, ReportSchedule};
use crate::graphql::viewer::request;
use crate::services::report_schedules::{self, NewSchedule};

/// Which report, and when.
#[derive(InputObject)]
struct CreateReportScheduleInput {
    /// One of the viewer's.
    portfolio_id: ID,
    /// The `key` of a `ReportTemplate`.
    template: String,
    /// MARKDOWN, JSON, CSV, XLSX or PDF.
    format: ExportFormat,
    /// Five fields, read in New York time: minute, hour, day of the month, month, day of the week.
    /// At most once a day: `0 18 * * 1-5` is every weekday at six in the evening, `0 7 * * 1` every
    /// Monday at seven.
    cron: String,
}

/// Which schedule is to end.
#[derive(InputObject)]
struct DeleteReportScheduleInput {
    /// The schedule's `id`.
    id: ID,
}

/// A schedule, or why there is none.
#[derive(SimpleObject)]
struct ReportSchedulePayload {
    /// The schedule as it is now; null when there are `userErrors`.
    schedule: Option<ReportSchedule>,
    /// What the caller can mend.
    user_errors: Vec<UserError>,
}

#[derive(Default)]
pub struct ReportSchedules;

#[Object]
impl ReportSchedules {
    /// Has a report made at most once a day; what was missed is made once, when somebody is there
    /// again. At most 20 a portfolio.
    async fn create_report_schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which report, and when.")] input: CreateReportScheduleInput,
    ) -> Result<ReportSchedulePayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let new = NewSchedule {
            portfolio: NodeId::portfolio(&input.portfolio_id),
            template: input.template,
            format: input.format.into(),
            cron: input.cron,
        };
        let outcome = report_schedules::create(&request.services, owner, new).await;
        let (schedule, user_errors) = settle(outcome)?;
        request.has_written().await;
        let schedule = schedule.map(|schedule| ReportSchedule(Arc::new(schedule)));
        Ok(ReportSchedulePayload { schedule, user_errors })
    }

    /// Ends a schedule. What it has made stays.
    async fn delete_report_schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: DeleteReportScheduleInput,
    ) -> Result<DeletePayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let id = match NodeId::parse(&input.id) {
            Some(NodeId::ReportSchedule(id)) => Some(id),
            _ => None,
        };
        let outcome = report_schedules::delete(&request.services, owner, id).await;
        let (deleted, user_errors) = settle(outcome)?;
        request.has_written().await;
        let deleted_id = deleted.map(|id| NodeId::ReportSchedule(id).into());
        Ok(DeletePayload { deleted_id, user_errors })
    }
}
