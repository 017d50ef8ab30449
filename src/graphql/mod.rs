//! The API: the schema assembled with its limits, and thin resolvers over services and loaders.

pub mod admission;
pub mod budget;
pub mod emission;
pub mod error;
mod gauge;
pub mod id;
pub mod limits;
mod loaders;
mod mutation;
mod outgoing;
pub mod page;
mod progress;
mod query;
mod scalar;
mod subscription;
mod types;
pub mod viewer;

use std::sync::{Arc, LazyLock};

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextValidation};
use async_graphql::{
    Response, SDLExportOptions, Schema, SchemaBuilder, ServerError, ValidationResult, Value,
    async_trait,
};
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt};

use self::budget::MAX_ROWS;
use self::emission::{Renew, Source};
use self::gauge::{Gauge, Reading};
use self::mutation::Mutation;
use self::outgoing::Outgoing;
use self::query::{About, Query};
use self::subscription::Subscription;
pub use self::types::service::ServiceLimits;
use self::viewer::Request;
use crate::domain::page::MAX_PAGE_SIZE;
use crate::error::Code;
use crate::services::upload::judge;

/// Levels a query may nest. The introspection that tools send has fifteen.
pub const MAX_DEPTH: usize = 16;
/// Cost of a query: its fields, times the page sizes of the lists they are in.
pub const MAX_COMPLEXITY: usize = 50_000;
/// Characters of a query's text: the longest hand-written one is far below.
pub const MAX_QUERY_BYTES: usize = 64 * 1024;
/// How deep selections may nest, each fragment in the place where it is used.
const MAX_RECURSION: usize = 32;
/// Directives on one field.
const MAX_DIRECTIVES: usize = 8;

pub type AppSchema = Schema<Query, Mutation, Subscription>;

/// The limits that are on, as `service` publishes them.
pub fn limits(requests_per_minute: u32) -> ServiceLimits {
    ServiceLimits {
        max_depth: MAX_DEPTH,
        max_complexity: MAX_COMPLEXITY,
        max_page_size: MAX_PAGE_SIZE,
        max_rows: MAX_ROWS,
        requests_per_minute,
        max_upload_bytes: judge::MAX_BYTES,
        max_upload_rows: judge::MAX_ROWS,
    }
}

/// The schema with its limits; a helpful one suggests names where one is wrong. Each execution
/// needs an `Arc<Request>` in its data, and that of a subscription an `Arc<Source>`.
pub fn schema(limits: ServiceLimits, started_at: DateTime<Utc>, is_helpful: bool) -> AppSchema {
    unbounded(is_helpful)
        .limit_depth(MAX_DEPTH)
        .limit_complexity(MAX_COMPLEXITY)
        .extension(Renew)
        .extension(Outgoing)
        .data(About { started_at, limits })
        .data(Gauge::new(is_helpful))
        .finish()
}

/// The schema with what bounds the work of looking at a document; without the limits of depth and
/// cost, beyond which the engine does not say how much it is.
fn unbounded(is_helpful: bool) -> SchemaBuilder<Query, Mutation, Subscription> {
    let schema = Schema::build(Query, Mutation::default(), Subscription);
    // "Did you mean" would tell a stranger the schema, name by name.
    let schema = if is_helpful { schema } else { schema.disable_suggestions() };
    schema.limit_recursive_depth(MAX_RECURSION).limit_directives(MAX_DIRECTIVES).extension(Measure)
}

/// What `schema.graphql` holds.
pub fn sdl() -> &'static str {
    static SDL: LazyLock<String> = LazyLock::new(|| {
        let schema = schema(limits(0), DateTime::UNIX_EPOCH, true);
        schema.sdl_with_options(SDLExportOptions::new().sorted_fields().sorted_arguments())
    });
    &SDL
}

/// What the engine says of queries that ask for too much.
const TOO_COMPLEX: [&str; 6] =
    ["too complex", "too deep", "recursion depth", "recursion limit", "stack limit", "directives"];

