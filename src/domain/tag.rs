//! Tags, and the rules of their names.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::id::TagId;
use super::text::fold;

/// A tag that marks the legs of one trade starts so.
pub const STRATEGY_PREFIX: &str = "#strategy:";
/// Most tags one person may have.
pub const MAX_TAGS_PER_USER: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, sqlx::Type)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TagKind {
    Regular,
    /// Its positions are legs of one trade.
    Strategy,
}

impl TagKind {
    /// The kind follows from the name.
    pub fn of(name: &str) -> Self {
        let starts = name
            .get(..STRATEGY_PREFIX.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(STRATEGY_PREFIX));
        if starts { Self::Strategy } else { Self::Regular }
    }
}

#[derive(Clone, Debug, Deserialize)]
pub struct Tag {
    pub id: TagId,
    /// Unique among its owner's, whatever the case.
    pub name: String,
    pub kind: TagKind,
    /// `#RRGGBB`.
    pub color: String,
    pub description: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// Ten colors that stay apart for the color-blind (Tol, "muted" qualitative scheme, 2021).
const PALETTE: [&str; 10] = [
    "#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255",
    "#AA4499", "#666666",
];

/// The color of a tag that was given none: the same for the same name, everywhere.
pub fn default_color(name: &str) -> &'static str {
    // FNV-1a: spreads short names evenly and never changes with a release.
    let hash = fold(name).bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The remainder of ten fits every usize.
    #[expect(clippy::cast_possible_truncation, reason = "below ten")]
    let index = (hash % PALETTE.len() as u64) as usize;
    PALETTE[index]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_follows_from_the_name_whatever_its_case() {
        assert_eq!(TagKind::of("#Strategy:collar"), TagKind::Strategy);
        assert_eq!(TagKind::of("strategy:collar"), TagKind::Regular);
        assert_eq!(TagKind::of("#strateg€"), TagKind::Regular, "no cut inside a character");
    }

    #[test]
    fn a_color_depends_on_the_name_alone() {
        assert_eq!(default_color("core"), default_color("CORE"));
        assert!(PALETTE.contains(&default_color("tail_hedge")));
    }
}
