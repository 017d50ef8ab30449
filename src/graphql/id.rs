//! The opaque id: what kind of node, and its key.

use async_graphql::ID;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::domain::factor::Factor;
use crate::domain::id::{
    AlertId, AlertRuleId, AuditId, ExportId, InstrumentId, JobId, ModelTradeId, ModelingSessionId,
    PortfolioId, PositionId, ReportScheduleId, ScenarioId, SnapshotId, TagId, UserId,
};

/// What an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeId {
    User(UserId),
    Portfolio(PortfolioId),
    Position(PositionId),
    Instrument(InstrumentId),
    Tag(TagId),
    Job(JobId),
    Snapshot(SnapshotId),
    /// Read from its list alone.
    AuditEntry(AuditId),
    Scenario(ScenarioId),
    Factor(Factor),
    AlertRule(AlertRuleId),
    Alert(AlertId),
    Export(ExportId),
    ReportSchedule(ReportScheduleId),
    ModelingSession(ModelingSessionId),
    /// Read in its session alone.
    ModelTrade(ModelTradeId),
    /// A position of a book that is only tried: it names nothing, and is never read back.
    Tried(ModelingSessionId, PositionId),
}

impl NodeId {
    fn parts(self) -> (u8, Uuid) {
        match self {
            Self::User(id) => (1, id.0),
            Self::Portfolio(id) => (2, id.0),
            Self::Position(id) => (3, id.0),
            Self::Instrument(id) => (4, id.0),
            Self::Tag(id) => (5, id.0),
            Self::Job(id) => (6, id.0),
            Self::Snapshot(id) => (7, id.0),
            Self::AuditEntry(id) => (12, id.0),
            Self::Scenario(id) => (8, id.0),
            Self::AlertRule(id) => (10, id.0),
            Self::Alert(id) => (11, id.0),
            Self::Export(id) => (21, id.0),
            Self::ReportSchedule(id) => (22, id.0),
            Self::Factor(factor) => (9, Uuid::from_u128(factor.display_order().into())),
            Self::ModelingSession(id) => (20, id.0),
            Self::ModelTrade(id) => (23, id.0),
            Self::Tried(session, position) => {
                (24, Uuid::from_u128(session.0.as_u128() ^ position.0.as_u128()))
            }
        }
    }

    /// None for a text that is no id of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (kind, key) = bytes.split_first()?;
        let key = Uuid::from_slice(key).ok()?;
        match kind {
            1 => Some(Self::User(UserId(key))),
            2 => Some(Self::Portfolio(PortfolioId(key))),
            3 => Some(Self::Position(PositionId(key))),
            4 => Some(Self::Instrument(InstrumentId(key))),
            5 => Some(Self::Tag(TagId(key))),
            6 => Some(Self::Job(JobId(key))),
            7 => Some(Self::Snapshot(SnapshotId(key))),
            12 => Some(Self::AuditEntry(AuditId(key))),
            8 => Some(Self::Scenario(ScenarioId(key))),
            10 => Some(Self::AlertRule(AlertRuleId(key))),
            11 => Some(Self::Alert(AlertId(key))),
            21 => Some(Self::Export(ExportId(key))),
            22 => Some(Self::ReportSchedule(ReportScheduleId(key))),
            9 => {
                let is_it = |factor: &Factor| u128::from(factor.display_order()) == key.as_u128();
                Factor::ALL.into_iter().find(is_it).map(Self::Factor)
            }
            20 => Some(Self::ModelingSession(ModelingSessionId(key))),
            23 => Some(Self::ModelTrade(ModelTradeId(key))),
            _ => None,
        }
    }

    /// The portfolio an id names; None for anything else, as for one that does not exist.
    pub fn portfolio(text: &str) -> Option<PortfolioId> {
        match Self::parse(text)? {
            Self::Portfolio(id) => Some(id),
            _ => None,
        }
    }

    /// The stress scenario an id names.
    pub fn scenario(text: &str) -> Option<ScenarioId> {
        match Self::parse(text)? {
            Self::Scenario(id) => Some(id),
            _ => None,
        }
    }

    /// The alert rule an id names.
    pub fn alert_rule(text: &str) -> Option<AlertRuleId> {
        match Self::parse(text)? {
            Self::AlertRule(id) => Some(id),
            _ => None,
        }
    }

    /// The what-if session an id names.
    pub fn modeling_session(text: &str) -> Option<ModelingSessionId> {
        match Self::parse(text)? {
            Self::ModelingSession(id) => Some(id),
            _ => None,
        }
    }

    /// The alert an id names.
    pub fn alert(text: &str) -> Option<AlertId> {
        match Self::parse(text)? {
            Self::Alert(id) => Some(id),
            _ => None,
        }
    }

    /// The tag an id names.
    pub fn tag(text: &str) -> Option<TagId> {
        match Self::parse(text)? {
            Self::Tag(id) => Some(id),
            _ => None,
        }
    }

    /// The trade of a what-if session that an id names.
    pub fn model_trade(text: &str) -> Option<ModelTradeId> {
        match Self::parse(text)? {
            Self::ModelTrade(id) => Some(id),
            _ => None,
        }
    }

    /// The position an id names.
    pub fn position(text: &str) -> Option<PositionId> {
        match Self::parse(text)? {
            Self::Position(id) => Some(id),
            _ => None,
        }
    }
}

impl From<NodeId> for ID {
    fn from(id: NodeId) -> Self {
        let (kind, key) = id.parts();
        let mut bytes = [0; 17];
        bytes[0] = kind;
        bytes[1..].copy_from_slice(key.as_bytes());
        ID(URL_SAFE_NO_PAD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_and_nonsense_is_nothing() {
        let key = Uuid::now_v7();
        for id in [
            NodeId::User(UserId(key)),
            NodeId::Portfolio(PortfolioId(key)),
            NodeId::Position(PositionId(key)),
            NodeId::Instrument(InstrumentId(key)),
            NodeId::Tag(TagId(key)),
            NodeId::AuditEntry(AuditId(key)),
            NodeId::Scenario(ScenarioId(key)),
            NodeId::Factor(Factor::LowVolatility),
            NodeId::AlertRule(AlertRuleId(key)),
            NodeId::Alert(AlertId(key)),
            NodeId::Export(ExportId(key)),
            NodeId::ReportSchedule(ReportScheduleId(key)),
            NodeId::ModelingSession(ModelingSessionId(key)),
            NodeId::ModelTrade(ModelTradeId(key)),
        ] {
            assert_eq!(NodeId::parse(&ID::from(id)), Some(id));
        }
        let tried = NodeId::Tried(ModelingSessionId(key), PositionId(Uuid::now_v7()));
        assert_eq!(NodeId::parse(&ID::from(tried)), None);
        for nonsense in ["", "x", "AAAA", &"A".repeat(10_000), "💥"] {
            assert_eq!(NodeId::parse(nonsense), None);
        }
    }
}
