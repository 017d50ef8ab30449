//! Whether a document may run, by its text: what every way in asks before anything else, and
//! `queryCost` of a document that is not run.

use async_graphql::Request;
use async_graphql::parser::types::{ExecutableDocument, OperationType, Selection};

use super::MAX_QUERY_BYTES;
use super::limits::{
    MAX_FIELDS, MAX_INTROSPECTION, MAX_MUTATIONS, MAX_NESTING, fields, introspection, nesting,
    root_fields,
};
use crate::error::{Code, Refusal};

/// Mutations that somebody whose token has ended must still be able to send.
const SIGN_IN: [&str; 2] = ["login", "refreshSession"];

/// What a document is, before it runs.
#[derive(Default)]
pub struct Summary {
    fields: usize,
    introspection: usize,
    pub mutations: usize,
    pub is_subscription: bool,
    /// Whether that watches one thing, named without a fragment: the engine passes over those.
    is_one_field: bool,
    pub only_signs_in: bool,
}

/// Looks at a document. One that cannot be parsed is nothing yet: the engine tells why, with the
/// place in the text.
///
/// # Errors
/// `LimitExceeded` for a text that is too long, `QueryTooComplex` for one that asks for too much,
/// `Validation` for one that makes no sense.
pub fn admit(asked: &mut Request) -> Result<Summary, Refusal> {
    if asked.query.trim().is_empty() {
        return Err(Refusal::validation("The request carries no query.")
            .hint("Send `{\"query\": \"...\"}`, or write `/graphql?query={...}`."));
    }
    is_readable(asked)?;
    let operation = asked.operation_name.clone();
    let summary = match asked.parsed_query() {
        Ok(document) => Summary::of(document, operation.as_deref()),
        Err(_) => Summary::default(),
    };
    summary.check()?;
    Ok(summary)
}

/// Whether the text is short and flat enough to be parsed.
///
/// # Errors
/// As [`admit`].
pub fn is_readable(asked: &Request) -> Result<(), Refusal> {
    if asked.query.len() > MAX_QUERY_BYTES {
        let message = format!("A query's text has at most {MAX_QUERY_BYTES} bytes.");
        return Err(Refusal::new(Code::LimitExceeded, message)
            .hint("Give values as variables, files as multipart/form-data, and send less text."));
    }
    if nesting(&asked.query) > MAX_NESTING {
        let message = format!("Brackets nest at most {MAX_NESTING} deep.");
        return Err(Refusal::new(Code::QueryTooComplex, message)
            .hint("Ask for fewer levels, or give values as variables."));
    }
    Ok(())
}

impl Summary {
    /// Of the operation of a name, of the first without one.
    pub fn of(document: &ExecutableDocument, name: Option<&str>) -> Self {
        let operation = document
            .operations
            .iter()
            .find(|(its, _)| name.is_none_or(|name| its.is_some_and(|its| its == name)))
            .map(|(_, operation)| &operation.node);
        let sizes = Self {
            fields: fields(document),
            introspection: introspection(document),
            ..Self::default()
        };
        let Some(operation) = operation.filter(|op| op.ty != OperationType::Query) else {
            return sizes;
        };
        let items = &operation.selection_set.node.items;
        let signs_in = |selection: &Selection| {
            matches!(selection, Selection::Field(field)
                if SIGN_IN.contains(&field.node.name.node.as_str()))
        };
        if operation.ty == OperationType::Subscription {
            let is_plain = items.iter().all(|item| matches!(item.node, Selection::Field(_)));
            return Self {
                is_subscription: true,
                is_one_field: is_plain && items.len() == 1,
                ..sizes
            };
        }
        Self {
            mutations: root_fields(document, operation),
            only_signs_in: items.iter().all(|item| signs_in(&item.node)),
            ..sizes
        }
    }

    fn check(&self) -> Result<(), Refusal> {
        if self.is_subscription && !self.is_one_field {
            return Err(Refusal::validation("A subscription watches one field.")
                .hint("Send one operation for each, with the field itself and no fragment."));
        }
        if self.introspection > MAX_INTROSPECTION {
            return Err(Refusal::new(Code::QueryTooComplex, "That asks too much of the schema.")
                .hint("Ask for the whole schema once; `/schema.graphql` has it as text."));
        }
        if self.mutations > MAX_MUTATIONS || self.fields > MAX_FIELDS {
            let message =
                format!("At most {MAX_FIELDS} fields and {MAX_MUTATIONS} mutations at once.");
            return Err(Refusal::new(Code::QueryTooComplex, message).hint("Send several requests."));
        }
        Ok(())
    }
}
