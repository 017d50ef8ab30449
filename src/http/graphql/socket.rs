//! Subscriptions over WebSocket: `graphql-transport-ws`.
//!
//! A page of another site could open a socket, but not in anybody's name: what counts is the
//! token in `connection_init`, which a browser sends nowhere by itself. Its origin is checked all
//! the same. Queries and mutations go by POST, where their limits are.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use async_graphql::{Response as Answer, ServerError, Value};
use axum::extract::ws::{Message, WebSocket};
use axum::extract::{FromRequestParts, Request, State, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use axum::response::{IntoResponse, Response};
use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, sleep_until, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::protocol::{Close, PROTOCOL, Said, Say};
use super::refused::Refused;
use super::{Client, Token, admit, bearer, count_errors};
use crate::error::{Code, Refusal};
use crate::graphql;
use crate::graphql::emission::Source;
use crate::http::lasting::{MAX_OF_USER, Seat};
use crate::http::limits::Caller;
use crate::http::{Door, may_come_from};
use crate::postgres::moment::{Claims, Moment};
use crate::telemetry;

/// Bytes of one message: a query's text, and as much again for its variables.
const MAX_MESSAGE_BYTES: usize = 2 * graphql::MAX_QUERY_BYTES;
/// Operations of one socket at a time.
const MAX_OPERATIONS: usize = 20;
/// Answers that wait for a client before its operations do.
const MAX_WAITING: usize = 16;
/// How long a client may take to close after it was told why.
const GOODBYE: Duration = Duration::from_secs(1);

/// `GET /graphql/ws`.
pub async fn upgrade(State(door): State<Door>, request: Request) -> Response {
    let client = Client::of(&door, &request);
    let (mut parts, _) = request.into_parts();
    let checked = client.may_ask().and_then(|()| {
        if !may_come_from(&door.origins, &parts.headers) {
            let refusal = Refusal::new(Code::Forbidden, "Pages of that origin may not connect.");
            let hint = "`CORS_ALLOWED_ORIGINS` lists those that may.";
            return Err(Refused::new(StatusCode::FORBIDDEN, refusal.hint(hint)));
        }
        let offered = parts.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
        let mut offered = offered.filter_map(|value| value.to_str().ok());
        if !offered.any(|value| value.split(',').any(|one| one.trim() == PROTOCOL)) {
            let refusal = Refusal::validation(format!("This socket speaks `{PROTOCOL}` alone."));
            return Err(Refused::new(StatusCode::BAD_REQUEST, refusal));
        }
        door.lasting.seat(Caller::at(client.address)).ok_or_else(|| {
            let message = "Too many sockets of this network have not said whose they are.";
            let refusal = Refusal::new(Code::LimitExceeded, message);
            Refused::new(StatusCode::TOO_MANY_REQUESTS, refusal)
        })
    });
    let seat = match checked {
        Ok(seat) => seat,
        Err(refused) => return client.answer(Err(refused)),
    };
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &door).await {
        Ok(upgrade) => upgrade,
        Err(no_socket) => return no_socket.into_response(),
    };
    let header = match client.token {
        Token::Good(claims) => Some(claims),
        Token::None | Token::Bad => None,
    };
    let (waiting, letters) = mpsc::channel(MAX_WAITING);
    let now = Instant::now();
    let open = Open {
        header,
        address: client.address,
        claims: None,
        seat,
        is_begun: false,
        operations: HashMap::new(),
        serial: 0,
        waiting,
        heard_at: now,
        busy_at: now,
        door,
    };
    upgrade
        .protocols([PROTOCOL])
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .on_upgrade(move |socket| {
            let sockets = open.door.lasting.sockets.clone();
            sockets.track_future(open.serve(socket, letters))
        })
}

/// A socket that is open.
struct Open {
    door: Door,
    address: IpAddr,
    /// Who the handshake says it is, for clients that are no browsers.
    header: Option<Claims>,
    /// Who it is, once acknowledged.
    claims: Option<Claims>,
    seat: Seat,
    is_begun: bool,
    operations: HashMap<String, Operation>,
    serial: u64,
    waiting: mpsc::Sender<Letter>,
    heard_at: Instant,
    /// When anything was last watched.
    busy_at: Instant,
}

/// One subscription; ends when dropped.
struct Operation {
    /// Tells it from an earlier one of the same id, of which something may still be under way.
    serial: u64,
    _running: AbortOnDropHandle<()>,
}

