use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate};
use proptest::prelude::*;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};
use sigmasight_analytics::option::{self, Contract, Kind, Market};

use super::explain::{Explained, explains, sum, wanted};
use super::*;
use crate::config::assumptions::Assumptions;
use crate::domain::action::{Ratio, Split};
use crate::domain::calendar::Calendar;
use crate::domain::id::{InstrumentId, PortfolioId, UserId};
use crate::domain::instrument::{Instrument, OccSymbol};
use crate::domain::portfolio::{CashMoves, Latest, Portfolio};
use crate::domain::position::{Position, PositionType};
use crate::domain::price::{Horizon, PriceSource, Quote};
use crate::services::greeks::{BookGreeks, Inputs, Model, years_to_expiry};
use crate::services::rates::Curve;
use crate::services::testing::day;
use crate::services::valuation::{Quotes, Splits, carried};

/// Monday to Friday.
const WEEK: [&str; 5] = ["2024-06-24", "2024-06-25", "2024-06-26", "2024-06-27", "2024-06-28"];
const RATE: f64 = 0.05;

/// Instruments, their closes as traded, and who holds what.
#[derive(Default)]
struct Desk {
    instruments: BTreeMap<String, Arc<Instrument>>,
    closes: HashMap<InstrumentId, BTreeMap<NaiveDate, Decimal>>,
    splits: HashMap<InstrumentId, Vec<Split>>,
    positions: Vec<Arc<Position>>,
}

impl Desk {
    fn instrument(&mut self, symbol: &str) -> Arc<Instrument> {
        if let Some(known) = self.instruments.get(symbol) {
            return Arc::clone(known);
        }
        let made = match OccSymbol::parse(symbol) {
            Ok(option) => {
                let underlying = self.instrument(option.underlying()).id;
                Instrument::option(&option, underlying)
            }
            Err(_) => Instrument::unknown(symbol.to_owned()),
        };
        let made = Arc::new(made);
        self.instruments.insert(symbol.to_owned(), Arc::clone(&made));
        made
    }

    fn closes(&mut self, symbol: &str, on: &str, price: Decimal) {
        let id = self.instrument(symbol).id;
        self.closes.entry(id).or_default().insert(day(on), price);
    }

    fn splits(&mut self, symbol: &str, on: &str, to: i64) {
        let id = self.instrument(symbol).id;
        let ratio = Ratio::new(to.into(), Decimal::ONE).expect("a ratio");
        let split = Split { date: day(on), ratio, source: PriceSource::Polygon };
        self.splits.entry(id).or_default().push(split);
    }

    fn holds(
        &mut self,
        symbol: &str,
        quantity: i64,
        entry: (&str, Decimal),
        exit: Option<(&str, Decimal)>,
    ) {
        let instrument = self.instrument(symbol);
        let kind = instrument.contract.as_ref().map(|contract| contract.kind);
        self.positions.push(Arc::new(Position {
            id: PositionId::fresh(),
            portfolio_id: PortfolioId::fresh(),
            instrument,
            position_type: PositionType::of(kind, quantity > 0),
            quantity: quantity.abs().into(),
            entry_price: entry.1,
            entry_date: day(entry.0),
            exit_price: exit.map(|(_, price)| price),
            exit_date: exit.map(|(on, _)| day(on)),
            notes: None,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }));
    }

    fn book(&self, session: &str) -> Arc<Book> {
        let calendar = Calendar::default();
        let horizon = Horizon::of(day(session), day(session), &calendar);
        let contracts = self.instruments.values().filter(|one| one.contract.is_some()).cloned();
        let splits = Splits::new(self.splits.clone()).with_contracts(contracts);
        let positions = carried(&self.positions, &splits, horizon);
        let wanted = positions.iter().flat_map(|one| one.wanted(horizon, &calendar));
        let quotes: Quotes = wanted
            .filter_map(|(id, horizon)| Some(((id, horizon.as_of), self.quote(id, horizon)?)))
            .collect();
        let portfolio = Portfolio {
            id: PortfolioId::fresh(),
            owner_id: UserId::fresh(),
            name: "Desk".into(),
            description: None,
            currency: "USD".into(),
            cash_balance: Decimal::from(1_000_000),
            cash_moves: CashMoves::default(),
            latest: Latest::default(),
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        };
        let (tags, now) = (HashMap::new(), DateTime::UNIX_EPOCH);
        let portfolio = Arc::new(portfolio);
        Book::assemble(portfolio, positions, &tags, &quotes, horizon, &calendar, now).into()
    }

