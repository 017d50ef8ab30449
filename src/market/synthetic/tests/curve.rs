//! The Treasury curve: plausible, smooth, and the rates that bonds answer to.

use super::*;
use crate::market::provider::Tenor;

const TENORS: [Tenor; 11] = [
    Tenor::OneMonth,
    Tenor::ThreeMonths,
    Tenor::SixMonths,
    Tenor::OneYear,
    Tenor::TwoYears,
    Tenor::ThreeYears,
    Tenor::FiveYears,
    Tenor::SevenYears,
    Tenor::TenYears,
    Tenor::TwentyYears,
    Tenor::ThirtyYears,
];

/// The yields of each session, in the order of the tenors.
fn curves() -> Vec<[f64; 11]> {
    let calendar = Calendar::default();
    let of = TENORS.map(|tenor| yields(tenor, &calendar, FIRST, date(2026, 6, 30)));
    (0..of[0].len()).map(|n| std::array::from_fn(|t| float(of[t][n].rate))).collect()
}

#[test]
fn the_curve_is_the_same_on_every_machine() {
    let calendar = Calendar::default();
    let on = |session| {
        TENORS.map(|tenor| yields(tenor, &calendar, session, session)[0].rate.to_string())
    };

    assert_eq!(
        on(date(2008, 10, 10)).join(" "),
        "0.0080 0.0111 0.0150 0.0212 0.0293 0.0345 0.0406 0.0441 0.0472 0.0515 0.0532"
    );
    assert_eq!(
        on(date(2025, 6, 2)).join(" "),
        "0.0135 0.0150 0.0170 0.0204 0.0252 0.0285 0.0327 0.0352 0.0377 0.0412 0.0426"
    );
}

#[test]
fn yields_are_plausible_fractions_on_every_session() {
    for curve in curves() {
        for (tenor, rate) in TENORS.into_iter().zip(curve) {
            assert!((0.0001..0.12).contains(&rate), "{tenor:?}: {rate}");
        }
        assert!((0.003..0.10).contains(&curve[8]), "ten years: {}", curve[8]);
    }
}

#[test]
fn the_curve_is_smooth_across_tenors() {
    for curve in curves() {
        let steps: Vec<_> = curve.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(steps.iter().all(|step| step.abs() < 0.02), "{curve:?}");
        // It rises, falls, or turns once or twice; steps of a rounded hundredth are neither.
        let turns = steps
            .iter()
            .filter(|step| step.abs() > 0.000_15)
            .map(|step| *step > 0.0)
            .collect::<Vec<_>>()
            .windows(2)
            .filter(|pair| pair[0] != pair[1])
            .count();
        assert!(turns <= 2, "{curve:?}");
    }
}

#[test]
fn the_ten_year_yield_moves_as_it_is_said_to() {
    let changes: Vec<_> = curves().windows(2).map(|pair| pair[1][8] - pair[0][8]).collect();
    let volatility = annualized_volatility(&changes);
    assert!((0.006..0.013).contains(&volatility), "{volatility}");
    let correlation = correlation(&changes, &all_returns("SPY"));
    assert!(correlation.abs() < 0.05, "{correlation}");
}

#[test]
fn the_curve_takes_both_shapes() {
    let inverted = curves().iter().filter(|curve| curve[1] > curve[8]).count();
    assert!((100..3_000).contains(&inverted), "{inverted}");
}

#[test]
fn a_rate_of_no_session_is_that_of_the_nearest() {
    let (friday, sunday) = (date(2024, 6, 28), date(2024, 6, 30));
    for (day, nearest) in [(NaiveDate::MIN, FIRST), (NaiveDate::MAX, LAST), (sunday, friday)] {
        let difference = risk_free_rate(day, 1.0) - risk_free_rate(nearest, 1.0);
        assert!(difference.abs() < f64::EPSILON, "{day}");
    }
    let none = yields(Tenor::OneYear, &Calendar::default(), sunday, sunday);
    assert_eq!(none, []);
}
