//! American options: value and Greeks with early exercise, and a continuous dividend yield.
//!
//! An American option is worth the European one and a premium for the right to exercise
//! before expiry. The premium is an integral over the prices at which exercise is best, and
//! these solve an equation of their own (see `boundary`). A call is valued as the put that it
//! is with spot and strike, rate and dividend yield exchanged.
//!
//! Conventions are those of [`crate::option`]: one long option, per share. What differs by
//! regime, in terms of a put (a call has rate and yield exchanged):
//! - rate at or below zero and not above the yield: never exercised early, the European
//!   option exactly;
//! - rate above zero, or zero with a negative yield: one boundary, the rule;
//! - yield below a rate below zero: exercised between two prices. By finite differences
//!   instead, in milliseconds where the others take microseconds, and accurate to 1e-7 of the
//!   strike; of lives of decades to 1e-5;
//! - no volatility, no time, spot or strike of zero: the best moment of a certain payoff.
//!
//! Source: Andersen, Lake & Offengenden (2016), J. Computational Finance 20(1); Kim (1990),
//! Review of Financial Studies 3(4); put–call symmetry: Carr & Chesney (1996), "American put
//! call symmetry".

use std::sync::LazyLock;

use crate::Error;
use crate::option::{self, Contract, DAYS_PER_YEAR, Greeks, Kind, Market, POINT};

use boundary::{Boundary, Put};
use collocation::Collocation;
use premium::Premium;

mod boundary;
mod collocation;
mod grid;
mod premium;

/// How much work goes into a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Accuracy {
    /// Within a millionth of the strike, most often a hundredth of that: a hundredth of a cent
    /// at 100. For books and scenarios.
    #[default]
    Fast,
    /// Within 1e-8 of the strike, of lives beyond thirty years 1e-6; at some twenty times the
    /// cost.
    Accurate,
}

/// Value of one long American option, in money per share.
///
/// At least what immediate exercise brings, at least the European value, and no more than the
/// strike (of a put) or the spot (of a call) where rates are not negative.
///
/// # Errors
/// `NotFinite` for an input that is not a finite number or a figure that is none;
/// `OutOfRange` for a negative spot, strike, time or volatility, or for a rate or a yield that
/// over the option's time discounts by more than e^±700.
pub fn value(contract: &Contract, market: &Market, accuracy: Accuracy) -> Result<f64, Error> {
    let case = Case::new(contract, market)?;
    let value = if accuracy == Accuracy::Fast && case.is_tame() {
        FAST.value(&case)
    } else {
        ACCURATE.value(&case)
    };
    if value.is_finite() { Ok(value) } else { Err(Error::NotFinite) }
}

/// Value and Greeks of one long American option, per share; the value is that of [`value`].
///
/// Where exercise is best now, they are those of the amount that it brings: delta is ±1, the
/// rest zero. Theta, delta, gamma and value satisfy the pricing equation exactly. Vega and rho
/// are the change of the premium for a millionth of volatility and rate, on top of the
/// European ones.
///
/// # Errors
/// As for [`value`].
pub fn value_and_greeks(
    contract: &Contract,
    market: &Market,
    accuracy: Accuracy,
) -> Result<(f64, Greeks), Error> {
    let case = Case::new(contract, market)?;
    let (value, greeks) = if accuracy == Accuracy::Fast && case.is_tame() {
        FAST.value_and_greeks(&case)
    } else {
        ACCURATE.value_and_greeks(&case)
    };
    let Greeks { delta, gamma, theta, vega, rho } = greeks;
    let finite = [value, delta, gamma, theta, vega, rho].into_iter().all(f64::is_finite);
    if finite { Ok((value, greeks)) } else { Err(Error::NotFinite) }
}

/// Below this standard deviation until expiry the outcome counts as certain: the value of an
/// option at the money is off by less than 1e-8 of its strike.
const CERTAIN: f64 = 2e-8;

/// Deviations from the strike, drift included, that a grid still resolves.
const FARTHEST: f64 = 60.0;

static FAST: LazyLock<Solver<7, 6, 24>> =
    LazyLock::new(|| Solver { nodes: Collocation::new(), tolerance: 0.1, steps: 400 });

static ACCURATE: LazyLock<Solver<24, 32, 96>> =
    LazyLock::new(|| Solver { nodes: Collocation::new(), tolerance: 0.01, steps: 800 });

/// How many deviations the spot may be expected to rise, by a life that matters: what happens
/// to a put after that has a probability of 1e-15.
const FARTHEST_DRIFT: f64 = 8.0;

