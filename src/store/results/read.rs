//! What dashboards read of the results.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use sqlx::PgExecutor;
use sqlx::types::Json;

use crate::domain::id::{PortfolioId, PositionId, ScenarioId, UserId};
use crate::domain::quality::Quality;
use crate::domain::result::{Covered, FactorExposure, Impact, Kept, Of, PositionPnl, StressResult};
use crate::domain::scenario::{Severity, Shock};

/// A portfolio at a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BookOn {
    pub portfolio: PortfolioId,
    pub date: NaiveDate,
}

fn columns(asked: &[BookOn]) -> (Vec<uuid::Uuid>, Vec<NaiveDate>) {
    asked.iter().map(|one| (one.portfolio.0, one.date)).unzip()
}

/// What the owner's books had in the factors; no order.
pub async fn factor_exposures(
    db: impl PgExecutor<'_>,
    owner: UserId,
    asked: &[BookOn],
) -> sqlx::Result<Vec<Kept<FactorExposure>>> {
    let (portfolios, dates) = columns(asked);
    sqlx::query!(
        r#"
        select portfolio_id as "portfolio_id: PortfolioId", date, factor, dollars, beta,
               standard_error, observations, total_value, quality as "quality: Quality", warnings,
               included_positions, excluded_positions, included_exposure, excluded_exposure,
               created_at
          from factor_exposures
          join unnest($2::uuid[], $3::date[]) asked (portfolio_id, date)
         using (portfolio_id, date)
         where owner_id = $1
        "#,
        owner.0,
        &portfolios,
        &dates,
    )
    .map(|row| {
        let of = Of {
            owner_id: owner,
            portfolio_id: row.portfolio_id,
            date: row.date,
            created_at: row.created_at,
        };
        let found = FactorExposure {
            factor: row.factor,
            dollars: row.dollars,
            beta: row.beta,
            standard_error: row.standard_error,
            observations: row.observations,
            total_value: row.total_value,
            quality: row.quality,
            warnings: row.warnings,
            covered: Covered {
                included_positions: row.included_positions,
                excluded_positions: row.excluded_positions,
                included_exposure: row.included_exposure,
                excluded_exposure: row.excluded_exposure,
            },
        };
        Kept { of, found }
    })
    .fetch_all(db)
    .await
}

/// What a position adds to its book's exposure to a factor.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub of: BookOn,
    pub position: PositionId,
    pub factor: String,
    pub beta: f64,
    pub dollars: Decimal,
}

/// What the positions of the owner's books add, the largest size first.
pub async fn parts(
    db: impl PgExecutor<'_>,
    owner: UserId,
    asked: &[BookOn],
) -> sqlx::Result<Vec<Part>> {
    let (portfolios, dates) = columns(asked);
    sqlx::query!(
        r#"
        select portfolio_id as "portfolio_id: PortfolioId", date,
               position_id as "position_id: PositionId", part.factor as "factor!",
               part.beta as "beta!", part.dollars as "dollars!"
          from position_factor_exposures
          join unnest($2::uuid[], $3::date[]) asked (portfolio_id, date)
         using (portfolio_id, date)
         cross join unnest(factors, betas, dollars) part (factor, beta, dollars)
         where owner_id = $1 and part.beta is not null and part.dollars is not null
         order by abs(part.dollars) desc, position_id
        "#,
        owner.0,
        &portfolios,
        &dates,
    )
    .map(|row| Part {
        of: BookOn { portfolio: row.portfolio_id, date: row.date },
        position: row.position_id,
        factor: row.factor,
        beta: row.beta,
        dollars: row.dollars,
    })
    .fetch_all(db)
    .await
}

/// A scenario on a portfolio, between two days, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StressHistory {
    pub portfolio: PortfolioId,
    pub scenario: ScenarioId,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
}

/// What scenarios would have done to the owner's books, each with the place of its question; the
/// oldest first.
pub async fn stress_histories(
    db: impl PgExecutor<'_>,
    owner: UserId,
    asked: &[StressHistory],
) -> sqlx::Result<Vec<(usize, Kept<StressResult>)>> {
    sqlx::query!(
        r#"
        select asked.ordinal as "ordinal!", portfolio_id as "portfolio_id: PortfolioId",
               scenario_id as "scenario_id: ScenarioId", date,
               shocks as "shocks: Json<Vec<Shock>>", direct_pnl, correlation_pnl, total_pnl,
               full_revaluation_pnl, share, new_total_value, severity as "severity: Severity",
               impacts as "impacts: Json<Vec<Impact>>",
               positions as "positions: Json<Vec<PositionPnl>>", quality as "quality: Quality",
               warnings, included_positions, excluded_positions, included_exposure,
               excluded_exposure, created_at
          from unnest($2::uuid[], $3::uuid[], $4::date[], $5::date[])
               with ordinality asked (portfolio, scenario, first, last, ordinal)
          join stress_test_results on portfolio_id = asked.portfolio
                                  and scenario_id = asked.scenario
                                  and date between coalesce(asked.first, '-infinity')
                                               and coalesce(asked.last, 'infinity')
         where owner_id = $1
         order by asked.ordinal, date
        "#,
        owner.0,
        &asked.iter().map(|one| one.portfolio.0).collect::<Vec<_>>(),
        &asked.iter().map(|one| one.scenario.0).collect::<Vec<_>>(),
        &asked.iter().map(|one| one.from).collect::<Vec<_>>() as &[Option<NaiveDate>],
        &asked.iter().map(|one| one.to).collect::<Vec<_>>() as &[Option<NaiveDate>],
    )
    .map(|row| {
        let of = Of {
            owner_id: owner,
            portfolio_id: row.portfolio_id,
            date: row.date,
            created_at: row.created_at,
        };
        let found = StressResult {
            scenario_id: row.scenario_id,
            shocks: row.shocks.0,
            direct_pnl: row.direct_pnl,
            correlation_pnl: row.correlation_pnl,
            total_pnl: row.total_pnl,
            full_revaluation_pnl: row.full_revaluation_pnl,
            share: row.share,
            new_total_value: row.new_total_value,
            severity: row.severity,
            impacts: row.impacts.0,
            positions: row.positions.0,
            quality: row.quality,
            warnings: row.warnings,
            covered: Covered {
                included_positions: row.included_positions,
                excluded_positions: row.excluded_positions,
                included_exposure: row.included_exposure,
                excluded_exposure: row.excluded_exposure,
            },
        };
        (usize::try_from(row.ordinal - 1).unwrap_or(0), Kept { of, found })
    })
    .fetch_all(db)
    .await
}
