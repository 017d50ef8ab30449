//! The program over a database of its own, asked through its router.

use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::{Value, json};
use sigmasight::app;
use sigmasight::clock::Clock;
use sigmasight::config::assumptions::Assumptions;
use sigmasight::config::market::MarketData;
use sigmasight::config::{Config, Environment, LogFormat, Origins, Provider};
use sigmasight::domain::user::Role;
use sigmasight::http::lasting::{Lasting, Patience};
use sigmasight::jobs::worker::{self, Engine};
use sigmasight::postgres::Db;
use sigmasight::services::accounts::{self, NewUser};
use sigmasight::services::{Services, prices, rates};
use sqlx::{Connection, PgConnection};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::cluster::{FreshDatabase, fresh_database};
use super::person::Person;

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery staple";

/// Monday the 5th of January 2026, half an hour after the close in New York.
const USUAL_TIME: &str = "2026-01-05T21:30:00Z";
const SECRET: &str = "a secret that only the stories know";
/// More than a story asks for. The limits are of processor time, which a story does not measure.
const PLENTY: NonZeroU32 = NonZeroU32::new(100_000).expect("above zero");
const CONNECTIONS: u32 = 10;

/// The running program. Clones share everything.
#[derive(Clone)]
pub struct App {
    pub config: Config,
    pub services: Services,
    pub router: Router,
    /// Connections that stay open.
    pub lasting: Lasting,
    database: Arc<FreshDatabase>,
}

/// A program about to start; awaiting it starts it.
pub struct Start {
    config: Config,
    connections: u32,
    patience: Patience,
    database: Option<Arc<FreshDatabase>>,
}

impl App {
    /// With an empty database, no source of prices, and limits that no story reaches.
    pub fn start() -> Start {
        let config = Config {
            database_url: None,
            data_dir: std::env::temp_dir(),
            bind: ([127, 0, 0, 1], 0).into(),
            environment: Environment::Development,
            jwt_secret: Some(SECRET.into()),
            providers: Vec::new(),
            market: MarketData::default(),
            assumptions: Assumptions::default(),
            rate_limit_per_minute: PLENTY,
            rate_limit_burst_per_second: PLENTY,
            batch_job_enabled: true,
            worker_silence: Duration::from_secs(2),
            trusted_proxies: 0,
            cors_allowed_origins: Origins::Loopback,
            log_level: "info".into(),
            log_format: LogFormat::Pretty,
            clock: Clock::default(),
        };
        Start { config, connections: CONNECTIONS, patience: Patience::default(), database: None }
            .at(USUAL_TIME)
    }

    /// The same program started again over the same database: settings may change, limits start
    /// afresh.
    pub fn restart(&self) -> Start {
        let (config, database) = (self.config.clone(), Some(Arc::clone(&self.database)));
        Start { config, connections: CONNECTIONS, patience: self.lasting.patience, database }
    }

    /// The same program over services that differ, as by whom they ask for prices.
    pub fn with(&self, change: impl FnOnce(&mut Services)) -> Self {
        let mut services = self.services.clone();
        change(&mut services);
        let router = app::router(&self.config, services.clone(), self.lasting.clone());
        Self { services, router, ..self.clone() }
    }

    /// Somebody signed in, registered first if need be; their address is `<name>@example.com`.
    pub async fn sign_in(&self, name: &str) -> Person {
        self.register(name, Role::User).await;
        Person::signs_in(self, name).await
    }

    /// The same for somebody who operates the service.
    pub async fn sign_in_admin(&self, name: &str) -> Person {
        self.register(name, Role::Admin).await;
        Person::signs_in(self, name).await
    }

    async fn register(&self, name: &str, role: Role) {
        let new = NewUser {
            email: &format!("{name}@example.com"),
            password: PASSWORD.into(),
            full_name: Some(name),
            role,
            is_demo: false,
        };
        // Somebody who is registered already stays as they are.
        accounts::register(&self.services, new).await.ok();
    }

