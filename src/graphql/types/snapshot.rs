//! Snapshots, and how a book did by them.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::factor::FactorExposure;
use super::greeks::Greeks;
use super::portfolio::Portfolio;
use super::quality::Quality;
use crate::domain::calendar::Calendar;
use crate::domain::{quality, snapshot};
use crate::error::Refusal;
use crate::graphql::error::Result;
use crate::graphql::id::NodeId;
use crate::graphql::loaders::PortfolioBy;
use crate::graphql::loaders::results::BookOn;
use crate::graphql::page::connection;
use crate::graphql::scalar::{Date, Decimal};
use crate::graphql::viewer::{request, resolved_warning};
use crate::services::performance;

/// Why a snapshot was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "snapshot::SnapshotSource")]
pub enum SnapshotSource {
    /// By the nightly chain.
    Batch,
    /// Afterwards, from stored prices.
    Backfill,
    /// Because somebody asked.
    OnDemand,
}

/// What a book was worth at the close of a session, as it was known when the snapshot was taken;
/// money in the portfolio's currency.
#[derive(Clone)]
pub struct PortfolioSnapshot(pub Arc<snapshot::Snapshot>);

/// What a book was worth at the close of a session, as it was known when the snapshot was taken;
/// money in the portfolio's currency. The value of one session less that of the one before is
/// `dailyPnl + netFlow`, to the cent, wherever every position had a price at both.
#[Object]
impl PortfolioSnapshot {
    /// Opaque and global; works with `node(id:)`.
    pub async fn id(&self) -> ID {
        NodeId::Snapshot(self.0.id).into()
    }

    /// The portfolio it is of.
    async fn portfolio(&self, ctx: &Context<'_>) -> Result<Portfolio> {
        let found = request(ctx).loaders().row(PortfolioBy(self.0.portfolio_id)).await?;
        Ok(found.map(Portfolio).ok_or_else(|| Refusal::not_found("portfolio"))?)
    }

    /// The session at whose close it was taken.
    async fn date(&self) -> Date {
        Date(self.0.date)
    }

    /// Cash and the signed exposures of the open positions that had a price.
    async fn total_value(&self) -> Decimal {
        Decimal(self.0.figures.total_value)
    }

    /// Cash at the end of that day: what it is today less what has moved it since.
    async fn cash_balance(&self) -> Decimal {
        Decimal(self.0.figures.cash_balance)
    }

    /// Σ|exposure|: what is owned plus what is owed, never negative.
    async fn gross_exposure(&self) -> Decimal {
        Decimal(self.0.figures.gross_exposure())
    }

    /// Σ exposure: below zero where more is owed than owned.
    async fn net_exposure(&self) -> Decimal {
        Decimal(self.0.figures.net_exposure())
    }

    /// Σ exposure of what is above zero.
    async fn long_exposure(&self) -> Decimal {
        Decimal(self.0.figures.long_exposure)
    }

    /// Σ exposure of what is below zero; zero or negative.
    async fn short_exposure(&self) -> Decimal {
        Decimal(self.0.figures.short_exposure)
    }

    /// Σ of sizes, options at their underlyings' prices.
    async fn notional(&self) -> Decimal {
        Decimal(self.0.figures.notional)
    }

    /// Σ of the exposures, options at delta times their underlyings' prices; those without a
    /// delta left out.
    async fn delta_adjusted_net(&self) -> Decimal {
        Decimal(self.0.figures.delta_adjusted_net)
    }

    /// What came in since the session before without being earned: positions at their entry
    /// prices, less those closed at their exit prices, and the change of cash. Below zero went
    /// out.
    async fn net_flow(&self) -> Decimal {
        Decimal(self.0.figures.net_flow)
    }

    /// Profit or loss of the session; null when no position has one.
    async fn daily_pnl(&self) -> Option<Decimal> {
        self.0.figures.daily_pnl.map(Decimal)
    }

    /// Unrealized and realized profit or loss of everything there is or was, since its entry; below
    /// zero is a loss. What had no price is left out; never null so far.
    async fn cumulative_pnl(&self) -> Option<Decimal> {
        Some(Decimal(self.0.figures.cumulative_pnl))
    }

    /// `dailyPnl` over the value at the close before with `netFlow`, as a fraction; null where
    /// that is zero or less, or there is no `dailyPnl`.
    async fn daily_return(&self) -> Option<f64> {
        self.0.figures.daily_return
    }

    /// Of the whole book: Σ over its positions; those without Greeks are left out. Null where no
    /// position had any.
    async fn greeks(&self) -> Option<Greeks> {
        self.0.figures.greeks.map(Greeks::from)
    }

