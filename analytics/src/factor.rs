//! How instruments move with the factors: betas, how far to trust them, and the dollars of a
//! book behind each factor.
//!
//! A [`Model`] is made once from the factors' returns over one window; every instrument is then
//! regressed on it. Rows in which the instrument or a factor of its regression has no return
//! are left out, none is filled in, and fewer than [`MIN_OBSERVATIONS`] rows give no beta.
//!
//! Funds that stand for style factors are nearly collinear: their raw returns have variance
//! inflation factors of up to 39. So the default is [`Method::Orthogonal`], where a beta says
//! what no other factor says; the market beta of a portfolio is then the plain one, and a
//! market shock moves it by that alone.

mod regression;
mod ridge;

pub use regression::{Design, Estimate, Fit, newey_west_lags};
pub use ridge::Ridge;

use crate::Error;
use crate::linear::{Centered, Svd, add_scaled};
use crate::returns::{at_rows, complete_rows};

/// Fewest rows that a beta is estimated from: about three months of sessions.
pub const MIN_OBSERVATIONS: usize = 60;

/// Betas beyond this, either way, are taken for errors of the estimate.
pub const BETA_CAP: f64 = 3.0;

/// Share of a style's variance explained by the market from which on what is left of it are
/// rounding errors.
const INDISTINCT: f64 = 1.0 - 1e-14;

/// How betas are estimated from the factors' returns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// All at once, on the first factor and on each other one net of its own beta to the first.
    Orthogonal,
    /// All at once, on the returns as they are.
    Ols,
    /// One factor at a time: a total beta each, never to be summed.
    Univariate,
    /// All at once, shrunk; see [`Ridge::new`] for the penalty.
    Ridge { penalty: f64 },
}

/// The beta of one instrument, or of its underlying, to one factor.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Beta {
    /// As estimated, not capped.
    pub estimate: Estimate,
    /// Of the regression that it comes from.
    pub r_squared: Option<f64>,
    /// Rows of that regression.
    pub observations: usize,
}

impl Beta {
    /// The beta to compute with: the estimate, at most [`BETA_CAP`] from zero.
    #[must_use]
    pub fn capped(&self) -> f64 {
        self.estimate.value.clamp(-BETA_CAP, BETA_CAP)
    }

    /// Whether [`Beta::capped`] is not the estimate.
    #[must_use]
    pub fn is_capped(&self) -> bool {
        self.estimate.value.abs() > BETA_CAP
    }
}

/// The betas of one instrument to all factors of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Betas {
    /// In the order of the factors.
    pub betas: Vec<Beta>,
    /// Standard deviation per session of what the factors leave unexplained; `None` where they
    /// were taken one at a time, each leaving something else.
    pub residual_std: Option<f64>,
    /// Whether some factor was constant or followed from others over these rows, so that its
    /// beta is one choice of many.
    pub is_rank_deficient: bool,
}

/// How well a model can tell its factors apart.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Diagnostics {
    /// Rows in which every factor has a return.
    pub observations: usize,
    /// Of the design with its column of ones, see [`Design::condition_number`].
    pub condition_number: Option<f64>,
    /// Of the factors by themselves, see [`correlation_condition_number`].
    pub correlation_condition_number: Option<f64>,
    /// One for each factor, see [`Design::variance_inflation`].
    pub variance_inflation: Option<Vec<f64>>,
}

/// Factor returns over one window, ready for any number of instruments.
#[derive(Clone, Debug)]
pub struct Model {
    /// Sessions in the window, with or without returns.
    length: usize,
    all: Sample,
    /// Each factor over its own rows, where they are taken one at a time.
    each: Option<Vec<Sample>>,
    market_betas: Option<Vec<f64>>,
    diagnostics: Diagnostics,
}

