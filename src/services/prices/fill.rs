//! Completing the prices of whatever is held: exactly the sessions that are missing, from the
//! providers; and where none of them has ever known a symbol, from the simulation if the settings
//! allow it.

use std::collections::{BTreeSet, HashMap};

use chrono::{Datelike, Days, NaiveDate};

use super::{ask, simulate};
use crate::config::Provider;
use crate::domain::calendar::Calendar;
use crate::domain::id::InstrumentId;
use crate::domain::instrument::{Instrument, Symbol};
use crate::domain::reference;
use crate::error::Error;
use crate::market::provider::Span;
use crate::services::factors::WINDOW;
use crate::services::meter::Meter;
use crate::services::stress::DAYS_BACK;
use crate::services::window::Window;
use crate::services::{Services, instruments};
use crate::store;

/// Returns that prices are kept ready for, however late something was entered. How well the market
/// scenario predicted looks furthest back: on the sessions it is tested on, and from the first of
/// them on the window of its betas.
const RETURNS: usize = DAYS_BACK + WINDOW;

/// Makes known what is measured against, so that its prices are kept from now on. Everybody sees
/// it: it is on a list of the program's.
///
/// # Errors
/// When the database fails.
pub async fn know_references(services: &Services) -> Result<(), Error> {
    let mut tx = services.db.begin_shared().await?;
    let ids = instruments::ensure_all(&mut tx, &reference::instruments()).await?;
    let ids: Vec<_> = ids.into_values().collect();
    store::instruments::list(tx.statement(), &ids).await?;
    Ok(tx.commit().await?)
}

/// Completes the prices of everything held, up to the last session: see [`complete`].
///
/// # Errors
/// As [`complete`].
pub async fn fill(services: &Services) -> Result<u64, Error> {
    complete(services, &Scope::default(), &Meter::default()).await
}

/// Whose prices to complete, and since when.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Of these, whether anybody holds them or not; None for everything held.
    pub symbols: Option<Vec<Symbol>>,
    /// Of the sessions from then on alone: tonight's figures do not wait for history.
    pub only_since: Option<NaiveDate>,
    /// From then on, where that is further back than they are kept ready anyway.
    pub from: Option<NaiveDate>,
    /// Up to then alone.
    pub to: Option<NaiveDate>,
}

/// Completes prices up to the last session. Safe to run at any time, by any number of processes.
/// The number of bars stored.
///
/// # Errors
/// When the database fails, or `meter` says stop. That a provider fails is noted, and it is asked
/// again later.
pub async fn complete(services: &Services, scope: &Scope, meter: &Meter) -> Result<u64, Error> {
    let mut bars = 0;
    let mut gaps = missing(services, scope).await?;
    if services.chain.has_prices() {
        bars += ask::ask(services, &gaps, meter).await?;
        gaps = missing(services, scope).await?;
    }
    if services.providers.contains(&Provider::Synthetic) {
        // What a market has said something of is never filled up with what was made up.
        let ids: Vec<_> = gaps.iter().map(|gap| gap.instrument.id).collect();
        let mut tx = services.db.begin_shared().await?;
        let absent = store::absences::of_instruments(tx.statement(), &ids).await?;
        tx.commit().await?;
        // Nor is what somebody may know who could not be asked.
        let may_come: BTreeSet<_> =
            absent.iter().filter(|a| a.reason.may_pass()).map(|a| a.instrument_id).collect();
        gaps.retain(|gap| !gap.is_observed && !may_come.contains(&gap.instrument.id));
        meter.says("Simulating prices");
        bars += simulate::simulate(services, gaps).await?;
    }
    meter.all_done();
    meter.says(format!("{bars} bars stored"));
    Ok(bars)
}

/// The sessions of an instrument that prices are wanted of and missing.
#[derive(Clone, Debug)]
pub(super) struct Gap {
    pub instrument: Instrument,
    /// Ascending.
    pub sessions: Vec<NaiveDate>,
    /// Those that have a bar which was told before they had settled, and have settled since;
    /// ascending. Not empty where nothing is missing.
    pub early: Vec<NaiveDate>,
    /// The days that were looked through.
    pub looked_at: Span,
    /// Whether any bar of it comes from outside.
    pub is_observed: bool,
}

