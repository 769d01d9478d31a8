//! `GET /api/stream`: the live events as Server-Sent Events, for curl and for proxies that break WebSockets.

use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, HeaderMap};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::v1::Position;
use futures_util::{Stream, stream};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::gate::Allowed;
use super::live;
use super::parameters::patterns;
use super::permission::ReadLive;
use super::problem::Problem;
use crate::actors::broadcaster::{Client, Join, Joined, Outlet};
use crate::admission::Ticket;
use crate::live::history::{CaughtUp, HistoryError, Missed, Page};
use crate::live::{Frame, Frames, Key, Protocol, parse_event_id};
use crate::signals::Selector;

/// Steps that may wait for a client: a few seconds of a lively feed. Beyond it the client gets only the newest values.
const STEPS: usize = 64;

/// Sent to a client that reconnects when what it missed is no longer available.
const GAP: &str = "event: gap\ndata: {\"message\":\"what was missed cannot be told any more; query it\"}\n\n";

/// Which signals are wanted.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Names separated by commas; `*` stands for any characters; all signals when absent
    signals: Option<String>,
}

/// Watch samples live, as Server-Sent Events
///
/// `telemetry_update` events, one for each instant that was committed, as on `/ws`. With `Last-Event-ID` a client goes on
/// where it was: it gets exactly what it missed, or an event `gap` when that cannot be told any more.
#[utoipa::path(
    get, path = "/api/stream", tag = "live", params(Parameters),
    responses(
        (status = 200, description = "An endless stream of events", content_type = "text/event-stream", body = String),
        (status = 400, description = "A parameter is not allowed", body = afterglow_wire::ErrorBody),
        (status = 403, description = "The page is from another origin", body = afterglow_wire::ErrorBody),
        (status = 503, description = "The server is stopping, or has too many clients", body = afterglow_wire::ErrorBody),
    )
)]
pub(super) async fn get(
    allowed: Allowed<ReadLive>,
    request: HttpRequest,
    parameters: web::Query<Parameters>,
) -> Result<HttpResponse, Problem> {
    let ticket = live::admit(allowed.admission(), &request)?;
    let mut patterns = patterns(parameters.signals.as_deref().unwrap_or_default())?;
    if patterns.is_empty() {
        patterns.push("*".to_owned());
    }
    let watcher = Watcher {
        allowed,
        wanted: Arc::new(Selector::new(&patterns)),
        key: Key { protocol: Protocol::EventStream, patterns },
        number: Client::next_number(),
        _ticket: ticket,
    };
    let state = match last_event_id(request.headers())? {
        Some(position) => State::Behind(watcher, Some(position)),
        None => State::Behind(watcher, None),
    };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        // Tells reverse proxies not to gather what is meant to arrive at once.
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(events(state)))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<Position>, Problem> {
    let Some(id) = headers.get("Last-Event-ID") else { return Ok(None) };
    let text = id.to_str().unwrap_or("not plain text");
    let allowed = "an id as this stream sends it is expected";
    parse_event_id(text).map(Some).ok_or_else(|| Problem::parameter("Last-Event-ID", text, allowed))
}

struct Watcher {
    allowed: Allowed<ReadLive>,
    key: Key,
    wanted: Arc<Selector>,
    number: u64,
    _ticket: Ticket,
}

/// Where a stream is.
enum State {
    /// The client has everything up to there, or has missed nothing.
    Behind(Watcher, Option<Position>),
    /// The client gets what is committed.
    Live(Watcher, mpsc::Receiver<Frames>),
}

/// What one step of the state returns.
type Looked = Option<(Result<Bytes, Problem>, State)>;

fn events(state: State) -> impl Stream<Item = Result<Bytes, Problem>> {
    stream::unfold(state, |state| async {
        match state {
            State::Behind(watcher, position) => catch_up(watcher, position).await,
            State::Live(watcher, mut steps) => {
                let frames = steps.recv().await?;
                Some((Ok(bytes(&frames)), State::Live(watcher, steps)))
            }
        }
    })
}

/// Joins the live stream, or reads the next part of what was missed.
async fn catch_up(watcher: Watcher, from: Option<Position>) -> Looked {
    let (sender, steps) = mpsc::channel(STEPS);
    let client = Client::new(watcher.number, Outlet::Stream(sender), Arc::default());
    let join = Join { client, key: watcher.key.clone(), from, named: 0, conflated: false };
    match (watcher.allowed.sessions().clone().join(join).await.ok()?, from) {
        (Joined::Live(frames), _) => {
            let mut first = bytes(&frames).to_vec();
            // Something must go out at once, or a client waits for the headers until the first sample.
            first.extend_from_slice(b": connected\n\n");
            Some((Ok(first.into()), State::Live(watcher, steps)))
        }
        (Joined::Behind, Some(position)) => read(watcher, position).await,
        (Joined::Behind | Joined::Ahead(_) | Joined::Unknown, _) => {
            Some((Ok(GAP.into()), State::Behind(watcher, None)))
        }
    }
}

async fn read(watcher: Watcher, position: Position) -> Looked {
    let (store, wanted, now) =
        (watcher.allowed.store().clone(), Arc::clone(&watcher.wanted), watcher.allowed.clock().now());
    let read = move || {
        let missed = Missed { store: &store, protocol: Protocol::EventStream, wanted: &wanted, now };
        missed.page(CaughtUp { position, named: 0 })
    };
    match web::block(read).await.ok()? {
        Ok(Page::Frames(frames, caught_up)) => {
            Some((Ok(bytes(&frames)), State::Behind(watcher, Some(caught_up.position))))
        }
        // The last commit is not in the journal's order of things yet: the broadcaster will have it in a moment.
        Ok(Page::End) => Some((Ok(Bytes::new()), State::Behind(watcher, Some(position)))),
        Err(HistoryError::Compacted) => Some((Ok(GAP.into()), State::Behind(watcher, None))),
        Err(HistoryError::Failed(code, message)) => {
            log::warn!("request {}: its event stream ended early: {message}", watcher.allowed.request_id());
            Some((Err(Problem::new(code, message)), State::Behind(watcher, None)))
        }
    }
}

fn bytes(frames: &[Frame]) -> Bytes {
    let mut bytes = Vec::new();
    for frame in frames {
        if let Frame::Text(text) = frame {
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes.into()
}
