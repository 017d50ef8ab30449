//! Trades over real prices: how they net, what they leave, and that suggestions do what they say.

mod netting;
mod suggestions;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use chrono::DateTime;
use rust_decimal::Decimal;

use super::*;
use crate::config::assumptions::Assumptions;
use crate::domain::factor::Factor;
use crate::domain::id::{ModelTradeId, PortfolioId};
use crate::domain::instrument::OccSymbol;
use crate::domain::modeling::{Action, Status};
use crate::services::factors::{self as model, Basis, Estimates, Method, Model, Variable, WINDOW};
use crate::services::greeks::{self, BookGreeks};
use crate::services::rates::Curve;
use crate::services::testing::{FUNDS, WORLD, day};
use crate::services::valuation::{Splits, carried};

const DAY: &str = "2019-06-28";

/// The betas of everything in the world, estimated once.
static ESTIMATES: LazyLock<Estimates> = LazyLock::new(|| {
    let window = WORLD.window(DAY, WINDOW);
    let returns = |symbol: &str| window.simple_returns(Some(&WORLD.series(symbol, &window)));
    let variables = FUNDS.map(|(name, fund)| Variable { name, returns: returns(fund) });
    let model = Model::<Factor>::new(Method::default(), variables.to_vec());
    let betas = WORLD.symbols().map(|symbol| {
        let betas = model.betas(&returns(symbol)).map(Arc::new);
        (WORLD.id(symbol), betas)
    });
    Estimates { betas: betas.collect(), model: model.facts, found_at: None }
});

fn session() -> Session {
    Session {
        id: ModelingSessionId::fresh(),
        portfolio_id: PortfolioId::fresh(),
        name: "What if".into(),
        description: None,
        status: Status::Active,
        base_date: day(DAY),
        saved_at: None,
        known_at: None,
        cash: None,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

fn trade(symbol: &str, action: Action, quantity: Decimal) -> Trade {
    let price = WORLD.quote(symbol, day(DAY)).map_or(Decimal::TEN, |quote| quote.price);
    Trade {
        id: ModelTradeId::fresh(),
        session_id: ModelingSessionId::fresh(),
        symbol: symbol.into(),
        action,
        quantity,
        price,
        tags: Vec::new(),
    }
}

/// What a book becomes by trades, as the service finds it; with what could not be done.
fn tried(book: &Book, trades: &[Trade]) -> (Book, Vec<Shortfall>) {
    let mut known = Known::new();
    let mut quotes = Quotes::new();
    for symbol in WORLD.symbols() {
        let instrument = Instrument { id: WORLD.id(symbol), ..Instrument::unknown(symbol.into()) };
        known.insert(symbol.into(), Arc::new(instrument));
    }
    for line in &book.lines {
        let instrument = &line.position.instrument;
        known.insert(instrument.symbol.clone(), Arc::clone(instrument));
    }
    for instrument in known.values() {
        let quote = WORLD.quote(&instrument.symbol, book.horizon.as_of);
        quotes.extend(quote.map(|quote| ((instrument.id, book.horizon.as_of), quote)));
    }
    let trial = Trial::new(&session(), trades, &known);
    let positions: Vec<_> = book.lines.iter().map(|line| Arc::clone(&line.position)).collect();
    let (horizon, splits) = (book.horizon, Splits::default());
    let held = carried(&positions, &splits, horizon);
    let netted = trial.net(book.portfolio.id, held, &splits, horizon);
    let shortfalls = netted.shortfalls.clone();
    let assemble = |positions, tags: &_, quotes: &_| {
        let (portfolio, now) = (Arc::clone(&book.portfolio), DateTime::UNIX_EPOCH);
        Book::assemble(portfolio, positions, tags, quotes, horizon, &WORLD.calendar, now)
    };
    let after = trial.book(netted, &HashMap::new(), &quotes, horizon, assemble);
    (after, shortfalls)
}

fn greeks(book: &Book) -> BookGreeks {
    let window = WORLD.window(DAY, WINDOW);
    let inputs = greeks::Inputs {
        curve: Curve::configured(0.03),
        histories: WORLD.histories(&window),
        dividends: HashMap::new(),
        assumptions: Assumptions::default(),
        valued: HashMap::new(),
    };
    BookGreeks::of(book, &inputs, &WORLD.calendar, greeks::Model::default())
}

/// Calls on AAPL at 5 a share, a little out of the money.
fn call() -> String {
    OccSymbol::parse("AAPL190920C00050000").expect("an option").compact()
}

#[test]
fn betas_before_and_after_are_those_of_the_books() {
    let before = WORLD.book(DAY, 50_000, &[("AAPL", 100), (&call(), -3), ("KO", -40)]);
    let (after, _) = tried(&before, &[trade("KO", Action::Buy, 90.into())]);
    for (before, after) in [(&before, &after), (&WORLD.book(DAY, 0, &[]), &before)] {
        let greeks = Pair { before: greeks(before), after: greeks(after) };
        let deltas = greeks.map(|greeks| greeks.deltas());
        for basis in [Basis::Dollar, Basis::DeltaAdjusted] {
            let (books, deltas) = (Pair { before, after }, deltas.as_ref().map(Arc::as_ref));
            let found = factors(books, deltas, basis, &ESTIMATES);
            let of = |book: &Book, deltas| {
                let value = book.total_value();
                let all = model::exposures(&book.lines, value, basis, deltas, &ESTIMATES);
                all.into_iter().map(|one| (one.factor, one.beta)).collect::<Vec<_>>()
            };
            let each = |of: fn(&Change<f64>) -> Option<f64>| {
                found.iter().map(|one| (one.factor, of(&one.beta))).collect::<Vec<_>>()
            };
            assert_eq!(each(|beta| beta.before), of(before, deltas.before));
            assert_eq!(each(|beta| beta.after), of(after, deltas.after));
        }
    }
}
