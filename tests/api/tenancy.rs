//! Two people in one database: neither can tell that the other is there. And what was believed
//! once is kept.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use serde_json::{Value, json};
use sigmasight::domain::id::UserId;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::alerts::live::RAISED;
use crate::live::{PROGRESS, UPDATES};
use crate::support::live::Events;
use crate::support::{App, Person, codes, user_codes};

const BOOK: &str = "\
ticker,quantity,entry_price,entry_date,tags
AAPL,100,150,2025-12-01,\"core,tech\"
MSFT,-50,400,2025-12-02,core
NVDA,10,120,2025-12-03,
";

const EVERYTHING: &str = "{
    viewer {
        user { id email }
        tags { id name positionCount }
        portfolios {
            totalCount
            nodes {
                id
                name
                owner { email }
                tags { name }
                valuation { positionCount costBasis totalValue }
                exposures { positionCount }
                positions {
                    totalCount
                    nodes { id symbol quantity tags { name positionCount } portfolio { name } }
                }
            }
        }
    }
}";

/// An id of the same kind that names nothing.
fn random_like(id: &str) -> String {
    let mut bytes = URL_SAFE_NO_PAD.decode(id).expect("an id");
    bytes[1..].copy_from_slice(Uuid::now_v7().as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The key inside an id.
fn key(id: &str) -> Uuid {
    let bytes = URL_SAFE_NO_PAD.decode(id).expect("an id");
    Uuid::from_slice(&bytes[1..]).expect("a key")
}

/// One of each thing that has an owner and an id.
struct Belongings {
    user: String,
    portfolio: String,
    position: String,
    tag: String,
    scenario: String,
    rule: String,
    alert: String,
    export: String,
    schedule: String,
    session: String,
    trade: String,
}

async fn belongings(person: &Person, portfolio: &str) -> Belongings {
    person.uploads(portfolio, BOOK).await;
    let (rule, alert) = told(person).await;
    let seen = person.reads(EVERYTHING, json!({})).await;
    let id = |value: &Value| value["id"].as_str().expect("an id").to_owned();
    let viewer = &seen["viewer"];
    let (session, trade) = session_on(person, portfolio).await;
    Belongings {
        user: id(&viewer["user"]),
        portfolio: portfolio.to_owned(),
        position: id(&viewer["portfolios"]["nodes"][0]["positions"]["nodes"][0]),
        tag: id(&viewer["tags"][0]),
        scenario: scenario_of(person).await,
        rule,
        alert,
        session,
        trade,
        export: export_of(person, portfolio).await,
        schedule: schedule_of(person, portfolio).await,
    }
}

/// A what-if session with a trade, on their portfolio; the ids of both.
async fn session_on(person: &Person, portfolio: &str) -> (String, String) {
    let create = "mutation($input: CreateModelingSessionInput!) {
        createModelingSession(input: $input) { session { id } }
    }";
    let input = json!({ "portfolioId": portfolio, "name": "What if" });
    let made = person.reads(create, json!({ "input": input })).await;
    let session = made["createModelingSession"]["session"]["id"].as_str().expect("an id");
    let add = "mutation($input: AddModelTradesInput!) {
        addModelTrades(input: $input) { session { trades { id } } userErrors { message } }
    }";
    let trade = json!({ "symbol": "AAPL", "action": "BUY", "quantity": 1, "price": 1 });
    let input = json!({ "sessionId": session, "trades": [trade] });
    let added = person.reads(add, json!({ "input": input })).await;
    let trade = added["addModelTrades"]["session"]["trades"][0]["id"].as_str().expect("an id");
    (session.to_owned(), trade.to_owned())
}

/// Cash alone, and a rule that wants it invested; the rule's id, and that of the alert it raises.
async fn told(person: &Person) -> (String, String) {
    let portfolio = person.creates_portfolio_with_cash("Spare", "1000").await;
    let create = "mutation($input: CreateAlertRuleInput!) {
        createAlertRule(input: $input) { rule { id } }
    }";
    let input = json!({
        "portfolioId": portfolio, "name": "Idle", "metric": "GROSS_EXPOSURE_RATIO",
        "operator": "BELOW", "threshold": 0.5
    });
    let made = person.reads(create, json!({ "input": input })).await;
    person.app.works_through_its_queue().await;
    let seen = person.reads("{ viewer { alerts { id } } }", json!({})).await;
    let id = |value: &Value| value["id"].as_str().expect("an id").to_owned();
    (id(&made["createAlertRule"]["rule"]), id(&seen["viewer"]["alerts"][0]))
}

