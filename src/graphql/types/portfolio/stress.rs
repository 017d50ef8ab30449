//! What is asked of a book about moves: arguments checked, computed off the async threads.
//!
//! Whoever calls these boxes them: a portfolio's futures are as large as the largest of its fields,
//! and are nested in those of whatever returns a portfolio.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Context, ID};
use futures_util::future::try_join;

use super::Portfolio;
use crate::domain::factor::Factor;
use crate::domain::result::{self, Kept, Largest, LatestKind, MarketRisk, Moved};
use crate::domain::scenario::{Macro, Scenario, Variable};
use crate::error::{Error, Refusal};
use crate::graphql::error::Result;
use crate::graphql::id::NodeId;
use crate::graphql::loaders::results::StressHistory;
use crate::graphql::scalar::Date;
use crate::graphql::types::scenario::ScenarioCategory;
use crate::graphql::types::stress::{
    MonteCarloResult, Origin, ReverseStressResult, ScenarioAccuracy, ScenarioResult, StressResult,
};
use crate::graphql::viewer::{book_warnings, request};
use crate::services::factors::{self, Method, WINDOW};
use crate::services::scenarios;
use crate::services::stress::{
    Accuracy, Confidence, DAYS_BACK, Desk, MAX_HORIZON, MAX_PATHS, Standing, accuracy,
};
use crate::services::valuation::Book;

/// Most moves of one list.
const MAX_MOVES: usize = 50;
/// Most sessions that a backtest looks back on: those that a desk has returns of.
const MAX_DAYS_BACK: usize = WINDOW;
/// What the search for a move costs, in passes over the book.
const SEARCH: usize = 10;
/// What random numbers start from unless somebody says: the same question has the same answer.
const SEED: i32 = 42;

async fn desk(ctx: &Context<'_>, book: &Arc<Book>, passes: usize) -> Result<Arc<Desk>> {
    request(ctx).spend(book.lines.len().saturating_mul(passes))?;
    Box::pin(request(ctx).loaders().desk(book)).await
}

pub async fn market_moves(
    ctx: &Context<'_>,
    book: &Arc<Book>,
    moves: Vec<f64>,
    as_of: Option<Date>,
) -> Result<Vec<ScenarioResult>> {
    check_moves(&moves, &Variable::Factor(Factor::Market))?;
    single_moves(ctx, book, (Moved::Market, moves), as_of).await
}

pub async fn rate_moves(
    ctx: &Context<'_>,
    book: &Arc<Book>,
    moves: Vec<f64>,
    as_of: Option<Date>,
) -> Result<Vec<ScenarioResult>> {
    check_moves(&moves, &Variable::Macro(Macro::InterestRate))?;
    single_moves(ctx, book, (Moved::Rate, moves), as_of).await
}

/// What moves of one variable do: as the nightly chain found them, or else found now.
async fn single_moves(
    ctx: &Context<'_>,
    book: &Arc<Book>,
    (kind, moves): (Moved, Vec<f64>),
    as_of: Option<Date>,
) -> Result<Vec<ScenarioResult>> {
    let loaders = request(ctx).loaders();
    let latest = Box::pin(loaders.latest(book, LatestKind::MarketRisk)).await?;
    let latest = latest.and_then(|(of, found)| {
        let one = |change: &f64| {
            let is_it = |one: &&Largest<MarketRisk, _>| {
                one.found.kind == kind && one.found.change.total_cmp(change).is_eq()
            };
            Some(ScenarioResult::latest(of, book, found.iter().find(is_it)?.clone()))
        };
        moves.iter().map(one).collect::<Option<Vec<_>>>()
    });
    let mut results = if let Some(latest) = latest {
        latest
    } else {
        let desk = desk(ctx, book, moves.len()).await?;
        let own = Arc::clone(&desk);
        let found = loaders.off_the_threads(move || own.moves_of(kind, &moves)).await?;
        let result = |result| {
            let origin = Origin::Live(Arc::clone(&desk));
            ScenarioResult { origin, kind, result }
        };
        found.map_err(no_number)?.into_iter().map(result).collect()
    };
    for one in &mut results {
        say_session(&mut one.result.standing, as_of, book);
    }
    Ok(results)
}

