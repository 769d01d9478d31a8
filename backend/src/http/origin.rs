//! Keeps pages of other sites out.

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, ORIGIN};
use afterglow_wire::Code;

use super::problem::Problem;

/// Refuses pages of other sites: browsers let any page open a WebSocket to any host or post to it, and only this header
/// tells. Programs that are not browsers send none.
pub(super) fn check(request: &HttpRequest) -> Result<(), Problem> {
    let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or("not plain text"));
    let Some(origin) = header(ORIGIN) else { return Ok(()) };
    let host = header(HOST).unwrap_or_default();
    if origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    Err(Problem::new(Code::ForeignOrigin, format!("a page of {origin} may not use {host}")))
}
