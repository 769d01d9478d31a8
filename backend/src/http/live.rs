//! `GET /ws`: live samples over a WebSocket.

use actix_web::http::header::{HeaderMap, SEC_WEBSOCKET_PROTOCOL};
use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::Code;
use afterglow_wire::v1::PROTOCOL;

use super::address::address;
use super::gate::Allowed;
use super::permission::ReadLive;
use super::problem::Problem;
use crate::actors::session::{Events, Session, V1};
use crate::admission::{Admission, Ticket};

/// Watch samples live
///
/// A WebSocket. Without a subprotocol it has text frames `{"event", "data"}`: `connection_response` first, then a
/// `telemetry_update` for each instant: the samples of one request that follow each other and have one timestamp; clients send
/// nothing. A page of another site offers `ag.ticket.` and a ticket of `POST /api/tickets` beside it. With the subprotocol
/// `afterglow.v1` clients subscribe to signals and get history and what follows in binary frames (docs/wire.md).
#[utoipa::path(
    get, path = "/ws", tag = "live",
    responses(
        (status = 101, description = "The WebSocket is open"),
        (status = 400, description = "Not a WebSocket handshake"),
        (status = 403, description = "The page is from another origin"),
        (status = 503, description = "The server is stopping, does not reach its database, or has too many clients"),
    )
)]
pub(super) async fn get(
    allowed: Allowed<ReadLive>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let ticket = admit(&allowed.admission()?, &request)?;
    let sessions = allowed.sessions();
    let answer = if wants_v1(request.headers())? {
        Session::accept(sessions, V1::new(ticket), &request, payload)
    } else {
        Session::accept(sessions, Events::new(ticket), &request, payload)
    };
    answer.map_err(|error| {
        Problem::new(Code::NotAWebSocket, format!("this address takes a WebSocket handshake: {error}"))
    })
}

/// Whether one more live client may come, and from there.
pub(super) fn admit(admission: &Admission, request: &HttpRequest) -> Result<Ticket, Problem> {
    admission.admit(address(request)).map_err(|message| Problem::new(Code::TooManyClients, message))
}

/// Whether the client asks for the binary protocol, and not for the text events.
fn wants_v1(headers: &HeaderMap) -> Result<bool, Problem> {
    let mut offered = headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        // It was taken for who asks, and is no protocol.
        .filter(|name| !name.starts_with("ag.ticket."))
        .peekable();
    if offered.peek().is_none() {
        return Ok(false);
    }
    if offered.any(|name| name == PROTOCOL) {
        return Ok(true);
    }
    Err(Problem::new(
        Code::UnknownProtocol,
        format!("the only subprotocol is {PROTOCOL}; ask for no subprotocol to get text events"),
    ))
}