pub async fn run_scenarios(
    ctx: &Context<'_>,
    book: &Arc<Book>,
    ids: Option<Vec<ID>>,
    categories: Option<Vec<ScenarioCategory>>,
    as_of: Option<Date>,
) -> Result<Vec<StressResult>> {
    let loaders = request(ctx).loaders();
    let latest = loaders.latest::<result::StressResult>(book, LatestKind::Stress);
    let (all, latest) = Box::pin(try_join(loaders.scenarios(), latest)).await?;
    let scenarios = chosen(&all, ids.as_deref(), categories.as_deref())?;

    // What still holds is answered with; a scenario that is new or has changed since is run.
    let mut known: HashMap<_, _> = HashMap::new();
    if let Some((of, found)) = latest {
        known.extend(found.into_iter().map(|one| (one.scenario_id, (of, one))));
    }
    known.retain(|id, (_, found)| {
        scenarios.iter().any(|one| one.id == *id && one.shocks == found.shocks)
    });
    let unknown: Vec<_> =
        scenarios.iter().filter(|one| !known.contains_key(&one.id)).cloned().collect();
    let mut ran = Vec::new();
    if !unknown.is_empty() {
        request(ctx).spend(book.lines.len().saturating_mul(unknown.len()))?;
        let desk = desk(ctx, book, 1).await?;
        let own = Arc::clone(&desk);
        let outcomes = loaders.off_the_threads(move || own.run(&unknown)).await?;
        ran.extend(
            outcomes
                .into_iter()
                .map(|outcome| StressResult { origin: Origin::Live(Arc::clone(&desk)), outcome }),
        );
    }
    let mut ran = ran.into_iter();
    let result = |scenario: &Arc<Scenario>| match known.remove(&scenario.id) {
        Some((of, found)) => Some(StressResult::kept(scenario, of, found, Some(book))),
        None => ran.next(),
    };
    let mut results: Vec<_> = scenarios.iter().filter_map(result).collect();
    for one in &mut results {
        say_session(&mut one.outcome.standing, as_of, book);
    }
    Ok(results)
}

pub async fn reverse(
    ctx: &Context<'_>,
    book: &Arc<Book>,
    variable: String,
    loss: f64,
    as_of: Option<Date>,
) -> Result<ReverseStressResult> {
    let variable = scenarios::variable(&variable)?;
    if !(loss > 0.0 && loss.is_finite()) {
        let refusal = Refusal::validation("`lossRatio` is above zero.");
        return Err(refusal.hint("0.1 asks for a loss of 10 %.").into());
    }
    let desk = desk(ctx, book, SEARCH).await?;
    let (own, name) = (Arc::clone(&desk), variable.to_string());
    let found =
        request(ctx).loaders().off_the_threads(move || own.reverse(&variable, loss)).await?;
    let mut found = found.map_err(no_number)?;
    say_session(&mut found.standing, as_of, book);
    Ok(ReverseStressResult::new(&desk, name, loss, found))
}

pub async fn simulate(
    ctx: &Context<'_>,
    book: &Arc<Book>,
    paths: i32,
    horizon: i32,
    confidence: f64,
    seed: Option<i32>,
) -> Result<MonteCarloResult> {
    let bounded = |value: i32, least: u32, most: u32, name: &str| {
        let value = u32::try_from(value).ok().filter(|own| (least..=most).contains(own));
        value.ok_or_else(|| Refusal::validation(format!("`{name}` is from {least} to {most}.")))
    };
    let drawn = bounded(paths, 100, MAX_PATHS, "paths")?;
    let sessions = bounded(horizon, 1, MAX_HORIZON, "horizonDays")?;
    let level = Confidence::new(confidence)
        .map_err(|_| Refusal::validation("`confidence` is from 0.5 to 0.9999."))?;
    let seed = seed.unwrap_or(SEED);
    let desk = desk(ctx, book, 1).await?;
    request(ctx).spend(usize::try_from(drawn).unwrap_or(usize::MAX))?;
    let own = Arc::clone(&desk);
    let calendar = Arc::clone(&request(ctx).services.calendar);
    let key = u64::from(seed.cast_unsigned());
    let found = request(ctx)
        .loaders()
        .off_the_threads(move || own.simulate(drawn, sessions, level, key, &calendar))
        .await?;
    let found = found.map_err(no_number)?;
    Ok(MonteCarloResult {
        paths,
        horizon_days: horizon,
        confidence: level.fraction(),
        seed,
        as_of: desk.book.horizon.as_of.into(),
        quality: found.standing.quality.into(),
        warnings: found.standing.warnings.clone(),
        desk,
        found,
    })
}

