//! A newtype for each id, so that a tag's cannot stand where a position's is meant.

use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize, sqlx::Type,
        )]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh id. Ids of one process ascend with time, so that an index grows at its end.
            pub fn fresh() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// A person; also the owner of every row that is theirs.
    UserId
    /// One sign-in and the refresh tokens that descend from it.
    SessionId
    PortfolioId
    PositionId
    InstrumentId
    TagId
    /// One line of the audit log.
    AuditId
}
