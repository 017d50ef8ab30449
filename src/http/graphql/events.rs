//! Answers as events sent by the server: each a `next`, and a `complete` after the last.
//!
//! Source: the distinct connections mode of `graphql-sse` (its `PROTOCOL.md`).

use std::convert::Infallible;
use std::future::ready;
use std::pin::pin;
use std::time::Duration;

use async_graphql::Response as Answer;
use axum::http::{HeaderName, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::refused::Refused;
use super::{Client, admit, count_errors};
use crate::error::{Code, Refusal};
use crate::graphql;
use crate::graphql::emission::Source;
use crate::http::Door;
use crate::http::lasting::MAX_OF_USER;
use crate::http::limits::Caller;
use crate::telemetry;

/// The media type of such answers.
pub const EVENT_STREAM: &str = "text/event-stream";
/// Between two comments that keep whatever is in between from taking a stream for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Answers that wait for a client before its subscription does.
const MAX_WAITING: usize = 16;

impl Door {
    /// Answers by events. What is refused before it runs is answered as any request.
    pub(super) async fn events(
        &self,
        mut asked: async_graphql::Request,
        client: &Client,
    ) -> Result<Response, Refused> {
        let answers = if admit(&mut asked, true)?.is_subscription {
            self.watch(asked, client)?
        } else {
            stream::once(ready(self.run(asked, client, true).await?)).boxed()
        };
        let events = answers
            .map(|answer| {
                count_errors(&answer);
                Event::default().event("next").json_data(&answer)
            })
            .filter_map(|event| ready(event.ok()))
            .chain(stream::once(ready(Event::default().event("complete").data(""))))
            .map(Ok::<_, Infallible>);
        let events = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
        // A proxy that gathers answers would hold events back.
        Ok(([(HeaderName::from_static("x-accel-buffering"), "no")], events).into_response())
    }

    fn watch(
        &self,
        asked: async_graphql::Request,
        client: &Client,
    ) -> Result<BoxStream<'static, Answer>, Refused> {
        let claims = client.claims()?;
        let caller =
            claims.map_or_else(|| Caller::at(client.address), |claims| Caller::User(claims.user));
        let seat = self.lasting.seat(caller).ok_or_else(|| {
            let message = format!("At most {MAX_OF_USER} connections stay open at a time.");
            let refusal = Refusal::new(Code::LimitExceeded, message);
            Refused::new(StatusCode::TOO_MANY_REQUESTS, refusal.hint("Close one of them first."))
        })?;
        telemetry::operation("subscription");
        let source = Source::new(self.services.clone(), claims, client.address);
        let stop = self.lasting.stop.clone();
        let answers =
            graphql::subscribe(&self.schema, asked, source).take_until(stop.cancelled_owned());
        let (waiting, taken) = mpsc::channel(MAX_WAITING);
        // On its own: a client that is slow to read must not hold up what is half read.
        let running = tokio::spawn(async move {
            let mut answers = pin!(answers);
            while let Some(answer) = answers.next().await {
                if waiting.send(answer).await.is_err() {
                    return;
                }
            }
        });
        // Until the client goes away or there is no more.
        let held = (AbortOnDropHandle::new(running), seat, telemetry::Open::over("sse"));
        let answers = stream::unfold((taken, held), |(mut taken, held)| async move {
            Some((taken.recv().await?, (taken, held)))
        });
        Ok(answers.boxed())
    }
}
