//! What positions and books are exposed to, from betas that are known.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};
use sigmasight_analytics::factor::{self, Beta};

use super::model::{FactorModelFacts, InstrumentBetas, Insufficient, Method};
use crate::domain::factor::Factor;
use crate::domain::id::{InstrumentId, PositionId};
use crate::domain::quality::{Coverage, Quality};
use crate::services::valuation::{Line, Summary};

/// What is multiplied with a beta.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Basis {
    /// The exposure at the position's own price. An option has its premium for exposure: with its
    /// underlying's beta that is the smaller part of what moves it, and of a put the wrong sign.
    #[default]
    Dollar,
    /// The exposure of an option through its delta, as so many shares of its underlying.
    DeltaAdjusted,
}

/// Delta-adjusted exposures, signed money, of the options whose delta is known.
pub type Deltas = HashMap<PositionId, Decimal>;

/// Betas by instrument; absent for those whose closes nobody has looked up.
pub type Betas = HashMap<InstrumentId, Result<Arc<InstrumentBetas>, Insufficient>>;

/// A model with the betas that were estimated on it.
#[derive(Clone, Debug)]
pub struct Estimates {
    pub model: Arc<FactorModelFacts>,
    pub betas: Betas,
    /// When the nightly chain found the newest of them; None where some were found since.
    pub found_at: Option<DateTime<Utc>>,
}

/// The instrument whose returns move a position: the underlying of an option.
pub fn moves_with(line: &Line) -> InstrumentId {
    let instrument = &line.position.instrument;
    instrument.contract.as_ref().map_or(instrument.id, |contract| contract.underlying_id)
}

/// Whether something moves it: an option that has expired has settled, whoever still holds it.
fn is_moved(line: &Line) -> bool {
    line.is_open() && !line.is_expired
}

/// The instruments that what moves of some lines needs betas of.
pub fn wanted<'a>(lines: impl IntoIterator<Item = &'a Arc<Line>>) -> BTreeSet<InstrumentId> {
    lines.into_iter().filter(|line| is_moved(line)).map(|line| moves_with(line)).collect()
}

/// A position with the money that it has in an instrument's returns.
#[derive(Clone, Debug)]
pub struct Exposed {
    pub line: Arc<Line>,
    pub instrument: InstrumentId,
    /// Signed.
    pub exposure: Decimal,
}

/// The same with the betas of that instrument.
pub type WithBetas = (Exposed, Arc<InstrumentBetas>);

/// A position that a figure leaves out.
#[derive(Clone, Debug)]
pub struct Excluded {
    pub line: Arc<Line>,
    /// A sentence.
    pub reason: String,
}

/// The open ones of some lines by what they are exposed to, and those of which that is unknown.
/// Options that have expired and settled are in neither: they move with nothing, on any basis.
pub fn exposed(
    lines: &[Arc<Line>],
    basis: Basis,
    deltas: &Deltas,
) -> (Vec<Exposed>, Vec<Excluded>) {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for line in lines.iter().filter(|line| line.is_open()) {
        let holding = line.holding();
        if line.is_expired && line.quote.is_some() {
            continue;
        }
        let exposure = match basis {
            _ if line.is_expired => None,
            Basis::Dollar => holding.exposure(),
            Basis::DeltaAdjusted => {
                holding.delta_adjusted_exposure().or_else(|| deltas.get(&line.position.id).copied())
            }
        };
        let line = Arc::clone(line);
        if let Some(exposure) = exposure {
            known.push(Exposed { instrument: moves_with(&line), line, exposure });
        } else {
            let symbol = &line.position.instrument.symbol;
            let reason = line.unpriced_reason();
            let reason = reason.unwrap_or_else(|| format!("No delta of {symbol} is known."));
            unknown.push(Excluded { line, reason });
        }
    }
    (known, unknown)
}

/// The first few of some positions by symbol, as a sentence names them.
pub fn named<'a>(lines: impl IntoIterator<Item = &'a Arc<Line>>) -> String {
    const NAMED: usize = 3;
    let mut symbols = lines.into_iter().map(|line| line.position.instrument.symbol.as_str());
    let first: Vec<_> = symbols.by_ref().take(NAMED).collect();
    let more = if symbols.next().is_some() { " and more" } else { "" };
    format!("{}{more}", first.join(", "))
}

