//! What a document would cost, measured by the engine that would run it and not run.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, FragmentDefinition, InlineFragment, Selection,
    SelectionSet,
};
use async_graphql::{Name, Positioned, Request, ServerError, ValidationMode, Value};

use super::admission::admit;
use super::limits::fields;
use super::{AppSchema, MAX_COMPLEXITY, MAX_DEPTH, complete_variables, give_code, unbounded};
use crate::error::{Code, Refusal};

/// Fields that are told of a document.
const TOLD: usize = 10;
/// How often a document is measured without one of its fields.
const MEASUREMENTS: usize = 60;
/// Fields that these measurements go through together, so that a document as large as may be is
/// soon done with.
const FIELDS: usize = 50_000;

/// Measures documents.
pub struct Gauge {
    /// Looks at all there is to look at.
    exact: AppSchema,
    /// Adds up, of documents that are known to be fine.
    quick: AppSchema,
}

/// What a document would cost.
pub struct Cost {
    /// Complexity and depth; None for a document that makes no sense.
    pub measured: Option<(usize, usize)>,
    /// Paths of fields and what they cost, the most expensive first.
    pub most_expensive: Vec<(String, usize)>,
    /// Why it would not run.
    pub refusal: Option<Refusal>,
}

/// What a document was measured to be. Beside a request in its data, it ends the execution there.
#[derive(Default)]
pub struct Reading(OnceLock<(usize, usize)>);

impl Reading {
    /// Takes down complexity and depth; gives the error that ends the execution.
    pub fn take(&self, complexity: usize, depth: usize) -> ServerError {
        // Once a document.
        self.0.set((complexity, depth)).ok();
        ServerError::new("measured", None)
    }
}

impl Gauge {
    pub fn new(is_helpful: bool) -> Self {
        let quick = unbounded(false).validation_mode(ValidationMode::Fast);
        Self { exact: unbounded(is_helpful).finish(), quick: quick.finish() }
    }

    pub async fn cost(&self, mut asked: Request) -> Cost {
        match self.measured(&mut asked).await {
            Ok((document, measured)) => Cost {
                measured: Some(measured),
                most_expensive: self.most_expensive(&document, &asked, measured.0).await,
                refusal: excess(measured).map(refused),
            },
            Err(refusal) => {
                Cost { measured: None, most_expensive: Vec::new(), refusal: Some(refusal) }
            }
        }
    }

    /// A document that makes sense, with its complexity and depth.
    async fn measured(
        &self,
        asked: &mut Request,
    ) -> Result<(ExecutableDocument, (usize, usize)), Refusal> {
        admit(asked)?;
        complete_variables(asked);
        let document = asked.parsed_query().map_err(refused)?.clone();
        if matches!(&document.operations, DocumentOperations::Multiple(all) if all.len() > 1) {
            // As the engine has it: here is no way to name one.
            return Err(Refusal::validation("Operation name required in request.")
                .hint("Measure each operation by itself, in a document of its own."));
        }
        let measured = measure(&self.exact, &document, asked).await.map_err(refused)?;
        Ok((document, measured))
    }

    /// What a document costs less without each of its fields: from the root on, inside what costs
    /// the most first.
    async fn most_expensive(
        &self,
        document: &ExecutableDocument,
        asked: &Request,
        whole: usize,
    ) -> Vec<(String, usize)> {
        let document = written_out(document);
        let most = (FIELDS / fields(&document).max(1)).min(MEASUREMENTS);
        let Some(root) = selections(&document) else { return Vec::new() };
        let (mut found, mut waiting) = (Vec::<Found>::new(), children(root, &Found::default()));
        let mut inside = Vec::<Found>::new();
        let mut taken = 0;
        loop {
            for mut one in waiting {
                if taken == most {
                    break;
                }
                taken += 1;
                let without = without(&document, &one.place);
                let Ok((rest, _)) = measure(&self.quick, &without, asked).await else { continue };
                one.cost = whole.saturating_sub(rest);
                found.push(one.clone());
                inside.push(one);
            }
            found.sort_by_key(|one| Reverse(one.cost));
            inside.sort_by_key(|one| one.cost);
            let least = found.get(TOLD - 1).map_or(0, |one| one.cost);
            // Nothing inside a field costs more than the field.
            let Some(next) = inside.pop().filter(|one| taken < most && one.cost > least) else {
                break;
            };
            waiting = field(root, &next.place).map_or_else(Vec::new, |field| {
                let all = children(&field.selection_set.node, &next);
                all.into_iter().filter(|one| one.selects).collect()
            });
        }
        found.into_iter().take(TOLD).map(|one| (one.path, one.cost)).collect()
    }
}

/// A field of a document.
#[derive(Clone, Default)]
struct Found {
    /// The numbers of the selections that lead to it.
    place: Vec<usize>,
    path: String,
    selects: bool,
    cost: usize,
}

async fn measure(
    schema: &AppSchema,
    document: &ExecutableDocument,
    asked: &Request,
) -> Result<(usize, usize), ServerError> {
    let reading = Arc::new(Reading::default());
    let request = Request::new("").variables(asked.variables.clone());
    let mut request = request.data(Arc::clone(&reading));
    request.set_parsed_query(document.clone());
    let response = schema.execute(request).await;
    let error = response.errors.into_iter().next();
    reading.0.get().copied().ok_or_else(|| {
        error.unwrap_or_else(|| ServerError::new("The document cannot be measured.", None))
    })
}

