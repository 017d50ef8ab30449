//! Making, changing, deleting and restoring tags.

use chrono::{DateTime, Days, Utc};
use serde_json::json;

use super::{fresh, nameless, too_many};
use crate::domain::id::{TagId, UserId};
use crate::domain::tag::{MAX_TAGS_PER_USER, Tag, TagKind};
use crate::error::{Code, Error, Refusal};
use crate::postgres::Work;
use crate::services::Services;
use crate::services::positions::at;
use crate::services::updates::{Update, tell_all};
use crate::services::upload::judge::{MAX_TAGS_PER_POSITION, tags_among};
use crate::store;

/// How long a deleted tag can be restored.
pub const KEPT: Days = Days::new(30);
/// Most characters of a description.
const MAX_DESCRIPTION: usize = 500;

pub struct NewTag {
    pub name: String,
    pub color: Option<String>,
    pub description: Option<String>,
}

/// What is to change of a tag; None stays.
pub struct Changes {
    pub id: Option<TagId>,
    pub name: Option<String>,
    pub color: Option<String>,
    /// An empty one removes it.
    pub description: Option<String>,
}

/// What became of a tag that was to be deleted.
#[derive(Default)]
pub struct Deleted {
    /// None when it is in use, and nobody said that it is to go all the same.
    pub id: Option<TagId>,
    /// Positions that carry it, closed ones too.
    pub affected: usize,
}

impl Deleted {
    /// Why it was not deleted, if it was not.
    pub fn refusal(&self) -> Option<Refusal> {
        let is_refused = self.id.is_none() && self.affected > 0;
        is_refused.then(|| {
            Refusal::new(Code::Conflict, format!("{} positions carry the tag.", self.affected))
                .at("force")
                .hint("Give `force: true` to take it off them; it can be restored for 30 days.")
        })
    }
}

/// Makes a tag.
///
/// # Errors
/// `Validation` for what breaks a rule; `Conflict` for a name that is taken; `LimitExceeded` for
/// one too many.
pub async fn create(services: &Services, owner: UserId, new: NewTag) -> Result<TagId, Error> {
    let now = services.now();
    let mut tag = fresh(&name(&new.name)?, now);
    if let Some(text) = &new.color {
        tag.color = color(text)?;
    }
    tag.description = new.description.as_deref().map(description).transpose()?.flatten();
    let mut tx = begin(services, owner).await?;
    room(&mut tx, owner, "name").await?;
    if !store::tags::insert(tx.statement(), owner, &tag).await? {
        return Err(taken("name"));
    }
    commit(tx, services, owner, "tag.create", &tag).await
}

/// Changes a tag; its kind follows the name.
///
/// # Errors
/// `NotFound` unless it is the owner's; `Validation` for what breaks a rule; `Conflict` for a name
/// that is taken.
pub async fn update(services: &Services, owner: UserId, changes: Changes) -> Result<TagId, Error> {
    let mut tx = begin(services, owner).await?;
    let mut tag = owned(&mut tx, owner, changes.id).await?;
    if let Some(text) = &changes.name {
        tag.name = name(text)?;
        tag.kind = TagKind::of(&tag.name);
    }
    if let Some(text) = &changes.color {
        tag.color = color(text)?;
    }
    if let Some(text) = &changes.description {
        tag.description = description(text)?;
    }
    if !store::tags::update(tx.statement(), owner, &tag).await? {
        return Err(taken("name"));
    }
    tell_carriers(&mut tx, owner, tag.id).await?;
    commit(tx, services, owner, "tag.update", &tag).await
}

/// Deletes a tag for 30 days, and then for good. One that positions carry goes only with `force`.
///
/// # Errors
/// `NotFound` unless it is the owner's.
pub async fn delete(
    services: &Services,
    owner: UserId,
    id: Option<TagId>,
    force: bool,
) -> Result<Deleted, Error> {
    let mut tx = begin(services, owner).await?;
    let tag = owned(&mut tx, owner, id).await?;
    let affected = tell_carriers(&mut tx, owner, tag.id).await?;
    if affected > 0 && !force {
        return Ok(Deleted { id: None, affected });
    }
    store::tags::mark_deleted(tx.statement(), owner, tag.id, Some(services.now())).await?;
    let id = commit(tx, services, owner, "tag.delete", &tag).await?;
    Ok(Deleted { id: Some(id), affected })
}

