//! A look at what comes back: it is held to the word of the schema, and its figures are listed.

use serde_json::Value;

use super::everything::{Asked, entries, string};

/// What an answer tells.
#[derive(Default)]
pub struct Told {
    /// What must not be, wherever it is.
    pub wrong: Vec<String>,
    /// Each number that is there: where, what, and the nearest quality around it.
    pub figures: Vec<(String, f64, String)>,
}

impl Told {
    /// Looks at an answer to `asked`: what is wrong with it whatever it is of, and each figure with
    /// the quality that it is told with.
    pub fn look(&mut self, asked: &[Asked], answer: &Value) {
        self.object(asked, answer, "", "");
    }

    fn object(&mut self, asked: &[Asked], of: &Value, at: &str, quality: &str) {
        let quality = of["quality"].as_str().unwrap_or(quality);
        let says_nothing = of["warnings"].as_array().is_some_and(Vec::is_empty);
        if of["quality"] == "INSUFFICIENT" && says_nothing {
            self.wrong.push(format!("{at} is INSUFFICIENT and says no reason"));
        }
        for field in asked {
            let at = format!("{at}.{}", field.key);
            self.value(field, &field.kind, &of[&field.key], &at, quality);
        }
    }

    fn value(&mut self, field: &Asked, kind: &Value, value: &Value, at: &str, quality: &str) {
        match (string(&kind["kind"]), value) {
            ("NON_NULL", Value::Null) => self.wrong.push(format!("{at} is null against its word")),
            ("NON_NULL", _) => self.value(field, &kind["ofType"], value, at, quality),
            (_, Value::Null) => {}
            ("LIST", _) => {
                for (place, one) in entries(value).enumerate() {
                    self.value(field, &kind["ofType"], one, &format!("{at}.{place}"), quality);
                }
            }
            ("OBJECT", _) => self.object(&field.inner, value, at, quality),
            ("SCALAR", _) => {
                let said = value.as_str().unwrap_or_default().to_lowercase();
                let words = said.split(|one: char| !one.is_alphanumeric());
                if words.into_iter().any(|word| matches!(word, "nan" | "inf" | "infinity")) {
                    self.wrong.push(format!("{at} says {value}"));
                }
                if matches!(string(&kind["name"]), "Float" | "Decimal") {
                    let figure = value.as_f64().or_else(|| said.parse().ok());
                    let figure = figure.unwrap_or_else(|| panic!("{at} is no number: {value}"));
                    self.figures.push((at.to_owned(), figure, quality.to_owned()));
                }
            }
            _ => {}
        }
    }
}
