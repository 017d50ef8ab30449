//! The regression of an instrument on some variables.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use sigmasight_analytics::correlation::Covariance;
use sigmasight_analytics::factor::{self, Beta, Diagnostics, MIN_OBSERVATIONS};

use crate::domain::factor::Factor;
use crate::domain::quality::Quality;
use crate::services::window::Returns;

/// Penalty of the ridge regression, on factors in standard deviations: a tenth of a whole window's
/// observations. It leaves alone what the factors have in common and shrinks by four fifths what
/// tells nearly collinear ones apart.
pub const RIDGE_PENALTY: f64 = 25.2;

/// How betas are estimated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Method {
    /// On the first variable, and on each other one net of its own beta to the first.
    #[default]
    Orthogonal,
    /// On all variables at once.
    Ols,
    /// On one at a time: total betas, never to be summed.
    Univariate,
    /// On all at once, shrunk by [`RIDGE_PENALTY`].
    Ridge,
}

impl Method {
    fn estimator(self) -> factor::Method {
        match self {
            Self::Orthogonal => factor::Method::Orthogonal,
            Self::Ols => factor::Method::Ols,
            Self::Univariate => factor::Method::Univariate,
            Self::Ridge => factor::Method::Ridge { penalty: RIDGE_PENALTY },
        }
    }

    /// As provenance names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Orthogonal => "ORTHOGONAL",
            Self::Ols => "OLS",
            Self::Univariate => "UNIVARIATE",
            Self::Ridge => "RIDGE",
        }
    }
}

/// Why there is no beta: for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Insufficient {
    pub reason: String,
    /// What there was to estimate from.
    pub observations: usize,
}

/// Something that instruments are regressed on, with its returns or changes over the window.
#[derive(Clone, Debug)]
pub struct Variable<V> {
    pub name: V,
    pub returns: Returns,
}

/// The model of the factors.
pub type FactorModel = Model<Factor>;
/// What is to be known of it.
pub type FactorModelFacts = ModelFacts<Factor>;

/// Variables over one window, ready for any number of instruments.
#[derive(Clone, Debug)]
pub struct Model<V> {
    pub facts: Arc<ModelFacts<V>>,
    estimator: Option<factor::Model>,
}

/// What is to be known of a model where its betas are used, without the returns it was made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelFacts<V> {
    method: Method,
    names: Vec<V>,
    /// Those that have too few returns to take part, and how many they have.
    absent: Vec<(V, usize)>,
    /// Why there is none; None when there is.
    missing: Option<Insufficient>,
    diagnostics: Option<Diagnostics>,
    covariance: Option<Vec<f64>>,
    quality: Quality,
}

impl<V: Copy + PartialEq + fmt::Display> Model<V> {
    /// Of variables over the same sessions, for [`Method::Orthogonal`] the market first.
    ///
    /// One that has fewer than [`MIN_OBSERVATIONS`] returns takes no part: the others are estimated
    /// without it and say so. Without the market nothing is net of it, so there is no such model.
    pub fn new(method: Method, variables: Vec<Variable<V>>) -> Self {
        let first = variables.first().map(|variable| variable.name);
        let (present, absent): (Vec<_>, Vec<_>) = variables
            .into_iter()
            .partition(|variable| variable.returns.observations() >= MIN_OBSERVATIONS);
        let absent: Vec<_> = absent
            .iter()
            .map(|variable| (variable.name, variable.returns.observations()))
            .collect();
        let missing = absent.iter().find(|(name, _)| {
            present.is_empty() || method == Method::Orthogonal && Some(*name) == first
        });
        let estimator = if let Some((name, observations)) = missing {
            Err(too_few(&format!("{name} has"), *observations))
        } else {
            let returns: Vec<_> = present.iter().map(|variable| &variable.returns).collect();
            factor::Model::new(method.estimator(), &returns).map_err(|error| Insufficient {
                reason: format!("The variables have no model: {error}."),
                observations: 0,
            })
        };
        let quality =
            present.iter().map(|variable| variable.returns.quality).max().unwrap_or(Quality::Full);
        let quality = if absent.is_empty() { quality } else { quality.max(Quality::Limited) };
        let (estimator, missing) = match estimator {
            Ok(estimator) => (Some(estimator), None),
            Err(missing) => (None, Some(missing)),
        };
        let facts = ModelFacts {
            method,
            names: present.into_iter().map(|variable| variable.name).collect(),
            absent,
            quality: if missing.is_none() { quality } else { Quality::Insufficient },
            missing,
            diagnostics: estimator.as_ref().map(|found| found.diagnostics().clone()),
            covariance: estimator.as_ref().and_then(covariance),
        };
        Self { facts: Arc::new(facts), estimator }
    }

