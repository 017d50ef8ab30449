//! Made-up prices, the same on every machine: what the service works on without a provider.
//!
//! The return of a session is what the market, six styles, a sector and the ten-year yield give
//! by the symbol's [`betas`], plus a part of its own; all are more turbulent at some times than
//! at others. `known` has the figures of well-known symbols, `profile` a rule for all others.
//! Closes are those returns compounded from an anchor, forward and backward. Each draw is keyed
//! by what it is for and by its session alone, so a bar depends neither on the range asked for
//! nor on today, and the betas can be found again by regression.
//!
//! - Any ticker and any session from [`FIRST`] on; a session more or less in the calendar moves
//!   the closes beyond it, seen from the anchor.
//! - Dollars in whole cents, with four decimals below one dollar, as traded: a split and a
//!   dividend show in the bars. Adjusted for both, returns go on as if nothing had happened.
//! - A dividend is a fixed share of the close before it, so its amounts move with the price.
//! - Bars and yields need sums, products, quotients and square roots only, which every machine
//!   rounds alike; premiums need logarithms, and whole cents hide what those may differ by.
//!
//! Nothing here says where a price comes from: whoever stores one marks it as synthetic.

mod actions;
mod curve;
mod draws;
mod known;
mod listing;
mod options;
mod profile;
mod world;

use chrono::{Datelike, Days, NaiveDate};
use rust_decimal::Decimal;

use self::draws::{Draws, Turbulence, key};
use self::profile::{Process, Profile};
use self::world::{Day, MARKET_VOLATILITY};
use super::provider::{self, Dividend, DividendKind, Split};
use crate::domain::calendar::Calendar;
use crate::domain::instrument::{AssetClass, is_price_symbol, is_ticker};

pub use self::actions::splits;
pub use self::curve::{risk_free_rate, yields};
pub use self::listing::{listed_strike, monthly_expiry};
pub use self::options::{SyntheticQuote, option_chain, option_close};
pub use self::profile::{Betas, Kind, Sector, Style};

/// The first session there are prices of.
pub const FIRST: NaiveDate = date(2005, 1, 3);
/// No prices after this day, so that a date far ahead is no endless walk.
const LAST: NaiveDate = date(2050, 12, 31);

/// The session whose close is the profile's anchor.
const ANCHOR: NaiveDate = date(2024, 1, 16);
/// The day before all sessions, where a level that reverts begins: it cannot be walked backward.
const ORIGIN: NaiveDate = date(2005, 1, 2);

const SESSIONS_PER_YEAR: f64 = 252.0;
/// Which of all histories the own parts have: one, among some hundred looked at, in which no
/// holding of the demo goes far from its entry price by itself.
const HISTORY: &str = "29";
/// Share of its distance to the mean that a level gives up each session.
const REVERSION: f64 = 0.08;
/// From the ex-date to the payment.
const UNTIL_PAID: Days = Days::new(20);

/// Bounds of a price in dollars. No walk is likely to meet them; an adverse table would.
const LOWEST: f64 = 0.0001;
const HIGHEST: f64 = 1e9;

/// One session of one symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntheticBar {
    pub date: NaiveDate,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
    /// Shares; zero for an index and for a fund that is priced once a day, whose four prices
    /// are one.
    pub volume: u64,
}

/// The bars of a ticker or index for the sessions from one date to another, both included,
/// ascending. None for an option, for a text that names nothing, or out of the range covered.
///
/// Takes time in proportion to the sessions between the range's far end and January 2024.
pub fn bars(
    symbol: &str,
    calendar: &Calendar,
    from: NaiveDate,
    to: NaiveDate,
) -> Vec<SyntheticBar> {
    let Some(simulation) = Simulation::of(symbol, calendar, from, to) else { return Vec::new() };
    simulation.steps().iter().map(|step| simulation.bar(step)).collect()
}

/// The cash dividends of a ticker that go ex from one date to another, both included, ascending:
/// as many dollars a share, of the shares of that day, as the price falls by.
pub fn dividends(
    symbol: &str,
    calendar: &Calendar,
    from: NaiveDate,
    to: NaiveDate,
) -> Vec<Dividend> {
    let Some(simulation) = Simulation::of(symbol, calendar, from, to) else { return Vec::new() };
    let steps = simulation.steps();
    let paid = steps.iter().filter(|step| simulation.goes_ex(step.session));
    paid.map(|step| Dividend {
        ex_date: step.session,
        amount: rounded(simulation.share_paid(step.session) * step.before * step.per_share, 4),
        kind: DividendKind::Regular,
        pay_date: Some(calendar.session_on_or_after(step.session + UNTIL_PAID)),
    })
    .filter(|dividend| dividend.amount > Decimal::ZERO)
    .collect()
}

