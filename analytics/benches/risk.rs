//! Monte Carlo of a hundred thousand paths, metrics of many series, risk of a large book.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sigmasight_analytics::risk::Metrics;
use sigmasight_analytics::risk::decomposition::{Decomposition, FactorModel};
use sigmasight_analytics::risk::relative::MarketModel;
use sigmasight_analytics::risk::tail::{Confidence, expected_shortfall, historical_value_at_risk};
use sigmasight_analytics::scenario::monte_carlo::Simulation;

const PATHS: u64 = 100_000;
const VARIABLES: usize = 50;
const SERIES: usize = 500;
const SESSIONS: usize = 252;
const POSITIONS: usize = 10_000;
const FACTORS: usize = 7;

/// Small returns that are the same every time, from the paths of a simulation of one variable.
fn returns(count: usize, seed: u64) -> Vec<f64> {
    let daily = Simulation::new(&[1.0], &[1e-4], seed).expect("one variable");
    daily.pnl(0..count as u64).expect("paths")
}

fn monte_carlo(criterion: &mut Criterion) {
    let exposures = vec![2_000.0; VARIABLES];
    let covariance: Vec<f64> = (0..VARIABLES * VARIABLES)
        .map(|at| if at % (VARIABLES + 1) == 0 { 2e-4 } else { 5e-5 })
        .collect();
    let simulation = Simulation::new(&exposures, &covariance, 7).expect("a simulation");

    let mut group = criterion.benchmark_group("Monte Carlo of 100,000 paths of 50 variables");
    group.throughput(Throughput::Elements(PATHS));
    group.bench_function("profits", |b| b.iter(|| simulation.pnl(0..PATHS)));
    group.bench_function("value at risk and expected shortfall", |b| {
        b.iter(|| {
            let pnls = simulation.pnl(0..PATHS).expect("paths");
            let at = |confidence| historical_value_at_risk(&pnls, confidence);
            let shortfall = expected_shortfall(&pnls, Confidence::P95);
            (at(Confidence::P95), at(Confidence::P99), shortfall)
        });
    });
    group.bench_function("all outcomes, sorted", |b| b.iter(|| simulation.outcomes(PATHS)));
    group.finish();
}

fn metrics(criterion: &mut Criterion) {
    let drawn = returns(SERIES * SESSIONS, 1);
    let benchmark = returns(SESSIONS, 2);
    let mut group = criterion.benchmark_group("metrics of 252 sessions");
    group.throughput(Throughput::Elements(SERIES as u64));
    group.bench_function("all of 500 series, with beta", |b| {
        b.iter(|| {
            let of = |series: &[f64]| {
                (Metrics::of(series, 0.0), MarketModel::fit(series, &benchmark, 0.0))
            };
            drawn.chunks_exact(SESSIONS).map(of).collect::<Vec<_>>()
        });
    });
    group.finish();
}

fn decomposition(criterion: &mut Criterion) {
    let values: Vec<f64> = returns(POSITIONS, 3).iter().map(|r| r * 1e6).collect();
    let betas: Vec<f64> = returns(POSITIONS * FACTORS, 4).iter().map(|r| r * 100.0).collect();
    let specific: Vec<f64> = returns(POSITIONS, 5).iter().map(|r| r.abs()).collect();
    let covariance: Vec<f64> = (0..FACTORS * FACTORS)
        .map(|at| if at % (FACTORS + 1) == 0 { 1e-4 } else { 2e-5 })
        .collect();
    let model = FactorModel {
        values: &values,
        betas: &betas,
        factor_covariance: &covariance,
        specific_volatilities: &specific,
    };
    let mut group = criterion.benchmark_group("risk of a book");
    group.throughput(Throughput::Elements(POSITIONS as u64));
    group.bench_function("of 10,000 positions and seven factors", |b| {
        b.iter(|| Decomposition::of(&model));
    });
    group.finish();
}

criterion_group!(benches, monte_carlo, metrics, decomposition);
criterion_main!(benches);
