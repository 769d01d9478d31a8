//! **Role.** One live client on a WebSocket: writes frames, takes messages, pings, and cleans up when the client goes. What messages
//! mean is decided by the [`Conversation`] of its protocol.
//! **Receives.** [`Push`] and [`Close`] from `Broadcaster`; the client's messages from the socket; history from a thread.
//! **Sends.** [`Join`] and [`Leave`] to `Broadcaster`.
//! **Bound.** [`PLACES`] pushes; [`history::PIECES`] frames of history; one client message of at most [`Conversation::MESSAGE_BYTES`].
//! **Overload.** None of its own: while the socket is full this actor stands still and its mailbox fills, which is
//! how `Broadcaster` notices. One that does not answer pings gets the newest values only (`broadcaster/silent.rs`). A client that sends too many
//! messages is closed with 1008.
//! **Restart.** None: the client connects again.
//!
//! With its folder the only place that knows `actix-web-actors`.

mod answers;
mod events;
mod history;
mod parts;
mod socketio;
mod v1;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::prelude::*;
use actix_web::{HttpRequest, HttpResponse, web};
use actix_web_actors::ws;
use afterglow_wire::v1::PROTOCOL;
use afterglow_wire::{close, limits};
use tokio::sync::watch;

use super::broadcaster::{
    Broadcaster, Client, Close, Join, Joined, Leave, Outlet, PLACES, Push, SilentClients,
};
use super::engine::Engines;
use super::rate_limit::RateLimit;
use crate::access::{Grant, Principal};
use crate::clock::{Clock, Stopwatch};
use crate::live::Frame;
use crate::pool::Pool;
use crate::store::Store;
use answers::Answers;
pub use events::Events;
pub use history::HistoryReaders;
use parts::Parts;
pub use socketio::SocketIo;
pub use v1::V1;

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
    /// Where patterns are compared with all names.
    pub selecting: Pool,
    /// Reads history for all sessions, not for too many at once.
    pub history_readers: HistoryReaders,
    /// The sessions of Socket.IO, and what they are made of.
    pub engines: Engines,
    /// How many do not answer.
    pub silent_clients: SilentClients,
    /// True once the server stops.
    pub stopping: watch::Receiver<bool>,
    /// Ends when who asked may no longer; never when absent.
    pub grant: Option<Grant>,
}

impl Sessions {
    /// What the sessions of one principal are made of.
    pub fn of(&self, principal: &Principal) -> Self {
        let (scope, grant) = (principal.signals().cloned(), principal.grant().cloned());
        Self {
            store: self.store.within(scope.clone()),
            engines: self.engines.of(scope, grant.clone()),
            grant,
            ..self.clone()
        }
    }

    /// Sends `join` to `Broadcaster`; once more where that has still to hear of a commit that the client has already:
    /// history is read from the store, which is the first to know.
    ///
    /// # Errors
    /// When the server stops.
    pub async fn join(self, mut join: Join) -> Result<Joined, MailboxError> {
        for _ in 0..AHEAD_PAUSES {
            let ahead = match self.broadcaster.send(join).await? {
                Joined::Ahead(ahead) => *ahead,
                Joined::Uncompared(uncompared) => {
                    let Some(compared) = self.compare(*uncompared).await else { return Ok(Joined::Unknown) };
                    join = compared;
                    continue;
                }
                joined => return Ok(joined),
            };
            let is_unknown = || ahead.from.is_some_and(|from| from.sequence > self.store.sequence());
            if is_unknown() {
                // Another server may have given it to the client.
                self.sync().await;
                if is_unknown() {
                    return Ok(Joined::Unknown);
                }
            }
            actix_rt::time::sleep(AHEAD_PAUSE).await;
            join = ahead;
        }
        // What it has was shed: it misses nothing of what `Broadcaster` knows. The next frame tells from where it carries on.
        self.broadcaster.send(Join { from: None, ..join }).await
    }
}

impl Sessions {
    /// Compares what a client wants with the names that are new, on the pool; none where that breaks.
    async fn compare(&self, mut join: Join) -> Option<Join> {
        let (address, signals) = (join.address, self.store.signals().clone());
        let compare = move || {
            join.selection.learn_all(&signals);
            join
        };
        self.selecting.run(address, compare).await.ok()
    }

    /// Takes over what other servers have committed, where there may be some.
    async fn sync(&self) {
        if self.store.is_shared() {
            let store = self.store.clone();
            let synced = actix_rt::task::spawn_blocking(move || store.sync()).await;
            if let Ok(Err(error)) = synced {
                log::debug!("what other servers have committed is not known: {error}");
            }
        }
    }
}

