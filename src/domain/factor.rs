//! The factors: the one list of them, with the funds that stand for them.
//!
//! What is said here of a factor holds everywhere: its name in scenarios and in the graph, the
//! fund whose returns are its returns, its place in every list.

/// A style that moves many shares at once.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Factor {
    Market,
    Value,
    Growth,
    Momentum,
    Quality,
    Size,
    LowVolatility,
    ShortInterest,
}

/// What a factor is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FactorKind {
    Style,
    Sector,
    Macro,
}

impl Factor {
    /// All of them, in the order they are shown in: the market first.
    pub const ALL: [Self; 8] = [
        Self::Market,
        Self::Value,
        Self::Growth,
        Self::Momentum,
        Self::Quality,
        Self::Size,
        Self::LowVolatility,
        Self::ShortInterest,
    ];

    /// Those that something is known of, in the same order.
    pub fn active() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|factor| factor.is_active())
    }

    /// As scenarios and the graph name it; stored, and never changed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Market => "Market",
            Self::Value => "Value",
            Self::Growth => "Growth",
            Self::Momentum => "Momentum",
            Self::Quality => "Quality",
            Self::Size => "Size",
            Self::LowVolatility => "Low Volatility",
            Self::ShortInterest => "Short Interest",
        }
    }

    /// The factor of a name, whatever its case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|factor| factor.name().eq_ignore_ascii_case(name.trim()))
    }

    pub const fn display_name(self) -> &'static str {
        match self {
            Self::Market => "US market",
            Self::Value => "Value style",
            Self::Growth => "Growth style",
            Self::Momentum => "Momentum style",
            Self::Quality => "Quality style",
            Self::Size => "Small size",
            Self::LowVolatility => "Low volatility",
            Self::ShortInterest => "Short interest",
        }
    }

    /// The fund whose returns stand for the factor's; None while there is no source for it.
    pub const fn etf(self) -> Option<&'static str> {
        match self {
            Self::Market => Some("SPY"),
            Self::Value => Some("VTV"),
            Self::Growth => Some("VUG"),
            Self::Momentum => Some("MTUM"),
            Self::Quality => Some("QUAL"),
            Self::Size => Some("SIZE"),
            Self::LowVolatility => Some("USMV"),
            Self::ShortInterest => None,
        }
    }

    pub const fn kind(self) -> FactorKind {
        FactorKind::Style
    }

    /// Whether betas to it are computed.
    pub const fn is_active(self) -> bool {
        self.etf().is_some()
    }

    /// Its place in every list, from 1.
    pub const fn display_order(self) -> u8 {
        self as u8 + 1
    }

    pub const fn description(self) -> &'static str {
        match self {
            Self::Market => "The market of large US companies, by the returns of SPY.",
            Self::Value => "US companies that are cheap by their books and earnings: VTV.",
            Self::Growth => "US companies whose sales and earnings grow fast: VUG.",
            Self::Momentum => "US companies whose shares have risen most of late: MTUM.",
            Self::Quality => {
                "US companies with high return on equity, steady earnings and little debt: QUAL."
            }
            Self::Size => "US companies weighted toward the smaller ones: SIZE.",
            Self::LowVolatility => "US companies whose shares vary least together: USMV.",
            Self::ShortInterest => {
                "Shares that many have sold short. Inactive: no source of it is connected, and \
                 nothing stands in for it."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seven_with_a_fund_are_active_and_stand_in_their_order() {
        let funds: Vec<_> = Factor::active().filter_map(Factor::etf).collect();
        assert_eq!(funds, ["SPY", "VTV", "VUG", "MTUM", "QUAL", "SIZE", "USMV"]);
        let orders = Factor::ALL.map(Factor::display_order);
        assert_eq!(orders, [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn a_name_is_read_back_whatever_its_case() {
        for factor in Factor::ALL {
            assert_eq!(Factor::named(&factor.name().to_uppercase()), Some(factor));
        }
        assert_eq!(Factor::named("Luck"), None);
    }
}
