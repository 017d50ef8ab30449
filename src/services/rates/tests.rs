//! Curves and levels, by hand and against the simulation.

use super::*;
use crate::domain::calendar::Calendar;
use crate::market::synthetic;

fn day(month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, month, day).expect("a day")
}

fn found(tenor: Tenor, date: NaiveDate, rate: &str) -> Yield {
    let rate = Decimal::from_str_exact(rate).expect("a decimal");
    Yield { tenor, date, rate, source: YieldSource::Fred }
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-12
}

#[test]
fn a_rate_lies_on_the_line_between_its_neighbors_and_is_flat_beyond_them() {
    let as_of = day(1, 5);
    let yields =
        [found(Tenor::OneYear, as_of, "0.04"), found(Tenor::ThreeYears, day(1, 2), "0.06")];
    let curve = Curve::of(as_of, &yields, 0.05);
    let (one, three) = (2.0 * 1.02_f64.ln(), 2.0 * 1.03_f64.ln());
    let two = curve.rate(2.0);
    assert!(close(two.rate, f64::midpoint(one, three)), "{two:?}");
    assert_eq!((two.source, two.date), (RateSource::Treasury, Some(day(1, 2))), "the older one");
    assert!(close(curve.rate(0.0).rate, one) && close(curve.rate(1.0).rate, one));
    assert!(close(curve.rate(3.0).rate, three) && close(curve.rate(99.0).rate, three));
    assert!(close(curve.rate(1.5).rate, one + (three - one) / 4.0));
}

#[test]
fn the_newest_yield_that_is_not_too_old_counts_and_the_rates_of_a_day_do_not() {
    let as_of = day(1, 15);
    let yields = [
        found(Tenor::FedFunds, as_of, "0.09"),
        found(Tenor::TwoYears, day(1, 4), "0.03"),
        found(Tenor::FiveYears, day(1, 5), "0.04"),
        found(Tenor::FiveYears, day(1, 6), "0.05"),
        found(Tenor::FiveYears, day(1, 16), "0.08"),
    ];
    let curve = Curve::of(as_of, &yields, 0.05);
    let points: Vec<_> = curve.points().iter().map(|point| (point.tenor, point.date)).collect();
    assert_eq!(points, [(Tenor::FiveYears, day(1, 6))], "eleven days are too many");
    assert_eq!(curve.quality(as_of), Quality::Stale);

    let tenth = Curve::of(day(1, 14), &yields[1..2], 0.05);
    assert_eq!(tenth.points().len(), 1, "ten are not");
}

#[test]
fn without_yields_the_configured_rate_stands_in_and_says_so() {
    let curve = Curve::of(day(1, 15), &[found(Tenor::OneYear, day(1, 4), "0.03")], 0.045);
    assert_eq!(curve, Curve::configured(0.045));
    let rate = curve.rate(0.5);
    assert_eq!(rate, Rate { rate: 0.045, source: RateSource::Configured, date: None });
    assert_eq!(curve.quality(day(1, 15)), Quality::Estimated);
    assert!(curve.warnings(day(1, 15))[0].contains("0.045"));
}

#[test]
fn a_term_that_is_missing_is_named() {
    let as_of = day(1, 5);
    let all: Vec<_> = Tenor::terms().map(|tenor| found(tenor, as_of, "0.04")).collect();
    let whole = Curve::of(as_of, &all, 0.05);
    assert_eq!((whole.quality(as_of), whole.warnings(as_of)), (Quality::Full, Vec::new()));
    let curve = Curve::of(as_of, &all[..10], 0.05);
    assert_eq!(curve.quality(as_of), Quality::Estimated);
    assert!(curve.warnings(as_of)[0].contains("for 30 years"));
}

#[test]
fn the_curve_of_simulated_yields_is_the_simulated_curve() {
    let calendar = Calendar::default();
    for as_of in [day(1, 5), day(3, 31)] {
        let yields: Vec<_> = Tenor::terms()
            .flat_map(|tenor| {
                let made = synthetic::yields(tenor, &calendar, as_of, as_of);
                made.into_iter().map(move |of| Yield {
                    tenor,
                    date: of.date,
                    rate: of.rate,
                    source: YieldSource::Synthetic,
                })
            })
            .collect();
        let curve = Curve::of(as_of, &yields, 0.05);
        for tenor in Tenor::terms() {
            let (ours, theirs) =
                (curve.rate(tenor.years()).rate, synthetic::risk_free_rate(as_of, tenor.years()));
            // Yields are published with half a basis point of rounding.
            assert!((ours - theirs).abs() < 0.51e-4, "{tenor:?}: {ours} and {theirs}");
        }
        assert_eq!(curve.rate(1.0).source, RateSource::Synthetic);
    }
}

#[test]
fn a_level_is_carried_over_holidays_of_the_bond_market_and_no_further() {
    let levels =
        Levels { levels: vec![(day(1, 2), 0.041), (day(1, 6), 0.042)], is_simulated: false };
    let sessions = [day(1, 1), day(1, 2), day(1, 5), day(1, 6), day(1, 16), day(1, 17)];
    let expected = [None, Some(0.041), Some(0.041), Some(0.042), Some(0.042), None];
    assert_eq!(levels.over(&sessions), expected);
    assert_eq!(Levels::default().over(&sessions[..1]), [None]);
}