/// A live client on a WebSocket that speaks the protocol of the conversation `C`.
pub struct Session<C> {
    sessions: Sessions,
    conversation: C,
    /// What `Broadcaster` knows this session as; 0 while it knows nothing of it.
    client: u64,
    evicted: Arc<AtomicBool>,
    /// Since the last frame of the client, whatever it was.
    heard: Stopwatch,
    rate: RateLimit,
    parts: Parts,
    answers: Answers,
}

/// One protocol: what a session does when its socket is open, and what the client's messages mean.
pub trait Conversation: Sized + Unpin + 'static {
    /// Why clients may send no messages at all; none where they may.
    const REFUSES_MESSAGES: Option<&'static str> = None;

    /// Largest message of a client in bytes.
    const MESSAGE_BYTES: usize = limits::CLIENT_MESSAGE_BYTES;

    /// The socket is open.
    fn started(session: &mut Session<Self>, ctx: &mut Socket<Self>);

    /// The client has sent a text message.
    fn text(session: &mut Session<Self>, ctx: &mut Socket<Self>, message: &[u8]);

    /// The client has sent a binary message.
    fn binary(_: &mut Session<Self>, ctx: &mut Socket<Self>) {
        Session::end(ctx, close::UNSUPPORTED, "requests are text messages");
    }

    /// An interval of pings has passed.
    fn tick(_: &mut Session<Self>, _: &mut Socket<Self>) {}
}

type Socket<C> = ws::WebsocketContext<Session<C>>;

impl<C: Conversation> Session<C> {
    /// Answers a WebSocket handshake and starts the session.
    ///
    /// # Errors
    /// When the request is not a WebSocket handshake.
    pub fn accept(
        sessions: Sessions,
        conversation: C,
        request: &HttpRequest,
        payload: web::Payload,
    ) -> Result<HttpResponse, actix_web::Error> {
        let answers = Answers::new(&sessions.silent_clients);
        let session = Self {
            sessions,
            conversation,
            client: 0,
            evicted: Arc::default(),
            heard: Stopwatch::start(),
            rate: RateLimit::default(),
            parts: Parts::new(C::MESSAGE_BYTES),
            answers,
        };
        ws::WsResponseBuilder::new(session, request, payload)
            .protocols(&[PROTOCOL])
            .frame_size(C::MESSAGE_BYTES)
            .start()
    }

    fn end(ctx: &mut Socket<C>, code: u16, reason: &str) {
        let code = ws::CloseCode::from(code);
        // The description of a close frame has room for 123 bytes.
        let description = Some(reason.chars().take(100).filter(char::is_ascii).collect());
        ctx.close(Some(ws::CloseReason { code, description }));
        ctx.stop();
    }

    fn end_unauthenticated(ctx: &mut Socket<C>) {
        Self::end(ctx, close::UNAUTHENTICATED, "this key is no longer valid");
    }

    /// Ends it with the server, or with all that its tenant has: who may no longer be here hears of that.
    fn end_stopping(&self, ctx: &mut Socket<C>) {
        if self.is_over() {
            Self::end_unauthenticated(ctx);
        } else {
            Self::end(ctx, close::GOING_AWAY, "the server is stopping");
        }
    }

    /// Whether the client may no longer have what it was let in for.
    fn is_over(&self) -> bool {
        self.sessions.grant.as_ref().is_some_and(Grant::is_over)
    }

    fn check_alive(&mut self, ctx: &mut Socket<C>) {
        if self.evicted.load(Ordering::Relaxed) {
            Self::end(ctx, close::TOO_SLOW, "this client reads too slowly");
        } else if self.heard.elapsed() > 3 * self.sessions.ping_interval {
            Self::end(ctx, close::PING_TIMEOUT, "no answer to pings");
        } else {
            self.ping(ctx);
            C::tick(self, ctx);
        }
    }

    fn send(ctx: &mut Socket<C>, frames: &[Frame]) {
        frames.iter().for_each(|frame| Self::send_one(ctx, frame.clone()));
    }

    fn send_one(ctx: &mut Socket<C>, frame: Frame) {
        match frame {
            Frame::Text(text) => ctx.text(text),
            Frame::Binary(bytes) => ctx.binary(bytes),
        }
    }