    fn quote(&self, id: InstrumentId, horizon: Horizon) -> Option<Quote> {
        let closes = self.closes.get(&id)?;
        let (date, price) = closes.range(..=horizon.as_of).next_back()?;
        Some(Quote {
            price: *price,
            date: *date,
            source: PriceSource::Import,
            volume: None,
            previous: closes.get(&horizon.previous).copied(),
            month_base: None,
            year_base: None,
        })
    }

    fn period(&self, from: &str, to: &str) -> Period {
        Period::new(self.book(from), self.book(to))
    }

    /// The books and Greeks of every session of the week.
    fn days(&self) -> Vec<(Arc<Book>, Arc<BookGreeks>)> {
        let inputs = Inputs {
            curve: Curve::configured(RATE),
            dividends: HashMap::new(),
            histories: HashMap::new(),
            assumptions: Assumptions::default(),
            valued: HashMap::new(),
        };
        let calendar = Calendar::default();
        let of = |session: &str| {
            let book = self.book(session);
            let model = Model::BlackScholesMerton;
            let greeks = BookGreeks::of(&book, &inputs, &calendar, model);
            (book, Arc::new(greeks))
        };
        WEEK.into_iter().map(of).collect()
    }

    /// The only position's explanation of the week.
    fn explained(&self) -> Result<Explained, String> {
        let period = self.period(WEEK[0], WEEK[4]);
        let calendar = Calendar::default();
        let found = explains(&period, &self.days(), &calendar);
        found[&self.positions[0].id].clone()
    }
}

fn money(cents: i64) -> Decimal {
    Decimal::new(cents, 2)
}

fn total(attributed: &[Attributed]) -> Decimal {
    attributed.iter().filter_map(|one| one.pnl).sum()
}

#[test]
fn what_was_held_counts_from_the_close_and_what_came_and_went_from_its_own_prices() {
    let mut desk = Desk::default();
    for (symbol, monday, friday) in [("A", 100, 110), ("B", 50, 40), ("C", 20, 25), ("D", 10, 9)] {
        desk.closes(symbol, WEEK[0], monday.into());
        desk.closes(symbol, WEEK[4], friday.into());
    }
    desk.holds("A", 10, ("2024-01-02", 90.into()), None);
    desk.holds("B", -10, ("2024-06-26", 45.into()), None);
    desk.holds("C", 10, ("2024-01-02", 1.into()), Some(("2024-06-27", 22.into())));
    desk.holds("D", 10, ("2024-06-25", 11.into()), Some(("2024-06-27", 12.into())));
    // Gone by the beginning, and come after the end.
    desk.holds("D", 10, ("2024-01-02", 11.into()), Some((WEEK[0], 12.into())));
    desk.holds("D", 10, ("2024-07-01", 11.into()), None);
    let lines = desk.period(WEEK[0], WEEK[4]).attribute(Grouping::Underlying);
    let told: Vec<_> = lines.iter().map(|one| (one.group.key.as_str(), one.pnl)).collect();
    let wanted = [("A", 100), ("B", 50), ("C", 20), ("D", 10)];
    assert_eq!(told, wanted.map(|(key, pnl)| (key, Some(Decimal::from(pnl)))));
    // Of a million in cash and what was held on Monday.
    let share = lines[0].contribution.expect("a share");
    assert!((share - 100.0 / 1_001_200.0).abs() < 1e-15, "{share}");
    assert!(lines.iter().all(|one| one.quality == Quality::Full && one.warnings.is_empty()));
}

