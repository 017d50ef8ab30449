//! Making portfolios.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::owner;
use crate::graphql::error::{Result, UserError, settle};
use crate::graphql::scalar::Decimal;
use crate::graphql::types::portfolio::Portfolio;
use crate::graphql::viewer::request;
use crate::services::portfolios::{self, NewPortfolio};

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
}
