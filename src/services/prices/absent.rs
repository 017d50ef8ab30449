//! What was asked for in vain: when to ask again, and what stays noted after an answer.

use chrono::{DateTime, Duration, NaiveDate, Utc};

use crate::domain::absence::{Absence, AbsenceReason};
use crate::domain::id::InstrumentId;
use crate::market::provider::Span;

/// When to ask again for what was not there: the last sessions, and what is older.
const RETRY_RECENT: Duration = Duration::minutes(30);
const RETRY_HISTORY: Duration = Duration::days(7);

/// Why some sessions were not had.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub reason: AbsenceReason,
    pub said: String,
    pub asked_at: DateTime<Utc>,
}

/// Those of some missing sessions that are worth asking for; `recent` is the first of the last.
pub(super) fn due(
    missing: &[NaiveDate],
    absences: &[Absence],
    now: DateTime<Utc>,
    recent: NaiveDate,
) -> Vec<NaiveDate> {
    let is_due = |session: &&NaiveDate| {
        let Some(absence) = covering(absences, **session) else { return true };
        let is_fresh = **session >= recent || absence.reason.may_pass();
        now - absence.asked_at >= if is_fresh { RETRY_RECENT } else { RETRY_HISTORY }
    };
    missing.iter().filter(is_due).copied().collect()
}

/// What is to be noted of an instrument once some of its missing sessions, ascending, were asked
/// for: those with the refusal, the others as they were. Each session has one reason; neighbors
/// that were refused together are one range.
pub(super) fn after(
    instrument_id: InstrumentId,
    missing: &[NaiveDate],
    asked: &[NaiveDate],
    refusal: Option<&Refusal>,
    before: &[Absence],
) -> Vec<Absence> {
    let noted = missing.iter().map(|session| {
        let (reason, said, asked_at) = if asked.binary_search(session).is_ok() {
            let refusal = refusal?;
            (refusal.reason, &refusal.said, refusal.asked_at)
        } else {
            let absence = covering(before, *session)?;
            (absence.reason, &absence.said, absence.asked_at)
        };
        Some((*session, reason, said, asked_at))
    });
    let noted: Vec<_> = noted.collect();
    let ranges = noted.chunk_by(|one, next| match (one, next) {
        (Some((_, reason, said, at)), Some((_, next_reason, next_said, next_at))) => {
            (reason, said, at) == (next_reason, next_said, next_at)
        }
        _ => false,
    });
    let ranges = ranges.filter_map(|range| {
        let ((first, reason, said, asked_at), (last, ..)) =
            (range.first()?.as_ref()?, range.last()?.as_ref()?);
        Some(Absence {
            instrument_id,
            first: *first,
            last: *last,
            reason: *reason,
            said: (*said).clone(),
            asked_at: *asked_at,
        })
    });
    ranges.collect()
}

/// What was noted of days before and after some that were looked through; the ranges end there.
pub(super) fn outside(looked_at: Span, before: &[Absence]) -> Vec<Absence> {
    let Span { from, to } = looked_at;
    let clipped = |absence: &Absence, first: NaiveDate, last: NaiveDate| {
        let (first, last) = (absence.first.max(first), absence.last.min(last));
        (first <= last).then(|| Absence { first, last, ..absence.clone() })
    };
    let earlier = from.pred_opt().unwrap_or(from);
    let later = to.succ_opt().unwrap_or(to);
    let parts = before.iter().flat_map(|absence| {
        [clipped(absence, NaiveDate::MIN, earlier), clipped(absence, later, NaiveDate::MAX)]
    });
    parts.flatten().collect()
}

