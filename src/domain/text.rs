//! Texts that are the same to a person.

/// A name without its case: two names are one to a person when this is the same of both. Through
/// upper case first, where letters meet that have two lower-case forms: σ and ς, ß and ss.
///
/// The database keeps it beside a name, and never folds by its own rules, which differ.
pub fn fold(name: &str) -> String {
    name.to_uppercase().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_by_case_alone_are_one() {
        for (one, other) in
            [("Core", "CORE"), ("ΟΔΟΣ", "οδοσ"), ("οδος", "οδοσ"), ("Straße", "STRASSE")]
        {
            assert_eq!(fold(one), fold(other));
        }
        assert_ne!(fold("core"), fold("cores"));
    }
}
