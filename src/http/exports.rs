//! Files to take away, handed to whoever has a link that is good.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Door;
use crate::domain::export::Download;
use crate::error::chain;
use crate::services::exports;

/// What a link hands out. A link that is wrong, over, or of a file that is gone is answered as any
/// address that leads nowhere.
pub async fn download(
    State(door): State<Door>,
    token: Result<Path<String>, PathRejection>,
) -> Response {
    let Ok(Path(token)) = token else { return StatusCode::NOT_FOUND.into_response() };
    match exports::download(&door.services, &token).await {
        Ok(Some(file)) => file.into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!(error = chain(&error), "a file cannot be handed out");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

impl IntoResponse for Download {
    fn into_response(self) -> Response {
        // The name is one that needs no quoting: its table holds no other.
        let disposition = format!("attachment; filename=\"{}\"", self.file_name);
        let disposition = HeaderValue::try_from(disposition)
            .unwrap_or_else(|_| HeaderValue::from_static("attachment"));
        let headers: [(HeaderName, HeaderValue); 6] = [
            (header::CONTENT_TYPE, HeaderValue::from_static(self.format.media_type())),
            (header::CONTENT_DISPOSITION, disposition),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
            // Opened all the same, it may load nothing and run nothing.
            (
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static("default-src 'none'; sandbox"),
            ),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ];
        (headers, self.content).into_response()
    }
}
