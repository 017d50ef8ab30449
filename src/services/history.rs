//! Closes that can be compared from one session to another, as the statistics take them.
//!
//! What is stored stays as it traded. A [`Series`] is made of it for one question: adjusted by
//! what issuers did to their shares within it, on the scale of its last close, as `f64`. An action
//! after its last session does not touch it, so that the same question about the same date gets
//! the same answer, to the last bit, whenever it is asked.

use chrono::NaiveDate;
use rust_decimal::prelude::ToPrimitive;
use sigmasight_analytics::returns::{Bar, align};

use crate::domain::action::Adjustment;
use crate::store::prices::StoredSeries;

/// Adjusted closes of an instrument, ascending by session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    bars: Vec<Bar>,
    is_simulated: bool,
}

impl Series {
    /// Where any action of the instrument is known its actions adjust, else the adjustments that
    /// its file came with: see [`crate::domain::price::Bar::adjusted_close`].
    pub fn new(stored: &StoredSeries, actions: Option<&[Adjustment]>) -> Self {
        Self::within(stored, (stored.range.from, stored.range.to), actions)
    }

    /// The same of a part of what is stored: from one day to another, both included.
    pub fn within(
        stored: &StoredSeries,
        (from, to): (NaiveDate, NaiveDate),
        actions: Option<&[Adjustment]>,
    ) -> Self {
        let start = stored.dates.partition_point(|date| *date < from);
        let bars = stored.dates.iter().zip(&stored.closes).zip(&stored.adjustments).skip(start);
        let factor = |action: &Adjustment| Some((action.effective_date, action.factor.to_f64()?));
        let factors = actions.map(|all| {
            let within = all.iter().filter(|action| action.effective_date <= to);
            within.filter_map(factor).collect::<Vec<_>>()
        });
        let bars = bars.take_while(|((date, _), _)| **date <= to).map(|((date, close), own)| {
            let factor = match &factors {
                Some(factors) => {
                    let later = factors.iter().filter(|(effective, _)| date < effective);
                    later.map(|(_, factor)| factor).product()
                }
                None => own.unwrap_or(1.0),
            };
            Bar { date: *date, close: close * factor }
        });
        Self { bars: bars.collect(), is_simulated: stored.is_simulated }
    }

    /// Whether any of its closes was made up.
    pub fn is_simulated(&self) -> bool {
        self.is_simulated
    }

    pub fn is_empty(&self) -> bool {
        self.bars.is_empty()
    }

    /// The first and the last session there is a close of.
    pub fn reach(&self) -> Option<(NaiveDate, NaiveDate)> {
        Some((self.bars.first()?.date, self.bars.last()?.date))
    }

    /// The adjusted close of each of these sessions, ascending; None where there is none.
    pub fn over(&self, sessions: &[NaiveDate]) -> Vec<Option<f64>> {
        align(sessions, &self.bars)
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::domain::id::InstrumentId;
    use crate::store::prices::Range;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 6, day).expect("a day")
    }

    fn stored(to: u32) -> StoredSeries {
        StoredSeries {
            range: Range { instrument: InstrumentId::fresh(), from: day(3), to: day(to) },
            dates: vec![day(3), day(4)],
            closes: vec![100.0, 50.0],
            adjustments: vec![Some(0.4), None],
            is_simulated: false,
        }
    }

    #[test]
    fn a_split_within_a_series_is_none_of_its_returns() {
        let halved = [Adjustment { effective_date: day(4), factor: Decimal::new(5, 1) }];
        let series = Series::new(&stored(4), Some(&halved));
        assert_eq!(series.over(&[day(3), day(4), day(5)]), [Some(50.0), Some(50.0), None]);
    }

    #[test]
    fn what_happened_after_it_does_not_touch_a_series() {
        let later = [Adjustment { effective_date: day(10), factor: Decimal::new(5, 1) }];
        let series = Series::new(&stored(4), Some(&later));
        assert_eq!(series.over(&[day(3), day(4)]), [Some(100.0), Some(50.0)]);
    }

    #[test]
    fn the_adjustments_of_a_file_stand_in_where_no_action_is_known() {
        let series = Series::new(&stored(4), None);
        assert_eq!(series.over(&[day(3), day(4)]), [Some(40.0), Some(50.0)]);
    }

    #[test]
    fn a_part_of_a_series_is_what_would_have_been_read_of_it_alone() {
        let halved = [Adjustment { effective_date: day(4), factor: Decimal::new(5, 1) }];
        let part = Series::within(&stored(4), (day(3), day(3)), Some(&halved));
        assert_eq!(part.over(&[day(3), day(4)]), [Some(100.0), None]);
        assert!(Series::within(&stored(4), (day(1), day(2)), None).is_empty());
    }
}
