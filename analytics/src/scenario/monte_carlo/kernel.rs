//! The inner loops of the simulation: random bits, normal variables, correlated moves and
//! their exponentials, for a block of paths at a time.
//!
//! Each loop runs over the paths of a block, side by side in memory, without a branch: the
//! compiler turns that into vector instructions, for each level that a machine may have.
//! Nothing is fused or reordered, so that every machine gets the same bits. A block and the
//! factor stay in the first-level cache.
//!
//! Logarithm, sine, cosine and exponential are series cut where they are within 1e-11: far
//! inside of what a simulation can tell, and several times faster than the library's.

#![expect(clippy::inline_always, reason = "what is not inlined is not compiled for each level")]

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, LN_2, LOG2_E};

use fearless_simd::{Level, Simd, dispatch};

use super::Simulation;

/// Paths of a block.
pub(super) const LANES: usize = 64;

/// Variables handled together: what one call of the generator gives.
pub(super) const GROUP: usize = 4;

/// Paths whose sums are held in registers at a time.
const TILE: usize = 8;

pub(super) type Lanes = [f64; LANES];

/// Σ weight e^x, the value of the book's moving part, on each path of the blocks from `first`
/// on, by the widest instructions that the machine has.
pub(super) fn values(simulation: &Simulation, first: u64, blocks: usize) -> Vec<f64> {
    values_at(Level::new(), simulation, first, blocks)
}

fn values_at(level: Level, simulation: &Simulation, first: u64, blocks: usize) -> Vec<f64> {
    dispatch!(level, simd => blocks_of(simd, simulation, first, blocks))
}

#[inline(always)]
fn blocks_of<S: Simd>(_: S, simulation: &Simulation, first: u64, blocks: usize) -> Vec<f64> {
    let mut values = Vec::with_capacity(blocks * LANES);
    let mut normals = vec![[0.0; LANES]; simulation.weights.len() * GROUP];
    for block in (first..).step_by(LANES).take(blocks) {
        values.extend(block_values(simulation, block, &mut normals));
    }
    values
}

/// The same of one block.
#[inline(always)]
fn block_values(simulation: &Simulation, first: u64, normals: &mut [Lanes]) -> Lanes {
    for (group, normals) in (0_u64..).zip(normals.chunks_exact_mut(GROUP)) {
        fill_normals(simulation.seed, first, group, normals);
    }
    let mut values = [0.0; LANES];
    let mut triangle = simulation.triangle.as_slice();
    for (group, weights) in simulation.weights.iter().enumerate() {
        let columns = (group + 1) * GROUP;
        let Some((rows, rest)) = triangle.split_at_checked(columns) else { break };
        triangle = rest;
        let mut moves = [[0.0; LANES]; GROUP];
        correlate(rows, &normals[..columns], &mut moves);
        for (weight, moves) in weights.iter().zip(&moves) {
            for (value, x) in values.iter_mut().zip(moves) {
                *value += weight * exp(*x);
            }
        }
    }
    values
}

/// Rows of L times the independent normals.
#[inline(always)]
fn correlate(rows: &[[f64; GROUP]], normals: &[Lanes], moves: &mut [Lanes; GROUP]) {
    for start in (0..LANES).step_by(TILE) {
        let mut sums = [[0.0; TILE]; GROUP];
        for (factors, normals) in rows.iter().zip(normals) {
            let Some(normals) = normals[start..].first_chunk::<TILE>() else { return };
            for (sums, factor) in sums.iter_mut().zip(factors) {
                for (sum, z) in sums.iter_mut().zip(normals) {
                    *sum += factor * z;
                }
            }
        }
        for (moves, sums) in moves.iter_mut().zip(&sums) {
            moves[start..start + TILE].copy_from_slice(sums);
        }
    }
}

/// Four independent standard normal variables for each path of the block.
///
/// Source: Box & Muller (1958), Annals of Mathematical Statistics 29(2). From 32 bits each,
/// so that none is beyond 6.7 deviations.
#[inline(always)]
fn fill_normals(seed: u64, first: u64, group: u64, normals: &mut [Lanes]) {
    let [a, b, c, d] = normals else { return };
    let mut bits = [[0; LANES]; 4];
    philox(seed, first, group, &mut bits);
    let [radius, angle, other_radius, other_angle] = &bits;
    box_muller(radius, angle, a, b);
    box_muller(other_radius, other_angle, c, d);
}

