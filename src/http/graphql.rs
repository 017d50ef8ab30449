//! GraphQL over HTTP: JSON and multipart by POST, queries by GET, the editor for a browser;
//! subscriptions by events and by sockets.
//!
//! The order of a request: who asks, whether they may ask again so soon, and only then what.
//! Files are taken from nobody who has not signed in.

mod events;
mod protocol;
mod refused;
pub mod socket;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::http::{MultipartOptions, receive_body};
use async_graphql::{ParseRequestError, Value, Variables};
use async_graphql_axum::GraphQLResponse;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::header::{
    ACCEPT, ALLOW, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt;
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio_util::compat::TokioAsyncReadCompatExt;
use tokio_util::io::StreamReader;

use self::events::EVENT_STREAM;
use self::refused::Refused;
use super::limits::{self, Caller, Verdict};
use super::{Door, graphiql};
use crate::domain::user::Role;
use crate::error::{Code, Refusal};
use crate::graphql::admission::{self, Summary};
use crate::graphql::{self, viewer};
use crate::market::import;
use crate::postgres::moment::{Claims, Moment};
use crate::services::Services;
use crate::services::upload::judge;
use crate::telemetry;

/// Most bytes of a JSON request. Files go by multipart.
const MAX_JSON_BYTES: usize = 2 << 20;
/// What of a file that is too large is read all the same: one that is hardly so is told like any
/// other fault of a file, and the rest of a larger one is not waited for.
const SPARE_BYTES: usize = 2 << 20;
/// Files of one multipart request.
const MAX_FILES: usize = 1;
/// Bytes of a query in an address.
const MAX_GET_BYTES: usize = 16 * 1024;
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the body of a request may take to arrive.
const READING_PATIENCE: Duration = Duration::from_mins(1);
/// The media type of GraphQL over HTTP, which says by its status whether there is an answer.
const GRAPHQL_JSON: &str = "application/graphql-response+json";

/// `GET /graphql`: the editor for a browser, queries for everybody else.
pub async fn get(State(door): State<Door>, request: Request) -> Response {
    let address = request.uri().clone();
    let query = address.query().unwrap_or_default();
    if query.is_empty() && accepts(request.headers(), "text/html") {
        return graphiql::page();
    }
    let client = Client::of(&door, &request);
    let outcome = async {
        client.may_ask()?;
        if query.len() > MAX_GET_BYTES {
            return Err(Refused::too_large(StatusCode::URI_TOO_LONG, "An address", MAX_GET_BYTES));
        }
        door.run(InAddress::read(&address)?, &client, false).await
    };
    client.answer(outcome.await)
}

/// `POST /graphql`.
pub async fn post(State(door): State<Door>, request: Request) -> Response {
    let client = Client::of(&door, &request);
    let takes_events = accepts(request.headers(), EVENT_STREAM);
    // Clients that take both want events of what streams alone.
    let takes_json = ["application/json", GRAPHQL_JSON]
        .iter()
        .any(|media_type| accepts(request.headers(), media_type));
    let outcome = async {
        client.may_ask()?;
        let reading = door.read(&client, request);
        let mut asked = tokio::time::timeout(READING_PATIENCE, reading).await.map_err(|_| {
            let seconds = READING_PATIENCE.as_secs();
            let message = format!("The request did not arrive within {seconds} s.");
            Refused::new(StatusCode::REQUEST_TIMEOUT, Refusal::new(Code::Timeout, message))
        })??;
        if takes_events && (!takes_json || subscribes(&mut asked)) {
            return door.events(asked, &client).await;
        }
        Ok(client.answer(Ok(door.run(asked, &client, true).await?)))
    };
    outcome.await.unwrap_or_else(|refused| client.answer(Err(refused)))
}

/// Whether a document that may be read asks for a subscription.
fn subscribes(asked: &mut async_graphql::Request) -> bool {
    if admission::is_readable(asked).is_err() {
        return false;
    }
    let name = asked.operation_name.clone();
    asked
        .parsed_query()
        .is_ok_and(|document| Summary::of(document, name.as_deref()).is_subscription)
}

/// A query in an address. async-graphql's own reader takes no `operationName`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InAddress {
    #[serde(default)]
    query: String,
    operation_name: Option<String>,
    /// JSON.
    variables: Option<String>,
}

