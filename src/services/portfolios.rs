//! Making portfolios.

use rust_decimal::Decimal;
use serde_json::json;

use super::Services;
use crate::domain::id::{PortfolioId, UserId};
use crate::domain::portfolio::{
    MAX_DESCRIPTION_CHARACTERS, MAX_NAME_CHARACTERS, MAX_PORTFOLIOS, Portfolio,
};
use crate::error::{Code, Error, Refusal};
use crate::store;

/// Most money a portfolio's cash may be, either way: a trillion.
const MAX_CASH: Decimal = Decimal::from_parts(0xD4A5_1000, 0xE8, 0, false, 0);

pub struct NewPortfolio {
    pub name: String,
    pub description: Option<String>,
    pub currency: String,
    pub cash_balance: Decimal,
}

/// Creates an empty portfolio.
///
/// # Errors
/// `Validation` for a name, currency or amount that breaks a rule; `LimitExceeded` when the owner
/// has as many as anybody may; `Conflict` when they have one of that name.
pub async fn create(
    services: &Services,
    owner: UserId,
    new: NewPortfolio,
) -> Result<Portfolio, Error> {
    let name = new.name.trim();
    if name.is_empty()
        || name.chars().count() > MAX_NAME_CHARACTERS
        || name.chars().any(char::is_control)
    {
        return Err(Refusal::validation(format!(
            "A portfolio's name has 1 to {MAX_NAME_CHARACTERS} printable characters."
        ))
        .at("name")
        .into());
    }
    if new
        .description
        .as_ref()
        .is_some_and(|text| text.chars().count() > MAX_DESCRIPTION_CHARACTERS)
    {
        return Err(Refusal::validation(format!(
            "A description has at most {MAX_DESCRIPTION_CHARACTERS} characters."
        ))
        .at("description")
        .into());
    }
    if new.currency != "USD" {
        return Err(Refusal::validation("Portfolios are valued in US dollars.")
            .at("currency")
            .hint("Leave `currency` out, or give \"USD\".")
            .into());
    }
    if new.cash_balance.abs() > MAX_CASH || new.cash_balance.scale() > 10 {
        return Err(Refusal::validation(
            "A cash balance is at most a trillion, with at most ten decimal places.",
        )
        .at("cashBalance")
        .into());
    }

    let now = services.now();
    let portfolio = Portfolio {
        owner_id: owner,
        id: PortfolioId::fresh(),
        name: name.to_owned(),
        description: new.description,
        currency: new.currency,
        cash_balance: new.cash_balance,
        created_at: now,
        updated_at: now,
    };
    let mut tx = services.db.begin_as(owner).await?;
    // Two at a time would both be the last that there is room for.
    store::users::lock(tx.statement(), owner).await?;
    if store::portfolios::count(tx.statement(), owner).await? >= MAX_PORTFOLIOS {
        let message = format!("A person has at most {MAX_PORTFOLIOS} portfolios.");
        return Err(Refusal::new(Code::LimitExceeded, message)
            .at("name")
            .hint("Use one of those there are; tags and strategies divide a portfolio.")
            .into());
    }
    if !store::portfolios::insert(tx.statement(), &portfolio).await? {
        return Err(Refusal::new(Code::Conflict, "You have a portfolio of that name already.")
            .at("name")
            .into());
    }
    let entry = store::audit::Entry {
        owner,
        actor: owner,
        action: "portfolio.create",
        subject: Some(("Portfolio", portfolio.id.0)),
        detail: json!({ "name": portfolio.name }),
    };
    store::audit::append(tx.statement(), entry, now).await?;
    tx.commit().await?;
    Ok(portfolio)
}
