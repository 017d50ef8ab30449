//! Random numbers by name: the same key and date give the same draws, in any order of asking.
//!
//! Source: `SplitMix64` of Steele, Lea & Flood (2014), Fast Splittable Pseudorandom Number
//! Generators, OOPSLA. Its state may be any number, which is what makes a key a seed.

/// 2⁶⁴ over the golden ratio, odd: the generator's step.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A key of its own for each list of words, the same on every machine and in every build, as the
/// hashes of the standard library are not.
pub fn key(words: &[&str]) -> u64 {
    let bytes = words.iter().flat_map(|word| word.bytes().chain([0]));
    bytes.fold(STEP, |key, byte| mix((key ^ u64::from(byte)).wrapping_add(STEP)))
}

/// The draws of one key on one day, month or whatever else is numbered.
pub struct Draws {
    state: u64,
}

impl Draws {
    pub fn of(key: u64, number: i32) -> Self {
        // Mixed once, or the draws of one number would be those of the next, shifted by one.
        let number = i64::from(number).cast_unsigned();
        Self { state: mix(key.wrapping_add(number.wrapping_mul(STEP))) }
    }

    /// Even over [0, 1).
    pub fn uniform(&mut self) -> f64 {
        /// As many as an `f64` keeps exactly.
        const BITS: u32 = 53;

        self.state = self.state.wrapping_add(STEP);
        #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let (drawn, all) = ((mix(self.state) >> (u64::BITS - BITS)) as f64, (1_u64 << BITS) as f64);
        drawn / all
    }

    /// Mean zero, deviation one, nearly normal and within ±6: a sum of twelve even draws, which
    /// unlike logarithm and cosine is the same to the last bit everywhere.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// The generator's output function: each bit of the input moves half of those of the output.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
