//! A second look at closes that moved further than anything explains.
//!
//! They are kept and used: a market does sometimes move so. What another source says of them is
//! asked for and told, and whoever knows better imports a correction.

use chrono::NaiveDate;

use crate::domain::id::InstrumentId;
use crate::domain::reference::BENCHMARK;
use crate::error::Error;
use crate::market::check::{Move, Quorum, is_outlier, quorum};
use crate::market::provider::Urgency;
use crate::services::history::Series;
use crate::services::{Services, actions};
use crate::store;
use crate::store::doubts::Doubt;
use crate::store::prices::Range;

/// Sessions before the one looked at that its move is measured by.
const PAST: u32 = 61;

/// Looks at the closes of the last session of everything held. The number doubted.
///
/// # Errors
/// When the database fails. That no second source answers is told in the doubt.
pub async fn look(services: &Services) -> Result<usize, Error> {
    let date = services.last_session();
    let sessions: Vec<_> =
        services.calendar.sessions(services.calendar.sessions_before(date, PAST), date).collect();
    let mut tx = services.db.begin_shared().await?;
    let held = store::positions::held_since(tx.statement()).await?;
    let mut ids: Vec<_> = held.into_iter().map(|(id, _)| id).collect();
    // An option moves as its underlying makes it, by more than its own past knows of.
    let known = store::instruments::by_id(tx.statement(), &ids).await?;
    ids = known.iter().filter(|one| one.contract.is_none()).map(|one| one.id).collect();
    let market = store::instruments::by_symbol(tx.statement(), &[BENCHMARK.to_owned()]).await?;
    let market = market.first().map(|market| market.id);
    let range = |instrument: InstrumentId| Range { instrument, from: sessions[0], to: date };
    let ranges: Vec<_> =
        ids.iter().copied().chain(market.filter(|id| !ids.contains(id))).map(range).collect();
    let stored = store::prices::series(tx.statement(), &ranges).await?;
    let wanted: Vec<_> = ranges.iter().map(|range| range.instrument).collect();
    let happened = store::actions::of_instruments(tx.statement(), &wanted).await?;
    tx.commit().await?;

    let adjustments = actions::by_instrument(&happened);
    let moves: Vec<_> = stored
        .into_iter()
        .filter(|stored| !stored.is_simulated)
        .filter_map(|stored| {
            let id = stored.range.instrument;
            let close = stored.dates.last().filter(|last| **last == date).and(stored.closes.last());
            let close = *close?;
            let series = Series::new(&stored, adjustments.get(&id).map(Vec::as_slice));
            Some((id, close, returns(&series, &sessions)))
        })
        .collect();
    let of_market = moves.iter().find(|(id, ..)| Some(*id) == market);
    let of_market = of_market.and_then(|(.., returns)| *returns.last()?);
    let mut doubts = Vec::new();
    for (id, close, returns) in &moves {
        let Some((Some(today), past)) = returns.split_last() else { continue };
        let past: Vec<_> = past.iter().flatten().copied().collect();
        let acts = |one: &store::actions::Known| {
            one.action.instrument_id == *id && one.action.effective_date == date
        };
        let has_action = happened.iter().any(acts);
        let step = Move { today: *today, past: &past, has_action, market: of_market };
        if is_outlier(&step) != Some(true) {
            continue;
        }
        let Some(instrument) = known.iter().find(|one| one.id == *id) else { continue };
        let opinion = second_opinion(services, &instrument.symbol, *close, date).await;
        doubts.push(Doubt {
            instrument_id: *id,
            date,
            says: format!(
                "It moved {:+.1} %, more than eight deviations of its own past, without a split or \
                 dividend and while the market hardly moved. {opinion}",
                today * 100.0
            ),
            noted_at: services.now(),
        });
    }
    let looked: Vec<_> = moves.iter().map(|(id, ..)| *id).collect();
    let mut tx = services.db.begin_shared().await?;
    store::doubts::replace_all(tx.statement(), &looked, date, &doubts).await?;
    tx.commit().await?;
    Ok(doubts.len())
}

fn returns(series: &Series, sessions: &[NaiveDate]) -> Vec<Option<f64>> {
    sigmasight_analytics::returns::simple_returns(&series.over(sessions))
}

/// What the providers make of the close, in a sentence.
async fn second_opinion(services: &Services, symbol: &str, close: f64, date: NaiveDate) -> String {
    let Ok(close) = rust_decimal::Decimal::try_from(close) else { return String::new() };
    let closes = services.chain.closes(symbol, date, Urgency::Batch).await;
    if closes.len() < 2 {
        return "No second source was to be had.".into();
    }
    let each = closes.iter().map(|(source, other)| match quorum(close, Some(*other)) {
        Quorum::Agreed => format!("{source:?} agrees."),
        _ => format!("{source:?} has {}.", other.normalize()),
    });
    each.collect::<Vec<_>>().join(" ")
}
