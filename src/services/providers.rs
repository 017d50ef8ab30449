//! How the providers of market data are: who is configured, who answers, how much may be asked.

use chrono::{DateTime, Utc};

use super::Services;
use crate::config::Provider;
use crate::domain::reference::BENCHMARK;
use crate::domain::user::{Role, User};
use crate::error::{Code, Error, Refusal};
use crate::market::provider::Urgency;
use crate::market::throttle::Rate;
use crate::store::throttle::Gate;

/// All of them, in the order they are shown.
const ALL: [Provider; 4] =
    [Provider::Polygon, Provider::Yahoo, Provider::Fred, Provider::Synthetic];

/// How one provider is.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// As the settings name it.
    pub name: &'static str,
    pub is_configured: bool,
    /// The setting that it lacks; None when it is.
    pub missing: Option<&'static str>,
    /// Whether its last request was answered usefully; None when none was made, or none can be.
    pub is_healthy: Option<bool>,
    pub answered_at: Option<DateTime<Utc>>,
    /// What was last wrong, and when; told until it answers again.
    pub last_error: Option<(DateTime<Utc>, String)>,
    /// None without a limit.
    pub allowance: Option<Allowance>,
}

/// How often a provider may be asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowance {
    pub requests_per_minute: u32,
    /// Requests that may be made at once, now; of all processes together.
    pub tokens: u16,
}

/// Whether somebody may see how the service is run.
///
/// # Errors
/// `Forbidden` for whoever is no admin.
pub fn authorize(actor: &User) -> Result<(), Error> {
    if actor.role == Role::Admin {
        return Ok(());
    }
    Err(Refusal::new(Code::Forbidden, "Only an administrator sees how the service runs.").into())
}

/// How each provider is, by what all processes remember of them.
pub fn statuses(services: &Services, gates: &[Gate]) -> Vec<Status> {
    let rates = services.chain.rates();
    let status = |provider: Provider| {
        let is_configured = services.providers.contains(&provider);
        let rate = rates.iter().find(|(member, _)| *member == provider).map(|(_, rate)| rate);
        let gate = rate.and_then(|rate| gates.iter().find(|gate| gate.gate == rate.gate));
        Status {
            name: name(provider),
            is_configured,
            missing: (!is_configured).then(|| missing(provider)),
            is_healthy: match provider {
                // It asks nobody.
                Provider::Synthetic => is_configured.then_some(true),
                _ => gate.and_then(Gate::is_healthy),
            },
            answered_at: gate.and_then(|gate| gate.answered_at),
            last_error: gate
                .filter(|gate| gate.is_healthy() == Some(false))
                .and_then(|gate| gate.failed_at.zip(gate.last_error.clone())),
            allowance: rate.map(|rate| allowance(rate, gate)),
        }
    };
    ALL.into_iter().map(status).collect()
}

/// Asks for the previous close of what everything is measured against, where a provider has such a
/// thing, so that a key that is wrong shows before a night needs it. The gates remember what came
/// of it.
pub async fn try_out(services: &Services) {
    if let Err(unanswered) = services.chain.previous_close(BENCHMARK, Urgency::Quote).await {
        tracing::debug!(%unanswered, "no provider has the previous close");
    }
}

fn allowance(rate: &Rate, gate: Option<&Gate>) -> Allowance {
    let taken = gate.map_or(0, |gate| {
        let since = gate.now - rate.window;
        gate.taken_at.iter().filter(|taken| **taken > since).count()
    });
    let taken = u16::try_from(taken).unwrap_or(u16::MAX);
    Allowance {
        requests_per_minute: rate.requests_per_minute(),
        tokens: if gate.is_some_and(|gate| gate.is_closed) {
            0
        } else {
            rate.capacity.saturating_sub(taken)
        },
    }
}

fn name(provider: Provider) -> &'static str {
    match provider {
        Provider::Polygon => "polygon",
        Provider::Yahoo => "yahoo",
        Provider::Fred => "fred",
        Provider::Synthetic => "synthetic",
    }
}

fn missing(provider: Provider) -> &'static str {
    match provider {
        Provider::Polygon => "POLYGON_API_KEY, or its name in MARKET_DATA_PROVIDERS",
        Provider::Yahoo => "YAHOO_BASE_URL, or its name in MARKET_DATA_PROVIDERS",
        Provider::Fred => "FRED_API_KEY, or its name in MARKET_DATA_PROVIDERS",
        Provider::Synthetic => "its name in MARKET_DATA_PROVIDERS, which production refuses",
    }
}
