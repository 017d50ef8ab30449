use super::*;

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn decimal(text: &str) -> Decimal {
    Decimal::from_str_exact(text).expect("a decimal")
}

fn expected(calendar: &Calendar) -> Expected<'_> {
    let span = Span { from: date("2024-01-01"), to: date("2026-12-31") };
    Expected { calendar, span, last_session: date("2026-01-05") }
}

/// A good bar at midnight in New York of the 5th of January 2026, with one thing changed.
fn judged(change: impl FnOnce(&mut Claim<'_>)) -> Result<DailyBar, Fault> {
    let (open, close) = (Figure::from("10.5"), Figure::from("10.75"));
    let mut claim = Claim {
        stamp: 1_767_589_200_000,
        currency: Some("USD"),
        open: Some(&open),
        high: None,
        low: None,
        close: Some(&close),
        volume: None,
        shares_since: Decimal::ONE,
    };
    change(&mut claim);
    bar(&claim, &expected(&Calendar::default()))
}

#[test]
fn prices_that_cannot_be_are_refused() {
    let monday = date("2026-01-05");
    assert_eq!(judged(|_| ()).map(|bar| (bar.date, bar.close)), Ok((monday, decimal("10.75"))));

    for text in ["0", "-1", "1e12", "0.000000000001"] {
        let figure = Figure::from(text);
        // The figure outlives the claim only in a closure of its own.
        let claim = Claim {
            stamp: 1_767_589_200_000,
            currency: None,
            open: None,
            high: None,
            low: None,
            close: Some(&figure),
            volume: None,
            shares_since: Decimal::ONE,
        };
        let refused = bar(&claim, &expected(&Calendar::default()));
        assert!(matches!(refused, Err(Fault::Price { .. })), "{text}: {refused:?}");
    }
    let nan = Figure::from("NaN");
    let claim = Claim {
        stamp: 1_767_589_200_000,
        currency: None,
        open: Some(&nan),
        high: None,
        low: None,
        close: Some(&nan),
        volume: None,
        shares_since: Decimal::ONE,
    };
    let refused = bar(&claim, &expected(&Calendar::default()));
    assert_eq!(refused, Err(Fault::NotANumber { date: monday, found: "NaN".into() }));
    assert_eq!(judged(|claim| claim.close = None), Err(Fault::NoClose(monday)));
    assert_eq!(
        judged(|claim| claim.currency = Some("GBp")),
        Err(Fault::Currency { date: monday, found: "GBp".into() })
    );
    assert_eq!(judged(|claim| (claim.low, claim.high) = (claim.close, claim.open)), {
        Err(Fault::Crossed(monday))
    });
}

#[test]
fn a_stamp_is_read_in_whatever_unit_it_was_written() {
    for stamp in
        [1_767_589_200, 1_767_589_200_000, 1_767_589_200_000_000, 1_767_589_200_000_000_000]
    {
        let bar = judged(|claim| claim.stamp = stamp).expect("a bar");
        assert_eq!(bar.date, date("2026-01-05"), "{stamp}");
    }
    for stamp in [0, -1, i64::MIN, 86_400] {
        assert_eq!(judged(|claim| claim.stamp = stamp), Err(Fault::Stamp(stamp)));
    }
    assert!(judged(|claim| claim.stamp = i64::MAX).is_err());
}

#[test]
fn midnight_in_new_york_is_the_same_day_in_summer_and_in_winter() {
    // 00:00 there is 05:00 UTC in winter and 04:00 in summer; clocks changed on 9 March 2025.
    for (stamp, day) in [(1_741_323_600_000, "2025-03-07"), (1_741_579_200_000, "2025-03-10")] {
        assert_eq!(judged(|claim| claim.stamp = stamp).map(|bar| bar.date), Ok(date(day)));
    }
}

#[test]
fn a_bar_belongs_to_a_session_that_has_closed() {
    let at = |stamp| judged(|claim| claim.stamp = stamp);
    assert_eq!(at(1_767_243_600_000), Err(Fault::NoSession(date("2026-01-01"))), "New Year's Day");
    assert_eq!(at(1_767_502_800_000), Err(Fault::NoSession(date("2026-01-04"))), "a Sunday");
    assert_eq!(at(1_767_675_600_000), Err(Fault::NotFinal(date("2026-01-06"))), "tomorrow");
    assert_eq!(at(1_672_722_000_000), Err(Fault::OutOfRange(date("2023-01-03"))));
}

#[test]
fn two_sources_agree_within_25_basis_points() {
    let of = |second: &str| quorum(decimal("100"), Some(decimal(second)));
    assert_eq!(of("100.25"), Quorum::Agreed);
    assert_eq!(of("99.75"), Quorum::Agreed);
    assert_eq!(of("100.26"), Quorum::Differs { basis_points: Some(decimal("26.0")) });
    assert_eq!(of("98"), Quorum::Differs { basis_points: Some(decimal("200.0")) });
    assert_eq!(quorum(decimal("100"), None), Quorum::Alone);
    assert!(matches!(quorum(Decimal::ZERO, Some(Decimal::ONE)), Quorum::Differs { .. }));
}

#[test]
fn an_outlier_is_beyond_its_own_past_and_explained_by_nothing() {
    let past: Vec<f64> = (0..60).map(|day| if day % 2 == 0 { 0.01 } else { -0.01 }).collect();
    let plain = Move { today: -0.5, past: &past, has_action: false, market: Some(0.002) };

    assert_eq!(is_outlier(&plain), Some(true));
    assert_eq!(is_outlier(&Move { market: None, ..plain }), Some(true));
    assert_eq!(is_outlier(&Move { today: 0.07, ..plain }), Some(false), "seven deviations");
    assert_eq!(is_outlier(&Move { has_action: true, ..plain }), Some(false), "a split");
    assert_eq!(is_outlier(&Move { market: Some(-0.09), ..plain }), Some(false), "a crash");
    assert_eq!(is_outlier(&Move { past: &past[..19], ..plain }), None);
    let still = [0.0; 30];
    assert_eq!(is_outlier(&Move { past: &still, today: 0.005, ..plain }), Some(false));
    assert_eq!(is_outlier(&Move { past: &still, today: 0.009, ..plain }), Some(true));
}

#[test]
fn closes_as_traded_fall_by_the_ratio_of_a_split() {
    let four = Split { date: date("2024-06-10"), from: Decimal::ONE, to: Decimal::from(4) };
    let fits = |after: &str| fits_split(decimal("400"), decimal(after), &four);
    assert!(fits("100") && fits("92") && fits("109"));
    assert!(!fits("400"), "adjusted already");
    assert!(!fits("25"), "divided twice");
    let reverse = Split { from: Decimal::from(50), to: Decimal::ONE, ..four };
    assert!(fits_split(decimal("2"), decimal("90"), &reverse));
    assert!(!fits_split(decimal("2"), decimal("1.8"), &reverse));
    assert!(!fits_split(Decimal::ZERO, Decimal::ONE, &reverse));
    let dividend = Split { from: Decimal::from(20), to: Decimal::from(21), ..reverse };
    assert!(fits_split(decimal("100"), decimal("101"), &dividend), "too small to tell");
}
