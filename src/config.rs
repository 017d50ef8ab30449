//! Every setting: its default, its unit, its bounds. Checked against each other at start, so that
//! a contradiction is an error with a name and not a surprise at night.

pub mod assumptions;
pub mod market;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tracing_subscriber::EnvFilter;

use self::assumptions::{AssumptionSettings, Assumptions};
use self::market::{MarketData, MarketSettings};
use crate::clock::Clock;

/// Least bytes of a signing secret: the output length of HMAC-SHA-256 (RFC 7518, 3.2).
pub const MIN_SECRET_BYTES: usize = 32;

/// Where the program runs decides what it puts up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Environment {
    /// Demo accounts, simulated prices and a generated secret are welcome.
    Development,
    /// Refuses weak secrets, demo accounts, simulated prices and open CORS.
    Production,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Colored lines for a person.
    Pretty,
    /// One JSON object a line, for a machine.
    Json,
}

/// A source of prices that can be asked. Imported files need no provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Provider {
    /// Bars, options, splits and dividends, for a key.
    Polygon,
    /// Bars, splits, dividends and profiles, for nobody's money and without a promise.
    Yahoo,
    /// Treasury yields.
    Fred,
    /// A deterministic simulation, labelled SYNTHETIC wherever it is shown.
    Synthetic,
}

/// The settings as the environment and the command line give them.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// PostgreSQL 14 or later; without it a private cluster runs in the data directory
    #[arg(long, env = "DATABASE_URL", global = true, hide_env_values = true)]
    pub database_url: Option<String>,

    /// Where the private database cluster, the generated secret and exports live
    #[arg(long, env = "SIGMASIGHT_DATA_DIR", global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Address of the HTTP server
    #[arg(long, env = "SIGMASIGHT_BIND", global = true, default_value = "127.0.0.1:8000")]
    pub bind: SocketAddr,

    /// What the program puts up with
    #[arg(
        long = "env",
        env = "SIGMASIGHT_ENV",
        global = true,
        value_enum,
        default_value_t = Environment::Development
    )]
    pub environment: Environment,

    /// Signs access tokens; at least 32 bytes. Development generates one and keeps it
    #[arg(long, env = "JWT_SECRET", global = true, hide = true, hide_env_values = true)]
    pub jwt_secret: Option<String>,

    #[command(flatten)]
    pub market: MarketSettings,

    #[command(flatten)]
    pub assumptions: AssumptionSettings,

    /// Requests a minute that one user may make
    #[arg(long, env = "RATE_LIMIT_PER_MINUTE", global = true, default_value = "100")]
    pub rate_limit_per_minute: NonZeroU32,

    /// Requests a second that one user may make
    #[arg(long, env = "RATE_LIMIT_BURST_PER_SECOND", global = true, default_value = "10")]
    pub rate_limit_burst_per_second: NonZeroU32,

    /// Whether `serve` does jobs and keeps their schedules: true or false
    #[arg(long, env = "BATCH_JOB_ENABLED", global = true, default_value = "true", action = clap::ArgAction::Set)]
    pub batch_job_enabled: bool,

    /// Seconds of silence after which a worker is taken for dead and its jobs go to another
    #[arg(
        long,
        env = "BATCH_WORKER_SILENCE_SECONDS",
        global = true,
        default_value = "20",
        value_parser = clap::value_parser!(u16).range(2..=600)
    )]
    pub batch_worker_silence_seconds: u16,

    /// Reverse proxies that every request passes, whose `X-Forwarded-For` is believed
    #[arg(long, env = "TRUSTED_PROXIES", global = true, default_value = "0")]
    pub trusted_proxies: u8,

    /// Origins whose pages may call the API [default: loopback ones in development, else none]
    #[arg(long, env = "CORS_ALLOWED_ORIGINS", global = true, value_delimiter = ',')]
    pub cors_allowed_origins: Option<Vec<String>>,

    /// Least severe level that is logged: error, warn, info, debug, trace, or a filter
    #[arg(long, env = "LOG_LEVEL", global = true, default_value = "info")]
    pub log_level: String,

    /// Form of the log [default: json in production, else pretty]
    #[arg(long, env = "LOG_FORMAT", global = true, value_enum)]
    pub log_format: Option<LogFormat>,

    /// A clock that stands still at this instant (RFC 3339); refused in production
    #[arg(long, env = "SIGMASIGHT_NOW", global = true, value_name = "INSTANT")]
    pub now: Option<DateTime<Utc>>,
}

