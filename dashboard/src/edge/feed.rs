//! The edge to the server: one WebSocket for what is new.
//!
//! [`Stream`] knows what to ask for and what frames mean; here are the socket, the waiting and the trying again. What
//! the stream does not tell is asked for with every connection: which signals there are, and their newest values.

mod socket;

use std::cell::RefCell;
use std::rc::Rc;

use afterglow_wire::access::NewTicket;
use afterglow_wire::name;
use afterglow_wire::revision::Revision;
use afterglow_wire::telemetry::SignalDetails;
use afterglow_wire::v1::{Frame, Header, Kind, SILENCE};
use wasm_bindgen_futures::spawn_local;

use crate::connection::backoff::Backoff;
use crate::connection::status::{Link, Load};
use crate::edge::clock;
use crate::edge::framed;
use crate::edge::page_state::PageState;
use crate::edge::rest;
use crate::edge::timer::Timer;
use crate::stream::{Stream, Turn};
use socket::{Socket, SocketEvent};

/// Without a first frame after this long the attempt is given up, in milliseconds.
const WELCOME_WITHIN: f64 = 10_000.0;
/// A request may have to wait for its turn, in milliseconds.
const ANSWER_WITHIN: f64 = 60_000.0;
/// How often that is checked, in milliseconds.
const LOOK_EVERY: u32 = 2_500;
/// How often the newest values of signals that are not subscribed are asked for, in milliseconds.
const ASK_EVERY: u32 = 10_000;
/// After the server left samples out, because this page read too slowly, they are asked for after this long, in
/// milliseconds: both should have caught their breath, and one request fills many such holes.
const FILL_AFTER: u32 = 2_000;

/// The page's connection to its server.
pub struct Feed {
    page_state: Rc<PageState>,
    state: RefCell<State>,
}

struct State {
    stream: Stream,
    socket: Option<Socket>,
    /// Counts attempts, so that messages from an abandoned socket are recognised.
    attempt: u64,
    /// Counts questions to [`Feed::ask`], so that the answer to an abandoned one is recognised.
    asked: u64,
    backoff: Backoff,
    refusals: Backoff,
    reconnect: Option<Timer>,
    subscribe: Option<Timer>,
    ask: Option<Timer>,
    watch: Option<Timer>,
    /// When the server last said something, on the steady clock, and how long it may be silent from then on.
    heard: f64,
    patience: f64,
    /// Whether the connection can take requests.
    welcome: bool,
    /// Whether samples were left out since the stream last began.
    is_behind: bool,
}

impl Feed {
    /// A feed that is not connected yet.
    pub fn new(page_state: Rc<PageState>) -> Rc<Self> {
        let state = State {
            stream: Stream::default(),
            socket: None,
            attempt: 0,
            asked: 0,
            backoff: Backoff::default(),
            refusals: Backoff::default(),
            reconnect: None,
            subscribe: None,
            ask: None,
            watch: None,
            heard: 0.0,
            patience: WELCOME_WITHIN,
            welcome: false,
            is_behind: false,
        };
        Rc::new(Self { page_state, state: RefCell::new(state) })
    }

    /// Has everything asked for that depends on a revision, as soon as it is known which there is.
    pub fn learn_revision(self: &Rc<Self>) {
        let page_state = Rc::clone(&self.page_state);
        spawn_local(async move {
            // Without an answer nothing is known to be new.
            let revision = rest::get::<Revision>("/api/revision", None).await.unwrap_or_default();
            if page_state.revision.get().is_none() {
                page_state.revision.set(Some(revision));
            }
        });
    }

    /// Connects, or connects again.
    pub fn connect(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        state.attempt += 1;
        state.reconnect = None;
        state.welcome = false;
        (state.heard, state.patience) = (clock::steady(), WELCOME_WITHIN);
        state.stream.connected();
        self.page_state.history.borrow_mut().doubt();
        let attempt = state.attempt;
        drop(state);
        if framed::key().is_none() {
            return self.open(attempt, None);
        }
        let feed = Rc::clone(self);
        spawn_local(async move {
            let made = rest::send::<NewTicket>("POST", "/api/tickets", &()).await;
            if feed.state.borrow().attempt == attempt {
                match made {
                    Ok(made) => feed.open(attempt, Some(&made.ticket)),
                    Err(refusal) => feed.closed(refusal.message),
                }
            }
        });
    }

