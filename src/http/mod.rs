//! The HTTP door: routes, sign-in, limits, health, request ids.

mod exports;
pub mod graphiql;
mod graphql;
pub mod lasting;
mod limits;
mod metrics;
pub mod serve;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header, request};
use axum::middleware::{self, Next};
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

use self::lasting::Lasting;
use self::limits::RateLimits;
use crate::config::{Config, Environment, Origins};
use crate::graphql::AppSchema;
use crate::market::import;
use crate::services::Services;
use crate::{postgres, telemetry};

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
    lasting: Lasting,
    known: Arc<metrics::Known>,
    origins: Origins,
    /// Proxies of ours that a request passes, each of which says where it got it from.
    proxies: usize,
    /// Whether answers tell of their SQL statements.
    is_development: bool,
}

impl Door {
    pub fn new(config: &Config, services: Services, schema: AppSchema, lasting: Lasting) -> Self {
        telemetry::start();
        Self {
            services,
            schema,
            lasting,
            known: Arc::default(),
            origins: config.cors_allowed_origins.clone(),
            rates: RateLimits::new(
                config.rate_limit_per_minute,
                config.rate_limit_burst_per_second,
            ),
            proxies: config.trusted_proxies.into(),
            is_development: config.environment == Environment::Development,
        }
    }

    /// Where a request comes from.
    fn address(&self, request: &Request) -> IpAddr {
        let peer = request
            .extensions()
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
        limits::sender(request.headers(), self.proxies).unwrap_or(peer)
    }
}

/// All routes with everything that wraps them.
pub fn router(door: Door) -> Router {
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_response(log_response)
                .on_failure(()),
        )
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(middleware::from_fn(count))
        .layer(cors(&door.origins))
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::new())
        .layer(RequestBodyLimitLayer::new(MAX_BODY_BYTES))
        .layer(RequestBodyTimeoutLayer::new(BETWEEN_BYTES));
    Router::new()
        .route("/", get(|| async { Redirect::temporary("/graphql") }))
        .route("/graphql", get(graphql::get).post(graphql::post))
        .route("/graphql/ws", get(graphql::socket::upgrade))
        .route("/graphiql/{*path}", get(graphiql::asset))
        .route("/exports/{token}", get(exports::download))
        .route("/schema.graphql", get(sdl))
        .layer(layers)
        // Asked every few seconds by whoever runs the server: not worth a line in the log.
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics::show))
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

/// Counts a request once it is answered.
async fn count(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let response = next.run(request).await;
    let route = path.as_ref().map_or("none", MatchedPath::as_str);
    // Anybody may make up a method.
    let method =
        if matches!(method, Method::GET | Method::POST) { method.as_str() } else { "other" };
    telemetry::answered(method, route, response.status().as_u16(), began.elapsed());
    response
}

/// Whether a page that CORS lets in opens a socket, or one of this server's own. Programs that are
/// no browsers send no origin.
fn may_come_from(origins: &Origins, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let listed = match origins {
        Origins::Loopback => is_loopback(origin),
        Origins::Listed(listed) => {
            listed.iter().any(|listed| listed.as_bytes() == origin.as_bytes())
        }
    };
    let of_host = |origin: &str| {
        let host = origin.split_once("://").map(|(_, host)| host);
        host.is_some() && host == headers.get(header::HOST).and_then(|host| host.to_str().ok())
    };
    listed || origin.to_str().is_ok_and(of_host)
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
    fn a_socket_is_opened_by_our_own_pages_and_those_that_are_listed() {
        let listed = Origins::Listed(vec!["https://desk.example".into()]);
        let may = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("api.example:8443"));
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            may_come_from(&listed, &headers)
        };
        assert!(may("https://desk.example") && may("https://api.example:8443"));
        assert!(!may("https://api.example") && !may("https://evil.example") && !may("null"));
        assert!(may_come_from(&listed, &HeaderMap::new()), "no browser");
    }

    #[test]
    fn only_pages_of_this_machine_are_loopback() {
        let is = |origin: &'static str| is_loopback(&HeaderValue::from_static(origin));
        assert!(is("http://localhost:3000") && is("https://127.0.0.1") && is("http://[::1]:5173"));
        assert!(
            !is("http://localhost.evil.example") && !is("null") && !is("http://127.0.0.1.nip.io")
        );
    }
}