/// What the returns of a symbol are made with; `None` for a level, whose returns come back.
///
/// Of total returns: a dividend is none of a factor's doing.
pub fn betas(symbol: &str) -> Option<Betas> {
    Profile::of(canonical(symbol)).betas().copied()
}

/// The beta to the market that the returns of a ticker are made with; zero for a level.
pub fn market_beta(symbol: &str) -> f64 {
    betas(symbol).map_or(0.0, |betas| betas.market)
}

/// Dividends of a year over the price, a fraction; zero for what pays none.
pub fn dividend_yield(symbol: &str) -> f64 {
    Profile::of(canonical(symbol)).dividend_yield
}

/// What kind of thing a symbol is taken for.
pub fn kind(symbol: &str) -> Kind {
    Profile::of(canonical(symbol)).kind
}

/// What a symbol is taken for; a company is in the sector that its returns are made with.
pub fn profile(symbol: &str) -> provider::Profile {
    let Profile { kind, process, dividend_yield, .. } = Profile::of(canonical(symbol));
    let sector = match process {
        Process::Growth(betas) if kind == Kind::Stock => betas.sector,
        _ => None,
    };
    provider::Profile {
        name: None,
        asset_class: match kind {
            Kind::Stock => AssetClass::Equity,
            Kind::Etf => AssetClass::Etf,
            Kind::MutualFund => AssetClass::MutualFund,
            Kind::Index => AssetClass::Index,
        },
        sector: sector.map(|(sector, _)| sector.name().to_owned()),
        industry: None,
        currency: Some("USD".into()),
        dividend_yield: Decimal::from_f64_retain(dividend_yield).map(|share| share.round_dp(6)),
    }
}

/// The annualized volatility that the returns of a symbol are made with, nearly.
pub fn volatility(symbol: &str) -> f64 {
    match Profile::of(canonical(symbol)).process {
        Process::Growth(betas) => betas.variance().sqrt(),
        Process::Reversion { leverage, specific } => {
            let common = leverage * MARKET_VOLATILITY;
            (common * common + specific * specific).sqrt()
        }
    }
}

/// A symbol over a range, with what its bars are made from.
struct Simulation<'a> {
    calendar: &'a Calendar,
    from: NaiveDate,
    to: NaiveDate,
    profile: Profile,
    /// Of its own part.
    turbulence: Turbulence,
    /// Of the returns.
    return_key: u64,
    /// Of what else a bar has, or its range would follow from its return.
    bar_key: u64,
    /// Standard deviation of a session's return.
    deviation: f64,
    /// Ascending, from the range to the anchor.
    ex_dates: Vec<NaiveDate>,
    /// All there are.
    splits: Vec<Split>,
}

/// A session on the way from the anchor, in dollars a share of the anchor session.
struct Step {
    session: NaiveDate,
    /// The close before.
    before: f64,
    close: f64,
    /// Dollars as traded for one dollar here.
    per_share: f64,
}

impl<'a> Simulation<'a> {
    /// `None` for what has no bars in the range.
    fn of(symbol: &str, calendar: &'a Calendar, from: NaiveDate, to: NaiveDate) -> Option<Self> {
        let (from, to) = (from.max(FIRST), to.min(LAST));
        let is_index = symbol.starts_with('^') && is_price_symbol(symbol);
        if from > to || !(is_index || is_ticker(symbol)) {
            return None;
        }
        let symbol = canonical(symbol);
        let profile = Profile::of(symbol);
        let (first, last) = (from.min(ANCHOR), to.max(ANCHOR));
        Some(Self {
            calendar,
            from,
            to,
            turbulence: Turbulence::of(symbol),
            return_key: key(&["return", HISTORY, symbol]),
            bar_key: key(&["bar", symbol]),
            deviation: volatility(symbol) / SESSIONS_PER_YEAR.sqrt(),
            ex_dates: actions::ex_dates(symbol, &profile, calendar, first, last),
            splits: splits(symbol, calendar, FIRST, LAST),
            profile,
        })
    }

    /// The sessions of the range, ascending.
    fn steps(&self) -> Vec<Step> {
        let anchor = match self.profile.process {
            Process::Growth(_) => ANCHOR,
            Process::Reversion { .. } => ORIGIN,
        };
        let mut steps = Vec::new();

        let mut close = self.profile.anchor;
        let past: Vec<_> = self.calendar.sessions(self.from, anchor).collect();
        for session in past.into_iter().rev() {
            // Only growth gets here, whose return does not ask for the close before.
            let before = close / (1.0 + self.price_return(session, close));
            if session <= self.to {
                steps.push(self.step(session, before, close));
            }
            close = before;
        }
        steps.reverse();

        let mut before = self.profile.anchor;
        let future = self.calendar.sessions(anchor, self.to);
        for session in future.skip_while(|&session| session == anchor) {
            let close = before * (1.0 + self.price_return(session, before));
            if session >= self.from {
                steps.push(self.step(session, before, close));
            }
            before = close;
        }
        steps
    }

