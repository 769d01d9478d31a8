//! The edge to the server: one WebSocket for what is new, a query for what was missed.
//!
//! The socket opens first and the query follows, so that nothing falls between them. Samples are recorded as they
//! arrive; those that arrive while a query runs are recorded once more after its answer was merged, because the
//! answer may hold an older value of the same timestamp. A sample is identified by signal and timestamp, so
//! nothing appears twice.

mod query;
mod socket;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use afterglow_wire::Timestamp;
use afterglow_wire::limits::AHEAD_MICROS;
use afterglow_wire::live::{Event, Update};
use wasm_bindgen_futures::spawn_local;

use crate::backoff::Backoff;
use crate::status::{Link, Load};
use crate::store::Store;
use crate::time::{HOUR, Span};
use crate::timer::Timer;
use socket::{Happening, Socket};

/// A query after a reconnect reaches this far back beyond the last thing heard, in microseconds: senders deliver late.
const OVERLAP: i64 = 30 * 1_000_000;
/// Without a greeting after this long the attempt is given up, in milliseconds.
const GREETING_WITHIN: u32 = 10_000;
/// After the server left samples out, because this page read too slowly, the hole is queried after this long, in
/// milliseconds: the server should have caught its breath, and one query fills many such holes.
const FILL_AFTER: u32 = 2_000;
/// Most updates kept to be recorded again after a query; beyond it they are not, which at worst shows an
/// older value of a timestamp that was written twice within the query's run.
const REPLAYED: usize = 50_000;

/// The page's connection to its server.
pub struct Feed {
    store: Rc<Store>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    socket: Option<Socket>,
    /// Counts attempts, so that what an abandoned socket or query still says is told apart.
    attempt: u64,
    backoff: Backoff,
    query_backoff: Backoff,
    greeting_deadline: Option<Timer>,
    reconnect: Option<Timer>,
    query_again: Option<Timer>,
    /// The server's time when it was last heard.
    heard: Option<i64>,
    /// From where on samples may be missing; none when nothing was ever loaded.
    complete_to: Option<i64>,
    replay: Option<Vec<Update>>,
}

impl Feed {
    /// A feed that is not connected yet.
    pub fn new(store: Rc<Store>) -> Rc<Self> {
        Rc::new(Self { store, state: RefCell::default() })
    }

    /// Connects, or connects anew.
    pub fn connect(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        state.attempt += 1;
        state.reconnect = None;
        state.query_again = None;
        let attempt = state.attempt;
        let feed = Rc::downgrade(self);
        state.socket = Socket::open(move |happening| {
            if let Some(feed) = feed.upgrade() {
                feed.handle(attempt, happening);
            }
        });
        let opened = state.socket.is_some();
        let feed = Rc::downgrade(self);
        state.greeting_deadline = Timer::after(if opened { GREETING_WITHIN } else { 0 }, move || {
            if let Some(feed) = feed.upgrade() {
                feed.handle(attempt, Happening::Closed("the server does not answer".to_owned()));
            }
        });
    }

    /// Tries at once what would be tried later: the network is back, or the reader asked for it.
    pub fn hurry(self: &Rc<Self>) {
        let (reconnect, query) = {
            let state = self.state.borrow();
            (state.reconnect.is_some(), state.query_again.is_some())
        };
        if reconnect {
            self.connect();
        } else if query {
            self.query();
        }
    }

    fn handle(self: &Rc<Self>, attempt: u64, happening: Happening) {
        if self.state.borrow().attempt != attempt {
            return;
        }
        match happening {
            Happening::Text(text) => match serde_json::from_str(&text) {
                Ok(Event::ConnectionResponse(greeting)) => self.greeted(greeting.server_time),
                Ok(Event::TelemetryUpdate(update)) => self.updated(update),
                // An event of a later server: none of this page's business.
                Err(_) => {}
            },
            Happening::Closed(reason) => self.closed(reason),
        }
    }

    fn greeted(self: &Rc<Self>, server_time: Timestamp) {
        self.store.clock.set(server_time.micros());
        {
            let mut state = self.state.borrow_mut();
            state.greeting_deadline = None;
            state.backoff.reset();
            state.heard = Some(server_time.micros());
            state.replay = Some(Vec::new());
        }
        self.store.set_status(|status| {
            status.link = Link::Live;
            status.reason = None;
        });
        self.query();
    }

