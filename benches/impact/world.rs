//! A made-up book, trades on it and a year of closes: what an impact is computed from, as it comes
//! from the database.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Days, NaiveDate};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;
use sigmasight::domain::calendar::Calendar;
use sigmasight::domain::id::{
    InstrumentId, ModelTradeId, ModelingSessionId, PortfolioId, PositionId, ScenarioId, UserId,
};
use sigmasight::domain::instrument::{Instrument, OccSymbol};
use sigmasight::domain::modeling::{Action, Session, Status, Trade};
use sigmasight::domain::portfolio::{CashMoves, Latest, Portfolio};
use sigmasight::domain::position::{Position, PositionType};
use sigmasight::domain::price::{Horizon, PriceSource, Quote};
use sigmasight::domain::rate::{Tenor, Yield, YieldSource};
use sigmasight::domain::reference;
use sigmasight::domain::scenario::Scenario;
use sigmasight::services::factors::WINDOW;
use sigmasight::services::history::Series;
use sigmasight::services::modeling::{Known, Trial};
use sigmasight::services::rates::Levels;
use sigmasight::services::risk::Histories;
use sigmasight::services::scenarios;
use sigmasight::services::valuation::Quotes;
use sigmasight::services::window::Window;
use sigmasight::store::prices::StoredSeries;
use sigmasight::store::yields::{StoredYields, YieldRange};
use sigmasight_analytics::option::{Contract, Kind, Market, value};

const SYMBOLS: u32 = 400;
const STOCKS: u32 = 700;
const UNDERLYINGS: u32 = 60;
const OPTIONS: u32 = 300;
const SECTORS: [&str; 5] = ["Technology", "Energy", "Healthcare", "Financials", "Materials"];

/// What has been read when an impact is computed.
pub struct World {
    pub calendar: Arc<Calendar>,
    pub horizon: Horizon,
    pub window: Window,
    pub portfolio: Arc<Portfolio>,
    pub positions: Vec<Arc<Position>>,
    pub quotes: Quotes,
    pub trial: Trial,
    pub histories: Histories,
    pub references: HashMap<String, Arc<Series>>,
    pub yields: Arc<Levels>,
    pub scenarios: Vec<Arc<Scenario>>,
}

/// The same pseudo-random numbers each time: a linear congruential generator, its upper bits.
struct Noise(u64);

impl Noise {
    /// Even over −1 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let upper = u32::try_from(self.0 >> 32).expect("32 bits");
        f64::from(upper) / f64::from(u32::MAX) * 2.0 - 1.0
    }

    /// Closes that go along with the market and have something of their own.
    fn closes(&mut self, market: &[f64]) -> Vec<f64> {
        let (beta, start) = (1.0 + 0.5 * self.next(), 100.0 + 80.0 * self.next());
        let mut close = start;
        let mut step = |market: &f64| {
            close *= 1.0 + beta * market + 0.02 * self.next();
            (close * 100.0).round() / 100.0
        };
        market.iter().map(&mut step).collect()
    }
}

fn decimal(number: f64) -> Decimal {
    Decimal::from_f64(number).expect("a price").round_dp(2)
}

impl World {
    pub fn new() -> Self {
        let calendar = Calendar::default();
        let session = NaiveDate::from_ymd_opt(2026, 1, 5).expect("a day");
        let horizon = Horizon::of(session, session, &calendar);
        let window = Window::ending(session, WINDOW, &calendar);
        let mut noise = Noise(7);
        let market: Vec<_> = window.sessions().iter().map(|_| 0.015 * noise.next()).collect();

        let mut known = Known::new();
        let mut quotes = Quotes::new();
        let mut histories = Histories::new();
        for number in 0..SYMBOLS {
            let instrument = Instrument {
                sector: Some(SECTORS[number as usize % SECTORS.len()].to_owned()),
                ..Instrument::unknown(ticker(number))
            };
            let closes = noise.closes(&market);
            quotes.insert((instrument.id, session), quote(&closes, session));
            histories.insert(instrument.id, series(&window, instrument.id, closes));
            known.insert(instrument.symbol.clone(), Arc::new(instrument));
        }
        let stocks = (0..STOCKS).map(|number| ticker(number % SYMBOLS));
        let options: Vec<_> =
            (0..OPTIONS).map(|number| option(number, session, &mut known, &mut quotes)).collect();
        let portfolio = portfolio();
        let held = stocks.chain(options).zip(1..);
        let held = held.map(|(symbol, number)| {
            let quantity = if number % 4 == 0 { -10 * number } else { 10 * number };
            Arc::new(position(portfolio.id, &known[&symbol], quantity, &horizon))
        });
        let positions = held.collect();
        let trial = trial(&known, &quotes, &portfolio, session);
        let references = reference::symbols().map(|symbol| {
            let closes = noise.closes(&market);
            (symbol.to_owned(), series(&window, InstrumentId::fresh(), closes))
        });
        Self {
            portfolio: Arc::new(portfolio),
            positions,
            trial,
            references: references.collect(),
            yields: Arc::new(yields(&window, &mut noise)),
            scenarios: built_in(),
            quotes,
            histories,
            calendar: Arc::new(calendar),
            horizon,
            window,
        }
    }
}

/// Letters alone, as a root of options has them.
fn ticker(number: u32) -> String {
    format!("{number:03}").bytes().map(|digit| char::from(digit - b'0' + b'A')).collect()
}