impl InAddress {
    fn read(address: &Uri) -> Result<async_graphql::Request, Refused> {
        let unreadable = || {
            let refusal = Refusal::validation("The address carries no readable query.");
            Refused::new(StatusCode::BAD_REQUEST, refusal.hint("Write `/graphql?query={...}`."))
        };
        let Query(asked) = Query::<Self>::try_from_uri(address).map_err(|_| unreadable())?;
        let variables = match asked.variables {
            Some(text) => serde_json::from_str(&text).map_err(|_| unreadable())?,
            None => Variables::default(),
        };
        let mut request = async_graphql::Request::new(asked.query).variables(variables);
        request.operation_name = asked.operation_name;
        Ok(request)
    }
}

impl Door {
    /// Reads a request's body by its content type.
    async fn read(
        &self,
        client: &Client,
        request: Request,
    ) -> Result<async_graphql::Request, Refused> {
        let content_type = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let essence =
            content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let mut max_file_bytes = 0;
        let body = match essence.as_str() {
            "application/json" | GRAPHQL_JSON => {
                let bytes = axum::body::to_bytes(request.into_body(), MAX_JSON_BYTES).await;
                let bytes = bytes.map_err(|_| {
                    let what = "A JSON request";
                    Refused::too_large(StatusCode::PAYLOAD_TOO_LARGE, what, MAX_JSON_BYTES)
                })?;
                // A list could also be read as the members of one request, by their order.
                if bytes.trim_ascii_start().starts_with(b"[") {
                    return Err(ParseRequestError::UnsupportedBatch.into());
                }
                Body::from(bytes)
            }
            "multipart/form-data" => {
                max_file_bytes = self.max_file_bytes(client).await?;
                request.into_body()
            }
            _ => {
                let refusal =
                    Refusal::validation("The body must be JSON, or multipart for a file.")
                        .hint("Send `Content-Type: application/json`.");
                return Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, refusal));
            }
        };
        let stream = body.into_data_stream().map_err(std::io::Error::other);
        let max_bytes = max_file_bytes + SPARE_BYTES;
        let most = max_bytes + MAX_JSON_BYTES;
        let reader = StreamReader::new(stream).take(u64::try_from(most).unwrap_or(u64::MAX));
        let options = MultipartOptions::default().max_file_size(max_bytes).max_num_files(MAX_FILES);
        receive_body(Some(content_type), reader.compat(), options).await.map_err(
            |error| match error {
                ParseRequestError::PayloadTooLarge => {
                    Refused::too_large(StatusCode::PAYLOAD_TOO_LARGE, "A file", max_file_bytes)
                }
                other => other.into(),
            },
        )
    }

    /// How large a file somebody may send: nobody any, whose session has ended neither. Asked
    /// before a byte of it is read, and without a connection being held while it is.
    async fn max_file_bytes(&self, client: &Client) -> Result<usize, Refused> {
        let claims = match client.token {
            Token::Good(claims) => claims,
            Token::None => {
                return Err(Refused::new(StatusCode::UNAUTHORIZED, Refusal::unauthenticated()));
            }
            Token::Bad => return Err(Refused::bad_token()),
        };
        let moment = Moment::new(self.services.db.clone(), self.services.now(), Some(claims));
        let viewer = moment.viewer().await.map_err(Refused::from)?;
        moment.close().await;
        Ok(match viewer.map(|user| user.role) {
            Some(Role::Admin) => import::MAX_BYTES,
            Some(Role::User) => judge::MAX_BYTES,
            None => 0,
        })
    }

    /// Runs what is asked; `may_change` says whether the method allows mutations.
    async fn run(
        &self,
        mut asked: async_graphql::Request,
        client: &Client,
        may_change: bool,
    ) -> Result<async_graphql::Response, Refused> {
        let summary = admit(&mut asked, may_change)?;
        if summary.is_subscription {
            let refusal = Refusal::validation("A subscription needs a connection that stays open.")
                .hint(
                    "Send it with `Accept: text/event-stream`, or over a WebSocket to \
                     `/graphql/ws`.",
                );
            return Err(Refused::new(StatusCode::BAD_REQUEST, refusal));
        }
        telemetry::operation(if summary.mutations > 0 { "mutation" } else { "query" });
        let claims =
            if summary.only_signs_in { client.claims().ok().flatten() } else { client.claims()? };

        let request = Arc::new(viewer::Request::new(self.services.clone(), claims, client.address));
        if claims.is_some() && !summary.only_signs_in {
            // Whether the session still stands, before anything is done in its name.
            request.moment.viewer().await.map_err(Refused::from)?;
        }
        let execution = graphql::execute(&self.schema, asked, Arc::clone(&request));
        let mut response = tokio::time::timeout(PATIENCE, execution).await.map_err(|_| {
            let seconds = PATIENCE.as_secs();
            let refusal = Refusal::new(Code::Timeout, format!("It took more than {seconds} s."));
            Refused::new(StatusCode::GATEWAY_TIMEOUT, refusal.hint("Ask for less at once."))
        })?;
        graphql::tell_cost(&mut response, &request, self.is_development);
        Ok(response)
    }
}

