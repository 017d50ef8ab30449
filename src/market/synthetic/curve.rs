//! The Treasury curve: yields by tenor, positive and smooth whatever is drawn.
//!
//! Three numbers walk from session to session: the ten-year yield, the shortest yield as a
//! share of it, and a belly between the two. Yields in between follow one shape, without kinks.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use sigmasight_analytics::rate::continuous;

use super::draws::Draws;
use super::world::{Day, RATE_VOLATILITY};
use super::{FIRST, LAST, SESSIONS_PER_YEAR, rounded};
use crate::domain::calendar::Calendar;
use crate::market::provider::{Tenor, Yield};

/// Where the ten-year yield comes back to.
const MEAN: f64 = 0.038;
/// No ten-year yield below this; its way back to the mean rarely lets it get there.
const LOWEST: f64 = 0.002;
/// Shares of its distance to the mean that each number gives up in a year.
const REVERSION: f64 = 0.3;
const SHORT_REVERSION: f64 = 0.35;
const BELLY_REVERSION: f64 = 1.0;
/// The shortest yield over the ten-year one: on average, at the least and at the most.
const SHORT_MEAN: f64 = 0.75;
const SHORT_BOUNDS: (f64, f64) = (0.05, 1.35);
/// Annualized volatilities of the two shapes.
const SHORT_VOLATILITY: f64 = 0.35;
const BELLY_VOLATILITY: f64 = 0.12;
const BELLY_BOUND: f64 = 0.25;

/// The curve of one session.
#[derive(Clone, Copy, Debug, Default)]
pub struct Curve {
    pub ten_year: f64,
    /// The yield of no time at all, as a share of the ten-year one.
    short: f64,
    /// What yields in between have beyond that, as a share of the ten-year one where it is most.
    belly: f64,
}

impl Curve {
    /// Before the first session.
    pub const START: Self = Self { ten_year: 0.042, short: 0.55, belly: 0.0 };

    /// The curve a session later.
    pub fn next(self, draws: &mut Draws, turbulence: f64) -> Self {
        let time = 1.0 / SESSIONS_PER_YEAR;
        let scale = turbulence * time.sqrt();
        let moved = |from: f64, mean: f64, reversion: f64, volatility: f64, draw: f64| {
            from + reversion * time * (mean - from) + volatility * scale * draw
        };
        let ten_year = moved(self.ten_year, MEAN, REVERSION, RATE_VOLATILITY, draws.normal());
        let short =
            moved(self.short, SHORT_MEAN, SHORT_REVERSION, SHORT_VOLATILITY, draws.normal());
        let belly = moved(self.belly, 0.0, BELLY_REVERSION, BELLY_VOLATILITY, draws.normal());
        Self {
            ten_year: ten_year.max(LOWEST),
            short: short.clamp(SHORT_BOUNDS.0, SHORT_BOUNDS.1),
            belly: belly.clamp(-BELLY_BOUND, BELLY_BOUND),
        }
    }

    /// The yield of a tenor in years, as a fraction; bond-equivalent, as the Treasury publishes.
    pub fn at(self, years: f64) -> f64 {
        /// How much of the way from the shortest yield to the longest is left.
        fn left(years: f64) -> f64 {
            1.0 / (1.0 + years / 3.0)
        }
        // One at no time, zero at ten years, below zero beyond.
        let shortness = (left(years) - left(10.0)) / (1.0 - left(10.0));
        let slope = (self.short - 1.0) * shortness;
        let belly = self.belly * 2.0 * shortness * (1.0 - shortness);
        self.ten_year * (1.0 + slope + belly)
    }
}

/// The yields of a tenor for the sessions from one date to another, both included, ascending:
/// fractions with four decimals, as the Treasury publishes percent with two.
///
/// Their changes at ten years are what the rate betas are betas to, but for the rounding.
pub fn yields(tenor: Tenor, calendar: &Calendar, from: NaiveDate, to: NaiveDate) -> Vec<Yield> {
    let years = tenor.years();
    let sessions = calendar.sessions(from.max(FIRST), to.min(LAST));
    sessions
        .map(|date| Yield { date, rate: rate(Day::of(date).curve.at(years)), vintage: date })
        .collect()
}

/// The risk-free rate for a time in years as seen at a session, continuously compounded. Before
/// the first session and after the last it is theirs.
pub fn risk_free_rate(session: NaiveDate, years: f64) -> f64 {
    continuous(Day::of(session).curve.at(years))
}

fn rate(fraction: f64) -> Decimal {
    rounded(fraction, 4)
}