impl Model {
    /// Prepares a model from the simple returns of each factor over one window, the market
    /// first; entry by entry they are of the same sessions.
    ///
    /// The styles are made net of the market once, over all rows: a factor is one series for
    /// every instrument, although those with gaps are regressed on a part of it.
    ///
    /// # Errors
    /// `Empty` without factors; `Mismatch` of lengths; `NotFinite`; `TooShort` if fewer than
    /// [`MIN_OBSERVATIONS`] rows have every factor; `OutOfRange` for a penalty below zero.
    pub fn new<S: AsRef<[Option<f64>]>>(method: Method, factors: &[S]) -> Result<Self, Error> {
        let length = factors.first().ok_or(Error::Empty)?.as_ref().len();
        for factor in factors {
            same_length(length, factor.as_ref().len())?;
        }

        let (rows, mut returns) = complete(factors);
        enough(rows.len())?;
        let market_betas =
            (method == Method::Orthogonal).then(|| net_of_market(&mut returns)).transpose()?;
        let design = Design::new(&returns)?;
        let diagnostics = Diagnostics {
            observations: rows.len(),
            condition_number: design.condition_number(),
            correlation_condition_number: correlation_condition_number(&returns),
            variance_inflation: design.variance_inflation(),
        };
        let each = (method == Method::Univariate).then(|| {
            let alone = |factor| {
                let (rows, returns) = complete(std::slice::from_ref(factor));
                Sample::new(method, rows, returns)
            };
            factors.iter().map(alone).collect::<Result<_, _>>()
        });
        let regression = match method {
            Method::Ridge { .. } => Regression::new(method, &returns)?,
            Method::Orthogonal | Method::Ols | Method::Univariate => Regression::Ols(design),
        };
        Ok(Self {
            length,
            all: Sample { method, rows, returns, regression },
            each: each.transpose()?,
            market_betas,
            diagnostics,
        })
    }

    /// Betas of an instrument from its simple returns, of the same sessions as the factors'.
    ///
    /// # Errors
    /// `TooShort` if fewer than [`MIN_OBSERVATIONS`] rows have both the instrument and the
    /// factors: its betas are then unknown, not zero. `Mismatch` of lengths; `NotFinite`.
    pub fn betas(&self, returns: &[Option<f64>]) -> Result<Betas, Error> {
        same_length(self.length, returns.len())?;
        let Some(each) = &self.each else {
            let fit = self.all.fit(returns)?;
            return Ok(Betas {
                residual_std: Some(fit.residual_std),
                is_rank_deficient: fit.rank <= fit.slopes.len(),
                betas: betas(&fit).collect(),
            });
        };
        let fits = each.iter().map(|factor| factor.fit(returns)).collect::<Result<Vec<_>, _>>()?;
        Ok(Betas {
            residual_std: None,
            is_rank_deficient: fits.iter().any(|fit| fit.rank <= fit.slopes.len()),
            betas: fits.iter().flat_map(betas).collect(),
        })
    }

    /// How well the factors can be told apart over the rows that have all of them.
    #[must_use]
    pub fn diagnostics(&self) -> &Diagnostics {
        &self.diagnostics
    }

    /// The factors as instruments are regressed on them, over the rows that have every factor:
    /// what the covariance that belongs to the betas is computed from.
    #[must_use]
    pub fn factor_returns(&self) -> &[Vec<f64>] {
        &self.all.returns
    }

    /// Which entries of the window those rows are, ascending.
    #[must_use]
    pub fn rows(&self) -> &[usize] {
        &self.all.rows
    }

    /// What was taken out of each factor, in units of the market; zero for the market itself.
    /// A style's shock `s` beside a market shock `m` is one of `s − m` times this to the factor
    /// of the model. `None` but for [`Method::Orthogonal`].
    #[must_use]
    pub fn market_betas(&self) -> Option<&[f64]> {
        self.market_betas.as_deref()
    }
}

/// Factor returns without gaps, regressed on.
#[derive(Clone, Debug)]
struct Sample {
    method: Method,
    /// Entries of the window.
    rows: Vec<usize>,
    /// Of each factor in these rows.
    returns: Vec<Vec<f64>>,
    regression: Regression,
}

#[derive(Clone, Debug)]
enum Regression {
    Ols(Design),
    Ridge(Ridge),
}

impl Regression {
    fn new(method: Method, returns: &[Vec<f64>]) -> Result<Self, Error> {
        Ok(match method {
            Method::Ridge { penalty } => Self::Ridge(Ridge::new(returns, penalty)?),
            Method::Orthogonal | Method::Ols | Method::Univariate => {
                Self::Ols(Design::new(returns)?)
            }
        })
    }

    fn fit(&self, response: &[f64]) -> Result<Fit, Error> {
        match self {
            Self::Ols(design) => design.fit(response),
            Self::Ridge(ridge) => ridge.fit(response),
        }
    }
}

impl Sample {
    fn new(method: Method, rows: Vec<usize>, returns: Vec<Vec<f64>>) -> Result<Self, Error> {
        let regression = Regression::new(method, &returns)?;
        Ok(Self { method, rows, returns, regression })
    }

    /// Regresses a response on the rows that it shares with the factors. One that has them all
    /// uses the factorization that is there.
    fn fit(&self, response: &[Option<f64>]) -> Result<Fit, Error> {
        enough(self.rows.len())?;
        if let Some(response) = at_rows(response, &self.rows) {
            return self.regression.fit(&response);
        }

        let (shared, response): (Vec<usize>, Vec<f64>) = self
            .rows
            .iter()
            .enumerate()
            .filter_map(|(index, row)| Some((index, response[*row]?)))
            .unzip();
        enough(shared.len())?;
        let returns: Vec<Vec<f64>> = self
            .returns
            .iter()
            .map(|factor| shared.iter().map(|index| factor[*index]).collect())
            .collect();
        Regression::new(self.method, &returns)?.fit(&response)
    }
}

