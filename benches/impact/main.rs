//! What the impact of a what-if session costs: every figure of 1,000 positions before and after
//! twenty trades, from inputs that have been read, on one thread.

mod world;

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use chrono::DateTime;
use criterion::{Criterion, criterion_group, criterion_main};
use sigmasight::config::assumptions::Assumptions;
use sigmasight::domain::factor::Factor;
use sigmasight::services::factors::{self, Basis, Deltas, Estimates, Method, Model, Variable};
use sigmasight::services::greeks::{self, BookGreeks};
use sigmasight::services::modeling::{self, Netted, Pair};
use sigmasight::services::rates::Curve;
use sigmasight::services::stress::{Desk, Inputs};
use sigmasight::services::valuation::{Book, Filter, Quotes, Splits, carried};
use world::World;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Books = Pair<Arc<Book>>;
type Greeks = Pair<Arc<BookGreeks>>;

impl World {
    fn books(&self) -> Books {
        let (splits, horizon) = (Splits::default(), self.horizon);
        let held = || carried(&self.positions, &splits, horizon);
        let assemble = |positions, tags: &_, quotes: &Quotes| {
            let (portfolio, now) = (Arc::clone(&self.portfolio), DateTime::UNIX_EPOCH);
            Book::assemble(portfolio, positions, tags, quotes, horizon, &self.calendar, now)
        };
        let tags = HashMap::new();
        let before = Netted::without_trades(held());
        let after = self.trial.net(self.portfolio.id, held(), &splits, horizon);
        Pair {
            before: Arc::new(assemble(before.positions, &tags, &self.quotes)),
            after: Arc::new(self.trial.book(after, &tags, &self.quotes, horizon, assemble)),
        }
    }

    fn greeks(&self, books: &Books) -> Greeks {
        let inputs = greeks::Inputs {
            curve: Curve::configured(0.04),
            dividends: HashMap::new(),
            histories: self.histories.clone(),
            assumptions: Assumptions::default(),
            valued: HashMap::new(),
        };
        let of = |book: &Arc<Book>| {
            let model = greeks::Model::default();
            Arc::new(BookGreeks::of(book, &inputs, &self.calendar, model))
        };
        books.as_ref().map(of)
    }

    fn estimates(&self, books: &Books) -> Estimates {
        let variable = |name: Factor| {
            let series = name.etf().and_then(|fund| self.references.get(fund));
            Variable { name, returns: self.window.simple_returns(series.map(Arc::as_ref)) }
        };
        let model = Model::new(Method::default(), Factor::active().map(variable).collect());
        let lines = books.before.lines.iter().chain(&books.after.lines);
        let of = |id| {
            let series = self.histories.get(&id).map(Arc::as_ref);
            (id, model.betas(&self.window.simple_returns(series)).map(Arc::new))
        };
        let betas = factors::wanted(lines).into_iter().map(of).collect();
        Estimates { model: model.facts, betas, found_at: None }
    }

    fn desks(&self, books: &Books, greeks: &Greeks) -> Pair<Desk> {
        let inputs = Inputs {
            histories: self.histories.clone(),
            references: self.references.clone(),
            yields: Some(Arc::clone(&self.yields)),
            designs: Arc::default(),
        };
        let desk =
            |book: &Arc<Book>, greeks| Desk::new(Arc::clone(book), greeks, &inputs, &self.calendar);
        Pair {
            before: desk(&books.before, &greeks.before),
            after: desk(&books.after, &greeks.after),
        }
    }
}

fn exposures(books: &Books) {
    for book in [&books.before, &books.after] {
        black_box(book.select(&Filter::default()));
        black_box((book.total_value(), book.cash));
    }
}

fn sums(books: &Books, greeks: &Greeks) {
    black_box(greeks.before.sums(&books.before.lines).total);
    black_box(greeks.after.sums(&books.after.lines).total);
}

fn factor_betas(books: &Books, deltas: &Pair<Arc<Deltas>>, estimates: &Estimates) {
    let (books, deltas) = (books.as_ref().map(Arc::as_ref), deltas.as_ref().map(Arc::as_ref));
    black_box(modeling::factors(books, deltas, Basis::DeltaAdjusted, estimates));
}

fn risk(books: &Books, deltas: &Pair<Arc<Deltas>>, estimates: &Estimates) {
    let (books, deltas) = (books.as_ref().map(Arc::as_ref), deltas.as_ref().map(Arc::as_ref));
    black_box(modeling::risk(books, deltas, estimates));
}

fn stress(world: &World, desks: &Pair<Desk>) {
    black_box(modeling::stress(desks.as_ref(), &world.scenarios));
}

fn impact(criterion: &mut Criterion) {
    let world = World::new();
    let books = world.books();
    let greeks = world.greeks(&books);
    let deltas = greeks.as_ref().map(|greeks| greeks.deltas());
    let estimates = world.estimates(&books);
    let mut group = criterion.benchmark_group("impact");
    group.bench_function("both books", |bencher| bencher.iter(|| world.books()));
    group.bench_function("exposures and cash", |bencher| bencher.iter(|| exposures(&books)));
    group.bench_function("Greeks of options", |bencher| bencher.iter(|| world.greeks(&books)));
    group.bench_function("sums of Greeks", |bencher| bencher.iter(|| sums(&books, &greeks)));
    group.bench_function("betas", |bencher| bencher.iter(|| world.estimates(&books)));
    group.bench_function("factors", |bencher| {
        bencher.iter(|| factor_betas(&books, &deltas, &estimates));
    });
    group.bench_function("volatility and value at risk", |bencher| {
        bencher.iter(|| risk(&books, &deltas, &estimates));
    });
    group.bench_function("stress, regressions too", |bencher| {
        bencher.iter(|| stress(&world, &world.desks(&books, &greeks)));
    });
    let desks = world.desks(&books, &greeks);
    group.bench_function("stress alone", |bencher| bencher.iter(|| stress(&world, &desks)));
    group.bench_function("everything", |bencher| {
        bencher.iter(|| {
            let books = world.books();
            let greeks = world.greeks(&books);
            let deltas = greeks.as_ref().map(|greeks| greeks.deltas());
            let estimates = world.estimates(&books);
            exposures(&books);
            sums(&books, &greeks);
            factor_betas(&books, &deltas, &estimates);
            risk(&books, &deltas, &estimates);
            stress(&world, &world.desks(&books, &greeks));
        });
    });
    group.finish();
}

criterion_group!(benches, impact);
criterion_main!(benches);