/// What an operation has to say.
struct Letter {
    id: String,
    serial: u64,
    content: Content,
}

enum Content {
    Next(Box<Answer>),
    Failed(Vec<ServerError>),
    Complete,
}

impl Open {
    async fn serve(mut self, socket: WebSocket, mut letters: mpsc::Receiver<Letter>) {
        let patience = self.door.lasting.patience;
        let stop = self.door.lasting.stop.clone();
        let (mut sink, mut stream) = socket.split();
        let deadline = Instant::now() + patience.init;
        let mut pings = interval(patience.ping);
        let close = loop {
            let answer = tokio::select! {
                () = stop.cancelled() => break Close::going_away(),
                () = sleep_until(deadline), if self.claims.is_none() => break Close::late(),
                message = stream.next() => match message {
                    None | Some(Ok(Message::Close(_))) => return,
                    Some(Ok(message)) => self.hear(message).await,
                    // The rest cannot be told from what came before it.
                    Some(Err(error)) => Err(unreadable(&error)),
                },
                Some(letter) = letters.recv() => Ok(self.deliver(&letter)),
                _ = pings.tick() => self.ping(),
            };
            match answer {
                Ok(None) => {}
                Ok(Some(message)) => {
                    if !write(&mut sink, message, patience.write).await {
                        return;
                    }
                }
                Err(close) => break close,
            }
        };
        self.operations.clear();
        if write(&mut sink, close.message(), patience.write).await {
            let rest = async { while let Some(Ok(_)) = stream.next().await {} };
            timeout(GOODBYE, rest).await.ok();
        }
    }

    fn ping(&mut self) -> Result<Option<Message>, Close> {
        let patience = self.door.lasting.patience;
        if !self.operations.is_empty() {
            self.busy_at = Instant::now();
        }
        if self.heard_at.elapsed() > patience.silence || self.busy_at.elapsed() > patience.idle {
            return Err(Close::idle());
        }
        Ok(Some(Message::Ping(Vec::new().into())))
    }

    async fn hear(&mut self, message: Message) -> Result<Option<Message>, Close> {
        self.heard_at = Instant::now();
        let text = match &message {
            Message::Text(text) => text.as_str(),
            Message::Binary(_) => return Err(Close::bad_request("Messages are text")),
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return Ok(None),
        };
        let said = serde_json::from_str(text)
            .map_err(|_| Close::bad_request("A message cannot be read"))?;
        match said {
            Said::ConnectionInit { payload } => self.begin(&payload).await,
            Said::Ping { payload } => Ok(Say::Pong { payload }.message()),
            Said::Pong {} => Ok(None),
            Said::Subscribe { id, payload } => self.subscribe(id, *payload),
            Said::Complete { id } => {
                self.operations.remove(&id);
                self.busy_at = Instant::now();
                Ok(None)
            }
        }
    }

    /// Finds out who it is.
    async fn begin(&mut self, payload: &serde_json::Value) -> Result<Option<Message>, Close> {
        if std::mem::replace(&mut self.is_begun, true) {
            return Err(Close::begun_twice());
        }
        let claims = self.claims_in(payload).ok_or_else(Close::unauthorized)?;
        let services = &self.door.services;
        let moment = Moment::new(services.db.clone(), services.now(), Some(claims));
        moment.viewer().await.map_err(|error| {
            let refused = Refused::from(error);
            if refused.status.is_server_error() { Close::internal() } else { Close::unauthorized() }
        })?;
        // From here on it counts as theirs, and no longer as one of its network's.
        let seat = self.door.lasting.seat(Caller::User(claims.user));
        self.seat = seat.ok_or_else(|| Close::too_many(MAX_OF_USER))?;
        self.claims = Some(claims);
        self.busy_at = Instant::now();
        Ok(Say::ConnectionAck.message())
    }

    /// `{"Authorization": "Bearer ..."}` or `{"accessToken": "..."}`; without either, what the
    /// handshake said.
    fn claims_in(&self, payload: &serde_json::Value) -> Option<Claims> {
        let services = &self.door.services;
        let given = |name: &str| {
            let fields = payload.as_object().into_iter().flatten();
            let mut named = fields.filter(|(key, _)| key.eq_ignore_ascii_case(name));
            named.find_map(|(_, value)| value.as_str())
        };
        match (given("authorization"), given("accessToken")) {
            (Some(header), _) => bearer(services, header),
            (None, Some(token)) => services.tokens.read(token.trim(), services.now()),
            (None, None) => self.header,
        }
    }

