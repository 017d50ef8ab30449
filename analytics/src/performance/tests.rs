use proptest::prelude::*;

use super::explain::{Changes, Explained, explain};
use super::*;
use crate::option::{Contract, Greeks, Kind, Market, greeks, value};

fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, day).expect("a day of January")
}

fn money(text: &str) -> Decimal {
    text.parse().expect("an amount")
}

fn close(on: u32, total_value: &str, net_deposit: &str) -> Close {
    Close { session: day(on), total_value: money(total_value), net_deposit: money(net_deposit) }
}

fn session(opening: &str, previous: Option<&str>, price: Option<&str>) -> PositionSession<'static> {
    PositionSession {
        multiplier: Decimal::ONE,
        opening_quantity: money(opening),
        previous_price: previous.map(money),
        trades: &[],
        price: price.map(money),
    }
}

#[test]
fn known_defect_10_a_deposit_is_no_profit() {
    let (before, after) = (close(5, "100000", "0"), close(6, "151000", "50000"));
    assert_eq!(daily_pnl(&before, &after), money("1000"));
    assert_eq!(session_return(&before, &after, DepositTime::AtClose), Ok(0.01));
    let at_open = session_return(&before, &after, DepositTime::AtOpen).expect("a return");
    approx::assert_relative_eq!(at_open, 1.0 / 150.0, max_relative = 1e-15);
    let withdrawn = close(6, "49000", "-50000");
    assert_eq!(daily_pnl(&before, &withdrawn), money("-1000"));
}

#[test]
fn known_defect_10_a_short_that_rises_is_a_loss() {
    assert_eq!(session("-100", Some("50"), Some("52")).pnl(), Some(money("-200")));
    // In the book: 10,000 of cash with a short of 100, at 50 and then at 52.
    let (before, after) = (close(5, "5000", "0"), close(6, "4800", "0"));
    assert_eq!(daily_pnl(&before, &after), money("-200"));
}

#[test]
fn known_defect_10_a_position_bought_at_the_close_has_no_profit() {
    let trades = [Trade { signed_quantity: money("10"), price: money("99.5") }];
    let bought = PositionSession { trades: &trades, ..session("0", None, Some("99.5")) };
    assert_eq!(bought.pnl(), Some(Decimal::ZERO));
    // Bought at 98 in the session instead, it has made what it rose since then.
    let trades = [Trade { signed_quantity: money("10"), price: money("98") }];
    let bought = PositionSession { trades: &trades, ..bought };
    assert_eq!(bought.pnl(), Some(money("15.0")));
}

#[test]
fn an_option_counts_with_its_multiplier_and_its_writer_gains_from_decay() {
    let long = PositionSession {
        multiplier: Decimal::ONE_HUNDRED,
        ..session("3", Some("2.50"), Some("2.10"))
    };
    assert_eq!(long.pnl(), Some(money("-120")));
    let written = PositionSession { opening_quantity: money("-3"), ..long };
    assert_eq!(written.pnl(), Some(money("120")));
}

#[test]
fn known_defect_11_a_missing_price_is_no_price_of_zero() {
    assert_eq!(session("10", None, Some("5")).pnl(), None);
    assert_eq!(session("10", Some("5"), None).pnl(), None);
    // What was sold needs no closing price, and what is new no previous one.
    let trades = [Trade { signed_quantity: money("-10"), price: money("6") }];
    let sold = PositionSession { trades: &trades, ..session("10", Some("5"), None) };
    assert_eq!((sold.closing_quantity(), sold.pnl()), (Decimal::ZERO, Some(money("10"))));
}

#[test]
fn known_defect_12_monday_is_measured_from_friday() {
    // The second of January 2026 is a Friday.
    let closes = [(day(1), money("9")), (day(2), money("10")), (day(5), money("11"))];
    assert_eq!(previous_close(&closes, day(5)), Some((day(2), money("10"))));
    assert_eq!(previous_close(&closes, day(20)), Some((day(5), money("11"))));
    assert_eq!(previous_close(&closes, day(1)), None);
    let book = [close(2, "100", "0"), close(5, "102", "0")];
    assert_eq!(session_returns(&book, DepositTime::AtClose), Ok(vec![0.02]));
}