    fn open(self: &Rc<Self>, attempt: u64, ticket: Option<&str>) {
        let feed = Rc::downgrade(self);
        let socket = Socket::open(ticket, move |event| {
            if let Some(feed) = feed.upgrade().filter(|feed| feed.state.borrow().attempt == attempt) {
                feed.handle(event);
            }
        });
        let opened = socket.is_some();
        self.state.borrow_mut().socket = socket;
        if opened { self.watch() } else { self.closed("the browser opens no socket".to_owned()) }
    }

    /// Tries at once what would be tried later: the network is back, or the reader asked for it.
    pub fn hurry(self: &Rc<Self>) {
        let (reconnect, subscribe) = {
            let state = self.state.borrow();
            (state.reconnect.is_some(), state.subscribe.is_some())
        };
        if reconnect {
            self.connect();
        } else if subscribe {
            self.subscribe();
        }
    }

    /// The browser says that the network is gone. Where that is not true, as beside a server on the same machine, the page
    /// is connected again at once, and has missed nothing.
    pub fn unplugged(self: &Rc<Self>) {
        if self.state.borrow().socket.is_some() {
            self.closed("the network is gone".to_owned());
        }
    }

    /// The page is on screen again: a browser may have stopped it, and the socket may be dead without having said so.
    pub fn wake(self: &Rc<Self>) {
        self.hurry();
        self.watch();
    }

    /// Gives a silent socket up, and checks again after a while.
    fn watch(self: &Rc<Self>) {
        let (silent, patience) = {
            let state = self.state.borrow();
            (state.socket.is_some() && clock::steady() - state.heard > state.patience, state.patience)
        };
        if silent {
            return self.closed(format!("the server has said nothing for {} seconds", patience / 1e3));
        }
        self.state.borrow_mut().watch = self.later(LOOK_EVERY, Self::watch);
    }

    fn later(self: &Rc<Self>, millis: u32, call: impl FnOnce(&Rc<Self>) + 'static) -> Option<Timer> {
        let feed = Rc::downgrade(self);
        Timer::after(millis, move || {
            if let Some(feed) = feed.upgrade() {
                call(&feed);
            }
        })
    }

    fn handle(self: &Rc<Self>, event: SocketEvent<'_>) {
        let (bytes, at) = match event {
            SocketEvent::Frame(bytes, at) => (bytes, at),
            SocketEvent::Closed(reason) => return self.closed(reason),
        };
        let taken = Frame::parse(bytes).map_err(|error| error.to_string()).and_then(|frame| {
            let mut state = self.state.borrow_mut();
            state.heard = clock::steady();
            self.hear(&frame.header, at);
            if frame.header.kind == Kind::Tail {
                self.page_state.latency.borrow_mut().arrived(frame.header.server_time);
            }
            state.stream.take(frame, &mut self.page_state.history.borrow_mut())
        });
        match taken {
            Ok(turn) => self.turn(turn),
            // Perhaps an old page at a new server: trying again shows it again, at growing intervals.
            Err(reason) => self.closed(reason),
        }
    }

    fn hear(&self, header: &Header, at: f64) {
        let (clock, said) = (&self.page_state.clock, header.server_time);
        if header.kind == Kind::Welcome {
            return clock.set(said, at);
        }
        // Of an answer all frames have the time when it began.
        let is_now = matches!(header.kind, Kind::Tail | Kind::Patch | Kind::Heartbeat);
        if is_now && self.page_state.backlog.borrow_mut().read(clock.now() - said, clock::steady()) {
            clock.observe(said);
        }
    }

    fn turn(self: &Rc<Self>, turn: Turn) {
        match turn {
            Turn::Nothing => {}
            Turn::Welcome => {
                self.state.borrow_mut().welcome = true;
                self.subscribe();
                self.ask();
            }
            Turn::Live => self.live(),
            Turn::Afresh => {
                self.stale();
                // Samples, and with them signals, may have been deleted.
                if std::mem::take(&mut self.state.borrow_mut().is_behind) {
                    self.page_state.history.borrow_mut().doubt();
                    self.ask();
                }
            }
            Turn::Behind => {
                self.say(
                    Link::Conflated,
                    Some("some samples come later, because this page reads too slowly or because samples were deleted".to_owned()),
                );
                let subscribe = self.later(FILL_AFTER, Self::subscribe);
                let mut state = self.state.borrow_mut();
                (state.subscribe, state.is_behind) = (subscribe, true);
            }
            Turn::Refused(reason) => {
                let mut state = self.state.borrow_mut();
                let wait = state.refusals.next(js_sys::Math::random());
                state.subscribe = self.later(wait, Self::subscribe);
                drop(state);
                self.page_state.set_status(|status| status.load = Load::Failed(reason));
            }
            Turn::Changed(revision) => self.page_state.revision.set(Some(revision)),
        }
    }