/// Runs one request. Every error that comes back has a code.
pub async fn execute(
    schema: &AppSchema,
    mut request: async_graphql::Request,
    context: Arc<Request>,
) -> Response {
    complete_variables(&mut request);
    let execution = schema.execute(request.data(Arc::clone(&context)));
    let mut response = context.progress.drive(&context.moment, execution).await;
    for error in &mut response.errors {
        give_code(error);
    }
    response
}

/// Runs one subscription, until it ends or is dropped. Every error that comes back has a code.
pub fn subscribe(
    schema: &AppSchema,
    mut request: async_graphql::Request,
    source: Source,
) -> impl Stream<Item = Response> + Send + use<> {
    complete_variables(&mut request);
    schema.execute_stream(request.data(Arc::new(source))).map(|mut response| {
        response.errors.iter_mut().for_each(give_code);
        response
    })
}

/// Gives numbers and lists that were left out the null they stand for: measuring a query's cost,
/// the engine refuses `first: $first` without a value, which by the specification is as if it were not there.
fn complete_variables(request: &mut async_graphql::Request) {
    let Ok(document) = request.parsed_query() else { return };
    let left_out: Vec<_> = document
        .operations
        .iter()
        .flat_map(|(_, operation)| &operation.node.variable_definitions)
        .map(|definition| &definition.node)
        .filter(|variable| variable.default_value.is_none())
        .filter(|variable| {
            let kind = variable.var_type.node.to_string();
            kind == "Int" || kind.starts_with('[') && kind.ends_with(']')
        })
        .map(|variable| variable.name.node.clone())
        .collect();
    for name in left_out {
        request.variables.entry(name).or_insert(Value::Null);
    }
}

/// Errors of resolvers have their code; those of the engine are about the query's text.
fn give_code(error: &mut ServerError) {
    // The parser draws the line that it stopped at, however long; its place is told beside it.
    if error.message.trim_start().starts_with("--> ") {
        let reason = error.message.lines().last().unwrap_or_default().trim();
        let reason = reason.trim_start_matches("= ");
        error.message = format!("The query cannot be read: {reason}.");
    }
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_some() {
        return;
    }
    let is_too_complex = TOO_COMPLEX.iter().any(|reason| error.message.contains(reason));
    if is_too_complex {
        extensions.set("code", Code::QueryTooComplex.as_str());
        extensions.set(
            "hint",
            "Ask for less at once: smaller pages, fewer levels, or several requests. \
             `service { limits { maxDepth maxComplexity } }` has the bounds.",
        );
    } else {
        extensions.set("code", Code::Validation.as_str());
    }
}

/// Notes what a query was measured to cost, for the answer to tell; with a [`Reading`] beside it, it
/// goes no further.
struct Measure;

impl ExtensionFactory for Measure {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for Measure {
    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let result = next.run(ctx).await?;
        if let Some(request) = ctx.data_opt::<Arc<Request>>() {
            request.cost.measured(result.complexity, result.depth);
        }
        if let Some(reading) = ctx.data_opt::<Arc<Reading>>() {
            return Err(vec![reading.take(result.complexity, result.depth)]);
        }
        Ok(result)
    }
}

/// What an answer tells about its request: its cost, and in development its SQL statements.
pub fn tell_cost(response: &mut Response, request: &Request, with_statements: bool) {
    let cost = async_graphql::value!({
        "complexity": request.cost.complexity(),
        "maxComplexity": MAX_COMPLEXITY,
        "depth": request.cost.depth(),
        "maxDepth": MAX_DEPTH,
        "rows": request.budget.spent(),
        "maxRows": MAX_ROWS,
    });
    response.extensions.insert("cost".into(), cost);
    if with_statements {
        let statements = Value::from(request.services.db.statements());
        response.extensions.insert("statements".into(), statements);
    }
}