#[test]
fn without_both_prices_there_is_no_profit_and_that_is_said() {
    let mut desk = Desk::default();
    desk.closes("A", WEEK[0], 100.into());
    desk.closes("B", WEEK[4], 100.into());
    desk.closes("C", WEEK[0], 100.into());
    desk.closes("C", WEEK[3], 101.into());
    for symbol in ["A", "B", "C"] {
        desk.holds(symbol, 1, ("2024-01-02", 90.into()), None);
    }
    let lines = desk.period(WEEK[0], WEEK[4]).attribute(Grouping::Underlying);
    let told: Vec<_> = lines.iter().map(|one| (one.group.key.as_str(), one.pnl)).collect();
    assert_eq!(told, [("C", Some(Decimal::ONE)), ("A", None), ("B", None)]);
    assert_eq!(lines[0].quality, Quality::Stale);
    assert_eq!(lines[1].quality, Quality::Insufficient);
    assert!(lines[1].warnings[0].contains("left out"), "{:?}", lines[1].warnings);
    let whole = &desk.period(WEEK[0], WEEK[4]).attribute(Grouping::Type)[0];
    assert_eq!((whole.pnl, whole.quality), (Some(Decimal::ONE), Quality::Limited));
}

/// A call whose price is the model's at these prices of the underlying and volatilities.
fn call(paths: [(f64, f64); 5]) -> Desk {
    const SYMBOL: &str = "ACME240920C00100000";
    let mut desk = Desk::default();
    for (on, (spot, volatility)) in WEEK.into_iter().zip(paths) {
        let years = years_to_expiry(day(on), day("2024-09-20"), &Calendar::default());
        let contract = Contract { kind: Kind::Call, strike: 100.0, years };
        let market = Market { spot, rate: RATE, dividend_yield: 0.0, volatility };
        let value = option::value(&contract, &market);
        desk.closes("ACME", on, Decimal::from_f64(spot).expect("a price"));
        desk.closes(SYMBOL, on, Decimal::from_f64(value).expect("a price"));
    }
    desk.holds(SYMBOL, 10, ("2024-01-02", 5.into()), None);
    desk
}

const PATH: [(f64, f64); 5] =
    [(100.0, 0.25), (101.0, 0.26), (100.5, 0.24), (102.0, 0.25), (101.5, 0.27)];

#[test]
fn the_greeks_of_each_close_explain_what_the_next_session_brings() {
    let desk = call(PATH);
    let parts = desk.explained().expect("an explanation").parts;
    let calendar = Calendar::default();
    // The same by hand.
    let mut wanted = [0.0; 5];
    for n in 0..4 {
        let years = |n: usize| years_to_expiry(day(WEEK[n]), day("2024-09-20"), &calendar);
        let ((spot, volatility), (next, later)) = (PATH[n], PATH[n + 1]);
        let contract = Contract { kind: Kind::Call, strike: 100.0, years: years(n) };
        let market = Market { spot, rate: RATE, dividend_yield: 0.0, volatility };
        let own = option::greeks(&contract, &market);
        let (up, points) = (next - spot, (later - volatility) / 0.01);
        let days = (years(n) - years(n + 1)) * 365.0;
        let of_one =
            [own.delta * up, own.gamma * up * up / 2.0, own.theta * days, own.vega * points, 0.0];
        wanted.iter_mut().zip(of_one).for_each(|(sum, part)| *sum += 1_000.0 * part);
    }
    let told = [parts.delta, parts.gamma, parts.theta, parts.vega, parts.rho];
    for (told, wanted) in told.into_iter().zip(wanted) {
        let told = told.to_f64().expect("a number");
        assert!((told - wanted).abs() < 1e-4, "{told} is not {wanted}");
    }
    let period = desk.period(WEEK[0], WEEK[4]);
    let made = period.profit(desk.positions[0].id).expect("a profit");
    let group = &period.attribute(Grouping::Underlying)[0].group;
    let days = desk.days();
    let found = explains(&period, &days, &calendar);
    let whole = sum(&period, &group.lines, &found).expect("a sum");
    assert_eq!((whole.pnl, whole.parts, whole.quality()), (made, parts, Quality::Full));
    let rest = whole.unexplained();
    assert!(rest.abs() * Decimal::from(50) < made.abs(), "{rest} of {made} is unexplained");
    let told = [parts.delta, parts.gamma, parts.theta, parts.vega, parts.rho, rest];
    assert_eq!(told.into_iter().sum::<Decimal>(), made, "to the last digit");
}