/// The rows that all series have, and the series in these.
fn complete<S: AsRef<[Option<f64>]>>(series: &[S]) -> (Vec<usize>, Vec<Vec<f64>>) {
    let rows = complete_rows(series);
    let dense = series.iter().filter_map(|series| at_rows(series.as_ref(), &rows)).collect();
    (rows, dense)
}

/// Subtracts from each factor but the first its beta times the first, and returns these betas,
/// of which that of the first is zero: nothing is taken out of it.
fn net_of_market(factors: &mut [Vec<f64>]) -> Result<Vec<f64>, Error> {
    let Some((market, styles)) = factors.split_first_mut() else {
        return Err(Error::Empty);
    };
    let design = Design::new(&[&market])?;
    let mut market_betas = vec![0.0];
    for style in styles {
        let fit = design.fit(style)?;
        // One factor, one slope.
        let beta = fit.slopes[0].value;
        add_scaled(style, -beta, market);
        if fit.r_squared.is_some_and(|r_squared| r_squared > INDISTINCT) {
            style.fill(0.0);
        }
        market_betas.push(beta);
    }
    Ok(market_betas)
}

/// Square root of the largest eigenvalue of the factors' correlation matrix over the smallest:
/// the condition number once each factor is brought to one scale. `None` for none, for factors
/// that are constant or follow from others.
///
/// Source: Belsley, Kuh & Welsch (1980), Regression Diagnostics, chapter 3.
#[must_use]
pub fn correlation_condition_number<S: AsRef<[f64]>>(factors: &[S]) -> Option<f64> {
    let length = factors.first()?.as_ref().len();
    let standardized: Vec<Vec<f64>> = factors
        .iter()
        .map(|factor| Some(factor.as_ref()).filter(|factor| factor.len() == length))
        .map(|factor| Some(Centered::new(factor?).scaled_to(1.0)))
        .collect::<Option<_>>()?;
    Svd::new(&standardized).condition_number(factors.len()).filter(|number| number.is_finite())
}

/// What one instrument adds to a book's exposure to a factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contribution {
    /// Signed money in the instrument, all its positions together: one beta has one error.
    pub exposure: f64,
    /// The beta counted with, capped or not.
    pub beta: f64,
    pub standard_error: Option<f64>,
}

/// A book's exposure to a factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exposure {
    /// Money that would move like the factor: Σ exposure × beta.
    pub dollars: f64,
    /// Of the dollars; `None` if that of a beta is unknown.
    pub standard_error: Option<f64>,
}

impl Exposure {
    /// Adds up instruments; zero for none.
    ///
    /// The standard error is √Σ (exposure × error)², as if the errors of different instruments
    /// had nothing to do with each other: too small for a book whose residuals move together.
    ///
    /// # Errors
    /// `NotFinite` for an input that is not a finite number, or a sum that would be none.
    pub fn of(contributions: &[Contribution]) -> Result<Self, Error> {
        let dollars: f64 = contributions.iter().map(|part| part.exposure * part.beta).sum();
        let variance: Option<f64> = contributions
            .iter()
            .map(|part| Some((part.exposure * part.standard_error?).powi(2)))
            .sum();
        if !dollars.is_finite() || variance.is_some_and(|variance| !variance.is_finite()) {
            return Err(Error::NotFinite);
        }
        Ok(Self { dollars, standard_error: variance.map(f64::sqrt) })
    }

    /// The beta of the book: exposure dollars over its total value. `None` unless that is
    /// positive.
    #[must_use]
    pub fn beta(&self, total_value: f64) -> Option<f64> {
        Some(self.dollars / total_value).filter(|beta| total_value > 0.0 && beta.is_finite())
    }
}

fn betas(fit: &Fit) -> impl Iterator<Item = Beta> {
    fit.slopes.iter().map(|estimate| Beta {
        estimate: *estimate,
        r_squared: fit.r_squared,
        observations: fit.observations,
    })
}

fn enough(rows: usize) -> Result<(), Error> {
    if rows < MIN_OBSERVATIONS {
        return Err(Error::TooShort { needed: MIN_OBSERVATIONS, got: rows });
    }
    Ok(())
}

fn same_length(expected: usize, got: usize) -> Result<(), Error> {
    if got == expected { Ok(()) } else { Err(Error::Mismatch { expected, got }) }
}

#[cfg(test)]
mod tests;