/// How far the prices of positions that are in a figure can be trusted, and what to know of them:
/// an option without one is there by what its model makes of it.
pub fn of_prices<'a>(lines: impl Iterator<Item = &'a Arc<Line>>) -> (Quality, Vec<String>) {
    let (priced, modeled): (Vec<_>, Vec<_>) = lines.partition(|line| line.quote.is_some());
    let summary = Summary::of(priced);
    let mut warnings = summary.warnings();
    let start = match modeled.len() {
        0 => return (summary.quality(), warnings),
        1 => "1 option has no price and counts".to_owned(),
        all => format!("{all} options have no price and count"),
    };
    warnings.push(format!("{start} through a model's delta: {}.", named(modeled)));
    (summary.quality().max(Quality::Estimated), warnings)
}

/// What a position adds to a book's exposure to a factor.
#[derive(Clone, Debug)]
pub struct Contribution {
    pub line: Arc<Line>,
    /// Of the instrument that moves it, capped.
    pub beta: f64,
    pub dollars: Decimal,
}

/// What some positions together are exposed to.
#[derive(Clone, Debug)]
pub struct FactorExposure {
    pub factor: Factor,
    /// Σ exposure × beta: the money that would move like the factor. None where there are
    /// positions and nothing is known of any.
    pub dollars: Option<Decimal>,
    /// That over the total value; None also unless it is positive.
    pub beta: Option<f64>,
    /// Of the beta, as if the errors of different instruments had nothing to do with each other.
    pub standard_error: Option<f64>,
    /// Largest size first; they add up to the dollars exactly.
    pub contributions: Vec<Contribution>,
    /// The fewest that one of its betas is estimated from.
    pub observations: Option<usize>,
    pub quality: Quality,
    pub warnings: Vec<String>,
    pub coverage: Coverage,
}

/// What some lines, worth `total_value` with the cash beside them, are exposed to: an entry for
/// each active factor. Those that lack a price, a delta or betas are left out, and said.
pub fn exposures(
    lines: &[Arc<Line>],
    total_value: Decimal,
    basis: Basis,
    deltas: &Deltas,
    estimates: &Estimates,
) -> Vec<FactorExposure> {
    let (known, mut excluded) = exposed(lines, basis, deltas);
    let (known, without_betas) = estimates.split(known);
    excluded.extend(without_betas);
    let (prices, mut warnings) = of_prices(known.iter().map(|(one, _)| &one.line));
    warnings.extend(estimates.warnings(&known, &excluded, basis));
    let mut quality = known.iter().map(|(_, betas)| betas.quality).max().unwrap_or(Quality::Full);
    quality = quality.max(prices);
    if !excluded.is_empty() {
        quality = quality.max(Quality::Limited);
    }
    let coverage = coverage(known.iter().map(|(one, _)| one), &excluded);
    let is_unknown = known.is_empty() && !excluded.is_empty();

    let unknown = |factor, warnings| FactorExposure {
        factor,
        dollars: None,
        beta: None,
        standard_error: None,
        contributions: Vec::new(),
        observations: None,
        quality: Quality::Insufficient,
        warnings,
        coverage,
    };
    let of = |factor| {
        if let Some(reason) = estimates.model.absence(factor) {
            return unknown(factor, vec![reason]);
        }
        let place = estimates.model.place(factor).filter(|_| !is_unknown);
        let Some(place) = place else { return unknown(factor, warnings.clone()) };
        let beta_of = |betas: &InstrumentBetas| betas.betas.get(place).copied();
        let mut contributions = Vec::with_capacity(known.len());
        let mut by_instrument = BTreeMap::<InstrumentId, (f64, Beta)>::new();
        for (one, betas) in &known {
            let Some(beta) = beta_of(betas) else { continue };
            let dollars = times(one.exposure, decimal(beta.capped()));
            let line = Arc::clone(&one.line);
            contributions.push(Contribution { line, beta: beta.capped(), dollars });
            let sum = by_instrument.entry(one.instrument).or_insert((0.0, beta));
            sum.0 += one.exposure.to_f64().unwrap_or_default();
        }
        contributions.sort_by_key(|part| std::cmp::Reverse(part.dollars.abs()));
        let dollars =
            contributions.iter().fold(Decimal::ZERO, |sum, c| sum.saturating_add(c.dollars));
        let parts: Vec<_> = by_instrument
            .values()
            .map(|(exposure, beta)| factor::Contribution {
                exposure: *exposure,
                beta: beta.capped(),
                standard_error: beta.estimate.standard_error,
            })
            .collect();
        let value = total_value.to_f64().filter(|value| *value > 0.0);
        let error = factor::Exposure::of(&parts).ok().and_then(|sum| sum.standard_error);
        FactorExposure {
            factor,
            dollars: Some(dollars),
            beta: value.and_then(|value| Some(dollars.to_f64()? / value)),
            standard_error: value.and_then(|value| Some(error? / value)),
            contributions,
            observations: by_instrument.values().map(|(_, beta)| beta.observations).min(),
            quality,
            warnings: warnings.clone(),
            coverage,
        }
    };
    Factor::active().map(of).collect()
}

