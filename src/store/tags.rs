//! Tags, and which positions carry them.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::id::{PortfolioId, PositionId, TagId, UserId};
use crate::domain::tag::{Tag, TagKind};
use crate::domain::text::fold;

/// All of the owner's tags, by name.
pub async fn all_of(db: impl PgExecutor<'_>, owner: UserId) -> sqlx::Result<Vec<Tag>> {
    sqlx::query_as!(
        Tag,
        r#"
        select id as "id: TagId", name, kind as "kind: TagKind", color, description, created_at
          from tags
         where owner_id = $1 and deleted_at is null
         order by name_key
        "#,
        owner.0,
    )
    .fetch_all(db)
    .await
}

/// Those of the owner among `ids`; no order.
pub async fn owned(
    db: impl PgExecutor<'_>,
    owner: UserId,
    ids: &[TagId],
) -> sqlx::Result<Vec<Tag>> {
    sqlx::query_as!(
        Tag,
        r#"
        select id as "id: TagId", name, kind as "kind: TagKind", color, description, created_at
          from tags
         where owner_id = $1 and deleted_at is null and id = any($2)
        "#,
        owner.0,
        ids as &[TagId],
    )
    .fetch_all(db)
    .await
}

/// How many open positions carry each of the owner's tags; tags without any are absent.
pub async fn position_counts(
    db: impl PgExecutor<'_>,
    owner: UserId,
) -> sqlx::Result<Vec<(TagId, i64)>> {
    sqlx::query!(
        r#"
        select pt.tag_id as "tag_id: TagId", count(*) as "count!"
          from position_tags pt
          join positions p on (p.owner_id, p.id) = (pt.owner_id, pt.position_id)
         where pt.owner_id = $1 and p.exit_date is null
         group by pt.tag_id
        "#,
        owner.0,
    )
    .map(|row| (row.tag_id, row.count))
    .fetch_all(db)
    .await
}

/// Adds tags; one whose name the owner has already, whatever the case, stays as it is. The
/// stored name and id of each.
pub async fn ensure_all(
    db: impl PgExecutor<'_>,
    owner: UserId,
    tags: &[Tag],
) -> sqlx::Result<Vec<(String, TagId)>> {
    let ids: Vec<_> = tags.iter().map(|tag| tag.id.0).collect();
    let names: Vec<_> = tags.iter().map(|tag| tag.name.clone()).collect();
    let keys: Vec<_> = names.iter().map(|name| fold(name)).collect();
    let colors: Vec<_> = tags.iter().map(|tag| tag.color.clone()).collect();
    let kinds: Vec<TagKind> = tags.iter().map(|tag| tag.kind).collect();
    let created: Vec<_> = tags.iter().map(|tag| tag.created_at).collect();
    sqlx::query!(
        r#"
        insert into tags (owner_id, id, name, name_key, kind, color, created_at)
        select $1, *
          from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[],
                      $7::timestamptz[])
            on conflict (owner_id, name_key) where deleted_at is null
            do update set name = tags.name -- changes nothing, but lets the row be returned
        returning name, id as "id: TagId"
        "#,
        owner.0,
        &ids,
        &names,
        &keys,
        &kinds as &[TagKind],
        &colors,
        &created,
    )
    .map(|row| (row.name, row.id))
    .fetch_all(db)
    .await
}

