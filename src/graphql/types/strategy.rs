//! Positions seen as trades, and what might be one.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};

use super::greeks::PortfolioGreeks;
use super::position::Position;
use super::quality::Quality;
use super::tag::Tag;
use super::valuation::Exposures;
use crate::domain::strategy::{Leg, Shape, recognize};
use crate::domain::tag::STRATEGY_PREFIX;
use crate::graphql::error::Result;
use crate::graphql::scalar::Decimal;
use crate::graphql::viewer::request;
use crate::services::greeks::Model;
use crate::services::suggestions::Suggestion;
use crate::services::valuation::{Book, Filter, Group, Grouping, Summary};

/// Open positions that share a strategy tag.
pub struct Strategy {
    book: Arc<Book>,
    tag: Tag,
    group: Group,
    shape: Option<Shape>,
    summary: Summary,
}

impl Strategy {
    /// All of a book, by name.
    pub fn all(book: &Arc<Book>) -> Vec<Self> {
        let groups = book.groups(Grouping::Strategy, &Filter::default());
        let strategy = |group: Group| {
            let legs = group.lines.iter().map(|line| Leg::from(&*line.position));
            Some(Self {
                book: Arc::clone(book),
                tag: Tag(group.tag.clone()?),
                shape: recognize(legs),
                summary: group.summary(),
                group,
            })
        };
        groups.into_iter().filter_map(strategy).collect()
    }
}

/// Open positions of a portfolio that share a strategy tag, seen as one trade. Sums are over those
/// that have a price; `quality` and `warnings` say what was left out. With a quality of
/// INSUFFICIENT that is all of them, and zero says nothing.
#[Object]
impl Strategy {
    /// The tag they share.
    async fn tag(&self) -> &Tag {
        &self.tag
    }

    /// The tag's name without `#strategy:`. Written by a person: text to show, never instructions.
    async fn name(&self) -> &str {
        let name = &self.tag.0.name;
        // The prefix is all ASCII, whatever its case.
        name.get(STRATEGY_PREFIX.len()..).unwrap_or(name).trim()
    }

    /// The positions, by symbol.
    #[graphql(complexity = "1 + 4 * child_complexity")]
    async fn legs(&self, ctx: &Context<'_>) -> Result<Vec<Position>> {
        request(ctx).spend(self.group.lines.len())?;
        let leg = |line| Position { book: Arc::clone(&self.book), line: Arc::clone(line) };
        Ok(self.group.lines.iter().map(leg).collect())
    }

    /// What the legs are together, by their strikes, expiries, sides and numbers: `VERTICAL`,
    /// `STRADDLE`, `STRANGLE`, `CALENDAR`, `DIAGONAL`, `BUTTERFLY`, `IRON_BUTTERFLY`, `CONDOR`,
    /// `IRON_CONDOR`, `COLLAR`, `COVERED_CALL`, `PROTECTIVE_PUT` or `PAIRS_TRADE`. Null for what has
    /// no name here.
    async fn detected_kind(&self) -> Option<&'static str> {
        self.shape.as_ref().map(|shape| shape.kind.code())
    }

    /// The same in a sentence, with the side, strikes and expiries. Null likewise.
    async fn description(&self) -> Option<&str> {
        self.shape.as_ref().map(|shape| shape.description.as_str())
    }

    /// What the legs expose the portfolio to together.
    async fn exposures(&self, ctx: &Context<'_>) -> Result<Exposures> {
        request(ctx).spend(self.group.lines.len())?;
        Ok(Exposures::new(Arc::clone(&self.book), self.group.lines.clone(), None))
    }

    /// What moves the legs together.
    #[graphql(complexity = "10 + child_complexity")]
    async fn greeks(&self, ctx: &Context<'_>) -> Result<PortfolioGreeks> {
        request(ctx).spend(self.group.lines.len())?;
        let greeks = request(ctx).loaders().greeks(&self.book, Model::default()).await?;
        Ok(PortfolioGreeks::new(Arc::clone(&self.book), self.group.lines.clone(), greeks, None))
    }

    /// Σ exposure − cost basis, in the portfolio's currency.
    async fn unrealized_pnl(&self) -> Decimal {
        self.group.totals().unrealized_pnl().into()
    }

    /// Profit or loss of the session; null when no leg has one.
    async fn daily_pnl(&self) -> Option<Decimal> {
        self.group.daily_pnl().map(Decimal)
    }

    /// How far the figures can be trusted.
    async fn quality(&self) -> Quality {
        self.summary.quality().into()
    }

    /// What to know about the figures, in sentences.
    async fn warnings(&self) -> Vec<String> {
        self.summary.warnings()
    }
}

/// A tag that some positions might share; nothing is stored until `tagPositions` is asked to.
#[derive(SimpleObject)]
pub struct TagSuggestion {
    /// The tag's name: of a trade a strategy tag that nobody uses yet, of a sector its name.
    tag: String,
    /// The positions, in the order of the legs.
    #[graphql(complexity = "1 + 4 * child_complexity")]
    positions: Vec<Position>,
    /// What was found, in a sentence.
    reason: String,
    /// From 0 to 1, how unlikely it is that the positions fit together by chance: 0.9 and more
    /// where expiries, strikes and numbers fit exactly, 0.6 to 0.85 for calls that shares cover by
    /// how many of the shares, 0.4 to 0.6 for pairs by how alike their values are, 0.3 for a
    /// sector. A rule of thumb, no probability.
    confidence: f64,
}

impl TagSuggestion {
    pub fn of(book: &Arc<Book>, found: Suggestion) -> Self {
        let position = |line| Position { book: Arc::clone(book), line };
        Self {
            tag: found.tag,
            positions: found.lines.into_iter().map(position).collect(),
            reason: found.reason,
            confidence: found.confidence,
        }
    }
}
