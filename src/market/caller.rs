//! The way to a provider: one place that makes requests, so that all of them take their turn,
//! end in time, stay small, go nowhere else and give no key away.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use reqwest::dns::Resolve;
use reqwest::header::{DATE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Url, redirect};
use serde::Deserialize;

use super::provider::{Outage, ProviderError, Urgency};
use super::throttle::{Rate, Throttle};
use crate::config::market::Secret;

/// Characters of a provider's own words that are repeated.
const MOST_SAID: usize = 200;
/// Redirects that are followed, all on one host.
const REDIRECTS: usize = 3;

/// Longest that somebody at the screen waits for one answer.
const QUOTE_TIME: Duration = Duration::from_secs(5);

/// What one request may take.
#[derive(Clone)]
pub struct Limits {
    pub connecting: Duration,
    /// From the first byte sent to the last one received.
    pub total: Duration,
    /// Of a body, unpacked.
    pub bytes: usize,
    /// Pages of one answer.
    pub pages: usize,
    /// Finds the addresses of names; None asks the system.
    pub names: Option<Arc<dyn Resolve>>,
}

impl Default for Limits {
    /// The largest known answer, fifty thousand bars or the whole market on one day, has a few
    /// megabytes; the largest option chain about fifty pages.
    fn default() -> Self {
        Self {
            connecting: Duration::from_secs(5),
            total: Duration::from_secs(30),
            bytes: 32 << 20,
            pages: 1_000,
            names: None,
        }
    }
}

/// A client of one provider.
pub struct Caller {
    client: Client,
    /// Where requests may go; the first is where the provider answers.
    homes: Vec<Url>,
    secret: Option<Secret>,
    throttle: Throttle,
    limits: Limits,
}

