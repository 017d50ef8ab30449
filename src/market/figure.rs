//! Numbers of a JSON text with the digits they were written in.

use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A number as a provider wrote it, with or without quotes. Whether it is one is asked later, so
/// that one bad figure spoils its bar and not the whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure(Box<str>);

impl Figure {
    /// Exactly the number written; None for anything else, `NaN` among it.
    ///
    /// Digits beyond what a decimal holds are rounded: providers write floats with noise there.
    pub fn decimal(&self) -> Option<Decimal> {
        Decimal::from_str(&self.0).or_else(|_| Decimal::from_scientific(&self.0)).ok()
    }

    /// Whether it is written like that.
    pub fn is(&self, text: &str) -> bool {
        &*self.0 == text
    }

    /// How it begins, fit to be logged; too short for anything but a word.
    pub fn beginning(&self) -> String {
        self.0.chars().take(8).filter(|c| !c.is_control()).collect()
    }
}

impl<'de> Deserialize<'de> for Figure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(raw.get().trim_matches('"').into()))
    }
}

#[cfg(test)]
impl From<&str> for Figure {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_survive_and_what_is_no_number_is_none() {
        let read = |json: &str| serde_json::from_str::<Figure>(json).expect("JSON").decimal();
        let exact = |text: &str| Some(Decimal::from_str_exact(text).expect("a decimal"));

        assert_eq!(read("0.1"), exact("0.1"));
        assert_eq!(read("642646396.0"), exact("642646396.0"));
        assert_eq!(read("150.02999877929688"), exact("150.02999877929688"));
        assert_eq!(read("\"4.25\""), exact("4.25"));
        assert_eq!(read("1.5e-3"), exact("0.0015"));
        for nonsense in [
            "\"NaN\"",
            "\".\"",
            "\"\"",
            "true",
            "[1]",
            "1e99",
            "1e999999999999",
            "\"e5\"",
            "\"1e\"",
            "\"--1\"",
            "\"e\"",
            "\"1e5e5\"",
            "\"∞\"",
            "\"é1e2\"",
        ] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
        for tiny in ["1e-99", "1e-999999999999", "\"1e--1\""] {
            assert!(read(tiny).is_none_or(|number| number.is_zero()), "{tiny}");
        }
    }

    #[test]
    fn a_null_is_absent_before_it_is_a_figure() {
        let figures: Vec<Option<Figure>> = serde_json::from_str("[1.5, null]").expect("JSON");
        assert_eq!(figures, [Some(Figure::from("1.5")), None]);
    }
}