fn covering(absences: &[Absence], session: NaiveDate) -> Option<&Absence> {
    absences.iter().find(|absence| (absence.first..=absence.last).contains(&session))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 6, day).expect("a day")
    }

    fn refusal(said: &str, days_later: i64) -> Refusal {
        let asked_at = day(20).and_hms_opt(20, 30, 0).expect("a time").and_utc();
        Refusal {
            reason: AbsenceReason::NoTrade,
            said: said.into(),
            asked_at: asked_at + Duration::days(days_later),
        }
    }

    fn ranges(absences: &[Absence]) -> Vec<(NaiveDate, NaiveDate, &str)> {
        absences.iter().map(|a| (a.first, a.last, a.said.as_str())).collect()
    }

    #[test]
    fn what_was_not_asked_again_keeps_its_reason_and_its_time() {
        let id = InstrumentId::fresh();
        let missing = [day(3), day(4), day(5), day(10)];
        let first = refusal("Too old.", 0);
        let before = after(id, &missing, &missing, Some(&first), &[]);
        assert_eq!(ranges(&before), [(day(3), day(10), "Too old.")]);

        // The tenth was there after all; the eleventh is new, and the fourth is asked for again.
        let missing = [day(3), day(4), day(5), day(11)];
        let asked = [day(4), day(10), day(11)];
        let now = after(id, &missing, &asked, Some(&refusal("Halted.", 1)), &before);
        assert_eq!(
            ranges(&now),
            [
                (day(3), day(3), "Too old."),
                (day(4), day(4), "Halted."),
                (day(5), day(5), "Too old."),
                (day(11), day(11), "Halted."),
            ]
        );
        assert_eq!(now[0].asked_at, first.asked_at);
    }

    #[test]
    fn what_was_not_looked_at_stays_noted() {
        let id = InstrumentId::fresh();
        let missing = [day(3), day(4), day(5), day(10), day(11)];
        let before = after(id, &missing, &missing, Some(&refusal("Too old.", 0)), &[]);
        let around = |from, to| outside(Span { from: day(from), to: day(to) }, &before);
        assert_eq!(
            ranges(&around(5, 10)),
            [(day(3), day(4), "Too old."), (day(11), day(11), "Too old.")]
        );
        assert_eq!(ranges(&around(12, 28)), [(day(3), day(11), "Too old.")]);
        assert_eq!(ranges(&around(1, 28)), []);
    }

    #[test]
    fn nothing_is_asked_again_before_its_time() {
        let id = InstrumentId::fresh();
        let missing = [day(3), day(4), day(19)];
        let refusal = refusal("Halted.", 0);
        let absences = after(id, &missing, &missing, Some(&refusal), &[]);
        let due_after = |time| due(&missing, &absences, refusal.asked_at + time, day(17));
        assert_eq!(due_after(Duration::minutes(29)), []);
        assert_eq!(due_after(Duration::minutes(30)), [day(19)]);
        assert_eq!(due_after(Duration::days(7)), missing);
        let unasked = [day(3), day(5)];
        assert_eq!(due(&unasked, &absences[..0], refusal.asked_at, day(17)), unasked);
    }

    proptest! {
        #[test]
        fn every_session_that_was_ever_asked_for_has_one_reason(
            rounds in proptest::collection::vec(proptest::collection::vec(any::<(bool, bool)>(), 28), 1..5),
        ) {
            let id = InstrumentId::fresh();
            let mut missing: Vec<_> = (1..=28).map(day).collect();
            let (mut absences, mut ever) = (Vec::new(), BTreeSet::new());
            for (round, answers) in (0..).zip(rounds) {
                let of = |session: &NaiveDate| answers[chrono::Datelike::day0(session) as usize];
                let asked: Vec<_> = missing.iter().filter(|day| of(day).0).copied().collect();
                missing.retain(|session| of(session) != (true, true));
                ever.extend(asked.iter().copied());
                absences = after(id, &missing, &asked, Some(&refusal("No.", round)), &absences);
                for session in &missing {
                    let covered = absences.iter().filter(|a| (a.first..=a.last).contains(session)).count();
                    prop_assert_eq!(covered, usize::from(ever.contains(session)));
                }
                for pair in absences.windows(2) {
                    prop_assert!(pair[0].last < pair[1].first);
                }
            }
        }
    }
}
