//! **Role.** A Socket.IO client that polls: keeps what waits for its next request, pings it, and passes everything on when the
//! client goes on with a WebSocket (`session/socketio.rs`).
//! **Receives.** [`Get`] and [`Post`] from the HTTP routes; [`Probe`] and [`TakeOver`] from the WebSocket; frames from `Broadcaster`
//! through a channel.
//! **Sends.** [`Join`](crate::actors::broadcaster::Join) and [`Leave`](crate::actors::broadcaster::Leave) to `Broadcaster`.
//! **Bound.** [`PLACES`](crate::actors::broadcaster::PLACES) pushes in the channel, [`REPLIES`] replies, one request that waits; a request has at most [`MAX_PAYLOAD`] bytes.
//! **Overload.** The channel fills while the client does not poll, and `Broadcaster` then keeps only the newest value per signal
//! for it and ends it when it stays behind. A client that sends too many packets, or takes no replies, is ended.
//! **Restart.** None: the client connects again.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{self, Poll};

use actix::prelude::*;
use tokio::sync::oneshot;

use super::packet::Invalid;
use super::{Engine, Engines, MAX_PAYLOAD, SEPARATOR, Tick, Transport};
use crate::admission::Ticket;
use crate::live::Frame;

/// Replies that may wait.
const REPLIES: usize = 64;

/// The packet that ends a session.
const CLOSE: &str = "1";

/// The packet that answers a request with nothing.
const NOOP: &str = "6";

/// Waits for packets.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Get(pub oneshot::Sender<Polled>);

/// What a [`Get`] is answered with.
#[derive(Debug, PartialEq, Eq)]
pub enum Polled {
    /// Packets.
    Payload(String),
    /// The session ends: another of its requests waits already, or it polls too slowly.
    Ended,
    /// The server stops.
    Stopping,
}

impl Polled {
    fn packet(packet: &str) -> Self {
        Self::Payload(packet.to_owned())
    }
}

/// Packets of the client, separated by [`SEPARATOR`].
#[derive(Debug, Message)]
#[rtype(result = "Result<(), Invalid>")]
pub struct Post(pub String);

/// Asks whether the session may go on with a WebSocket.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub(crate) struct Probe;

/// The WebSocket that asked is gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ProbeFailed;

/// Ends polling and returns the session, with the replies that still wait.
#[derive(Message)]
#[rtype(result = "Option<(Engine, Vec<String>)>")]
pub(crate) struct TakeOver;

/// A Socket.IO client that polls.
pub struct Polling {
    /// There until the session is taken over.
    engine: Option<Engine>,
    replies: VecDeque<String>,
    poll: Option<oneshot::Sender<Polled>>,
    is_probed: bool,
}

impl Polling {
    /// Starts a session; the packet that opens it.
    pub fn open(engines: Engines, ticket: Ticket) -> String {
        let engine = Engine::new(engines, ticket);
        let open = engine.open(&["websocket"]);
        Self::create(|ctx| {
            engine.seat.reached_by(Transport::Polling(ctx.address()));
            Self { engine: Some(engine), replies: VecDeque::new(), poll: None, is_probed: false }
        });
        open
    }

    /// Answers the request that waits, if one does, and ends the session.
    fn end(&mut self, ctx: &mut Context<Self>, answer: Polled) {
        if let Some(poll) = self.poll.take() {
            let _ = poll.send(answer);
        }
        self.engine = None;
        ctx.stop();
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        match self.engine.as_mut().map(Engine::tick) {
            Some(Tick::Ping) => self.replies.push_back("2".to_owned()),
            Some(Tick::End) => self.end(ctx, Polled::packet(CLOSE)),
            Some(Tick::Wait) | None => {}
        }
    }

    fn posted(&mut self, ctx: &mut Context<Self>, packets: &str) -> Result<(), Invalid> {
        for packet in packets.split(SEPARATOR) {
            let Some(engine) = &mut self.engine else { return Ok(()) };
            match engine.text::<Self>(packet, ctx) {
                Ok(replies) => self.replies.extend(replies),
                Err(None) => {
                    self.end(ctx, Polled::packet(NOOP));
                    return Ok(());
                }
                Err(Some(reason)) => return Err(reason),
            }
            if self.replies.len() > REPLIES {
                return Err("too many packets, and no request to answer them");
            }
        }
        Ok(())
    }