/// Looks at a request before it runs; `may_change` says whether mutations may come that way.
fn admit(asked: &mut async_graphql::Request, may_change: bool) -> Result<Summary, Refused> {
    let summary = admission::admit(asked).map_err(|refusal| {
        let status = match refusal.code {
            Code::LimitExceeded => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        };
        Refused::new(status, refusal)
    })?;
    if summary.mutations > 0 && !may_change {
        let refusal = Refusal::validation("GET never changes anything.");
        let refusal = refusal.hint("Send mutations by POST.");
        return Err(Refused::new(StatusCode::METHOD_NOT_ALLOWED, refusal));
    }
    Ok(summary)
}

/// Who asks, and how they want to be answered.
struct Client {
    token: Token,
    address: IpAddr,
    verdict: Verdict,
    wants_graphql_json: bool,
}

/// What the `Authorization` header holds.
#[derive(Clone, Copy)]
enum Token {
    None,
    Good(Claims),
    Bad,
}

impl Client {
    /// Reads who asks, and counts the request.
    fn of(door: &Door, request: &Request) -> Self {
        let headers = request.headers();
        let token = match headers.get(AUTHORIZATION) {
            None => Token::None,
            Some(value) => value
                .to_str()
                .ok()
                .and_then(|value| bearer(&door.services, value))
                .map_or(Token::Bad, Token::Good),
        };
        let claims = match token {
            Token::Good(claims) => Some(claims),
            Token::None | Token::Bad => None,
        };
        let address = door.address(request);
        let caller = claims.map_or_else(|| Caller::at(address), |claims| Caller::User(claims.user));
        Self {
            token,
            address,
            verdict: door.rates.count(caller),
            wants_graphql_json: accepts(headers, GRAPHQL_JSON),
        }
    }

    fn may_ask(&self) -> Result<(), Refused> {
        may_ask(&self.verdict)
    }

    /// Who asks, if anybody says so.
    fn claims(&self) -> Result<Option<Claims>, Refused> {
        match self.token {
            Token::None => Ok(None),
            Token::Good(claims) => Ok(Some(claims)),
            Token::Bad => Err(Refused::bad_token()),
        }
    }

    fn answer(&self, outcome: Result<async_graphql::Response, Refused>) -> Response {
        let (status, response) = match outcome {
            // By the specification: the answer as a whole failed when there is no data.
            Ok(response)
                if self.wants_graphql_json && response.data == Value::Null && response.is_err() =>
            {
                (StatusCode::BAD_REQUEST, response)
            }
            Ok(response) => (StatusCode::OK, response),
            Err(refused) => (refused.status, refused.into_response()),
        };
        count_errors(&response);
        let mut response = (status, GraphQLResponse::from(response)).into_response();
        let headers = response.headers_mut();
        let media_type = if self.wants_graphql_json { GRAPHQL_JSON } else { "application/json" };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.append(VARY, HeaderValue::from_static("Accept"));
        headers.insert(limits::LIMIT, self.verdict.allowed.into());
        headers.insert(limits::REMAINING, self.verdict.remaining.into());
        if let Some(seconds) = self.verdict.retry_after_seconds {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(ALLOW, HeaderValue::from_static("POST"));
            }
            _ => {}
        }
        response
    }
}

/// Whether the caller is within its rate.
fn may_ask(verdict: &Verdict) -> Result<(), Refused> {
    let Some(seconds) = verdict.retry_after_seconds else { return Ok(()) };
    let refusal = Refusal::new(
        Code::RateLimited,
        format!("That is more than {} requests a minute, or too many at once.", verdict.allowed),
    );
    let hint = format!("Try again in {seconds} s.");
    Err(Refused::new(StatusCode::TOO_MANY_REQUESTS, refusal.hint(hint)))
}

/// Who `Bearer <access token>` is, if that still holds.
fn bearer(services: &Services, header: &str) -> Option<Claims> {
    let (scheme, token) = header.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    is_bearer.then(|| services.tokens.read(token.trim(), services.now())).flatten()
}

fn count_errors(response: &async_graphql::Response) {
    for error in &response.errors {
        let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
        if let Some(Value::String(code)) = code {
            telemetry::told(code.clone());
        }
    }
}

fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| one.split(';').next().is_some_and(|one| one.trim() == media_type))
}
