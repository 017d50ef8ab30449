//! The schema as its readers meet it: the reviewed file and the descriptions.

use std::fs;
use std::path::{Path, PathBuf};

use async_graphql::Positioned;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    FieldDefinition, InterfaceType, ObjectType, TypeDefinition, TypeKind, TypeSystemDefinition,
};
use sigmasight::error::Code;
use sigmasight::graphql;

/// Set to 1, the file is rewritten instead of compared.
const UPDATE: &str = "UPDATE_SCHEMA";

/// Every code a client may have to handle.
const CODES: [&str; 12] = [
    "UNAUTHENTICATED",
    "FORBIDDEN",
    "NOT_FOUND",
    "VALIDATION",
    "CONFLICT",
    "LIMIT_EXCEEDED",
    "RATE_LIMITED",
    "QUERY_TOO_COMPLEX",
    "INSUFFICIENT_DATA",
    "UPSTREAM_UNAVAILABLE",
    "TIMEOUT",
    "INTERNAL",
];

#[test]
fn the_reviewed_file_is_what_the_code_gives() {
    let path = root().join("schema.graphql");
    if std::env::var(UPDATE).is_ok_and(|value| value == "1") {
        fs::write(&path, graphql::sdl()).expect("schema.graphql can be written");
    }
    let reviewed = read(&path);
    let given = graphql::sdl();
    let first = reviewed.lines().zip(given.lines()).position(|(old, new)| old != new);
    assert!(
        reviewed == given,
        "schema.graphql differs from the code, first in line {}; \
         `{UPDATE}=1 cargo test --test api schema` rewrites it, and the difference is reviewed",
        first.unwrap_or_else(|| reviewed.lines().count().min(given.lines().count())) + 1,
    );
}

#[test]
fn everything_is_described() {
    let bare: Vec<_> = types().iter().flat_map(undescribed).collect();
    assert!(bare.is_empty(), "say what these are for, with unit and sign:\n{}", bare.join("\n"));
}

#[test]
fn what_is_not_described_is_named() {
    let sdl = r#"
        "Told." type T { "Told." a("Told." x: Int): Int b(y: Int): Int }
        enum E { "Told." A B }
        "Told." input I { "" c: Int }
        scalar S
    "#;
    let bare: Vec<_> = types_of(sdl).iter().flat_map(undescribed).collect();
    assert_eq!(bare, ["T.b", "T.b(y:)", "E", "E.B", "I.c", "S"]);
}

#[test]
fn a_computed_figure_is_explained_in_more_than_its_name_and_says_when_it_is_null() {
    let mut poor = Vec::new();
    for kind in types() {
        let TypeKind::Object(ObjectType { fields, .. }) = &kind.kind else { continue };
        let is_computed =
            |field: &FieldDefinition| ["quality", "provenance"].contains(&field.name.node.as_str());
        if !nodes(fields).any(is_computed) {
            continue;
        }
        let said = |text: &Option<Positioned<String>>| {
            text.as_ref().map_or_else(String::new, |text| text.node.to_lowercase())
        };
        let of_all = said(&kind.description);
        for field in nodes(fields) {
            let (name, own) = (&field.name.node, said(&field.description));
            let is_number = ["Float", "Decimal"].contains(&field.ty.node.to_string().as_str());
            let is_silent = is_number && !own.contains("null") && !of_all.contains("null");
            if own.split_whitespace().count() < 3 || own.len() <= name.len() + 4 || is_silent {
                poor.push(format!("{}.{name}: {own}", kind.name.node));
            }
        }
    }
    assert!(poor.is_empty(), "say formula, unit, sign and what null means:\n{}", poor.join("\n"));
}

#[test]
fn the_error_codes_are_a_closed_list() {
    let known: Vec<_> = types().into_iter().find(|kind| kind.name.node == "ErrorCode").map_or_else(
        Vec::new,
        |kind| match kind.kind {
            TypeKind::Enum(codes) => {
                codes.values.iter().map(|value| value.node.value.node.to_string()).collect()
            }
            _ => Vec::new(),
        },
    );
    assert_eq!(known, CODES);
    for code in [
        Code::Unauthenticated,
        Code::Forbidden,
        Code::NotFound,
        Code::Validation,
        Code::Conflict,
        Code::LimitExceeded,
        Code::RateLimited,
        Code::QueryTooComplex,
        Code::Timeout,
        Code::Internal,
    ] {
        assert!(CODES.contains(&code.as_str()), "{code:?} travels as {}", code.as_str());
    }
}

fn types() -> Vec<TypeDefinition> {
    types_of(graphql::sdl())
}

fn types_of(sdl: &str) -> Vec<TypeDefinition> {
    let document = parse_schema(sdl).expect("the schema is GraphQL");
    let types = document.definitions.into_iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(kind) => Some(kind.node),
        TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
    });
    types.collect()
}

/// The names of what has no description in a type, itself first.
fn undescribed(kind: &TypeDefinition) -> Vec<String> {
    let name = &kind.name.node;
    let mut parts = vec![(name.to_string(), &kind.description)];
    match &kind.kind {
        TypeKind::Object(ObjectType { fields, .. })
        | TypeKind::Interface(InterfaceType { fields, .. }) => {
            for FieldDefinition { name: field, description, arguments, .. } in nodes(fields) {
                parts.push((format!("{name}.{field}"), description));
                parts.extend(nodes(arguments).map(|argument| {
                    (format!("{name}.{field}({}:)", argument.name), &argument.description)
                }));
            }
        }
        TypeKind::InputObject(input) => {
            let fields = nodes(&input.fields);
            parts.extend(fields.map(|f| (format!("{name}.{}", f.name), &f.description)));
        }
        TypeKind::Enum(choice) => {
            let values = nodes(&choice.values);
            parts.extend(values.map(|v| (format!("{name}.{}", v.value), &v.description)));
        }
        TypeKind::Scalar | TypeKind::Union(_) => {}
    }
    let is_bare = |text: &Option<Positioned<String>>| {
        text.as_ref().is_none_or(|text| text.node.trim().is_empty())
    };
    parts.into_iter().filter(|(_, text)| is_bare(text)).map(|(name, _)| name).collect()
}

fn nodes<T>(all: &[Positioned<T>]) -> impl Iterator<Item = &T> {
    all.iter().map(|one| &one.node)
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