/// Brings a deleted tag back, on all positions that carried it and are still there.
///
/// # Errors
/// `NotFound` unless the owner deleted it in the last 30 days; `Conflict` when another has its name
/// by now; `LimitExceeded` when it would be one too many, of the owner or of a position.
pub async fn restore(
    services: &Services,
    owner: UserId,
    id: Option<TagId>,
) -> Result<TagId, Error> {
    let mut tx = begin(services, owner).await?;
    let since = services.now() - KEPT;
    let deleted = store::tags::deleted_since(tx.statement(), owner, since).await?;
    let found = deleted.into_iter().map(|(tag, _)| tag).find(|tag| Some(tag.id) == id);
    let tag = found.ok_or_else(|| Refusal::not_found("deleted tag").at("id"))?;
    room(&mut tx, owner, "id").await?;
    let most = i64::try_from(MAX_TAGS_PER_POSITION).unwrap_or(i64::MAX);
    if store::tags::is_crowded_out(tx.statement(), owner, tag.id, most).await? {
        let message = format!("A position that carried it carries {most} others by now.");
        return Err(Refusal::new(Code::LimitExceeded, message)
            .at("id")
            .hint("Take some off with `untagPositions`.")
            .into());
    }
    // Its name may have been given to another since.
    if !store::tags::update(tx.statement(), owner, &tag).await? {
        return Err(taken("id"));
    }
    store::tags::mark_deleted(tx.statement(), owner, tag.id, None).await?;
    tell_carriers(&mut tx, owner, tag.id).await?;
    commit(tx, services, owner, "tag.restore", &tag).await
}

/// Since when a tag must have been deleted to be restored at an instant.
pub fn restorable(now: DateTime<Utc>) -> DateTime<Utc> {
    now - KEPT
}

/// Removes an owner's tags that can be restored no more. The number removed.
///
/// # Errors
/// When the database fails.
pub async fn forget(services: &Services, owner: UserId) -> Result<u64, Error> {
    let mut tx = services.db.begin_as(owner).await?;
    let removed = store::tags::purge(tx.statement(), owner, restorable(services.now())).await?;
    tx.commit().await?;
    Ok(removed)
}

/// Changes of an owner's tags go one after the other, so that they can be counted.
async fn begin(services: &Services, owner: UserId) -> Result<Work, Error> {
    let mut tx = services.db.begin_as(owner).await?;
    store::users::lock(tx.statement(), owner).await?;
    Ok(tx)
}

async fn owned(tx: &mut Work, owner: UserId, id: Option<TagId>) -> Result<Tag, Error> {
    let missing = || Refusal::not_found("tag").at("id");
    let id = id.ok_or_else(missing)?;
    let found = store::tags::owned(tx.statement(), owner, &[id]).await?;
    Ok(found.into_iter().next().ok_or_else(missing)?)
}

/// Whether the owner may have one tag more.
async fn room(tx: &mut Work, owner: UserId, field: &str) -> Result<(), Error> {
    let known = store::tags::all_of(tx.statement(), owner).await?;
    if known.len() >= MAX_TAGS_PER_USER {
        return Err(too_many(field).into());
    }
    Ok(())
}

/// Tells whoever watches a portfolio with positions that carry a tag. How many do.
async fn tell_carriers(tx: &mut Work, owner: UserId, tag: TagId) -> Result<usize, Error> {
    let mut carriers = store::tags::carriers(tx.statement(), owner, tag).await?;
    let count = carriers.len();
    carriers.sort_unstable();
    carriers.dedup();
    let updates: Vec<_> = carriers.into_iter().map(Update::Positions).collect();
    tell_all(tx, &updates).await?;
    Ok(count)
}

async fn commit(
    mut tx: Work,
    services: &Services,
    owner: UserId,
    action: &str,
    tag: &Tag,
) -> Result<TagId, Error> {
    let entry = store::audit::Entry {
        owner,
        actor: owner,
        action,
        subject: Some(("Tag", tag.id.0)),
        detail: json!({ "name": tag.name, "color": tag.color }),
    };
    store::audit::append(tx.statement(), entry, services.now()).await?;
    tx.commit().await?;
    Ok(tag.id)
}

fn taken(field: &str) -> Error {
    Refusal::new(Code::Conflict, "You have a tag of that name already.")
        .at(field)
        .hint("Names are one whatever their case.")
        .into()
}

fn name(text: &str) -> Result<String, Refusal> {
    let names = tags_among(&std::iter::once(text)).map_err(at("name"))?;
    names.into_iter().next().ok_or_else(|| nameless("name"))
}

fn color(text: &str) -> Result<String, Refusal> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
    let is_color = digits.is_some_and(|it| it.bytes().all(|byte| byte.is_ascii_hexdigit()));
    is_color.then(|| text.to_ascii_uppercase()).ok_or_else(|| {
        Refusal::validation("A color is written as #RRGGBB, in hexadecimal digits.").at("color")
    })
}

fn description(text: &str) -> Result<Option<String>, Refusal> {
    if text.chars().count() > MAX_DESCRIPTION {
        let rule = format!("A description has at most {MAX_DESCRIPTION} characters.");
        return Err(Refusal::validation(rule).at("description"));
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}
