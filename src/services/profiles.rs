//! Completing what held symbols stand for: name, class, sector and industry, by which exposures
//! are grouped. What is known already stays as it is.

use std::time::Duration;

use chrono::TimeDelta;

use super::Services;
use super::meter::Meter;
use super::updates::{Update, tell};
use crate::config::Provider;
use crate::domain::id::InstrumentId;
use crate::domain::instrument::AssetClass;
use crate::error::Error;
use crate::market::provider::{Profile, Urgency};
use crate::market::synthetic;
use crate::store;
use crate::store::profiles::{Asked, Description};

/// When to ask again where nobody could say, and where somebody did or nobody knows the symbol.
const RETRY_REFUSED: TimeDelta = TimeDelta::days(1);
const RETRY_TOLD: TimeDelta = TimeDelta::days(30);
/// Symbols described in one transaction.
const SYMBOLS_A_STEP: usize = 20;
/// Longest that one symbol is waited for: prices of others may be wanted meanwhile.
const PATIENCE: Duration = Duration::from_mins(1);
/// Refusals in a row after which the others are left for another time.
const REFUSALS: usize = 3;

/// Asks about every symbol that is held and not described, as far as that was not asked lately.
/// The number of symbols described.
///
/// # Errors
/// When the database fails, or `meter` says stop. That nobody answers is noted.
pub async fn complete(services: &Services, meter: &Meter) -> Result<usize, Error> {
    let now = services.now();
    let mut tx = services.db.begin_shared().await?;
    let held = store::positions::held_since(tx.statement()).await?;
    let held: Vec<_> = held.into_iter().map(|(id, _)| id).collect();
    let (passing, lasting) = (now - RETRY_REFUSED, now - RETRY_TOLD);
    let wanted = store::profiles::wanted(tx.statement(), &held, passing, lasting).await?;
    let ids: Vec<_> = wanted.iter().map(|(id, _)| *id).collect();
    let stored = store::prices::stored(tx.statement(), &ids).await?;
    tx.commit().await?;
    // What a market has said something of is not described by what was made up.
    let observed: Vec<_> =
        stored.iter().filter(|s| s.has_observed).map(|s| s.instrument_id).collect();

    let (mut described, mut refusals) = (0, 0);
    for step in wanted.chunks(SYMBOLS_A_STEP) {
        let mut told = Vec::new();
        for (id, symbol) in step {
            meter.goes_on()?;
            let answer = ask(services, symbol, !observed.contains(id)).await;
            refusals = if answer.may_pass { refusals + 1 } else { 0 };
            told.push((*id, answer));
            if refusals == REFUSALS {
                break;
            }
        }
        described += keep(services, told).await?;
        if refusals == REFUSALS {
            break;
        }
    }
    Ok(described)
}

/// What was answered about a symbol.
struct Answer {
    profile: Option<Profile>,
    may_pass: bool,
    said: Option<String>,
}

async fn ask(services: &Services, symbol: &str, may_be_made_up: bool) -> Answer {
    let asked = services.chain.profile(symbol, Urgency::Backfill);
    let by = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(answered)) => {
            return Answer { profile: Some(answered.answer), may_pass: false, said: None };
        }
        Ok(Err(by)) => by,
        Err(_) => {
            let said = Some("nobody answered in time".into());
            return Answer { profile: None, may_pass: true, said };
        }
    };
    let may_pass = by.is_passing();
    let is_simulated = services.providers.contains(&Provider::Synthetic) && may_be_made_up;
    let profile = (is_simulated && !may_pass).then(|| synthetic::profile(symbol));
    Answer { profile, may_pass, said: Some(by.to_string()) }
}

/// Stores what was told, and that it was asked. The number described.
async fn keep(services: &Services, told: Vec<(InstrumentId, Answer)>) -> Result<usize, Error> {
    let mut descriptions = Vec::new();
    let mut asked = Vec::new();
    for (instrument, Answer { profile, may_pass, said }) in told {
        asked.push(Asked { instrument, may_pass, said });
        descriptions.extend(profile.and_then(|profile| description(instrument, profile)));
    }
    let ids: Vec<_> = descriptions.iter().map(|of| of.instrument).collect();
    let mut tx = services.db.begin_shared().await?;
    if !ids.is_empty() {
        store::instruments::lock(tx.statement(), &ids).await?;
        store::profiles::describe_all(tx.statement(), &descriptions).await?;
        tell(&mut tx, &Update::Prices(ids.into())).await?;
    }
    store::profiles::note_all(tx.statement(), &asked, services.now()).await?;
    tx.commit().await?;
    Ok(descriptions.len())
}

/// None of a contract: its terms are what describes it.
fn description(instrument: InstrumentId, profile: Profile) -> Option<Description> {
    let Profile { name, asset_class, sector, industry, .. } = profile;
    let is_contract = asset_class == AssetClass::Option;
    (!is_contract).then_some(Description { instrument, name, asset_class, sector, industry })
}
