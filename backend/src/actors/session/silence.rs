//! What a client gets that does not answer pings: everything, but gathered, in one write a second.
//!
//! A client whose socket takes frames need not read them: the system keeps some megabytes of them. Thousands of such clients would have
//! each commit written thousands of times for nobody. So a client is pinged as soon as it is there, and has what is pushed to it held
//! until it has answered; later on, as soon as an answer is [`LATE`].

use std::time::Duration;

use actix::prelude::*;

use super::{Conversation, Push, Session, Socket};
use crate::clock::Stopwatch;

/// An answer that takes longer than this is late, and after this what is held is written all the same.
const LATE: Duration = Duration::from_secs(1);

/// Whether a client answers, and what is held meanwhile.
#[derive(Default)]
pub(super) struct Silence {
    /// Since the first ping that is not answered.
    asked: Option<Stopwatch>,
    has_answered: bool,
    /// In order. What waits counts as in the client's queue, which bounds it.
    held: Vec<Push>,
    /// Will write it.
    timer: Option<SpawnHandle>,
}

impl Silence {
    fn is_silent(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| !self.has_answered || asked.elapsed() > LATE)
    }
}

impl<C: Conversation> Session<C> {
    /// Pings the client.
    pub(super) fn ping(&mut self, ctx: &mut Socket<C>) {
        self.silence.asked.get_or_insert_with(Stopwatch::start);
        ctx.ping(b"");
    }

    /// The client has answered.
    pub(super) fn ponged(&mut self, ctx: &mut Socket<C>) {
        self.silence.asked = None;
        self.silence.has_answered = true;
        self.release(ctx);
    }

    /// Writes what was pushed, or holds it.
    pub(super) fn pushed(&mut self, ctx: &mut Socket<C>, push: Push) {
        if !self.silence.is_silent() {
            self.release(ctx);
            return self.write(ctx, &push);
        }
        self.silence.held.push(push);
        if self.silence.timer.is_none() {
            self.silence.timer = Some(ctx.run_later(LATE, |session, ctx| {
                session.silence.timer = None;
                session.release(ctx);
            }));
        }
    }

    /// Writes what is held.
    pub(super) fn release(&mut self, ctx: &mut Socket<C>) {
        if let Some(timer) = self.silence.timer.take() {
            ctx.cancel_future(timer);
        }
        for push in std::mem::take(&mut self.silence.held) {
            self.write(ctx, &push);
        }
    }

    fn write(&self, ctx: &mut Socket<C>, push: &Push) {
        // What was meant for an earlier subscription is dropped.
        if push.client == self.client {
            Self::send(ctx, &push.frames);
        }
    }
}
