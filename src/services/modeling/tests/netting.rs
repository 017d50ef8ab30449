use rust_decimal::prelude::FromPrimitive;

use super::*;
use crate::domain::position::PositionType;
use crate::domain::quality::Quality;

/// What is open after trades: symbol, type and quantity.
fn open(book: &Book) -> Vec<(String, PositionType, i64)> {
    let line = |line: &Arc<crate::services::valuation::Line>| {
        let position = &line.position;
        let quantity = i64::try_from(position.quantity).expect("whole");
        (position.instrument.symbol.clone(), position.position_type, quantity)
    };
    book.open_lines().map(line).collect()
}

fn done(held: &[(&str, i64)], trades: &[(&str, Action, i64)]) -> (Book, Vec<Shortfall>) {
    let book = WORLD.book(DAY, 100_000, held);
    let trades: Vec<_> =
        trades.iter().map(|(symbol, action, q)| trade(symbol, *action, (*q).into())).collect();
    tried(&book, &trades)
}

#[test]
fn what_is_bought_beside_what_is_held_is_a_lot_of_its_own() {
    let (book, short) =
        done(&[("AAPL", 100)], &[("AAPL", Action::Buy, 50), ("KO", Action::Buy, 7)]);
    let long = PositionType::Long;
    let mut open = open(&book);
    open.sort_by_key(|(symbol, _, quantity)| (symbol.clone(), *quantity));
    let expected = [("AAPL", long, 50), ("AAPL", long, 100), ("KO", long, 7)]
        .map(|(s, t, q)| (s.into(), t, q));
    assert_eq!(open, expected);
    assert_eq!(short, []);
}

#[test]
fn a_position_crosses_zero_by_buy_and_by_sell_short() {
    let (book, short) = done(&[("AAPL", 100)], &[("AAPL", Action::SellShort, 150)]);
    assert_eq!(open(&book), [("AAPL".into(), PositionType::Short, 50)]);
    assert_eq!(short, []);

    let (book, _) = done(&[("AAPL", -100)], &[("AAPL", Action::Buy, 130)]);
    assert_eq!(open(&book), [("AAPL".into(), PositionType::Long, 30)]);

    let call = call();
    let (book, _) = done(&[(call.as_str(), 10)], &[(call.as_str(), Action::SellShort, 25)]);
    assert_eq!(open(&book), [(call, PositionType::Sc, 15)]);
}

#[test]
fn what_only_closes_stops_at_zero_and_says_so() {
    let (book, short) = done(&[("AAPL", 100)], &[("AAPL", Action::Sell, 150)]);
    assert_eq!(open(&book), []);
    assert_eq!(short, [Shortfall { place: 0, there: 100.into() }]);
    assert!(book.tried.as_ref().is_some_and(|own| own.warnings[0].contains("100 are there")));
    let sold = Decimal::from(100) * Decimal::from_f64(48.007).expect("a price");
    assert_eq!(book.cash, Decimal::from(100_000) + sold, "what was not there brings nothing in");

    let (_, short) = done(&[("AAPL", 100)], &[("AAPL", Action::BuyToCover, 1)]);
    assert_eq!(short, [Shortfall { place: 0, there: 0.into() }], "nothing is owed");
    let trades = [("KO", Action::Buy, 10), ("KO", Action::Sell, 10), ("KO", Action::Sell, 1)];
    let (_, short) = done(&[], &trades);
    assert_eq!(short, [Shortfall { place: 2, there: 0.into() }], "one after the other");
}

#[test]
fn at_the_close_trades_change_the_value_of_nothing_but_move_it_to_and_from_cash() {
    let call = call();
    let held = [("AAPL", 100), ("KO", -50), (call.as_str(), 3)];
    let trades = [
        ("AAPL", Action::Sell, 40),
        ("KO", Action::BuyToCover, 50),
        ("MSFT", Action::SellShort, 30),
        (call.as_str(), Action::Buy, 2),
    ];
    let before = WORLD.book(DAY, 100_000, &held);
    let (after, short) = done(&held, &trades);
    assert_eq!(short, []);
    assert_eq!(after.total_value(), before.total_value());
    let price = |symbol: &str| WORLD.quote(symbol, day(DAY)).expect("a price").price;
    let moved = price("AAPL") * Decimal::from(40) - price("KO") * Decimal::from(50)
        + price("MSFT") * Decimal::from(30)
        - Decimal::from(1_000);
    assert_eq!(after.cash - before.cash, moved);
    assert_eq!(after.portfolio.cash_balance, before.portfolio.cash_balance, "the real one stays");
}

#[test]
fn what_is_sold_of_a_lot_is_a_closed_position_with_its_profit() {
    let (book, _) = done(&[("AAPL", 100)], &[("AAPL", Action::Sell, 40)]);
    let closed: Vec<_> = book.lines.iter().filter(|line| !line.is_open()).collect();
    assert_eq!(closed.len(), 1);
    let price = WORLD.quote("AAPL", day(DAY)).expect("a price").price;
    // The lots of these books cost 1 a share.
    assert_eq!(closed[0].realized_pnl(), (price - Decimal::ONE) * Decimal::from(40));
}

#[test]
fn what_nobody_knows_has_the_price_of_its_trade_and_is_said() {
    let unknown = Trade { price: 25.into(), ..trade("ZZZZ", Action::Buy, 4.into()) };
    let option = Trade { price: 2.into(), ..trade("YYYY190920C00050000", Action::Buy, 1.into()) };
    let book = WORLD.book(DAY, 1_000, &[]);
    let (book, _) = tried(&book, &[unknown, option]);
    assert_eq!(book.total_value(), 1_000.into());
    assert_eq!(book.totals().gross_exposure(), 300.into());
    assert_eq!(book.valuation().quality, Quality::Estimated);
    let warnings = &book.tried.as_ref().expect("a trial").warnings;
    assert!(
        warnings.iter().any(|warning| warning.starts_with("ZZZZ is not known")),
        "{warnings:?}"
    );
    let greeks = greeks(&book);
    let option = book.lines.iter().find(|line| line.holding().is_option()).expect("the option");
    assert!(greeks.missing_reason(option).is_some(), "no price of its underlying, no delta");
}
