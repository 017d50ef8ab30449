//! Everything that has a global id.

use std::sync::Arc;

use async_graphql::{Context, ID, Interface};

use super::alert::{Alert, AlertRule};
use super::export::{Export, ReportSchedule};
use super::factor::Factor;
use super::instrument::Instrument;
use super::job::Job;
use super::modeling::ModelingSession;
use super::option_quote;
use super::portfolio::Portfolio;
use super::position::Position;
use super::scenario::StressScenario;
use super::snapshot::PortfolioSnapshot;
use super::tag::Tag;
use super::user::User;
use crate::domain::id::PositionId;
use crate::graphql::error::Result;
use crate::graphql::id::NodeId;
use crate::graphql::loaders::alerts::{AlertBy, AlertRuleBy};
use crate::graphql::loaders::exports::{ExportBy, ReportScheduleBy};
use crate::graphql::loaders::jobs::JobBy;
use crate::graphql::loaders::snapshots::SnapshotBy;
use crate::graphql::loaders::{InstrumentBy, PortfolioBy, PortfolioOf, TagBy};
use crate::graphql::viewer::request;

/// Everything that has a global id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Opaque and global; works with `node(id:)`."))]
pub enum Node {
    User(User),
    Portfolio(Portfolio),
    Position(Position),
    Instrument(Instrument),
    Tag(Tag),
    Job(Job),
    Snapshot(PortfolioSnapshot),
    StressScenario(StressScenario),
    Factor(Factor),
    AlertRule(AlertRule),
    Alert(Alert),
    Export(Export),
    ReportSchedule(ReportSchedule),
    ModelingSession(ModelingSession),
}

impl Node {
    /// What an id names; None for nothing, for what is somebody else's, and for nobody who asks.
    pub async fn find(ctx: &Context<'_>, id: &ID) -> Result<Option<Self>> {
        let request = request(ctx);
        let Some(viewer) = request.moment.viewer().await? else { return Ok(None) };
        Ok(match NodeId::parse(id) {
            None | Some(NodeId::AuditEntry(_) | NodeId::ModelTrade(_) | NodeId::Tried(..)) => None,
            Some(NodeId::Factor(factor)) => Some(Self::Factor(Factor(factor))),
            Some(NodeId::User(id)) => (viewer.id == id).then_some(Self::User(User(viewer))),
            Some(NodeId::Portfolio(id)) => {
                let found = request.loaders().row(PortfolioBy(id)).await?;
                found.map(|portfolio| Self::Portfolio(Portfolio(portfolio)))
            }
            Some(NodeId::Position(id)) => find_position(ctx, id).await?.map(Self::Position),
            Some(NodeId::Instrument(id)) => {
                let found = match id.listed_symbol() {
                    Some(symbol) => option_quote::listed(request, &symbol).await?,
                    None => request.loaders().row(InstrumentBy(id)).await?,
                };
                found.map(|instrument| Self::Instrument(Instrument(instrument)))
            }
            Some(NodeId::Tag(id)) => {
                let found = request.loaders().row(TagBy(id)).await?;
                found.map(|tag| Self::Tag(Tag(tag)))
            }
            Some(NodeId::Job(id)) => {
                request.loaders().row(JobBy(id)).await?.map(Job).map(Self::Job)
            }
            Some(NodeId::Snapshot(id)) => {
                let found = request.loaders().row(SnapshotBy(id)).await?;
                found.map(PortfolioSnapshot).map(Self::Snapshot)
            }
            Some(NodeId::AlertRule(id)) => {
                let found = request.loaders().row(AlertRuleBy(id)).await?;
                found.map(AlertRule).map(Self::AlertRule)
            }
            Some(NodeId::Alert(id)) => {
                request.loaders().row(AlertBy(id)).await?.map(Alert).map(Self::Alert)
            }
            Some(NodeId::Export(id)) => {
                let found = request.loaders().row(ExportBy(id)).await?;
                found.map(Export).map(Self::Export)
            }
            Some(NodeId::ReportSchedule(id)) => {
                let found = request.loaders().row(ReportScheduleBy(id)).await?;
                found.map(ReportSchedule).map(Self::ReportSchedule)
            }
            Some(NodeId::Scenario(id)) => {
                let found = request.loaders().scenario(id).await?;
                found.map(|scenario| Self::StressScenario(StressScenario(scenario)))
            }
            Some(NodeId::ModelingSession(id)) => {
                let found = request.loaders().modeling_session(id).await?;
                found.map(|session| Self::ModelingSession(ModelingSession(session)))
            }
        })
    }
}

/// A position of the viewer's, in the book of the last completed session.
pub async fn find_position(ctx: &Context<'_>, id: PositionId) -> Result<Option<Position>> {
    let request = request(ctx);
    let Some(portfolio) = request.loaders().row(PortfolioOf(id)).await? else { return Ok(None) };
    let loaders = request.loaders();
    let Some(portfolio) = loaders.row(PortfolioBy(portfolio)).await? else { return Ok(None) };
    let book = loaders.book(&portfolio, request.horizon(None)?).await?;
    Ok(book.line(id).cloned().map(|line| Position { book: Arc::clone(&book), line }))
}
