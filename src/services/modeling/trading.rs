//! Changing the trades of a session.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::sessions::{commit, open, trades};
use super::{Known, Shortfall, Trial, WrittenTrade, horizon, symbols};
use crate::domain::action::Split;
use crate::domain::id::{InstrumentId, ModelTradeId, ModelingSessionId, UserId};
use crate::domain::modeling::{MAX_DECIMALS, MAX_TRADES, Session, Status, Trade};
use crate::domain::price::{Horizon, Staleness};
use crate::error::{Code, Error, Refusal};
use crate::postgres::Work;
use crate::services::Services;
use crate::services::books::Holdings;
use crate::services::valuation::{Carried, Series, Splits, carried};
use crate::store;

/// What trades are tried on.
struct Base {
    held: Vec<Carried>,
    splits: Splits,
    known: Known,
    horizon: Horizon,
}

/// Adds trades after those that the session has: all of them, or none and all that is wrong with
/// them. A session that was put away is open again.
///
/// # Errors
/// `NotFound` unless the session is the owner's; `Conflict` for one that is cancelled;
/// `LimitExceeded` for trades too many.
pub async fn add(
    services: &Services,
    owner: UserId,
    id: Option<ModelingSessionId>,
    written: &[WrittenTrade],
) -> Result<Result<Session, Vec<Refusal>>, Error> {
    let mut tx = services.db.begin_as(owner).await?;
    let session = open(&mut tx, owner, id).await?;
    let earlier = trades(&mut tx, owner, &session).await?;
    if written.is_empty() {
        return Err(Refusal::validation("There are no trades.").at("trades").into());
    }
    if earlier.len() + written.len() > MAX_TRADES {
        let message = format!("A session has at most {MAX_TRADES} trades.");
        return Err(Refusal::new(Code::LimitExceeded, message)
            .at("trades")
            .hint(format!("It has {}; remove some, or make another session.", earlier.len()))
            .into());
    }
    let base_date = session.base_date;
    let judged = match all_or_faults(written.iter().map(|trade| trade.judge(base_date))) {
        Ok(judged) => judged,
        Err(faults) => return Ok(Err(faults)),
    };
    let traded = earlier.iter().map(|trade| trade.symbol.as_str());
    let traded = traded.chain(judged.iter().map(|trade| trade.symbol.as_str()));
    let base = base(services, &mut tx, owner, &session, symbols(traded)).await?;
    let unpriced = judged.iter().filter(|trade| trade.price.is_none());
    let unpriced: Vec<_> = unpriced.map(|trade| trade.symbol.as_str()).collect();
    let at_close = Horizon { held_by: base.horizon.as_of, ..base.horizon };
    let closes = closes(&mut tx, &base.known, &base.splits, at_close, &unpriced).await?;
    let priced = judged.into_iter().map(|trade| {
        let close = closes.get(&trade.symbol).copied();
        trade.at(session.id, close, base_date)
    });
    let new = match all_or_faults(priced) {
        Ok(new) => new,
        Err(faults) => return Ok(Err(faults)),
    };
    let all: Vec<_> = earlier.iter().chain(&new).cloned().collect();
    let faults = base.shortfalls(&session, &all).into_iter().filter_map(|short| {
        let place = short.place.checked_sub(earlier.len())?;
        Some(too_much(new.get(place)?, place, short))
    });
    let faults: Vec<_> = faults.collect();
    if !faults.is_empty() {
        return Ok(Err(faults));
    }

    let now = services.now();
    store::modeling::append(tx.statement(), owner, session.id, &new, now).await?;
    let session = Session { status: Status::Active, updated_at: now, ..session };
    store::modeling::update(tx.statement(), owner, &session).await?;
    let detail = json!({ "trades": new.iter().map(told).collect::<Vec<_>>() });
    commit(tx, services, owner, "modeling.add_trades", &session, detail).await?;
    Ok(Ok(session))
}

/// Takes trades out of a session.
///
/// # Errors
/// `NotFound` unless the session is the owner's and the trades are in it; `Conflict` for a session
/// that is cancelled, and where a trade that stays closes what one of these opens.
pub async fn remove(
    services: &Services,
    owner: UserId,
    id: Option<ModelingSessionId>,
    gone: &[Option<ModelTradeId>],
) -> Result<Session, Error> {
    let mut tx = services.db.begin_as(owner).await?;
    let session = open(&mut tx, owner, id).await?;
    let earlier = trades(&mut tx, owner, &session).await?;
    if gone.is_empty() {
        return Err(Refusal::validation("There are no trades.").at("tradeIds").into());
    }
    let mut ids = HashSet::new();
    for (place, id) in gone.iter().enumerate() {
        let found = id.filter(|id| earlier.iter().any(|trade| trade.id == *id));
        let missing =
            || Refusal::not_found("trade in the session").at(&format!("tradeIds.{place}"));
        ids.insert(found.ok_or_else(missing)?);
    }
    let traded = symbols(earlier.iter().map(|trade| trade.symbol.as_str()));
    let base = base(services, &mut tx, owner, &session, traded).await?;
    let before = base.shortfalls(&session, &earlier).len();
    let (removed, staying): (Vec<_>, Vec<_>) =
        earlier.into_iter().partition(|trade| ids.contains(&trade.id));
    let after = base.shortfalls(&session, &staying);
    if let Some(short) = after.last().filter(|_| after.len() > before) {
        let trade = staying.get(short.place).map(title).unwrap_or_default();
        let message = format!("{trade} closes what these open.");
        return Err(Refusal::new(Code::Conflict, message)
            .at("tradeIds")
            .hint("Remove that one too.")
            .into());
    }

    let ids: Vec<_> = ids.into_iter().collect();
    store::modeling::remove(tx.statement(), owner, session.id, &ids).await?;
    let session = Session { status: Status::Active, updated_at: services.now(), ..session };
    store::modeling::update(tx.statement(), owner, &session).await?;
    let detail = json!({ "trades": removed.iter().map(told).collect::<Vec<_>>() });
    commit(tx, services, owner, "modeling.remove_trades", &session, detail).await?;
    Ok(session)
}

