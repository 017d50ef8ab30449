//! Connections from slices; what a page costs; cursors that belong to one list.

use std::hash::{Hash, Hasher};

use async_graphql::SimpleObject;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::error::Result;
use crate::domain::page::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, Page};
use crate::error::{Code, Refusal};

/// Where a page stands in its list.
#[derive(Clone, Debug, SimpleObject)]
pub struct PageInfo {
    /// Whether entries follow this page.
    pub has_next_page: bool,
    /// Whether entries come before this page.
    pub has_previous_page: bool,
    /// Of the first entry; null for an empty page.
    pub start_cursor: Option<String>,
    /// Of the last entry; give it as `after` for the next page. Null for an empty page.
    pub end_cursor: Option<String>,
}

/// The four arguments of a connection, as they came.
#[derive(Clone, Debug, Default)]
pub struct PageArguments {
    pub first: Option<i32>,
    pub after: Option<String>,
    pub last: Option<i32>,
    pub before: Option<String>,
}

impl PageArguments {
    pub fn forward(first: Option<i32>, after: Option<String>) -> Self {
        Self { first, after, ..Self::default() }
    }

    /// The page asked for of the list that `scope` names.
    ///
    /// # Errors
    /// `Validation` for a size out of bounds, both ends at once, or a cursor of another list.
    pub fn page<K: DeserializeOwned>(&self, scope: Scope) -> Result<Page<K>> {
        let (limit, from_end) = match (self.first, self.last) {
            (Some(_), Some(_)) => {
                return Err(Refusal::validation("Give `first` or `last`, not both.").into());
            }
            (None, last @ Some(_)) => (size("last", last)?, true),
            (first, None) => (size("first", first)?, false),
        };
        let key =
            |cursor: &Option<String>| cursor.as_ref().map(|text| scope.read(text)).transpose();
        Ok(Page { limit, after: key(&self.after)?, before: key(&self.before)?, from_end })
    }
}

/// How many entries are asked for by the argument of this name.
///
/// # Errors
/// `Validation` for a size out of bounds.
pub fn size(name: &str, asked: Option<i32>) -> Result<usize> {
    let Some(size) = asked else { return Ok(DEFAULT_PAGE_SIZE) };
    Ok(usize::try_from(size).ok().filter(|size| (1..=MAX_PAGE_SIZE).contains(size)).ok_or_else(
        || {
            Refusal::validation(format!("`{name}` must be between 1 and {MAX_PAGE_SIZE}."))
                .hint("Go on with `after` and the page's `endCursor` for more.")
        },
    )?)
}

/// How many daily returns the argument of this name looks back on.
///
/// # Errors
/// `Validation` for fewer than a month or more than five years.
pub fn sessions(name: &str, asked: i32) -> Result<usize> {
    const LEAST: usize = 20;
    const MOST: usize = 1_260;
    let asked = usize::try_from(asked).ok().filter(|asked| (LEAST..=MOST).contains(asked));
    Ok(asked.ok_or_else(|| {
        Refusal::validation(format!("`{name}` must be between {LEAST} and {MOST}."))
            .hint("252 sessions are a year.")
    })?)
}

/// What a page of this size costs, for the budget of a query: its entries times what one costs.
pub fn cost(first: Option<i32>, last: Option<i32>, of_one: usize) -> usize {
    let asked = first.or(last).and_then(|size| usize::try_from(size).ok());
    asked
        .unwrap_or(DEFAULT_PAGE_SIZE)
        .clamp(1, MAX_PAGE_SIZE)
        .saturating_mul(of_one)
        .saturating_add(1)
}

/// What groups cost, for the budget of a query: how many there are is not known before.
pub fn group_cost(first: Option<i32>, of_one: usize) -> usize {
    const USUAL: i32 = 100;
    cost(first.or(Some(USUAL)), None, of_one)
}

/// The part of some groups that is asked for: those after the one with a key, at most so many.
///
/// # Errors
/// `Validation` for a size out of bounds or a key that none has, `LimitExceeded` for more groups
/// than a page when no size is given.
pub fn groups<T>(
    all: Vec<T>,
    key: impl Fn(&T) -> &str,
    first: Option<i32>,
    after: Option<&str>,
) -> Result<Vec<T>> {
    let most = first.map(|first| size("first", Some(first))).transpose()?;
    let skipped = match after {
        None => 0,
        Some(after) => {
            all.iter().position(|group| key(group) == after).map(|at| at + 1).ok_or_else(|| {
                Refusal::validation("No group has the key given as `after`.")
                    .hint("Give the `key` of the last group that you have.")
            })?
        }
    };
    if most.is_none() && all.len() - skipped > MAX_PAGE_SIZE {
        let message = format!("There are {} groups.", all.len());
        return Err(Refusal::new(Code::LimitExceeded, message)
            .hint(format!(
                "Ask for them in parts: `first: {MAX_PAGE_SIZE}`, then `after` the last `key`."
            ))
            .into());
    }
    Ok(all.into_iter().skip(skipped).take(most.unwrap_or(MAX_PAGE_SIZE)).collect())
}

