//! Stress scenarios: keeping everybody's, and making, changing and forgetting a person's own.

use serde_json::json;

use super::{Services, naming};
use crate::domain::id::{ScenarioId, UserId};
use crate::domain::scenario::{
    Category, MAX_DESCRIPTION_CHARACTERS, MAX_NAME_CHARACTERS, MAX_PER_USER, MAX_SHOCKS, Scenario,
    Severity, Shock, Variable,
};
use crate::error::{Code, Error, Refusal};
use crate::postgres::{Db, Work};
use crate::store;
use crate::store::scenarios::BuiltIn;

const BUILT_IN: &str = include_str!("../../seeds/stress_scenarios.json");

/// The scenarios that come with the program, in their order.
///
/// # Errors
/// When the file that was compiled in is no such list.
pub fn built_in() -> Result<Vec<BuiltIn>, Error> {
    serde_json::from_str(BUILT_IN)
        .map_err(|error| Error::Internal(format!("seeds/stress_scenarios.json: {error}")))
}

/// Makes everybody's scenarios those of this program; changes nothing where they are.
///
/// # Errors
/// When the database fails.
pub async fn keep_built_in(db: &Db) -> Result<(), Error> {
    Ok(store::scenarios::keep_built_in(db.shared(), &built_in()?).await?)
}

/// A supposed move as somebody wrote it.
pub struct WrittenShock {
    pub variable: String,
    pub shock: f64,
}

pub struct NewScenario {
    pub name: String,
    pub description: Option<String>,
    pub category: Category,
    pub shocks: Vec<WrittenShock>,
}

/// What is to change of a scenario; None leaves it as it is.
pub struct Changes {
    pub id: Option<ScenarioId>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub shocks: Option<Vec<WrittenShock>>,
    pub is_active: Option<bool>,
}

/// A scenario as it is kept now.
pub struct Written {
    pub scenario: Scenario,
    /// What to know about it, in sentences.
    pub warnings: Vec<String>,
}

/// Makes a scenario of the owner's.
///
/// # Errors
/// `Validation` for what breaks a rule; `Conflict` for a name that is taken; `LimitExceeded` for
/// one too many.
pub async fn create(
    services: &Services,
    owner: UserId,
    new: NewScenario,
) -> Result<Written, Error> {
    let shocks = shocks(&new.shocks)?;
    let scenario = Scenario {
        id: ScenarioId::fresh(),
        key: None,
        name: name(&new.name)?,
        description: description(new.description.as_deref().unwrap_or_default())?,
        category: new.category,
        severity: Severity::of_shocks(&shocks),
        shocks,
        historical_period: None,
        is_active: true,
        created_at: services.now(),
    };
    let mut tx = services.db.begin_as(owner).await?;
    // One after the other, so that they can be counted.
    store::users::lock(tx.statement(), owner).await?;
    let count = store::scenarios::count(tx.statement(), owner).await?;
    if usize::try_from(count).unwrap_or(usize::MAX) >= MAX_PER_USER {
        let message = format!("You have {MAX_PER_USER} scenarios, which is the most.");
        return Err(Refusal::new(Code::LimitExceeded, message)
            .at("name")
            .hint("Delete one with `deleteStressScenario`, or change one.")
            .into());
    }
    if !store::scenarios::insert(tx.statement(), owner, &scenario).await? {
        return Err(taken());
    }
    let warnings = nobody_s(&mut tx, &scenario.shocks).await?;
    commit(tx, services, owner, "scenario.create", &scenario).await?;
    Ok(Written { scenario, warnings })
}

/// Changes a scenario of the owner's.
///
/// # Errors
/// `NotFound` unless it is theirs; `Validation` for a built-in one, and for what breaks a rule;
/// `Conflict` for a name that is taken.
pub async fn update(
    services: &Services,
    owner: UserId,
    changes: Changes,
) -> Result<Written, Error> {
    let mut tx = services.db.begin_as(owner).await?;
    store::users::lock(tx.statement(), owner).await?;
    let mut scenario = own(&mut tx, owner, changes.id).await?;
    if let Some(text) = &changes.name {
        scenario.name = name(text)?;
    }
    if let Some(text) = &changes.description {
        scenario.description = description(text)?;
    }
    if let Some(written) = &changes.shocks {
        scenario.shocks = shocks(written)?;
        scenario.severity = Severity::of_shocks(&scenario.shocks);
    }
    scenario.is_active = changes.is_active.unwrap_or(scenario.is_active);
    if !store::scenarios::update(tx.statement(), owner, &scenario, services.now()).await? {
        return Err(taken());
    }
    let warnings = nobody_s(&mut tx, &scenario.shocks).await?;
    commit(tx, services, owner, "scenario.update", &scenario).await?;
    Ok(Written { scenario, warnings })
}

/// Forgets a scenario of the owner's.
///
/// # Errors
/// `NotFound` unless it is theirs; `Validation` for a built-in one.
pub async fn delete(
    services: &Services,
    owner: UserId,
    id: Option<ScenarioId>,
) -> Result<ScenarioId, Error> {
    let mut tx = services.db.begin_as(owner).await?;
    let scenario = own(&mut tx, owner, id).await?;
    if !store::scenarios::delete(tx.statement(), owner, scenario.id).await? {
        return Err(Refusal::not_found("scenario").at("id").into());
    }
    commit(tx, services, owner, "scenario.delete", &scenario).await?;
    Ok(scenario.id)
}