    /// Answers the request that waits as soon as there is something; the only place where that happens.
    fn pump(&mut self, ctx: &mut Context<Self>, task: &mut task::Context<'_>) {
        if self.poll.as_ref().is_none_or(oneshot::Sender::is_closed) {
            return;
        }
        let Some(engine) = &mut self.engine else { return };
        let mut payload = String::new();
        let mut add = |packet: &str| {
            if !payload.is_empty() {
                payload.push(SEPARATOR);
            }
            payload.push_str(packet);
            payload.len() < MAX_PAYLOAD
        };
        let mut has_room = true;
        for reply in self.replies.drain(..) {
            has_room = add(&reply);
        }
        let mut is_over = false;
        while has_room && !is_over {
            match engine.poll_frames(task) {
                Poll::Ready(Some(frames)) => {
                    for frame in frames.iter() {
                        if let Frame::Text(text) = frame {
                            has_room = add(text);
                        }
                    }
                }
                Poll::Ready(None) => is_over = true,
                Poll::Pending => break,
            }
        }
        if is_over && payload.is_empty() {
            let answer = if engine.is_evicted() { Polled::Ended } else { Polled::Stopping };
            return self.end(ctx, answer);
        }
        if payload.is_empty() && self.is_probed {
            NOOP.clone_into(&mut payload);
        }
        if !payload.is_empty()
            && let Some(poll) = self.poll.take()
        {
            let _ = poll.send(Polled::Payload(payload));
        }
    }
}

/// Polled whenever the actor is.
struct Pump;

impl ActorFuture<Polling> for Pump {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        polling: &mut Polling,
        ctx: &mut Context<Polling>,
        task: &mut task::Context<'_>,
    ) -> Poll<()> {
        polling.pump(ctx, task);
        Poll::Pending
    }
}

impl Actor for Polling {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let Some(engine) = &self.engine else { return };
        ctx.run_interval(engine.ping_interval(), Self::tick);
        if let Some(grant) = engine.grant() {
            let over = async move { grant.over().await }.into_actor(self);
            ctx.spawn(over.map(|(), polling, ctx| polling.end(ctx, Polled::packet(CLOSE))));
        }
        let stops = engine.stopping().into_actor(self);
        ctx.spawn(stops.map(|_, polling, ctx| polling.end(ctx, Polled::Stopping)));
        ctx.spawn(Pump);
    }
}

impl Handler<Get> for Polling {
    type Result = ();

    fn handle(&mut self, Get(poll): Get, ctx: &mut Self::Context) {
        if self.poll.as_ref().is_some_and(|other| !other.is_closed()) {
            let _ = poll.send(Polled::Ended);
            return self.end(ctx, Polled::packet(CLOSE));
        }
        self.poll = Some(poll);
    }
}

impl Handler<Post> for Polling {
    type Result = Result<(), Invalid>;

    fn handle(&mut self, Post(packets): Post, ctx: &mut Self::Context) -> Self::Result {
        let posted = self.posted(ctx, &packets);
        if posted.is_err() {
            self.end(ctx, Polled::packet(CLOSE));
        }
        posted
    }
}

impl Handler<Probe> for Polling {
    type Result = bool;

    fn handle(&mut self, _: Probe, _: &mut Self::Context) -> bool {
        self.engine.is_some() && !std::mem::replace(&mut self.is_probed, true)
    }
}

impl Handler<ProbeFailed> for Polling {
    type Result = ();

    fn handle(&mut self, _: ProbeFailed, _: &mut Self::Context) {
        self.is_probed = false;
    }
}

impl Handler<TakeOver> for Polling {
    type Result = MessageResult<TakeOver>;

    fn handle(&mut self, _: TakeOver, ctx: &mut Self::Context) -> Self::Result {
        let engine = self.engine.take();
        self.end(ctx, Polled::packet(NOOP));
        MessageResult(engine.map(|engine| {
            engine.upgraded();
            (engine, self.replies.drain(..).collect())
        }))
    }
}
