//! Books over real prices, for the tests of what is computed from them: seven years of twenty
//! stocks, an index and five funds, without gaps.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, NaiveDate};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;
use serde_json::Value;

use super::history::Series;
use super::risk::Histories;
use super::valuation::{Book, Quotes, Splits, carried};
use super::window::Window;
use crate::domain::calendar::Calendar;
use crate::domain::factor::Factor;
use crate::domain::id::{InstrumentId, PortfolioId, PositionId, UserId};
use crate::domain::instrument::{Instrument, OccSymbol};
use crate::domain::portfolio::{CashMoves, Latest, Portfolio};
use crate::domain::position::{Position, PositionType};
use crate::domain::price::{Horizon, PriceSource, Quote};
use crate::store::prices::{Range, StoredSeries};

/// The funds of the file that stand for factors; of growth it has none.
pub const FUNDS: [(Factor, &str); 6] = [
    (Factor::Market, "SPX"),
    (Factor::Value, "VLUE"),
    (Factor::Momentum, "MTUM"),
    (Factor::Quality, "QUAL"),
    (Factor::Size, "SIZE"),
    (Factor::LowVolatility, "USMV"),
];

/// Closes by symbol, and the ids that the symbols have in these tests.
pub struct World {
    pub calendar: Calendar,
    closes: BTreeMap<&'static str, Vec<(NaiveDate, f64)>>,
    ids: HashMap<&'static str, InstrumentId>,
}

pub static WORLD: LazyLock<World> = LazyLock::new(|| {
    const FILES: [&str; 2] = [
        include_str!("../../tests/fixtures/market_prices/stocks_2014_2020.csv"),
        include_str!("../../tests/fixtures/market_prices/factors_2014_2020.csv"),
    ];
    let mut closes = BTreeMap::<_, Vec<_>>::new();
    for line in FILES.iter().flat_map(|file| file.lines().skip(1)) {
        let cells: Vec<_> = line.split(',').collect();
        let close = cells[2].parse().expect("a close");
        closes.entry(cells[0]).or_default().push((day(cells[1]), close));
    }
    let ids = closes.keys().map(|symbol| (*symbol, InstrumentId::fresh())).collect();
    World { calendar: Calendar::default(), closes, ids }
});

pub fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

/// The cases of a file of reference figures.
pub fn cases(text: &str) -> Vec<Value> {
    let mut fixture: Value = serde_json::from_str(text).expect("the fixture is JSON");
    serde_json::from_value(fixture["cases"].take()).expect("cases")
}

/// Asserts that a figure is the reference's, to nine digits.
#[track_caller]
pub fn assert_figure(got: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().expect("a number");
    let off = (got - expected).abs();
    assert!(off <= 1e-12 + 1e-9 * expected.abs(), "{what}: got {got:e}, expected {expected:e}");
}

impl World {
    pub fn id(&self, symbol: &str) -> InstrumentId {
        self.ids[symbol]
    }

    pub fn symbols(&self) -> impl Iterator<Item = &'static str> {
        self.closes.keys().copied()
    }

    /// The close of a symbol in a session; of an option 5 a share.
    pub fn quote(&self, symbol: &str, session: NaiveDate) -> Option<Quote> {
        let close = self.closes.get(symbol).map_or(Some(5.0), |closes| {
            Some(closes[closes.binary_search_by_key(&session, |(date, _)| *date).ok()?].1)
        });
        close.map(|close| quote(close, session))
    }

    pub fn window(&self, as_of: &str, returns: usize) -> Window {
        Window::ending(day(as_of), returns, &self.calendar)
    }

    /// The closes of a symbol in a window.
    pub fn series(&self, symbol: &str, window: &Window) -> Series {
        let sessions = window.sessions();
        let (from, to) = (sessions[0], *sessions.last().expect("a session"));
        let closes = &self.closes[symbol];
        let (dates, closes): (Vec<_>, Vec<_>) =
            closes.iter().filter(|(date, _)| (from..=to).contains(date)).copied().unzip();
        let stored = StoredSeries {
            range: Range { instrument: self.id(symbol), from, to },
            adjustments: vec![None; dates.len()],
            dates,
            closes,
            is_simulated: false,
        };
        Series::new(&stored, None)
    }

    pub fn histories(&self, window: &Window) -> Histories {
        let series = self.ids.iter().map(|(symbol, id)| (*id, self.series(symbol, window).into()));
        series.collect()
    }

    /// A book of these symbols and signed quantities, at the closes of a session; options, by
    /// their OCC symbol, at 5 a share.
    pub fn book(&self, as_of: &str, cash: i64, holdings: &[(&str, i64)]) -> Book {
        self.book_where(as_of, cash, holdings, |_| true)
    }

    /// The same of a session in which some symbols alone have a price.
    pub fn book_where(
        &self,
        as_of: &str,
        cash: i64,
        holdings: &[(&str, i64)],
        is_priced: impl Fn(&str) -> bool,
    ) -> Book {
        let session = day(as_of);
        let horizon = Horizon::of(session, session, &self.calendar);
        let (owner_id, portfolio_id) = (UserId::fresh(), PortfolioId::fresh());
        let mut quotes = Quotes::new();
        let mut positions = Vec::new();
        for (symbol, quantity) in holdings {
            let option = OccSymbol::parse(symbol).ok();
            let instrument = match &option {
                Some(option) => Instrument::option(option, self.id(option.underlying())),
                None => Instrument { id: self.id(symbol), ..Instrument::unknown((*symbol).into()) },
            };
            for (id, symbol) in [
                (Some(instrument.id), *symbol),
                (option.as_ref().map(|o| self.id(o.underlying())), instrument.underlying_symbol()),
            ] {
                let quote = self.quote(symbol, session).filter(|_| is_priced(symbol));
                if let (Some(id), Some(quote)) = (id, quote) {
                    quotes.insert((id, session), quote);
                }
            }
            let kind = instrument.contract.as_ref().map(|contract| contract.kind);
            positions.push(Arc::new(Position {
                id: PositionId::fresh(),
                portfolio_id,
                instrument: Arc::new(instrument),
                position_type: PositionType::of(kind, *quantity > 0),
                quantity: Decimal::from(quantity.abs()),
                entry_price: Decimal::ONE,
                entry_date: horizon.previous,
                exit_price: None,
                exit_date: None,
                notes: None,
                created_at: DateTime::UNIX_EPOCH,
                updated_at: DateTime::UNIX_EPOCH,
            }));
        }
        let portfolio = Portfolio {
            owner_id,
            id: portfolio_id,
            name: "Core".into(),
            description: None,
            currency: "USD".into(),
            cash_balance: cash.into(),
            cash_moves: CashMoves::default(),
            latest: Latest::default(),
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        };
        Book::assemble(
            Arc::new(portfolio),
            carried(&positions, &Splits::new(HashMap::new()), horizon),
            &HashMap::new(),
            &quotes,
            horizon,
            &self.calendar,
            DateTime::UNIX_EPOCH,
        )
    }
}

fn quote(close: f64, date: NaiveDate) -> Quote {
    Quote {
        price: Decimal::from_f64(close).expect("a price"),
        date,
        source: PriceSource::Import,
        volume: None,
        previous: None,
        month_base: None,
        year_base: None,
    }
}
