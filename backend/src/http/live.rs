//! `GET /ws`: live samples over a WebSocket.

use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::Code;

use super::problem::Problem;
use super::{Context, origin};
use crate::actors::session::Session;

/// Watch samples live
///
/// A WebSocket with text frames `{"event", "data"}`: `connection_response` first, then a `telemetry_update` for each
/// object that was posted and committed. Clients send nothing.
#[utoipa::path(
    get, path = "/ws", tag = "live",
    responses(
        (status = 101, description = "The WebSocket is open"),
        (status = 400, description = "Not a WebSocket handshake", body = super::openapi::ErrorBody),
        (status = 403, description = "The page is from another origin", body = super::openapi::ErrorBody),
        (status = 503, description = "The server is stopping", body = super::openapi::ErrorBody),
    )
)]
pub(super) async fn get(
    context: web::Data<Context>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    if context.ingest.is_draining() {
        return Err(Problem::new(Code::Draining, "the server is stopping"));
    }
    origin::check(&request)?;
    Session::accept(context.sessions.clone(), &request, payload).map_err(|error| {
        Problem::new(Code::NotAWebSocket, format!("this address takes a WebSocket handshake: {error}"))
    })
}