/// An option in its units and, as a put, without them.
struct Case {
    contract: Contract,
    market: Market,
    put: Put,
    /// Strike of the put, in money: the spot, if it stands for a call.
    scale: f64,
}

/// Which way early exercise goes.
enum Regime {
    Certain,
    NeverExercised,
    OneBoundary,
    TwoBoundaries,
    /// Of two boundaries, out of sight for a grid.
    Far,
}

/// What is left to know of a premium once its value, delta and theta are known.
#[derive(Clone, Copy, Debug, Default)]
struct Slopes {
    /// Change per unit of deviation.
    deviation: f64,
    /// Change per unit of the rate, of a put, or of the yield, of a put that stands for a call.
    rate: f64,
}

impl Case {
    fn new(contract: &Contract, market: &Market) -> Result<Self, Error> {
        let &Contract { kind, strike, years } = contract;
        let &Market { spot, rate, dividend_yield, volatility } = market;
        let sizes =
            [("strike", strike), ("years", years), ("spot", spot), ("volatility", volatility)];
        for (name, size) in sizes {
            if !size.is_finite() {
                return Err(Error::NotFinite);
            }
            if size < 0.0 {
                return Err(Error::OutOfRange(name));
            }
        }
        for (name, rate) in [("rate", rate), ("dividend yield", dividend_yield)] {
            if !rate.is_finite() {
                return Err(Error::NotFinite);
            }
            if (rate * years).abs() > 700.0 {
                return Err(Error::OutOfRange(name));
            }
        }
        let (spot, strike, rate, dividend_yield) = match kind {
            Kind::Put => (spot, strike, rate, dividend_yield),
            Kind::Call => (strike, spot, dividend_yield, rate),
        };
        // A put that is exercised at some price is worth as much as one of a shorter life if
        // the spot then leaves the strike for good.
        let drift = rate - dividend_yield - volatility * volatility / 2.0;
        let life = (FARTHEST_DRIFT * volatility / drift).powi(2);
        let years = if rate > 0.0 && drift > 0.0 && life > 0.0 { years.min(life) } else { years };
        let put = Put {
            moneyness: spot / strike,
            deviation: volatility * years.sqrt(),
            rate: rate * years,
            dividend_yield: dividend_yield * years,
        };
        Ok(Self { contract: Contract { years, ..*contract }, market: *market, put, scale: strike })
    }

    /// Whether few nodes are enough: the boundary of an option of decades, or with rates large
    /// beside its volatility, is flat far from expiry and bends sharply next to it.
    ///
    /// Of 240,000 options drawn from within these bounds none is off by a millionth of its
    /// strike; next to them some are, and far beyond by a hundredth.
    fn is_tame(&self) -> bool {
        const MOST_DEVIATION: f64 = 1.5;
        const MOST_DRIFT: f64 = 1.5;
        const MOST_INTEREST: f64 = 0.25;

        let &Put { deviation, rate, dividend_yield, .. } = &self.put;
        let interest = rate.abs().max(dividend_yield.abs());
        let drift = self.put.drift().abs().max(rate / deviation);
        deviation <= MOST_DEVIATION && drift <= MOST_DRIFT && interest <= MOST_INTEREST
    }

    fn regime(&self) -> Regime {
        let &Put { moneyness, deviation, rate, dividend_yield } = &self.put;
        if deviation < CERTAIN || !moneyness.is_normal() {
            Regime::Certain
        } else if rate <= 0.0 && rate <= dividend_yield {
            Regime::NeverExercised
        } else if rate < 0.0 {
            let distance = moneyness.ln().abs() + (rate - dividend_yield).abs();
            if distance > FARTHEST * deviation { Regime::Far } else { Regime::TwoBoundaries }
        } else {
            Regime::OneBoundary
        }
    }

    /// What immediate exercise brings, in money; zero or below if nothing.
    fn intrinsic(&self) -> f64 {
        self.contract.kind.sign() * (self.market.spot - self.contract.strike)
    }

    /// The value with this premium, in units of the put's strike.
    fn with_premium(&self, premium: f64) -> f64 {
        let european = option::value(&self.contract, &self.market);
        (european + self.scale * premium.max(0.0)).max(self.intrinsic())
    }

    fn exercised(&self) -> (f64, Greeks) {
        let delta = self.contract.kind.sign();
        (self.intrinsic(), Greeks { delta, ..Greeks::default() })
    }