/// What is held, the underlyings of that, and what is measured against as far as it is known, with
/// the sessions that have no bar; by symbol.
async fn missing(services: &Services, scope: &Scope) -> Result<Vec<Gap>, Error> {
    let last = services.last_session();
    let mut tx = services.db.begin_shared().await?;
    let held = store::positions::held_since(tx.statement()).await?;
    let kept = KeptReady::up_to(last, &services.calendar);
    let mut since: HashMap<_, _> =
        held.into_iter().map(|(id, entry)| (id, kept.since(entry))).collect();
    if let Some(symbols) = &scope.symbols {
        let named = instruments::ensure(&mut tx, symbols).await?;
        let named = symbols.iter().filter_map(|symbol| named.get(&symbol.canonical()).copied());
        since = named
            .map(|id| (id, since.get(&id).copied().unwrap_or_else(|| kept.since(last))))
            .collect();
    }
    if let Some(from) = scope.from {
        for date in since.values_mut() {
            *date = from.min(*date);
        }
    }
    let ids: Vec<_> = since.keys().copied().collect();
    for instrument in store::instruments::by_id(tx.statement(), &ids).await? {
        let Some(contract) = instrument.contract else { continue };
        let wanted = since.get(&instrument.id).copied().unwrap_or(last);
        let date = since.entry(contract.underlying_id).or_insert(wanted);
        *date = wanted.min(*date);
    }
    let symbols: Vec<_> = reference::symbols().map(str::to_owned).collect();
    for instrument in store::instruments::by_symbol(tx.statement(), &symbols).await? {
        since.entry(instrument.id).or_insert_with(|| kept.since(last));
    }
    let ids: Vec<_> = since.keys().copied().collect();
    let mut known = store::instruments::by_id(tx.statement(), &ids).await?;
    let stored = store::prices::stored(tx.statement(), &ids).await?;
    let stored: HashMap<_, _> = stored.into_iter().map(|s| (s.instrument_id, s)).collect();

    known.sort_by(|one, other| one.symbol.cmp(&other.symbol));
    let first = since.values().min().copied().unwrap_or(last);
    let sessions: Vec<_> = services.calendar.sessions(first, last).collect();
    let of = |from: NaiveDate, to: NaiveDate| {
        let start = sessions.partition_point(|session| *session < from);
        let end = sessions.partition_point(|session| *session <= to);
        &sessions[start.min(end)..end]
    };
    // Only a series with holes is looked at session by session.
    let holed: Vec<_> = stored
        .values()
        .filter(|s| {
            s.has_observed && usize::try_from(s.bars).unwrap_or(0) < of(s.first, s.last).len()
        })
        .map(|s| s.instrument_id)
        .collect();
    let mut early = HashMap::<InstrumentId, Vec<NaiveDate>>::new();
    for (id, date) in store::early::of_instruments(tx.statement(), &ids).await? {
        if services.calendar.is_settled(date, services.now()) {
            early.entry(id).or_default().push(date);
        }
    }
    let mut dates = HashMap::<InstrumentId, BTreeSet<NaiveDate>>::new();
    for (id, date) in store::prices::dates(tx.statement(), &holed).await? {
        dates.entry(id).or_default().insert(date);
    }
    tx.commit().await?;

    let gaps = known.into_iter().filter_map(|instrument| {
        let from = *since.get(&instrument.id)?;
        // An option has no price after its expiry.
        let to = instrument.contract.as_ref().map_or(last, |contract| contract.expiry.min(last));
        let wanted = of(from, to);
        let stored = stored.get(&instrument.id);
        let sessions: Vec<_> = match (stored, dates.get(&instrument.id)) {
            (None, _) => wanted.to_vec(),
            (Some(_), Some(dates)) => {
                wanted.iter().filter(|session| !dates.contains(session)).copied().collect()
            }
            (Some(stored), None) => {
                let is_there =
                    |session: &&NaiveDate| (stored.first..=stored.last).contains(session);
                wanted.iter().filter(|session| !is_there(session)).copied().collect()
            }
        };
        let is_observed = stored.is_some_and(|stored| stored.has_observed);
        let looked_at = Span {
            from: scope.only_since.map_or(from, |first| first.max(from)),
            to: scope.to.map_or(to, |last| last.min(to)),
        };
        let is_asked = |session: &NaiveDate| looked_at.contains(*session);
        let sessions: Vec<_> = sessions.into_iter().filter(is_asked).collect();
        let early = early.remove(&instrument.id).unwrap_or_default();
        let early: Vec<_> = early.into_iter().filter(is_asked).collect();
        let is_wanted = !(sessions.is_empty() && early.is_empty());
        is_wanted.then_some(Gap { instrument, sessions, early, looked_at, is_observed })
    });
    Ok(gaps.collect())
}

/// From when on prices are kept ready.
#[derive(Clone, Copy, Debug)]
pub(in crate::services) struct KeptReady {
    /// The first close that the statistics of the last session need.
    needed: NaiveDate,
}

impl KeptReady {
    pub fn up_to(last: NaiveDate, calendar: &Calendar) -> Self {
        let window = Window::ending(last, RETURNS, calendar);
        Self { needed: window.sessions().first().copied().unwrap_or(last) }
    }

    /// Those of something entered on a day: as far back as the statistics look, and as what a
    /// profit of the year of its entry is measured against. Whole years, because prices are
    /// everybody's and must not tell when somebody entered.
    pub fn since(self, entry: NaiveDate) -> NaiveDate {
        /// The last session of a year is never further from its end.
        const BEFORE_THE_YEAR: Days = Days::new(7);
        let first = entry.min(self.needed);
        let new_year = NaiveDate::from_ymd_opt(first.year(), 1, 1).unwrap_or(first);
        new_year.checked_sub_days(BEFORE_THE_YEAR).unwrap_or(new_year)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::stress::Accuracy;

    fn day(y: i32, m: u32, d: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(y, m, d).expect("a day")
    }

    #[test]
    fn prices_are_kept_from_before_the_year_of_entry_whatever_the_day() {
        let last = day(2026, 1, 5);
        let kept = KeptReady::up_to(last, &Calendar::default());
        assert_eq!(kept.since(day(2022, 11, 30)), day(2021, 12, 25));
        assert_eq!(kept.since(day(2022, 1, 3)), day(2021, 12, 25));
        assert_eq!(kept.since(last), day(2023, 12, 25), "of the latest entry too");
    }

    #[test]
    fn what_was_entered_last_has_the_closes_of_what_looks_furthest_back() {
        let calendar = Calendar::default();
        for last in calendar.sessions(day(2025, 1, 1), day(2027, 12, 31)) {
            let betas = Accuracy::before(last, DAYS_BACK, &calendar);
            let needed = Window::ending(betas, WINDOW, &calendar);
            let kept = KeptReady::up_to(last, &calendar).since(last);
            assert!(needed.sessions().first().is_some_and(|first| kept < *first), "{last}");
        }
        let april = KeptReady::up_to(day(2026, 4, 30), &calendar);
        assert_eq!(april.since(day(2026, 4, 30)), day(2023, 12, 25), "sixteen months, whole years");
    }
}
