//! **Role.** One live client on a WebSocket: writes frames, takes requests, pings, and cleans up when the client goes.
//! **Receives.** [`Push`] and [`Close`] from `Broadcaster`; the client's messages from the socket; history from a thread.
//! **Sends.** [`Join`] and [`Leave`] to `Broadcaster`.
//! **Bound.** [`MAILBOX`] pushes; [`history::PIECES`] frames of history; one client message of at most 64 KiB.
//! **Overload.** None of its own: while the socket is full this actor stands still and its mailbox fills, which is
//! how `Broadcaster` notices. A client that sends too many messages is closed with 1008.
//! **Restart.** None: the client connects again.
//!
//! With its folder the only place that knows `actix-web-actors`.

mod history;
mod messages;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::prelude::*;
use actix_web::{HttpRequest, HttpResponse, web};
use actix_web_actors::ws;
use afterglow_wire::live::{Event, Greeting};
use afterglow_wire::v1::{Flags, Header, Kind, PROTOCOL, Position, Request, Subscribe, Writer};
use afterglow_wire::{Code, close, limits};
use tokio::sync::watch;

use super::broadcaster::{Broadcaster, Client, Close, Join, Joined, Leave, Outlet, Push};
use crate::admission::Ticket;
use crate::clock::{Clock, Stopwatch};
use crate::live::history::{Filled, NoHistory};
use crate::live::{Frame, Key, Protocol};
use crate::store::Store;
pub use history::Historian;
use history::{Errand, Piece};
use messages::Messages;

/// Pushes that may wait: a few seconds of a lively feed.
const MAILBOX: usize = 64;

/// How long a client waits that is ahead of `Broadcaster`: some commits.
const AHEAD_PAUSE: Duration = Duration::from_millis(5);

/// How often it waits: a second in all. `Broadcaster` hears of a commit that was shed only with the next one.
const AHEAD_PAUSES: usize = 200;

/// What every session is made of.
#[derive(Clone)]
pub struct Sessions {
    /// Where committed samples come from.
    pub broadcaster: Addr<Broadcaster>,
    /// Where older ones come from.
    pub store: Store,
    /// Which numbering of commits is in force.
    pub epoch: u64,
    /// The server's time.
    pub clock: Clock,
    /// How often the client is pinged; after three times that without a sign of life it is closed with 4007.
    pub ping_interval: Duration,
    /// Reads history for all sessions, not for too many at once.
    pub historian: Historian,
    /// True once the server stops.
    pub stopping: watch::Receiver<bool>,
}

impl Sessions {
    /// Hands `join` to `Broadcaster`; once more where that has still to hear of a commit that the client has already:
    /// history is read from the store, which is the first to know.
    ///
    /// # Errors
    /// When the server stops.
    pub async fn join(self, mut join: Join) -> Result<Joined, MailboxError> {
        for _ in 0..AHEAD_PAUSES {
            let ahead = match self.broadcaster.send(join).await? {
                Joined::Ahead(ahead) => *ahead,
                joined => return Ok(joined),
            };
            if ahead.from.is_some_and(|from| from.sequence > self.store.sequence()) {
                return Ok(Joined::Unknown);
            }
            actix_rt::time::sleep(AHEAD_PAUSE).await;
            join = ahead;
        }
        // What it has was shed: it misses nothing of what `Broadcaster` knows. The next frame tells from where it carries on.
        self.broadcaster.send(Join { from: None, ..join }).await
    }
}

/// See the file's first lines.
pub struct Session {
    sessions: Sessions,
    protocol: Protocol,
    /// What `Broadcaster` knows this session as; 0 while it knows nothing of it.
    client: u64,
    evicted: Arc<AtomicBool>,
    /// Since the last frame of the client, whatever it was.
    heard: Stopwatch,
    messages: Messages,
    subscription: Option<Subscription>,
    /// Gives the client's place back.
    _ticket: Ticket,
}

