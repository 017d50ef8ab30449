//! A number that tells books apart by what figures depend on.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Book, Line, MODEL_VERSION};

impl Book {
    /// Whether another book has the same open positions at the same prices, and the same cash.
    ///
    /// Equal books have equal digests, of one build of the program. What is made of closes of the
    /// past depends on more.
    pub fn digest(&self) -> u64 {
        let mut state = DefaultHasher::new();
        (MODEL_VERSION, self.horizon.as_of, self.cash, &self.portfolio.currency).hash(&mut state);
        for line in self.open_lines() {
            line.digest(&mut state);
        }
        state.finish()
    }

    /// The same of what its open positions are tagged with.
    pub fn digest_of_tags(&self) -> u64 {
        let mut state = DefaultHasher::new();
        for line in self.open_lines() {
            let tags: Vec<_> = line.tags.iter().map(|tag| (tag.id, &tag.name)).collect();
            (line.position.id, tags).hash(&mut state);
        }
        state.finish()
    }
}

impl Line {
    fn digest(&self, state: &mut impl Hasher) {
        let Self { position, is_expired, .. } = self;
        let held = &position.instrument;
        (position.id, held.id, position.position_type).hash(state);
        (position.quantity, position.entry_price, position.entry_date).hash(state);
        (held.asset_class, &held.sector, &held.industry, &held.currency).hash(state);
        (is_expired, self.needs_review()).hash(state);
        for quote in [&self.quote, &self.underlying_quote] {
            quote.as_ref().map(|quote| (quote.price, quote.date, quote.source)).hash(state);
        }
    }
}
