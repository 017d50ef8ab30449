//! The HTTP door: routes, sign-in, limits, health, request ids.

pub mod graphiql;
mod graphql;
mod limits;
pub mod serve;

use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use axum::http::{HeaderValue, Method, StatusCode, header, request};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::timeout::RequestBodyTimeoutLayer;
use tower_http::trace::TraceLayer;

use self::limits::RateLimits;
use crate::config::{Config, Environment, Origins};
use crate::graphql::AppSchema;
use crate::market::import;
use crate::postgres;
use crate::services::Services;

/// Most bytes of a request: the largest price file, and what multipart adds to it.
const MAX_BODY_BYTES: usize = import::MAX_BYTES + (1 << 20);

/// How long a client may take between two parts of a request's body.
const BETWEEN_BYTES: Duration = Duration::from_secs(10);

/// What every request needs.
#[derive(Clone)]
pub struct Door {
    services: Services,
    schema: AppSchema,
    rates: RateLimits,
    /// Proxies of ours that a request passes, each of which says where it got it from.
    proxies: usize,
    /// Whether answers tell of their SQL statements.
    is_development: bool,
}

impl Door {
    pub fn new(config: &Config, services: Services, schema: AppSchema) -> Self {
        Self {
            services,
            schema,
            rates: RateLimits::new(
                config.rate_limit_per_minute,
                config.rate_limit_burst_per_second,
            ),
            proxies: config.trusted_proxies.into(),
            is_development: config.environment == Environment::Development,
        }
    }
}

/// All routes with everything that wraps them.
pub fn router(door: Door, origins: &Origins) -> Router {
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_response(log_response)
                .on_failure(()),
        )
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(cors(origins))
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::new())
        .layer(RequestBodyLimitLayer::new(MAX_BODY_BYTES))
        .layer(RequestBodyTimeoutLayer::new(BETWEEN_BYTES));
    Router::new()
        .route("/", get(|| async { Redirect::temporary("/graphql") }))
        .route("/graphql", get(graphql::get).post(graphql::post))
        .route("/graphiql/{*path}", get(graphiql::asset))
        .route("/schema.graphql", get(sdl))
        .layer(layers)
        // Asked every few seconds by whoever runs the server: not worth a line in the log.
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(door)
}

async fn sdl() -> Response {
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], crate::graphql::sdl()).into_response()
}

/// 200 when the database answers and holds this program's schema; else 503, and why.
async fn ready(State(door): State<Door>) -> Response {
    let asked = postgres::is_migrated(&door.services.db);
    let (status, text) = match tokio::time::timeout(Duration::from_secs(2), asked).await {
        Ok(Ok(true)) => (StatusCode::OK, "ready\n"),
        Ok(Ok(false)) => (StatusCode::SERVICE_UNAVAILABLE, "migrations are missing\n"),
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    };
    (status, text).into_response()
}

fn cors(origins: &Origins) -> CorsLayer {
    let allowed = match origins {
        Origins::Loopback => {
            AllowOrigin::predicate(|origin, _: &request::Parts| is_loopback(origin))
        }
        Origins::Listed(listed) => {
            AllowOrigin::list(listed.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
        }
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, HeaderName::from_static("x-request-id")])
        .expose_headers([
            RETRY_AFTER,
            HeaderName::from_static("x-request-id"),
            limits::LIMIT,
            limits::REMAINING,
        ])
        .max_age(Duration::from_mins(10))
}

/// Whether a page was served from this machine, whatever the port.
fn is_loopback(origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    let Some(host) = origin.strip_prefix("http://").or(origin.strip_prefix("https://")) else {
        return false;
    };
    let host = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    matches!(host, "localhost" | "127.0.0.1" | "::1")
}

fn span(request: &Request) -> tracing::Span {
    let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok());
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    tracing::info_span!("http", method = %request.method(), path, request_id = id)
}

fn log_response<B>(response: &axum::http::Response<B>, latency: Duration, _: &tracing::Span) {
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok());
    tracing::info!(
        status = response.status().as_u16(),
        latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
        length,
        "answered"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_machine_are_loopback() {
        let is = |origin: &'static str| is_loopback(&HeaderValue::from_static(origin));
        assert!(is("http://localhost:3000") && is("https://127.0.0.1") && is("http://[::1]:5173"));
        assert!(
            !is("http://localhost.evil.example") && !is("null") && !is("http://127.0.0.1.nip.io")
        );
    }
}
