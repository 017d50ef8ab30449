//! A newtype for each id, so that a tag's cannot stand where a position's is meant.

use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $fresh:ident)*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize, sqlx::Type,
        )]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// An id that is nobody's yet.
            pub fn fresh() -> Self {
                Self(Uuid::$fresh())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

// Ids ascend with time where their owner alone sees them, so that an index grows at its end.
ids! {
    /// A person; also the owner of every row that is theirs.
    UserId = now_v7
    /// One sign-in and the refresh tokens that descend from it.
    SessionId = now_v7
    PortfolioId = now_v7
    PositionId = now_v7
    /// Shared by all owners, whom it must not tell when somebody first held it.
    InstrumentId = new_v4
    TagId = now_v7
    /// A book at the close of a session.
    SnapshotId = now_v7
    /// A piece of work the service owes itself.
    JobId = now_v7
    /// A stress scenario, built in or a person's own.
    ScenarioId = now_v7
    /// One line of the audit log.
    AuditId = now_v7
    /// Trades that somebody tries on a portfolio.
    ModelingSessionId = now_v7
    ModelTradeId = now_v7
}
