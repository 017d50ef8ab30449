//! Taking down what issuers did to their shares, and what that makes of option contracts.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::instruments;
use super::updates::{Update, tell};
use crate::domain::action::{Action, ActionKind, Adjustment, Ratio, Split, between};
use crate::domain::id::InstrumentId;
use crate::domain::instrument::{Instrument, OccSymbol};
use crate::domain::price::PriceSource;
use crate::market::provider::{self, DividendKind};
use crate::postgres::Work;
use crate::store;
use crate::store::actions::Known;

/// Digits behind the point that the numbers of a split are stored with, and a dividend's.
const RATIO_DIGITS: u32 = 8;
const CASH_DIGITS: u32 = 10;

/// Stores what a source says of an instrument's splits and dividends, and makes known what the
/// splits make of the option contracts that anybody holds. Saying it again changes nothing. What
/// is neither, such as one share for one, is passed over. The number of actions changed.
///
/// # Errors
/// When the database fails.
pub async fn record(
    tx: &mut Work,
    instrument: InstrumentId,
    source: PriceSource,
    splits: &[provider::Split],
    dividends: &[provider::Dividend],
) -> sqlx::Result<u64> {
    // Whoever enters a contract on it meanwhile waits, and then sees the splits.
    store::instruments::lock(tx.statement(), &[instrument]).await?;
    let actions: Vec<_> = kinds(splits, dividends)
        .into_iter()
        .map(|(effective_date, kind)| Action {
            instrument_id: instrument,
            effective_date,
            kind,
            source,
        })
        .collect();
    if actions.is_empty() {
        return Ok(0);
    }
    let changed = store::actions::upsert_all(tx.statement(), &actions).await?;
    if changed > 0 {
        tell(tx, &Update::Prices([instrument].into())).await?;
    }
    let held = store::actions::held_contracts(tx.statement(), instrument).await?;
    if !held.is_empty() {
        let contracts = store::instruments::by_id(tx.statement(), &held).await?;
        succeed(tx, &contracts).await?;
        if changed > 0 {
            store::prices::want(tx.statement()).await?;
        }
    }
    Ok(changed)
}

/// One split and one dividend a day at most: several of one day are one together, as a regular
/// dividend and a special one.
fn kinds(
    splits: &[provider::Split],
    dividends: &[provider::Dividend],
) -> Vec<(NaiveDate, ActionKind)> {
    let mut ratios = BTreeMap::<_, Ratio>::new();
    for split in splits {
        let (to, from) = (split.to.round_dp(RATIO_DIGITS), split.from.round_dp(RATIO_DIGITS));
        if let Some(ratio) = Ratio::new(to, from) {
            let day = ratios.entry(split.date).or_insert(Ratio::ONE);
            *day = day.then(ratio);
        }
    }
    let mut amounts = BTreeMap::<_, (Decimal, Decimal)>::new();
    for dividend in dividends {
        let amount = dividend.amount.round_dp(CASH_DIGITS);
        let (day, special) = amounts.entry(dividend.ex_date).or_default();
        *day = day.saturating_add(amount);
        if matches!(dividend.kind, DividendKind::Special | DividendKind::CapitalGain) {
            *special = special.saturating_add(amount);
        }
    }
    let ratios = ratios.into_iter().filter(|(_, ratio)| !ratio.is_one());
    let amounts = amounts.into_iter().filter(|(_, (amount, _))| *amount > Decimal::ZERO);
    let dividend = |(date, (amount, special))| (date, ActionKind::Dividend { amount, special });
    ratios
        .map(|(date, ratio)| (date, ActionKind::Split(ratio)))
        .chain(amounts.map(dividend))
        .collect()
}

/// Makes known what the splits of their underlyings make of option contracts, for whoever enters
/// one at any time before: of others nobody has to know.
///
/// # Errors
/// When the database fails.
pub async fn succeed(tx: &mut Work, contracts: &[Instrument]) -> sqlx::Result<()> {
    let mut underlyings: Vec<_> =
        contracts.iter().filter_map(|i| Some(i.contract.as_ref()?.underlying_id)).collect();
    underlyings.sort();
    underlyings.dedup();
    if underlyings.is_empty() {
        return Ok(());
    }
    // Against a split that is being recorded.
    store::instruments::keep(tx.statement(), &underlyings).await?;
    let mut splits = HashMap::<_, Vec<Split>>::new();
    for (id, split) in store::actions::splits(tx.statement(), &underlyings).await? {
        splits.entry(id).or_default().push(split);
    }

    let successors: Vec<_> = contracts
        .iter()
        .filter_map(|instrument| {
            let underlying = instrument.contract.as_ref()?.underlying_id;
            Some((instrument.id, underlying, successors(instrument, splits.get(&underlying)?)))
        })
        .flat_map(|(id, underlying, symbols)| {
            symbols.into_iter().map(move |symbol| (id, Instrument::option(&symbol, underlying)))
        })
        .collect();
    if successors.is_empty() {
        return Ok(());
    }
    let described: Vec<_> = successors.iter().map(|(_, successor)| successor.clone()).collect();
    let ids = instruments::ensure_all(tx, &described).await?;
    let pairs: Vec<_> = successors
        .iter()
        .filter_map(|(id, successor)| Some((*id, *ids.get(&successor.symbol)?)))
        .collect();
    store::actions::succeed_all(tx.statement(), &pairs).await
}