impl Portfolio {
    pub(super) async fn accuracy(
        &self,
        ctx: &Context<'_>,
        days: Option<i32>,
    ) -> Result<ScenarioAccuracy> {
        let sessions = days.map_or(Some(DAYS_BACK), |days| usize::try_from(days).ok());
        let sessions =
            sessions.filter(|days| (2..=MAX_DAYS_BACK).contains(days)).ok_or_else(|| {
                Refusal::validation(format!("`daysBack` is from 2 to {MAX_DAYS_BACK}."))
            })?;
        let calendar = Arc::clone(&request(ctx).services.calendar);
        let book = self.book(ctx, None).await?;
        let loaders = request(ctx).loaders();
        if sessions == DAYS_BACK {
            let latest = loaders.latest::<Accuracy>(&book, LatestKind::Accuracy);
            let latest = Box::pin(latest).await?;
            if let Some(found) = latest.and_then(|(_, found)| found.into_iter().next()) {
                return Ok(found.into());
            }
        }
        let before = Accuracy::before(book.horizon.as_of, sessions, &calendar);
        let wanted = factors::wanted(&book.lines);
        let estimates = loaders.estimates(before, Method::default(), wanted);
        let (desk, estimates) = Box::pin(try_join(desk(ctx, &book, 1), estimates)).await?;
        let work = move || accuracy(&desk, &estimates, sessions, &calendar);
        Ok(loaders.off_the_threads(work).await?.into())
    }

    pub(super) async fn kept_results(
        &self,
        ctx: &Context<'_>,
        scenario: ID,
        from: Option<Date>,
        to: Option<Date>,
    ) -> Result<Vec<StressResult>> {
        let all = request(ctx).loaders().scenarios().await?;
        let scenarios = chosen(&all, Some(&[scenario]), None)?;
        let Some(scenario) = scenarios.first() else { return Ok(Vec::new()) };
        let key = StressHistory {
            portfolio: self.0.id,
            scenario: scenario.id,
            from: from.map(|date| date.0),
            to: to.map(|date| date.0),
        };
        let found = request(ctx).loaders().row(key).await?.unwrap_or_default();
        let result = |one: Kept<_>| StressResult::kept(scenario, one.of, one.found, None);
        Ok(found.into_iter().map(result).collect())
    }
}

/// Says so when the day asked for is not the one answered for.
fn say_session(standing: &mut Standing, as_of: Option<Date>, book: &Book) {
    standing.warnings.extend(book_warnings(as_of, book));
}

/// The scenarios to run: those named, or all that are active and of the categories.
pub fn chosen(
    all: &[Arc<Scenario>],
    ids: Option<&[ID]>,
    categories: Option<&[ScenarioCategory]>,
) -> Result<Vec<Arc<Scenario>>, Refusal> {
    let is_asked = |scenario: &Scenario| {
        categories.is_none_or(|asked| asked.contains(&scenario.category.into()))
    };
    let Some(ids) = ids else {
        let active = all.iter().filter(|scenario| scenario.is_active && is_asked(scenario));
        return Ok(active.cloned().collect());
    };
    let mut chosen = Vec::<Arc<Scenario>>::new();
    for id in ids {
        let id = NodeId::scenario(id);
        let found = id.and_then(|id| all.iter().find(|scenario| scenario.id == id));
        let found = found.ok_or_else(|| {
            Refusal::not_found("scenario").hint("`stressScenarios` lists those there are.")
        })?;
        if is_asked(found) && !chosen.iter().any(|earlier| earlier.id == found.id) {
            chosen.push(Arc::clone(found));
        }
    }
    Ok(chosen)
}

/// # Errors
/// `Validation` for none, too many, or one beyond what the variable can do.
fn check_moves(moves: &[f64], variable: &Variable) -> Result<(), Refusal> {
    let (least, most) = variable.bounds();
    if moves.is_empty() || moves.len() > MAX_MOVES {
        return Err(Refusal::validation(format!("`moves` are 1 to {MAX_MOVES}.")));
    }
    if moves.iter().all(|change| (least..=most).contains(change)) {
        return Ok(());
    }
    Err(Refusal::validation(format!("A move of {variable} is from {least} to {most}."))
        .hint("0.01 is 1 % of the market, and 100 basis points of a yield."))
}

/// What should not happen to finite inputs of the size that books have.
fn no_number(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("a stress test gives no number: {error}"))
}