fn quote(closes: &[f64], date: NaiveDate) -> Quote {
    let mut newest = closes.iter().rev().copied().map(decimal);
    Quote {
        price: newest.next().expect("a close"),
        date,
        source: PriceSource::Import,
        volume: None,
        previous: newest.next(),
        month_base: None,
        year_base: None,
    }
}

fn series(window: &Window, id: InstrumentId, closes: Vec<f64>) -> Arc<Series> {
    let stored = StoredSeries {
        range: window.range(id).expect("sessions"),
        dates: window.sessions().to_vec(),
        adjustments: vec![None; closes.len()],
        closes,
        is_simulated: false,
    };
    Arc::new(Series::new(&stored, None))
}

/// The symbol of an option near the money of one of the first stocks, at a price of its own.
fn option(number: u32, session: NaiveDate, known: &mut Known, quotes: &mut Quotes) -> String {
    let underlying = Arc::clone(&known[&ticker(number % UNDERLYINGS)]);
    let spot = quotes[&(underlying.id, session)].price;
    let days = 20 + 10 * (number / UNDERLYINGS);
    let expiry = session.checked_add_days(Days::new(days.into())).expect("a day");
    let (letter, kind) =
        if number.is_multiple_of(2) { ('C', Kind::Call) } else { ('P', Kind::Put) };
    let strike = (spot * decimal(0.9 + 0.01 * f64::from(number % 20))).round();
    let symbol = format!(
        "{}{}{letter}{:08}",
        underlying.symbol,
        expiry.format("%y%m%d"),
        strike * Decimal::ONE_THOUSAND
    );
    let symbol = OccSymbol::parse(&symbol).expect("an option");
    let instrument = Instrument {
        sector: underlying.sector.clone(),
        ..Instrument::option(&symbol, underlying.id)
    };
    let number = |exact: Decimal| f64::try_from(exact).expect("a number");
    let contract = Contract { kind, strike: number(strike), years: f64::from(days) / 365.0 };
    let market = Market { spot: number(spot), rate: 0.04, dividend_yield: 0.0, volatility: 0.3 };
    let price = value(&contract, &market).max(0.01);
    quotes.insert((instrument.id, session), quote(&[price, price], session));
    let name = instrument.symbol.clone();
    known.insert(name.clone(), Arc::new(instrument));
    name
}

fn portfolio() -> Portfolio {
    Portfolio {
        owner_id: UserId::fresh(),
        id: PortfolioId::fresh(),
        name: "Core".into(),
        description: None,
        currency: "USD".into(),
        cash_balance: 10_000_000.into(),
        cash_moves: CashMoves::default(),
        latest: Latest::default(),
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

fn position(
    portfolio_id: PortfolioId,
    instrument: &Arc<Instrument>,
    quantity: i64,
    horizon: &Horizon,
) -> Position {
    let kind = instrument.contract.as_ref().map(|contract| contract.kind);
    Position {
        id: PositionId::fresh(),
        portfolio_id,
        instrument: Arc::clone(instrument),
        position_type: PositionType::of(kind, quantity > 0),
        quantity: quantity.abs().into(),
        entry_price: decimal(50.0),
        entry_date: horizon.month_base,
        exit_price: None,
        exit_date: None,
        notes: None,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

/// Twenty trades at the close: bought, sold short, some of options, and the first crosses zero.
fn trial(known: &Known, quotes: &Quotes, portfolio: &Portfolio, session: NaiveDate) -> Trial {
    let mut options: Vec<_> =
        known.values().filter(|one| one.contract.is_some()).map(|one| &one.symbol).collect();
    options.sort();
    let stocks = (0..15).map(|number| ticker(25 * number));
    let symbols: Vec<_> = stocks.chain(options.into_iter().take(5).cloned()).collect();
    let base = Session {
        id: ModelingSessionId::fresh(),
        portfolio_id: portfolio.id,
        name: "What if".into(),
        description: None,
        status: Status::Active,
        base_date: session,
        saved_at: None,
        known_at: None,
        cash: None,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    };
    let trade = |(number, symbol): (usize, String)| Trade {
        id: ModelTradeId::fresh(),
        session_id: base.id,
        action: if number % 3 == 0 { Action::SellShort } else { Action::Buy },
        quantity: if number == 0 { 50_000.into() } else { 20.into() },
        price: quotes[&(known[&symbol].id, session)].price,
        tags: Vec::new(),
        symbol,
    };
    let trades: Vec<_> = symbols.into_iter().enumerate().map(trade).collect();
    Trial::new(&base, &trades, known)
}

fn yields(window: &Window, noise: &mut Noise) -> Levels {
    let dates = window.sessions().to_vec();
    let tenor = Tenor::TenYears;
    let (from, to) = (dates[0], dates[dates.len() - 1]);
    let rate = decimal(0.04);
    Levels::from(StoredYields {
        range: YieldRange { tenor, from, to },
        rates: dates.iter().map(|_| 0.04 + 0.001 * noise.next()).collect(),
        dates,
        is_simulated: false,
        newest: Yield { tenor, date: to, rate, source: YieldSource::Import },
    })
}

fn built_in() -> Vec<Arc<Scenario>> {
    let all = scenarios::built_in().expect("the list that is compiled in");
    let scenario = |one: sigmasight::store::scenarios::BuiltIn| Scenario {
        id: ScenarioId::fresh(),
        key: Some(one.key),
        name: one.name,
        description: one.description,
        category: one.category,
        severity: one.severity,
        shocks: one.shocks,
        historical_period: one.historical_period,
        is_active: true,
        created_at: DateTime::UNIX_EPOCH,
    };
    all.into_iter().map(scenario).map(Arc::new).collect()
}