    /// Joins the live stream under a new number. Nothing else is done until the answer is there, so that frames stay in
    /// order; an actor answers soon. `then` gets every answer but that the server stops.
    fn join(
        &mut self,
        ctx: &mut Socket<C>,
        join: impl FnOnce(Client) -> Join,
        then: impl FnOnce(&mut Self, &mut Socket<C>, Joined) + 'static,
    ) {
        self.client = Client::next_number();
        let outlet = Outlet::actor(&ctx.address());
        let client =
            Client::new(self.client, outlet, Arc::clone(&self.evicted)).silent_while(&self.answers.silence);
        let joined = self.sessions.clone().join(join(client)).into_actor(self);
        ctx.wait(joined.map(move |joined, session, ctx| match joined {
            Ok(joined) => then(session, ctx, joined),
            Err(_) => session.end_stopping(ctx),
        }));
    }

    /// Leaves the live stream.
    fn leave(&mut self, ctx: &mut Socket<C>) {
        let client = std::mem::take(&mut self.client);
        if client != 0 {
            let left = self.sessions.broadcaster.send(Leave { client }).into_actor(self);
            ctx.wait(left.map(|_, _, _| ()));
        }
    }
}

impl<C: Conversation> Actor for Session<C> {
    type Context = Socket<C>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(PLACES);
        ctx.run_interval(self.sessions.ping_interval, Self::check_alive);
        // Also for those whom the broadcaster does not know: they have not subscribed, or wait for their history.
        let mut stopping = self.sessions.stopping.clone();
        let stops = async move { stopping.wait_for(|stopping| *stopping).await.is_ok() }.into_actor(self);
        ctx.spawn(stops.map(|_, session, ctx| session.end_stopping(ctx)));
        if let Some(grant) = self.sessions.grant.clone() {
            let over = async move { grant.over().await }.into_actor(self);
            ctx.spawn(over.map(|(), _, ctx| Self::end_unauthenticated(ctx)));
        }
        // What the protocol begins with comes first.
        C::started(self, ctx);
        self.ping(ctx);
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

impl<C: Conversation> Handler<Push> for Session<C> {
    type Result = ();

    fn handle(&mut self, push: Push, ctx: &mut Self::Context) {
        if self.evicted.load(Ordering::Relaxed) {
            return Self::end(ctx, close::TOO_SLOW, "this client reads too slowly");
        }
        // It stood still while its socket was full, and could not hear of it.
        if self.is_over() {
            return Self::end_unauthenticated(ctx);
        }
        if push.client == self.client {
            Self::send(ctx, &push.frames);
        }
    }
}

impl<C: Conversation> Handler<Close> for Session<C> {
    type Result = ();

    fn handle(&mut self, Close { code, reason }: Close, ctx: &mut Self::Context) {
        if code == close::GOING_AWAY {
            self.end_stopping(ctx);
        } else {
            Self::end(ctx, code, reason);
        }
    }
}

impl<C: Conversation> StreamHandler<Result<ws::Message, ws::ProtocolError>> for Session<C> {
    fn handle(&mut self, message: Result<ws::Message, ws::ProtocolError>, ctx: &mut Self::Context) {
        self.heard = Stopwatch::start();
        if !self.rate.allow() {
            return Self::end(ctx, close::TOO_MANY_MESSAGES, "this client sends too many messages");
        }
        match (message, C::REFUSES_MESSAGES) {
            (Ok(ws::Message::Ping(bytes)), _) => ctx.pong(&bytes),
            (Ok(ws::Message::Pong(_)), _) => self.ponged(ctx),
            (Ok(ws::Message::Nop), _) => {}
            (Ok(ws::Message::Close(_)), _) => {
                ctx.close(None);
                ctx.stop();
            }
            (Ok(_), Some(reason)) => Self::end(ctx, close::UNSUPPORTED, reason),
            (Ok(ws::Message::Text(text)), _) => C::text(self, ctx, text.as_bytes()),
            (Ok(ws::Message::Binary(_)), _) => C::binary(self, ctx),
            (Ok(ws::Message::Continuation(part)), _) => match self.parts.join(part) {
                Ok(None) => {}
                Ok(Some(message)) => C::text(self, ctx, &message),
                Err((code, reason)) => Self::end(ctx, code, &reason),
            },
            (Err(ws::ProtocolError::Overflow), _) => {
                Self::end(ctx, close::TOO_BIG, &parts::too_big(C::MESSAGE_BYTES));
            }
            // How actix reports a text that is not UTF-8.
            (Err(ws::ProtocolError::Io(_)), _) => {
                Self::end(ctx, close::INVALID_DATA, "the text is not UTF-8");
            }
            (Err(error), _) => Self::end(ctx, close::PROTOCOL_ERROR, &error.to_string()),
        }
    }
}
