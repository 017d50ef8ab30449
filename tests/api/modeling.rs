//! What-if: trades tried on a portfolio, what they would change, and that nothing of it is real.

mod impact;
mod keeping;
mod suggestions;
mod trades;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::support::{App, Person};

/// Friday the 3rd and Monday the 5th of January 2026; the story's now is after Monday's close.
const PRICES: &str = "\
symbol,date,close
AAPL,2026-01-02,149
AAPL,2026-01-05,150
MSFT,2026-01-02,395
MSFT,2026-01-05,400
KO,2026-01-05,70
OLD,2025-12-01,9
AAPL260220C00155000,2026-01-05,4
";

const BOOK: &str = "\
ticker,quantity,entry_price,entry_date,tags
AAPL,100,120,2025-12-01,core
AAPL,50,130,2025-12-15,
MSFT,-20,410,2025-12-02,
";

const SESSION: &str = "
    id name description status baseDate savedAt
    trades { id symbol action quantity price positionType tags estimatedCost }";

async fn app() -> App {
    let app = App::start().await;
    app.knows_prices(PRICES).await;
    app
}

/// A portfolio of the book above with 10,000 in cash.
async fn core(person: &Person) -> String {
    let portfolio = person.creates_portfolio_with_cash("Core", "10000").await;
    assert_eq!(person.uploads(&portfolio, BOOK).await["createdCount"], 3);
    portfolio
}

impl Person {
    /// The payload of a mutation on what-if sessions.
    async fn models(&self, field: &str, input: Value) -> Value {
        let kind = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
        let mutation = format!(
            "mutation($input: {kind}!) {{
                {field}(input: $input) {{
                    session {{ {SESSION} }} userErrors {{ code message field hint }}
                }}
            }}"
        );
        self.reads(&mutation, json!({ "input": input })).await[field].take()
    }

    /// A session on a portfolio, as of the last session; its id.
    async fn starts_session(&self, portfolio: &str) -> String {
        let input = json!({ "portfolioId": portfolio, "name": "What if" });
        let made = self.models("createModelingSession", input).await;
        made["session"]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    }

    /// Adds trades that all can be done; the session.
    async fn tries(&self, session: &str, trades: Value) -> Value {
        let input = json!({ "sessionId": session, "trades": trades });
        let mut added = self.models("addModelTrades", input).await;
        assert_eq!(added["userErrors"], json!([]));
        added["session"].take()
    }

    /// What some fields of a session say.
    async fn asks_session(&self, session: &str, fields: &str) -> Value {
        let query = format!(
            "query($id: ID!) {{ node(id: $id) {{ ... on ModelingSession {{ {fields} }} }} }}"
        );
        self.reads(&query, json!({ "id": session })).await["node"].take()
    }
}

fn trade(action: &str, quantity: i64, symbol: &str) -> Value {
    json!({ "action": action, "quantity": quantity.to_string(), "symbol": symbol })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn money(value: &Value) -> Decimal {
    let text = value.as_str().unwrap_or_else(|| panic!("no decimal: {value}"));
    text.parse().unwrap_or_else(|_| panic!("no number: {value}"))
}

fn float(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}