/// A scenario that the owner may change.
async fn own(tx: &mut Work, owner: UserId, id: Option<ScenarioId>) -> Result<Scenario, Error> {
    let missing = || Refusal::not_found("scenario").at("id");
    let ids = [id.ok_or_else(missing)?];
    let found = store::scenarios::visible(tx.statement(), owner, Some(&ids)).await?;
    let scenario = found.into_iter().next().ok_or_else(missing)?;
    if scenario.is_built_in() {
        return Err(Refusal::validation("Built-in scenarios are the same for everybody.")
            .at("id")
            .hint("Make one of your own with the same shocks: `createStressScenario`.")
            .into());
    }
    Ok(scenario)
}

/// A sentence about each shocked sector that no known instrument is of, as one that is misspelled.
async fn nobody_s(tx: &mut Work, shocks: &[Shock]) -> Result<Vec<String>, Error> {
    let shocked = shocks.iter().map(|shock| &shock.variable);
    let sectors: Vec<_> = shocked.filter(|one| matches!(one, Variable::Sector(_))).collect();
    if sectors.is_empty() {
        return Ok(Vec::new());
    }
    let known = store::instruments::sectors(tx.statement()).await?;
    let is_known = |variable: &Variable| {
        known
            .iter()
            .any(|(sector, industry)| variable.acts_on(sector.as_deref(), industry.as_deref()))
    };
    let unknown = sectors.into_iter().filter(|variable| !is_known(variable));
    let sentence = |variable: &Variable| {
        format!("No instrument is known of {variable}: its shock moves nothing until one is.")
    };
    Ok(unknown.map(sentence).collect())
}

async fn commit(
    mut tx: Work,
    services: &Services,
    owner: UserId,
    action: &str,
    scenario: &Scenario,
) -> Result<(), Error> {
    let entry = store::audit::Entry {
        owner,
        actor: owner,
        action,
        subject: Some(("StressScenario", scenario.id.0)),
        detail: json!({ "name": scenario.name, "shocks": scenario.shocks }),
    };
    store::audit::append(tx.statement(), entry, services.now()).await?;
    Ok(tx.commit().await?)
}

fn taken() -> Error {
    Refusal::new(Code::Conflict, "You have a scenario of that name already.").at("name").into()
}

fn name(text: &str) -> Result<String, Refusal> {
    naming::name(text, "A scenario's", MAX_NAME_CHARACTERS)
}

fn description(text: &str) -> Result<String, Refusal> {
    naming::description(text, MAX_DESCRIPTION_CHARACTERS)
}

/// Shocks as they are kept.
fn shocks(written: &[WrittenShock]) -> Result<Vec<Shock>, Refusal> {
    if written.is_empty() || written.len() > MAX_SHOCKS {
        let rule = format!("A scenario has 1 to {MAX_SHOCKS} shocks.");
        return Err(Refusal::validation(rule).at("shocks"));
    }
    let mut shocks = Vec::<Shock>::with_capacity(written.len());
    for (place, WrittenShock { variable, shock }) in written.iter().enumerate() {
        let at = |field: &str| format!("shocks.{place}.{field}");
        let variable = self::variable(variable).map_err(|refusal| refusal.at(&at("variable")))?;
        let (least, most) = variable.bounds();
        if !(least..=most).contains(shock) {
            let rule = format!("A shock of {variable} is from {least} to {most}.");
            return Err(Refusal::validation(rule).at(&at("shock")).hint(unit(&variable)));
        }
        if shocks.iter().any(|earlier| earlier.variable == variable) {
            let rule = format!("{variable} has a shock already.");
            return Err(Refusal::validation(rule).at(&at("variable")));
        }
        shocks.push(Shock { variable, shock: *shock });
    }
    Ok(shocks)
}

/// The variable of a name.
///
/// # Errors
/// `Validation`, with the names there are.
pub fn variable(name: &str) -> Result<Variable, Refusal> {
    name.parse().map_err(|_| {
        let names = Variable::named().map(|one| one.to_string()).collect::<Vec<_>>().join(", ");
        Refusal::validation("There is no variable of that name.").hint(format!(
            "Known are {names}, and SECTOR: with the name of a sector, as in SECTOR:Technology."
        ))
    })
}

fn unit(variable: &Variable) -> &'static str {
    if variable.is_price() {
        "It is a return: -0.1 is a fall by 10 %, and nothing falls by more than everything."
    } else if matches!(variable, Variable::Macro(crate::domain::scenario::Macro::Vix)) {
        "It is a share of the index's level: 1.5 takes it from 20 to 50."
    } else {
        "It is an absolute change: 0.01 is 100 basis points."
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_are_scenarios_that_anybody_could_have_written() {
        let all = built_in().expect("the seeds");
        assert_eq!(all.len(), 27);
        for one in &all {
            let written = one.shocks.iter();
            let written = written
                .map(|Shock { variable, shock }| WrittenShock {
                    variable: variable.to_string(),
                    shock: *shock,
                })
                .collect::<Vec<_>>();
            assert_eq!(shocks(&written).as_ref(), Ok(&one.shocks), "{}", one.key);
            assert_eq!(name(&one.name).as_ref(), Ok(&one.name));
            assert_eq!(one.historical_period.is_some(), one.category == Category::Historical);
        }
    }

    #[test]
    fn shocks_beyond_their_bounds_are_refused_where_they_stand() {
        let refused = |variable: &str, shock| {
            let good = WrittenShock { variable: "OIL".into(), shock: 0.1 };
            let bad = WrittenShock { variable: variable.into(), shock };
            shocks(&[good, bad]).expect_err("a refusal").field.join(".")
        };
        assert_eq!(refused("Market", -1.01), "shocks.1.shock");
        assert_eq!(refused("Market", f64::NAN), "shocks.1.shock");
        assert_eq!(refused("INTEREST_RATE", 50.0), "shocks.1.shock");
        assert_eq!(refused("LUCK", 0.1), "shocks.1.variable");
        assert_eq!(refused("oil", 0.2), "shocks.1.variable");
    }
}