    /// Value and Greeks of the better of two plans that need no boundary: to hold until expiry,
    /// or to exercise at the moment that would be best without uncertainty.
    ///
    /// For the few options whose boundary floating point does not give: those of minutes or of
    /// near to no rates, where holding is right to 1e-6 of the strike, and those whose drift is
    /// a hundred deviations, where all but nothing is uncertain.
    fn at_least(&self) -> (f64, Greeks) {
        let held = option::value(&self.contract, &self.market);
        let certain = self.certain();
        if held > certain.0 {
            (held, option::greeks(&self.contract, &self.market))
        } else {
            certain
        }
    }

    /// Value and Greeks with this premium, whose units are those of the put.
    fn assemble(&self, premium: &Premium, slopes: Slopes) -> (f64, Greeks) {
        let Case { contract, market, put, scale } = self;
        let european = option::greeks(contract, market);
        let (spot, years) = (market.spot, contract.years);
        let delta = match contract.kind {
            Kind::Put => premium.moneyness,
            // C(S, K) = S F(K / S)
            Kind::Call => premium.value - put.moneyness * premium.moneyness,
        };
        let greeks = Greeks {
            delta: european.delta + delta,
            gamma: european.gamma + scale * premium.curvature(put) / (spot * spot),
            theta: european.theta - scale * premium.time / (years * DAYS_PER_YEAR),
            vega: european.vega + scale * slopes.deviation * years.sqrt() * POINT,
            rho: european.rho + scale * slopes.rate * years * POINT,
        };
        (self.with_premium(premium.value), greeks)
    }

    /// Without uncertainty the option is worth its best moment: the largest of
    /// `K e^(−rt) − S e^(−qt)` over the time left, or nothing.
    fn certain(&self) -> (f64, Greeks) {
        let &Put { rate, dividend_yield, .. } = &self.put;
        let Contract { kind, years, .. } = self.contract;
        let (spot, strike) = match kind {
            Kind::Put => (self.market.spot, self.contract.strike),
            Kind::Call => (self.contract.strike, self.market.spot),
        };
        let payoff =
            |time: f64| strike * (-rate * time).exp() - spot * (-dividend_yield * time).exp();
        // Where interest on the strike and dividends of the spot balance.
        let balance = (rate * strike / (dividend_yield * spot)).ln() / (rate - dividend_yield);
        let inside = balance > 0.0 && balance < 1.0;
        let moment = [0.0, 1.0, if inside { balance } else { 0.0 }]
            .into_iter()
            .fold(0.0, |best, time| if payoff(time) > payoff(best) { time } else { best });
        let value = payoff(moment);
        if value <= 0.0 {
            return (0.0, Greeks::default());
        }

        let strike_share = strike * (-rate * moment).exp();
        let kept = (-dividend_yield * moment).exp();
        let decay = rate * strike_share - dividend_yield * spot * kept;
        let waits = years > 0.0 && moment >= 1.0;
        let (delta, rho) = match kind {
            Kind::Put => (-kept, -strike_share),
            Kind::Call => ((-rate * moment).exp(), spot * kept),
        };
        let greeks = Greeks {
            delta,
            theta: if waits { decay / (years * DAYS_PER_YEAR) } else { 0.0 },
            rho: rho * moment * years * POINT,
            ..Greeks::default()
        };
        (value, greeks)
    }
}

/// How a boundary is found.
struct Solver<const NODES: usize, const POINTS: usize, const SUM: usize> {
    nodes: Collocation<NODES, POINTS, SUM>,
    /// How small a step of the boundary leaves it known after one more.
    tolerance: f64,
    /// Steps in time where a grid takes the place of a boundary.
    steps: usize,
}

impl<const NODES: usize, const POINTS: usize, const SUM: usize> Solver<NODES, POINTS, SUM> {
    fn value(&self, case: &Case) -> f64 {
        match case.regime() {
            Regime::Certain => case.certain().0,
            Regime::NeverExercised => option::value(&case.contract, &case.market),
            Regime::OneBoundary => {
                let solved = Boundary::solve(&case.put, &self.nodes, self.tolerance)
                    .and_then(|start| self.waits(&case.put, &start));
                match solved {
                    None => case.at_least().0,
                    Some(Next::Exercise) => case.exercised().0,
                    Some(Next::Wait(premium)) => case.with_premium(premium.value),
                }
            }
            Regime::TwoBoundaries => value_on_grid(case, self.steps),
            Regime::Far => case.at_least().0,
        }
    }

