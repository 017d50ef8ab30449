//! What a query costs.

use async_graphql::SimpleObject;

use crate::graphql::error::UserError;
use crate::graphql::gauge;
use crate::graphql::{MAX_COMPLEXITY, MAX_DEPTH};

/// What a document would cost, and whether it may run.
#[derive(SimpleObject)]
pub struct QueryCost {
    /// Its fields, times the page sizes of the lists they are in; null for a document that cannot
    /// be measured, and `error` says why.
    complexity: Option<usize>,
    /// Levels it nests; null likewise.
    depth: Option<usize>,
    /// The most that a document may cost.
    max_complexity: usize,
    /// The most levels that a document may nest.
    max_depth: usize,
    /// Whether it would run: false with an `error`.
    is_allowed: bool,
    /// Where the cost is: at most ten fields that select something, the most expensive first. Large
    /// documents are not searched to their end.
    most_expensive: Vec<FieldCost>,
    /// Why it would be refused; null when it would not.
    error: Option<UserError>,
}

/// What one field of a document costs.
#[derive(SimpleObject)]
pub struct FieldCost {
    /// Names in the answer from the root, such as `viewer.portfolios.nodes`.
    path: String,
    /// What the document would cost less without it and all inside.
    complexity: usize,
}

impl From<gauge::Cost> for QueryCost {
    fn from(cost: gauge::Cost) -> Self {
        let field = |(path, complexity)| FieldCost { path, complexity };
        Self {
            complexity: cost.measured.map(|(complexity, _)| complexity),
            depth: cost.measured.map(|(_, depth)| depth),
            max_complexity: MAX_COMPLEXITY,
            max_depth: MAX_DEPTH,
            is_allowed: cost.refusal.is_none(),
            most_expensive: cost.most_expensive.into_iter().map(field).collect(),
            error: cost.refusal.map(Into::into),
        }
    }
}
