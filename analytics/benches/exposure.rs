//! Four groupings of ten thousand positions, exact to the last digit.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rust_decimal::Decimal;
use sigmasight_analytics::exposure::{
    Figures, Holding, Totals, grouped, grouped_by_index, grouped_with_whole,
};
use sigmasight_analytics::option::{Greeks, Kind};

const POSITIONS: usize = 10_000;
const UNDERLYINGS: usize = 500;
const TAGS: usize = 10;
const GREEKS: Greeks = Greeks { delta: 0.5, gamma: 0.01, theta: -0.02, vega: 0.1, rho: 0.03 };

/// Positions by column, as a book that is looked at time and again is kept.
#[derive(Default)]
struct Book {
    holdings: Vec<Holding>,
    /// Of the position; zero but for options.
    greeks: Vec<Greeks>,
    symbols: Vec<String>,
    underlyings: Vec<usize>,
    tags: Vec<[usize; 2]>,
}

/// Half options, with prices in cents and deltas of four digits.
fn book() -> Book {
    // Numbers that look drawn and are the same every time: Knuth's 64-bit generator.
    let mut state = 1_u64;
    let mut draw = move |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    let mut book = Book::default();
    for _ in 0..POSITIONS {
        let option = [None, Some(Kind::Call), Some(Kind::Put), None][draw(4)];
        let size = Decimal::from(1 + draw(999));
        let price = Decimal::new(100 + i64::try_from(draw(100_000)).expect("small"), 2);
        let delta = Decimal::new(i64::try_from(draw(10_000)).expect("small"), 4);
        let underlying = draw(UNDERLYINGS);
        let tag = draw(TAGS);
        book.holdings.push(Holding {
            option,
            signed_quantity: if draw(3) == 0 { -size } else { size },
            multiplier: if option.is_some() { Decimal::ONE_HUNDRED } else { Decimal::ONE },
            entry_price: price - Decimal::ONE,
            price: Some(price),
            previous_price: Some(price + Decimal::new(25, 2)),
            underlying_price: option.map(|_| price * Decimal::TEN),
            delta: option.map(|_| delta),
        });
        book.greeks.push(option.map_or(Greeks::default(), |_| GREEKS.of_position(100.0)));
        book.symbols.push(format!("SYM{underlying:03}"));
        book.underlyings.push(underlying);
        book.tags.push([tag, (tag + 1 + draw(TAGS - 1)) % TAGS]);
    }
    book
}

impl Book {
    fn figures(&self) -> Vec<Figures> {
        self.holdings.iter().map(Figures::of).collect()
    }

    /// Of the book, by underlying and by tag; and the Greeks, sums of floats, of the book and
    /// by underlying.
    fn four_groupings(&self, figures: &[Figures]) -> impl Sized {
        let underlyings = self.underlyings.iter().copied();
        let tagged = self.tags.iter().zip(figures).flat_map(|(tags, f)| tags.map(|tag| (tag, f)));
        let mut by_underlying = vec![Greeks::default(); UNDERLYINGS];
        for (underlying, greeks) in underlyings.clone().zip(&self.greeks) {
            let sum = &mut by_underlying[underlying];
            *sum = [*sum, *greeks].into_iter().sum();
        }
        (
            // The book with its groups: each position has one underlying.
            grouped_with_whole(UNDERLYINGS, underlyings.zip(figures)),
            grouped_by_index(TAGS, tagged),
            by_underlying.iter().copied().sum::<Greeks>(),
            by_underlying,
        )
    }
}

fn aggregate(criterion: &mut Criterion) {
    let book = book();
    let figures = book.figures();

    let mut group = criterion.benchmark_group("aggregation of 10,000 positions");
    group.throughput(Throughput::Elements(POSITIONS as u64));
    group.bench_function("the book", |b| b.iter(|| Totals::of(&book.holdings)));
    group.bench_function("figures", |b| b.iter(|| book.figures()));
    group.bench_function("the book, figures ready", |b| b.iter(|| Totals::of_figures(&figures)));
    group.bench_function("by underlying, keys are text", |b| {
        b.iter(|| grouped(book.symbols.iter().zip(&book.holdings)));
    });
    group.bench_function("four groupings, from holdings, keys are numbers of groups", |b| {
        b.iter(|| {
            let figures = book.figures();
            black_box(book.four_groupings(&figures));
        });
    });
    group.bench_function("four groupings, figures ready", |b| {
        b.iter(|| black_box(book.four_groupings(&figures)));
    });
    group.finish();
}

criterion_group!(benches, aggregate);
criterion_main!(benches);