/// The settings once they are known to agree with each other.
#[derive(Clone, Debug)]
pub struct Config {
    pub database_url: Option<String>,
    pub data_dir: PathBuf,
    pub bind: SocketAddr,
    pub environment: Environment,
    /// None: generated and kept in the data directory.
    pub jwt_secret: Option<String>,
    /// Whom to ask, in this order.
    pub providers: Vec<Provider>,
    pub market: MarketData,
    pub assumptions: Assumptions,
    pub rate_limit_per_minute: NonZeroU32,
    pub rate_limit_burst_per_second: NonZeroU32,
    pub batch_job_enabled: bool,
    /// After so long a worker is taken for dead.
    pub worker_silence: Duration,
    pub trusted_proxies: u8,
    pub cors_allowed_origins: Origins,
    pub log_level: String,
    pub log_format: LogFormat,
    pub clock: Clock,
}

/// Whose pages may call the API from a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Pages served from this machine, whatever the port.
    Loopback,
    Listed(Vec<String>),
}

/// A setting that cannot stand, with what to do about it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{variable}: {rule}")]
pub struct ConfigError {
    pub variable: &'static str,
    pub rule: String,
}

impl Settings {
    /// Fills in what depends on the environment and checks what must agree.
    ///
    /// # Errors
    /// Names the first variable that cannot stand, and the rule it breaks.
    pub fn check(self) -> Result<Config, ConfigError> {
        let production = self.environment == Environment::Production;

        if let Some(secret) = &self.jwt_secret
            && secret.len() < MIN_SECRET_BYTES
        {
            return Err(broken(
                "JWT_SECRET",
                format!(
                    "has {} bytes; give at least {MIN_SECRET_BYTES}, as `openssl rand -base64 48` does",
                    secret.len()
                ),
            ));
        }
        if production && self.jwt_secret.is_none() {
            return Err(broken("JWT_SECRET", "must be set in production".into()));
        }
        if production && self.now.is_some() {
            return Err(broken(
                "SIGMASIGHT_NOW",
                "a clock that stands still is refused in production".into(),
            ));
        }

        if let Err(error) = EnvFilter::try_new(&self.log_level) {
            return Err(broken("LOG_LEVEL", format!("{error}; write error, warn, info or debug")));
        }

        let (providers, market) = self.market.check(self.environment)?;
        let assumptions = self.assumptions.check()?;

        let origins = match self.cors_allowed_origins {
            None if production => Origins::Listed(Vec::new()),
            None => Origins::Loopback,
            Some(origins) => {
                let listed: Vec<String> = origins
                    .iter()
                    .map(|origin| origin.trim().trim_end_matches('/').to_owned())
                    .filter(|origin| !origin.is_empty())
                    .collect();
                if let Some(bad) = listed.iter().find(|origin| {
                    !(origin.starts_with("https://") || origin.starts_with("http://"))
                        || origin.bytes().any(|byte| !(0x21..0x7f).contains(&byte))
                }) {
                    return Err(broken(
                        "CORS_ALLOWED_ORIGINS",
                        format!("`{bad}` is no origin; write `https://app.example.com`"),
                    ));
                }
                Origins::Listed(listed)
            }
        };

        let data_dir = match self.data_dir {
            Some(dir) => std::path::absolute(&dir).map_err(|error| {
                broken("SIGMASIGHT_DATA_DIR", format!("{}: {error}", dir.display()))
            })?,
            None => platform_data_dir().ok_or_else(|| {
                broken("SIGMASIGHT_DATA_DIR", "no home directory is known; set it".into())
            })?,
        };

        Ok(Config {
            database_url: self.database_url.filter(|url| !url.trim().is_empty()),
            data_dir,
            bind: self.bind,
            environment: self.environment,
            jwt_secret: self.jwt_secret,
            providers,
            market,
            assumptions,
            rate_limit_per_minute: self.rate_limit_per_minute,
            rate_limit_burst_per_second: self.rate_limit_burst_per_second,
            batch_job_enabled: self.batch_job_enabled,
            worker_silence: Duration::from_secs(self.batch_worker_silence_seconds.into()),
            trusted_proxies: self.trusted_proxies,
            cors_allowed_origins: origins,
            log_level: self.log_level,
            log_format: self.log_format.unwrap_or(if production {
                LogFormat::Json
            } else {
                LogFormat::Pretty
            }),
            clock: self.now.map_or_else(Clock::default, Clock::fixed_at),
        })
    }
}

fn broken(variable: &'static str, rule: String) -> ConfigError {
    ConfigError { variable, rule }
}

/// Where programs keep their data on this platform. Root's home is closed to the unprivileged
/// user that the database runs as, so root's data goes where daemons keep theirs.
fn platform_data_dir() -> Option<PathBuf> {
    if is_root() {
        return Some(PathBuf::from("/var/lib/sigmasight"));
    }
    let home = std::env::var_os("HOME").map(PathBuf::from);
    if cfg!(target_os = "macos") {
        return home.map(|home| home.join("Library/Application Support/sigmasight"));
    }
    std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|dir| dir.is_absolute())
        .or_else(|| home.map(|home| home.join(".local/share")))
        .map(|dir| dir.join("sigmasight"))
}

