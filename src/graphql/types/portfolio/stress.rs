//! What is asked of a book about moves: arguments checked, computed off the async threads.
//!
//! Whoever calls these boxes them: a portfolio's futures are as large as the largest of its fields,
//! and are nested in those of whatever returns a portfolio.

use std::fmt::Write as _;
use std::sync::Arc;

use async_graphql::{Context, ID};
use futures_util::future::try_join;

use super::Portfolio;
use crate::domain::factor::Factor;
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
use crate::graphql::viewer::{request, resolved_warning};
use crate::services::factors::{self, Method, WINDOW};
use crate::services::scenarios;
use crate::services::stress::{
    self, Accuracy, Confidence, DAYS_BACK, Desk, MAX_HORIZON, MAX_PATHS, Standing, accuracy,
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
    let desk = desk(ctx, book, moves.len()).await?;
    let own = Arc::clone(&desk);
    let found = request(ctx)
        .loaders()
        .off_the_threads(move || own.market_moves(&moves))
        .await?
        .map_err(no_number)?;
    let name = |change: f64| format!("Market {}", signed(change * 100.0, "%"));
    Ok(results(&desk, "MARKET_BETA", found, name, as_of))
}

pub async fn rate_moves(
    ctx: &Context<'_>,
    book: &Arc<Book>,
    moves: Vec<f64>,
    as_of: Option<Date>,
) -> Result<Vec<ScenarioResult>> {
    check_moves(&moves, &Variable::Macro(Macro::InterestRate))?;
    let desk = desk(ctx, book, moves.len()).await?;
    let own = Arc::clone(&desk);
    let found = request(ctx)
        .loaders()
        .off_the_threads(move || own.rate_moves(&moves))
        .await?
        .map_err(no_number)?;
    let name = |change: f64| format!("10-year yield {}", signed(change * 10_000.0, "bp"));
    Ok(results(&desk, "RATE_BETA", found, name, as_of))
}

pub async fn run_scenarios(
    ctx: &Context<'_>,
    book: &Arc<Book>,
    ids: Option<Vec<ID>>,
    categories: Option<Vec<ScenarioCategory>>,
    as_of: Option<Date>,
) -> Result<Vec<StressResult>> {
    let loaders = request(ctx).loaders();
    let (all, desk) = Box::pin(try_join(loaders.scenarios(), desk(ctx, book, 1))).await?;
    let scenarios = chosen(&all, ids.as_deref(), categories.as_deref())?;
    request(ctx).spend(book.lines.len().saturating_mul(scenarios.len()))?;
    let own = Arc::clone(&desk);
    let outcomes = request(ctx).loaders().off_the_threads(move || own.run(&scenarios)).await?;
    Ok(outcomes
        .into_iter()
        .map(|mut outcome| {
            say_session(&mut outcome.standing, as_of, &desk);
            StressResult { origin: Origin::Live(Arc::clone(&desk)), outcome }
        })
        .collect())
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
    say_session(&mut found.standing, as_of, &desk);
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
    let key = u64::from(seed.cast_unsigned());
    let found = request(ctx)
        .loaders()
        .off_the_threads(move || own.simulate(drawn, sessions, level, key))
        .await?;
    let found = found.map_err(no_number)?;
    Ok(MonteCarloResult {
        paths,
        horizon_days: horizon,
        confidence: level.fraction(),
        seed,
        value_at_risk: found.value_at_risk.into(),
        expected_shortfall: found.expected_shortfall.into(),
        mean: found.mean.into(),
        standard_deviation: found.standard_deviation.into(),
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
        let before = Accuracy::before(book.horizon.as_of, sessions, &calendar);
        let wanted = factors::wanted(&book.lines);
        let loaders = request(ctx).loaders();
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
        Ok(found.into_iter().map(|one| StressResult::kept(scenario, one)).collect())
    }
}

fn results(
    desk: &Arc<Desk>,
    method: &'static str,
    found: Vec<stress::Move>,
    name: impl Fn(f64) -> String,
    as_of: Option<Date>,
) -> Vec<ScenarioResult> {
    let one = |mut result: stress::Move| {
        say_session(&mut result.standing, as_of, desk);
        ScenarioResult { desk: Arc::clone(desk), name: name(result.change), method, result }
    };
    found.into_iter().map(one).collect()
}

/// Says so when the day asked for is not the one answered for.
fn say_session(standing: &mut Standing, as_of: Option<Date>, desk: &Desk) {
    standing.warnings.extend(resolved_warning(as_of, desk.book.horizon.as_of));
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

/// A number with its sign and unit, without the noise of floats.
fn signed(number: f64, unit: &str) -> String {
    let mut text = format!("{number:+.4}");
    text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    let _ = write!(text, " {unit}");
    text
}

/// What should not happen to finite inputs of the size that books have.
fn no_number(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("a stress test gives no number: {error}"))
}