#[test]
fn a_split_explains_nothing() {
    let plain = call(PATH).explained().expect("an explanation").parts;
    // Two for one on Thursday: another contract, at half the strike and half the price.
    let mut split = call(PATH);
    split.splits("ACME", WEEK[3], 2);
    for symbol in ["ACME", "ACME240920C00100000"] {
        let id = split.instrument(symbol).id;
        for on in &WEEK[3..] {
            let close = split.closes.get_mut(&id).and_then(|own| own.remove(&day(on)));
            let half = close.expect("a close") / Decimal::TWO;
            let new = symbol.replace("00100000", "00050000");
            split.closes(&new, on, half);
        }
    }
    let parts = split.explained().expect("an explanation").parts;
    for (one, other) in
        [(plain.delta, parts.delta), (plain.vega, parts.vega), (plain.theta, parts.theta)]
    {
        assert!((one - other).abs() < Decimal::new(1, 4), "{one} is not {other}");
    }
}

#[test]
fn a_session_without_closes_is_stepped_over_and_an_end_without_them_is_not() {
    let mut desk = call(PATH);
    for symbol in ["ACME", "ACME240920C00100000"] {
        let id = desk.instrument(symbol).id;
        desk.closes.get_mut(&id).and_then(|own| own.remove(&day(WEEK[2]))).expect("a close");
    }
    assert!(desk.explained().is_ok());
    let id = desk.instrument("ACME").id;
    desk.closes.get_mut(&id).and_then(|own| own.remove(&day(WEEK[4]))).expect("a close");
    let reason = desk.explained().expect_err("no close at the end");
    assert!(reason.contains("2024-06-28"), "{reason}");
    let period = desk.period(WEEK[0], WEEK[4]);
    let calendar = Calendar::default();
    assert_eq!(wanted(&period, &calendar).len(), 5);
    let found = explains(&period, &desk.days(), &calendar);
    let whole = sum(&period, &period.end.lines, &found).expect("a sum");
    assert_eq!((whole.included, whole.quality()), (0, Quality::Insufficient));
}

#[test]
fn an_option_that_runs_out_is_explained_to_its_expiry() {
    let mut desk = Desk::default();
    for (on, spot) in WEEK.into_iter().zip([100, 101, 102, 103, 104]) {
        desk.closes("ACME", on, spot.into());
    }
    for (on, price) in WEEK.into_iter().zip([money(250), money(260), money(300)]) {
        desk.closes("ACME240627C00100000", on, price);
    }
    desk.holds("ACME240627C00100000", -1, ("2024-01-02", 5.into()), None);
    let period = desk.period(WEEK[0], WEEK[4]);
    // It settled at 103 less 100.
    let made = period.profit(desk.positions[0].id);
    assert_eq!(made, Some(Decimal::from(-50)));
    let explained = desk.explained().expect("an explanation");
    assert!(explained.parts.theta > Decimal::ZERO, "time works for who has written it");
    assert!(explained.parts.delta < Decimal::ZERO, "and the rise against them");
}

/// A position of a random book: closes of the week, each of which may be missing.
#[derive(Clone, Debug)]
struct Held {
    quantity: i64,
    is_option: bool,
    entry: Option<(usize, i64)>,
    exit: Option<(usize, i64)>,
    closes: [Option<i64>; 5],
    split: Option<(usize, i64)>,
}