    /// See [`factor::Model::market_betas`].
    pub fn market_betas(&self) -> Option<&[f64]> {
        self.estimator.as_ref().and_then(factor::Model::market_betas)
    }

    /// The betas of an instrument, from its returns over the same sessions.
    ///
    /// # Errors
    /// Why there are none.
    pub fn betas(&self, returns: &Returns) -> Result<InstrumentBetas, Insufficient> {
        let Some(estimator) = &self.estimator else {
            let none = || Insufficient { reason: "There is no model.".into(), observations: 0 };
            return Err(self.facts.missing.clone().unwrap_or_else(none));
        };
        let found = estimator.betas(&returns.values).map_err(|error| match error {
            sigmasight_analytics::Error::TooShort { got, .. } => too_few("It has", got),
            error => Insufficient {
                reason: format!("The regression failed: {error}."),
                observations: returns.observations(),
            },
        })?;
        Ok(InstrumentBetas {
            betas: found.betas,
            residual_std: found.residual_std,
            is_rank_deficient: found.is_rank_deficient,
            quality: returns.quality.max(self.facts.quality),
        })
    }
}

/// Sample covariance per session of the variables as instruments are regressed on them.
fn covariance(estimator: &factor::Model) -> Option<Vec<f64>> {
    let covariance = Covariance::ewma(estimator.factor_returns(), 1.0).ok()?;
    #[expect(clippy::cast_precision_loss, reason = "a window is far below 2^53 sessions")]
    let observations = covariance.observations() as f64;
    let unbiased = observations / (observations - 1.0);
    Some(covariance.as_slice().iter().map(|value| value * unbiased).collect())
}

impl<V: Copy + PartialEq + fmt::Display> ModelFacts<V> {
    pub fn method(&self) -> Method {
        self.method
    }

    /// The variables that take part, in the order of the betas.
    pub fn names(&self) -> &[V] {
        &self.names
    }

    /// Where a variable is among the betas; None for one that takes no part.
    pub fn place(&self, name: V) -> Option<usize> {
        self.names.iter().position(|own| *own == name)
    }

    /// Why nothing is known of a variable; None for one that takes part.
    pub fn absence(&self, name: V) -> Option<String> {
        if let Some(Insufficient { reason, .. }) = &self.missing {
            return Some(reason.clone());
        }
        let (name, observations) = self.absent.iter().find(|(absent, _)| *absent == name)?;
        Some(too_few(&format!("{name} has"), *observations).reason)
    }

    /// What to know of every beta of this model, in sentences.
    pub fn warnings(&self) -> Vec<String> {
        if let Some(Insufficient { reason, .. }) = &self.missing {
            return vec![reason.clone()];
        }
        let absent = self.absent.iter().map(|(name, observations)| {
            format!("{name} takes no part: it has {observations} returns, {MIN_OBSERVATIONS} are needed.")
        });
        absent.collect()
    }

    /// Of the variables' own series.
    pub fn quality(&self) -> Quality {
        self.quality
    }

    /// How well the variables can be told apart; None without a model.
    pub fn diagnostics(&self) -> Option<&Diagnostics> {
        self.diagnostics.as_ref()
    }

    /// Sample covariance, row by row and per session, of the variables as instruments are regressed
    /// on them: what belongs to the betas. None without a model.
    pub fn covariance(&self) -> Option<&[f64]> {
        self.covariance.as_deref()
    }
}

fn too_few(what: &str, observations: usize) -> Insufficient {
    Insufficient {
        observations,
        reason: format!(
            "{what} {observations} complete returns in the window, {MIN_OBSERVATIONS} are needed."
        ),
    }
}

/// The betas of an instrument to the variables of a model, in their order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstrumentBetas {
    pub betas: Vec<Beta>,
    /// Standard deviation per session of what they leave unexplained; None for
    /// [`Method::Univariate`].
    pub residual_std: Option<f64>,
    /// Whether the variables did not tell themselves apart over its returns.
    pub is_rank_deficient: bool,
    pub quality: Quality,
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