/// A stress scenario of their own; its id.
async fn scenario_of(person: &Person) -> String {
    let create = "mutation($input: CreateStressScenarioInput!) {
        createStressScenario(input: $input) { scenario { id } }
    }";
    let input = json!({ "name": "Fall", "shocks": [{ "variable": "Market", "shock": -0.2 }] });
    let made = person.reads(create, json!({ "input": input })).await;
    made["createStressScenario"]["scenario"]["id"].as_str().expect("an id").to_owned()
}

/// A file of theirs, still to be made; its id.
async fn export_of(person: &Person, portfolio: &str) -> String {
    let export = "mutation($id: ID!) {
        exportPortfolio(input: { portfolioId: $id, format: CSV }) { export { id } }
    }";
    let made = person.reads(export, json!({ "id": portfolio })).await;
    made["exportPortfolio"]["export"]["id"].as_str().expect("an id").to_owned()
}

/// A report of theirs that is made again and again; its id.
async fn schedule_of(person: &Person, portfolio: &str) -> String {
    let create = "mutation($id: ID!) {
        createReportSchedule(input: {
            portfolioId: $id, template: \"summary\", format: PDF, cron: \"0 7 * * 1\"
        }) { schedule { id } }
    }";
    let made = person.reads(create, json!({ "id": portfolio })).await;
    made["createReportSchedule"]["schedule"]["id"].as_str().expect("an id").to_owned()
}

/// An owner who has a row in every table that has owners.
async fn with_rows_everywhere(app: &App, name: &str) -> (Person, UserId, String) {
    let person = app.sign_in(name).await;
    let portfolio = person.creates_portfolio("Core").await;
    let replaced = json!({ "mode": "REPLACE", "idempotencyKey": "monday" });
    person.uploads(&portfolio, BOOK).await;
    person.uploads_with(&portfolio, BOOK, replaced).await;
    scenario_of(&person).await;
    told(&person).await;
    let deposit = "mutation($id: ID!) {
        updatePortfolio(input: { id: $id, cashBalance: 100 }) { userErrors { code } }
    }";
    person.reads(deposit, json!({ "id": portfolio })).await;
    export_of(&person, &portfolio).await;
    schedule_of(&person, &portfolio).await;
    session_on(&person, &portfolio).await;
    // The history of the book, and what a night finds of it.
    app.works_through_its_queue().await;
    let recalculate = "mutation($id: ID!) {
        recalculatePortfolio(input: { portfolioId: $id }) { job { id } }
    }";
    person.reads(recalculate, json!({ "id": portfolio })).await;
    app.works_through_its_queue().await;
    let owner = sqlx::query_scalar("select id from users where email = $1")
        .bind(&person.email)
        .fetch_one(&mut app.superuser().await)
        .await
        .expect("a user");
    (person, UserId(owner), portfolio)
}

/// The tables whose rows have owners.
async fn tables_with_owners(db: &mut PgConnection) -> Vec<String> {
    let tables = sqlx::query_scalar(
        "select c.relname::text
           from pg_class c
           join pg_attribute a on a.attrelid = c.oid and a.attname = 'owner_id'
          where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
          order by 1",
    );
    tables.fetch_all(db).await.expect("the catalog")
}

/// The five characters by which PostgreSQL says why a statement failed.
fn sql_state<T>(outcome: sqlx::Result<T>) -> String {
    let error = outcome.err().expect("a statement that fails");
    let code = error.as_database_error().and_then(|error| error.code().map(Into::into));
    code.unwrap_or_else(|| panic!("not an error of the database: {error}"))
}

