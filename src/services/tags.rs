//! Making tags known, and putting them on positions.
//!
//! A tag that is deleted is out of sight at once, with what it was on, and comes back as it was if
//! it is restored within 30 days. One that is made anew meanwhile is another tag: it begins on no
//! position, and keeps the name from the deleted one.

mod bulk;
mod edit;

pub use bulk::{Bulk, Tagged, add, remove, set};
pub use edit::{
    Changes, Deleted, KEPT, NewTag, create, delete, forget, restorable, restore, update,
};

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use crate::domain::id::{PositionId, TagId, UserId};
use crate::domain::tag::{MAX_TAGS_PER_USER, Tag, TagKind, default_color};
use crate::domain::text::fold;
use crate::error::{Code, Error, Refusal};
use crate::postgres::Work;
use crate::services::positions::at;
use crate::services::upload::judge::tags_among;
use crate::store;

/// The names of a list of tags, each once whatever its case. A cell may have nothing between two
/// commas; whoever writes a list means each of it.
///
/// # Errors
/// `Validation` at `tags` for what breaks a rule; for one without a name at its place among them.
pub(super) fn named(texts: &[String]) -> Result<Vec<String>, Refusal> {
    let names = tags_among(&texts.iter().map(String::as_str)).map_err(at("tags"))?;
    match texts.iter().position(|text| text.trim().is_empty()) {
        Some(place) => Err(nameless(&format!("tags.{place}"))),
        None => Ok(names),
    }
}

fn nameless(field: &str) -> Refusal {
    Refusal::validation("A tag has 1 to 50 printable characters.").at(field)
}

/// The ids of tags by folded name, those that the owner lacks made first.
pub async fn ensure<'a>(
    tx: &mut Work,
    owner: UserId,
    names: impl IntoIterator<Item = &'a str>,
    now: DateTime<Utc>,
) -> sqlx::Result<HashMap<String, TagId>> {
    let mut wanted = HashMap::new();
    for name in names {
        wanted.entry(fold(name)).or_insert_with(|| fresh(name, now));
    }
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let mut wanted: Vec<_> = wanted.into_values().collect();
    // In one order, so that two that make the same tags wait for each other and never cross.
    wanted.sort_by_cached_key(|tag| fold(&tag.name));
    let known = store::tags::ensure_all(tx.statement(), owner, &wanted).await?;
    Ok(known.into_iter().map(|(name, id)| (fold(&name), id)).collect())
}

/// A tag that nobody has described.
fn fresh(name: &str, now: DateTime<Utc>) -> Tag {
    Tag {
        id: TagId::fresh(),
        name: name.to_owned(),
        kind: TagKind::of(name),
        color: default_color(name).to_owned(),
        description: None,
        created_at: now,
    }
}

/// The ids of tags in the order of their names, those that the owner lacks made first. Changes of
/// an owner's tags go one after the other, so that they can be counted.
///
/// # Errors
/// `LimitExceeded` at `tags` for one too many.
pub(super) async fn make(
    tx: &mut Work,
    owner: UserId,
    names: &[String],
    now: DateTime<Utc>,
) -> Result<Vec<TagId>, Error> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    store::users::lock(tx.statement(), owner).await?;
    let known = store::tags::all_of(tx.statement(), owner).await?;
    let known: HashSet<_> = known.iter().map(|tag| fold(&tag.name)).collect();
    let new = names.iter().filter(|name| !known.contains(&fold(name))).count();
    if known.len() + new > MAX_TAGS_PER_USER {
        return Err(too_many("tags").into());
    }
    let ids = ensure(tx, owner, names.iter().map(String::as_str), now).await?;
    Ok(names.iter().filter_map(|name| ids.get(&fold(name)).copied()).collect())
}

fn too_many(field: &str) -> Refusal {
    let message = format!("One person has at most {MAX_TAGS_PER_USER} tags.");
    Refusal::new(Code::LimitExceeded, message)
        .at(field)
        .hint("Use tags that exist, or delete some.")
}

/// Puts exactly these tags on a position, in their order; those unknown so far are made.
///
/// # Errors
/// `LimitExceeded` at `tags` for one too many.
pub(super) async fn put(
    tx: &mut Work,
    owner: UserId,
    position: PositionId,
    names: &[String],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let ids = make(tx, owner, names, now).await?;
    store::tags::clear(tx.statement(), owner, position).await?;
    // At most MAX_TAGS_PER_POSITION, so that the ordinal fits.
    let links: Vec<_> = (0_i16..).zip(ids).map(|(at, tag)| (position, tag, at)).collect();
    if !links.is_empty() {
        store::tags::attach_all(tx.statement(), owner, &links).await?;
    }
    Ok(())
}
