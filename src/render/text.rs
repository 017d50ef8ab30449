//! What people wrote, made harmless where it is shown.

use std::borrow::Cow;

/// Stands where a character was that could deceive or steer.
const REPLACEMENT: char = '\u{fffd}';

/// One line of visible text: white space of any kind is a blank, and what steers terminals or the
/// direction of reading is replaced.
pub fn line(text: &str) -> Cow<'_, str> {
    if text.chars().all(|character| !character.is_control() && !is_steering(character)) {
        return Cow::Borrowed(text);
    }
    let shown = text.chars().map(|character| match character {
        '\t' | '\n' | '\r' => ' ',
        other if other.is_control() || is_steering(other) => REPLACEMENT,
        other => other,
    });
    Cow::Owned(shown.collect())
}

/// Whether a character turns the direction of reading or hides where text ends.
fn is_steering(character: char) -> bool {
    matches!(character,
        '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A line that no spreadsheet takes for a formula: one that could be has an apostrophe before it,
/// which spreadsheets read as "this is text".
pub fn cell(text: &str) -> Cow<'_, str> {
    let is_formula = |text: &str| {
        text.starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
    };
    if text.starts_with(['\t', '\r', '\n']) || is_formula(text.trim_start()) {
        Cow::Owned(format!("'{}", line(text)))
    } else {
        line(text)
    }
}

/// A line in which Markdown sees nothing of its own, and HTML neither.
pub fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in line(text).chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '#' | '!' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(character);
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// A name that is safe as a file's on every system: letters, digits and hyphens, at most 60.
pub fn file_stem(name: &str) -> String {
    let mut stem = String::new();
    for character in name.chars() {
        if stem.len() == 60 {
            break;
        }
        if character.is_ascii_alphanumeric() {
            stem.push(character.to_ascii_lowercase());
        } else if !stem.is_empty() && !stem.ends_with('-') {
            stem.push('-');
        }
    }
    let stem = stem.trim_end_matches('-');
    if stem.is_empty() { "portfolio".into() } else { stem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_replaced() {
        assert_eq!(line("a\tb\r\nc"), "a b  c");
        assert_eq!(
            line("\u{1b}[31mred\u{202e}gpj.exe\u{1}"),
            "\u{fffd}[31mred\u{fffd}gpj.exe\u{fffd}"
        );
        assert!(matches!(line("Ωmega <b>"), Cow::Borrowed(_)));
    }

    #[test]
    fn nothing_a_spreadsheet_would_run_is_left() {
        for text in ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", "  =1", "\u{ff1d}1", "\n-1"] {
            assert!(cell(text).starts_with('\''), "{text:?}");
        }
        assert_eq!(cell("a=b"), "a=b");
        assert_eq!(cell(""), "");
    }

    #[test]
    fn markdown_and_html_are_only_text() {
        assert_eq!(
            markdown("a|b <img src=x> *c* [d](e)\n# f"),
            "a\\|b &lt;img src=x&gt; \\*c\\* \\[d\\](e) \\# f"
        );
    }

    #[test]
    fn a_file_is_named_safely_whatever_the_book_is_called() {
        assert_eq!(file_stem("Demo Hedge Fund — Long/Short"), "demo-hedge-fund-long-short");
        assert_eq!(file_stem("../../etc/passwd\r\nX: y"), "etc-passwd-x-y");
        assert_eq!(file_stem("日本"), "portfolio");
        assert_eq!(file_stem(&"a".repeat(500)).len(), 60);
    }
}
