//! Pages of several lists with one statement: each page is a row of arguments, numbered from 1 by
//! `with ordinality`, and each found row carries the number of its page.

use crate::domain::page::{Page, Slice};

/// The pages asked for as columns, for `unnest`.
pub(super) struct Asked<K> {
    pub after: Vec<Option<K>>,
    pub before: Vec<Option<K>>,
    pub from_end: Vec<bool>,
    /// One row more than the page has: it proves that there is more.
    pub fetched: Vec<i64>,
}

impl<K: Clone> Asked<K> {
    pub fn of<'a>(pages: impl IntoIterator<Item = &'a Page<K>>) -> Self
    where
        K: 'a,
    {
        let none = Self { after: vec![], before: vec![], from_end: vec![], fetched: vec![] };
        pages.into_iter().fold(none, |mut asked, page| {
            asked.after.push(page.after.clone());
            asked.before.push(page.before.clone());
            asked.from_end.push(page.from_end);
            asked.fetched.push(i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1));
            asked
        })
    }
}

/// The slices of pages from rows of (number of the page, length of its list, entry if any), which
/// ascend by both. Each page has a row at least, so that an empty one knows its list's length.
pub(super) fn slices<'a, K: 'a, T>(
    pages: impl IntoIterator<Item = &'a Page<K>>,
    rows: Vec<(i64, i64, Option<T>)>,
) -> Vec<Slice<T>> {
    let mut rows = rows.into_iter().peekable();
    (1..)
        .zip(pages)
        .map(|(ordinal, page)| {
            let (mut items, mut total) = (Vec::new(), 0);
            while let Some((_, length, item)) = rows.next_if(|row| row.0 == ordinal) {
                total = usize::try_from(length).unwrap_or(0);
                items.extend(item);
            }
            if page.from_end {
                items.reverse();
            }
            Slice::of_fetched(items, page, total)
        })
        .collect()
}
