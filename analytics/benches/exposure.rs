//! Four groupings of ten thousand positions, exact to the last digit.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rust_decimal::Decimal;
use sigmasight_analytics::exposure::{Figures, Holding, Totals, grouped, grouped_by_index};
use sigmasight_analytics::option::{Greeks, Kind};

const POSITIONS: usize = 10_000;
const UNDERLYINGS: usize = 500;
const TAGS: usize = 10;
const GREEKS: Greeks = Greeks { delta: 0.5, gamma: 0.01, theta: -0.02, vega: 0.1, rho: 0.03 };

/// One position with the numbers of its groups.
struct Position {
    holding: Holding,
    /// Of the position; zero but for options.
    greeks: Greeks,
    symbol: String,
    underlying: usize,
    tags: [usize; 2],
}

/// A book of half options, with prices in cents and deltas of four digits.
fn book() -> Vec<Position> {
    // Numbers that look drawn and are the same every time: Knuth's 64-bit generator.
    let mut state = 1_u64;
    let mut draw = move |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    (0..POSITIONS)
        .map(|_| {
            let option = [None, Some(Kind::Call), Some(Kind::Put), None][draw(4)];
            let size = Decimal::from(1 + draw(999));
            let price = Decimal::new(100 + i64::try_from(draw(100_000)).expect("small"), 2);
            let delta = Decimal::new(i64::try_from(draw(10_000)).expect("small"), 4);
            let underlying = draw(UNDERLYINGS);
            let tag = draw(TAGS);
            Position {
                holding: Holding {
                    option,
                    signed_quantity: if draw(3) == 0 { -size } else { size },
                    multiplier: if option.is_some() { Decimal::ONE_HUNDRED } else { Decimal::ONE },
                    entry_price: price - Decimal::ONE,
                    price: Some(price),
                    previous_price: Some(price + Decimal::new(25, 2)),
                    underlying_price: option.map(|_| price * Decimal::TEN),
                    delta: option.map(|_| delta),
                },
                greeks: option.map_or(Greeks::default(), |_| GREEKS.of_position(100.0)),
                symbol: format!("SYM{underlying:03}"),
                underlying,
                tags: [tag, (tag + 1 + draw(TAGS - 1)) % TAGS],
            }
        })
        .collect()
}

fn aggregate(criterion: &mut Criterion) {
    let book = book();
    let figures: Vec<Figures> = book.iter().map(|p| Figures::of(&p.holding)).collect();
    let rows = || book.iter().zip(&figures);
    // Greeks are sums of floats, of the book and of each underlying.
    let greeks = || -> Greeks { book.iter().map(|p| p.greeks).sum() };
    let greeks_by_underlying = || {
        let mut sums = vec![Greeks::default(); UNDERLYINGS];
        for position in &book {
            let sum = &mut sums[position.underlying];
            *sum = [*sum, position.greeks].into_iter().sum();
        }
        sums
    };

    let mut group = criterion.benchmark_group("aggregation of 10,000 positions");
    group.throughput(Throughput::Elements(POSITIONS as u64));
    group.bench_function("the book", |b| {
        b.iter(|| Totals::of(book.iter().map(|p| &p.holding)));
    });
    group.bench_function("figures", |b| {
        b.iter(|| book.iter().map(|p| Figures::of(&p.holding)).collect::<Vec<_>>());
    });
    group.bench_function("the book, figures ready", |b| {
        b.iter(|| Totals::of_figures(&figures));
    });
    group.bench_function("by underlying, keys are text", |b| {
        b.iter(|| grouped(book.iter().map(|p| (p.symbol.as_str(), &p.holding))));
    });
    group.bench_function("four groupings, from holdings, keys are numbers of groups", |b| {
        b.iter(|| {
            let figures: Vec<Figures> = book.iter().map(|p| Figures::of(&p.holding)).collect();
            let rows = || book.iter().zip(&figures);
            let whole = Totals::of_figures(&figures);
            let by_underlying =
                grouped_by_index(UNDERLYINGS, rows().map(|(p, f)| (p.underlying, f)));
            let by_tag = grouped_by_index(TAGS, rows().flat_map(|(p, f)| p.tags.map(|t| (t, f))));
            black_box((greeks(), greeks_by_underlying()));
            (whole, by_underlying, by_tag)
        });
    });
    group.bench_function("four groupings, figures ready", |b| {
        b.iter(|| {
            let whole = Totals::of_figures(&figures);
            let by_underlying =
                grouped_by_index(UNDERLYINGS, rows().map(|(p, f)| (p.underlying, f)));
            let by_tag = grouped_by_index(TAGS, rows().flat_map(|(p, f)| p.tags.map(|t| (t, f))));
            black_box((greeks(), greeks_by_underlying()));
            (whole, by_underlying, by_tag)
        });
    });
    group.finish();
}

criterion_group!(benches, aggregate);
criterion_main!(benches);