#[tokio::test]
async fn an_id_of_somebody_else_is_answered_like_a_random_one() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let bob = app.sign_in("bob").await;
    let core = ada.creates_portfolio("Core").await;
    let hers = belongings(&ada, &core).await;
    bob.creates_portfolio("Core").await;

    let node = "
        query($id: ID!) {
            node(id: $id) {
                id
                ... on User { email }
                ... on Portfolio { name positions { totalCount } }
                ... on Position { symbol }
                ... on Tag { name }
                ... on StressScenario { name }
                ... on AlertRule { name }
                ... on Alert { title rule { name } portfolio { name } }
                ... on Export { fileName }
                ... on ReportSchedule { cron }
                ... on ModelingSession { name }
            }
        }";
    let nodes = "query($id: ID!) { nodes(ids: [$id, $id]) { id __typename } }";
    let portfolio = "query($id: ID!) { portfolio(id: $id) { name valuation { totalValue } } }";
    let position = "query($id: ID!) { position(id: $id) { symbol portfolio { name } } }";
    let id_fields = [node, nodes, portfolio, position];

    let Belongings { user, portfolio: core_id, position: held, session, trade, .. } = &hers;
    let Belongings { tag, scenario, rule, alert, export, schedule, .. } = &hers;
    for id in [user, core_id, held, tag, scenario, rule, alert, export, schedule, session] {
        assert!(ada.reads(node, json!({ "id": id })).await["node"].is_object(), "she has it");
        for query in id_fields {
            let others = bob.asks(query, json!({ "id": id })).await;
            let nothings = bob.asks(query, json!({ "id": random_like(id) })).await;
            assert_eq!(others, nothings, "{query}");
            assert_eq!(others["errors"], Value::Null, "{query}");
            let nobodys = app.asks(query, json!({ "id": id })).await;
            assert_eq!(nobodys, app.asks(query, json!({ "id": random_like(id) })).await);
        }
    }
    let writing = [
        ("createModelingSession", "portfolioId", json!({ "portfolioId": core, "name": "Mine" })),
        ("addModelTrades", "sessionId", json!({ "sessionId": session, "trades": [] })),
        ("removeModelTrades", "sessionId", json!({ "sessionId": session, "tradeIds": [trade] })),
        ("saveModelingSession", "sessionId", json!({ "sessionId": session })),
        ("cancelModelingSession", "sessionId", json!({ "sessionId": session })),
    ];
    for (field, place, input) in writing {
        let kind = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
        let mutation = format!(
            "mutation($input: {kind}!) {{
                {field}(input: $input) {{ session {{ id }} userErrors {{ code field }} }}
            }}"
        );
        let mut nothing = input.clone();
        nothing[place] = json!(random_like(input[place].as_str().expect("an id")));
        let others = bob.reads(&mutation, json!({ "input": input })).await;
        assert_eq!(others, bob.reads(&mutation, json!({ "input": nothing })).await, "{field}");
        assert_eq!(user_codes(&others[field]), ["NOT_FOUND"], "{field}");
    }
    for query in [PROGRESS, UPDATES, RAISED] {
        let told = async |id: &str| Events::of(&bob, query, json!({ "id": id })).await.next().await;
        assert_eq!(told(&hers.portfolio).await, told(&random_like(&hers.portfolio)).await);
    }
    let asked_by_nobody = app.asks(portfolio, json!({ "id": core })).await;
    assert_eq!(codes(&asked_by_nobody), ["UNAUTHENTICATED"]);
}

#[tokio::test]
async fn a_change_of_what_is_somebody_elses_is_answered_like_one_of_nothing() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let bob = app.sign_in("bob").await;
    let core = ada.creates_portfolio("Core").await;
    let hers = belongings(&ada, &core).await;
    let before = ada.reads(EVERYTHING, json!({})).await;

    let entry = "symbol: \"KO\", quantity: 1, entryPrice: 60, entryDate: \"2026-01-02\"";
    let changes = [
        (format!("addPosition(input: {{ portfolioId: $id, {entry} }})"), &hers.portfolio),
        ("updatePortfolio(input: { id: $id, cashBalance: 1 })".into(), &hers.portfolio),
        ("deletePortfolio(input: { id: $id })".into(), &hers.portfolio),
        ("updatePosition(input: { id: $id, notes: \"his\" })".into(), &hers.position),
        (
            "closePosition(input: { id: $id, exitPrice: 1, exitDate: \"2026-01-05\" })".into(),
            &hers.position,
        ),
        ("deletePosition(input: { id: $id })".into(), &hers.position),
        ("setPositionTags(input: { positionId: $id, tags: [\"his\"] })".into(), &hers.position),
        ("tagPositions(input: { positionIds: [$id], tags: [\"his\"] })".into(), &hers.position),
        ("untagPositions(input: { positionIds: [$id], tags: [\"core\"] })".into(), &hers.position),
        ("updateTag(input: { id: $id, name: \"his\" })".into(), &hers.tag),
        ("deleteTag(input: { id: $id, force: true })".into(), &hers.tag),
        ("restoreTag(input: { id: $id })".into(), &hers.tag),
    ];
    for (change, id) in &changes {
        let query = format!(
            "mutation($id: ID!) {{ done: {change} {{ userErrors {{ code message field hint }} }} }}"
        );
        let others = bob.asks(&query, json!({ "id": id })).await;
        let nothings = bob.asks(&query, json!({ "id": random_like(id) })).await;
        assert_eq!(others["data"], nothings["data"], "{change}");
        assert_eq!(user_codes(&others["data"]["done"]), ["NOT_FOUND"], "{change}");
    }
    assert_eq!(ada.reads(EVERYTHING, json!({})).await, before);
}

