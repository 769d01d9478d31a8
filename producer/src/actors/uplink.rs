//! **Role.** Sends all samples to the backend, oldest first, one request at a time.
//! **Receives.** [`Record`] from the generators, [`Drain`] from the fleet.
//! **Sends.** Batches to the courier's thread; how much waits to the watchers of the backlog.
//! **Bound.** `MAILBOX` messages (more with many generators), then the outbox's memory in samples, then the spool in bytes.
//! **Overload.** Memory overflows into the spool; at the spool's cap the oldest samples are shed and counted.
//! **Restart.** None: it holds the spool's lock and what is in memory. When it is lost, the process exits.

use std::time::Duration;

use actix::prelude::*;
use afterglow_wire::telemetry::Reading;
use tokio::sync::{oneshot, watch};

use crate::post::Post;
use crate::status::{Refused, Status};
use afterglow_client::clock;
use afterglow_client::publish::batch::Batch;
use afterglow_client::publish::courier::Courier;
use afterglow_client::publish::outbox::{Outbox, Tally};

/// Messages that wait while the actor writes its spool, at least: seconds of ticks, little memory.
const MAILBOX: usize = 1_024;
/// How many ticks of every generator fit the mailbox, however many generators there are.
const TICKS: usize = 4;
/// Timers are no finer; also keeps a due time in the past from spinning.
const MIN_WAIT: Duration = Duration::from_millis(1);

/// Takes these readings, each with a timestamp.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Record(pub Vec<Reading>);

/// Sends what it can within this time, spools the rest, and stops.
#[derive(Message)]
#[rtype(result = "Option<Drained>")]
pub struct Drain(pub Duration);

/// How it ended.
#[derive(Clone, Copy, Debug)]
pub struct Drained {
    /// What was sent and lost since the start.
    pub tally: Tally,
    /// Samples in the spool, to be sent at the next start.
    pub spooled: u64,
    /// Samples lost at the end because the spool could not be written.
    pub lost: u64,
}

/// The actor. It has a thread to itself, because it writes the spool there.
pub struct Uplink {
    outbox: Outbox,
    courier: Courier,
    /// Samples that wait, for sources that can wait with them.
    backlog: watch::Sender<usize>,
    mailbox: usize,
    status: Status,
    refused: Refused,
    shown: Option<(Tally, usize, u64)>,
    /// The next wake-up and when it is due.
    alarm: Option<(Duration, SpawnHandle)>,
    drained: Option<oneshot::Sender<Drained>>,
    post: Post,
}

impl Uplink {
    /// An uplink for this number of `generators`, which sends what `outbox` holds through `courier`.
    pub fn new(
        generators: usize,
        outbox: Outbox,
        courier: Courier,
        backlog: watch::Sender<usize>,
        (status, refused): (Status, Refused),
        post: Post,
    ) -> Self {
        let mailbox = MAILBOX.max(TICKS * generators);
        Self {
            outbox,
            courier,
            backlog,
            mailbox,
            status,
            refused,
            shown: None,
            alarm: None,
            drained: None,
            post,
        }
    }

    /// Does what is due, and sees to being called again when the next thing is.
    fn turn(&mut self, ctx: &mut Context<Self>) {
        if let Some(batch) = self.outbox.turn(clock::uptime()) {
            self.dispatch(batch, ctx);
        }
        let waiting = self.outbox.waiting();
        self.backlog.send_if_modified(|shown| std::mem::replace(shown, waiting) != waiting);
        if self.drained.is_some() && self.outbox.is_drained() {
            return self.finish(ctx);
        }
        self.set_alarm(ctx);
    }

    fn dispatch(&mut self, batch: Batch, ctx: &mut Context<Self>) {
        let answer = self.courier.send(batch).into_actor(self);
        ctx.spawn(answer.map(|answer, actor, ctx| match answer {
            Ok(delivery) => {
                actor.outbox.settle(&delivery, clock::uptime(), rand::random());
                actor.turn(ctx);
            }
            Err(_) => {
                log::error!("the courier's thread is lost");
                ctx.stop();
            }
        }));
    }

    fn set_alarm(&mut self, ctx: &mut Context<Self>) {
        let wake = self.outbox.wake();
        if self.alarm.map(|(due, _)| due) == wake {
            return;
        }
        if let Some((_, handle)) = self.alarm.take() {
            ctx.cancel_future(handle);
        }
        self.alarm = wake.map(|due| {
            let wait = due.saturating_sub(clock::uptime()).max(MIN_WAIT);
            let ring = |actor: &mut Self, ctx: &mut Context<Self>| {
                actor.alarm = None;
                actor.turn(ctx);
            };
            (due, ctx.run_later(wait, ring))
        });
    }

    fn finish(&mut self, ctx: &mut Context<Self>) {
        let Some(waiter) = self.drained.take() else { return };
        let (spooled, lost) = self.outbox.finish(clock::uptime());
        self.post.leave();
        // The fleet may have stopped waiting; the samples are safe either way.
        let _ = waiter.send(Drained { tally: self.outbox.tally(), spooled, lost });
        ctx.stop();
    }

    fn show(&mut self) {
        let now = (self.outbox.tally(), self.outbox.waiting(), self.refused.count());
        if self.shown.replace(now) != Some(now) {
            self.status.show(&now.0, now.1, &self.refused);
        }
    }
}

impl Actor for Uplink {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(self.mailbox);
        ctx.run_interval(self.status.interval(), |actor, _| actor.show());
        self.turn(ctx);
    }
}

impl Handler<Record> for Uplink {
    type Result = ();

    fn handle(&mut self, Record(readings): Record, ctx: &mut Self::Context) {
        self.outbox.record(readings, clock::uptime());
        self.turn(ctx);
    }
}

impl Handler<Drain> for Uplink {
    type Result = ResponseFuture<Option<Drained>>;

    fn handle(&mut self, Drain(deadline): Drain, ctx: &mut Self::Context) -> Self::Result {
        let (waiter, drained) = oneshot::channel();
        self.drained = Some(waiter);
        self.outbox.drain(clock::uptime());
        ctx.run_later(deadline, Self::finish);
        self.turn(ctx);
        Box::pin(async { drained.await.ok() })
    }
}
