//! Making, changing and deleting portfolios.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::{DeletePayload, owner};
use crate::graphql::error::{Result, UserError, settle};
use crate::graphql::id::NodeId;
use crate::graphql::loaders::PortfolioBy;
use crate::graphql::scalar::Decimal;
use crate::graphql::types::portfolio::Portfolio;
use crate::graphql::viewer::request;
use crate::services::portfolios::{self, Changes, NewPortfolio};

/// A portfolio to be made.
#[derive(InputObject)]
struct CreatePortfolioInput {
    /// 1 to 100 characters, unique among the owner's whatever the case.
    name: String,
    /// At most 2,000 characters.
    description: Option<String>,
    /// ISO 4217; only US dollars are kept for now.
    #[graphql(default_with = "String::from(\"USD\")")]
    currency: String,
    /// Money held beside positions; below zero is borrowed.
    #[graphql(default_with = "Decimal(rust_decimal::Decimal::ZERO)")]
    cash_balance: Decimal,
}

/// What is to change of a portfolio; what is left out stays.
#[derive(InputObject)]
struct UpdatePortfolioInput {
    /// The portfolio's `id`.
    id: ID,
    /// 1 to 100 characters, unique among the owner's whatever the case.
    name: Option<String>,
    /// At most 2,000 characters; an empty text removes what is there.
    description: Option<String>,
    /// Money held beside positions, as it is now; below zero is borrowed. What it differs by came
    /// in or went out today: it is in `netFlow`, and is no profit.
    cash_balance: Option<Decimal>,
    /// The portfolio's `updatedAt` as it was read: if it or its positions have been changed since,
    /// nothing is stored, and the error is a CONFLICT. Not looked at when left out.
    expected_updated_at: Option<DateTime<Utc>>,
}

/// A portfolio to be deleted.
#[derive(InputObject)]
struct DeletePortfolioInput {
    /// The portfolio's `id`.
    id: ID,
    /// As of `UpdatePortfolioInput`: the portfolio's `updatedAt` as it was read.
    expected_updated_at: Option<DateTime<Utc>>,
}

/// A portfolio, or why there is none.
#[derive(SimpleObject)]
struct PortfolioPayload {
    /// The portfolio; null when there are `userErrors`.
    portfolio: Option<Portfolio>,
    /// What the caller can mend.
    user_errors: Vec<UserError>,
}

#[derive(Default)]
pub struct Portfolios;

#[Object]
impl Portfolios {
    /// Makes an empty portfolio.
    async fn create_portfolio(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is made.")] input: CreatePortfolioInput,
    ) -> Result<PortfolioPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let new = NewPortfolio {
            name: input.name,
            description: input.description,
            currency: input.currency,
            cash_balance: input.cash_balance.0,
        };
        let (made, user_errors) = settle(portfolios::create(&request.services, owner, new).await)?;
        request.has_written().await;
        let portfolio = made.map(|portfolio| Portfolio(Arc::new(portfolio)));
        Ok(PortfolioPayload { portfolio, user_errors })
    }

    /// Changes the name, the description or the cash of a portfolio.
    async fn update_portfolio(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: UpdatePortfolioInput,
    ) -> Result<PortfolioPayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let changes = Changes {
            id: NodeId::portfolio(&input.id),
            name: input.name,
            description: input.description,
            cash_balance: input.cash_balance.map(|cash| cash.0),
            expected_updated_at: input.expected_updated_at,
        };
        let outcome = portfolios::update(&request.services, owner, changes).await;
        let (updated, user_errors) = settle(outcome)?;
        request.has_written().await;
        let portfolio = match updated {
            Some(id) => request.loaders().row(PortfolioBy(id)).await?.map(Portfolio),
            None => None,
        };
        Ok(PortfolioPayload { portfolio, user_errors })
    }

    /// Deletes a portfolio with its positions, its snapshots and all that was found of it. There is
    /// no way back, but the audit log says that it was there.
    async fn delete_portfolio(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which one.")] input: DeletePortfolioInput,
    ) -> Result<DeletePayload> {
        let request = request(ctx);
        let owner = owner(request).await?;
        request.moment.close().await;
        let id = NodeId::portfolio(&input.id);
        let expected = input.expected_updated_at;
        let outcome = portfolios::delete(&request.services, owner, id, expected).await;
        let (deleted, user_errors) = settle(outcome)?;
        request.has_written().await;
        Ok(DeletePayload {
            deleted_id: deleted.map(|id| NodeId::Portfolio(id).into()),
            user_errors,
        })
    }
}
