//! **Role.** Keeps keys and links up to date: ends the live clients of keys and sessions that expire, of keys that another process revokes, and
//! of an open server that is closed, learns of links that
//! another process makes, and writes down the last use of keys and sessions, and what was refused.
//! **Receives.** Nothing; it looks every [`LOOK`], and writes every [`WRITE`].
//! **Sends.** Nothing; live clients hear of the end of their grant themselves.
//! **Bound.** One look at a time.
//! **Overload.** None: what is not done in one look is done in the next.
//! **Restart.** A look that fails is tried again after [`LOOK`]; the process stops when this actor is lost.

use std::time::Duration;

use actix::prelude::*;
use afterglow_wire::Timestamp;

use crate::access::Access;
use crate::access::people::People;
use crate::clock::{Clock, Stopwatch};
use crate::lifeline::Lifeline;
use crate::store::StoreError;

/// How often keys are compared with the database: revocations on the command line take effect within this time.
const LOOK: Duration = Duration::from_secs(1);

/// How often last uses and refusals are written.
const WRITE: Duration = Duration::from_secs(60);

/// Keeps keys up to date.
pub struct Keeper {
    access: Access,
    people: People,
    clock: Clock,
    looking: bool,
    /// The number of the last entry of the audit log when keys and links were read by this actor.
    read: i64,
    written: Stopwatch,
    /// Uses before it are written down.
    since: Timestamp,
    _lifeline: Lifeline,
}

impl Keeper {
    /// Starts the actor; must be called within an actix system.
    pub fn start(access: Access, people: People, clock: Clock, lifeline: Lifeline) -> Addr<Self> {
        let (since, written) = (clock.now(), Stopwatch::start());
        Actor::start(Self {
            access,
            people,
            clock,
            looking: false,
            read: -1,
            written,
            since,
            _lifeline: lifeline,
        })
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        self.access.expire(self.clock.now());
        self.people.expire();
        if self.people.is_anybody() {
            self.access.close();
        }
        if self.looking {
            return;
        }
        self.looking = true;
        let writes = self.written.elapsed() >= WRITE;
        let (access, people, since, read) = (self.access.clone(), self.people.clone(), self.since, self.read);
        if writes {
            self.written = Stopwatch::start();
            // Uses are noted by the minute: the last one is not over.
            self.since = Timestamp::from_micros(self.clock.now().micros().saturating_sub(60_000_000));
        }
        let look = actix_rt::task::spawn_blocking(move || {
            // First: what is written in between is read again.
            let last = access.last_entry()?;
            if last != read {
                access.reload()?;
                people.reload_links()?;
            }
            if writes {
                access.write_down(since)?;
                access.expire_entries()?;
                people.write_down()?;
            }
            Ok::<_, StoreError>(last)
        });
        ctx.spawn(look.into_actor(self).map(|outcome, keeper, ctx| {
            keeper.looking = false;
            match outcome {
                Ok(Ok(last)) => keeper.read = last,
                Ok(Err(error)) => log::error!("keys are not compared with the database for now: {error}"),
                Err(panic) => {
                    log::error!("the keeper of keys broke and the process stops: {panic}");
                    ctx.terminate();
                }
            }
        }));
    }
}

impl Actor for Keeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(LOOK, Self::look);
    }
}
