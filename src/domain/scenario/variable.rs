//! What a scenario can shock.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::factor::Factor;
use crate::domain::text::fold;

/// What a scenario can shock, as text: `Market`, `OIL`, `SECTOR:Technology`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Variable {
    /// The return of a factor; of a style, beyond what the market explains.
    Factor(Factor),
    Macro(Macro),
    /// The return of everything in a sector or industry, by its name as instruments have it.
    Sector(String),
}

/// A variable beside the factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Macro {
    /// The 10-year Treasury yield: its absolute change.
    InterestRate,
    Oil,
    Gold,
    /// German stocks.
    Dax,
    EmergingMarkets,
    China,
    /// What high-yield bonds yield over Treasuries: its absolute change.
    CreditSpread,
    /// The level of the index: its change as a share of it.
    Vix,
}

impl Macro {
    pub const ALL: [Self; 8] = [
        Self::InterestRate,
        Self::Oil,
        Self::Gold,
        Self::Dax,
        Self::EmergingMarkets,
        Self::China,
        Self::CreditSpread,
        Self::Vix,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::InterestRate => "INTEREST_RATE",
            Self::Oil => "OIL",
            Self::Gold => "GOLD",
            Self::Dax => "DAX",
            Self::EmergingMarkets => "EMERGING_MARKETS",
            Self::China => "CHINA",
            Self::CreditSpread => "CREDIT_SPREAD",
            Self::Vix => "VIX",
        }
    }

    /// Symbols of what stands for it: one whose returns are its own, or two whose difference is.
    pub const fn proxies(self) -> &'static [&'static str] {
        match self {
            Self::InterestRate => &[],
            Self::Oil => &["USO"],
            Self::Gold => &["GLD"],
            Self::Dax => &["EWG"],
            Self::EmergingMarkets => &["EEM"],
            Self::China => &["FXI"],
            Self::CreditSpread => &["HYG", "IEF"],
            Self::Vix => &["^VIX"],
        }
    }
}

impl fmt::Display for Macro {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Starts the name of a sector's variable.
const SECTOR: &str = "SECTOR:";

/// Most characters of a sector's name.
const MAX_SECTOR_CHARACTERS: usize = 60;

/// What is known as one sector and called by others, or made of industries. Names are folded.
const ALIASES: [(&str, &[&str]); 6] = [
    ("technology", &["information technology"]),
    ("financials", &["financial services", "financial"]),
    ("health care", &["healthcare"]),
    ("consumer discretionary", &["consumer cyclical"]),
    ("consumer staples", &["consumer defensive"]),
    ("travel", &["airlines", "lodging", "travel services", "resorts & casinos", "cruise lines"]),
];

impl Variable {
    /// All that have a name of their own, the factors first.
    pub fn named() -> impl Iterator<Item = Self> {
        let factors = Factor::active().map(Self::Factor);
        factors.chain(Macro::ALL.into_iter().map(Self::Macro))
    }

    /// Whether a shock is the return of something that has a price, which cannot lose more than
    /// everything.
    pub fn is_price(&self) -> bool {
        !matches!(self, Self::Macro(Macro::InterestRate | Macro::CreditSpread | Macro::Vix))
    }

    /// The least and the most it can be shocked by.
    pub fn bounds(&self) -> (f64, f64) {
        match self {
            // Ten percentage points, and thirty.
            Self::Macro(Macro::InterestRate) => (-0.1, 0.1),
            Self::Macro(Macro::CreditSpread) => (-0.3, 0.3),
            // The index closed between 9 and 83 since 1990.
            Self::Macro(Macro::Vix) => (-0.9, 10.0),
            _ => (-1.0, 3.0),
        }
    }

    /// The shock that is about as bad as a loss of everything is of a price.
    pub(super) fn scale(&self) -> f64 {
        match self {
            Self::Macro(Macro::InterestRate) => 0.1,
            Self::Macro(Macro::CreditSpread) => 0.2,
            Self::Macro(Macro::Vix) => 10.0,
            _ => 1.0,
        }
    }

    /// Whether a sector's variable moves what is of this sector or industry.
    pub fn acts_on(&self, sector: Option<&str>, industry: Option<&str>) -> bool {
        let Self::Sector(name) = self else { return false };
        let name = fold(name);
        let others = ALIASES.iter().find(|(known, _)| *known == name).map(|(_, others)| *others);
        [sector, industry].into_iter().flatten().map(fold).any(|told| {
            told == name || others.is_some_and(|others| others.contains(&told.as_str()))
        })
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Factor(factor) => f.write_str(factor.name()),
            Self::Macro(of) => of.fmt(f),
            Self::Sector(name) => write!(f, "{SECTOR}{name}"),
        }
    }
}

/// There is no such variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such variable")]
pub struct UnknownVariable;

impl FromStr for Variable {
    type Err = UnknownVariable;

    /// Whatever the case.
    fn from_str(text: &str) -> Result<Self, UnknownVariable> {
        let text = text.trim();
        if let Some((start, name)) = text.split_at_checked(SECTOR.len())
            && start.eq_ignore_ascii_case(SECTOR)
        {
            let name = name.trim();
            let is_name = !name.is_empty()
                && name.chars().count() <= MAX_SECTOR_CHARACTERS
                && !name.chars().any(char::is_control);
            return is_name.then(|| Self::Sector(name.to_owned())).ok_or(UnknownVariable);
        }
        let named = Self::named().find(|one| one.to_string().eq_ignore_ascii_case(text));
        named.ok_or(UnknownVariable)
    }
}

impl TryFrom<String> for Variable {
    type Error = UnknownVariable;

    fn try_from(text: String) -> Result<Self, UnknownVariable> {
        text.parse()
    }
}

impl From<Variable> for String {
    fn from(variable: Variable) -> Self {
        variable.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_whatever_its_case() {
        for variable in Variable::named() {
            let name = variable.to_string();
            assert_eq!(name.to_lowercase().parse(), Ok(variable), "{name}");
        }
        let sector = Variable::Sector("Technology".into());
        assert_eq!("sector: Technology ".parse(), Ok(sector.clone()));
        assert_eq!(sector.to_string(), "SECTOR:Technology");
        for none in ["", "SECTOR:", "SECTOR:a\nb", "LUCK", "Short Interest", "SECTOŘ"] {
            assert_eq!(none.parse::<Variable>(), Err(UnknownVariable), "{none}");
        }
    }

    #[test]
    fn a_sector_is_known_by_its_other_names_and_its_industries() {
        let acts = |name: &str, sector: &str, industry: Option<&str>| {
            Variable::Sector(name.into()).acts_on(Some(sector), industry)
        };
        assert!(acts("technology", "Technology", None));
        assert!(acts("Health Care", "Healthcare", None));
        assert!(acts("Travel", "Industrials", Some("Airlines")));
        assert!(!acts("Technology", "Energy", None));
        assert!(!Variable::Factor(Factor::Market).acts_on(Some("Market"), None));
    }
}
