//! Which contracts an exchange would list: expiries and strikes.

use chrono::{Datelike, Months, NaiveDate, Weekday};
use rust_decimal::Decimal;

use crate::domain::calendar::Calendar;

/// Indices whose contracts of other weeks than the third have a root of their own.
pub const INDEX_ROOTS: [[&str; 2]; 4] =
    [["SPX", "SPXW"], ["NDX", "NDXP"], ["RUT", "RUTW"], ["VIX", "VIXW"]];

/// Monthly expiries listed ahead, besides Januaries.
const MONTHLY: usize = 6;
/// Months ahead within which Januaries are listed.
const HORIZON: usize = 30;
/// Fridays listed ahead.
const WEEKLY: usize = 6;

/// When a contract ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiry {
    pub date: NaiveDate,
    /// Of the third Friday, rather than of another one.
    pub is_monthly: bool,
}

impl Expiry {
    /// The root of the contracts that end with it.
    pub fn root(self, underlying: &str) -> &str {
        let roots = INDEX_ROOTS.into_iter().find(|roots| roots[0] == underlying);
        roots.filter(|_| !self.is_monthly).map_or(underlying, |[_, weekly]| weekly)
    }
}

/// The expiries listed at a session, ascending; all are after it.
pub fn expiries(calendar: &Calendar, session: NaiveDate) -> Vec<Expiry> {
    let mut expiries: Vec<_> = monthly_expiries(calendar, session)
        .take(HORIZON)
        .enumerate()
        .filter(|(ahead, date)| *ahead < MONTHLY || date.month() == 1)
        .map(|(_, date)| Expiry { date, is_monthly: true })
        .collect();
    let fridays = session.iter_days().filter(|day| day.weekday() == Weekday::Fri).take(WEEKLY);
    for date in fridays.map(|friday| calendar.session_on_or_before(friday)) {
        if date > session && expiries.iter().all(|expiry| expiry.date != date) {
            expiries.push(Expiry { date, is_monthly: false });
        }
    }
    expiries.sort();
    expiries
}

/// The n-th monthly expiry after a date: the third Friday, or the session before a holiday.
pub fn monthly_expiry(calendar: &Calendar, after: NaiveDate, ahead: u32) -> Option<NaiveDate> {
    monthly_expiries(calendar, after).nth(ahead.checked_sub(1)? as usize)
}

fn monthly_expiries(calendar: &Calendar, after: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    let third_friday = move |months: u32| {
        let month = after.with_day(1)?.checked_add_months(Months::new(months))?;
        NaiveDate::from_weekday_of_month_opt(month.year(), month.month(), Weekday::Fri, 3)
    };
    (0..)
        .map_while(third_friday)
        .map(|friday| calendar.session_on_or_before(friday))
        .filter(move |&expiry| expiry > after)
}

/// The nearest strike an exchange would list to a price.
pub fn listed_strike(wanted: Decimal) -> Decimal {
    let step = step(wanted);
    ((wanted / step).round() * step).max(step)
}

/// The strikes listed between two prices, ascending.
pub fn strikes(low: Decimal, high: Decimal) -> impl Iterator<Item = Decimal> {
    let after = |strike: &Decimal| strike.checked_add(step(*strike));
    std::iter::successors(Some(listed_strike(low)), after).take_while(move |&k| k <= high)
}

/// How far strikes are apart around a price: a dollar below 50, five below 500, ten below 2,000.
fn step(price: Decimal) -> Decimal {
    const STEPS: [(i64, i64); 4] = [(50, 1), (500, 5), (2_000, 10), (10_000, 50)];
    let step = STEPS.iter().find(|(below, _)| price < Decimal::from(*below));
    Decimal::from(step.map_or(100, |(_, step)| *step))
}
