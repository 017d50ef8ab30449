//! Options a second on one thread: European values with Greeks in bulk, implied volatilities,
//! American values and Greeks.
//!
//! The options are those that the figures of other libraries were taken on: strikes within a
//! fifth of the spot, lives of a week to two years, volatilities of 10 to 60 %.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sigmasight_analytics::american::{self, Accuracy};
use sigmasight_analytics::implied::{self, Quote};
use sigmasight_analytics::option::bulk::{Columns, Figures};
use sigmasight_analytics::option::{Contract, Kind, Market, value};

const RATE: f64 = 0.04;

/// Uniform numbers below one, the same in every run.
struct Uniform(u64);

impl Uniform {
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
    fn below_one(&mut self) -> f64 {
        // Marsaglia's xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.below_one()
    }
}

fn options(count: usize, dividend_yield: f64) -> Vec<(Contract, Market)> {
    let mut uniform = Uniform(88_172_645_463_325_252);
    let mut option = || {
        let spot = 100.0 * uniform.between(0.5, 2.0);
        let contract = Contract {
            kind: if uniform.below_one() < 0.5 { Kind::Call } else { Kind::Put },
            strike: spot * uniform.between(0.8, 1.2),
            years: uniform.between(7.0 / 365.0, 2.0),
        };
        let volatility = uniform.between(0.1, 0.6);
        (contract, Market { spot, rate: RATE, dividend_yield, volatility })
    };
    (0..count).map(|_| option()).collect()
}

fn european(criterion: &mut Criterion) {
    const COUNT: usize = 100_000;

    let options = options(COUNT, 0.01);
    let kinds: Vec<_> = options.iter().map(|(contract, _)| contract.kind).collect();
    let column = |of: fn(&(Contract, Market)) -> f64| options.iter().map(of).collect::<Vec<_>>();
    let columns = Columns {
        kind: &kinds,
        strike: &column(|(contract, _)| contract.strike),
        years: &column(|(contract, _)| contract.years),
        spot: &column(|(_, market)| market.spot),
        rate: &column(|(_, market)| market.rate),
        dividend_yield: &column(|(_, market)| market.dividend_yield),
        volatility: &column(|(_, market)| market.volatility),
    };
    let mut figures = Figures::default();

    let mut group = criterion.benchmark_group("european");
    group.throughput(Throughput::Elements(COUNT as u64));
    group.bench_function("value and five Greeks, in bulk", |bencher| {
        bencher.iter(|| figures.evaluate(black_box(&columns)));
    });
    group.finish();
}

fn implied_volatility(criterion: &mut Criterion) {
    let quotes: Vec<_> = options(2_000, 0.0)
        .into_iter()
        .map(|(contract, market)| {
            let Market { spot, rate, dividend_yield, .. } = market;
            let price = value(&contract, &market);
            (contract, Quote { price, spot, rate, dividend_yield })
        })
        .filter(|(_, quote)| quote.price > 0.05 && quote.price < 0.9 * quote.spot)
        .collect();

    let mut group = criterion.benchmark_group("implied volatility");
    group.throughput(Throughput::Elements(quotes.len() as u64));
    group.bench_function("one at a time", |bencher| {
        bencher.iter(|| {
            for (contract, quote) in &quotes {
                let _ = black_box(implied::volatility(contract, black_box(quote)));
            }
        });
    });
    group.finish();
}

fn american(criterion: &mut Criterion) {
    let options = options(200, 0.02);

    let mut group = criterion.benchmark_group("american");
    group.throughput(Throughput::Elements(options.len() as u64));
    for (name, accuracy) in [("fast", Accuracy::Fast), ("accurate", Accuracy::Accurate)] {
        group.bench_function(format!("value, {name}"), |bencher| {
            bencher.iter(|| {
                for (contract, market) in &options {
                    let _ = black_box(american::value(contract, black_box(market), accuracy));
                }
            });
        });
        group.bench_function(format!("value and five Greeks, {name}"), |bencher| {
            bencher.iter(|| {
                for (contract, market) in &options {
                    let market = black_box(market);
                    let _ = black_box(american::value_and_greeks(contract, market, accuracy));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, european, implied_volatility, american);
criterion_main!(benches);
