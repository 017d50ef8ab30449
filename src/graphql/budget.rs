//! What one request may work through, counted while it runs.
//!
//! The cost of a query is known before, from its text; how long somebody's lists are is not.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Code, Refusal};

/// Positions that one request may work through, each list and total anew. A position that is
/// priced as of another date counts for [`PRICED`].
pub const MAX_ROWS: usize = 1_000_000;
/// What it costs to price a position: its quotes are looked up and its line is made.
pub const PRICED: usize = 10;

#[derive(Debug, Default)]
pub struct Budget {
    spent: AtomicUsize,
}

impl Budget {
    /// Takes note of positions that are about to be worked through.
    ///
    /// # Errors
    /// `QueryTooComplex` when they are too many together.
    pub fn spend(&self, rows: usize) -> Result<(), Refusal> {
        let before = self.spent.fetch_add(rows, Ordering::Relaxed);
        if before.saturating_add(rows) <= MAX_ROWS {
            return Ok(());
        }
        let message = format!("This request works through more than {MAX_ROWS} positions.");
        Err(Refusal::new(Code::QueryTooComplex, message)
            .hint("Ask for fewer dates, lists or groups at once; `extensions.cost.rows` counts."))
    }

    pub fn spent(&self) -> usize {
        self.spent.load(Ordering::Relaxed)
    }
}