    /// Prices from a CSV with `symbol,date,close` and optionally more.
    pub async fn knows_prices(&self, csv: &str) {
        let imported = prices::import_by_command(&self.services, csv.as_bytes().to_vec()).await;
        let imported = imported.expect("prices are stored");
        assert!(imported.errors.is_empty(), "{:?}", imported.errors);
    }

    /// Fetches what is missing of the prices of everything held, and of yields, as a job does.
    pub async fn completes_prices(&self) {
        prices::fill(&self.services).await.expect("prices are completed");
        rates::fill(&self.services).await.expect("yields are completed");
    }

    /// Does the jobs that are due, and those they lead to, as a worker does.
    pub async fn works_through_its_queue(&self) {
        let drained = worker::drain(&self.services, &self.engine()).await;
        drained.expect("the jobs are worked on");
    }

    /// What works on jobs in the database of the story.
    pub fn engine(&self) -> Engine {
        Engine { options: self.database.options.clone(), silence: self.config.worker_silence }
    }

    /// A connection as the superuser of the database, whom row-level security does not bind.
    pub async fn superuser(&self) -> PgConnection {
        PgConnection::connect_with(&self.database.options).await.expect("the test database")
    }

    /// The whole answer to somebody who has not signed in.
    pub async fn asks(&self, query: &str, variables: Value) -> Value {
        self.send(post(&json!({ "query": query, "variables": variables }))).await.json()
    }

    /// Sends one request through the router.
    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.expect("a router never fails");
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.expect("a whole body");
        Reply { status: head.status, headers: head.headers, body }
    }
}

impl Start {
    /// The clock stands still at this instant (RFC 3339).
    pub fn at(mut self, instant: &str) -> Self {
        self.config.clock = Clock::fixed_at(instant.parse().expect("an RFC 3339 instant"));
        self
    }

    /// What is held gets simulated prices when `completes_prices` is called.
    pub fn with_simulated_prices(mut self) -> Self {
        self.config.providers = vec![Provider::Synthetic];
        self
    }

    /// Options without Greeks show documented stand-ins.
    pub fn with_stand_ins(mut self) -> Self {
        self.config.assumptions.greeks_fallback = true;
        self
    }

    /// These providers are configured, at these addresses.
    pub fn asking(mut self, providers: &[Provider], market: MarketData) -> Self {
        self.config.providers = providers.to_vec();
        self.config.market = market;
        self
    }

    /// How often one user may ask.
    pub fn limited_to(mut self, a_minute: u32, a_second: u32) -> Self {
        self.config.rate_limit_per_minute = a_minute.try_into().expect("above zero");
        self.config.rate_limit_burst_per_second = a_second.try_into().expect("above zero");
        self
    }

    /// How many connections to the database all requests share.
    pub fn over_connections(mut self, connections: u32) -> Self {
        self.connections = connections;
        self
    }

    /// What it puts up with of connections that stay open.
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Signs with another key.
    pub fn signing_with(mut self, secret: &str) -> Self {
        self.config.jwt_secret = Some(secret.into());
        self
    }

    /// Puts up with less.
    pub fn in_production(mut self) -> Self {
        self.config.environment = Environment::Production;
        self.config.cors_allowed_origins = Origins::Listed(Vec::new());
        self
    }
}

impl IntoFuture for Start {
    type Output = App;
    type IntoFuture = Pin<Box<dyn Future<Output = App> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { config, connections, patience, database } = self;
            let database = match database {
                Some(database) => database,
                None => Arc::new(fresh_database().await),
            };
            let db = Db::connect(database.options.clone(), connections).await.expect("a pool");
            let services = app::services(&config, db).await.expect("the services");
            let lasting = Lasting::until(CancellationToken::new(), patience);
            let router = app::router(&config, services.clone(), lasting.clone());
            App { config, services, router, lasting, database }
        })
    }
}

/// A POST of JSON to `/graphql`.
pub fn post(body: &Value) -> Request<Body> {
    Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.to_string().into())
        .expect("a request")
}

/// A GET.
pub fn get(address: &str) -> Request<Body> {
    Request::get(address).body(Body::empty()).expect("a request")
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {} {:?}", self.status, self.body))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    /// The first value of a header; empty without one.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }
}
