//! What instruments stand for, and when that was asked about.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::domain::id::InstrumentId;
use crate::domain::instrument::AssetClass;

/// What is not described among instruments and the underlyings of those that are options, and was
/// not asked about since `passing` where the answer may have been another the day after, nor since
/// `lasting` where not; by symbol.
pub async fn wanted(
    db: impl PgExecutor<'_>,
    instruments: &[InstrumentId],
    passing: DateTime<Utc>,
    lasting: DateTime<Utc>,
) -> sqlx::Result<Vec<(InstrumentId, String)>> {
    sqlx::query!(
        r#"
        select i.id as "id: InstrumentId", i.symbol
          from instruments i
          left join profile_requests asked on asked.instrument_id = i.id
         where i.id in (select coalesce(underlying_id, id) from instruments where id = any($1))
           and i.symbol not like '^%'
           and (i.name is null or i.asset_class = 'UNKNOWN'
                or i.asset_class = 'EQUITY' and i.sector is null)
           and (asked.asked_at is null
                or asked.asked_at < case when asked.may_pass then $2::timestamptz else $3::timestamptz end)
         order by i.symbol
        "#,
        instruments as &[InstrumentId],
        passing,
        lasting,
    )
    .map(|row| (row.id, row.symbol))
    .fetch_all(db)
    .await
}

/// What became of a question about an instrument.
#[derive(Clone, Debug)]
pub struct Asked {
    pub instrument: InstrumentId,
    pub may_pass: bool,
    /// None when somebody knew.
    pub said: Option<String>,
}

/// Notes what became of some questions, in place of earlier ones.
pub async fn note_all(
    db: impl PgExecutor<'_>,
    asked: &[Asked],
    at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        r#"
        insert into profile_requests (instrument_id, asked_at, may_pass, said)
        select id, $4, may_pass, left(said, 500)
          from unnest($1::uuid[], $2::bool[], $3::text[]) as asked (id, may_pass, said)
        on conflict (instrument_id) do update
           set asked_at = excluded.asked_at, may_pass = excluded.may_pass, said = excluded.said
        "#,
        &asked.iter().map(|of| of.instrument.0).collect::<Vec<_>>(),
        &asked.iter().map(|of| of.may_pass).collect::<Vec<_>>(),
        &asked.iter().map(|of| of.said.clone()).collect::<Vec<_>>() as &[Option<String>],
        at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What somebody says of an instrument.
#[derive(Clone, Debug)]
pub struct Description {
    pub instrument: InstrumentId,
    pub name: Option<String>,
    pub asset_class: AssetClass,
    pub sector: Option<String>,
    pub industry: Option<String>,
}

/// Fills in what is not known of instruments; what is known stays.
pub async fn describe_all(
    db: impl PgExecutor<'_>,
    descriptions: &[Description],
) -> sqlx::Result<()> {
    let each = descriptions.iter();
    sqlx::query!(
        r#"
        update instruments i
           set name = coalesce(i.name, new.name), sector = coalesce(i.sector, new.sector),
               industry = coalesce(i.industry, new.industry),
               asset_class = case i.asset_class when 'UNKNOWN' then new.asset_class
                             else i.asset_class end
          from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
               as new (id, name, asset_class, sector, industry)
         where i.id = new.id and i.underlying_id is null
        "#,
        &each.clone().map(|of| of.instrument.0).collect::<Vec<_>>(),
        &each.clone().map(|of| of.name.clone()).collect::<Vec<_>>() as &[Option<String>],
        &each.clone().map(|of| of.asset_class).collect::<Vec<_>>() as &[AssetClass],
        &each.clone().map(|of| of.sector.clone()).collect::<Vec<_>>() as &[Option<String>],
        &each.map(|of| of.industry.clone()).collect::<Vec<_>>() as &[Option<String>],
    )
    .execute(db)
    .await?;
    Ok(())
}
