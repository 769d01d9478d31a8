//! Which clients do not answer pings.
//!
//! A client is pinged as soon as it is there, and one whose answer is late is silent until it comes.

use std::time::Duration;

use actix::prelude::*;

use super::{Conversation, Session, Socket};
use crate::actors::broadcaster::{Silence, SilentClients};

/// The first answer of a client is late after this.
const FIRST: Duration = Duration::from_secs(1);

/// Any other is late after this: a network may stand still for a moment.
const LATER: Duration = Duration::from_secs(3);

/// The answers of a client.
pub(super) struct Answers {
    /// Read by `Broadcaster`.
    pub(super) silence: Silence,
    has_answered: bool,
    /// Ends the wait for an answer.
    timer: Option<SpawnHandle>,
}

impl Answers {
    pub(super) fn new(all: &SilentClients) -> Self {
        Self { silence: all.client(), has_answered: false, timer: None }
    }
}

impl<C: Conversation> Session<C> {
    /// Pings the client.
    pub(super) fn ping(&mut self, ctx: &mut Socket<C>) {
        ctx.ping(b"");
        if self.answers.timer.is_none() {
            let late = if self.answers.has_answered { LATER } else { FIRST };
            self.answers.timer = Some(ctx.run_later(late, |session, _| session.answers.silence.set(true)));
        }
    }

    /// The client has answered.
    pub(super) fn ponged(&mut self, ctx: &mut Socket<C>) {
        self.answers.has_answered = true;
        self.answers.silence.set(false);
        if let Some(timer) = self.answers.timer.take() {
            ctx.cancel_future(timer);
        }
    }
}
