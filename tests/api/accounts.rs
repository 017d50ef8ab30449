//! Signing in, staying signed in, and being shown out.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use serde_json::{Value, json};
use sigmasight::services::Services;
use sigmasight::services::accounts::Hasher;

use crate::support::app::{PASSWORD, post};
use crate::support::{App, Person, codes, numbered, user_codes};

const WHO: &str = "{ viewer { user { email } } }";

const LOGIN: &str = "
    mutation($input: LoginInput!) {
        login(input: $input) {
            session { accessToken refreshToken tokenType expiresAt }
            viewer { user { email } }
            userErrors { code message field hint }
        }
    }";

const REFRESH: &str = "
    mutation($input: RefreshSessionInput!) {
        refreshSession(input: $input) {
            session { accessToken refreshToken }
            viewer { user { email } }
            userErrors { code }
        }
    }";

const LOGOUT: &str = "mutation { logout { ok } }";

/// The whole answer to an attempt to sign in.
async fn login(app: &App, email: &str, password: &str) -> Value {
    let input = json!({ "email": email, "password": password });
    app.asks(LOGIN, json!({ "input": input })).await
}

/// The payload for a refresh token.
async fn refresh(app: &App, token: &str) -> Value {
    let input = json!({ "refreshToken": token });
    app.asks(REFRESH, json!({ "input": input })).await["data"]["refreshSession"].take()
}

/// Whether somebody's access token still opens the door.
async fn is_let_in(person: &Person) -> bool {
    let reply = person.sends(post(&json!({ "query": WHO }))).await;
    match reply.status {
        StatusCode::OK => reply.json()["data"]["viewer"]["user"]["email"] == person.email,
        StatusCode::UNAUTHORIZED => {
            assert_eq!(codes(&reply.json()), ["UNAUTHENTICATED"]);
            false
        }
        other => panic!("{other}: {}", reply.text()),
    }
}

/// What the audit log says of one person, oldest first.
async fn audit_of(app: &App, email: &str) -> Vec<String> {
    sqlx::query_scalar(
        "select action from audit_log join users on users.id = owner_id where email = $1
          order by at, audit_log.id",
    )
    .bind(email)
    .fetch_all(&mut app.superuser().await)
    .await
    .expect("the audit log")
}

