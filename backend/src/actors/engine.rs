//! Sessions of Engine.IO 4, the transport below Socket.IO: what a session is whether it polls or has a WebSocket. A session that
//! polls is an actor ([`Polling`]); one with a WebSocket is a [`Session`](super::session::Session).

mod packet;
mod polling;
mod seat;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{self, Poll};
use std::time::Duration;

use actix::prelude::*;
use afterglow_wire::live::Greeting;
use tokio::sync::mpsc;

use packet::{Conversation, Effect, Invalid};
pub use polling::{Get, Polled, Polling, Post};
pub(crate) use polling::{Probe, ProbeFailed, TakeOver};
use seat::{Seat, random_id};

use super::broadcaster::{Broadcaster, Client, Join, Leave, Outlet, PLACES, Queued};
use super::rate_limit::RateLimit;
use crate::access::Grant;
use crate::admission::Ticket;
use crate::clock::Stopwatch;
use crate::live::{Protocol, Selection};

/// Where a session's requests go.
pub type Transport = seat::Transport<Addr<Polling>>;

/// All sessions, and what each is made of.
pub type Engines = seat::Engines<Addr<Polling>>;

/// Most bytes of a request, and of an answer that has more than one packet.
pub const MAX_PAYLOAD: usize = 1_000_000;

/// A client that does not join the namespace within this time is disconnected.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(45);

/// Intervals of pings without an answer after which a client is ended: the timeout is this many, less the one before the ping.
const UNANSWERED: u32 = 2;

/// Separates the packets of a request or an answer.
pub const SEPARATOR: char = '\x1e';

/// A session of Engine.IO, whatever its transport is.
pub(crate) struct Engine {
    seat: Seat<Addr<Polling>>,
    conversation: Conversation,
    /// There while the client has joined the namespace.
    membership: Option<Membership>,
    evicted: Arc<AtomicBool>,
    /// Intervals since a ping that was not answered; none when there is none.
    unanswered: Option<u32>,
    /// Since the client could have joined the namespace.
    idle: Stopwatch,
    rate: RateLimit,
}

/// A place in the live stream; given back when dropped.
struct Membership {
    broadcaster: Addr<Broadcaster>,
    client: u64,
    frames: mpsc::Receiver<Queued>,
}

impl Drop for Membership {
    fn drop(&mut self) {
        // When there is no room for it, the broadcaster notices with its next push that the channel is closed.
        let _ = self.broadcaster.try_send(Leave { client: self.client });
    }
}

/// What an interval brings.
pub(crate) enum Tick {
    /// A ping is due.
    Ping,
    /// Nothing.
    Wait,
    /// The client is gone, or never joined.
    End,
}

impl Engine {
    pub(crate) fn new(engines: Engines, ticket: Ticket) -> Self {
        Self {
            seat: Seat::new(engines, ticket),
            conversation: Conversation::default(),
            membership: None,
            evicted: Arc::default(),
            unanswered: None,
            idle: Stopwatch::start(),
            rate: RateLimit::default(),
        }
    }

    /// The first packet of a session.
    pub(crate) fn open(&self, upgrades: &[&str]) -> String {
        let interval = self.seat.engines.ping_interval.as_millis();
        let open = serde_json::json!({
            "sid": self.seat.id,
            "upgrades": upgrades,
            "pingInterval": interval,
            "pingTimeout": interval * u128::from(UNANSWERED),
            "maxPayload": MAX_PAYLOAD,
        });
        format!("0{open}")
    }

    /// The session has a WebSocket from now on.
    pub(crate) fn upgraded(&self) {
        self.seat.reached_by(Transport::WebSocket);
    }