#[tokio::test]
async fn nobody_uploads_into_a_portfolio_of_somebody_else() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let bob = app.sign_in("bob").await;
    let core = ada.creates_portfolio("Core").await;
    ada.uploads(&core, BOOK).await;
    let before = ada.reads(EVERYTHING, json!({})).await;

    for more in [
        json!({}),
        json!({ "mode": "REPLACE" }),
        json!({ "dryRun": true }),
        json!({ "idempotencyKey": "monday" }),
    ] {
        let others = bob.uploads_with(&core, BOOK, more.clone()).await;
        let nothings = bob.uploads_with(&random_like(&core), BOOK, more.clone()).await;
        assert_eq!(others, nothings, "{more}");
        assert_eq!(user_codes(&others), ["NOT_FOUND"]);
        assert_eq!(others["portfolio"], Value::Null);
    }
    assert_eq!(ada.reads(EVERYTHING, json!({})).await, before);
}

#[tokio::test]
async fn the_stories_here_know_every_place_where_an_id_can_be_given() {
    let app = App::start().await;
    let schema = app
        .asks(
            "{ __schema { types {
                name
                fields { name args { name type { ...Named } } }
                inputFields { name type { ...Named } }
            } } }
            fragment Named on __Type { name ofType { name ofType { name ofType { name } } } }",
            json!({}),
        )
        .await;
    let is_id = |input: &Value| {
        let mut kind = &input["type"];
        while kind["ofType"].is_object() {
            kind = &kind["ofType"];
        }
        kind["name"] == "ID"
    };
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();

    let mut places = BTreeSet::new();
    for owner in list(&schema["data"]["__schema"]["types"]) {
        let named = |parts: &[&Value]| {
            parts.iter().filter_map(|name| name.as_str()).collect::<Vec<_>>().join(".")
        };
        for field in list(&owner["fields"]) {
            for argument in list(&field["args"]).iter().filter(|argument| is_id(argument)) {
                places.insert(named(&[&owner["name"], &field["name"], &argument["name"]]));
            }
        }
        for input in list(&owner["inputFields"]).iter().filter(|input| is_id(input)) {
            places.insert(named(&[&owner["name"], &input["name"]]));
        }
    }
    assert_eq!(
        places.iter().map(String::as_str).collect::<Vec<_>>(),
        [
            "AcknowledgeAlertInput.id",
            "AddModelTradesInput.sessionId",
            "AddPositionInput.portfolioId",
            "CancelJobInput.id",
            "CancelModelingSessionInput.sessionId",
            "ClosePositionInput.id",
            "CreateAlertRuleInput.portfolioId",
            "CreateModelingSessionInput.portfolioId",
            "CreateReportScheduleInput.portfolioId",
            "DeleteAlertRuleInput.id",
            "DeletePortfolioInput.id",
            "DeletePositionInput.id",
            "DeleteReportScheduleInput.id",
            "DeleteStressScenarioInput.id",
            "DeleteTagInput.id",
            "ExportPortfolioInput.portfolioId",
            "ExportTradesInput.sessionId",
            "GenerateReportInput.portfolioId",
            "ModelingImpact.stress.scenarioIds",
            "Portfolio.stressHistory.scenarioId",
            "Portfolio.stressTest.scenarioIds",
            "Query.job.id",
            "Query.node.id",
            "Query.nodes.ids",
            "Query.portfolio.id",
            "Query.position.id",
            "RecalculatePortfolioInput.portfolioId",
            "RemoveModelTradesInput.sessionId",
            "RemoveModelTradesInput.tradeIds",
            "RestoreTagInput.id",
            "RunBatchInput.portfolioIds",
            "SaveModelingSessionInput.sessionId",
            "SetPositionTagsInput.positionId",
            "Subscription.alertRaised.portfolioId",
            "Subscription.jobProgress.jobId",
            "Subscription.portfolioUpdated.portfolioId",
            "TagPositionsInput.positionIds",
            "TrialBook.stressTest.scenarioIds",
            "UpdatePortfolioInput.id",
            "UpdatePositionInput.id",
            "UpdateStressScenarioInput.id",
            "UpdateTagInput.id",
            "UploadPositionsInput.portfolioId",
            "Viewer.alerts.after",
        ],
        "a new one needs its line in `an_id_of_somebody_else_is_answered_like_a_random_one`"
    );
}

