//! What leaves a field on its way to the answer: errors keep where they happened, and a zero has
//! no sign.

use std::sync::Arc;

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo,
};
use async_graphql::{PathSegment, ServerError, ServerResult, Value, async_trait};

/// Looks at every field and entry of a list once it is resolved.
pub struct Outgoing;

/// Where an error happened. The engine gives one that passes through a list the path of the list.
struct Origin(Vec<PathSegment>);

impl ExtensionFactory for Outgoing {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for Outgoing {
    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        match next.run(ctx, info).await {
            Ok(value) => Ok(value.map(without_sign)),
            Err(error) => Err(from_origin(error)),
        }
    }
}

/// The innermost field that an error passes is where it happened.
fn from_origin(error: ServerError) -> ServerError {
    if let Some(Origin(path)) = error.source::<Origin>() {
        let path = path.clone();
        return ServerError { path, ..error };
    }
    let source = error.source.clone().unwrap_or_else(|| Arc::new(Origin(error.path.clone())));
    ServerError { source: Some(source), ..error }
}

/// A sum of nothing is `-0.0` in floats, and so is a loss of nothing.
fn without_sign(value: Value) -> Value {
    match &value {
        Value::Number(number) if number.is_f64() && number.as_f64() == Some(0.0) => {
            Value::from(0.0)
        }
        _ => value,
    }
}