/// What the engine says of a document that asks for too much, by the limits it has.
fn excess((complexity, depth): (usize, usize)) -> Option<ServerError> {
    if complexity > MAX_COMPLEXITY {
        return Some(ServerError::new("Query is too complex.", None));
    }
    (depth > MAX_DEPTH).then(|| ServerError::new("Query is nested too deep.", None))
}

/// The same refusal as a request would be told.
fn refused(mut error: ServerError) -> Refusal {
    give_code(&mut error);
    let text = |name: &str| match error.extensions.as_ref().and_then(|all| all.get(name)) {
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    let is_too_complex = text("code").as_deref() == Some(Code::QueryTooComplex.as_str());
    let code = if is_too_complex { Code::QueryTooComplex } else { Code::Validation };
    let place =
        error.locations.first().map(|at| format!("Line {}, column {}.", at.line, at.column));
    let hint = text("hint").or(place);
    let refusal = Refusal::new(code, error.message);
    match hint {
        Some(hint) => refusal.hint(hint),
        None => refusal,
    }
}

/// The same document without fragments of a name. Those have been counted, and none uses itself.
fn written_out(document: &ExecutableDocument) -> ExecutableDocument {
    let mut document = document.clone();
    let fragments = std::mem::take(&mut document.fragments);
    match &mut document.operations {
        DocumentOperations::Single(operation) => {
            write_out(&mut operation.node.selection_set.node, &fragments);
        }
        DocumentOperations::Multiple(all) => all.values_mut().for_each(|operation| {
            write_out(&mut operation.node.selection_set.node, &fragments);
        }),
    }
    document
}

fn write_out(set: &mut SelectionSet, fragments: &HashMap<Name, Positioned<FragmentDefinition>>) {
    for item in &mut set.items {
        if let Selection::FragmentSpread(spread) = &item.node
            && let Some(fragment) = fragments.get(&spread.node.fragment_name.node)
        {
            let fragment = InlineFragment {
                type_condition: Some(fragment.node.type_condition.clone()),
                directives: spread.node.directives.clone(),
                selection_set: fragment.node.selection_set.clone(),
            };
            item.node = Selection::InlineFragment(Positioned::new(fragment, item.pos));
        }
        match &mut item.node {
            Selection::Field(field) => write_out(&mut field.node.selection_set.node, fragments),
            Selection::InlineFragment(fragment) => {
                write_out(&mut fragment.node.selection_set.node, fragments);
            }
            Selection::FragmentSpread(_) => {}
        }
    }
}

fn selections(document: &ExecutableDocument) -> Option<&SelectionSet> {
    let (_, operation) = document.operations.iter().next()?;
    Some(&operation.node.selection_set.node)
}

/// The fields of a selection, those in fragments too, as they are inside another field.
fn children(set: &SelectionSet, inside: &Found) -> Vec<Found> {
    let each = set.items.iter().enumerate().flat_map(|(n, item)| {
        let place = [&inside.place[..], &[n]].concat();
        match &item.node {
            Selection::Field(field) => {
                let name = field.node.response_key().node.as_str();
                let path = match inside.path.as_str() {
                    "" => name.to_owned(),
                    path => format!("{path}.{name}"),
                };
                let selects = !field.node.selection_set.node.items.is_empty();
                vec![Found { place, path, selects, cost: 0 }]
            }
            Selection::InlineFragment(fragment) => {
                let inside = Found { place, ..inside.clone() };
                children(&fragment.node.selection_set.node, &inside)
            }
            Selection::FragmentSpread(_) => Vec::new(),
        }
    });
    each.collect()
}

/// The field at a place.
fn field<'a>(set: &'a SelectionSet, place: &[usize]) -> Option<&'a Field> {
    let (at, rest) = place.split_first()?;
    match &set.items.get(*at)?.node {
        Selection::Field(found) if rest.is_empty() => Some(&found.node),
        Selection::Field(found) => field(&found.node.selection_set.node, rest),
        Selection::InlineFragment(fragment) => field(&fragment.node.selection_set.node, rest),
        Selection::FragmentSpread(_) => None,
    }
}

/// A document without the field at a place.
fn without(document: &ExecutableDocument, place: &[usize]) -> ExecutableDocument {
    let mut document = document.clone();
    let operation = match &mut document.operations {
        DocumentOperations::Single(operation) => Some(operation),
        DocumentOperations::Multiple(all) => all.values_mut().next(),
    };
    if let Some(operation) = operation {
        remove(&mut operation.node.selection_set.node, place);
    }
    document
}

fn remove(set: &mut SelectionSet, place: &[usize]) {
    match place {
        [] => {}
        [at] if *at < set.items.len() => {
            set.items.remove(*at);
        }
        [at, rest @ ..] => match set.items.get_mut(*at).map(|item| &mut item.node) {
            Some(Selection::Field(field)) => remove(&mut field.node.selection_set.node, rest),
            Some(Selection::InlineFragment(fragment)) => {
                remove(&mut fragment.node.selection_set.node, rest);
            }
            _ => {}
        },
    }
}