/// One tag on one position: (position, tag, place among the position's tags).
pub async fn attach_all(
    db: impl PgExecutor<'_>,
    owner: UserId,
    links: &[(PositionId, TagId, i16)],
) -> sqlx::Result<()> {
    let positions: Vec<_> = links.iter().map(|(position, _, _)| position.0).collect();
    let tags: Vec<_> = links.iter().map(|(_, tag, _)| tag.0).collect();
    let ordinals: Vec<_> = links.iter().map(|(_, _, ordinal)| *ordinal).collect();
    sqlx::query!(
        r#"
        insert into position_tags (owner_id, position_id, tag_id, ordinal)
        select $1, * from unnest($2::uuid[], $3::uuid[], $4::smallint[])
        "#,
        owner.0,
        &positions,
        &tags,
        &ordinals,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Puts the tags of one of the owner's positions on another that has none, those too that are
/// deleted for now.
pub async fn copy(
    db: impl PgExecutor<'_>,
    owner: UserId,
    from: PositionId,
    to: PositionId,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        insert into position_tags (owner_id, position_id, tag_id, ordinal)
        select owner_id, $3, tag_id, ordinal
          from position_tags
         where owner_id = $1 and position_id = $2
        "#,
        owner.0,
        from.0,
        to.0,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Takes all its tags off one of the owner's positions; those that are deleted for now stay, in
/// case they come back.
pub async fn clear(
    db: impl PgExecutor<'_>,
    owner: UserId,
    position: PositionId,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        delete from position_tags pt
         using tags t
         where pt.owner_id = $1 and pt.position_id = $2
           and (t.owner_id, t.id) = (pt.owner_id, pt.tag_id) and t.deleted_at is null
        "#,
        owner.0,
        position.0,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// False when the owner has one of that name.
pub async fn insert(db: impl PgExecutor<'_>, owner: UserId, tag: &Tag) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        r#"
        insert into tags (owner_id, id, name, name_key, kind, color, description, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
            on conflict (owner_id, name_key) where deleted_at is null do nothing
        "#,
        owner.0,
        tag.id.0,
        tag.name,
        fold(&tag.name),
        tag.kind as TagKind,
        tag.color,
        tag.description,
        tag.created_at,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Stores what was changed of one of the owner's tags. False when another has that name.
pub async fn update(db: impl PgExecutor<'_>, owner: UserId, tag: &Tag) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        r#"
        update tags
           set name = $3, name_key = $4, kind = $5, color = $6, description = $7
         where owner_id = $1 and id = $2
           and not exists (select from tags
                            where owner_id = $1 and id <> $2 and name_key = $4
                              and deleted_at is null)
        "#,
        owner.0,
        tag.id.0,
        tag.name,
        fold(&tag.name),
        tag.kind as TagKind,
        tag.color,
        tag.description,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The portfolios of the positions that carry one of the owner's tags, one each; closed positions
/// count; no order.
pub async fn carriers(
    db: impl PgExecutor<'_>,
    owner: UserId,
    tag: TagId,
) -> sqlx::Result<Vec<PortfolioId>> {
    sqlx::query_scalar!(
        r#"
        select p.portfolio_id as "portfolio_id: PortfolioId"
          from position_tags pt
          join positions p on (p.owner_id, p.id) = (pt.owner_id, pt.position_id)
         where pt.owner_id = $1 and pt.tag_id = $2
        "#,
        owner.0,
        tag.0,
    )
    .fetch_all(db)
    .await
}

/// Deletes one of the owner's tags for now, or brings it back: what carries it stays noted.
pub async fn mark_deleted(
    db: impl PgExecutor<'_>,
    owner: UserId,
    tag: TagId,
    deleted_at: Option<DateTime<Utc>>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update tags set deleted_at = $3 where owner_id = $1 and id = $2",
        owner.0,
        tag.0,
        deleted_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The newest 500 of the owner's tags that were deleted after an instant, the newest first, each with
/// when.
pub async fn deleted_since(
    db: impl PgExecutor<'_>,
    owner: UserId,
    since: DateTime<Utc>,
) -> sqlx::Result<Vec<(Tag, DateTime<Utc>)>> {
    sqlx::query!(
        r#"
        select id as "id: TagId", name, kind as "kind: TagKind", color, description, created_at,
               deleted_at as "deleted_at!"
          from tags
         where owner_id = $1 and deleted_at > $2
         order by deleted_at desc, name_key, id
         limit 500
        "#,
        owner.0,
        since,
    )
    .map(|row| {
        let tag = Tag {
            id: row.id,
            name: row.name,
            kind: row.kind,
            color: row.color,
            description: row.description,
            created_at: row.created_at,
        };
        (tag, row.deleted_at)
    })
    .fetch_all(db)
    .await
}

/// Removes the owner's tags that were deleted up to an instant. The number removed.
pub async fn purge(
    db: impl PgExecutor<'_>,
    owner: UserId,
    up_to: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let done =
        sqlx::query!("delete from tags where owner_id = $1 and deleted_at <= $2", owner.0, up_to);
    Ok(done.execute(db).await?.rows_affected())
}

/// The first of the owner's positions, in their order, that would carry more than `most` tags if
/// it carried these too, and how many it would.
pub async fn first_overfull(
    db: impl PgExecutor<'_>,
    owner: UserId,
    positions: &[PositionId],
    tags: &[TagId],
    most: i64,
) -> sqlx::Result<Option<(PositionId, i64)>> {
    let found = sqlx::query!(
        r#"
        select asked.id as "id!: PositionId", others.count + cardinality($3::uuid[]) as "count!"
          from unnest($2::uuid[]) with ordinality asked (id, place)
         cross join lateral (
               select count(*) as count
                 from position_tags pt
                 join tags t on (t.owner_id, t.id) = (pt.owner_id, pt.tag_id)
                where pt.owner_id = $1 and pt.position_id = asked.id
                  and t.deleted_at is null and t.id <> all($3)) others
         where others.count + cardinality($3::uuid[]) > $4
         order by asked.place
         limit 1
        "#,
        owner.0,
        positions as &[PositionId],
        tags as &[TagId],
        most,
    )
    .fetch_optional(db)
    .await?;
    Ok(found.map(|row| (row.id, row.count)))
}

/// Whether one of the positions that carry the owner's tag, which is deleted, carries `most` others.
pub async fn is_crowded_out(
    db: impl PgExecutor<'_>,
    owner: UserId,
    tag: TagId,
    most: i64,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"
        select exists (
               select
                 from position_tags pt
                 join position_tags other
                   on (other.owner_id, other.position_id) = (pt.owner_id, pt.position_id)
                 join tags t on (t.owner_id, t.id) = (other.owner_id, other.tag_id)
                where pt.owner_id = $1 and pt.tag_id = $2 and t.deleted_at is null
                group by pt.position_id
               having count(*) >= $3) as "crowded!"
        "#,
        owner.0,
        tag.0,
        most,
    )
    .fetch_one(db)
    .await
}

/// Puts tags on positions of the owner's, after those they carry; one carried already stays where
/// it is.
pub async fn add_to_all(
    db: impl PgExecutor<'_>,
    owner: UserId,
    positions: &[PositionId],
    tags: &[TagId],
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        insert into position_tags (owner_id, position_id, tag_id, ordinal)
        select $1, position.id, tag.id, least(carried.last + tag.place, 32767)
          from unnest($2::uuid[]) position (id)
         cross join lateral (
               select coalesce(max(ordinal), -1) as last
                 from position_tags
                where owner_id = $1 and position_id = position.id) carried
         cross join unnest($3::uuid[]) with ordinality tag (id, place)
            on conflict do nothing
        "#,
        owner.0,
        positions as &[PositionId],
        tags as &[TagId],
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Takes the owner's tags of these folded names off positions.
pub async fn take_off_all(
    db: impl PgExecutor<'_>,
    owner: UserId,
    positions: &[PositionId],
    names: &[String],
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        delete from position_tags pt
         using tags t
         where pt.owner_id = $1 and pt.position_id = any($2)
           and (t.owner_id, t.id) = (pt.owner_id, pt.tag_id)
           and t.deleted_at is null and t.name_key = any($3)
        "#,
        owner.0,
        positions as &[PositionId],
        names,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Removes all tags of an owner, from the positions that carry them too.
pub async fn delete_all(db: impl PgExecutor<'_>, owner: UserId) -> sqlx::Result<()> {
    sqlx::query!("delete from tags where owner_id = $1", owner.0).execute(db).await?;
    Ok(())
}