    fn step(&self, session: NaiveDate, before: f64, close: f64) -> Step {
        let per_share = 1.0 / actions::shares(&self.splits, session);
        Step { session, before, close, per_share }
    }

    /// The session's return without its dividend, as a fraction, above −1; `before` is the close
    /// it starts from.
    fn price_return(&self, session: NaiveDate, before: f64) -> f64 {
        self.total_return(session, before) - self.share_paid(session)
    }

    fn total_return(&self, session: NaiveDate, before: f64) -> f64 {
        let day = Day::of(session);
        let simple_return = match &self.profile.process {
            // Half the variance keeps the median path from sinking where the own part is large.
            Process::Growth(betas) => {
                let drift = betas.variance_beside_market() / 2.0 / SESSIONS_PER_YEAR;
                drift
                    + day.simple_return(betas)
                    + self.own_return(session, betas.specific_volatility)
            }
            Process::Reversion { leverage, specific } => {
                let mean = self.profile.anchor * (1.0 + 2.0 * day.turbulence) / 3.0;
                REVERSION * (1.0 - before / mean) - leverage * day.market()
                    + self.own_return(session, *specific)
            }
        };
        // Six deviations of a rough session may exceed 100 %, and a price stays above zero.
        simple_return.max(-0.5)
    }

    /// What no factor gives, of an annualized volatility.
    fn own_return(&self, session: NaiveDate, volatility: f64) -> f64 {
        if volatility <= 0.0 {
            return 0.0;
        }
        let number = session.num_days_from_ce();
        let draw = Draws::of(self.return_key, number).normal();
        volatility * self.turbulence.on(number) * draw / SESSIONS_PER_YEAR.sqrt()
    }

    fn goes_ex(&self, session: NaiveDate) -> bool {
        self.ex_dates.binary_search(&session).is_ok()
    }

    /// The share of the close before that leaves the price as a dividend.
    fn share_paid(&self, session: NaiveDate) -> f64 {
        if self.profile.kind == Kind::Index {
            self.profile.dividend_yield / SESSIONS_PER_YEAR
        } else if self.goes_ex(session) {
            self.profile.dividend_yield / f64::from(self.profile.dividends_per_year)
        } else {
            0.0
        }
    }

    /// The session's bar around its close and the one before, less the dividend. It opens part
    /// of the way from one to the other and strays beyond both; a jump is traded more than a
    /// quiet day.
    fn bar(&self, step: &Step) -> SyntheticBar {
        let before = step.before * (1.0 - self.share_paid(step.session)) * step.per_share;
        let close = step.close * step.per_share;
        if self.profile.kind == Kind::MutualFund {
            let [open, high, low, close] = [price(close); 4];
            return SyntheticBar { date: step.session, open, high, low, close, volume: 0 };
        }
        let mut draws = Draws::of(self.bar_key, step.session.num_days_from_ce());
        let stray = self.deviation * Day::of(step.session).turbulence;
        let open = before + (close - before) * draws.uniform();
        let high = open.max(close) * (1.0 + stray * draws.uniform());
        let low = open.min(close) / (1.0 + stray * draws.uniform());

        let jump = (close / before - 1.0).abs() / self.deviation;
        let dollars = self.profile.dollars_traded * (0.5 + 0.5 * draws.uniform() + 0.25 * jump);
        SyntheticBar {
            date: step.session,
            open: price(open),
            high: price(high),
            low: price(low),
            close: price(close),
            volume: whole(dollars / close),
        }
    }
}

/// One name for each thing: `VIX` for `^VIX` too, and for the `VIXW` of options on it. An index
/// that no table has keeps its caret, or it would be a stock of that ticker.
fn canonical(symbol: &str) -> &str {
    let plain = symbol.strip_prefix('^').unwrap_or(symbol);
    let roots = listing::INDEX_ROOTS.into_iter().find(|[_, weekly]| *weekly == plain);
    let plain = roots.map_or(plain, |[index, _]| index);
    if profile::is_known(plain) { plain } else { symbol }
}

/// A price as it is quoted: with two decimals, or four below one dollar.
fn price(price: f64) -> Decimal {
    let price = price.clamp(LOWEST, HIGHEST);
    rounded(price, if price < 1.0 { 4 } else { 2 })
}

fn rounded(price: f64, decimals: u32) -> Decimal {
    #[expect(clippy::cast_possible_truncation, reason = "at most 1e9 dollars, 1e13 units")]
    let units = (price * f64::from(10_u32.pow(decimals))).round() as i64;
    Decimal::new(units, decimals)
}

fn whole(number: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "never negative, and a cast saturates"
    )]
    let whole = number as u64;
    whole
}

/// A date of the constants above; a wrong one does not compile.
const fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).expect("a day that exists")
}

#[cfg(test)]
mod tests;