/// Root owns `/proc/self` only when the process runs as root; no foreign call is needed.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    fn config(arguments: &[&str]) -> Result<Config, ConfigError> {
        let line = Line::parse_from(["sigmasight"].iter().chain(arguments));
        Settings { data_dir: Some("/tmp".into()), ..line.settings }.check()
    }

    #[test]
    fn development_needs_no_setting() {
        let config = config(&[]).expect("the defaults agree");
        assert_eq!(config.providers, [Provider::Synthetic]);
        assert_eq!(config.cors_allowed_origins, Origins::Loopback);
        assert_eq!(config.log_format, LogFormat::Pretty);
    }

    #[test]
    fn production_refuses_what_only_a_demo_may_have() {
        let secret = "s".repeat(MIN_SECRET_BYTES);
        let production = |more: &[&str]| {
            let base = ["--env", "production", "--jwt-secret", &secret];
            config(&[&base, more].concat()).map_err(|error| error.variable)
        };

        assert!(production(&[]).is_ok_and(|config| config.providers.is_empty()));
        assert_eq!(
            production(&["--market-data-providers", "synthetic"]).unwrap_err(),
            "MARKET_DATA_PROVIDERS"
        );
        assert_eq!(production(&["--now", "2026-01-05T21:00:00Z"]).unwrap_err(), "SIGMASIGHT_NOW");
        assert_eq!(config(&["--env", "production"]).unwrap_err().variable, "JWT_SECRET");
    }

    #[test]
    fn a_short_secret_and_a_bare_host_are_refused_everywhere() {
        assert_eq!(config(&["--jwt-secret", "short"]).unwrap_err().variable, "JWT_SECRET");
        assert_eq!(
            config(&["--cors-allowed-origins", "example.com"]).unwrap_err().variable,
            "CORS_ALLOWED_ORIGINS"
        );
        assert_eq!(config(&["--log-level", "lo=ud=er"]).unwrap_err().variable, "LOG_LEVEL");
    }

    #[test]
    fn assumptions_are_fractions() {
        assert_eq!(config(&[]).expect("agrees").assumptions, Assumptions::default());
        let given = ["--risk-free-rate", "-0.005", "--default-volatility", "0.4"];
        let given = config(&[&given[..], &["--greeks-fallback", "on"]].concat()).expect("agrees");
        assert_eq!(
            given.assumptions,
            Assumptions { risk_free_rate: -0.005, default_volatility: 0.4, greeks_fallback: true }
        );
        for rate in ["5", "NaN", "-1", "inf"] {
            assert_eq!(config(&["--risk-free-rate", rate]).unwrap_err().variable, "RISK_FREE_RATE");
        }
        for volatility in ["25", "0", "NaN"] {
            let refused = config(&["--default-volatility", volatility]).unwrap_err();
            assert_eq!(refused.variable, "DEFAULT_VOLATILITY");
        }
    }

    #[test]
    fn a_key_configures_its_provider_and_a_base_address_yahoo() {
        let keyed = config(&["--polygon-api-key", "k1", "--fred-api-key", "k2"]).expect("agrees");
        assert_eq!(keyed.providers, [Provider::Polygon, Provider::Fred, Provider::Synthetic]);
        let yahoo = config(&["--yahoo-base-url", "http://127.0.0.1:1"]).expect("agrees");
        assert_eq!(yahoo.providers, [Provider::Yahoo, Provider::Synthetic]);
        assert_eq!(
            config(&["--polygon-api-key", " "]).expect("none").providers,
            [Provider::Synthetic]
        );
    }

    #[test]
    fn a_provider_without_its_key_is_refused_and_so_is_one_named_twice() {
        let named = |names: &str| {
            config(&["--market-data-providers", names]).map_err(|error| error.variable)
        };
        assert_eq!(named("polygon,yahoo").unwrap_err(), "POLYGON_API_KEY");
        assert_eq!(named("fred").unwrap_err(), "FRED_API_KEY");
        assert_eq!(named("yahoo,yahoo").unwrap_err(), "MARKET_DATA_PROVIDERS");
        assert!(named("yahoo,synthetic").is_ok());
    }

    #[test]
    fn a_key_goes_nowhere_unencrypted_and_is_never_printed() {
        for address in ["http://example.com", "ftp://localhost", "nowhere", "https://u:p@host"] {
            let refused = config(&["--polygon-base-url", address]).unwrap_err();
            assert_eq!(refused.variable, "POLYGON_BASE_URL", "{address}");
        }
        let settings = ["--polygon-api-key", "hush-hush", "--polygon-base-url", "http://[::1]:1/x"];
        let config_with_key = config(&settings).expect("agrees");
        assert!(!format!("{config_with_key:?}").contains("hush"));
        let broken_key = config(&["--fred-api-key", "hush\nhush"]).unwrap_err();
        assert!(broken_key.variable == "FRED_API_KEY" && !broken_key.rule.contains("hush"));
    }
}
