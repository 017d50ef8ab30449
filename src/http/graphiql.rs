//! The GraphiQL page and its files.
//!
//! `build.rs` bundles the page from `web/`; the bundle is part of the program, which then serves
//! an editor to a machine without a network. Built without Node there is no bundle, and a small
//! page that loads `GraphiQL` from a CDN takes its place and says so.
//!
//! Neither page knows the schema or holds a secret: they send what their user types to
//! `/graphql`, from the same origin. Who may see them is for the routes to decide.

use std::io::Read;

use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;
use rust_embed::{EmbeddedFile, RustEmbed};

/// What `build.rs` left behind: `index.html`, and every other file as gzip; or nothing at all.
#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Bundle;

/// Everything from this server. The exceptions are the editor's: it writes its own style
/// elements, and its style sheet carries fonts and pictures as `data:` addresses.
const BUNDLED_POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; \
     connect-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; \
     img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const CDN_PAGE: &str = include_str!("graphiql_cdn.html");

/// As above with the CDN let in; inline scripts because an import map cannot be anything else,
/// `blob:` because a worker cannot be started from another origin.
const CDN_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline' https://esm.sh; \
     worker-src blob:; connect-src 'self' https://esm.sh; \
     style-src 'unsafe-inline' https://esm.sh; font-src https://esm.sh data:; \
     img-src https://esm.sh data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page, for `GET /graphql` when HTML is what the caller accepts.
pub fn page() -> Response {
    match Bundle::get("index.html") {
        Some(index) => html(Body::from(index.data), BUNDLED_POLICY),
        None => html(Body::from(CDN_PAGE), CDN_POLICY),
    }
}

/// A file of the bundle, for `GET /graphiql/{*path}`; 404 for any other path.
pub async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    match Bundle::get(&format!("{path}.gz")) {
        Some(file) => file_response(&path, file, &headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Never stored: the page names its files by their content, and an old one would miss them.
fn html(body: Body, policy: &'static str) -> Response {
    let headers: [(HeaderName, &str); 6] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        // The same address answers queries.
        (VARY, ACCEPT.as_str()),
    ];
    (headers, body).into_response()
}

/// Compressed as it is embedded, and plain for the rare client that does not take gzip.
///
/// File names contain a hash of what is in them, so a copy is good for ever.
fn file_response(path: &str, file: EmbeddedFile, request: &HeaderMap) -> Response {
    // Weak, because the same tag stands for the file compressed and plain.
    let tag = format!("W/\"{}\"", hex(&file.metadata.sha256_hash()));
    let common: [(HeaderName, &str); 5] = [
        (ETAG, &tag),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (CONTENT_TYPE, content_type(path)),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (VARY, ACCEPT_ENCODING.as_str()),
    ];

    if lists(request, &IF_NONE_MATCH, &tag) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    if lists(request, &ACCEPT_ENCODING, "gzip") {
        return (common, [(CONTENT_ENCODING, "gzip")], Body::from(file.data)).into_response();
    }
    let mut plain = Vec::new();
    match GzDecoder::new(&*file.data).read_to_end(&mut plain) {
        Ok(_) => (common, plain).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Whether a header that holds a list has `wanted` in it; parameters are passed over, so that
/// `gzip;q=0`, which no browser sends, counts as gzip.
fn lists(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| item.split(';').next().is_some_and(|item| item.trim() == wanted))
}

/// By the extension; only those that Vite produces for this page.
fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("ttf") => "font/ttf",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::http::HeaderValue;

    use super::*;

    #[tokio::test]
    async fn every_file_that_the_page_names_is_served() {
        let page = text(page()).await;
        for attribute in page.split("=\"/graphiql/").skip(1) {
            let path = attribute.split('"').next().unwrap();
            let response = get(path, &[(ACCEPT_ENCODING, "gzip, br")]).await;

            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(response.headers()[CONTENT_ENCODING], "gzip", "{path}");
            assert_ne!(response.headers()[CONTENT_TYPE], "application/octet-stream", "{path}");
        }
    }

    #[tokio::test]
    async fn a_client_without_gzip_gets_the_file_plain() {
        let Some(path) = Bundle::iter().find(|path| path.ends_with(".css.gz")) else {
            return; // built without a bundle
        };
        let response = get(path.trim_end_matches(".gz"), &[]).await;

        assert!(!response.headers().contains_key(CONTENT_ENCODING));
        assert!(text(response).await.contains("graphiql"));
    }

    #[tokio::test]
    async fn a_file_that_the_browser_has_is_not_sent_again() {
        let Some(path) = Bundle::iter().find(|path| path.ends_with(".js.gz")) else {
            return; // built without a bundle
        };
        let path = path.trim_end_matches(".gz");
        let tag = get(path, &[]).await.headers()[ETAG].to_str().unwrap().to_owned();
        let response = get(path, &[(IF_NONE_MATCH, &format!("\"other\", {tag}"))]).await;

        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(text(response).await, "");
    }

    #[tokio::test]
    async fn a_path_outside_the_bundle_is_not_found() {
        for path in ["", "index.html", ".sigmasight-stamp", "../Cargo.toml", "assets/../../x"] {
            assert_eq!(get(path, &[]).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn the_policy_admits_another_origin_only_without_a_bundle() {
        let is_bundled = Bundle::get("index.html").is_some();
        let policy = page().headers()[CONTENT_SECURITY_POLICY].clone();

        assert_eq!(policy.to_str().unwrap().contains("https:"), !is_bundled);
    }

    #[test]
    fn the_cdn_page_loads_the_versions_that_would_be_bundled() {
        let manifest = include_str!("../../web/package.json");
        for package in ["graphiql", "react", "react-dom", "graphql", "@graphiql/react"] {
            let version = manifest
                .split_once(&format!("\"{package}\": \""))
                .and_then(|(_, rest)| rest.split('"').next())
                .unwrap();
            let address = format!("https://esm.sh/{package}@{version}");

            assert!(CDN_PAGE.contains(&address), "{address}");
        }
    }

    async fn get(path: &str, headers: &[(HeaderName, &str)]) -> Response {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect();
        asset(Path(path.to_owned()), headers).await
    }

    async fn text(response: Response) -> String {
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }
}
