//! What a share pays its holder, as the pricing of options takes it.

use chrono::{Months, NaiveDate};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::domain::action::{ActionKind, Split, ratio};
use crate::store::actions::Known;

/// Where a dividend yield comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum DividendSource {
    /// The dividends of the twelve months before.
    Trailing,
    /// None are known of.
    None,
}

/// Regular cash dividends of the twelve months to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailing {
    /// Sum per share, of the shares as they are at the session.
    pub per_share: Decimal,
    pub source: DividendSource,
}

/// What went ex in the twelve months to a session, the session included, less what was special:
/// each dividend is of the shares of its day and divided by the splits since.
///
/// The actions are all those that are known of the instrument, which is what
/// [`crate::store::actions::of_instruments`] gives. A dividend whose kind its provider does not
/// say counts as regular.
pub fn trailing(actions: &[Known], as_of: NaiveDate) -> Trailing {
    let splits = splits(actions);
    let after = as_of.checked_sub_months(Months::new(12)).unwrap_or(NaiveDate::MIN);
    let per_share = actions
        .iter()
        .map(|known| &known.action)
        .filter(|action| after < action.effective_date && action.effective_date <= as_of)
        .filter_map(|action| match action.kind {
            ActionKind::Split(_) => None,
            ActionKind::Dividend { amount, special } => {
                let regular = amount.checked_sub(special)?;
                Some(ratio(&splits, action.effective_date, as_of).price(regular))
            }
        })
        .fold(Decimal::ZERO, Decimal::saturating_add);
    let source = if per_share.is_zero() { DividendSource::None } else { DividendSource::Trailing };
    Trailing { per_share, source }
}

impl Trailing {
    /// As a continuous yield a year: `ln(1 + D / P)`, for whoever buys shares of what a share pays
    /// has `1 + D / P` of them a year later. The price is per share as of the session, carried
    /// through splits. 0 where no dividend is known; None for a price that is not above zero.
    pub fn continuous(&self, price: Decimal) -> Option<f64> {
        if self.source == DividendSource::None {
            return Some(0.0);
        }
        let share = self.per_share.checked_div(price).filter(|share| *share > Decimal::ZERO)?;
        Some(share.to_f64()?.ln_1p())
    }
}

/// The splits among some actions.
fn splits(actions: &[Known]) -> Vec<Split> {
    let split = |known: &Known| match known.action.kind {
        ActionKind::Split(ratio) => {
            Some(Split { date: known.action.effective_date, ratio, source: known.action.source })
        }
        ActionKind::Dividend { .. } => None,
    };
    actions.iter().filter_map(split).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::action::{Action, Ratio};
    use crate::domain::id::InstrumentId;
    use crate::domain::price::PriceSource;

    fn day(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).expect("a day")
    }

    fn known(effective_date: NaiveDate, kind: ActionKind) -> Known {
        let (instrument_id, source) = (InstrumentId::fresh(), PriceSource::Polygon);
        let action = Action { instrument_id, effective_date, kind, source };
        Known { action, last_close: None, has_traded_since: true }
    }

    fn paid(date: NaiveDate, cents: i64, special: i64) -> Known {
        let (amount, special) = (Decimal::new(cents, 2), Decimal::new(special, 2));
        known(date, ActionKind::Dividend { amount, special })
    }

    #[test]
    fn twelve_months_of_regular_dividends_are_a_continuous_yield() {
        let actions = [
            paid(day(2025, 1, 5), 900, 0), // the first day outside
            paid(day(2025, 1, 6), 100, 0),
            paid(day(2025, 7, 1), 350, 250),
            paid(day(2026, 1, 5), 100, 0),
            paid(day(2026, 1, 6), 900, 0), // not yet
        ];
        let found = trailing(&actions, day(2026, 1, 5));
        let expected = Trailing { per_share: Decimal::from(3), source: DividendSource::Trailing };
        assert_eq!(found, expected);
        let rate = found.continuous(Decimal::ONE_HUNDRED).expect("a yield");
        assert!((rate - 0.029_558_802_241_544_4).abs() < 1e-15, "ln 1.03: {rate}");
        assert_eq!(found.continuous(Decimal::ZERO), None);
    }

    #[test]
    fn a_split_divides_what_was_paid_before_it() {
        let four = Ratio::new(Decimal::from(4), Decimal::ONE).expect("a ratio");
        let actions = [
            paid(day(2025, 3, 3), 200, 0),
            // Paid on the day of the split, on new shares.
            paid(day(2025, 6, 2), 30, 0),
            known(day(2025, 6, 2), ActionKind::Split(four)),
        ];
        let before = trailing(&actions, day(2025, 5, 30));
        assert_eq!(before.per_share, Decimal::from(2), "the split has not happened");
        let after = trailing(&actions, day(2025, 6, 2));
        assert_eq!(after.per_share, Decimal::new(80, 2));
    }

    #[test]
    fn none_known_is_no_yield_and_says_so() {
        let specials = [paid(day(2025, 7, 1), 250, 250)];
        for actions in [&[][..], &specials] {
            let found = trailing(actions, day(2026, 1, 5));
            assert_eq!(found.source, DividendSource::None);
            assert_eq!(found.continuous(Decimal::TEN), Some(0.0));
        }
    }
}
