//! Socket.IO 5 over Engine.IO 4 on a WebSocket: from the start, or after a session has polled.

use std::pin::Pin;
use std::task::{self, Poll};

use actix::prelude::*;
use afterglow_wire::close;

use super::{Conversation, Session, Socket};
use crate::actors::engine::{Engine, Engines, MAX_PAYLOAD, Polling, Probe, ProbeFailed, TakeOver, Tick};
use crate::admission::Ticket;
use crate::live::Frame;

/// Intervals of pings within which a WebSocket must have taken over from polling.
const PROBE_INTERVALS: u32 = 2;

/// The conversation of Socket.IO.
pub struct SocketIo {
    stage: Stage,
}

enum Stage {
    /// The session polls still. The WebSocket has a place among the live clients of its own until it takes over.
    Probing { polling: Addr<Polling>, is_probed: bool, intervals: u32, _ticket: Ticket },
    /// The session is here.
    Open(Box<Engine>),
    /// There is another WebSocket for the session.
    Refused { _ticket: Ticket },
}

impl SocketIo {
    /// A new session.
    pub fn new(engines: Engines, ticket: Ticket) -> Self {
        Self { stage: Stage::Open(Box::new(Engine::new(engines, ticket))) }
    }

    /// A WebSocket for a session that polls.
    pub fn upgrade(polling: Addr<Polling>, ticket: Ticket) -> Self {
        Self { stage: Stage::Probing { polling, is_probed: false, intervals: 0, _ticket: ticket } }
    }

    /// A second WebSocket for a session, which is closed.
    pub fn refused(ticket: Ticket) -> Self {
        Self { stage: Stage::Refused { _ticket: ticket } }
    }
}

impl Drop for SocketIo {
    fn drop(&mut self) {
        if let Stage::Probing { polling, is_probed: true, .. } = &self.stage {
            // When there is no room for it, the session goes on polling and answers every request at once.
            let _ = polling.try_send(ProbeFailed);
        }
    }
}

impl Conversation for SocketIo {
    const MESSAGE_BYTES: usize = MAX_PAYLOAD;

    fn started(session: &mut Session<Self>, ctx: &mut Socket<Self>) {
        match &session.conversation.stage {
            Stage::Open(engine) => {
                engine.upgraded();
                ctx.text(engine.open(&[]));
            }
            Stage::Refused { .. } => {
                return Session::end(ctx, close::PROTOCOL_ERROR, "the session has a WebSocket already");
            }
            Stage::Probing { .. } => {}
        }
        ctx.spawn(Pump);
    }

    fn text(session: &mut Session<Self>, ctx: &mut Socket<Self>, message: &[u8]) {
        let Ok(packet) = std::str::from_utf8(message) else {
            return Session::end(ctx, close::INVALID_DATA, "the text is not UTF-8");
        };
        match &mut session.conversation.stage {
            Stage::Open(engine) => match engine.text::<Session<Self>>(packet, ctx) {
                Ok(replies) => replies.into_iter().for_each(|reply| ctx.text(reply)),
                Err(None) => {
                    ctx.close(None);
                    ctx.stop();
                }
                Err(Some(reason)) => Session::end(ctx, close::INVALID_DATA, reason),
            },
            Stage::Probing { polling, is_probed: false, .. } if packet == "2probe" => {
                let probed = polling.send(Probe).into_actor(session);
                ctx.wait(probed.map(|probed, session, ctx| session.probed(ctx, probed == Ok(true))));
            }
            Stage::Probing { polling, is_probed: true, .. } if packet == "5" => {
                let taken = polling.send(TakeOver).into_actor(session);
                ctx.wait(taken.map(|taken, session, ctx| session.taken(ctx, taken.ok().flatten())));
            }
            Stage::Probing { .. } | Stage::Refused { .. } => {
                Session::end(ctx, close::PROTOCOL_ERROR, "the packets 2probe and 5 are expected");
            }
        }
    }

    fn binary(session: &mut Session<Self>, ctx: &mut Socket<Self>) {
        let taken = match &mut session.conversation.stage {
            Stage::Open(engine) => engine.binary(),
            Stage::Probing { .. } | Stage::Refused { .. } => Err("the packets 2probe and 5 are expected"),
        };
        if let Err(reason) = taken {
            Session::end(ctx, close::INVALID_DATA, reason);
        }
    }

    fn tick(session: &mut Session<Self>, ctx: &mut Socket<Self>) {
        match &mut session.conversation.stage {
            Stage::Open(engine) => match engine.tick() {
                Tick::Ping => ctx.text("2"),
                Tick::Wait => {}
                Tick::End => Session::end(ctx, close::PING_TIMEOUT, "no answer to pings"),
            },
            Stage::Probing { intervals, .. } => {
                *intervals += 1;
                if *intervals > PROBE_INTERVALS {
                    Session::end(ctx, close::PING_TIMEOUT, "the session was not taken over");
                }
            }
            Stage::Refused { .. } => {}
        }
    }
}

impl Session<SocketIo> {
    fn probed(&mut self, ctx: &mut Socket<SocketIo>, is_allowed: bool) {
        match &mut self.conversation.stage {
            Stage::Probing { is_probed, .. } if is_allowed => {
                *is_probed = true;
                ctx.text("3probe");
            }
            _ => Self::end(ctx, close::PROTOCOL_ERROR, "the session has a WebSocket already, or is over"),
        }
    }

    fn taken(&mut self, ctx: &mut Socket<SocketIo>, taken: Option<(Engine, Vec<String>)>) {
        let Some((engine, replies)) = taken else {
            return Self::end(ctx, close::PROTOCOL_ERROR, "the session is over");
        };
        replies.into_iter().for_each(|reply| ctx.text(reply));
        self.conversation.stage = Stage::Open(Box::new(engine));
    }
}

/// Writes frames; polled whenever the actor is, which stands still while the socket is full.
struct Pump;

impl ActorFuture<Session<SocketIo>> for Pump {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        session: &mut Session<SocketIo>,
        ctx: &mut Socket<SocketIo>,
        task: &mut task::Context<'_>,
    ) -> Poll<()> {
        let mut bytes = 0;
        while bytes < MAX_PAYLOAD {
            let Stage::Open(engine) = &mut session.conversation.stage else { return Poll::Pending };
            match engine.poll_frames(task) {
                Poll::Ready(Some(frames)) => {
                    for frame in frames.iter() {
                        if let Frame::Text(text) = frame {
                            bytes += text.len();
                            ctx.text(text.clone());
                        }
                    }
                }
                Poll::Ready(None) => {
                    if engine.is_evicted() {
                        Session::<SocketIo>::end(ctx, close::TOO_SLOW, "this client reads too slowly");
                    } else {
                        session.end_stopping(ctx);
                    }
                    return Poll::Ready(());
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        // The rest follows once this has been written.
        task.waker().wake_by_ref();
        Poll::Pending
    }
}