    fn updated(self: &Rc<Self>, update: Update) {
        record(&self.store, &update);
        let mut state = self.state.borrow_mut();
        if update.conflated && state.replay.is_none() {
            state.complete_to = state.heard;
            state.replay = Some(Vec::new());
            state.query_again = self.query_after(FILL_AFTER, state.attempt);
        }
        state.heard = Some(self.store.clock.now());
        if let Some(replay) = state.replay.as_mut().filter(|replay| replay.len() < REPLAYED) {
            replay.push(update);
        }
    }

    fn closed(self: &Rc<Self>, reason: String) {
        let feed = Rc::downgrade(self);
        let mut state = self.state.borrow_mut();
        // An answer that is still on its way must not be taken for one of the next connection's.
        state.attempt += 1;
        state.socket = None;
        state.greeting_deadline = None;
        state.query_again = None;
        if state.replay.take().is_none() {
            // Everything up to here arrived: the query had been answered. The next one starts here.
            state.complete_to = state.heard.or(state.complete_to);
        }
        let wait = state.backoff.next(js_sys::Math::random());
        state.reconnect = Timer::after(wait, move || {
            if let Some(feed) = feed.upgrade() {
                feed.connect();
            }
        });
        drop(state);
        self.store.set_status(|status| {
            status.link = Link::Offline;
            status.reason = Some(reason);
        });
    }

    /// Asks for what is missing; its answer, or another attempt, follows.
    fn query(self: &Rc<Self>) {
        let (attempt, span) = {
            let mut state = self.state.borrow_mut();
            state.query_again = None;
            (state.attempt, self.missing(state.complete_to))
        };
        let feed = Rc::clone(self);
        spawn_local(async move {
            let answer = query::telemetry(span).await;
            if feed.state.borrow().attempt == attempt {
                feed.answered(attempt, answer);
            }
        });
    }

    /// Asks after `wait` milliseconds, unless the connection was lost meanwhile.
    fn query_after(self: &Rc<Self>, wait: u32, attempt: u64) -> Option<Timer> {
        let feed = Rc::downgrade(self);
        Timer::after(wait, move || {
            if let Some(feed) = feed.upgrade().filter(|feed| feed.state.borrow().attempt == attempt) {
                feed.query();
            }
        })
    }

    /// The part of the last hour that may have samples which are not here.
    fn missing(&self, complete_to: Option<i64>) -> Span {
        let from = complete_to.map(|heard| {
            let newest = self.store.history.borrow().newest();
            // A sender's clock may be ahead: its newest sample says nothing about the others.
            newest.map_or(heard, |newest| newest.min(heard)) - OVERLAP
        });
        let now = self.store.clock.now();
        let hour = now - HOUR;
        Span { from: from.map_or(hour, |from| from.max(hour)), to: now + AHEAD_MICROS }
    }

    fn answered(self: &Rc<Self>, attempt: u64, answer: Result<query::Answer, String>) {
        match answer {
            Ok(answer) => {
                let mut history = self.store.history.borrow_mut();
                let stored: HashMap<&str, u64> =
                    answer.signals.iter().map(|signal| (signal.name.as_str(), signal.count)).collect();
                for (name, samples) in answer.samples {
                    history.merge(&name, samples, answer.loaded, stored.get(name.as_str()).copied());
                }
                for signal in &answer.signals {
                    history.know(&signal.name, Some((signal.last.micros(), signal.last_value)));
                }
                history.loaded(answer.loaded.span);
                drop(history);
                let replay = {
                    let mut state = self.state.borrow_mut();
                    state.query_backoff.reset();
                    state.replay.take().unwrap_or_default()
                };
                replay.iter().for_each(|update| record(&self.store, update));
                self.store.set_status(|status| {
                    status.load = Load::Done;
                    status.loaded = true;
                });
            }
            Err(reason) => {
                let mut state = self.state.borrow_mut();
                let wait = state.query_backoff.next(js_sys::Math::random());
                state.query_again = self.query_after(wait, attempt);
                drop(state);
                self.store.set_status(|status| status.load = Load::Failed(reason));
            }
        }
    }
}

fn record(store: &Store, update: &Update) {
    let mut history = store.history.borrow_mut();
    for (name, value) in &update.signals {
        history.record(name, update.timestamp.micros(), *value);
    }
}