    /// Takes a text packet; what is to be sent back, or that the session ends.
    ///
    /// # Errors
    /// When the packet breaks the protocol or there are too many; the session ends.
    pub(crate) fn text<A>(
        &mut self,
        packet: &str,
        ctx: &mut A::Context,
    ) -> Result<Vec<String>, Option<Invalid>>
    where
        A: Actor,
        A::Context: AsyncContext<A>,
    {
        if !self.rate.allow() {
            return Err(Some("too many packets"));
        }
        match self.conversation.text(packet)? {
            None => Ok(Vec::new()),
            Some(Effect::Reply(reply)) => Ok(vec![reply]),
            Some(Effect::Pong) => {
                self.unanswered = None;
                Ok(Vec::new())
            }
            Some(Effect::Connect) => Ok(self.connect::<A>(ctx)),
            Some(Effect::Disconnect) => {
                self.membership = None;
                self.idle = Stopwatch::start();
                Ok(Vec::new())
            }
            Some(Effect::Close) => Err(None),
        }
    }

    /// Takes a binary packet.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub(crate) fn binary(&mut self) -> Result<(), Invalid> {
        if self.rate.allow() { self.conversation.binary() } else { Err("too many packets") }
    }

    /// Joins the live stream. A client that has missed nothing gets nothing before the first push.
    fn connect<A>(&mut self, ctx: &mut A::Context) -> Vec<String>
    where
        A: Actor,
        A::Context: AsyncContext<A>,
    {
        let (sender, frames) = mpsc::channel(PLACES);
        let number = Client::next_number();
        let client = Client::new(number, Outlet::Stream(sender), Arc::clone(&self.evicted));
        let engines = &self.seat.engines;
        let selection = Selection::within(&["*".to_owned()], engines.scope.as_ref(), &engines.signals);
        let join = Join {
            client,
            address: self.seat.ticket.address(),
            protocol: Protocol::SocketIo,
            selection,
            from: None,
            named: 0,
            conflated: false,
        };
        let broadcaster = self.seat.engines.broadcaster.clone();
        // Without an answer: a message whose answer nobody waits for any more is not handled, and this actor may end first, when a
        // WebSocket takes over.
        if let Err(SendError::Full(join)) = broadcaster.try_send(join) {
            let joined = broadcaster.send(join);
            ctx.spawn(actix::fut::wrap_future::<_, A>(joined).map(|_, _, _| ()));
        }
        self.membership = Some(Membership { broadcaster, client: number, frames });
        let greeting = Greeting { status: "connected".into(), server_time: self.seat.engines.clock.now() };
        let greeting = serde_json::to_string(&greeting).unwrap_or_default();
        let id = random_id();
        vec![format!(r#"40{{"sid":"{id}"}}"#), format!(r#"42["connection_response",{greeting}]"#)]
    }

    /// An interval of pings has passed.
    pub(crate) fn tick(&mut self) -> Tick {
        if !self.conversation.is_connected() && self.idle.elapsed() > CONNECT_TIMEOUT {
            return Tick::End;
        }
        match &mut self.unanswered {
            None => {
                self.unanswered = Some(0);
                Tick::Ping
            }
            Some(intervals) => {
                *intervals += 1;
                if *intervals >= UNANSWERED { Tick::End } else { Tick::Wait }
            }
        }
    }

    /// The next frames of the live stream; none at its end, because the server stops or the client was too slow.
    pub(crate) fn poll_frames(&mut self, task: &mut task::Context<'_>) -> Poll<Option<Queued>> {
        match &mut self.membership {
            Some(membership) => membership.frames.poll_recv(task),
            None => Poll::Pending,
        }
    }

    /// Whether the client was given up because it reads too slowly.
    pub(crate) fn is_evicted(&self) -> bool {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Becomes true once the server stops.
    pub(crate) fn stopping(&self) -> impl Future<Output = bool> + use<> {
        let mut stopping = self.seat.engines.stopping.clone();
        async move { stopping.wait_for(|stopping| *stopping).await.is_ok() }
    }

    /// Ends when the client may no longer have what it gets; never when absent.
    pub(crate) fn grant(&self) -> Option<Grant> {
        self.seat.engines.grant.clone()
    }

    /// How often the client is pinged.
    pub(crate) fn ping_interval(&self) -> Duration {
        self.seat.engines.ping_interval
    }
}