/// What came back, whatever its status.
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// The encryption of the connection could not be prepared.
#[derive(Debug, thiserror::Error)]
#[error("no client for market data can be made")]
pub struct NoClient(#[source] Box<dyn std::error::Error + Send + Sync>);

impl Caller {
    /// # Errors
    /// When the encryption cannot be prepared.
    pub fn new(
        base: Url,
        agent: &'static str,
        secret: Option<Secret>,
        throttle: Throttle,
        limits: Limits,
    ) -> Result<Self, NoClient> {
        let mut builder = Client::builder()
            .tls_backend_preconfigured(encryption()?)
            .user_agent(agent)
            .connect_timeout(limits.connecting)
            .redirect(redirect::Policy::custom(stay_at_home));
        if let Some(names) = &limits.names {
            builder = builder.dns_resolver(Arc::clone(names));
        }
        if base.scheme() == "http" {
            // The settings allow it on this machine only, which a proxy would leave.
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| NoClient(error.into()))?;
        Ok(Self { client, homes: vec![base], secret, throttle, limits })
    }

    /// Allows requests to one more host.
    #[must_use]
    pub fn also_at(mut self, other: Url) -> Self {
        self.homes.push(other);
        self
    }

    /// How often it may be asked.
    pub fn rate(&self) -> &Rate {
        self.throttle.rate()
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// An address below the provider's own, its parts escaped.
    pub fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.homes[0].clone();
        // Only an address without a host has no path, and settings with one are refused.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// An address that the provider gave, if it is one of its own.
    ///
    /// # Errors
    /// `RefusedAddress` for every other host, port or scheme.
    pub fn at_home(&self, address: &str) -> Result<Url, ProviderError> {
        let url = Url::parse(address)
            .map_err(|_| ProviderError::Malformed("an address that is none".into()))?;
        if url.origin() == self.homes[0].origin() && url.username().is_empty() {
            Ok(url)
        } else {
            Err(refused(&url))
        }
    }

    /// Makes one request in turn and reads the answer. What may be better next time is tried
    /// again, as often and as long as the urgency bears.
    ///
    /// # Errors
    /// Whatever `read` makes of the reply, or why there is none.
    pub async fn ask<T>(
        &self,
        url: &Url,
        headers: &HeaderMap,
        urgency: Urgency,
        read: impl Fn(&Reply) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let mut patience = urgency.patience();
        let mut attempt = 0;
        loop {
            let turn = self.throttle.enter(urgency, &mut patience).await?;
            let reply = self.send(url, headers, urgency).await;
            let error = match reply.and_then(|reply| usual(&reply).and_then(|()| read(&reply))) {
                Ok(answer) => {
                    self.throttle.answered(&turn).await?;
                    return Ok(answer);
                }
                Err(error) => error,
            };
            attempt += 1;
            let is_last = attempt >= urgency.attempts();
            match error {
                ProviderError::RateLimited { retry_after } => {
                    self.throttle.answered(&turn).await?;
                    self.throttle.pause(attempt - 1, retry_after).await?;
                    if is_last {
                        return Err(error);
                    }
                }
                ProviderError::Unavailable(_) => {
                    if is_last || !self.throttle.back_off(attempt - 1, &mut patience).await {
                        self.throttle.failed(&error).await?;
                        return Err(error);
                    }
                }
                // It answers; asking again would bring the same.
                ProviderError::NotFound { .. }
                | ProviderError::Renamed(_)
                | ProviderError::Implausible(_) => {
                    self.throttle.answered(&turn).await?;
                    return Err(error);
                }
                _ => {
                    self.throttle.complained(&error).await?;
                    return Err(error);
                }
            }
        }
    }

    async fn send(
        &self,
        url: &Url,
        headers: &HeaderMap,
        urgency: Urgency,
    ) -> Result<Reply, ProviderError> {
        if !self.homes.iter().any(|home| home.origin() == url.origin()) {
            return Err(refused(url));
        }
        let total = match urgency {
            Urgency::Quote => self.limits.total.min(QUOTE_TIME),
            Urgency::Batch | Urgency::Backfill => self.limits.total,
        };
        let request = self.client.get(url.clone()).headers(headers.clone()).timeout(total);
        let sent = request.send().await;
        let mut response = sent.map_err(|error| outage(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        if response.status().is_redirection() {
            let to = headers.get(LOCATION).and_then(|to| url.join(to.to_str().ok()?).ok());
            return Err(refused(to.as_ref().unwrap_or(url)));
        }

        let limit = self.limits.bytes;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| outage(&error))? {
            if body.len() + chunk.len() > limit {
                return Err(ProviderError::TooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, headers, body })
    }

    /// A provider's own words, fit to be logged and shown: short, plain, without our key.
    pub fn said(&self, text: &str) -> String {
        let text = match &self.secret {
            Some(secret) => text.replace(secret.expose(), "…"),
            None => text.to_owned(),
        };
        text.chars().filter(|c| !c.is_control()).take(MOST_SAID).collect()
    }

    /// The key, to be sent with a request.
    pub fn key(&self) -> &str {
        self.secret.as_ref().map_or("", Secret::expose)
    }
}

impl Reply {
    /// The body as JSON of the expected form.
    ///
    /// # Errors
    /// `Malformed`, without repeating what was sent.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ProviderError> {
        if self.body.is_empty() {
            return Err(ProviderError::Malformed("nothing".into()));
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            ProviderError::Malformed(match error.classify() {
                serde_json::error::Category::Eof => "JSON that breaks off".into(),
                serde_json::error::Category::Data => {
                    format!("JSON of another form, at line {line}, column {column}")
                }
                _ => "something that is not JSON".into(),
            })
        })
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What a status means whoever sends it.
fn usual(reply: &Reply) -> Result<(), ProviderError> {
    match reply.status {
        429 => Err(ProviderError::RateLimited { retry_after: retry_after(&reply.headers) }),
        408 | 499 | 500.. => Err(ProviderError::Unavailable(Outage::Status(reply.status))),
        _ => Ok(()),
    }
}

/// How long the provider wants to be left alone. A date is seen from the provider's own clock,
/// as ours may be wrong.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |header: Option<&HeaderValue>| Some(header?.to_str().ok()?.trim().to_owned());
    let wanted = text(headers.get(RETRY_AFTER))?;
    if let Ok(seconds) = wanted.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = DateTime::parse_from_rfc2822(&wanted).ok()?;
    let now = DateTime::parse_from_rfc2822(&text(headers.get(DATE))?).ok()?;
    (until - now).to_std().ok()
}

fn refused(url: &Url) -> ProviderError {
    let host = url.host_str().unwrap_or("none");
    ProviderError::RefusedAddress(format!("{}://{host}", url.scheme()))
}

/// What went wrong, in words of ours: those of the client name the address, key and all.
fn outage(error: &reqwest::Error) -> ProviderError {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    let is_encryption = causes.any(is_encryption);
    ProviderError::Unavailable(if error.is_timeout() {
        Outage::Timeout
    } else if is_encryption {
        Outage::Encryption
    } else if error.is_dns() {
        Outage::Name
    } else if error.is_connect() {
        Outage::Connection
    } else {
        Outage::BrokenOff
    })
}

/// Whether an error is of the encryption, however many errors of the system it is wrapped in.
fn is_encryption(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<rustls::Error>()
        || error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .is_some_and(|inner| is_encryption(inner))
}

/// Follows a redirect only to where the request went in the first place.
fn stay_at_home(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let previous = attempt.previous();
    let is_home = previous.first().is_some_and(|first| first.origin() == attempt.url().origin());
    if is_home && previous.len() <= REDIRECTS { attempt.follow() } else { attempt.stop() }
}

/// The same TLS as to the database: rustls on ring, with the roots compiled in.
fn encryption() -> Result<rustls::ClientConfig, NoClient> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| NoClient(error.into()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
