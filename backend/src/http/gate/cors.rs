//! Pages of other origins that may use the API (`cors_origins`). They send a key or a ticket; cookies never count for them.

use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, HeaderMap, HeaderValue, VARY,
};

/// What these pages may send.
const SENT: &str =
    "authorization, content-type, content-encoding, if-none-match, last-event-id, x-api-key, x-request-id";

/// What they may read of an answer beside its body.
const READ: &str = "etag, location, retry-after, x-request-id";

/// How long browsers need not ask again, in seconds.
const KEPT: &str = "600";

/// Lets a page of `origin` read the answer; one that names the methods of a path is what browsers ask for before.
pub(super) fn add_headers(headers: &mut HeaderMap, origin: Option<&str>) {
    headers.append(VARY, HeaderValue::from_static("origin"));
    let Some(origin) = origin.and_then(|origin| HeaderValue::from_str(origin).ok()) else { return };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(READ));
    if let Some(methods) = headers.get(ALLOW).cloned() {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(SENT));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(KEPT));
    }
}
