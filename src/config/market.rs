//! Where market data comes from: keys, plans and addresses of the providers.

use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;

use reqwest::Url;

use super::{ConfigError, Environment, Provider, broken};

/// A key of ours. It prints as dots, so that no log, error or debugging aid gives it away.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// The key itself, for the request that needs it and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.trim().into()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What a key of Polygon's was bought with: how often it may ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum PolygonPlan {
    #[default]
    Free,
    Starter,
    Developer,
    Advanced,
}

impl PolygonPlan {
    pub fn requests_per_minute(self) -> NonZeroU32 {
        let requests = match self {
            Self::Free => 5,
            Self::Starter => 100,
            Self::Developer => 1_000,
            Self::Advanced => 10_000,
        };
        // None of the above is zero.
        NonZeroU32::new(requests).unwrap_or(NonZeroU32::MIN)
    }
}

/// The settings of market data as the environment and the command line give them.
#[derive(Clone, Debug, clap::Args)]
pub struct MarketSettings {
    /// Sources of prices in order of preference [default: every configured one, then synthetic in
    /// development]
    #[arg(
        long,
        env = "MARKET_DATA_PROVIDERS",
        global = true,
        value_enum,
        value_delimiter = ',',
        num_args = 0..
    )]
    pub market_data_providers: Option<Vec<Provider>>,

    /// Key of Polygon.io; it configures the provider
    #[arg(long, env = "POLYGON_API_KEY", global = true, hide = true, hide_env_values = true)]
    pub polygon_api_key: Option<Secret>,

    /// Plan of that key: 5, 100, 1000 or 10000 requests a minute
    #[arg(long, env = "POLYGON_PLAN", global = true, value_enum, default_value_t)]
    pub polygon_plan: PolygonPlan,

    /// Key of FRED, which gives Treasury yields; it configures the provider
    #[arg(long, env = "FRED_API_KEY", global = true, hide = true, hide_env_values = true)]
    pub fred_api_key: Option<Secret>,

    /// Where Polygon answers
    #[arg(long, env = "POLYGON_BASE_URL", global = true, hide = true)]
    pub polygon_base_url: Option<String>,

    /// Where Yahoo answers; as it has no key, this configures it
    #[arg(long, env = "YAHOO_BASE_URL", global = true, hide = true)]
    pub yahoo_base_url: Option<String>,

    /// Where FRED answers
    #[arg(long, env = "FRED_BASE_URL", global = true, hide = true)]
    pub fred_base_url: Option<String>,
}

/// How Polygon is asked.
#[derive(Clone, Debug)]
pub struct PolygonAccess {
    pub key: Option<Secret>,
    pub plan: PolygonPlan,
    pub base: Url,
}

impl Default for PolygonAccess {
    fn default() -> Self {
        Self { key: None, plan: PolygonPlan::Free, base: known("https://api.polygon.io") }
    }
}

/// How the providers are asked, once everything agrees.
#[derive(Clone, Debug)]
pub struct MarketData {
    pub polygon: PolygonAccess,
    pub yahoo_base: Url,
    pub fred_key: Option<Secret>,
    pub fred_base: Url,
}

impl Default for MarketData {
    /// The addresses of the providers, and no key.
    fn default() -> Self {
        Self {
            polygon: PolygonAccess::default(),
            yahoo_base: known("https://query2.finance.yahoo.com"),
            fred_key: None,
            fred_base: known("https://api.stlouisfed.org/fred"),
        }
    }
}

impl MarketSettings {
    /// The providers in their order, and how each is asked.
    pub(super) fn check(
        self,
        environment: Environment,
    ) -> Result<(Vec<Provider>, MarketData), ConfigError> {
        let production = environment == Environment::Production;
        let polygon_key = key("POLYGON_API_KEY", self.polygon_api_key)?;
        let fred_key = key("FRED_API_KEY", self.fred_api_key)?;
        let defaults = MarketData::default();
        let yahoo_is_configured = is_said(self.yahoo_base_url.as_deref());

        let providers = self.market_data_providers.unwrap_or_else(|| {
            [
                (Provider::Polygon, polygon_key.is_some()),
                (Provider::Yahoo, yahoo_is_configured),
                (Provider::Fred, fred_key.is_some()),
                (Provider::Synthetic, !production),
            ]
            .into_iter()
            .filter_map(|(provider, is_configured)| is_configured.then_some(provider))
            .collect()
        });
        if production && providers.contains(&Provider::Synthetic) {
            return Err(broken(
                "MARKET_DATA_PROVIDERS",
                "simulated prices are refused in production; leave `synthetic` out".into(),
            ));
        }
        if (1..providers.len()).any(|at| providers[..at].contains(&providers[at])) {
            return Err(broken("MARKET_DATA_PROVIDERS", "names a provider twice".into()));
        }
        for (provider, key, variable) in [
            (Provider::Polygon, &polygon_key, "POLYGON_API_KEY"),
            (Provider::Fred, &fred_key, "FRED_API_KEY"),
        ] {
            if providers.contains(&provider) && key.is_none() {
                let name = format!("{provider:?}").to_lowercase();
                let rule = format!("must be set while MARKET_DATA_PROVIDERS names `{name}`");
                return Err(broken(variable, rule));
            }
        }

        let market = MarketData {
            polygon: PolygonAccess {
                key: polygon_key,
                plan: self.polygon_plan,
                base: base("POLYGON_BASE_URL", self.polygon_base_url, defaults.polygon.base)?,
            },
            yahoo_base: base("YAHOO_BASE_URL", self.yahoo_base_url, defaults.yahoo_base)?,
            fred_key,
            fred_base: base("FRED_BASE_URL", self.fred_base_url, defaults.fred_base)?,
        };
        Ok((providers, market))
    }
}

/// A variable that is set to nothing is not set.
fn is_said(text: Option<&str>) -> bool {
    text.is_some_and(|text| !text.trim().is_empty())
}

/// A key that fits a header and an address; the error does not repeat it.
fn key(variable: &'static str, key: Option<Secret>) -> Result<Option<Secret>, ConfigError> {
    let Some(key) = key.filter(|key| !key.expose().is_empty()) else { return Ok(None) };
    if key.expose().bytes().any(|byte| !byte.is_ascii_graphic()) {
        let rule = "holds something other than letters, digits and signs; paste it again";
        return Err(broken(variable, rule.into()));
    }
    Ok(Some(key))
}

/// An address that a key may be sent to: encrypted, unless it does not leave this machine.
fn base(variable: &'static str, text: Option<String>, default: Url) -> Result<Url, ConfigError> {
    let Some(text) = text.filter(|text| is_said(Some(text))) else { return Ok(default) };
    let wrong = |rule: &str| broken(variable, rule.into());
    let url: Url = text.trim().parse().map_err(|_| wrong("is no address of the web"))?;
    let is_here = match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => return Err(wrong("names no host")),
    };
    if !(url.scheme() == "https" || (url.scheme() == "http" && is_here)) {
        return Err(wrong("must begin with https:// unless it stays on this machine"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err(wrong("must be a plain address, without a user and without a query"));
    }
    Ok(url)
}

/// An address written in this file.
fn known(address: &str) -> Url {
    Url::parse(address).expect("the addresses of this file are well formed; a test reads them all")
}
