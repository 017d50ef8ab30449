//! What a rule may be about: a symbol, a sector, a factor, a scenario.

use std::collections::BTreeSet;

use crate::domain::alert::Metric;
use crate::domain::factor::Factor;
use crate::domain::id::{PortfolioId, UserId};
use crate::domain::instrument::Symbol;
use crate::domain::position::Position;
use crate::domain::text::fold;
use crate::error::{Error, Refusal};
use crate::postgres::Work;
use crate::store;

/// Keys that a hint names.
const NAMED: usize = 20;

/// A key as it is kept; None for whichever it is.
///
/// # Errors
/// `Validation` for one that the metric or the portfolio does not know, with those it does.
pub async fn valid(
    tx: &mut Work,
    owner: UserId,
    portfolio: PortfolioId,
    metric: Metric,
    key: Option<&str>,
) -> Result<Option<String>, Error> {
    let Some(key) = key.map(str::trim).filter(|key| !key.is_empty()) else { return Ok(None) };
    let held = async |tx: &mut Work, of: fn(&Position) -> Option<String>| {
        let positions =
            store::positions::of_portfolios(tx.statement(), owner, &[portfolio]).await?;
        let positions = positions.iter().map(|(position, _)| position);
        let open = positions.filter(|position| position.exit_date.is_none());
        Ok::<BTreeSet<_>, Error>(open.filter_map(of).collect())
    };
    let (what, known) = match metric {
        Metric::PositionWeight => {
            ("symbol held", held(tx, |of| Some(of.instrument.symbol.clone())).await?)
        }
        Metric::SectorWeight => ("sector held", held(tx, |of| of.instrument.sector.clone()).await?),
        Metric::DeltaDollars => (
            "underlying held",
            held(tx, |of| Some(of.instrument.underlying_symbol().into())).await?,
        ),
        Metric::OptionExpiryDays => {
            let underlying =
                |of: &Position| Some(of.instrument.contract.as_ref()?.underlying_symbol.clone());
            ("underlying of an option held", held(tx, underlying).await?)
        }
        Metric::FactorBeta => {
            ("factor", Factor::active().map(|factor| factor.name().to_owned()).collect())
        }
        Metric::StressLossRatio => {
            let scenarios = store::scenarios::visible(tx.statement(), owner, None).await?;
            let active = scenarios.iter().filter(|one| one.is_active);
            ("active scenario", active.map(crate::domain::scenario::Scenario::known_as).collect())
        }
        _ => {
            let rule = format!("{} is a figure of the whole portfolio.", metric.as_str());
            return Err(Refusal::validation(rule).at("key").hint("Leave `key` out.").into());
        }
    };
    let wanted = [fold(key), fold(&Symbol::canonical_of(key))];
    if let Some(found) = known.iter().find(|one| wanted.contains(&fold(one))) {
        return Ok(Some(found.clone()));
    }
    let mut names: Vec<_> = known.iter().take(NAMED).map(String::as_str).collect();
    if known.len() > NAMED {
        names.push("…");
    }
    let hint = if names.is_empty() {
        "There is none now; leave `key` out for whichever comes.".into()
    } else {
        format!("Known are {}; leave `key` out for whichever it is.", names.join(", "))
    };
    let rule = format!("There is no {what} of that name.");
    Err(Refusal::validation(rule).at("key").hint(hint).into())
}
