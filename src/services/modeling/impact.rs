//! What trades change: the same figures of the base book and of the trial book.

use std::sync::Arc;

use rust_decimal::Decimal;

use crate::domain::factor::Factor;
use crate::domain::scenario::Scenario;
use crate::services::factors::{Basis, BookBetas, Deltas, Estimates};
use crate::services::risk;
use crate::services::stress::Desk;
use crate::services::valuation::Book;

/// The same thing before the trades and after them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pair<T> {
    pub before: T,
    pub after: T,
}

impl<T> Pair<T> {
    pub fn map<U>(self, mut each: impl FnMut(T) -> U) -> Pair<U> {
        Pair { before: each(self.before), after: each(self.after) }
    }

    pub fn as_ref(&self) -> Pair<&T> {
        Pair { before: &self.before, after: &self.after }
    }

    fn zip<U>(self, other: Pair<U>) -> Pair<(T, U)> {
        Pair { before: (self.before, other.before), after: (self.after, other.after) }
    }
}

/// A figure before and after; None where it is not known.
pub type Change<T> = Pair<Option<T>>;

impl<T: std::ops::Sub<Output = T> + Copy> Change<T> {
    /// After less before.
    pub fn difference(self) -> Option<T> {
        Some(self.after? - self.before?)
    }
}

/// Σ delta-adjusted exposure × beta over the total value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FactorChange {
    pub factor: Factor,
    pub beta: Change<f64>,
}

/// The betas of both books, by one set of estimates, in display order.
pub fn factors(
    books: Pair<&Book>,
    deltas: Pair<&Deltas>,
    basis: Basis,
    estimates: &Estimates,
) -> Vec<FactorChange> {
    let mut betas = BookBetas::new(estimates);
    let each = books
        .zip(deltas)
        .map(|(book, deltas)| betas.of(&book.lines, book.total_value(), basis, deltas));
    let both = each.before.into_iter().zip(each.after);
    both.map(|((factor, before), (_, after))| FactorChange { factor, beta: Pair { before, after } })
        .collect()
}

/// What each of some scenarios does to both books, in their order; None where nothing of it is
/// known.
pub fn stress(desks: Pair<&Desk>, scenarios: &[Arc<Scenario>]) -> Vec<Change<Decimal>> {
    let each = desks.map(|desk| desk.totals(scenarios));
    let both = each.before.into_iter().zip(each.after);
    both.map(|(before, after)| Pair { before, after }).collect()
}

/// What the factor model expects of both books.
#[derive(Clone, Debug)]
pub struct RiskChange {
    /// A year's, as a fraction of the total value.
    pub volatility: Change<f64>,
    /// Loss over one session, in money.
    pub var_95: Change<Decimal>,
    /// Of the book after.
    pub warnings: Vec<String>,
}

/// The risk of both books, by one set of estimates.
pub fn risk(books: Pair<&Book>, deltas: Pair<&Deltas>, estimates: &Estimates) -> RiskChange {
    let each = books
        .zip(deltas)
        .map(|(book, deltas)| risk::decompose(&book.lines, book.total_value(), deltas, estimates));
    RiskChange {
        volatility: each.as_ref().map(|found| found.volatility),
        var_95: each.as_ref().map(|found| found.var_95),
        warnings: each.after.warnings,
    }
}