    fn subscribe(
        &mut self,
        id: String,
        asked: async_graphql::Request,
    ) -> Result<Option<Message>, Close> {
        let claims = self.claims.ok_or_else(Close::unauthorized)?;
        if self.operations.contains_key(&id) {
            return Err(Close::duplicate());
        }
        let source = Source::new(self.door.services.clone(), Some(claims), self.address);
        match self.admit(claims, asked) {
            Ok(asked) => {
                telemetry::operation("subscription");
                self.serial += 1;
                let serial = self.serial;
                let schema = self.door.schema.clone();
                let waiting = self.waiting.clone();
                let running = {
                    let id = id.clone();
                    tokio::spawn(async move {
                        let _open = telemetry::Open::over("websocket");
                        let answers = graphql::subscribe(&schema, asked, source);
                        run(answers, |content| {
                            waiting.send(Letter { id: id.clone(), serial, content })
                        })
                        .await;
                    })
                };
                let operation = Operation { serial, _running: AbortOnDropHandle::new(running) };
                self.operations.insert(id, operation);
                Ok(None)
            }
            Err(refused) => {
                let answer = refused.into_response();
                count_errors(&answer);
                Ok(Say::Error { id: &id, payload: &answer.errors }.message())
            }
        }
    }

    /// By the limits that hold for a request by POST, and those of a socket.
    fn admit(
        &self,
        claims: Claims,
        mut asked: async_graphql::Request,
    ) -> Result<async_graphql::Request, Refused> {
        super::may_ask(&self.door.rates.count(Caller::User(claims.user)))?;
        if self.operations.len() >= MAX_OPERATIONS {
            let message = format!("A socket has at most {MAX_OPERATIONS} operations at a time.");
            let refusal = Refusal::new(Code::LimitExceeded, message);
            let refusal = refusal.hint("Complete one of them first.");
            return Err(Refused::new(StatusCode::TOO_MANY_REQUESTS, refusal));
        }
        if !admit(&mut asked, false)?.is_subscription {
            let refusal = Refusal::validation("This socket is for subscriptions.");
            let refusal = refusal.hint("Send queries and mutations by POST to `/graphql`.");
            return Err(Refused::new(StatusCode::BAD_REQUEST, refusal));
        }
        Ok(asked)
    }

    /// What an operation says, unless it was told to be silent meanwhile.
    fn deliver(&mut self, letter: &Letter) -> Option<Message> {
        let Letter { id, serial, content } = letter;
        if self.operations.get(id).is_none_or(|operation| operation.serial != *serial) {
            return None;
        }
        if !matches!(content, Content::Next(_)) {
            self.operations.remove(id);
            self.busy_at = Instant::now();
        }
        let say = match content {
            Content::Next(payload) => Say::Next { id, payload },
            Content::Failed(payload) => Say::Error { id, payload },
            Content::Complete => Say::Complete { id },
        };
        say.message()
    }
}

/// Says all that an operation answers: that it failed, where its first answer is no more than
/// that, or each of its answers and that it is complete.
async fn run<Sent>(answers: impl futures_util::Stream<Item = Answer>, say: impl Fn(Content) -> Sent)
where
    Sent: Future<Output = Result<(), mpsc::error::SendError<Letter>>>,
{
    let mut answers = pin!(answers);
    let mut is_first = true;
    while let Some(answer) = answers.next().await {
        count_errors(&answer);
        let has_failed = is_first && answer.is_err() && answer.data == Value::Null;
        is_first = false;
        if has_failed {
            say(Content::Failed(answer.errors)).await.ok();
            return;
        }
        if say(Content::Next(Box::new(answer))).await.is_err() {
            return;
        }
    }
    say(Content::Complete).await.ok();
}

fn unreadable(error: &axum::Error) -> Close {
    let is_too_large = error.to_string().contains("too long");
    if is_too_large {
        Close::too_large(MAX_MESSAGE_BYTES)
    } else {
        Close::bad_request("What was sent cannot be read")
    }
}

/// Whether the client took it in time.
async fn write(
    sink: &mut SplitSink<WebSocket, Message>,
    message: Message,
    patience: Duration,
) -> bool {
    matches!(timeout(patience, sink.send(message)).await, Ok(Ok(())))
}
