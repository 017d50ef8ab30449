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
    /// When somebody wants to be told of a figure.
    AlertRuleId = now_v7
    /// That somebody was.
    AlertId = now_v7
    /// A file to take away.
    ExportId = now_v7
    /// A report that is made again and again.
    ReportScheduleId = now_v7
    /// One line of the audit log.
    AuditId = now_v7
    /// Trades that somebody tries on a portfolio.
    ModelingSessionId = now_v7
    ModelTradeId = now_v7
}

impl InstrumentId {
    /// Of a contract that is listed and not stored: its compact symbol written as a number. No
    /// stored instrument has such an id.
    pub fn listed(symbol: &str) -> Self {
        let number = symbol.bytes().fold(0_u128, |number, byte| {
            let place = DIGITS.iter().position(|digit| *digit == byte).unwrap_or(0);
            number.wrapping_mul(BASE) + place as u128
        });
        let (high, low) = (number >> LOW_BITS, number & LOW);
        Self(uuid::Builder::from_custom_bytes((high << HIGH_SHIFT | low).to_be_bytes()).into_uuid())
    }

    /// The symbol that an id of [`InstrumentId::listed`] is made of; None for another one.
    pub fn listed_symbol(self) -> Option<String> {
        if self.0.get_version_num() != 8 {
            return None;
        }
        let bits = self.0.as_u128();
        let mut number = (bits >> HIGH_SHIFT) << LOW_BITS | bits & LOW;
        let mut symbol = Vec::new();
        while number > 0 {
            symbol.push(*DIGITS.get(usize::try_from(number % BASE).ok()?)?);
            number /= BASE;
        }
        symbol.reverse();
        String::from_utf8(symbol).ok()
    }
}

/// What symbols are written with, as digits; the first stands for nothing.
const DIGITS: &[u8; 37] = b" ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const BASE: u128 = DIGITS.len() as u128;
/// A UUID of version 8 leaves its first 48 bits and its last 62 to us, and a number of 21 such
/// digits has 110.
const LOW_BITS: u32 = 62;
const LOW: u128 = (1 << LOW_BITS) - 1;
const HIGH_SHIFT: u32 = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_listed_contract_is_its_symbol() {
        for symbol in [
            "AAPL260116C00150000",
            "SPXW260109P06900000",
            "A260116C00000001",
            "ZZZZZZ991231P99999999",
        ] {
            assert_eq!(InstrumentId::listed(symbol).listed_symbol().as_deref(), Some(symbol));
        }
        assert_eq!(InstrumentId::fresh().listed_symbol(), None);
    }
}
