//! Making, changing and forgetting stress scenarios.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{DeletePayload, owner};
use crate::error::Error;
use crate::graphql::error::{Result, UserError, settle};
use crate::graphql::id::NodeId;
use crate::graphql::types::scenario::{ScenarioCategory, StressScenario};
use crate::graphql::viewer::request;
use crate::services::scenarios::{self, Changes, NewScenario, Written, WrittenShock};

/// One supposed move.
#[derive(InputObject)]
struct FactorShockInput {
    /// As of `FactorShock`: a factor's name, `OIL` and the like, or `SECTOR:` with a sector's
    /// name; whatever the case.
    variable: String,
    /// A return as a fraction, from −1 to 3; of `INTEREST_RATE` an absolute change from −0.1 to
    /// 0.1, of `CREDIT_SPREAD` from −0.3 to 0.3; of VIX a share of its level from −0.9 to 10.
    shock: f64,
}

impl From<FactorShockInput> for WrittenShock {
    fn from(input: FactorShockInput) -> Self {
        Self { variable: input.variable, shock: input.shock }
    }
}

fn written(shocks: Vec<FactorShockInput>) -> Vec<WrittenShock> {
    shocks.into_iter().map(WrittenShock::from).collect()
}

/// A scenario to be made; at most 100 a person.
#[derive(InputObject)]
struct CreateStressScenarioInput {
    /// 1 to 100 characters, unique among the owner's whatever the case.
    name: String,
    /// At most 2,000 characters.
    description: Option<String>,
    /// What it is about.
    #[graphql(default_with = "ScenarioCategory::Custom")]
    category: ScenarioCategory,
    /// What moves, and how far: 1 to 20, each variable once.
    shocks: Vec<FactorShockInput>,
}

/// What is to change of a scenario of one's own; what is left out stays.
#[derive(InputObject)]
struct UpdateStressScenarioInput {
    /// The scenario's `id`.
    id: ID,
    /// 1 to 100 characters, unique among the owner's whatever the case.
    name: Option<String>,
    /// At most 2,000 characters.
    description: Option<String>,
    /// All its shocks anew: 1 to 20, each variable once.
    shocks: Option<Vec<FactorShockInput>>,
    /// Whether stress tests run it when no scenarios are named.
    is_active: Option<bool>,
}

/// A scenario of one's own to be forgotten.
#[derive(InputObject)]
struct DeleteStressScenarioInput {
    /// The scenario's `id`.
    id: ID,
}

/// A scenario, or why there is none.
#[derive(SimpleObject)]
struct StressScenarioPayload {
    /// The scenario as it is now; null when there are `userErrors`.
    scenario: Option<StressScenario>,
    /// What to know about it, in sentences: shocked sectors that no known instrument is of.
    warnings: Vec<String>,
    /// What the caller can mend.
    user_errors: Vec<UserError>,
}

impl StressScenarioPayload {
    fn of(outcome: std::result::Result<Written, Error>) -> Result<Self> {
        let (written, user_errors) = settle(outcome)?;
        let (scenario, warnings) = written.map(|own| (own.scenario, own.warnings)).unzip();
        let scenario = scenario.map(|scenario| StressScenario(Arc::new(scenario)));
        Ok(Self { scenario, warnings: warnings.unwrap_or_default(), user_errors })
    }
}

#[derive(Default)]
pub struct Scenarios;

#[Object]
impl Scenarios {
    /// Makes a scenario of the viewer's own.
    async fn create_stress_scenario(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is made.")] input: CreateStressScenarioInput,
    ) -> Result<StressScenarioPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let new = NewScenario {
            name: input.name,
            description: input.description,
            category: input.category.into(),
            shocks: written(input.shocks),
        };
        let outcome = scenarios::create(&request.services, owner, new).await;
        request.has_written().await;
        StressScenarioPayload::of(outcome)
    }

    /// Changes a scenario of the viewer's own; built-in ones stay as they are.
    async fn update_stress_scenario(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdateStressScenarioInput,
    ) -> Result<StressScenarioPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let changes = Changes {
            id: NodeId::scenario(&input.id),
            name: input.name,
            description: input.description,
            shocks: input.shocks.map(written),
            is_active: input.is_active,
        };
        let outcome = scenarios::update(&request.services, owner, changes).await;
        request.has_written().await;
        StressScenarioPayload::of(outcome)
    }

    /// Forgets a scenario of the viewer's own.
    async fn delete_stress_scenario(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: DeleteStressScenarioInput,
    ) -> Result<DeletePayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let id = NodeId::scenario(&input.id);
        let outcome = scenarios::delete(&request.services, owner, id).await;
        let (deleted, user_errors) = settle(outcome)?;
        request.has_written().await;
        Ok(DeletePayload { deleted_id: deleted.map(|id| NodeId::Scenario(id).into()), user_errors })
    }
}