/// The betas of books to the factors and nothing beside, as [`exposures`] has them, in a fraction
/// of the time.
pub struct BookBetas<'a> {
    estimates: &'a Estimates,
    /// Of instruments, capped: a float takes long to become a decimal.
    decimals: HashMap<InstrumentId, Arc<[Decimal]>>,
}

impl<'a> BookBetas<'a> {
    pub fn new(estimates: &'a Estimates) -> Self {
        Self { estimates, decimals: HashMap::new() }
    }

    /// Of some lines: Σ exposure × beta over the total value, by each active factor.
    pub fn of(
        &mut self,
        lines: &[Arc<Line>],
        total_value: Decimal,
        basis: Basis,
        deltas: &Deltas,
    ) -> Vec<(Factor, Option<f64>)> {
        let model = &self.estimates.model;
        let (known, unknown) = exposed(lines, basis, deltas);
        let is_empty = known.is_empty() && unknown.is_empty();
        let (known, _) = self.estimates.split(known);
        let mut dollars = vec![Decimal::ZERO; model.names().len()];
        for (one, betas) in &known {
            let decimals = self
                .decimals
                .entry(one.instrument)
                .or_insert_with(|| betas.betas.iter().map(|beta| decimal(beta.capped())).collect());
            for (sum, beta) in dollars.iter_mut().zip(decimals.iter()) {
                *sum = sum.saturating_add(times(one.exposure, *beta));
            }
        }
        let value = total_value.to_f64().filter(|value| *value > 0.0);
        let value = value.filter(|_| is_empty || !known.is_empty());
        let beta = |factor| {
            let place = model.place(factor).filter(|_| model.absence(factor).is_none())?;
            Some(dollars.get(place)?.to_f64()? / value?)
        };
        Factor::active().map(|factor| (factor, beta(factor))).collect()
    }
}

/// What one position is exposed to: the betas are those of what moves it, whatever its size.
pub fn position_exposures(
    line: &Arc<Line>,
    basis: Basis,
    deltas: &Deltas,
    estimates: &Estimates,
) -> Vec<FactorExposure> {
    let line = std::slice::from_ref(line);
    let (known, _) = exposed(line, basis, deltas);
    let size = known.first().map_or(Decimal::ZERO, |one| one.exposure.abs());
    let mut exposures = exposures(line, size, basis, deltas, estimates);
    for exposure in &mut exposures {
        exposure.beta = exposure.contributions.first().map(|part| part.beta);
    }
    exposures
}

impl Estimates {
    /// The positions whose instrument has betas, with these; and the others, with why not.
    pub fn split(&self, positions: Vec<Exposed>) -> (Vec<WithBetas>, Vec<Excluded>) {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for one in positions {
            match self.betas.get(&one.instrument) {
                Some(Ok(betas)) => with.push((one, Arc::clone(betas))),
                Some(Err(Insufficient { reason, .. })) => {
                    let reason = format!("No betas of {}: {reason}", one.line.underlying());
                    without.push(Excluded { line: one.line, reason });
                }
                None => {
                    let reason = format!("No prices of {} are known.", one.line.underlying());
                    without.push(Excluded { line: one.line, reason });
                }
            }
        }
        (with, without)
    }

    /// Share of the variance of what moves the positions that the factors explain: the mean over
    /// the positions by size of exposure. None where the factors are taken one at a time, or
    /// without exposure.
    pub fn r_squared(&self, known: &[WithBetas]) -> Option<f64> {
        if self.model.method() == Method::Univariate {
            return None;
        }
        let (mut explained, mut sizes) = (0.0, 0.0);
        for (one, betas) in known {
            let Some(r_squared) = betas.betas.first().and_then(|beta| beta.r_squared) else {
                continue;
            };
            let size = one.exposure.abs().to_f64()?;
            explained += size * r_squared;
            sizes += size;
        }
        Some(explained / sizes).filter(|share| share.is_finite())
    }

