//! On which days there are prices, and what was said of the others.

use chrono::NaiveDate;
use sqlx::PgExecutor;

use super::prices::Range;
use crate::domain::id::InstrumentId;

/// What is stored of an instrument, and of a range of its days in particular.
#[derive(Clone, Debug)]
pub struct Presence {
    pub range: Range,
    /// The first and the last bar there is up to the end of the range.
    pub first: Option<NaiveDate>,
    pub last: Option<NaiveDate>,
    /// Each day of the range that has a bar, ascending.
    pub dates: Vec<NaiveDate>,
    /// Whether any of those bars is simulated.
    pub is_simulated: bool,
    /// What was asked for in vain within the range, by its first day.
    pub absences: Vec<Told>,
    /// Closes that nothing explains, whenever they were, by their sessions: why, in a sentence or
    /// two.
    pub doubts: Vec<(NaiveDate, String)>,
}

/// Days that were asked for in vain, and what the providers said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub first: NaiveDate,
    pub last: NaiveDate,
    pub said: String,
}

/// What there is of each range, whether it is anything or not; no order.
pub async fn of_ranges(db: impl PgExecutor<'_>, ranges: &[Range]) -> sqlx::Result<Vec<Presence>> {
    sqlx::query!(
        r#"
        select wanted.id as "instrument!: InstrumentId", wanted.first as "from!",
               wanted.last as "to!", reach.first, reach.last,
               coalesce(bar.dates, '{}') as "dates!",
               coalesce(bar.is_simulated, false) as "is_simulated!",
               coalesce(absence.first, '{}') as "absent_from!",
               coalesce(absence.last, '{}') as "absent_to!",
               coalesce(absence.said, '{}') as "said!",
               coalesce(doubt.dates, '{}') as "doubted!", coalesce(doubt.says, '{}') as "doubts!"
          from unnest($1::uuid[], $2::date[], $3::date[]) as wanted (id, first, last)
         cross join lateral (
               select min(date) as first, max(date) as last
                 from prices
                where instrument_id = wanted.id and date <= wanted.last) reach
         cross join lateral (
               select array_agg(date order by date) as dates,
                      bool_or(source = 'SYNTHETIC') as is_simulated
                 from prices
                where instrument_id = wanted.id
                  and date between wanted.first and wanted.last) bar
         cross join lateral (
               select array_agg(noted.first order by noted.first) as first,
                      array_agg(noted.last order by noted.first) as last,
                      array_agg(noted.said order by noted.first) as said
                 from price_absences noted
                where noted.instrument_id = wanted.id and noted.reason <> 'HOLIDAY'
                  and noted.first <= wanted.last and noted.last >= wanted.first) absence
         cross join lateral (
               select array_agg(date order by date) as dates, array_agg(says order by date) as says
                 from price_doubts
                where instrument_id = wanted.id) doubt
        "#,
        &ranges.iter().map(|range| range.instrument.0).collect::<Vec<_>>(),
        &ranges.iter().map(|range| range.from).collect::<Vec<_>>(),
        &ranges.iter().map(|range| range.to).collect::<Vec<_>>(),
    )
    .map(|row| {
        let absences = row.absent_from.into_iter().zip(row.absent_to).zip(row.said);
        Presence {
            range: Range { instrument: row.instrument, from: row.from, to: row.to },
            first: row.first,
            last: row.last,
            dates: row.dates,
            is_simulated: row.is_simulated,
            absences: absences.map(|((first, last), said)| Told { first, last, said }).collect(),
            doubts: row.doubted.into_iter().zip(row.doubts).collect(),
        }
    })
    .fetch_all(db)
    .await
}