#[test]
fn a_period_begins_with_the_close_before_it() {
    let closes =
        [close(2, "100", "0"), close(5, "110", "0"), close(6, "221", "100"), close(9, "221", "0")];
    let weighted =
        |from, to| time_weighted_return(&closes, day(from), day(to), DepositTime::AtClose);
    approx::assert_relative_eq!(weighted(2, 6).expect("a return"), 0.21, max_relative = 1e-12);
    // There is no session on the third and fourth.
    assert_eq!(weighted(4, 6), weighted(2, 6));
    assert_eq!(weighted(6, 9), Ok(0.0));
    assert_eq!(weighted(1, 9), Err(Error::Empty), "nothing is known of the first");
    assert_eq!(weighted(9, 20), Err(Error::Empty), "nor after the last");
    assert_eq!(weighted(6, 2), Err(Error::Empty));
}

#[test]
fn nothing_is_earned_on_nothing() {
    let undefined = Err(Error::Undefined("the return on a value of zero or less"));
    let session = |before| session_return(&before, &close(6, "10", "0"), DepositTime::AtClose);
    assert_eq!(session(close(5, "0", "0")), undefined);
    assert_eq!(session(close(5, "-10", "0")), undefined);
    assert!(contributions(&[Decimal::ONE], Decimal::ZERO).is_err());
    let backwards = [close(6, "10", "0"), close(5, "10", "0")];
    assert!(session_returns(&backwards, DepositTime::AtClose).is_err());
    let widest = [
        Close { session: day(5), total_value: Decimal::MAX, net_deposit: Decimal::MIN },
        Close { session: day(6), total_value: Decimal::MIN, net_deposit: Decimal::MAX },
    ];
    for deposits in [DepositTime::AtOpen, DepositTime::AtClose] {
        for r in session_returns(&widest, deposits).into_iter().flatten() {
            assert!(r.is_finite());
        }
    }
}

#[test]
fn no_returns_make_no_return() {
    assert_eq!(link(&[]), Ok(0.0));
    assert_eq!(wealth(&[]), Ok(vec![1.0]));
    assert_eq!(annual_return(&[]), Err(Error::Empty));
    assert_eq!(link(&[f64::NAN]), Err(Error::NotFinite));
    assert_eq!(link(&[1e300, 1e300]), Err(Error::NotFinite));
}

#[test]
fn the_greeks_explain_a_small_move_and_leave_little() {
    let contract = Contract { kind: Kind::Call, strike: 100.0, years: 0.5 };
    let before = Market { spot: 101.0, rate: 0.04, dividend_yield: 0.01, volatility: 0.25 };
    let changes = Changes { spot: 0.5, volatility: 0.004, rate: 0.0005, days: 1.0 };
    let after = Market {
        spot: before.spot + changes.spot,
        rate: before.rate + changes.rate,
        volatility: before.volatility + changes.volatility,
        ..before
    };
    let later = Contract { years: contract.years - changes.days / 365.0, ..contract };
    let units = -500.0;
    let pnl = units * (value(&later, &after) - value(&contract, &before));

    let greeks = greeks(&contract, &before).of_position(units);
    let explained = explain(&greeks, &changes, pnl).expect("an explanation");
    assert!(explained.delta < 0.0 && explained.gamma < 0.0 && explained.vega < 0.0);
    assert!(explained.theta > 0.0, "the writer gains from decay");
    assert!(explained.unexplained.abs() < 0.01 * pnl.abs(), "{explained:?} of {pnl}");
    approx::assert_relative_eq!(explained.by_greeks() + explained.unexplained, pnl);
}