#[inline(always)]
fn box_muller(radius: &[u64; LANES], angle: &[u64; LANES], xs: &mut Lanes, ys: &mut Lanes) {
    for lane in 0..LANES {
        let uniform = (float(radius[lane]) + 0.5) * TWO_POW_MINUS_32;
        let radius = (-2.0 * ln(uniform)).sqrt() * FRAC_1_SQRT_2;
        // An angle within a quadrant, measured from its middle; the two bits left over say
        // which quadrant.
        let turn = (float(angle[lane] >> 2) + 0.5) * TWO_POW_MINUS_30 - 0.5;
        let (sine, cosine) = sin_cos(turn * FRAC_PI_2);
        xs[lane] = with_sign(radius * (cosine - sine), angle[lane]);
        ys[lane] = with_sign(radius * (cosine + sine), angle[lane] >> 1);
    }
}

const TWO_POW_MINUS_32: f64 = 1.0 / 4_294_967_296.0;
const TWO_POW_MINUS_30: f64 = 1.0 / 1_073_741_824.0;

/// 2⁵²: numbers this large have a unit in the last place of one.
const TWO_POW_52: f64 = 4_503_599_627_370_496.0;

/// A number below 2⁵², without the conversion that has no vector instruction.
#[inline(always)]
fn float(bits: u64) -> f64 {
    f64::from_bits(TWO_POW_52.to_bits() | bits) - TWO_POW_52
}

/// Flips the sign where the lowest bit is set.
#[inline(always)]
fn with_sign(x: f64, bit: u64) -> f64 {
    f64::from_bits(x.to_bits() ^ (bit << 63))
}

/// Four words of 32 random bits for each path from `first` on, by their numbers alone.
///
/// Source: Philox 4×32 with ten rounds, Salmon et al. (2011), Parallel Random Numbers: As
/// Easy as 1, 2, 3, SC '11. The words are kept in 64 bits, which is what multiplies.
#[inline(always)]
fn philox(seed: u64, first: u64, group: u64, words: &mut [[u64; LANES]; 4]) {
    let [w0, w1, w2, w3] = words;
    for (lane, path) in (first..).take(LANES).enumerate() {
        let counter = [path & LOW, path >> 32, group & LOW, group >> 32];
        [w0[lane], w1[lane], w2[lane], w3[lane]] = philox_block(counter, seed);
    }
}

const LOW: u64 = 0xffff_ffff;

#[inline(always)]
fn philox_block([mut c0, mut c1, mut c2, mut c3]: [u64; 4], seed: u64) -> [u64; 4] {
    let (mut k0, mut k1) = (seed & LOW, seed >> 32);
    for _ in 0..10 {
        let p0 = c0 * 0xd251_1f53;
        let p1 = c2 * 0xcd9e_8d57;
        (c0, c1, c2, c3) = ((p1 >> 32) ^ c1 ^ k0, p1 & LOW, (p0 >> 32) ^ c3 ^ k1, p0 & LOW);
        k0 = (k0 + 0x9e37_79b9) & LOW;
        k1 = (k1 + 0xbb67_ae85) & LOW;
    }
    [c0, c1, c2, c3]
}

/// Natural logarithm of a positive normal number: of its mantissa m in [√½, √2) by the
/// series of 2 artanh((m − 1) / (m + 1)).
#[inline(always)]
fn ln(x: f64) -> f64 {
    const SQRT_HALF: u64 = FRAC_1_SQRT_2.to_bits();
    let shifted = x.to_bits() + (1.0_f64.to_bits() - SQRT_HALF);
    let exponent = float(shifted >> 52) - 1023.0;
    let mantissa = f64::from_bits((shifted & ((1 << 52) - 1)) + SQRT_HALF);
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let q = s * s;
    let series = 1.0 / 9.0 + q * (1.0 / 11.0 + q * (1.0 / 13.0));
    let series = 1.0 / 5.0 + q * (1.0 / 7.0 + q * series);
    exponent * LN_2 + 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * series))
}

