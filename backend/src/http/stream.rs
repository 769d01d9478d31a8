//! `GET /api/stream`: the live events as Server-Sent Events, for curl and for proxies that break WebSockets.

mod unsent;

use std::sync::Arc;

use actix_web::http::header::HeaderMap;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::alert::Episode;
use afterglow_wire::v1::Position;
use afterglow_wire::{Code, name};
use futures_util::{Stream, stream};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};

use self::unsent::Unsent;
use super::gate::Allowed;
use super::live;
use super::parameters::patterns;
use super::permission::ReadLive;
use super::problem::Problem;
use crate::actors::broadcaster::{Client, Join, Joined, Outlet, PLACES, Queued};
use crate::admission::Ticket;
use crate::live::history::{CaughtUp, HistoryError, Missed, Page};
use crate::live::{Frame, Protocol, Selection, parse_event_id, position_frame};
use crate::signals::Selector;
use crate::store::asked_by;

/// Sent to a client that reconnects when what it missed is no longer available.
const GAP: &str = "event: gap\ndata: {\"message\":\"what was missed cannot be told any more; query it\"}\n\n";

/// Which signals are wanted.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Names separated by commas; `*` stands for any characters; all signals when absent
    signals: Option<String>,
    /// A ticket of `POST /api/tickets`, for browsers, which send no key here
    #[expect(dead_code, reason = "the gate has read it")]
    ticket: Option<String>,
}

/// Watch samples live, as Server-Sent Events
///
/// `telemetry_update` events, one for each instant that was committed, as on `/ws`; `alert` events with an episode, as
/// `GET /api/alerts/history` has it, each time that one of these signals begins, changes or ends; and `changed` events with the numbers of
/// `GET /api/revision`. With `Last-Event-ID` a client goes on
/// where it was: it gets exactly what it missed, or an event `gap` when that cannot be told any more.
#[utoipa::path(
    get, path = "/api/stream", tag = "live", params(Parameters),
    responses(
        (status = 200, description = "An endless stream of events", content_type = "text/event-stream", body = String),
        (status = 400, description = "A parameter is not allowed"),
        (status = 403, description = "The page is from another origin"),
        (status = 503, description = "The server is stopping, does not reach its database, or has too many clients"),
    )
)]
pub(super) async fn get(
    allowed: Allowed<ReadLive>,
    request: HttpRequest,
    parameters: web::Query<Parameters>,
) -> Result<HttpResponse, Problem> {
    let ticket = live::admit(&allowed.admission()?, &request)?;
    let mut patterns = patterns(parameters.signals.as_deref().unwrap_or_default())?;
    if patterns.is_empty() {
        patterns.push("*".to_owned());
    }
    let position = last_event_id(request.headers())?;
    let (pool, store) = (allowed.sessions().selecting, allowed.store().clone());
    // A link to a board shows the board's signals, and nothing of alerts.
    let wanted = if allowed.principal().board().is_some() { Vec::new() } else { patterns.clone() };
    let select = move || Selection::within(&patterns, store.scope(), store.signals());
    let selection = pool.run(ticket.address(), select).await?;
    let news = News { episodes: allowed.episodes(), wanted };
    let watcher = Watcher { allowed, selection, number: Client::next_number(), ticket, news };
    // The first step before the head: a client that is refused gets to know why. What was committed since some position may be of any
    // time, and is for who sees all of them.
    let first = match position {
        Some(_) if !watcher.allowed.store().has_all_times() => gap(watcher),
        position => catch_up(watcher, position).await?,
    };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        // Tells reverse proxies not to gather what is meant to arrive at once.
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(events(first)))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<Position>, Problem> {
    let Some(id) = headers.get("Last-Event-ID") else { return Ok(None) };
    let text = id.to_str().unwrap_or("not plain text");
    let allowed = "an id as this stream sends it is expected";
    parse_event_id(text).map(Some).ok_or_else(|| Problem::parameter("Last-Event-ID", text, allowed))
}

struct Watcher {
    allowed: Allowed<ReadLive>,
    selection: Selection,
    number: u64,
    ticket: Ticket,
    news: News,
}

/// What becomes of alerts.
struct News {
    episodes: broadcast::Receiver<Arc<Episode>>,
    /// The signals that the client watches.
    wanted: Vec<String>,
}

