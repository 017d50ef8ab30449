//! The door itself: methods, media types, headers, health.

use serde_json::json;

use crate::support::App;

#[tokio::test]
async fn somebody_who_signed_in_is_the_viewer() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    let said = ada
        .uploads(&core, "ticker,quantity,entry_price,entry_date\nAAPL,100,150,2025-12-01\n")
        .await;
    assert_eq!(said["createdCount"], 1, "{said}");
    let seen = ada.reads("{ viewer { user { email } } }", json!({})).await;
    assert_eq!(seen["viewer"]["user"]["email"], "ada@example.com");
}