    /// Whatever is stored may have changed.
    fn stale(&self) {
        self.page_state.archive.borrow_mut().mark_stale();
        self.page_state.exact.borrow_mut().mark_stale();
        self.page_state.means.borrow_mut().mark_stale();
    }

    /// The page shows the signals of these names and patterns: others are not asked for.
    pub fn show(self: &Rc<Self>, patterns: Vec<String>) {
        let mut state = self.state.borrow_mut();
        if !state.stream.want(patterns) {
            return;
        }
        let (wanted, ready) = (state.stream.wanted().to_vec(), state.welcome);
        drop(state);
        let is_kept = |name: &str| wanted.iter().any(|pattern| name::matches(pattern, name));
        self.page_state.history.borrow_mut().keep(is_kept);
        if ready {
            self.subscribe();
        }
    }

    fn subscribe(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        state.subscribe = None;
        if state.stream.wanted().is_empty() {
            // The board is on its way.
            state.patience = SILENCE.as_secs_f64() * 1e3;
            return;
        }
        state.patience = ANSWER_WITHIN;
        let request = state.stream.request(self.page_state.clock.now());
        if let (Some(socket), Ok(text)) = (&state.socket, serde_json::to_string(&request)) {
            socket.send(&text);
        }
        drop(state);
        if self.page_state.status().link != Link::Conflated {
            self.say(Link::CatchingUp, None);
        }
    }

    fn live(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        state.patience = SILENCE.as_secs_f64() * 1e3;
        state.backoff.reset();
        state.refusals.reset();
        drop(state);
        self.say(Link::Live, None);
        self.page_state.set_status(|status| {
            status.load = Load::Done;
            status.loaded = true;
        });
    }

    /// Asks for what the stream does not tell.
    fn ask(self: &Rc<Self>) {
        let feed = Rc::clone(self);
        let asked = {
            let mut state = self.state.borrow_mut();
            state.asked += 1;
            state.asked
        };
        spawn_local(async move {
            let signals = rest::get::<Vec<SignalDetails>>("/api/signals?details=1", None).await;
            let mut state = feed.state.borrow_mut();
            if state.asked != asked {
                return;
            }
            state.ask = None;
            let Ok(signals) = signals else {
                let wait = state.refusals.next(js_sys::Math::random());
                state.ask = feed.later(wait, Self::ask);
                return;
            };
            if !state.stream.wanted().iter().any(|pattern| pattern == "*") {
                // Of signals that are not subscribed, nothing else tells the newest values.
                state.ask = feed.later(ASK_EVERY, Self::ask);
            }
            feed.page_state.history.borrow_mut().note_details(&signals, feed.page_state.clock.now());
            if feed.page_state.starts_where_data_is.replace(false) {
                let newest = signals.iter().map(|signal| signal.last.micros()).max();
                feed.page_state.timeline.borrow_mut().begin_at(feed.page_state.clock.now(), newest);
            }
        });
    }

    fn closed(self: &Rc<Self>, reason: String) {
        let mut state = self.state.borrow_mut();
        state.attempt += 1;
        state.asked += 1;
        state.socket = None;
        (state.subscribe, state.ask, state.watch) = (None, None, None);
        state.welcome = false;
        let is_over = framed::is_over();
        if !is_over {
            let wait = state.backoff.next(js_sys::Math::random());
            state.reconnect = self.later(wait, Self::connect);
        }
        drop(state);
        self.page_state.set_status(|status| status.is_over = is_over);
        self.say(Link::Offline, Some(reason));
    }

    fn say(&self, link: Link, reason: Option<String>) {
        self.page_state.set_status(|status| (status.link, status.reason) = (link, reason));
    }
}