    fn value_and_greeks(&self, case: &Case) -> (f64, Greeks) {
        match case.regime() {
            Regime::Certain => case.certain(),
            Regime::NeverExercised => (
                option::value(&case.contract, &case.market),
                option::greeks(&case.contract, &case.market),
            ),
            Regime::OneBoundary => self.with_one_boundary(case).unwrap_or_else(|| case.at_least()),
            Regime::TwoBoundaries => greeks_on_grid(case, self.steps),
            Regime::Far => case.at_least(),
        }
    }

    fn with_one_boundary(&self, case: &Case) -> Option<(f64, Greeks)> {
        let start = Boundary::solve(&case.put, &self.nodes, self.tolerance)?;
        let premium = match self.waits(&case.put, &start)? {
            Next::Exercise => return Some(case.exercised()),
            Next::Wait(premium) => premium,
        };
        // One step from the same start for every nudged put: the step removes what the start
        // is off by and follows the nudge, smoothly, so that tiny differences mean something.
        let slope = |nudge: f64, put: Put| {
            let (boundary, _) = start.step(&put, &self.nodes)?;
            let nudged = Premium::of(&put, &boundary, &self.nodes);
            Some((nudged.value - premium.value) / nudge)
        };
        let nudge = NUDGE * case.put.deviation;
        let deviation = slope(nudge, Put { deviation: case.put.deviation + nudge, ..case.put })?;
        let (nudge, put) = nudged_rate(case);
        Some(case.assemble(&premium, Slopes { deviation, rate: slope(nudge, put)? }))
    }

    /// Whether to wait, and for which premium, with the boundary one step from `start`.
    fn waits(&self, put: &Put, start: &Boundary<NODES>) -> Option<Next> {
        let (boundary, _) = start.step(put, &self.nodes)?;
        if put.moneyness <= boundary.critical_moneyness(put) {
            return Some(Next::Exercise);
        }
        Some(Next::Wait(Premium::of(put, &boundary, &self.nodes)))
    }
}

/// What is best to do with the option now.
enum Next {
    Exercise,
    Wait(Premium),
}

/// Share by which volatility and rate are moved for vega and rho: the square root of what a
/// double resolves, and more, so that the error of the difference is 1e-6 of either.
const NUDGE: f64 = 1e-6;

/// The put with a little more or less of the rate that moves its rho, and how much.
///
/// At a rate equal to the yield the boundary at expiry has a kink, which the value has not:
/// the nudge is away from there.
fn nudged_rate(case: &Case) -> (f64, Put) {
    let put = case.put;
    let size = |rate: f64| NUDGE * rate.abs().max(0.01);
    let nudge = match case.contract.kind {
        Kind::Put if put.rate >= put.dividend_yield => size(put.rate),
        Kind::Put => -size(put.rate).min(put.rate / 2.0),
        Kind::Call if put.dividend_yield > put.rate => size(put.dividend_yield),
        Kind::Call => -size(put.dividend_yield),
    };
    (nudge, moved_rate(case, nudge))
}

fn moved_rate(case: &Case, by: f64) -> Put {
    match case.contract.kind {
        Kind::Put => Put { rate: case.put.rate + by, ..case.put },
        Kind::Call => Put { dividend_yield: case.put.dividend_yield + by, ..case.put },
    }
}

fn value_on_grid(case: &Case, steps: usize) -> f64 {
    grid::premium(&case.put, steps)
        .map_or_else(|| case.exercised().0, |premium| case.with_premium(premium.value))
}

fn greeks_on_grid(case: &Case, steps: usize) -> (f64, Greeks) {
    /// Wide enough that the steps of the grid do not show in a difference.
    const SHARE: f64 = 0.02;

    let put = case.put;
    let Some(premium) = grid::premium(&put, steps) else { return case.exercised() };
    let value = |put: &Put| grid::premium(put, steps).map_or(premium.value, |moved| moved.value);
    let slope = |by: f64, moved: fn(&Case, f64) -> Put| {
        (value(&moved(case, by)) - value(&moved(case, -by))) / (2.0 * by)
    };
    let moved_deviation =
        |case: &Case, by: f64| Put { deviation: case.put.deviation + by, ..case.put };
    let rate = match case.contract.kind {
        Kind::Put => put.rate,
        Kind::Call => put.dividend_yield,
    };
    let slopes = Slopes {
        deviation: slope(SHARE * put.deviation, moved_deviation),
        rate: slope(SHARE * rate, moved_rate),
    };
    case.assemble(&premium, slopes)
}

#[cfg(test)]
mod tests;
