//! What the nightly chain finds of books, a module a table.
//!
//! Rows come as an array of JSON objects that have the columns' names, for many have lists in
//! them. Putting what was found of a date in the place of what is there takes two statements:
//! what says something else goes, what is not there comes. What says the same stays untouched.

pub mod latest;
pub mod market;
pub mod read;

macro_rules! results {
    ($($(#[$doc:meta])* $module:ident = $table:literal)*) => {$(
        $(#[$doc])*
        pub mod $module {
            use chrono::NaiveDate;
            use serde_json::value::RawValue;
            use sqlx::PgExecutor;
            use sqlx::types::Json;

            use crate::domain::id::{PortfolioId, UserId};

            /// Removes what is there of some portfolios and a date, but for what `rows` say too.
            /// The portfolios that lost something.
            pub async fn delete_others(
                db: impl PgExecutor<'_>,
                owner: UserId,
                portfolios: &[PortfolioId],
                date: NaiveDate,
                rows: &[Box<RawValue>],
            ) -> sqlx::Result<Vec<PortfolioId>> {
                sqlx::query_scalar!(
                    "with gone as (
                     delete from " + $table + " stored
                      where owner_id = $1 and portfolio_id = any($2) and date = $3
                        and not exists (
                            select from jsonb_populate_recordset(null::" + $table + ", $4) found
                             where to_jsonb(found) - 'created_at' = to_jsonb(stored) - 'created_at')
                     returning portfolio_id)
                     select distinct portfolio_id as \"portfolio_id!: PortfolioId\" from gone",
                    owner.0,
                    portfolios as &[PortfolioId],
                    date,
                    Json(rows) as _,
                )
                .fetch_all(db)
                .await
            }

            /// Adds those that are not there. The portfolios that got something.
            pub async fn insert_all(
                db: impl PgExecutor<'_>,
                rows: &[Box<RawValue>],
            ) -> sqlx::Result<Vec<PortfolioId>> {
                sqlx::query_scalar!(
                    "with come as (
                     insert into " + $table + "
                     select * from jsonb_populate_recordset(null::" + $table + ", $1)
                         on conflict do nothing
                     returning portfolio_id)
                     select distinct portfolio_id as \"portfolio_id!: PortfolioId\" from come",
                    Json(rows) as _,
                )
                .fetch_all(db)
                .await
            }

            /// Removes the owner's from before a date. The number removed.
            pub async fn delete_before(
                db: impl PgExecutor<'_>,
                owner: UserId,
                date: NaiveDate,
            ) -> sqlx::Result<u64> {
                let done = sqlx::query!(
                    "delete from " + $table + " where owner_id = $1 and date < $2",
                    owner.0,
                    date,
                );
                Ok(done.execute(db).await?.rows_affected())
            }
        }
    )*};
}

results! {
    /// Sensitivities of positions.
    position_greeks = "position_greeks"
    /// What books have in the factors.
    factor_exposures = "factor_exposures"
    /// What positions have in the factors.
    position_factor_exposures = "position_factor_exposures"
    /// How positions answer to the ten-year yield.
    position_rate_betas = "position_interest_rate_betas"
    /// What single moves would do.
    market_risk = "market_risk_scenarios"
    /// What scenarios would do.
    stress_tests = "stress_test_results"
    /// How what books hold moves together.
    correlations = "portfolio_correlations"
    /// How well the market scenario predicted.
    accuracy = "scenario_accuracy"
}

/// How the factors move together: everybody's.
pub mod factor_correlations {
    use chrono::NaiveDate;
    use serde_json::Value;
    use sqlx::PgExecutor;

    /// Removes what is there of a date, unless `row` says it too.
    pub async fn delete_other(
        db: impl PgExecutor<'_>,
        date: NaiveDate,
        row: &Value,
    ) -> sqlx::Result<u64> {
        let done = sqlx::query!(
            "delete from factor_correlations stored
              where date = $1
                and not exists (
                    select from jsonb_populate_record(null::factor_correlations, $2) found
                     where to_jsonb(found) - 'created_at' = to_jsonb(stored) - 'created_at')",
            date,
            row,
        );
        Ok(done.execute(db).await?.rows_affected())
    }

    /// Adds it if it is not there.
    pub async fn insert(db: impl PgExecutor<'_>, row: &Value) -> sqlx::Result<u64> {
        let done = sqlx::query!(
            "insert into factor_correlations
             select * from jsonb_populate_record(null::factor_correlations, $1)
                 on conflict do nothing",
            row,
        );
        Ok(done.execute(db).await?.rows_affected())
    }

    /// Removes those from before a date. The number removed.
    pub async fn delete_before(db: impl PgExecutor<'_>, date: NaiveDate) -> sqlx::Result<u64> {
        let done = sqlx::query!("delete from factor_correlations where date < $1", date);
        Ok(done.execute(db).await?.rows_affected())
    }
}