/// Sine and cosine of an angle within ±π/4, by their Taylor series.
#[inline(always)]
fn sin_cos(x: f64) -> (f64, f64) {
    let q = x * x;
    let sine = -1.0 / 5_040.0 + q * (1.0 / 362_880.0 - q * (1.0 / 39_916_800.0));
    let sine = 1.0 + q * (-1.0 / 6.0 + q * (1.0 / 120.0 + q * sine));
    let cosine = -1.0 / 3_628_800.0 + q * (1.0 / 479_001_600.0);
    let cosine = -1.0 / 720.0 + q * (1.0 / 40_320.0 + q * cosine);
    let cosine = 1.0 + q * (-1.0 / 2.0 + q * (1.0 / 24.0 + q * cosine));
    (x * sine, cosine)
}

/// Exponential, by the Taylor series of what a whole power of two leaves. Beyond ±700 it is
/// that of ±700, still a number.
#[inline(always)]
fn exp(x: f64) -> f64 {
    /// Added to a small number, it leaves the nearest integer in the lowest bits.
    const ROUND: f64 = 1.5 * TWO_POW_52;
    /// ln 2 in two parts: the first times an integer below 2²⁰ is exact.
    const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let x = if x > 700.0 { 700.0 } else { x };
    let x = if x < -700.0 { -700.0 } else { x };
    let rounded = x * LOG2_E + ROUND;
    let power = rounded - ROUND;
    let r = x - power * LN_2_HIGH - power * LN_2_LOW;
    let series = 1.0 / 5_040.0 + r * (1.0 / 40_320.0 + r * (1.0 / 362_880.0));
    let series = 1.0 / 120.0 + r * (1.0 / 720.0 + r * series);
    let series = 1.0 / 6.0 + r * (1.0 / 24.0 + r * series);
    let series = 1.0 + r * (1.0 + r * (1.0 / 2.0 + r * series));
    series * f64::from_bits((rounded.to_bits() << 52).wrapping_add(1.0_f64.to_bits()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_instructions_and_narrow_ones_give_the_same_bits() {
        let covariance = [4e-4, 1e-4, 1e-4, 9e-4];
        let simulation = Simulation::new(&[3e4, -1e4], &covariance, 5).expect("a simulation");
        let wide = values_at(Level::new(), &simulation, 0, 50);
        let narrow = values_at(Level::baseline(), &simulation, 0, 50);
        assert!(wide.iter().map(|v| v.to_bits()).eq(narrow.iter().map(|v| v.to_bits())));
    }

    #[test]
    fn the_generator_gives_the_published_words() {
        let zeros = [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8];
        assert_eq!(philox_block([0; 4], 0), zeros);
        let ones = [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd];
        assert_eq!(philox_block([LOW; 4], u64::MAX), ones);
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let answer = [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1];
        assert_eq!(philox_block(pi, 0x299f_31d0_a409_3822), answer);
    }

    #[test]
    fn the_series_are_those_of_their_functions() {
        let mut worst = [0.0_f64; 4];
        for step in 1..=20_000_u32 {
            let share = f64::from(step) / 20_000.0;
            let angle = (share - 0.5) * FRAC_PI_2;
            let x = (share - 0.5) * 20.0;
            let uniform = share.powi(6);
            let (sine, cosine) = sin_cos(angle);
            let errors = [
                ln(uniform) - uniform.ln(),
                sine - angle.sin(),
                cosine - angle.cos(),
                exp(x) / x.exp() - 1.0,
            ];
            for (worst, error) in worst.iter_mut().zip(errors) {
                *worst = worst.max(error.abs());
            }
        }
        println!("largest errors of ln, sine, cosine, exp: {worst:?}");
        assert!(worst.iter().all(|error| *error < 1e-11), "{worst:?}");
        assert!(exp(1e9).is_finite() && exp(-1e9) >= 0.0);
    }
}
