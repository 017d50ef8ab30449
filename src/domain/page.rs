//! Keyset pagination: the page asked for, and the slice got.

/// Entries of a page when the caller names no number.
pub const DEFAULT_PAGE_SIZE: usize = 20;
/// Most entries of a page.
pub const MAX_PAGE_SIZE: usize = 500;

/// What a caller asks of an ordered list: at most `limit` entries after and before two keys,
/// counted from the start or from the end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Page<K> {
    pub limit: usize,
    pub after: Option<K>,
    pub before: Option<K>,
    pub from_end: bool,
}

impl<K> Default for Page<K> {
    fn default() -> Self {
        Self { limit: DEFAULT_PAGE_SIZE, after: None, before: None, from_end: false }
    }
}

/// A page of a list with what its reader must know to go on.
#[derive(Clone, Debug)]
pub struct Slice<T> {
    pub items: Vec<T>,
    pub has_previous: bool,
    pub has_next: bool,
    /// Length of the whole list, whatever the page.
    pub total: usize,
}

impl<T> Default for Slice<T> {
    /// The page of an empty list.
    fn default() -> Self {
        Self { items: Vec::new(), has_previous: false, has_next: false, total: 0 }
    }
}

impl<T> Slice<T> {
    /// The page of a query that fetched one row more than asked for, in the direction of the
    /// page: the extra row only proves that there is more.
    pub fn of_fetched<K>(mut items: Vec<T>, page: &Page<K>, total: usize) -> Self {
        let has_more = items.len() > page.limit;
        items.truncate(page.limit);
        if page.from_end {
            items.reverse();
            Self { items, has_previous: has_more, has_next: page.before.is_some(), total }
        } else {
            Self { items, has_previous: page.after.is_some(), has_next: has_more, total }
        }
    }

    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Slice<U> {
        Slice {
            items: self.items.into_iter().map(each).collect(),
            has_previous: self.has_previous,
            has_next: self.has_next,
            total: self.total,
        }
    }
}

/// The page of a list that is whole in memory and already in the order of its keys.
pub fn slice_of<T, K: Ord>(sorted: Vec<T>, key: impl Fn(&T) -> K, page: &Page<K>) -> Slice<T> {
    let total = sorted.len();
    let start = page.after.as_ref().map_or(0, |after| sorted.partition_point(|t| key(t) <= *after));
    let end = page
        .before
        .as_ref()
        .map_or(total, |before| sorted.partition_point(|t| key(t) < *before))
        .max(start);
    let (start, end) = if page.from_end {
        (end.saturating_sub(page.limit).max(start), end)
    } else {
        (start, start.saturating_add(page.limit).min(end))
    };

    let items = sorted.into_iter().skip(start).take(end - start).collect();
    Slice { items, has_previous: start > 0, has_next: end < total, total }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(page: &Page<u32>) -> (Vec<u32>, bool, bool) {
        let slice = slice_of((1..=10).collect(), |n| *n, page);
        assert_eq!(slice.total, 10);
        (slice.items, slice.has_previous, slice.has_next)
    }

    #[test]
    fn pages_walk_forward_and_backward_without_gap_or_overlap() {
        let first = Page { limit: 4, ..Page::default() };
        assert_eq!(numbers(&first), (vec![1, 2, 3, 4], false, true));
        assert_eq!(numbers(&Page { after: Some(8), ..first.clone() }), (vec![9, 10], true, false));
        let last = Page { from_end: true, ..first };
        assert_eq!(numbers(&last), (vec![7, 8, 9, 10], true, false));
        assert_eq!(numbers(&Page { before: Some(3), ..last.clone() }), (vec![1, 2], false, true));
        assert_eq!(
            numbers(&Page { after: Some(6), before: Some(3), ..last }).0,
            Vec::<u32>::new(),
            "keys that cross leave nothing"
        );
    }

    #[test]
    fn a_key_that_is_gone_still_marks_its_place() {
        let even: Vec<u32> = (1..=5).map(|n| n * 2).collect();
        let page = Page { limit: 2, after: Some(5), ..Page::default() };
        assert_eq!(slice_of(even, |n| *n, &page).items, [6, 8]);
    }
}
