//! How far a figure can be trusted, and where it comes from.

use async_graphql::{Enum, SimpleObject};
use chrono::{DateTime, Utc};

use super::instrument::PriceSource;
use crate::domain::quality;
use crate::graphql::scalar::{Date, Decimal};

/// How far a computed figure can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "quality::Quality")]
pub enum Quality {
    /// Every input is observed and current.
    Full,
    /// Some positions had to be left out; the warnings and the coverage say which and how much.
    Limited,
    /// Simulated or modelled inputs took part.
    Estimated,
    /// Nothing could be computed: the figures are null and a warning says why.
    Insufficient,
    /// Some inputs are older than the date asked for.
    Stale,
}

/// Where a computed figure comes from, enough to do it again by hand.
#[derive(Clone, Debug, SimpleObject)]
pub struct Provenance {
    /// The session whose close the figure uses.
    pub as_of: Date,
    /// When it was computed; of what is made of several estimates the newest.
    pub computed_at: DateTime<Utc>,
    /// Whether a batch stored it or this request computed it.
    pub basis: ComputationBasis,
    /// Name of the method; the field's description has the formula.
    pub method: String,
    /// Raised whenever the same inputs would give another figure.
    pub model_version: String,
    /// What went into it.
    pub inputs: Vec<ProvenanceInput>,
    /// What it speaks for.
    pub coverage: Coverage,
}

/// When a figure was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ComputationBasis {
    /// By the nightly chain, earlier: the figure, or all that is estimated in it, such as the betas
    /// behind an exposure. It still is what would be found now.
    Stored,
    /// For this request.
    Live,
}

/// One input of a figure.
#[derive(Clone, Debug, SimpleObject)]
pub struct ProvenanceInput {
    /// What it is, such as `price`.
    pub name: String,
    /// Its value, as text.
    pub value: String,
    /// Its unit, such as `USD per share`; null for a bare number.
    pub unit: Option<String>,
    /// The session it is of; null when it has none.
    pub as_of: Option<Date>,
    /// Who says so, such as `IMPORT`; null for what the position itself says.
    pub source: Option<String>,
}

impl Provenance {
    /// The same of what the nightly chain found at a time; as it is without one.
    #[must_use]
    pub fn found_at(self, at: Option<DateTime<Utc>>) -> Self {
        match at {
            Some(computed_at) => Self { computed_at, basis: ComputationBasis::Stored, ..self },
            None => self,
        }
    }
}

impl ProvenanceInput {
    pub fn new(name: &str, value: &impl ToString) -> Self {
        Self { name: name.into(), value: value.to_string(), unit: None, as_of: None, source: None }
    }

    #[must_use]
    pub fn in_unit(self, unit: &str) -> Self {
        Self { unit: Some(unit.into()), ..self }
    }

    #[must_use]
    pub fn from(self, source: PriceSource, as_of: chrono::NaiveDate) -> Self {
        let source = Some(async_graphql::resolver_utils::enum_value(source).to_string());
        Self { source, as_of: Some(as_of.into()), ..self }
    }
}

/// What a figure speaks for.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct Coverage {
    /// Positions that are in the figure.
    included_positions: usize,
    /// Positions that had to be left out.
    excluded_positions: usize,
    /// Sum of the sizes of the exposures that are in it.
    included_exposure: Decimal,
    /// Size of what was left out, at cost: without a price nothing better is known.
    excluded_exposure: Decimal,
}

impl From<quality::Coverage> for Coverage {
    fn from(coverage: quality::Coverage) -> Self {
        Self {
            included_positions: coverage.included_positions,
            excluded_positions: coverage.excluded_positions,
            included_exposure: coverage.included_exposure.into(),
            excluded_exposure: coverage.excluded_exposure.into(),
        }
    }
}
