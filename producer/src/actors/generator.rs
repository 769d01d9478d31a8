//! **Role.** Makes the samples of one simulated signal or of one real source.
//! **Receives.** Nothing but [`Stop`]; it lives by the clock or by its source's thread.
//! **Sends.** [`Record`] to the uplink.
//! **Bound.** One tick's samples; of a thread's items, [`crate::source::AHEAD`].
//! **Overload.** When the uplink's mailbox is full: a clocked source sheds the tick, counted and logged; a thread's items wait. A file also waits while `PATIENCE` samples wait to be sent.
//! **Restart.** None: when it is lost, the process exits.

use std::collections::BTreeMap;
use std::time::Duration;

use actix::prelude::*;
use afterglow_wire::Timestamp;
use afterglow_wire::telemetry::Reading;
use tokio::sync::watch;

use super::uplink::{Record, Uplink};
use crate::post::Post;
use crate::signal::Shape;
use crate::source::host::Host;
use crate::source::{Item, Stream};
use crate::ticks::Ticks;
use afterglow_client::clock;
use afterglow_client::throttle::Throttle;

/// Samples that wait to be sent above which a file is not read on: it would only move from disk to disk.
const PATIENCE: usize = 20_000;
/// How often shed ticks are logged.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Makes no more samples.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Stop;

/// Values at a tick.
pub enum Clocked {
    /// A simulated signal: a pure function of the time since `origin`.
    Simulated {
        /// The signal's name.
        name: String,
        /// What it looks like.
        shape: Shape,
        /// The signal's own seed.
        seed: u64,
        /// When it starts; it rests until then.
        origin: Timestamp,
    },
    /// This machine. Reading it may block, so its generator has a thread of its own.
    Host(Box<Host>),
}

impl Clocked {
    /// The readings at `ticks`. A machine has values of now only, so it answers the newest tick.
    fn sample(&mut self, ticks: &[Timestamp], uptime: Duration) -> Vec<Reading> {
        let reading = |at: &Timestamp, signals| Reading { timestamp: Some(*at), signals };
        match self {
            Self::Simulated { name, shape, seed, origin } => {
                let value = |at: &Timestamp| {
                    let micros = u64::try_from(at.micros() - origin.micros()).unwrap_or(0);
                    shape.value(*seed, Duration::from_micros(micros))
                };
                ticks.iter().map(|at| reading(at, BTreeMap::from([(name.clone(), value(at))]))).collect()
            }
            Self::Host(host) => ticks.last().map(|at| reading(at, host.sample(uptime))).into_iter().collect(),
        }
    }
}

/// Where a generator's samples come from.
pub enum Feed {
    /// Asked at the ticks of a period, and once at the start.
    Clocked {
        /// What is asked.
        source: Clocked,
        /// When.
        ticks: Ticks,
        /// The first time, before the first tick, so that nobody waits a period for the first value.
        start: Timestamp,
    },
    /// Read by a thread at its own pace; none once the actor has started.
    Streamed(Option<Stream>),
}

/// The actor.
pub struct Generator {
    label: String,
    feed: Feed,
    uplink: Addr<Uplink>,
    backlog: watch::Receiver<usize>,
    shed: Throttle,
    post: Post,
}

impl Generator {
    /// A generator that gives the samples of `feed` to `uplink`; `backlog` is how many wait there.
    pub const fn new(
        label: String,
        feed: Feed,
        uplink: Addr<Uplink>,
        backlog: watch::Receiver<usize>,
        post: Post,
    ) -> Self {
        Self { label, feed, uplink, backlog, shed: Throttle::new(LOG_INTERVAL), post }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        let Feed::Clocked { source, ticks, .. } = &mut self.feed else { return };
        let due = ticks.due(clock::now());
        let readings = source.sample(&due, clock::uptime());
        self.offer(readings, ctx);
        self.schedule(ctx);
    }

    fn schedule(&self, ctx: &mut Context<Self>) {
        if let Feed::Clocked { ticks, .. } = &self.feed {
            ctx.run_later(ticks.wait(clock::now()), Self::tick);
        }
    }

    /// Gives readings to the uplink, or sheds them when its mailbox is full.
    fn offer(&mut self, readings: Vec<Reading>, ctx: &mut Context<Self>) {
        if readings.is_empty() {
            return;
        }
        match self.uplink.try_send(Record(readings)) {
            Ok(()) => {}
            Err(SendError::Full(_)) => {
                if let Some(held) = self.shed.pass(clock::uptime()) {
                    log::error!("{}: the uplink is busy, a tick is shed (and {held} before)", self.label);
                }
            }
            Err(SendError::Closed(_)) => ctx.stop(),
        }
    }

    fn pump(&self, stream: Stream, ctx: &mut Context<Self>) {
        let (uplink, backlog) = (self.uplink.clone(), self.backlog.clone());
        let pump = pump(stream, uplink, backlog).into_actor(self);
        ctx.spawn(pump.map(|whole, actor, ctx| {
            if whole {
                log::info!("{} has ended", actor.label);
                actor.post.leave();
            }
            ctx.stop();
        }));
    }
}

/// Sends a stream's items when they are due. Gives whether it came to the stream's end.
async fn pump(mut stream: Stream, uplink: Addr<Uplink>, mut backlog: watch::Receiver<usize>) -> bool {
    let start = clock::uptime();
    while let Some(Item { due, reading }) = stream.items.recv().await {
        if let Some(due) = due {
            let wait = due.saturating_sub(clock::uptime().saturating_sub(start));
            if !wait.is_zero() {
                actix_rt::time::sleep(wait).await;
            }
        }
        if stream.patient && backlog.wait_for(|waiting| *waiting < PATIENCE).await.is_err() {
            return false;
        }
        if uplink.send(Record(vec![reading])).await.is_err() {
            return false;
        }
    }
    true
}

impl Actor for Generator {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        match &mut self.feed {
            Feed::Clocked { source, start, .. } => {
                let first = source.sample(&[*start], clock::uptime());
                self.offer(first, ctx);
                self.schedule(ctx);
            }
            Feed::Streamed(stream) => {
                if let Some(stream) = stream.take() {
                    self.pump(stream, ctx);
                }
            }
        }
    }
}

impl Handler<Stop> for Generator {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        self.post.leave();
        ctx.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Noise;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_simulated_signal_answers_every_tick_by_the_time_since_its_origin() {
        let noise = |origin| Clocked::Simulated {
            name: "n".into(),
            shape: Shape::Noise(Noise { amplitude: 1.0 }),
            seed: 1,
            origin: at(origin),
        };
        let values = |readings: Vec<Reading>| readings.iter().map(|r| r.signals["n"]).collect::<Vec<_>>();
        let run = values(noise(100).sample(&[at(101), at(102)], Duration::ZERO));
        let later = values(noise(500).sample(&[at(501), at(502)], Duration::ZERO));
        assert_eq!(run, later);
        assert_ne!(run[0], run[1]);
    }

    #[test]
    fn a_machine_answers_the_newest_tick_only() {
        let mut host = Clocked::Host(Box::new(Host::new("h", Duration::ZERO)));
        let readings = host.sample(&[at(1), at(2)], Duration::from_secs(1));
        assert_eq!(readings.iter().map(|r| r.timestamp).collect::<Vec<_>>(), [Some(at(2))]);
        assert!(host.sample(&[], Duration::from_secs(2)).is_empty());
    }
}
