//! Putting tags on many positions, and taking them off: as many statements for ten thousand as for
//! one, and all or nothing.

use std::collections::HashMap;

use serde_json::json;

use super::{make, named, put};
use crate::domain::id::{PortfolioId, PositionId, UserId};
use crate::domain::text::fold;
use crate::error::{Code, Error, Refusal};
use crate::postgres::Work;
use crate::services::Services;
use crate::services::updates::{Update, tell_all};
use crate::services::upload::MAX_POSITIONS;
use crate::services::upload::judge::MAX_TAGS_PER_POSITION;
use crate::store;

/// Some positions and some tags.
pub struct Bulk {
    /// None stands for an id that names no position.
    pub positions: Vec<Option<PositionId>>,
    pub tags: Vec<String>,
}

/// Positions that were asked for, with their portfolios, each once and in the order asked for.
pub type Tagged = Vec<(PositionId, PortfolioId)>;

/// Puts tags on positions beside those they carry; those unknown so far are made.
///
/// # Errors
/// `NotFound` when one of the positions is not the owner's; `Validation` for a tag that breaks a
/// rule; `LimitExceeded` for a tag too many, of a position or of the owner.
pub async fn add(services: &Services, owner: UserId, bulk: Bulk) -> Result<Tagged, Error> {
    let names = named(&bulk.tags)?;
    let (mut tx, tagged) = begin(services, owner, &bulk.positions).await?;
    let ids: Vec<_> = tagged.iter().map(|(position, _)| *position).collect();
    let tags = make(&mut tx, owner, &names, services.now()).await?;
    let most = i64::try_from(MAX_TAGS_PER_POSITION).unwrap_or(i64::MAX);
    let overfull = store::tags::first_overfull(tx.statement(), owner, &ids, &tags, most).await?;
    if let Some((position, count)) = overfull {
        let place = bulk.positions.iter().position(|id| *id == Some(position)).unwrap_or(0);
        let message = format!("The position would carry {count} tags: at most {most} are carried.");
        return Err(Refusal::new(Code::LimitExceeded, message)
            .at(&format!("positionIds.{place}"))
            .hint("Take some off first with `untagPositions`; nothing was stored.")
            .into());
    }
    store::tags::add_to_all(tx.statement(), owner, &ids, &tags).await?;
    commit(tx, services, owner, "position.tag", &names, tagged).await
}

/// Takes tags off positions; what does not carry one stays as it is.
///
/// # Errors
/// `NotFound` when one of the positions is not the owner's; `Validation` for a tag that breaks a
/// rule.
pub async fn remove(services: &Services, owner: UserId, bulk: Bulk) -> Result<Tagged, Error> {
    let names = named(&bulk.tags)?;
    let (mut tx, tagged) = begin(services, owner, &bulk.positions).await?;
    let ids: Vec<_> = tagged.iter().map(|(position, _)| *position).collect();
    let keys: Vec<_> = names.iter().map(|name| fold(name)).collect();
    store::tags::take_off_all(tx.statement(), owner, &ids, &keys).await?;
    commit(tx, services, owner, "position.untag", &names, tagged).await
}

/// Gives a position exactly these tags, in their order; those unknown so far are made.
///
/// # Errors
/// `NotFound` unless the position is the owner's; `Validation` for a tag that breaks a rule;
/// `LimitExceeded` for a tag too many of the owner.
pub async fn set(
    services: &Services,
    owner: UserId,
    position: Option<PositionId>,
    tags: &[String],
) -> Result<PositionId, Error> {
    let names = named(tags)?;
    let missing = || Refusal::not_found("position").at("positionId");
    let position = position.ok_or_else(missing)?;
    let mut tx = services.db.begin_as(owner).await?;
    store::users::lock(tx.statement(), owner).await?;
    let tagged = store::positions::portfolios_of(tx.statement(), owner, &[position]).await?;
    if tagged.is_empty() {
        return Err(missing().into());
    }
    put(&mut tx, owner, position, &names, services.now()).await?;
    commit(tx, services, owner, "position.set_tags", &names, tagged).await?;
    Ok(position)
}

/// Begins a change of the tags of positions that are the owner's.
async fn begin(
    services: &Services,
    owner: UserId,
    asked: &[Option<PositionId>],
) -> Result<(Work, Tagged), Error> {
    if asked.is_empty() || asked.len() > MAX_POSITIONS {
        let rule = format!("Give 1 to {MAX_POSITIONS} positions.");
        return Err(Refusal::validation(rule).at("positionIds").into());
    }
    let mut tx = services.db.begin_as(owner).await?;
    // One after the other, so that they can be counted.
    store::users::lock(tx.statement(), owner).await?;
    let ids: Vec<_> = asked.iter().copied().flatten().collect();
    let known = store::positions::portfolios_of(tx.statement(), owner, &ids).await?;
    let mut known: HashMap<_, _> = known.into_iter().collect();
    let is_missing = |id: &Option<PositionId>| id.is_none_or(|id| !known.contains_key(&id));
    if let Some(place) = asked.iter().position(is_missing) {
        return Err(Refusal::not_found("position").at(&format!("positionIds.{place}")).into());
    }
    // Taken out as they come, so that each is there once.
    let tagged = ids.into_iter().filter_map(|id| Some((id, known.remove(&id)?))).collect();
    Ok((tx, tagged))
}

async fn commit(
    mut tx: Work,
    services: &Services,
    owner: UserId,
    action: &str,
    names: &[String],
    tagged: Tagged,
) -> Result<Tagged, Error> {
    let mut portfolios: Vec<_> = tagged.iter().map(|(_, portfolio)| *portfolio).collect();
    portfolios.sort_unstable();
    portfolios.dedup();
    let updates: Vec<_> = portfolios.into_iter().map(Update::Positions).collect();
    tell_all(&mut tx, &updates).await?;
    let subject = match tagged.as_slice() {
        [(position, _)] => Some(("Position", position.0)),
        _ => None,
    };
    let detail = json!({ "tags": names, "positions": tagged.len() });
    let entry = store::audit::Entry { owner, actor: owner, action, subject, detail };
    store::audit::append(tx.statement(), entry, services.now()).await?;
    tx.commit().await?;
    Ok(tagged)
}
