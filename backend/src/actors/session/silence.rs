//! Which clients do not answer pings.
//!
//! A client whose socket takes frames need not read them: the system keeps some megabytes of them. Thousands of such clients would have
//! each commit written thousands of times for nobody. So a client is pinged as soon as it is there, and one whose answer is late is
//! silent until it comes: `Broadcaster` treats it as one that has fallen behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::prelude::*;

use super::{Conversation, Session, Socket};

/// The first answer of a client is late after this.
const FIRST: Duration = Duration::from_secs(1);

/// Any other is late after this: a network may stand still for a moment.
const LATER: Duration = Duration::from_secs(3);

/// Whether a client answers.
#[derive(Default)]
pub(super) struct Silence {
    /// Read by `Broadcaster`.
    pub(super) is_silent: Arc<AtomicBool>,
    has_answered: bool,
    /// Ends the wait for an answer.
    timer: Option<SpawnHandle>,
}

impl<C: Conversation> Session<C> {
    /// Pings the client.
    pub(super) fn ping(&mut self, ctx: &mut Socket<C>) {
        ctx.ping(b"");
        if self.silence.timer.is_none() {
            let late = if self.silence.has_answered { LATER } else { FIRST };
            self.silence.timer = Some(ctx.run_later(late, |session, _| {
                session.silence.is_silent.store(true, Ordering::Relaxed);
            }));
        }
    }

    /// The client has answered.
    pub(super) fn ponged(&mut self, ctx: &mut Socket<C>) {
        self.silence.has_answered = true;
        self.silence.is_silent.store(false, Ordering::Relaxed);
        if let Some(timer) = self.silence.timer.take() {
            ctx.cancel_future(timer);
        }
    }
}
