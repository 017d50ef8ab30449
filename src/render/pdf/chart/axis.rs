//! Scales: round numbers at even distances, and how they are written beside them.

use crate::render::table::Unit;

/// From the lowest to the highest mark of an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub low: f64,
    pub high: f64,
    pub marks: Vec<f64>,
    step: f64,
}

impl Axis {
    /// About `count` marks that reach around all values.
    pub fn around(values: impl Iterator<Item = f64> + Clone, count: u32) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        // A line that stands still is in the middle.
        let (low, high) = if high > low {
            (low, high)
        } else {
            let half = if low == 0.0 { 1.0 } else { low.abs() * 0.05 };
            (low - half, high + half)
        };
        let step = round((high - low) / f64::from(count.max(1)));
        let first = (low / step).floor();
        let last = (high / step).ceil();
        let mut marks = Vec::new();
        let mut at = first;
        while at <= last && marks.len() < 50 {
            marks.push(at * step);
            at += 1.0;
        }
        Self { low: first * step, high: last * step, marks, step }
    }

    /// How far along the axis a value is, from 0 to 1.
    #[expect(clippy::cast_possible_truncation, reason = "a place on a page needs no more")]
    pub fn part(&self, value: f64) -> f32 {
        ((value - self.low) / (self.high - self.low)) as f32
    }

    /// A mark as it is written: 2.5M, 12%, 0.5.
    pub fn label(&self, mark: f64, unit: Unit) -> String {
        let mark = if mark.abs() < self.step / 1e6 { 0.0 } else { mark };
        match unit {
            Unit::Percent => format!("{:.*}%", decimals(self.step * 100.0), mark * 100.0),
            Unit::Money | Unit::Price | Unit::Exact | Unit::Count => {
                let most = self.low.abs().max(self.high.abs());
                let (size, sign) = match most {
                    most if most >= 1e9 => (1e9, "B"),
                    most if most >= 1e6 => (1e6, "M"),
                    most if most >= 1e4 => (1e3, "k"),
                    _ => (1.0, ""),
                };
                format!("{:.*}{sign}", decimals(self.step / size), mark / size)
            }
            Unit::Share | Unit::Ratio | Unit::Greek => format!("{:.*}", decimals(self.step), mark),
        }
    }
}

/// The next of 1, 2, 2.5 and 5 times a power of ten.
fn round(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let part = step / power;
    let nice = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|nice| part <= nice * 1.000_001);
    nice.unwrap_or(10.0) * power
}

/// How many decimals tell steps apart.
fn decimals(step: f64) -> usize {
    (0..6)
        .find(|decimals| {
            let scaled = step * 10_f64.powi(*decimals);
            (scaled - scaled.round()).abs() < 1e-6
        })
        .and_then(|decimals| usize::try_from(decimals).ok())
        .unwrap_or(6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_reach_around_the_values() {
        let axis = Axis::around([3.1e6, 3.42e6].into_iter(), 4);
        assert_eq!(axis.marks, [3.1e6, 3.2e6, 3.3e6, 3.4e6, 3.5e6]);
        assert_eq!(axis.label(3.1e6, Unit::Money), "3.1M");
        let axis = Axis::around([-0.032, 0.0].into_iter(), 4);
        assert_eq!(axis.label(axis.marks[0], Unit::Percent), "-4%");
        assert_eq!(axis.label(0.0, Unit::Percent), "0%");
    }

    #[test]
    fn a_line_that_stands_still_has_an_axis_too() {
        for value in [0.0, 5.0, -1e9] {
            let axis = Axis::around(std::iter::once(value), 4);
            assert!(axis.low < value && value < axis.high);
        }
        assert!(!Axis::around(std::iter::empty(), 4).marks.is_empty());
    }
}
