//! `/socket.io/`: live samples for Socket.IO clients of version 3 and 4 (Engine.IO 4, Socket.IO 5).

use actix_web::http::header::{CONTENT_TYPE, UPGRADE};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::Code;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;

use super::gate::Allowed;
use super::live;
use super::permission::ReadLiveSocketIo;
use super::problem::Problem;
use crate::actors::engine::{Get, MAX_PAYLOAD, Polled, Polling, Post, Transport};
use crate::actors::session::{Session, SocketIo};

/// The parameters of Engine.IO; others are ignored.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// The version of Engine.IO: 4
    #[serde(rename = "EIO")]
    #[param(rename = "EIO")]
    version: Option<String>,
    /// `polling` or `websocket`
    transport: Option<String>,
    /// The session's id; absent in the first request
    sid: Option<String>,
}

/// An error of Engine.IO.
#[derive(Clone, Copy)]
enum Refusal {
    UnknownTransport,
    UnknownSession,
    BadMethod,
    BadRequest,
    UnsupportedVersion,
}

impl Refusal {
    fn answer(self) -> HttpResponse {
        let (code, message) = match self {
            Self::UnknownTransport => (0, "Transport unknown"),
            Self::UnknownSession => (1, "Session ID unknown"),
            Self::BadMethod => (2, "Bad handshake method"),
            Self::BadRequest => (3, "Bad request"),
            Self::UnsupportedVersion => (5, "Unsupported protocol version"),
        };
        HttpResponse::BadRequest().json(json!({"code": code, "message": message}))
    }
}

/// Watch samples live, with a Socket.IO client
///
/// For clients of Socket.IO 3 and 4, by polling or WebSocket: `connection_response` first, then a `telemetry_update` for each
/// instant that was committed. Events of clients are ignored. docs/socketio.md has the details.
#[utoipa::path(
    get, path = "/socket.io/", tag = "live", params(Parameters),
    responses(
        (status = 200, description = "Packets of Engine.IO", content_type = "text/plain", body = String),
        (status = 101, description = "The WebSocket is open"),
        (status = 400, description = "Not a request of Engine.IO 4, or of a session that is over", body = serde_json::Value),
        (status = 403, description = "The page is from another origin"),
        (status = 503, description = "The server is stopping, does not reach its database, or has too many clients"),
    )
)]
pub(super) async fn get(
    allowed: Allowed<ReadLiveSocketIo>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    answer(&allowed, &request, payload).await
}

/// Send packets, with a Socket.IO client that polls
///
/// At most 1,000,000 bytes.
#[utoipa::path(
    post, path = "/socket.io/", tag = "live", params(Parameters),
    request_body(content = String, content_type = "text/plain"),
    responses(
        (status = 200, description = "`ok`", content_type = "text/plain", body = String),
        (status = 400, description = "Not packets of Engine.IO 4, or of a session that is over", body = serde_json::Value),
        (status = 403, description = "The page is from another origin"),
        (status = 413, description = "Too large a body"),
    )
)]
pub(super) async fn post(
    allowed: Allowed<ReadLiveSocketIo>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    answer(&allowed, &request, payload).await
}

fn parameters(request: &HttpRequest) -> Parameters {
    web::Query::from_query(request.query_string()).map(web::Query::into_inner).unwrap_or_default()
}

async fn answer(
    allowed: &Allowed<ReadLiveSocketIo>,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let Parameters { version, transport, sid } = parameters(request);
    let is_websocket = match transport.as_deref() {
        Some("websocket") => true,
        Some("polling") => false,
        _ => return Ok(Refusal::UnknownTransport.answer()),
    };
    if is_websocket && !request.headers().contains_key(UPGRADE) {
        return Ok(Refusal::BadRequest.answer());
    }
    let Some(sid) = sid else {
        if *request.method() != Method::GET {
            return Ok(Refusal::BadMethod.answer());
        }
        if version.as_deref() != Some("4") {
            return Ok(Refusal::UnsupportedVersion.answer());
        }
        let (ticket, engines) = (live::admit(&allowed.admission()?, request)?, allowed.sessions().engines);
        if is_websocket {
            let conversation = SocketIo::new(engines, ticket);
            return accept(allowed, conversation, request, payload);
        }
        return Ok(packets(StatusCode::OK, Polling::open(engines, ticket)));
    };
    match (allowed.sessions().engines.find(&sid), is_websocket) {
        (None, _) => Ok(Refusal::UnknownSession.answer()),
        (Some(Transport::Polling(polling)), true) => {
            let ticket = live::admit(&allowed.admission()?, request)?;
            accept(allowed, SocketIo::upgrade(polling, ticket), request, payload)
        }
        (Some(Transport::WebSocket), true) => {
            let ticket = live::admit(&allowed.admission()?, request)?;
            accept(allowed, SocketIo::refused(ticket), request, payload)
        }
        (Some(Transport::WebSocket), false) => Ok(Refusal::BadRequest.answer()),
        (Some(Transport::Polling(polling)), false) if *request.method() == Method::GET => {
            let (poll, polled) = oneshot::channel();
            // Both fail when the session ends.
            let sent = polling.send(Get(poll)).await;
            match (sent, polled.await) {
                (Ok(()), Ok(Polled::Payload(payload))) => Ok(packets(StatusCode::OK, payload)),
                (Ok(()), Ok(Polled::Ended)) => Ok(Refusal::BadRequest.answer()),
                (Ok(()), Ok(Polled::Stopping)) => Err(Problem::new(Code::Draining, "the server is stopping")),
                _ => Ok(Refusal::UnknownSession.answer()),
            }
        }
        (Some(Transport::Polling(polling)), false) if *request.method() == Method::POST => {
            let body = allowed.bodies().read(request, payload).await?;
            if body.len() > MAX_PAYLOAD {
                let message = format!("the body has more than {MAX_PAYLOAD} bytes");
                return Err(Problem::new(Code::BodyTooLarge, message));
            }
            let Ok(text) = String::from_utf8(body.to_vec()) else { return Ok(Refusal::BadRequest.answer()) };
            match polling.send(Post(text)).await {
                Ok(Ok(())) => Ok(packets(StatusCode::OK, "ok".to_owned())),
                Ok(Err(_)) => Ok(Refusal::BadRequest.answer()),
                Err(_) => Ok(Refusal::UnknownSession.answer()),
            }
        }
        (Some(Transport::Polling(_)), false) => Ok(Refusal::BadMethod.answer()),
    }
}

fn accept(
    allowed: &Allowed<ReadLiveSocketIo>,
    conversation: SocketIo,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let accepted = Session::accept(allowed.sessions(), conversation, request, payload);
    Ok(accepted.unwrap_or_else(|_| Refusal::BadRequest.answer()))
}

fn packets(status: StatusCode, packets: String) -> HttpResponse {
    HttpResponse::build(status).insert_header((CONTENT_TYPE, "text/plain; charset=UTF-8")).body(packets)
}
