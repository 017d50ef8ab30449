//! What connections that stay open may do, each bound with its error.

use std::time::Duration;

use serde_json::json;
use sigmasight::http::lasting::{MAX_OF_USER, Patience};

use super::{PROGRESS, UPDATES};
use crate::support::App;
use crate::support::live::{Events, Socket, listens};

const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");

#[tokio::test]
async fn nobody_watches_without_saying_who_they_are() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let (address, _serving) = listens(&app).await;
    for payload in [json!({}), json!(null), json!({ "accessToken": "x" }), json!([1])] {
        let mut socket = Socket::open(address).await;
        assert_eq!(socket.begins(&payload).await, json!({ "close": 4401 }), "{payload}");
    }
    let mut socket = Socket::open(address).await;
    socket.subscribes("1", PROGRESS, json!({ "id": "x" })).await;
    assert_eq!(socket.hears().await, json!({ "close": 4401 }));

    let bearer = format!("Bearer {}", ada.access_token);
    let mut socket = Socket::open(address).await;
    let answer = socket.begins(&json!({ "authorization": bearer })).await;
    assert_eq!(answer["type"], "connection_ack");
    let again = socket.begins(&json!({ "authorization": bearer })).await;
    assert_eq!(again, json!({ "close": 4429 }));
    // A program says it in the handshake.
    let headers = [PROTOCOL, ("authorization", bearer.as_str())];
    let mut socket = Socket::opens(address, &headers).await.expect("a socket");
    assert_eq!(socket.begins(&json!(null)).await["type"], "connection_ack");
}

#[tokio::test]
async fn pages_of_other_sites_and_other_protocols_are_turned_away() {
    let app = App::start().await;
    let (address, _serving) = listens(&app).await;
    for (headers, status) in [
        (vec![PROTOCOL, ("origin", "https://evil.example")], 403),
        (vec![PROTOCOL, ("origin", "null")], 403),
        (vec![("sec-websocket-protocol", "graphql-ws")], 400),
        (vec![], 400),
    ] {
        let refused = Socket::opens(address, &headers).await.err();
        assert_eq!(refused.map(|status| status.as_u16()), Some(status), "{headers:?}");
    }
    let own = format!("http://{address}");
    assert!(Socket::opens(address, &[PROTOCOL, ("origin", own.as_str())]).await.is_ok());
}

#[tokio::test]
async fn a_socket_carries_subscriptions_alone_and_so_many_at_a_time() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    let (address, _serving) = listens(&app).await;
    let mut socket = Socket::of(&ada, address).await;
    let deep = format!("subscription {}{}", "{a".repeat(100), "}".repeat(100));
    for (query, code) in [
        ("{ viewer { user { email } } }", "VALIDATION"),
        ("mutation { logout { ok } }", "VALIDATION"),
        ("subscription { nothing }", "VALIDATION"),
        ("", "VALIDATION"),
        (deep.as_str(), "QUERY_TOO_COMPLEX"),
    ] {
        socket.subscribes("1", query, json!({})).await;
        let answer = socket.hears().await;
        assert_eq!((&answer["type"], &answer["id"]), (&json!("error"), &json!("1")), "{answer}");
        assert_eq!(answer["payload"][0]["extensions"]["code"], code, "{query}: {answer}");
    }
    for id in 0..20 {
        socket.subscribes(&id.to_string(), UPDATES, json!({ "id": core })).await;
    }
    socket.subscribes("20", UPDATES, json!({ "id": core })).await;
    let answer = socket.hears().await;
    assert_eq!(answer["id"], "20");
    assert_eq!(answer["payload"][0]["extensions"]["code"], "LIMIT_EXCEEDED", "{answer}");
    // One that is completed makes room.
    socket.says(&json!({ "type": "complete", "id": "0" })).await;
    socket.subscribes("20", UPDATES, json!({ "id": core })).await;
    socket.says(&json!({ "type": "ping", "payload": { "n": 1 } })).await;
    assert_eq!(socket.hears().await, json!({ "type": "pong", "payload": { "n": 1 } }));
    socket.subscribes("20", UPDATES, json!({ "id": core })).await;
    assert_eq!(socket.hears().await, json!({ "close": 4409 }));
}

