//! Which factor and which position the risk of a book comes from.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};
use sigmasight_analytics::factor::Beta;
use sigmasight_analytics::risk::SESSIONS_PER_YEAR;
use sigmasight_analytics::risk::decomposition::{Decomposition, FactorModel};
use sigmasight_analytics::risk::tail::Confidence;

use crate::domain::factor::Factor;
use crate::domain::id::InstrumentId;
use crate::domain::quality::{Coverage, Quality};
use crate::services::factors::{
    Basis, Deltas, Estimates, WithBetas, capped_of, coverage, exposed, left_out, of_prices,
};
use crate::services::valuation::Line;

/// The risk that the model expects of a book. Volatilities and contributions are annualized and
/// fractions of the total value; those of the factors and the specific one add up to the
/// volatility, and so do those of the positions.
#[derive(Clone, Debug)]
pub struct RiskDecomposition {
    pub volatility: Option<f64>,
    /// Of what the factors move, and of the rest: their squares add up.
    pub factor_volatility: Option<f64>,
    pub specific_volatility: Option<f64>,
    pub specific_contribution: Option<f64>,
    /// In the order of the factors.
    pub factors: Vec<FactorPart>,
    /// The largest size of contribution first.
    pub positions: Vec<PositionPart>,
    /// Losses over one session in money, above zero: z σ.
    pub var_95: Option<Decimal>,
    pub var_99: Option<Decimal>,
    pub quality: Quality,
    pub warnings: Vec<String>,
    pub coverage: Coverage,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FactorPart {
    pub factor: Factor,
    /// Below zero where the exposure takes risk away.
    pub contribution: f64,
    /// Share of the volatility.
    pub share: f64,
}

#[derive(Clone, Debug)]
pub struct PositionPart {
    pub line: Arc<Line>,
    /// Annual standard deviation in money per unit of money more in the position.
    pub marginal: f64,
    pub contribution: f64,
    pub share: f64,
}

/// Takes the risk of some lines apart. Options count through their delta. Positions of one
/// instrument, options on it too, share what is specific to it.
pub fn decompose(
    lines: &[Arc<Line>],
    total_value: Decimal,
    deltas: &Deltas,
    estimates: &Estimates,
) -> RiskDecomposition {
    let (known, mut excluded) = exposed(lines, Basis::DeltaAdjusted, deltas);
    let (known, without_betas) = estimates.split(known);
    excluded.extend(without_betas);
    let (prices, mut warnings) = of_prices(known.iter().map(|(one, _)| &one.line));
    warnings.extend(left_out(&excluded, known.len()));
    warnings.extend(estimates.model.warnings());
    warnings.extend(capped_of(&known));
    let mut none = RiskDecomposition {
        volatility: None,
        factor_volatility: None,
        specific_volatility: None,
        specific_contribution: None,
        factors: Vec::new(),
        positions: Vec::new(),
        var_95: None,
        var_99: None,
        quality: Quality::Insufficient,
        warnings,
        coverage: coverage(known.iter().map(|(one, _)| one), &excluded),
    };
    if known.is_empty() && !excluded.is_empty() {
        return none;
    }
    let book = Gathered::of(&known);
    let Some(book) = book else {
        let reason = "UNIVARIATE betas each have the market in them and cannot be put together: \
                      choose another method for the risk of a book.";
        none.warnings.push(reason.into());
        return none;
    };
    let Some(found) = book.decomposition(estimates) else {
        none.warnings.push("The factors have no covariance over the window.".into());
        return none;
    };

    let betas = known.iter().map(|(_, betas)| betas.quality).max();
    let quality = prices.max(betas.unwrap_or(Quality::Full));
    none.quality = if excluded.is_empty() { quality } else { quality.max(Quality::Limited) };
    let loss = |level| Decimal::from_f64(found.value_at_risk(level, 1.0).ok()?);
    none.var_95 = loss(Confidence::P95);
    none.var_99 = loss(Confidence::P99);
    let Some(value) = total_value.to_f64().filter(|value| *value > 0.0) else {
        let reason = "The total value is not above zero, so that volatility is no share of it.";
        none.warnings.push(reason.into());
        return none;
    };

    let annual = SESSIONS_PER_YEAR.sqrt() / value;
    let share = |part: f64| if found.volatility > 0.0 { part / found.volatility } else { 0.0 };
    let factors = estimates.model.names().iter().zip(&found.factor_contributions);
    let positions = known.iter().filter_map(|(one, _)| {
        let marginal = found.position_marginals.get(*book.places.get(&one.instrument)?)?;
        let part = one.exposure.to_f64()? * marginal;
        Some(PositionPart {
            line: Arc::clone(&one.line),
            marginal: marginal * SESSIONS_PER_YEAR.sqrt(),
            contribution: part * annual,
            share: share(part),
        })
    });
    let mut positions: Vec<_> = positions.collect();
    positions.sort_by(|a, b| b.contribution.abs().total_cmp(&a.contribution.abs()));
    RiskDecomposition {
        volatility: Some(found.volatility * annual),
        factor_volatility: Some(found.factor_volatility * annual),
        specific_volatility: Some(found.specific_volatility * annual),
        specific_contribution: Some(found.specific_contribution * annual),
        factors: factors
            .map(|(factor, part)| FactorPart {
                factor: *factor,
                contribution: part * annual,
                share: share(*part),
            })
            .collect(),
        positions,
        ..none
    }
}

/// A book by instrument, as the arithmetic takes it.
struct Gathered {
    places: BTreeMap<InstrumentId, usize>,
    values: Vec<f64>,
    betas: Vec<f64>,
    specific: Vec<f64>,
}

impl Gathered {
    /// None where something has no volatility of its own, because its betas are one at a time.
    fn of(known: &[WithBetas]) -> Option<Self> {
        let mut book = Self {
            places: BTreeMap::new(),
            values: Vec::new(),
            betas: Vec::new(),
            specific: Vec::new(),
        };
        for (one, betas) in known {
            let residual_std = betas.residual_std?;
            let next = book.values.len();
            let place = *book.places.entry(one.instrument).or_insert(next);
            if place == next {
                book.values.push(0.0);
                book.betas.extend(betas.betas.iter().map(Beta::capped));
                book.specific.push(residual_std);
            }
            book.values[place] += one.exposure.to_f64()?;
        }
        Some(book)
    }

    fn decomposition(&self, estimates: &Estimates) -> Option<Decomposition> {
        let covariance = estimates.model.covariance()?;
        Decomposition::of(&FactorModel {
            values: &self.values,
            betas: &self.betas,
            factor_covariance: covariance,
            specific_volatilities: &self.specific,
        })
        .ok()
    }
}