/// What a contract becomes, entered before whichever of the splits.
fn successors(instrument: &Instrument, splits: &[Split]) -> Vec<OccSymbol> {
    let Ok(symbol) = OccSymbol::parse(&instrument.symbol) else { return Vec::new() };
    let lived: Vec<_> = between(splits, NaiveDate::MIN, symbol.expiry()).collect();
    let mut found = Vec::new();
    for first in 0..lived.len() {
        let mut contract = symbol.clone();
        for split in &lived[first..] {
            let Some(next) = contract.after_split(split.ratio) else { break };
            if !found.contains(&next) {
                found.push(next.clone());
            }
            contract = next;
        }
    }
    found
}

/// What the actions of each instrument adjust its closes by; they come by instrument and date.
pub fn by_instrument(known: &[Known]) -> HashMap<InstrumentId, Vec<Adjustment>> {
    let each = known.chunk_by(|a, b| a.action.instrument_id == b.action.instrument_id);
    each.map(|of| (of[0].action.instrument_id, adjustments(of))).collect()
}

/// What the actions of one instrument adjust its closes by, ascending; those of one day together.
/// Nothing has gone ex that has not traded since, and without a close before there is nothing to
/// adjust.
pub fn adjustments(actions: &[Known]) -> Vec<Adjustment> {
    actions
        .chunk_by(|one, other| one.action.effective_date == other.action.effective_date)
        .filter(|day| day[0].has_traded_since)
        .filter_map(|day| {
            let (mut ratio, mut cash) = (Ratio::ONE, Decimal::ZERO);
            for known in day {
                match known.action.kind {
                    ActionKind::Split(split) => ratio = ratio.then(split),
                    ActionKind::Dividend { amount, .. } => cash = cash.saturating_add(amount),
                }
            }
            Adjustment::of(day[0].action.effective_date, ratio, cash, day[0].last_close?)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 6, day).expect("a day")
    }

    fn split(date: u32, to: i64, from: i64) -> provider::Split {
        provider::Split { date: day(date), to: to.into(), from: from.into() }
    }

    #[test]
    fn what_happened_on_one_day_is_one_action_and_what_is_none_is_passed_over() {
        let splits = [split(3, 2, 1), split(3, 3, 1), split(4, 1, 1), split(5, 0, 1)];
        let ratio = Ratio::new(Decimal::from(6), Decimal::ONE).expect("a ratio");
        assert_eq!(kinds(&splits, &[]), [(day(3), ActionKind::Split(ratio))]);
    }

    #[test]
    fn of_a_days_dividends_it_is_known_how_much_was_special() {
        let paid = |date, cents, kind| provider::Dividend {
            ex_date: day(date),
            amount: Decimal::new(cents, 2),
            kind,
            pay_date: None,
        };
        let dividends = [
            paid(3, 50, DividendKind::Regular),
            paid(3, 200, DividendKind::Special),
            paid(4, 40, DividendKind::Unknown),
        ];
        let dividend = |amount, special| ActionKind::Dividend {
            amount: Decimal::new(amount, 2),
            special: Decimal::new(special, 2),
        };
        let expected = [(day(3), dividend(250, 200)), (day(4), dividend(40, 0))];
        assert_eq!(kinds(&[], &dividends), expected);
    }

    #[test]
    fn a_contract_has_a_successor_for_whoever_entered_it_before_any_of_the_splits() {
        let underlying = InstrumentId::fresh();
        let call = OccSymbol::parse("AAPL240614C00400000").expect("a symbol");
        let at = |date, to: i64| Split {
            date: day(date),
            ratio: Ratio::new(to.into(), Decimal::ONE).expect("a ratio"),
            source: PriceSource::Polygon,
        };
        // The last one comes after its last day.
        let splits = [at(3, 4), at(10, 2), at(17, 5)];
        let found = successors(&Instrument::option(&call, underlying), &splits);
        let strikes: Vec<_> = found.iter().map(|contract| contract.strike().to_string()).collect();
        assert_eq!(strikes, ["100", "50", "200"]);
    }
}
