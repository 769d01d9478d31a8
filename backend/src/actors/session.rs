//! **Role.** One live client: writes frames to its WebSocket, pings it, and cleans up when it goes.
//! **Receives.** [`Push`] and [`Close`] from `Broadcaster`; the client's frames from the socket.
//! **Sends.** [`Join`] and [`Leave`] to `Broadcaster`.
//! **Bound.** [`MAILBOX`] pushes; one client message of at most 64 KiB.
//! **Overload.** None of its own: while the socket is full this actor stands still and its mailbox fills, which is
//! how `Broadcaster` notices.
//! **Restart.** None: the client connects again.
//!
//! The only file that knows `actix-web-actors`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use actix::prelude::*;
use actix_web::{HttpRequest, HttpResponse, web};
use actix_web_actors::ws;
use afterglow_wire::live::{Event, Greeting};
use afterglow_wire::{close, limits};
use bytestring::ByteString;

use super::broadcaster::{Broadcaster, Join, Leave};
use crate::clock::{Clock, Stopwatch};

/// Pushes that may wait: a few seconds of a lively feed.
const MAILBOX: usize = 64;

/// What every session is made of.
#[derive(Clone)]
pub struct Sessions {
    /// Where committed samples come from.
    pub broadcaster: Addr<Broadcaster>,
    /// For the greeting.
    pub clock: Clock,
    /// How often the client is pinged; after three times that without a sign of life it is closed with 4007.
    pub ping_interval: Duration,
}

/// Frames to write, in order.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Push {
    /// Shared with every other session.
    pub frames: Arc<[ByteString]>,
}

/// Ends the session.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Close {
    /// One of [`afterglow_wire::close`].
    pub code: u16,
    /// Why, for people.
    pub reason: &'static str,
}

/// See the file's first lines.
pub struct Session {
    client: u64,
    sessions: Sessions,
    evicted: Arc<AtomicBool>,
    /// Since the last frame of the client, whatever it was.
    heard: Stopwatch,
}

impl Session {
    /// Answers a WebSocket handshake and starts the session.
    ///
    /// # Errors
    /// When the request is not a WebSocket handshake.
    pub fn accept(
        sessions: Sessions,
        request: &HttpRequest,
        payload: web::Payload,
    ) -> Result<HttpResponse, actix_web::Error> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let session = Self {
            client: NEXT.fetch_add(1, Ordering::Relaxed),
            sessions,
            evicted: Arc::default(),
            heard: Stopwatch::start(),
        };
        ws::WsResponseBuilder::new(session, request, payload).frame_size(limits::CLIENT_MESSAGE_BYTES).start()
    }

    fn end(ctx: &mut ws::WebsocketContext<Self>, code: u16, reason: &str) {
        let code = ws::CloseCode::from(code);
        ctx.close(Some(ws::CloseReason { code, description: Some(reason.to_owned()) }));
        ctx.stop();
    }

    fn check_alive(&mut self, ctx: &mut ws::WebsocketContext<Self>) {
        if self.evicted.load(Ordering::Relaxed) {
            Self::end(ctx, close::TOO_SLOW, "this client reads too slowly");
        } else if self.heard.elapsed() > 3 * self.sessions.ping_interval {
            Self::end(ctx, close::PING_TIMEOUT, "no answer to pings");
        } else {
            ctx.ping(b"");
        }
    }
}

impl Actor for Session {
    type Context = ws::WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(self.sessions.ping_interval, Self::check_alive);
        let greeting = Greeting { status: "connected".into(), server_time: self.sessions.clock.now() };
        if let Ok(text) = serde_json::to_string(&Event::ConnectionResponse(greeting)) {
            ctx.text(text);
        }
        let join = Join { client: self.client, session: ctx.address(), evicted: Arc::clone(&self.evicted) };
        // Waits for room in the mailbox, in order: a client that was greeted does get the samples that follow.
        let joined = self.sessions.broadcaster.send(join).into_actor(self);
        ctx.wait(joined.map(|joined, _, ctx| {
            if joined.is_err() {
                Self::end(ctx, close::GOING_AWAY, "the server is stopping");
            }
        }));
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
        for frame in &*push.frames {
            ctx.text(frame.clone());
        }
    }
}

impl Handler<Close> for Session {
    type Result = ();

    fn handle(&mut self, Close { code, reason }: Close, ctx: &mut Self::Context) {
        Self::end(ctx, code, reason);
    }
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for Session {
    fn handle(&mut self, message: Result<ws::Message, ws::ProtocolError>, ctx: &mut Self::Context) {
        self.heard = Stopwatch::start();
        match message {
            Ok(ws::Message::Ping(bytes)) => ctx.pong(&bytes),
            Ok(ws::Message::Pong(_) | ws::Message::Nop) => {}
            Ok(ws::Message::Close(_)) => {
                ctx.close(None);
                ctx.stop();
            }
            Ok(ws::Message::Text(_) | ws::Message::Binary(_) | ws::Message::Continuation(_)) => {
                Self::end(ctx, close::UNSUPPORTED, "clients of the text events send no messages");
            }
            Err(ws::ProtocolError::Overflow) => {
                Self::end(ctx, close::TOO_BIG, "the message is larger than 65536 bytes");
            }
            Err(error) => Self::end(ctx, close::PROTOCOL_ERROR, &error.to_string()),
        }
    }
}
