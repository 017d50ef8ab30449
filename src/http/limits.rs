//! How often one user may ask: so many a minute, and so many of them a second.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::HeaderName;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::domain::id::UserId;

/// Requests a minute that are allowed.
pub const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
/// Requests that are left at this moment.
pub const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");

/// Keys are swept when there are this many, so that a swarm of addresses costs little memory.
const SWEEP_AT: usize = 10_000;

/// Who is counted: a signed-in user, else the network a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    User(UserId),
    Network(IpAddr),
}

impl Caller {
    /// Whoever asks from an address: of IPv6 the first 64 bits, which one customer has for
    /// themselves.
    pub fn at(address: IpAddr) -> Self {
        const NETWORK: u128 = !0 << 64;
        Self::Network(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() & NETWORK).into()),
        })
    }
}

type Limiter =
    RateLimiter<Caller, DefaultKeyedStateStore<Caller>, DefaultClock, StateInformationMiddleware>;

/// The limits of this process.
#[derive(Clone)]
pub struct RateLimits {
    a_minute: Arc<Limiter>,
    a_second: Arc<Limiter>,
    allowed: u32,
}

/// What is left, or how long to wait.
pub struct Verdict {
    pub allowed: u32,
    pub remaining: u32,
    /// Seconds to wait; None when the request may go on.
    pub retry_after_seconds: Option<u64>,
}

impl RateLimits {
    pub fn new(a_minute: NonZeroU32, a_second: NonZeroU32) -> Self {
        let limiter = |quota| {
            Arc::new(RateLimiter::keyed(quota).with_middleware::<StateInformationMiddleware>())
        };
        Self {
            a_minute: limiter(Quota::per_minute(a_minute)),
            a_second: limiter(Quota::per_second(a_second)),
            allowed: a_minute.get(),
        }
    }

    /// Counts a request.
    pub fn count(&self, caller: Caller) -> Verdict {
        if self.a_minute.len() > SWEEP_AT {
            self.a_minute.retain_recent();
            self.a_second.retain_recent();
        }
        let checked =
            self.a_second.check_key(&caller).and_then(|_| self.a_minute.check_key(&caller));
        match checked {
            Ok(state) => Verdict {
                allowed: self.allowed,
                remaining: state.remaining_burst_capacity(),
                retry_after_seconds: None,
            },
            Err(not_until) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                Verdict {
                    allowed: self.allowed,
                    remaining: 0,
                    retry_after_seconds: Some(wait.as_secs() + 1),
                }
            }
        }
    }
}

/// Where a request comes from that has passed so many proxies of ours, the nearest of which wrote
/// the last address: what stands before theirs anybody may have written. None without proxies, or
/// when they wrote no address.
pub fn sender(headers: &HeaderMap, proxies: usize) -> Option<IpAddr> {
    let written: Vec<_> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    let at = written.len().checked_sub(proxies).filter(|_| proxies > 0)?;
    written[at].trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_what_our_own_proxies_wrote_is_believed() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", HeaderValue::from_static("6.6.6.6, 192.0.2.7"));
        headers.append("x-forwarded-for", HeaderValue::from_static("10.0.0.1"));
        let from = |proxies| sender(&headers, proxies).map(|address| address.to_string());
        assert_eq!(from(0), None);
        assert_eq!(from(1).as_deref(), Some("10.0.0.1"));
        assert_eq!(from(2).as_deref(), Some("192.0.2.7"));
        assert_eq!(from(4), None, "fewer proxies than said");
        assert_eq!(sender(&HeaderMap::new(), 1), None);
    }

    #[test]
    fn each_caller_has_an_allowance_of_their_own() {
        let two = NonZeroU32::new(2).expect("above zero");
        let limits = RateLimits::new(two, NonZeroU32::new(50).expect("above zero"));
        let [ada, bob] = [UserId::fresh(), UserId::fresh()].map(Caller::User);

        assert_eq!(limits.count(ada).remaining, 1);
        assert_eq!(limits.count(ada).remaining, 0);
        let refused = limits.count(ada);
        assert!(refused.retry_after_seconds.is_some_and(|seconds| (1..=31).contains(&seconds)));
        assert!(limits.count(bob).retry_after_seconds.is_none());
    }
}