#[test]
fn each_cause_is_its_greek_times_its_change() {
    let greeks = Greeks { delta: 10.0, gamma: 4.0, theta: -2.0, vega: 5.0, rho: 7.0 };
    let changes = Changes { spot: -3.0, volatility: 0.02, rate: 0.0025, days: 3.0 };
    let Explained { delta, gamma, theta, vega, rho, unexplained } =
        explain(&greeks, &changes, 0.0).expect("an explanation");
    assert_eq!((delta, gamma, theta, vega, rho), (-30.0, 18.0, -6.0, 10.0, 1.75));
    approx::assert_relative_eq!(unexplained, 6.25);
}

#[test]
fn what_the_greeks_do_not_know_is_shown_and_not_hidden() {
    let greeks = Greeks { delta: 10.0, ..Greeks::default() };
    let changes = Changes { spot: 1.0, ..Changes::default() };
    let explained = explain(&greeks, &changes, 25.0).expect("an explanation");
    assert_eq!((explained.delta, explained.unexplained), (10.0, 15.0));
    for broken in [f64::NAN, f64::INFINITY] {
        assert_eq!(explain(&greeks, &changes, broken), Err(Error::NotFinite));
        let changes = Changes { spot: broken, ..changes };
        assert_eq!(explain(&greeks, &changes, 0.0), Err(Error::NotFinite));
    }
    let backwards = Changes { days: -1.0, ..changes };
    assert_eq!(explain(&greeks, &backwards, 0.0), Err(Error::OutOfRange("days")));
}

proptest! {
    #[test]
    fn deposits_at_the_close_change_no_return(
        returns in prop::collection::vec(-50_i64..50, 2..20),
        deposits in prop::collection::vec(-1000_i64..100_000, 20),
    ) {
        let mut value = Decimal::from(1_000_000);
        let mut closes = vec![Close { session: day(1), total_value: value, net_deposit: 0.into() }];
        for (session, (permille, deposit)) in (2..).zip(returns.iter().zip(&deposits)) {
            let net_deposit = Decimal::from(*deposit);
            value = value * (Decimal::ONE + Decimal::new(*permille, 3)) + net_deposit;
            closes.push(Close { session: day(session), total_value: value, net_deposit });
        }
        let got = session_returns(&closes, DepositTime::AtClose).expect("returns");
        for (got, permille) in got.iter().zip(&returns) {
            prop_assert!((got - f64::from(i32::try_from(*permille).expect("small")) / 1000.0).abs() < 1e-12);
        }
    }

    #[test]
    fn linking_the_parts_is_linking_the_whole(
        returns in prop::collection::vec(-0.5..0.5_f64, 2..100), at in 0..100_usize,
    ) {
        let (one, other) = returns.split_at(at.min(returns.len()));
        let parts = [link(one).expect("a return"), link(other).expect("a return")];
        let whole = link(&returns).expect("a return");
        // A return close to −1 keeps its growth to an absolute precision, not to a relative one.
        let scale = 1.0 + parts.iter().map(|part| 1.0 + part).sum::<f64>() + (1.0 + whole);
        prop_assert!((link(&parts).expect("a return") - whole).abs() <= 1e-12 * scale);
    }

    #[test]
    fn contributions_add_up_to_the_return(pnls in prop::collection::vec(-10_000_i64..10_000, 1..30)) {
        let pnls: Vec<Decimal> = pnls.into_iter().map(Decimal::from).collect();
        let opening = Decimal::from(1_000_000);
        let total: Decimal = pnls.iter().sum();
        let parts: f64 = contributions(&pnls, opening).expect("parts").iter().sum();
        let whole = contributions(&[total], opening).expect("a return")[0];
        prop_assert!((parts - whole).abs() < 1e-12);
    }

    #[test]
    fn a_round_trip_within_a_session_earns_the_difference(
        quantity in 1_i64..1000, bought in 1_i64..1000, sold in 1_i64..1000,
    ) {
        let trades = [
            Trade { signed_quantity: quantity.into(), price: bought.into() },
            Trade { signed_quantity: (-quantity).into(), price: sold.into() },
        ];
        let trip = PositionSession { trades: &trades, ..session("0", None, None) };
        prop_assert_eq!(trip.pnl(), Some(Decimal::from(quantity * (sold - bought))));
    }
}
