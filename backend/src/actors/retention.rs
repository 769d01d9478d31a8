//! **Role.** Lets samples expire by the policy, and gives their space back.
//! **Receives.** Nothing; it applies the policy every [`LOOK`].
//! **Sends.** Nothing.
//! **Bound.** One pass at a time, each transaction of a few dozen rows.
//! **Overload.** None: what is not expired in one pass is in the next.
//! **Restart.** A pass that fails is tried again after [`LOOK`]; the process stops when this actor is lost.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use arc_swap::ArcSwap;

use crate::clock::{Clock, Stopwatch};
use crate::fault;
use crate::lifeline::Lifeline;
use crate::store::{self, Store, TrustedClock};

/// How often the policy is applied.
const LOOK: Duration = Duration::from_secs(60);

/// How long samples are kept, which may change. Cloning shares it.
#[derive(Clone)]
pub struct Policy(Arc<ArcSwap<store::RetentionPolicy>>);

impl Policy {
    /// As `policy` says.
    pub fn new(policy: store::RetentionPolicy) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(policy)))
    }

    /// As `policy` says from now on.
    pub fn change(&self, policy: store::RetentionPolicy) {
        self.0.store(Arc::new(policy));
    }

    fn now(&self) -> store::RetentionPolicy {
        store::RetentionPolicy::clone(&self.0.load())
    }
}

/// Deletes samples that the retention policy lets expire, and frees their space.
pub struct Retention {
    store: Store,
    policy: Policy,
    clock: Clock,
    trusted: TrustedClock,
    started: Stopwatch,
    expiring: bool,
    _lifeline: Lifeline,
}

impl Retention {
    /// Starts the actor; must be called within an actix system.
    pub fn start(store: Store, policy: Policy, clock: Clock, lifeline: Lifeline) -> Addr<Self> {
        let newest = store.newest_arrival().unwrap_or_else(|error| {
            log::warn!("the newest arrival is not known, so the clock is believed: {error}");
            None
        });
        let trusted = TrustedClock::new(clock.now(), newest);
        let started = Stopwatch::start();
        Actor::start(Self { store, policy, clock, trusted, started, expiring: false, _lifeline: lifeline })
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        if self.expiring {
            return;
        }
        self.expiring = true;
        let wall = self.clock.now();
        let now = self.trusted.now(wall, self.started.elapsed());
        if now < wall {
            log::warn!("the clock says {wall}, further than time has passed; samples expire as of {now}");
        }
        let (store, policy) = (self.store.clone(), self.policy.now());
        let expire = actix_rt::task::spawn_blocking(move || store.expire(&policy, now));
        ctx.spawn(expire.into_actor(self).map(|outcome, retention, ctx| {
            retention.expiring = false;
            match outcome {
                Ok(Ok(done)) => log::debug!("expired {} blocks and {} rollups", done.blocks, done.rollups),
                Ok(Err(error)) => log::error!("expiring failed and is tried again: {error}"),
                Err(panic) => {
                    log::error!("retention broke and the process stops: {panic}");
                    ctx.terminate();
                }
            }
        }));
    }
}

impl Actor for Retention {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(fault::look_interval().unwrap_or(LOOK), Self::look);
    }
}
