//! How much a document asks for once its fragments are written out, found without writing them
//! out: a few fragments that each use the one before twice stand for millions of fields.

use std::collections::HashMap;

use async_graphql::parser::types::{
    ExecutableDocument, Field, FragmentDefinition, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned};

/// How deep brackets may nest in a query's text.
pub const MAX_NESTING: usize = 64;
/// Most fields of a document, fragments written out.
pub const MAX_FIELDS: usize = 10_000;
/// Most fragments of a document.
const MAX_FRAGMENTS: usize = 256;
/// Most fields at the root of a mutation: each is a use case of its own, one after the other.
pub const MAX_MUTATIONS: usize = 10;

/// What the questions of a document about the schema itself may come to. What tools send to learn
/// all of it comes to two thirds.
pub const MAX_INTROSPECTION: usize = 400_000;

/// How long the lists of the schema about itself are, about: each level of them multiplies.
fn length(field: &str) -> usize {
    match field {
        "types" => 100,
        "fields" => 15,
        "enumValues" => 10,
        "args" | "inputFields" | "possibleTypes" | "interfaces" | "directives" => 5,
        _ => 1,
    }
}

/// What all that a document asks about the schema itself comes to: fields times the lengths of the
/// lists they are in, fragments written out; saturates.
pub fn introspection(document: &ExecutableDocument) -> usize {
    let of_document = Sizes::of_document(document, true);
    let mut sizes = Sizes { weigh: length, only_about_schema: true, ..of_document };
    sizes.of_operations(document)
}

/// How deep brackets nest in a query's text, those in strings and comments left out.
///
/// To be asked before the text is parsed: the parser follows lists and objects as deep as they go,
/// and some hundreds of them end its stack and with it the process.
pub fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut rest = text.as_bytes();
    // Where one block string has no end, none after it has.
    let mut blocks_end = true;
    while let [first, after @ ..] = rest {
        rest = match first {
            b'#' => after_comment(after),
            b'"' => after_string(after, &mut blocks_end),
            _ => after,
        };
        match first {
            b'[' | b'{' | b'(' => depth += 1,
            b']' | b'}' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn after_comment(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    &text[end.unwrap_or(text.len())..]
}

/// What follows a string, given what follows its first quote. One that never ends hides nothing:
/// the parser, too, gives up on it and reads on.
fn after_string<'a>(text: &'a [u8], blocks_end: &mut bool) -> &'a [u8] {
    if let Some(block) = text.strip_prefix(b"\"\"") {
        if !*blocks_end {
            return block;
        }
        let mut quotes = (0..block.len()).filter(|&at| block[at..].starts_with(b"\"\"\""));
        let end = quotes.find(|&at| at == 0 || block[at - 1] != b'\\');
        *blocks_end = end.is_some();
        return end.map_or(block, |at| &block[at + 3..]);
    }
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return &text[at + 1..],
            b'\n' | b'\r' => break,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text
}

/// Fields of all operations of a document, fragments written out; saturates.
pub fn fields(document: &ExecutableDocument) -> usize {
    Sizes::of_document(document, true).of_operations(document)
}

/// Fields at the root of one operation of a document, fragments written out; saturates.
pub fn root_fields(document: &ExecutableDocument, operation: &OperationDefinition) -> usize {
    if document.fragments.len() > MAX_FRAGMENTS {
        return usize::MAX;
    }
    Sizes::of_document(document, false).of(&operation.selection_set.node)
}

struct Sizes<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    /// Whether the fields inside a field count too.
    nested: bool,
    /// How often what is inside a field of this name counts.
    weigh: fn(&str) -> usize,
    /// Whether only what is inside `__schema` and `__type` counts.
    only_about_schema: bool,
    /// None while a fragment is being measured: one that uses itself adds nothing more here, and
    /// is refused by validation.
    known: HashMap<&'a Name, Option<usize>>,
}

impl<'a> Sizes<'a> {
    fn of_document(document: &'a ExecutableDocument, nested: bool) -> Self {
        Self {
            fragments: &document.fragments,
            nested,
            weigh: |_| 1,
            only_about_schema: false,
            known: HashMap::new(),
        }
    }

