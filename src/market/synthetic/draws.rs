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

        let bits = self.next() >> (u64::BITS - BITS);
        #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let (drawn, all) = (bits as f64, (1_u64 << BITS) as f64);
        drawn / all
    }

    /// Mean zero, deviation one, nearly normal and within ±6: a sum of twelve even draws, which
    /// unlike logarithm and cosine is the same to the last bit everywhere.
    pub fn normal(&mut self) -> f64 {
        /// An even draw of sixteen bits is one of as many steps from 0 to 1.
        const STEPS: f64 = 65_536.0;

        let drawn: u64 = (0..3)
            .map(|_| {
                let bits = self.next();
                (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48)
            })
            .sum();
        #[expect(clippy::cast_precision_loss, reason = "twenty bits are exact")]
        let steps = drawn as f64;
        // Each of the twelve stands for the middle of its step.
        (steps + 6.0) / STEPS - 6.0
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }
}

/// How restless something is over time: a factor around one that wanders within days, months and
/// a year, so that large moves follow large ones. Its mean square is one.
///
/// Any day is had at once, without walking to it: each of the three movements is drawn anew at
/// the ends of its period and runs straight from one to the next.
pub struct Turbulence {
    keys: [u64; 3],
}

impl Turbulence {
    /// Days from one draw to the next, and the deviation of the logarithm that it accounts for.
    const MOVEMENTS: [(i32, f64); 3] = [(10, 0.20), (50, 0.285), (250, 0.285)];
    /// One over the root of the mean square that [`exponential`] of such movements would have.
    const SCALE: f64 = 0.826;

    /// That of the market, of a symbol or of whatever else has a name.
    pub fn of(name: &str) -> Self {
        Self { keys: ["short", "medium", "long"].map(|part| key(&["turbulence", name, part])) }
    }

    /// Above zero, mostly between a half and two.
    pub fn on(&self, day: i32) -> f64 {
        let movements = self.keys.iter().zip(Self::MOVEMENTS);
        let logarithm = movements.map(|(&key, (period, size))| size * movement(key, day, period));
        Self::SCALE * exponential(logarithm.sum())
    }
}

/// Mean zero, deviation one, continuous from day to day.
fn movement(key: u64, day: i32, period: i32) -> f64 {
    let (number, into) = (day.div_euclid(period), day.rem_euclid(period));
    let (start, end) = (Draws::of(key, number).normal(), Draws::of(key, number + 1).normal());
    let end_share = f64::from(into) / f64::from(period);
    let start_share = 1.0 - end_share;
    // Halfway between two draws their mean would move less than either.
    let deviation = (start_share * start_share + end_share * end_share).sqrt();
    (start_share * start + end_share * end) / deviation
}

/// e to the power of a number not far from zero, nearly, from products alone.
fn exponential(power: f64) -> f64 {
    let mut result = 1.0 + power / 16.0;
    for _ in 0..4 {
        result *= result;
    }
    result
}

/// The generator's output function: each bit of the input moves half of those of the output.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