/// What was asked for last.
struct Subscription {
    subscribe: Subscribe,
    /// Reads its history.
    thread: Option<SpawnHandle>,
    /// How often history was read and commits had gone on too far meanwhile.
    outrun: u32,
}

/// After so many times the newest values take the place of what was missed.
const OUTRUN: u32 = 4;

type Socket = ws::WebsocketContext<Session>;

impl Session {
    /// Answers a WebSocket handshake and starts the session; the subprotocol decides what it speaks.
    ///
    /// # Errors
    /// When the request is not a WebSocket handshake.
    pub fn accept(
        sessions: Sessions,
        ticket: Ticket,
        protocol: Protocol,
        request: &HttpRequest,
        payload: web::Payload,
    ) -> Result<HttpResponse, actix_web::Error> {
        let session = Self {
            sessions,
            protocol,
            client: 0,
            evicted: Arc::default(),
            heard: Stopwatch::start(),
            messages: Messages::default(),
            subscription: None,
            _ticket: ticket,
        };
        ws::WsResponseBuilder::new(session, request, payload)
            .protocols(&[PROTOCOL])
            .frame_size(limits::CLIENT_MESSAGE_BYTES)
            .start()
    }

    fn end(ctx: &mut Socket, code: u16, reason: &str) {
        let code = ws::CloseCode::from(code);
        // The description of a close frame has room for 123 bytes.
        let description = Some(reason.chars().take(100).filter(char::is_ascii).collect());
        ctx.close(Some(ws::CloseReason { code, description }));
        ctx.stop();
    }

    fn check_alive(&mut self, ctx: &mut Socket) {
        if self.evicted.load(Ordering::Relaxed) {
            Self::end(ctx, close::TOO_SLOW, "this client reads too slowly");
        } else if self.heard.elapsed() > 3 * self.sessions.ping_interval {
            Self::end(ctx, close::PING_TIMEOUT, "no answer to pings");
        } else {
            ctx.ping(b"");
        }
    }

    fn send(ctx: &mut Socket, frame: Frame) {
        match frame {
            Frame::Text(text) => ctx.text(text),
            Frame::Binary(bytes) => ctx.binary(bytes),
        }
    }

    fn greet(&self, ctx: &mut Socket) {
        let now = self.sessions.clock.now();
        if self.protocol == Protocol::V1 {
            let sequence = self.sessions.store.sequence();
            let position = Position { epoch: self.sessions.epoch, sequence };
            return ctx.binary(Writer::new(&self.header(Kind::Welcome, position)).finish());
        }
        let greeting = Greeting { status: "connected".into(), server_time: now };
        if let Ok(text) = serde_json::to_string(&Event::ConnectionResponse(greeting)) {
            ctx.text(text);
        }
    }

    fn header(&self, kind: Kind, position: Position) -> Header {
        let server_time = self.sessions.clock.now().micros();
        Header { kind, flags: Flags::NONE, covers: 0, position, server_time }
    }

    /// Forgets what the client watched before.
    fn leave(&mut self, ctx: &mut Socket) {
        if let Some(Subscription { thread: Some(thread), .. }) = self.subscription.take() {
            ctx.cancel_future(thread);
        }
        let client = std::mem::take(&mut self.client);
        if client != 0 {
            let left = self.sessions.broadcaster.send(Leave { client }).into_actor(self);
            ctx.wait(left.map(|_, _, _| ()));
        }
    }