#[tokio::test]
async fn an_idempotency_key_belongs_to_whoever_used_it() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let bob = app.sign_in("bob").await;
    let keyed = json!({ "idempotencyKey": "monday" });
    for person in [&ada, &bob] {
        let portfolio = person.creates_portfolio("Core").await;
        let payload = person.uploads_with(&portfolio, BOOK, keyed.clone()).await;
        assert_eq!(payload["createdCount"], 3, "{}", person.email);
    }
}

#[tokio::test]
async fn a_cursor_is_refused_by_every_list_but_its_own() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let bob = app.sign_in("bob").await;
    let core = ada.creates_portfolio("Core").await;
    let edge = ada.creates_portfolio("Edge").await;
    let his = bob.creates_portfolio("Core").await;
    for (person, portfolio) in [(&ada, &core), (&ada, &edge), (&bob, &his)] {
        person.uploads(portfolio, BOOK).await;
    }

    let positions = "
        query($id: ID!, $after: String, $filter: PositionFilter, $order: PositionOrder) {
            portfolio(id: $id) {
                positions(first: 1, after: $after, filter: $filter, orderBy: $order) {
                    pageInfo { endCursor }
                    nodes { symbol }
                }
            }
        }";
    let page = ada.reads(positions, json!({ "id": core })).await;
    let cursor = &page["portfolio"]["positions"]["pageInfo"]["endCursor"];
    let next = ada.reads(positions, json!({ "id": core, "after": cursor })).await;
    assert_eq!(next["portfolio"]["positions"]["nodes"][0]["symbol"], "MSFT", "its own goes on");

    let by_size = json!({ "by": "MARKET_VALUE" });
    for (person, variables) in [
        (&ada, json!({ "id": edge, "after": cursor })),
        (&bob, json!({ "id": his, "after": cursor })),
        (&ada, json!({ "id": core, "after": cursor, "filter": { "view": "LONGS" } })),
        (&ada, json!({ "id": core, "after": cursor, "order": by_size })),
        (&ada, json!({ "id": core, "after": "" })),
        (&ada, json!({ "id": core, "after": "AAAA" })),
        (&ada, json!({ "id": core, "after": core })),
    ] {
        let answer = person.asks(positions, variables.clone()).await;
        assert_eq!(codes(&answer), ["VALIDATION"], "{variables}");
    }

    let portfolios = "
        query($after: String) {
            viewer {
                portfolios(first: 1, after: $after) { pageInfo { endCursor } nodes { name } }
            }
        }";
    let page = ada.reads(portfolios, json!({})).await;
    let cursor = &page["viewer"]["portfolios"]["pageInfo"]["endCursor"];
    let next = ada.reads(portfolios, json!({ "after": cursor })).await;
    assert_eq!(next["viewer"]["portfolios"]["nodes"][0]["name"], "Edge");
    assert_eq!(codes(&bob.asks(portfolios, json!({ "after": cursor })).await), ["VALIDATION"]);

    let instruments = "
        query($after: String, $search: String) {
            instruments(first: 1, after: $after, search: $search) { pageInfo { endCursor } }
        }";
    let page = ada.reads(instruments, json!({})).await;
    let cursor = &page["instruments"]["pageInfo"]["endCursor"];
    let searched = json!({ "after": cursor, "search": "MS" });
    assert_eq!(codes(&ada.asks(instruments, searched).await), ["VALIDATION"]);
}

#[tokio::test]
async fn counts_and_totals_are_of_ones_own() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let bob = app.sign_in("bob").await;
    let core = ada.creates_portfolio_with_cash("Core", "1000").await;
    ada.uploads(&core, BOOK).await;
    ada.creates_portfolio("Edge").await;
    let before = ada.reads(EVERYTHING, json!({})).await;

    let his = bob.creates_portfolio("Core").await; // the same name is free for him
    bob.uploads(&his, "ticker,quantity,entry_price,entry_date,tags\nAAPL,7,150,2025-12-01,core\n")
        .await;

    assert_eq!(ada.reads(EVERYTHING, json!({})).await, before, "nothing of hers has moved");
    let seen = bob.reads(EVERYTHING, json!({})).await;
    let viewer = &seen["viewer"];
    assert_eq!(viewer["portfolios"]["totalCount"], 1);
    assert_eq!(viewer["tags"].as_array().map(Vec::len), Some(1));
    assert_eq!(viewer["tags"][0]["positionCount"], 1, "though hers of that name has two");
    let portfolio = &viewer["portfolios"]["nodes"][0];
    assert_eq!(portfolio["positions"]["totalCount"], 1);
    assert_eq!(portfolio["positions"]["nodes"][0]["tags"][0]["positionCount"], 1);
    assert_eq!(portfolio["valuation"]["costBasis"], "1050");
    assert_eq!(portfolio["owner"]["email"], "bob@example.com");
}

