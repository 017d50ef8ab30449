//! Making tags known.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::domain::id::{TagId, UserId};
use crate::domain::tag::{Tag, TagKind, default_color};
use crate::domain::text::fold;
use crate::postgres::Work;
use crate::store;

/// The ids of tags by folded name, those that the owner lacks made first.
pub async fn ensure<'a>(
    tx: &mut Work,
    owner: UserId,
    names: impl IntoIterator<Item = &'a str>,
    now: DateTime<Utc>,
) -> sqlx::Result<HashMap<String, TagId>> {
    let mut wanted = HashMap::new();
    for name in names {
        wanted.entry(fold(name)).or_insert_with(|| Tag {
            id: TagId::fresh(),
            name: name.to_owned(),
            kind: TagKind::of(name),
            color: default_color(name).to_owned(),
            description: None,
            created_at: now,
        });
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