fn held() -> impl Strategy<Value = Held> {
    let quantity = prop_oneof![1_i64..10_000, -10_000_i64..-1];
    let price = || 1_i64..1_000_000;
    let close = || prop::option::weighted(0.85, price());
    let at = || prop::option::of((0..5_usize, price()));
    let split = prop::option::weighted(0.3, (1..5_usize, 2_i64..5));
    let closes = [close(), close(), close(), close(), close()];
    (quantity, any::<bool>(), at(), at(), closes, split).prop_map(
        |(quantity, is_option, entry, exit, closes, split)| {
            let first = entry.map_or(0, |(on, _)| on);
            let exit = exit.filter(|(on, _)| *on >= first);
            Held { quantity, is_option, entry, exit, closes, split: split.filter(|_| !is_option) }
        },
    )
}

fn desk(book: &[Held]) -> Desk {
    let mut desk = Desk::default();
    for (n, held) in book.iter().enumerate() {
        let symbol = if held.is_option { format!("U{n}X241220C00100000") } else { format!("S{n}") };
        let new = |on: usize| held.split.map_or(1, |(from, to)| if on >= from { to } else { 1 });
        for (on, close) in held.closes.iter().enumerate() {
            if let Some(close) = close {
                // Whole cents on either side of a split, so that the arithmetic below is exact.
                desk.closes(&symbol, WEEK[on], money(close * 60 / new(on)));
            }
        }
        if let Some((on, to)) = held.split {
            desk.splits(&symbol, WEEK[on], to);
        }
        let entry = held.entry.map_or(("2024-01-02", money(100)), |(on, price)| {
            (WEEK[on], money(price * 60 / new(on)))
        });
        let exit = held.exit.map(|(on, price)| (WEEK[on], money(price * 60 / new(on))));
        desk.holds(&symbol, held.quantity * 60, entry, exit);
    }
    desk
}

/// The same from the story of the position alone, in old shares.
fn by_hand(held: &Held, from: usize, to: usize) -> Option<Decimal> {
    let bought = held.entry.filter(|(on, _)| *on > from).map(|(_, price)| price);
    let sold = held.exit.filter(|(on, _)| *on <= to).map(|(_, price)| price);
    let first = held.entry.map_or(0, |(on, _)| on);
    let newest = || {
        let fresh = (from + 1).max(first)..=to;
        fresh.rev().find_map(|on| held.closes[on])
    };
    let start = bought.or(if first <= from { held.closes[from] } else { None })?;
    let end = sold.or_else(newest)?;
    // What is bought on the day of a split or after it is in new shares, and so many fewer old.
    let old = match (held.split, held.entry) {
        (Some((on, to)), Some((entry, _))) if entry >= on => Decimal::ONE / Decimal::from(to),
        _ => Decimal::ONE,
    };
    let units = if held.is_option { 100 } else { 1 };
    Some(money((end - start) * 60 * 60 * held.quantity * units) * old)
}

proptest! {
    #[test]
    fn the_lines_add_up_to_what_the_positions_made(
        book in prop::collection::vec(held(), 1..20), from in 0..4_usize, length in 1..5_usize,
    ) {
        let to = (from + length).min(4);
        let desk = desk(&book);
        let period = desk.period(WEEK[from], WEEK[to]);
        let wanted: Decimal = book
            .iter()
            .filter(|held| held.entry.is_none_or(|(on, _)| on <= to))
            .filter(|held| held.exit.is_none_or(|(on, _)| on > from))
            .filter_map(|held| by_hand(held, from, to))
            .sum();
        for by in [Grouping::Underlying, Grouping::Type, Grouping::Sector, Grouping::Expiry] {
            let told = total(&period.attribute(by));
            prop_assert!((told - wanted).abs() < money(1), "{told} is not {wanted} by {by:?}");
        }
        // Of one session it is the day's profit of the book.
        if to == from + 1 {
            let daily = desk.book(WEEK[to]).valuation().daily_pnl.unwrap_or_default();
            prop_assert!((total(&period.attribute(Grouping::Type)) - daily).abs() < money(1));
        }
    }
}