#[tokio::test]
async fn every_table_with_owners_is_behind_row_level_security() {
    let app = App::start().await;
    let mut db = app.superuser().await;
    let tables = tables_with_owners(&mut db).await;
    assert!(tables.len() >= 9, "{tables:?}");
    for table in tables {
        let (is_on, policies): (bool, i64) = sqlx::query_as(
            "select relrowsecurity, (select count(*) from pg_policy where polrelid = c.oid)
               from pg_class c where oid = $1::regclass",
        )
        .bind(&table)
        .fetch_one(&mut db)
        .await
        .expect("the catalog");
        assert!(is_on && policies > 0, "{table}");
    }

    let is_bound: bool = sqlx::query_scalar(
        "select not (rolsuper or rolbypassrls or rolcanlogin)
                and not exists (select from pg_class where relowner = pg_roles.oid)
           from pg_roles where rolname = 'sigmasight_app'",
    )
    .fetch_one(&mut db)
    .await
    .expect("the role");
    assert!(is_bound, "the role of the application owns nothing and bypasses nothing");
    let role: String = sqlx::query_scalar("select current_user::text")
        .fetch_one(app.services.db.shared())
        .await
        .expect("the role");
    assert_eq!(role, "sigmasight_app", "and it is the one that every connection takes on");
}

#[tokio::test]
async fn the_database_itself_keeps_owners_apart() {
    let app = App::start().await;
    let (_, ada, _) = with_rows_everywhere(&app, "ada").await;
    let (_, bob, _) = with_rows_everywhere(&app, "bob").await;
    let stranger = UserId::fresh();
    let mut superuser = app.superuser().await;

    for table in tables_with_owners(&mut superuser).await {
        let count = || AssertSqlSafe(format!("select count(*) from {table}"));
        let in_all: i64 =
            sqlx::query_scalar(count()).fetch_one(&mut superuser).await.expect("a count");

        // Whether a connection has never had an owner or had one before.
        for _ in 0..20 {
            let mut tx = app.services.db.begin_shared().await.expect("a transaction");
            let state = sql_state(sqlx::query(count()).fetch_one(tx.statement()).await);
            assert!(matches!(&*state, "42704" | "22P02"), "{table} without an owner: {state}");
        }

        let mut seen = Vec::new();
        for owner in [ada, bob, stranger] {
            let mut tx = app.services.db.begin_as(owner).await.expect("a transaction");
            let own: i64 =
                sqlx::query_scalar(count()).fetch_one(tx.statement()).await.expect("a count");
            seen.push(own);
        }
        assert!(seen[0] > 0 && seen[1] > 0, "{table} has no rows to be kept apart");
        assert_eq!(seen[2], 0, "{table}");
        assert_eq!(seen.iter().sum::<i64>(), in_all, "{table}");
    }
}

#[tokio::test]
async fn the_database_refuses_rows_made_for_somebody_else() {
    let app = App::start().await;
    let (_, ada, _) = with_rows_everywhere(&app, "ada").await;
    let bob = with_rows_everywhere(&app, "bob").await.1;
    let mut superuser = app.superuser().await;

    for table in tables_with_owners(&mut superuser).await {
        let sql = format!("select to_jsonb(t) from {table} t where owner_id = $1 limit 1");
        let row: Value = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(ada.0)
            .fetch_one(&mut superuser)
            .await
            .expect("a row");

        let mut tx = app.services.db.begin_as(bob).await.expect("a transaction");
        let sql =
            format!("insert into {table} select * from jsonb_populate_record(null::{table}, $1)");
        let inserted = sqlx::query(AssertSqlSafe(sql)).bind(row).execute(tx.statement()).await;
        assert_eq!(sql_state(inserted), "42501", "{table}");

        for change in ["update {} set owner_id = owner_id", "delete from {}"] {
            let mut tx = app.services.db.begin_as(bob).await.expect("a transaction");
            let sql = format!("{} where owner_id = $1", change.replace("{}", &table));
            match sqlx::query(AssertSqlSafe(sql)).bind(ada.0).execute(tx.statement()).await {
                Ok(done) => assert_eq!(done.rows_affected(), 0, "{table}"),
                refused => assert_eq!(sql_state(refused), "42501", "{table}"),
            }
        }
    }
}

