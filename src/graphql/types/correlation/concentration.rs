//! How much of a portfolio sits in few positions, whatever they have to do with each other.

use async_graphql::{ComplexObject, SimpleObject};

use crate::graphql::error::Result;
use crate::graphql::page::{cost, size};
use crate::graphql::scalar::Decimal;
use crate::services::correlation;
use crate::services::valuation::Book;

/// Lines of a concentration listed when nobody says how many.
const TOP: i32 = 10;

/// How much of a portfolio sits in few positions, whatever they have to do with each other. Over
/// the open positions that have a price, several of one instrument together.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Concentration {
    /// 1 / Σa² over the shares a of the gross exposure: as many of one size would be as
    /// concentrated. Null without exposure.
    effective_positions: Option<f64>,
    /// Σa², from 1/n for n of one size to 1 for a single one. Null without exposure.
    herfindahl: Option<f64>,
    /// By sector, the largest first; an empty key is no known sector. Options are of their
    /// underlying's.
    by_sector: Vec<ConcentrationLine>,
    #[graphql(skip)]
    instruments: Vec<correlation::Share>,
}

#[ComplexObject]
impl Concentration {
    /// By symbol, the largest first.
    #[graphql(complexity = "cost(first.or(Some(TOP)), None, child_complexity)")]
    async fn top(
        &self,
        #[graphql(desc = "At most so many, up to 500.", default = 10)] first: Option<i32>,
    ) -> Result<Vec<ConcentrationLine>> {
        let most = size("first", first.or(Some(TOP)))?;
        Ok(self.instruments.iter().take(most).map(ConcentrationLine::from).collect())
    }
}

/// What a portfolio has in an instrument or a sector.
#[derive(SimpleObject)]
pub struct ConcentrationLine {
    /// The symbol, or the sector.
    key: String,
    /// Σ exposure, signed, in the portfolio's currency.
    exposure: Decimal,
    /// Σ|exposure| over that of the portfolio: all of them add up to one.
    weight: f64,
}

impl From<&correlation::Share> for ConcentrationLine {
    fn from(share: &correlation::Share) -> Self {
        Self { key: share.key.clone(), exposure: share.exposure.into(), weight: share.weight }
    }
}

impl Concentration {
    pub fn of_book(book: &Book) -> Self {
        let found = correlation::concentration(&book.lines);
        Self {
            effective_positions: found.effective_positions,
            herfindahl: found.herfindahl,
            by_sector: found.sectors.iter().map(ConcentrationLine::from).collect(),
            instruments: found.instruments,
        }
    }
}