    /// What the book had in each active factor, as the nightly chain found it: ORTHOGONAL betas,
    /// DOLLAR exposures. Empty for a session that the chain did not work on, such as one from
    /// before the book was kept.
    #[graphql(complexity = "1 + 7 * child_complexity")]
    async fn factor_exposures(&self, ctx: &Context<'_>) -> Result<Vec<FactorExposure>> {
        let of = BookOn { portfolio: self.0.portfolio_id, date: self.0.date };
        Box::pin(FactorExposure::kept(request(ctx), of)).await
    }

    /// Open positions above zero.
    async fn long_count(&self) -> i32 {
        self.0.figures.long_count
    }

    /// Open positions below zero.
    async fn short_count(&self) -> i32 {
        self.0.figures.short_count
    }

    /// Open positions, those without a price too.
    async fn position_count(&self) -> i32 {
        self.0.figures.position_count
    }

    /// Open options among them.
    async fn option_count(&self) -> i32 {
        self.0.figures.option_count
    }

    /// Why it was taken.
    async fn source(&self) -> SnapshotSource {
        self.0.source.into()
    }

    /// How far its figures can be trusted.
    async fn quality(&self) -> Quality {
        self.0.figures.quality.into()
    }

    /// When its figures last changed.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

connection! {
    /// Snapshots of a portfolio, the oldest first.
    PortfolioSnapshotConnection, PortfolioSnapshotEdge, PortfolioSnapshot
}

/// A stretch of time that ends with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "performance::Period")]
pub enum Period {
    /// The session alone.
    Day,
    /// Seven days.
    Week,
    /// A month, to the day.
    Month,
    /// Three months, to the day.
    Quarter,
    /// Since the last session of the year before.
    #[graphql(name = "YTD")]
    YearToDate,
    /// Twelve months, to the day.
    Year,
    /// Since the first entry, or since the close of the first snapshot that is kept where the book
    /// is older.
    Inception,
}

/// What a period brought.
#[derive(Clone, Debug, SimpleObject)]
pub struct PeriodReturn {
    /// Which.
    period: Period,
    /// The session at whose close it begins.
    from: Date,
    /// The session with whose close it ends.
    to: Date,
    /// Π (1 + r) − 1 over the `dailyReturn`s of its sessions, as a fraction: what was paid in or
    /// out does not count. Null where one is missing, or the snapshots do not reach back to its
    /// beginning: the warnings say which. Source: CFA Institute (2020), Global Investment
    /// Performance Standards.
    time_weighted: Option<f64>,
    /// Σ of the `dailyPnl`s of its sessions; null likewise.
    pnl: Option<Decimal>,
}

/// How a book did, by its snapshots.
#[derive(Clone, Debug, SimpleObject)]
pub struct Performance {
    /// By period, the shortest first; empty without a snapshot.
    returns: Vec<PeriodReturn>,
    /// The session that the periods end with.
    as_of: Date,
    /// As the worst of the snapshots it is made of.
    quality: Quality,
    /// What to know about it, in sentences.
    warnings: Vec<String>,
}

impl Performance {
    /// By the snapshots up to a session; `asked` is the day that was asked for.
    pub fn of(
        calendar: &Calendar,
        snapshots: &[snapshot::Snapshot],
        first: Option<chrono::NaiveDate>,
        session: chrono::NaiveDate,
        asked: Option<Date>,
    ) -> Self {
        let found = performance::returns(snapshots, first, calendar);
        let returns = found.iter().map(|one| PeriodReturn {
            period: one.period.into(),
            from: Date(one.from),
            to: Date(one.to),
            time_weighted: one.time_weighted,
            pnl: one.pnl.map(Decimal),
        });
        let newest = snapshots.last().map(|newest| newest.date);
        let mut warnings = Vec::from_iter(resolved_warning(asked, session));
        match newest {
            None => warnings.push(format!("There is no snapshot up to {session}.")),
            Some(date) if date < session => {
                warnings.push(format!("The newest snapshot up to {session} is of {date}."));
            }
            Some(_) => {}
        }
        warnings.extend(performance::warnings(snapshots, first, &found));
        let lacking: Vec<_> = snapshots
            .iter()
            .filter(|one| one.figures.quality == quality::Quality::Insufficient)
            .map(|one| one.date)
            .collect();
        if let Some((first, last)) = lacking.first().zip(lacking.last()) {
            let count = lacking.len();
            warnings.push(format!(
                "{count} of its snapshots, from {first} to {last}, lack prices of what was held."
            ));
        }
        Self {
            returns: returns.collect(),
            as_of: newest.unwrap_or(session).into(),
            quality: performance::quality(snapshots).into(),
            warnings,
        }
    }
}
