//! Conditional requests: an answer that the client has already is not sent again.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ETAG, HeaderMap, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;

/// Answers `value`, or that it has not changed since the client got it, as `tag` tells.
pub(super) fn tagged(
    request: &HttpRequest,
    tag: impl std::fmt::Display,
    value: &impl Serialize,
) -> HttpResponse {
    let (mut response, is_known) = begin(request, tag);
    if is_known { response.finish() } else { response.json(value) }
}

/// Begins an answer with this entity tag, and says whether the client has it already: then it has no body.
pub(super) fn begin(request: &HttpRequest, tag: impl std::fmt::Display) -> (HttpResponseBuilder, bool) {
    let tag = format!("\"{tag}\"");
    let known = is_known(request.headers(), &tag);
    let mut response =
        HttpResponseBuilder::new(if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    // Only who asked may keep it, and asks every time.
    response.insert_header((CACHE_CONTROL, "no-cache, private")).insert_header((ETAG, tag));
    (response, known)
}

/// Whether the client has the answer with this tag already.
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    known.split(',').any(|known| known.trim() == tag)
}