    /// Asks to be sent what is committed from `filled` on. Nothing else is done until the answer is there, so that
    /// frames stay in order; an actor answers soon.
    fn join(&mut self, ctx: &mut Socket, key: Key, filled: Option<Filled>, resumes: Option<u32>) {
        self.client = Client::next_number();
        let outlet = Outlet::actor(&ctx.address());
        let client = Client::new(self.client, outlet, Arc::clone(&self.evicted));
        let (from, named) = filled.map_or((None, 0), |filled| (Some(filled.position), filled.named));
        let conflated = self.subscription.as_ref().is_some_and(|subscription| subscription.outrun >= OUTRUN);
        let join = Join { client, key, from, named, conflated };
        let joined = self.sessions.clone().join(join).into_actor(self);
        ctx.wait(joined.map(move |joined, session, ctx| match joined {
            Ok(Joined::Live(frames)) => {
                if let Some(request) = resumes {
                    session.subscribed(ctx, request, true);
                }
                frames.iter().for_each(|frame| Self::send(ctx, frame.clone()));
            }
            Ok(Joined::Behind) => session.not_live(ctx, filled),
            Ok(Joined::Ahead(_) | Joined::Unknown) => session.not_live(ctx, None),
            Err(_) => Self::end(ctx, close::GOING_AWAY, "the server is stopping"),
        }));
    }

    /// Reads what is missing: from `filled` on, or all of the history where that cannot be told.
    fn not_live(&mut self, ctx: &mut Socket, filled: Option<Filled>) {
        self.client = 0;
        if let Some(subscription) = &mut self.subscription {
            subscription.outrun += 1;
        }
        self.read(ctx, filled.map_or(Errand::Snapshot, Errand::Missed));
    }

    fn subscribe(&mut self, ctx: &mut Socket, subscribe: Subscribe) {
        if let Err(message) = subscribe.check() {
            return self.refuse(ctx, subscribe.id, Code::BadParameter, message);
        }
        self.leave(ctx);
        let (resume, id) = (subscribe.resume, subscribe.id);
        let key = Key { protocol: Protocol::V1, patterns: subscribe.signals.clone() };
        self.subscription = Some(Subscription { subscribe, thread: None, outrun: 0 });
        match resume {
            Some(position) => self.join(ctx, key, Some(Filled { position, named: 0 }), Some(id)),
            None => self.read(ctx, Errand::Snapshot),
        }
    }

    /// Sends a thread for history; its pieces come back through [`StreamHandler<Piece>`].
    fn read(&mut self, ctx: &mut Socket, errand: Errand) {
        let Some(subscription) = &mut self.subscription else { return };
        let sessions = &self.sessions;
        let (subscribe, now) = (subscription.subscribe.clone(), sessions.clock.now());
        let pieces = sessions.historian.send(&sessions.store, subscribe, errand, sessions.epoch, now);
        subscription.thread = Some(ctx.add_stream(pieces));
    }

    fn subscribed(&self, ctx: &mut Socket, request: u32, is_resumed: bool) {
        let position = Position { epoch: self.sessions.epoch, sequence: 0 };
        let flags = if is_resumed { Flags::RESUMED } else { Flags::NONE };
        let mut writer = Writer::new(&Header { flags, ..self.header(Kind::Subscribed, position) });
        writer.request(request);
        ctx.binary(writer.finish());
    }

    fn refuse(&self, ctx: &mut Socket, request: u32, code: Code, message: String) {
        let position = Position { epoch: self.sessions.epoch, sequence: 0 };
        let mut writer = Writer::new(&self.header(Kind::Refused, position));
        writer.request(request);
        writer.text(&serde_json::to_string(&code.body(message)).unwrap_or_default());
        ctx.binary(writer.finish());
    }

    fn requested(&mut self, ctx: &mut Socket, message: &[u8]) {
        match serde_json::from_slice(message) {
            Ok(Request::Subscribe(subscribe)) => self.subscribe(ctx, subscribe),
            Err(error) => Self::end(ctx, close::INVALID_DATA, &format!("not a request: {error}")),
        }
    }
}

