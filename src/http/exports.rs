//! Files to take away, handed to whoever has a link that is good: counted as requests of its owner,
//! and few at a time, for each is in memory until it is taken.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Door;
use super::lasting::Seat;
use super::limits::Caller;
use crate::domain::export::Download;
use crate::error::chain;
use crate::services::exports;

/// Bytes of a file that are handed over at a time.
const PIECE: usize = 64 << 10;
/// Seconds after which somebody with too many downloads under way may try again.
const SEAT_SECONDS: u64 = 5;

/// What a link hands out. A link that is wrong, over, or of a file that is gone is answered as any
/// address that leads nowhere; whoever tries many is counted by where they ask from.
pub async fn download(
    State(door): State<Door>,
    token: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let token = token.ok();
    let link = token.and_then(|Path(token)| exports::linked(&door.services, &token));
    let caller = match link {
        Some((owner, _)) => Caller::User(owner),
        None => Caller::at(door.address(&request)),
    };
    drop(request);
    if let Some(seconds) = door.rates.count(caller).retry_after_seconds {
        return too_many(seconds);
    }
    let Some(link) = link else { return StatusCode::NOT_FOUND.into_response() };
    let Some(seat) = door.lasting.seat(caller) else { return too_many(SEAT_SECONDS) };
    match exports::download(&door.services, link).await {
        Ok(Some(file)) => handed(file, seat, door.lasting.patience.write),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!(error = chain(&error), "a file cannot be handed out");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn too_many(seconds: u64) -> Response {
    (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, HeaderValue::from(seconds))]).into_response()
}

fn handed(file: Download, seat: Seat, patience: Duration) -> Response {
    // The name is one that needs no quoting: its table holds no other.
    let disposition = format!("attachment; filename=\"{}\"", file.file_name);
    let disposition = HeaderValue::try_from(disposition)
        .unwrap_or_else(|_| HeaderValue::from_static("attachment"));
    let headers: [(HeaderName, HeaderValue); 7] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(file.format.media_type())),
        (header::CONTENT_LENGTH, file.content.len().into()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
        // Opened all the same, it may load nothing and run nothing.
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    // Piece by piece: file and seat are free when the last is taken, the client is gone, or takes
    // nothing for too long.
    let (hand, taken) = mpsc::channel(1);
    let mut rest = Bytes::from(file.content);
    tokio::spawn(async move {
        let _seat = seat;
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(PIECE));
            if hand.send_timeout(piece, patience).await.is_err() {
                return;
            }
        }
        // There is room again once the last is taken.
        let _ = timeout(patience, hand.reserve()).await;
    });
    let pieces = stream::unfold(taken, |mut taken| async move {
        Some((Ok::<_, Infallible>(taken.recv().await?), taken))
    });
    (headers, Body::from_stream(pieces)).into_response()
}