#[tokio::test]
async fn history_is_written_by_change_alone() {
    let app = App::start().await;
    let ada = with_rows_everywhere(&app, "ada").await.1;

    for sql in [
        "insert into positions_history select *, now() from positions",
        "update positions_history set quantity = 1",
        "delete from positions_history",
        "delete from audit_log",
        "update audit_log set action = 'a.b'",
        "delete from prices_history",
        "update users set role = 'ADMIN' where false; delete from users",
    ] {
        let mut tx = app.services.db.begin_as(ada).await.expect("a transaction");
        assert_eq!(sql_state(sqlx::raw_sql(sql).execute(tx.statement()).await), "42501", "{sql}");
    }
}

#[tokio::test]
async fn a_position_cannot_point_into_a_portfolio_of_somebody_else() {
    let app = App::start().await;
    let (_, _, hers) = with_rows_everywhere(&app, "ada").await;
    let (_, bob, _) = with_rows_everywhere(&app, "bob").await;

    // Not even for whoever is above row-level security.
    let moved = sqlx::query("update positions set portfolio_id = $1 where owner_id = $2")
        .bind(key(&hers))
        .bind(bob.0)
        .execute(&mut app.superuser().await)
        .await;
    assert_eq!(sql_state(moved), "23503", "foreign_key_violation");
}

#[tokio::test]
async fn a_connection_forgets_whose_it_was() {
    let app = App::start().await;
    let (ada, _, hers) = with_rows_everywhere(&app, "ada").await;
    let (bob, _, his) = with_rows_everywhere(&app, "bob").await;
    let expected = [
        ada.reads(EVERYTHING, json!({})).await,
        bob.reads(EVERYTHING, json!({})).await,
        json!({ "viewer": null }),
    ];

    let asked = (0..50).map(|n| {
        let (ada, bob, app, expected) = (&ada, &bob, &app, &expected);
        let (hers, his) = (&hers, &his);
        async move {
            match n % 5 {
                0 => assert_eq!(ada.reads(EVERYTHING, json!({})).await, expected[0]),
                1 => assert_eq!(bob.reads(EVERYTHING, json!({})).await, expected[1]),
                2 => assert_eq!(app.asks(EVERYTHING, json!({})).await["data"], expected[2]),
                // Work that is given up half-way must leave nothing behind either.
                3 => {
                    let payload = ada.uploads(his, BOOK).await;
                    assert_eq!(user_codes(&payload), ["NOT_FOUND"]);
                }
                _ => {
                    let payload = bob.uploads_with(hers, BOOK, json!({ "dryRun": true })).await;
                    assert_eq!(user_codes(&payload), ["NOT_FOUND"]);
                }
            }
        }
    });
    join_all(asked).await;
}

#[tokio::test]
async fn positions_that_were_replaced_stay_in_history() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    ada.uploads(&core, BOOK).await;
    let only_apple = "ticker,quantity,entry_price,entry_date\nAAPL,120,151,2025-12-01\n";
    let payload = ada.uploads_with(&core, only_apple, json!({ "mode": "REPLACE" })).await;
    assert_eq!(payload["createdCount"], 1);

    let kept: Vec<(String, String, bool)> = sqlx::query_as(
        "select symbol, trim_scale(quantity)::text, known_from < known_to
           from positions_history h join instruments i on i.id = h.instrument_id
          order by symbol",
    )
    .fetch_all(&mut app.superuser().await)
    .await
    .expect("the history");
    let row = |symbol: &str, quantity: &str| (symbol.to_owned(), quantity.to_owned(), true);
    assert_eq!(kept, [row("AAPL", "100"), row("MSFT", "50"), row("NVDA", "10")]);
}