#[tokio::test]
async fn a_person_signs_in_and_is_the_viewer() {
    let app = App::start().at("2026-01-05T21:30:00Z").await;
    app.sign_in("ada").await;

    let answer = login(&app, "  ADA@Example.com ", PASSWORD).await;
    let payload = &answer["data"]["login"];
    assert_eq!(payload["viewer"]["user"]["email"], "ada@example.com");
    assert_eq!(payload["session"]["tokenType"], "Bearer");
    let expires_at = payload["session"]["expiresAt"].as_str().expect("an instant");
    assert_eq!(
        expires_at.parse::<chrono::DateTime<chrono::Utc>>(),
        "2026-01-05T21:45:00Z".parse(),
        "a quarter of an hour"
    );
    let log = audit_of(&app, "ada@example.com").await;
    assert_eq!(log, ["user.register", "session.login", "session.login"]);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_get_the_same_answer() {
    let app = App::start().await;
    app.sign_in("ada").await;

    let wrong = login(&app, "ada@example.com", "a password that is not hers").await;
    let unknown = login(&app, "nobody@example.com", "a password that is not hers").await;
    assert_eq!(wrong, unknown);
    assert_eq!(user_codes(&wrong["data"]["login"]), ["UNAUTHENTICATED"]);
    assert_eq!(wrong["data"]["login"]["session"], Value::Null);
}

#[tokio::test]
async fn an_access_token_ends_after_a_quarter_of_an_hour() {
    let app = App::start().at("2026-01-05T21:30:00Z").await;
    let ada = app.sign_in("ada").await;

    assert!(is_let_in(&ada.before(&app.restart().at("2026-01-05T21:44:59Z").await)).await);
    assert!(!is_let_in(&ada.before(&app.restart().at("2026-01-05T21:45:00Z").await)).await);
}

#[tokio::test]
async fn somebody_with_a_token_that_ended_can_still_sign_in_and_renew() {
    let app = App::start().at("2026-01-05T21:30:00Z").await;
    let ada = app.sign_in("ada").await;
    let later = ada.before(&app.restart().at("2026-01-05T22:30:00Z").await);
    assert!(!is_let_in(&later).await);

    let input = json!({ "email": "ada@example.com", "password": PASSWORD });
    let login = later.reads(LOGIN, json!({ "input": input })).await;
    assert_eq!(login["login"]["viewer"]["user"]["email"], "ada@example.com");

    let input = json!({ "refreshToken": ada.refresh_token });
    let renewed = later.reads(REFRESH, json!({ "input": input })).await;
    assert_eq!(renewed["refreshSession"]["viewer"]["user"]["email"], "ada@example.com");

    // Only these two are exempt, and only alone.
    let mixed = "
        mutation($input: LoginInput!) {
            login(input: $input) { userErrors { code } }
            createPortfolio(input: { name: \"Core\" }) { userErrors { code } }
        }";
    let input = json!({ "email": "ada@example.com", "password": PASSWORD });
    assert_eq!(codes(&later.asks(mixed, json!({ "input": input })).await), ["UNAUTHENTICATED"]);
}

#[tokio::test]
async fn a_token_that_is_not_ours_is_refused_and_learns_nothing() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let bob = app.sign_in("bob").await;
    let stranger = app.restart().signing_with(&"another secret".repeat(3)).await;
    let foreign = stranger.sign_in("ada").await.access_token;

    let part = |token: &str, n| token.split('.').nth(n).expect("three parts").to_owned();
    let [head, body, signature] = [0, 1, 2].map(|n| part(&ada.access_token, n));
    let header = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let forged = [
        ("another key", foreign),
        ("no algorithm", format!("{}.{body}.", header(r#"{"alg":"none","typ":"JWT"}"#))),
        ("no algorithm, signed", format!("{}.{body}.{signature}", header(r#"{"alg":"None"}"#))),
        ("another algorithm", format!("{}.{body}.{signature}", header(r#"{"alg":"RS256"}"#))),
        (
            "a key of its own choice",
            format!("{}.{body}.{signature}", header(r#"{"alg":"HS256","kid":"../../dev/null"}"#)),
        ),
        ("somebody else's claims", format!("{head}.{}.{signature}", part(&bob.access_token, 1))),
        ("no signature", format!("{head}.{body}.")),
        ("two parts", format!("{head}.{body}")),
        ("a refresh token", ada.refresh_token.clone()),
        ("nothing", String::new()),
        ("nonsense", "💥".into()),
        ("a long one", "A".repeat(10_000)),
    ];

    let mut answers = Vec::new();
    for (what, token) in forged {
        let request = Request::post("/graphql")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {token}").into_bytes())
            .body(Body::from(json!({ "query": WHO }).to_string()))
            .expect("a request");
        let reply = app.send(request).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{what}");
        assert_eq!(reply.header("www-authenticate"), "Bearer", "{what}");
        assert_eq!(codes(&reply.json()), ["UNAUTHENTICATED"], "{what}");
        assert_eq!(reply.json()["data"], Value::Null, "{what}");
        answers.push(reply.json());
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "no two are told apart");

    for scheme in ["Basic", "", "Bearer"] {
        let mut request = post(&json!({ "query": WHO }));
        let value = scheme.parse().expect("a header");
        request.headers_mut().insert(header::AUTHORIZATION, value);
        assert_eq!(app.send(request).await.status, StatusCode::UNAUTHORIZED, "`{scheme}`");
    }
    assert!(is_let_in(&ada).await, "hers is still good");
}

#[tokio::test]
async fn a_refresh_token_works_once_and_is_replaced() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;

    let renewed = refresh(&app, &ada.refresh_token).await;
    let next = renewed["session"]["refreshToken"].as_str().expect("a token").to_owned();
    assert_ne!(next, ada.refresh_token);
    assert_eq!(renewed["viewer"]["user"]["email"], "ada@example.com");

    assert_eq!(user_codes(&refresh(&app, &ada.refresh_token).await), ["UNAUTHENTICATED"]);
    assert!(user_codes(&refresh(&app, &next).await).is_empty(), "the new one works");

    for nonsense in ["", ".", "a.b", &ada.access_token, &"A".repeat(100_000)] {
        assert_eq!(user_codes(&refresh(&app, nonsense).await), ["UNAUTHENTICATED"]);
    }
}

#[tokio::test]
async fn a_refresh_token_that_comes_again_late_ends_its_session() {
    let app = App::start().at("2026-01-05T21:30:00Z").await;
    let ada = app.sign_in("ada").await;
    let elsewhere = app.sign_in("ada").await;
    let renewed = refresh(&app, &ada.refresh_token).await;

    let later = app.restart().at("2026-01-05T21:30:11Z").await;
    assert_eq!(user_codes(&refresh(&later, &ada.refresh_token).await), ["UNAUTHENTICATED"]);

    let next = renewed["session"]["refreshToken"].as_str().expect("a token");
    assert_eq!(user_codes(&refresh(&later, next).await), ["UNAUTHENTICATED"], "the whole family");
    assert!(!is_let_in(&ada.before(&later)).await, "the access tokens too");
    assert!(is_let_in(&elsewhere.before(&later)).await, "her other session lives on");
    let log = audit_of(&app, "ada@example.com").await;
    assert_eq!(log.iter().filter(|action| *action == "session.refresh_token_reused").count(), 1);
}

#[tokio::test]
async fn a_double_click_on_renewal_ends_nothing() {
    let app = App::start().at("2026-01-05T21:30:00Z").await;
    let ada = app.sign_in("ada").await;
    let renewed = refresh(&app, &ada.refresh_token).await;

    let soon = app.restart().at("2026-01-05T21:30:10Z").await;
    assert_eq!(user_codes(&refresh(&soon, &ada.refresh_token).await), ["UNAUTHENTICATED"]);

    let next = renewed["session"]["refreshToken"].as_str().expect("a token");
    assert!(user_codes(&refresh(&soon, next).await).is_empty());
    assert!(is_let_in(&ada.before(&soon)).await);
    assert_eq!(audit_of(&app, "ada@example.com").await, ["user.register", "session.login"]);
}

#[tokio::test]
async fn of_twenty_renewals_at_once_one_wins_and_its_session_lives_on() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;

    let payloads = join_all((0..20).map(|_| refresh(&app, &ada.refresh_token))).await;
    let (won, lost): (Vec<_>, Vec<_>) =
        payloads.iter().partition(|payload| payload["session"].is_object());
    assert_eq!((won.len(), lost.len()), (1, 19));
    assert!(lost.iter().all(|payload| user_codes(payload) == ["UNAUTHENTICATED"]));

    let session = &won[0]["session"];
    let access_token = session["accessToken"].as_str().expect("a token").to_owned();
    assert!(is_let_in(&Person { access_token, ..ada }).await);
    let next = session["refreshToken"].as_str().expect("a token");
    assert!(user_codes(&refresh(&app, next).await).is_empty());
}

#[tokio::test]
async fn a_session_ends_after_thirty_days_however_often_it_is_renewed() {
    let app = App::start().at("2026-01-05T21:30:00Z").await;
    let ada = app.sign_in("ada").await;

    let last_day = app.restart().at("2026-02-04T21:29:59Z").await;
    let renewed = refresh(&last_day, &ada.refresh_token).await;
    let session = &renewed["session"];
    let access_token = session["accessToken"].as_str().expect("a token").to_owned();

    let over = app.restart().at("2026-02-04T21:30:00Z").await;
    let next = session["refreshToken"].as_str().expect("a token");
    assert_eq!(user_codes(&refresh(&over, next).await), ["UNAUTHENTICATED"]);
    assert!(!is_let_in(&Person { access_token, ..ada }.before(&over)).await);
}

#[tokio::test]
async fn signing_out_ends_access_at_once() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let elsewhere = app.sign_in("ada").await;

    assert_eq!(ada.reads(LOGOUT, json!({})).await["logout"]["ok"], true);
    assert!(!is_let_in(&ada).await);
    assert_eq!(user_codes(&refresh(&app, &ada.refresh_token).await), ["UNAUTHENTICATED"]);
    assert!(is_let_in(&elsewhere).await, "her other session lives on");
    let log = audit_of(&app, "ada@example.com").await;
    assert_eq!(log.last().map(String::as_str), Some("session.logout"));

    let answer = app.asks(LOGOUT, json!({})).await;
    assert_eq!(answer["data"]["logout"]["ok"], false, "nobody was signed in");
}

#[tokio::test]
async fn what_follows_signing_out_in_one_document_is_done_for_nobody() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;

    let document = "
        mutation {
            logout { ok }
            createPortfolio(input: { name: \"Late\" }) { portfolio { id } }
        }";
    assert_eq!(codes(&ada.asks(document, json!({})).await), ["UNAUTHENTICATED"]);
}

#[tokio::test]
async fn somebody_who_was_disabled_is_out() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    sqlx::query("update users set disabled_at = now() where email = $1")
        .bind(&ada.email)
        .execute(&mut app.superuser().await)
        .await
        .expect("an update");

    assert!(!is_let_in(&ada).await);
    assert_eq!(user_codes(&refresh(&app, &ada.refresh_token).await), ["UNAUTHENTICATED"]);
    let disabled = login(&app, &ada.email, PASSWORD).await;
    let unknown = login(&app, "nobody@example.com", PASSWORD).await;
    assert_eq!(disabled, unknown, "as if they had never been there");
}

#[tokio::test]
async fn passwords_are_guessed_ten_times_a_minute() {
    let app = App::start().await;
    app.sign_in("bob").await;
    let guesses = (0..11).map(|n| login(&app, "ada@example.com", ["guess", "else"][n % 2]));
    let answers = join_all(guesses).await;

    let limited = answers.iter().filter(|answer| codes(answer) == ["RATE_LIMITED"]).count();
    assert_eq!(limited, 1);
    assert_eq!(codes(&login(&app, " Ada@EXAMPLE.com", "guess").await), ["RATE_LIMITED"]);
    assert!(
        user_codes(&login(&app, "bob@example.com", PASSWORD).await["data"]["login"]).is_empty()
    );
}

#[tokio::test]
async fn guesses_batched_into_one_document_are_counted_one_by_one() {
    let app = App::start().await;
    app.sign_in("ada").await; // the first of ten
    let guesses = |count| {
        let guess = "login(input: { email: \"ada@example.com\", password: \"guess\" })";
        let fields = numbered(0..count, |n| format!("g{n}: {guess} {{ userErrors {{ code }} }} "));
        format!("mutation {{ {fields} }}")
    };

    let answer = app.asks(&guesses(9), json!({})).await;
    assert_eq!(answer["errors"], Value::Null);
    assert_eq!(answer["data"]["g8"]["userErrors"][0]["code"], "UNAUTHENTICATED");
    assert_eq!(codes(&login(&app, "ada@example.com", PASSWORD).await), ["RATE_LIMITED"]);
}

#[tokio::test]
async fn a_megabyte_of_password_is_refused_before_it_is_hashed() {
    let mut app = App::start().await;
    // Whoever waits for this one waits until it refuses.
    let services = Services { hasher: Hasher::new(0), ..app.services.clone() };
    app.router = sigmasight::app::router(&app.config, services, app.lasting.clone());

    for _ in 0..20 {
        let answer = login(&app, "ada@example.com", &"x".repeat(1 << 20)).await;
        assert_eq!(user_codes(&answer["data"]["login"]), ["UNAUTHENTICATED"]);
    }
}

#[tokio::test]
async fn somebody_signs_out_over_the_only_connection_there_is() {
    let app = App::start().over_connections(1).await;
    let ada = app.sign_in("ada").await;
    let answer = ada.asks("mutation { logout { ok } }", json!({})).await;
    assert_eq!(answer["data"]["logout"]["ok"], true, "{answer}");
    assert!(!is_let_in(&ada).await);
}