    fn warnings(&self, known: &[WithBetas], excluded: &[Excluded], basis: Basis) -> Vec<String> {
        let mut warnings = Vec::from_iter(left_out(excluded, known.len()));
        warnings.extend(self.model.warnings());
        let count = |is: &dyn Fn(&WithBetas) -> bool| known.iter().filter(|one| is(one)).count();
        let options = count(&|(one, _)| one.line.holding().is_option());
        if basis == Basis::Dollar && options > 0 {
            warnings.push(format!(
                "{options} options count with their premium, as if it moved like their underlying; \
                 the basis DELTA_ADJUSTED carries them through delta."
            ));
        }
        warnings.extend(capped_of(known));
        let deficient = count(&|(_, betas)| betas.is_rank_deficient);
        if deficient > 0 {
            warnings.push(format!(
                "{deficient} positions have betas that are one choice of many: the factors do not \
                 tell themselves apart over their returns."
            ));
        }
        if self.model.method() == Method::Univariate {
            warnings.push(
                "UNIVARIATE betas are total betas, each with the market in it: never add them up."
                    .into(),
            );
        }
        warnings
    }
}

/// A sentence about so many positions with betas that are capped.
pub fn capped(positions: usize) -> Option<String> {
    let start = match positions {
        0 => return None,
        1 => "1 position has".to_owned(),
        _ => format!("{positions} positions have"),
    };
    Some(format!("{start} a beta beyond ±{}, counted as that.", factor::BETA_CAP))
}

/// The same of those that are.
pub fn capped_of(known: &[WithBetas]) -> Option<String> {
    capped(known.iter().filter(|(_, betas)| betas.betas.iter().any(Beta::is_capped)).count())
}

/// What is said about the positions that are left out: the first few by name, and why, each kind of
/// reason once, the most frequent first.
pub fn left_out(excluded: &[Excluded], included: usize) -> Option<String> {
    const REASONS: usize = 3;
    if excluded.is_empty() {
        return None;
    }
    let mut kinds = Vec::<(String, &str, usize)>::new();
    for one in excluded {
        let kind = one.kind();
        match kinds.iter_mut().find(|(own, ..)| *own == kind) {
            Some((.., count)) => *count += 1,
            None => kinds.push((kind, &one.reason, 1)),
        }
    }
    kinds.sort_by_key(|(.., count)| std::cmp::Reverse(*count));
    let reasons: Vec<_> = match kinds.as_slice() {
        [(_, reason, _)] => vec![(*reason).to_owned()],
        _ => kinds.iter().take(REASONS).map(|(_, why, count)| format!("{count}: {why}")).collect(),
    };
    let others = if kinds.len() > REASONS { " Others for other reasons." } else { "" };
    Some(format!(
        "{} of {} positions are left out: {}. {}{others}",
        excluded.len(),
        excluded.len() + included,
        named(excluded.iter().map(|one| &one.line)),
        reasons.join(" ")
    ))
}

impl Excluded {
    /// Its reason without what is of this position alone: symbols and numbers.
    fn kind(&self) -> String {
        let own = [self.line.position.instrument.symbol.as_str(), self.line.underlying()];
        let is_common = |word: &&str| {
            let word = word.trim_end_matches([':', ',', '.', ';']);
            !own.contains(&word) && !word.starts_with(|first: char| first.is_ascii_digit())
        };
        self.reason.split_whitespace().filter(is_common).collect::<Vec<_>>().join(" ")
    }
}

/// What a figure over some positions speaks for.
pub fn coverage<'a>(
    included: impl Iterator<Item = &'a Exposed>,
    excluded: &[Excluded],
) -> Coverage {
    let mut coverage = Coverage { excluded_positions: excluded.len(), ..Coverage::default() };
    for one in included {
        coverage.included_positions += 1;
        coverage.included_exposure = coverage.included_exposure.saturating_add(one.exposure.abs());
    }
    for one in excluded {
        let holding = one.line.holding();
        let size = holding.market_value().unwrap_or_else(|| holding.cost_basis().abs());
        coverage.excluded_exposure = coverage.excluded_exposure.saturating_add(size);
    }
    coverage
}

/// Exposure × beta, to eight decimals: the beta has sixteen digits at most.
fn times(exposure: Decimal, beta: Decimal) -> Decimal {
    const DECIMALS: u32 = 8;
    exposure.saturating_mul(beta).round_dp(DECIMALS)
}

fn decimal(beta: f64) -> Decimal {
    Decimal::from_f64(beta).unwrap_or_default()
}