    fn of_operations(&mut self, document: &'a ExecutableDocument) -> usize {
        // They are followed by recursion, as far as a chain of them goes.
        if document.fragments.len() > MAX_FRAGMENTS {
            return usize::MAX;
        }
        let operations = document.operations.iter();
        operations
            .map(|(_, operation)| self.of(&operation.node.selection_set.node))
            .fold(0, usize::saturating_add)
    }

    fn of(&mut self, set: &'a SelectionSet) -> usize {
        set.items.iter().map(|item| self.of_one(&item.node)).fold(0, usize::saturating_add)
    }

    fn of_one(&mut self, selection: &'a Selection) -> usize {
        match selection {
            Selection::Field(_) if !self.nested => 1,
            Selection::Field(field) if self.only_about_schema => {
                // Elsewhere such a name is refused, whatever is inside.
                if !field.node.name.node.starts_with("__") {
                    return 0;
                }
                self.only_about_schema = false;
                let known = std::mem::take(&mut self.known);
                let size = self.of_field(&field.node);
                self.known = known;
                self.only_about_schema = true;
                size
            }
            Selection::Field(field) => self.of_field(&field.node),
            Selection::InlineFragment(fragment) => self.of(&fragment.node.selection_set.node),
            Selection::FragmentSpread(spread) => self.of_fragment(&spread.node.fragment_name.node),
        }
    }

    fn of_field(&mut self, field: &'a Field) -> usize {
        let inside = self.of(&field.selection_set.node);
        inside.saturating_mul((self.weigh)(&field.name.node)).saturating_add(1)
    }

    fn of_fragment(&mut self, name: &'a Name) -> usize {
        if let Some(known) = self.known.get(name) {
            return known.unwrap_or(0);
        }
        let Some((name, fragment)) = self.fragments.get_key_value(name) else { return 0 };
        self.known.insert(name, None);
        let size = self.of(&fragment.node.selection_set.node);
        self.known.insert(name, Some(size));
        size
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use async_graphql::parser::parse_query;

    use super::*;

    #[test]
    fn brackets_nest_where_they_are_code() {
        for (text, deepest) in [
            ("", 0),
            ("{ a(b: [1, [2]]) { c } }", 4),
            ("}}}{", 1),
            (r#"{ a(b: "[[[[") }"#, 2),
            (r#"{ a(b: "\"[[[[") }"#, 2),
            (r#"{ a(b: "\\", c: [[1]]) }"#, 4),
            (r#"{ a(b: "", c: [[1]]) }"#, 4),
            (r#"{ a(b: """ [ " [ \""" [ """, c: [[1]]) }"#, 4),
            ("{ # [[[[\n a }", 1),
            ("{ # [[[[\r [ }", 2),
        ] {
            assert_eq!(nesting(text), deepest, "{text}");
        }
    }

    #[test]
    fn a_string_that_never_ends_hides_no_brackets() {
        for text in [r#"["""" " [[["#, r#"["  [[["#, "[\"\n[[[", "[\"\\", r#"[""" \""" [[["#] {
            let brackets = text.matches('[').count();
            assert_eq!(nesting(text), brackets, "{text}");
        }
    }

    #[test]
    fn a_fragment_counts_each_time_it_is_used() {
        let document = parse_query("{ a { ...F ...F } } fragment F on T { b c }").expect("parses");
        assert_eq!(fields(&document), 5);
    }

    #[test]
    fn at_the_root_what_is_inside_a_field_does_not_count() {
        let document = parse_query(
            "{ a { b c } ... { d } ...F ...F } fragment F on Query { e { f } ...G } \
             fragment G on Query { h }",
        );
        let document = document.expect("parses");
        let (_, operation) = document.operations.iter().next().expect("one operation");
        assert_eq!(root_fields(&document, &operation.node), 6);
    }

    #[test]
    fn a_bomb_of_fragments_is_measured_at_once() {
        let mut text = String::from("{ ...F60 } fragment F0 on Query { a }");
        for n in 1..=60 {
            let before = n - 1;
            write!(text, " fragment F{n} on Query {{ ...F{before} ...F{before} }}")
                .expect("writes");
        }
        assert_eq!(fields(&parse_query(text).expect("parses")), 1 << 60);
    }

    #[test]
    fn a_fragment_that_uses_itself_ends() {
        let document = parse_query("{ ...F } fragment F on Query { a ...F }").expect("parses");
        assert_eq!(fields(&document), 1);
    }
}