async fn base(
    services: &Services,
    tx: &mut Work,
    owner: UserId,
    session: &Session,
    traded: BTreeSet<String>,
) -> Result<Base, Error> {
    let horizon = horizon(session, services.now(), &services.calendar);
    let holdings = Holdings::read(tx, owner, &[session.portfolio_id]).await?;
    let (known, more) = known_under(tx, owner, traded).await?;
    let held = carried(holdings.of(session.portfolio_id), holdings.splits(), horizon);
    Ok(Base { held, splits: holdings.splits().clone().and(more), known, horizon })
}

/// What somebody may see under [`symbols`], and the splits of the shares that move it.
pub(in crate::services) async fn known_under(
    tx: &mut Work,
    owner: UserId,
    symbols: BTreeSet<String>,
) -> Result<(Known, HashMap<InstrumentId, Vec<Split>>), Error> {
    let symbols: Vec<_> = symbols.into_iter().collect();
    let found = store::instruments::visible(tx.statement(), owner, &[], &symbols).await?;
    let known: Known = found.into_iter().map(|one| (one.symbol.clone(), Arc::new(one))).collect();
    let moving: HashSet<_> = known
        .values()
        .map(|one| one.contract.as_ref().map_or(one.id, |contract| contract.underlying_id))
        .collect();
    let moving: Vec<_> = moving.into_iter().collect();
    let mut splits = HashMap::<_, Vec<_>>::new();
    for (id, split) in store::actions::splits(tx.statement(), &moving).await? {
        splits.entry(id).or_default().push(split);
    }
    Ok((known, splits))
}

impl Base {
    /// The trades that would close more than there is.
    fn shortfalls(&self, session: &Session, trades: &[Trade]) -> Vec<Shortfall> {
        let trial = Trial::new(session, trades, &self.known);
        trial.net(session.portfolio_id, self.held.clone(), &self.splits, self.horizon).shortfalls
    }
}

/// What trades that name no price are done at: the close of the horizon's session, or one of the
/// three sessions before, in the shares of its last day. By symbol; none where there is none.
pub(in crate::services) async fn closes(
    tx: &mut Work,
    known: &Known,
    splits: &Splits,
    horizon: Horizon,
    symbols: &[&str],
) -> Result<HashMap<String, Decimal>, Error> {
    let instruments: HashMap<InstrumentId, _> = symbols
        .iter()
        .filter_map(|symbol| known.get(*symbol))
        .map(|instrument| (instrument.id, instrument))
        .collect();
    if instruments.is_empty() {
        return Ok(HashMap::new());
    }
    let wanted: Vec<_> = instruments.keys().map(|id| (*id, horizon)).collect();
    let quotes = store::prices::quotes(tx.statement(), &wanted).await?;
    let closes = quotes.into_iter().filter_map(|(id, _, quote)| {
        let instrument = instruments.get(&id)?;
        let series = Series::of(instrument, splits.moving(instrument), horizon.held_by);
        let quote = series.of_quote(&quote, horizon)?;
        let is_near = matches!(
            Staleness::of(Some(&quote), &horizon),
            Staleness::LiveClose | Staleness::Carried
        );
        let price = quote.price.round_dp(MAX_DECIMALS);
        (is_near && price > Decimal::ZERO).then(|| (instrument.symbol.clone(), price))
    });
    Ok(closes.collect())
}

/// All of them, or what is wrong with any, each at its place among the trades.
pub(in crate::services) fn all_or_faults<T>(
    judged: impl Iterator<Item = Result<T, Refusal>>,
) -> Result<Vec<T>, Vec<Refusal>> {
    let (mut fine, mut faults) = (Vec::new(), Vec::new());
    for (place, one) in judged.enumerate() {
        match one {
            Ok(one) => fine.push(one),
            Err(refusal) => {
                let field = format!("trades.{place}.{}", refusal.field.join("."));
                faults.push(refusal.at(&field));
            }
        }
    }
    if faults.is_empty() { Ok(fine) } else { Err(faults) }
}

fn too_much(trade: &Trade, place: usize, short: Shortfall) -> Refusal {
    let there = short.there.normalize();
    let side = if trade.action.is_buy() { "short" } else { "long" };
    let message = format!("{}, but {there} are held {side} by then.", title(trade));
    let hint = format!(
        "{} at most {there}; {} closes what is there and goes on to the other side.",
        trade.action,
        trade.action.opening()
    );
    Refusal::validation(message).at(&format!("trades.{place}.quantity")).hint(hint)
}

/// A trade in words.
fn title(trade: &Trade) -> String {
    format!("{} {} {}", trade.action, trade.quantity, trade.symbol)
}

fn told(trade: &Trade) -> Value {
    json!({
        "symbol": trade.symbol,
        "action": trade.action.code(),
        "quantity": trade.quantity,
        "price": trade.price,
    })
}
