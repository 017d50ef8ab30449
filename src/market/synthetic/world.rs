//! What all symbols share: one session's market, styles, sectors and rates.
//!
//! A session's returns are keyed by its date alone. The curve is a walk, from the first session
//! of the built-in calendar on: closings that an installation adds do not change it, one that is
//! built in later moves the yields after it. All of it, 2005 to 2050, is worked out once per
//! process, when the first price is asked for: some forty milliseconds in a debug build, three
//! megabytes.
//!
//! The factors are uncorrelated with each other, but for value and growth: what is left of a fund
//! after its market beta is then its style, and a regression finds each beta again.

use std::sync::LazyLock;

use chrono::{Datelike, NaiveDate};

use super::curve::Curve;
use super::draws::{Draws, Turbulence, key};
use super::profile::{Betas, SECTORS, STYLES};
use super::{FIRST, LAST, SESSIONS_PER_YEAR};
use crate::domain::calendar::Calendar;

/// Annualized, of the market's simple returns.
pub const MARKET_VOLATILITY: f64 = 0.16;
/// Which of all histories the market has: the one, among some hundred looked at, that most
/// resembles what people remember, with a low in 2009 and losses in 2022.
const HISTORY: &str = "502";
/// Mean simple return of the market per year, dividends included.
const MARKET_DRIFT: f64 = 0.09;
/// What has no beta drifts by this per year, and every beta by its part of the rest.
const RISK_FREE_DRIFT: f64 = 0.03;

/// Annualized, in the order of [`Betas::styles`].
const STYLE_VOLATILITY: [f64; STYLES] = [0.055, 0.055, 0.075, 0.035, 0.065, 0.05];
/// Growth does well where value does badly.
const VALUE_GROWTH_CORRELATION: f64 = -0.6;
/// Annualized, of any sector beyond market and styles.
const SECTOR_VOLATILITY: f64 = 0.09;
/// Annualized, of changes of the ten-year yield as fractions.
pub const RATE_VOLATILITY: f64 = 0.0095;

/// One day of the world. Nothing moves on a day that is no session.
#[derive(Clone, Copy, Debug, Default)]
pub struct Day {
    /// The market's simple return beyond its drift.
    market: f64,
    styles: [f64; STYLES],
    sectors: [f64; SECTORS],
    /// Change of the ten-year yield since the session before, as a fraction: 1 bp is `0.0001`.
    rate: f64,
    pub curve: Curve,
    /// How much rougher than on average the market is.
    pub turbulence: f64,
}

impl Day {
    /// The day itself, or the nearest one that the simulation covers.
    pub fn of(date: NaiveDate) -> &'static Self {
        static DAYS: LazyLock<Vec<Day>> = LazyLock::new(days);

        let number = (date.clamp(FIRST, LAST) - FIRST).num_days();
        &DAYS[usize::try_from(number).expect("clamped to the first day at least")]
    }

    /// The market's simple return beyond its drift.
    pub fn market(&self) -> f64 {
        self.market
    }

    /// What the common factors make the simple return of something with these betas, dividends
    /// included and its drift with them.
    pub fn simple_return(&self, betas: &Betas) -> f64 {
        let drift = RISK_FREE_DRIFT + betas.market * (MARKET_DRIFT - RISK_FREE_DRIFT);
        let styles = betas.styles.iter().zip(self.styles).map(|(beta, style)| beta * style);
        let sector =
            betas.sector.map_or(0.0, |(sector, beta)| beta * self.sectors[sector as usize]);
        drift / SESSIONS_PER_YEAR
            + betas.market * self.market
            + styles.sum::<f64>()
            + sector
            + betas.rate * self.rate
    }
}

/// The annualized variance that styles, sector and rates give to something with these betas.
pub fn variance_beside_market(betas: &Betas) -> f64 {
    let [value, growth, ..] = betas.styles;
    let [of_value, of_growth, ..] = STYLE_VOLATILITY;
    let styles = betas.styles.iter().zip(STYLE_VOLATILITY);
    let sector = betas.sector.map_or(0.0, |(_, beta)| beta * SECTOR_VOLATILITY);
    let rate = betas.rate * RATE_VOLATILITY;
    styles.map(|(beta, volatility)| (beta * volatility) * (beta * volatility)).sum::<f64>()
        + 2.0 * value * growth * of_value * of_growth * VALUE_GROWTH_CORRELATION
        + sector * sector
        + rate * rate
}

/// How rough the market is on a day, whether the simulation covers it or not.
pub fn market_turbulence(date: NaiveDate) -> f64 {
    static MARKET: LazyLock<Turbulence> = LazyLock::new(|| Turbulence::of("market"));
    MARKET.on(date.num_days_from_ce())
}

fn days() -> Vec<Day> {
    let calendar = Calendar::default();
    let market = key(&["market", HISTORY]);
    let [styles, sectors, rates] = ["style", "sector", "rate"].map(|of| key(&[of]));
    let rate_turbulence = Turbulence::of("rate");
    let mut curve = Curve::START;

    let day = |date: NaiveDate| {
        if !calendar.is_session(date) {
            return Day { curve, ..Day::default() };
        }
        let number = date.num_days_from_ce();
        let turbulence = market_turbulence(date);
        let scale = turbulence / SESSIONS_PER_YEAR.sqrt();

        let mut draws = Draws::of(styles, number);
        let [value, growth, others @ ..] = std::array::from_fn::<_, STYLES, _>(|_| draws.normal());
        let own_share = (1.0 - VALUE_GROWTH_CORRELATION * VALUE_GROWTH_CORRELATION).sqrt();
        let growth = VALUE_GROWTH_CORRELATION * value + own_share * growth;
        let [momentum, quality, size, low_volatility] = others;
        let moves = [value, growth, momentum, quality, size, low_volatility];

        let mut draws_of_sectors = Draws::of(sectors, number);
        let before = curve.ten_year;
        let roughness = rate_turbulence.on(number);
        curve = curve.next(&mut Draws::of(rates, number), roughness);
        Day {
            market: MARKET_VOLATILITY * scale * Draws::of(market, number).normal(),
            styles: std::array::from_fn(|style| STYLE_VOLATILITY[style] * scale * moves[style]),
            sectors: std::array::from_fn(|_| SECTOR_VOLATILITY * scale * draws_of_sectors.normal()),
            rate: curve.ten_year - before,
            curve,
            turbulence,
        }
    };
    FIRST.iter_days().take_while(|&date| date <= LAST).map(day).collect()
}