/// Which list a cursor belongs to: whose, of what, filtered and ordered how. A cursor is refused
/// everywhere else, for there it would silently start at the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope(u64);

impl Scope {
    pub fn of(list: impl Hash) -> Self {
        let mut digest = Fingerprint(Sha256::new());
        list.hash(&mut digest);
        Self(digest.finish())
    }

    pub fn cursor(self, key: &impl Serialize) -> String {
        let mut bytes = self.0.to_be_bytes().to_vec();
        // Keys are texts, numbers and dates, which JSON can always write.
        serde_json::to_writer(&mut bytes, key).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn read<K: DeserializeOwned>(self, cursor: &str) -> Result<K> {
        let key = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| {
            let key = bytes.strip_prefix(&self.0.to_be_bytes())?;
            serde_json::from_slice(key).ok()
        });
        Ok(key.ok_or_else(|| {
            Refusal::validation("That cursor does not belong to this list.")
                .hint("Cursors hold for the list, filter and order they came from.")
        })?)
    }
}

/// The same in every process and release, for a cursor may be sent to another than gave it.
struct Fingerprint(Sha256);

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// Declares a connection and its edge.
macro_rules! connection {
    ($(#[$doc:meta])* $connection:ident, $edge:ident, $node:ty) => {
        $(#[$doc])*
        #[derive(async_graphql::SimpleObject)]
        pub struct $connection {
            /// The entries of this page, each with its cursor.
            edges: Vec<$edge>,
            /// The entries of this page, without cursors.
            nodes: Vec<$node>,
            /// Where this page stands in the list.
            page_info: $crate::graphql::page::PageInfo,
            /// Length of the whole list, whatever the page.
            total_count: usize,
        }

        /// An entry of a page.
        #[derive(async_graphql::SimpleObject)]
        pub struct $edge {
            /// Marks this entry's place; opaque, good for this list only.
            cursor: String,
            /// The entry.
            node: $node,
        }

        impl $connection {
            /// The page of a slice, `key` being what the list is ordered by.
            pub fn of<T, K: serde::Serialize>(
                slice: $crate::domain::page::Slice<T>,
                scope: $crate::graphql::page::Scope,
                key: impl Fn(&T) -> K,
                node: impl Fn(T) -> $node,
            ) -> Self {
                let total_count = slice.total;
                let (has_next_page, has_previous_page) = (slice.has_next, slice.has_previous);
                let edges: Vec<_> = slice
                    .items
                    .into_iter()
                    .map(|item| $edge { cursor: scope.cursor(&key(&item)), node: node(item) })
                    .collect();
                Self {
                    page_info: $crate::graphql::page::PageInfo {
                        has_next_page,
                        has_previous_page,
                        start_cursor: edges.first().map(|edge| edge.cursor.clone()),
                        end_cursor: edges.last().map(|edge| edge.cursor.clone()),
                    },
                    nodes: edges.iter().map(|edge| edge.node.clone()).collect(),
                    edges,
                    total_count,
                }
            }
        }
    };
}
pub(crate) use connection;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_list_alone() {
        let mine = Scope::of(("positions", 1, "by symbol"));
        let cursor = mine.cursor(&("AAPL", 7));
        assert_eq!(mine.read::<(String, i32)>(&cursor).expect("its own"), ("AAPL".into(), 7));

        let other = Scope::of(("positions", 2, "by symbol"));
        assert!(other.read::<(String, i32)>(&cursor).is_err());
        assert!(mine.read::<(String, i32)>("").is_err());
        assert!(mine.read::<(String, i32)>("AAAA").is_err());
    }

    #[test]
    fn sizes_out_of_bounds_and_both_ends_at_once_are_refused() {
        let page = |first, last| {
            PageArguments { first, last, ..PageArguments::default() }
                .page::<String>(Scope::of(0))
                .map(|page| (page.limit, page.from_end))
                .ok()
        };
        assert_eq!(page(None, None), Some((DEFAULT_PAGE_SIZE, false)));
        assert_eq!(page(None, Some(500)), Some((500, true)));
        for (first, last) in
            [(Some(0), None), (Some(-1), None), (Some(501), None), (Some(1), Some(1))]
        {
            assert_eq!(page(first, last), None);
        }
    }

    #[test]
    fn a_page_costs_its_size_whichever_end_it_is_read_from() {
        assert_eq!(cost(Some(100), None, 3), 301);
        assert_eq!(cost(None, Some(100), 3), 301);
        assert_eq!(cost(None, None, 3), 61);
        assert_eq!(cost(Some(i32::MAX), None, usize::MAX), usize::MAX);
    }
}