impl Actor for Session {
    type Context = Socket;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(self.sessions.ping_interval, Self::check_alive);
        // Also for those whom the broadcaster does not know: they have not subscribed, or wait for their history.
        let mut stopping = self.sessions.stopping.clone();
        let stops = async move { stopping.wait_for(|stopping| *stopping).await.is_ok() }.into_actor(self);
        ctx.spawn(stops.map(|_, _, ctx| Self::end(ctx, close::GOING_AWAY, "the server is stopping")));
        self.greet(ctx);
        if self.protocol == Protocol::Events {
            self.join(ctx, Key::everything(Protocol::Events), None, None);
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the actor that would own the task is just gone")]
    fn stopped(&mut self, _: &mut Self::Context) {
        let leave = self.sessions.broadcaster.send(Leave { client: self.client });
        // Waits only for room in a mailbox.
        actix_rt::spawn(async move {
            let _ = leave.await;
        });
    }
}

impl Handler<Push> for Session {
    type Result = ();

    fn handle(&mut self, push: Push, ctx: &mut Self::Context) {
        if self.evicted.load(Ordering::Relaxed) {
            return Self::end(ctx, close::TOO_SLOW, "this client reads too slowly");
        }
        if push.client == self.client {
            push.frames.iter().for_each(|frame| Self::send(ctx, frame.clone()));
        }
    }
}

impl Handler<Close> for Session {
    type Result = ();

    fn handle(&mut self, Close { code, reason }: Close, ctx: &mut Self::Context) {
        Self::end(ctx, code, reason);
    }
}

impl StreamHandler<Piece> for Session {
    fn handle(&mut self, piece: Piece, ctx: &mut Self::Context) {
        let Some(Subscription { subscribe, .. }) = &self.subscription else { return };
        let request = subscribe.id;
        match piece {
            Piece::Began { is_resumed } => self.subscribed(ctx, request, is_resumed),
            Piece::Frame(frame) => Self::send(ctx, frame),
            Piece::End(Ok(filled)) => {
                let key = Key { protocol: Protocol::V1, patterns: subscribe.signals.clone() };
                self.join(ctx, key, Some(filled), None);
            }
            Piece::End(Err(NoHistory::Sealed)) => self.read(ctx, Errand::Snapshot),
            Piece::End(Err(NoHistory::Failed(code, message))) => self.refuse(ctx, request, code, message),
        }
    }

    /// The end of a history is not the end of the session.
    fn finished(&mut self, _: &mut Self::Context) {}
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for Session {
    fn handle(&mut self, message: Result<ws::Message, ws::ProtocolError>, ctx: &mut Self::Context) {
        self.heard = Stopwatch::start();
        if !self.messages.are_few() {
            return Self::end(ctx, close::TOO_MANY_MESSAGES, "this client sends too many messages");
        }
        match message {
            Ok(ws::Message::Ping(bytes)) => ctx.pong(&bytes),
            Ok(ws::Message::Pong(_) | ws::Message::Nop) => {}
            Ok(ws::Message::Close(_)) => {
                ctx.close(None);
                ctx.stop();
            }
            Ok(_) if self.protocol == Protocol::Events => {
                Self::end(ctx, close::UNSUPPORTED, "clients of the text events send no messages");
            }
            Ok(ws::Message::Text(text)) => self.requested(ctx, text.as_bytes()),
            Ok(ws::Message::Binary(_)) => Self::end(ctx, close::UNSUPPORTED, "requests are text messages"),
            Ok(ws::Message::Continuation(part)) => match self.messages.join(part) {
                Ok(None) => {}
                Ok(Some(message)) => self.requested(ctx, &message),
                Err((code, reason)) => Self::end(ctx, code, reason),
            },
            Err(ws::ProtocolError::Overflow) => {
                Self::end(ctx, close::TOO_BIG, "the message is larger than 65536 bytes");
            }
            // How actix reports a text that is not UTF-8.
            Err(ws::ProtocolError::Io(_)) => Self::end(ctx, close::INVALID_DATA, "the text is not UTF-8"),
            Err(error) => Self::end(ctx, close::PROTOCOL_ERROR, &error.to_string()),
        }
    }
}