impl News {
    /// The next event about an alert that the client may know of.
    async fn event(&mut self, scope: Option<&Selector>) -> Frame {
        loop {
            match self.episodes.recv().await {
                Ok(episode) if self.is_wanted(&episode, scope) => {
                    let episode = serde_json::to_string(&*episode).unwrap_or_default();
                    return Frame::Text(format!("event: alert\ndata: {episode}\n\n").into());
                }
                // What was missed is in the history, and the revision says that there is something new.
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                // The server ends; so will the samples.
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    fn is_wanted(&self, episode: &Episode, scope: Option<&Selector>) -> bool {
        scope.is_none_or(|scope| scope.has(&episode.scope))
            && self.wanted.iter().any(|pattern| name::matches(pattern, &episode.scope))
    }
}

/// A stream: what is to be sent now, and what comes then.
struct State {
    watcher: Watcher,
    unsent: Unsent,
    then: Then,
}

/// Where a stream is when everything has been sent.
enum Then {
    /// The client has everything up to there, or has missed nothing.
    Behind(Option<Position>),
    /// The client gets what is committed.
    Live(mpsc::Receiver<Queued>),
}

fn events(first: State) -> impl Stream<Item = Result<Bytes, Problem>> {
    stream::unfold(Some(first), |state| async {
        let mut state = state?;
        loop {
            if state.watcher.allowed.is_over() {
                return None;
            }
            if let Some(piece) = state.unsent.piece() {
                return Some((Ok(piece), Some(state)));
            }
            let State { mut watcher, then, .. } = state;
            state = match then {
                Then::Behind(position) => match catch_up(watcher, position).await {
                    Ok(state) => state,
                    Err(problem) => return Some((Err(problem), None)),
                },
                Then::Live(mut steps) => {
                    let scope = watcher.allowed.store().scope().cloned();
                    let unsent = tokio::select! {
                        step = steps.recv() => Unsent::queued(step?),
                        event = watcher.news.event(scope.as_deref()) => Unsent::new(vec![event]),
                        () = watcher.allowed.over() => return None,
                    };
                    State { watcher, unsent, then: Then::Live(steps) }
                }
            };
        }
    })
}

/// Joins the live stream, or reads the next part of what was missed.
async fn catch_up(watcher: Watcher, from: Option<Position>) -> Result<State, Problem> {
    let (sender, steps) = mpsc::channel(PLACES);
    let join = Join {
        client: Client::new(watcher.number, Outlet::Stream(sender), Arc::default()),
        address: watcher.ticket.address(),
        protocol: Protocol::EventStream,
        selection: watcher.selection.clone(),
        from,
        named: 0,
        conflated: false,
    };
    let stopping = |_| Problem::new(Code::Draining, "the server is stopping");
    match (watcher.allowed.sessions().join(join).await.map_err(stopping)?, from) {
        (Joined::Live(frames, position), _) => {
            // A client that is cut off before the first sample goes on here; and until something goes out it waits for the headers.
            let frames = frames.iter().cloned().chain([position_frame(position)]).collect();
            Ok(State { watcher, unsent: Unsent::new(frames), then: Then::Live(steps) })
        }
        (Joined::Refused(limit), _) => Err(Problem::new(Code::TooManyClients, limit)),
        (Joined::Behind, Some(position)) => read(watcher, position).await,
        (Joined::Behind | Joined::Ahead(_) | Joined::Uncompared(_) | Joined::Unknown, _) => Ok(gap(watcher)),
    }
}

async fn read(watcher: Watcher, position: Position) -> Result<State, Problem> {
    let (store, now) = (watcher.allowed.store().clone(), watcher.allowed.clock().now());
    let wanted = Arc::clone(&watcher.selection.wanted);
    let read = move || {
        let wanted = wanted.selector();
        let missed = Missed { store: &store, protocol: Protocol::EventStream, wanted, now };
        missed.page(CaughtUp { position, named: 0 })
    };
    let address = watcher.ticket.address();
    match web::block(move || asked_by(address, read)).await? {
        Ok(Page::Frames(frames, caught_up)) => {
            let then = Then::Behind(Some(caught_up.position));
            Ok(State { watcher, unsent: Unsent::new(frames), then })
        }
        // The last commit is not in the journal's order of things yet: the broadcaster will have it in a moment.
        Ok(Page::End) => {
            Ok(State { watcher, unsent: Unsent::new(Vec::new()), then: Then::Behind(Some(position)) })
        }
        Err(HistoryError::Compacted) => Ok(gap(watcher)),
        Err(HistoryError::Failed(code, message)) => {
            log::warn!("request {}: its event stream ended early: {message}", watcher.allowed.request_id());
            Err(Problem::new(code, message))
        }
    }
}

fn gap(watcher: Watcher) -> State {
    State { watcher, unsent: Unsent::new(vec![Frame::Text(GAP.into())]), then: Then::Behind(None) }
}