#[tokio::test]
async fn what_cannot_be_read_closes_a_socket() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let (address, _serving) = listens(&app).await;
    let long = "x".repeat(200_000);
    for (message, code) in [
        (json!({ "type": "nonsense" }), 4400),
        (json!([]), 4400),
        (json!({ "type": "subscribe", "id": 1, "payload": {} }), 4400),
        (json!({ "type": "ping", "payload": { "long": long } }), 1009),
    ] {
        let mut socket = Socket::of(&ada, address).await;
        socket.says(&message).await;
        assert_eq!(socket.hears().await, json!({ "close": code }));
    }
}

#[tokio::test]
async fn one_user_holds_so_many_connections_open_and_asks_so_often() {
    let app = App::start().await;
    let (ada, bob) = (app.sign_in("ada").await, app.sign_in("bob").await);
    let core = ada.creates_portfolio("Core").await;
    let (address, _serving) = listens(&app).await;
    let mut sockets = Vec::new();
    for _ in 1..MAX_OF_USER {
        sockets.push(Socket::of(&ada, address).await);
    }
    let events = Events::of(&ada, UPDATES, json!({ "id": core })).await;
    let token = json!({ "accessToken": ada.access_token });
    let mut more = Socket::open(address).await;
    assert_eq!(more.begins(&token).await, json!({ "close": 4429 }));
    let refused = Events::asks(&ada, UPDATES, json!({ "id": core })).await;
    assert_eq!(refused.status(), 429);
    Socket::of(&bob, address).await;
    drop(events);
    Socket::of(&ada, address).await;

    let app = app.restart().limited_to(3, 100).await;
    let (address, _serving) = listens(&app).await;
    let mut socket = Socket::of(&ada, address).await;
    for id in ["1", "2", "3"] {
        socket.subscribes(id, UPDATES, json!({ "id": core })).await;
    }
    socket.subscribes("4", UPDATES, json!({ "id": core })).await;
    let answer = socket.hears().await;
    assert_eq!(answer["id"], "4", "each operation counts as a request: {answer}");
    assert_eq!(answer["payload"][0]["extensions"]["code"], "RATE_LIMITED");
}

#[tokio::test]
async fn sockets_that_say_nothing_or_watch_nothing_are_closed() {
    let patience = Patience {
        init: Duration::from_millis(300),
        ping: Duration::from_millis(100),
        idle: Duration::from_millis(600),
        ..Patience::default()
    };
    let app = App::start().with_patience(patience).await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    let (address, _serving) = listens(&app).await;
    let mut silent = Socket::open(address).await;
    assert_eq!(silent.hears().await, json!({ "close": 4408 }));
    let mut watching = Socket::of(&ada, address).await;
    watching.subscribes("1", UPDATES, json!({ "id": core })).await;
    let mut idle = Socket::of(&ada, address).await;
    assert_eq!(idle.hears().await, json!({ "close": 1000 }));
    watching.says(&json!({ "type": "ping" })).await;
    assert_eq!(watching.hears().await, json!({ "type": "pong" }), "it watches something");
}

#[tokio::test]
async fn all_of_them_end_when_the_program_is_to_stop() {
    let app = App::start().await;
    let ada = app.sign_in("ada").await;
    let core = ada.creates_portfolio("Core").await;
    let (address, _serving) = listens(&app).await;
    let mut socket = Socket::of(&ada, address).await;
    socket.subscribes("1", UPDATES, json!({ "id": core })).await;
    let mut events = Events::of(&ada, UPDATES, json!({ "id": core })).await;
    app.lasting.stop.cancel();
    assert_eq!(socket.hears().await, json!({ "close": 1001 }));
    assert_eq!(events.next().await, None, "complete");
    drop(socket);
    app.lasting.ended().await;
}
