//! Betas and correlations of 500 instruments over a year of sessions, on one thread.
//!
//! The sizes are those of the comparison with numpy, pandas and statsmodels: 252 sessions, seven
//! factors, and gaps in one entry of a hundred.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sigmasight_analytics::correlation::{Correlations, Covariance};
use sigmasight_analytics::factor::{Design, Method, Model};

const SESSIONS: usize = 252;
const FACTORS: usize = 7;
const INSTRUMENTS: usize = 500;

/// The same pseudo-random numbers each time: a linear congruential generator, its upper bits.
struct Noise(u64);

impl Noise {
    /// Uniform, and as spread out as the returns of a calm day.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let upper = u32::try_from(self.0 >> 32).expect("32 bits");
        (f64::from(upper) / f64::from(u32::MAX) - 0.5) * 0.03
    }

    fn series(&mut self, count: usize) -> Vec<Vec<f64>> {
        (0..count).map(|_| (0..SESSIONS).map(|_| self.next()).collect()).collect()
    }

    /// The same with one entry of a hundred gone.
    fn with_gaps(&mut self, series: &[Vec<f64>]) -> Vec<Vec<Option<f64>>> {
        let mut entry = |x: &f64| Some(*x).filter(|_| self.next() > -0.0147);
        series.iter().map(|series| series.iter().map(&mut entry).collect()).collect()
    }
}

fn without_gaps(series: &[Vec<f64>]) -> Vec<Vec<Option<f64>>> {
    series.iter().map(|series| series.iter().copied().map(Some).collect()).collect()
}

fn betas(c: &mut Criterion) {
    let mut noise = Noise(1);
    let (factors, instruments) = (noise.series(FACTORS), noise.series(INSTRUMENTS));
    let mut group = c.benchmark_group("betas of 500 instruments to 7 factors");
    group.throughput(Throughput::Elements(INSTRUMENTS as u64));

    group.bench_function("errors and R², the design factored in the same run", |b| {
        b.iter(|| {
            let design = Design::new(black_box(&factors)).expect("a design");
            design.fit_all(black_box(&instruments)).expect("fits")
        });
    });
    let model = Model::new(Method::Orthogonal, &without_gaps(&factors)).expect("a model");
    for (name, instruments) in [
        ("the orthogonal model", without_gaps(&instruments)),
        ("the orthogonal model, one entry of a hundred missing", noise.with_gaps(&instruments)),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let betas = |returns: &Vec<_>| model.betas(returns).expect("betas");
                black_box(&instruments).iter().map(betas).collect::<Vec<_>>()
            });
        });
    }
    group.finish();
}

fn correlations(c: &mut Criterion) {
    let mut noise = Noise(2);
    let series = noise.series(INSTRUMENTS);
    let gapped = noise.with_gaps(&series);
    let mut group = c.benchmark_group("correlations of 500 instruments");
    group.throughput(Throughput::Elements(1));

    group.bench_function("without gaps", |b| {
        b.iter(|| Correlations::pearson(black_box(&series)).expect("correlations"));
    });
    group.bench_function("one entry of a hundred missing", |b| {
        b.iter(|| Correlations::pairwise(black_box(&gapped), 20).expect("correlations"));
    });
    group.bench_function("weighted, of 7 factors", |b| {
        b.iter(|| Covariance::ewma(black_box(&series[..FACTORS]), 0.94).expect("covariances"));
    });
    group.finish();
}

criterion_group!(benches, betas, correlations);
criterion_main!(benches);