#[tokio::test]
async fn a_corrected_price_keeps_its_earlier_version_and_a_repeated_one_changes_nothing() {
    let app = App::start().await;
    let root = app.sign_in_admin("root").await;
    let monday = "symbol,date,close\nAAPL,2026-01-05,250.10\nMSFT,2026-01-05,400\n";
    assert_eq!(root.imports_prices(monday).await["importedBars"], 2);

    let state = "
        select coalesce(json_agg(p order by instrument_id), '[]')::jsonb || coalesce(
                   (select json_agg(h order by known_to) from prices_history h), '[]')::jsonb
          from prices p";
    let mut db = app.superuser().await;
    let before: Value = sqlx::query_scalar(state).fetch_one(&mut db).await.expect("prices");
    assert_eq!(root.imports_prices(monday).await["importedBars"], 0, "alike");
    let after: Value = sqlx::query_scalar(state).fetch_one(&mut db).await.expect("prices");
    assert_eq!(after, before, "not even the time since when they are believed");

    let corrected = "symbol,date,close\nAAPL,2026-01-05,251\nMSFT,2026-01-05,400\n";
    assert_eq!(root.imports_prices(corrected).await["importedBars"], 1);
    let kept: Vec<(String, bool)> = sqlx::query_as(
        "select trim_scale(h.close)::text, h.known_from < h.known_to and h.known_to = p.known_from
           from prices_history h join prices p using (instrument_id, date)",
    )
    .fetch_all(&mut db)
    .await
    .expect("the history");
    assert_eq!(kept, [("250.1".to_owned(), true)], "the new one is believed since then");

    let quote = "{ instrument(symbol: \"AAPL\") { quote { price } } }";
    assert_eq!(root.reads(quote, json!({})).await["instrument"]["quote"]["price"], "251");
}

#[tokio::test]
async fn only_an_administrator_loads_prices() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let import = "
        mutation { importPrices(input: { csv: \"symbol,date,close\\nAAPL,2026-01-05,1\\n\" }) {
            importedBars
        } }";
    assert_eq!(codes(&ada.asks(import, json!({})).await), ["FORBIDDEN"]);
    assert_eq!(codes(&app.asks(import, json!({})).await), ["UNAUTHENTICATED"]);
}

#[tokio::test]
async fn what_only_somebody_else_holds_is_no_instrument() {
    const LISTED: &str = "query($symbol: String!) {
        instrument(symbol: $symbol) { id }
        instruments(first: 500) { totalCount nodes { symbol } }
    }";
    const OPTION: &str = "XYZ271217C00077000";
    let app = App::start().with_simulated_prices().await;
    let (ada, bob) = (app.sign_in("ada").await, app.sign_in("bob").await);
    let book = ada.creates_portfolio("Core").await;
    let file = format!("ticker,quantity,entry_price,entry_date\n{OPTION},1,2,2025-12-01\n");
    ada.uploads(&book, file).await;
    app.completes_prices().await;
    app.knows_prices("symbol,date,close\nSPY,2026-01-05,600\n").await;

    let symbols = |seen: &Value| {
        let nodes = seen["instruments"]["nodes"].as_array().expect("a list");
        nodes
            .iter()
            .map(|one| one["symbol"].as_str().expect("a text").to_owned())
            .collect::<Vec<_>>()
    };
    let seen = ada.reads(LISTED, json!({ "symbol": OPTION })).await;
    assert_eq!(symbols(&seen), ["SPY", "XYZ", OPTION], "hers, and what is listed");
    let id = seen["instrument"]["id"].as_str().expect("an id").to_owned();

    for symbol in [OPTION, "XYZ"] {
        let seen = bob.reads(LISTED, json!({ "symbol": symbol })).await;
        assert_eq!(seen["instrument"], Value::Null, "{symbol}");
        assert_eq!(
            (symbols(&seen), &seen["instruments"]["totalCount"]),
            (vec!["SPY".into()], &json!(1))
        );
    }
    let node = "query($id: ID!) { node(id: $id) { id } }";
    assert_eq!(bob.reads(node, json!({ "id": id })).await["node"], Value::Null);

    // Once its prices are everybody's, so is it.
    app.knows_prices(&format!("symbol,date,close\n{OPTION},2026-01-05,3\n")).await;
    assert_eq!(
        symbols(&bob.reads(LISTED, json!({ "symbol": OPTION })).await),
        ["SPY", "XYZ", OPTION]
    );
}

#[tokio::test]
async fn a_page_beyond_the_end_still_knows_how_long_its_list_is() {
    const PAGE: &str = "query($after: String) { viewer { portfolios(after: $after) {
        totalCount nodes { name } pageInfo { endCursor hasPreviousPage }
    } } }";
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    ada.creates_portfolio("Core").await;
    let seen = ada.reads(PAGE, json!({})).await;
    let end = &seen["viewer"]["portfolios"]["pageInfo"]["endCursor"];
    let seen = ada.reads(PAGE, json!({ "after": end })).await;
    let page = &seen["viewer"]["portfolios"];
    assert_eq!((&page["nodes"], &page["totalCount"]), (&json!([]), &json!(1)));
    assert_eq!(page["pageInfo"]["hasPreviousPage"], true);
}
