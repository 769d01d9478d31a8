//! **Role.** Sends every committed sample to the live clients that want it, encoded once for all who want the same.
//! **Receives.** [`Committed`] from `Committer`; [`Deleted`] from deletions; [`Join`] and [`Leave`] from live clients; revisions of
//! documents; [`CloseAll`] from the pipeline, and before it the time within which all clients must have left.
//! **Sends.** [`Push`]es to each client, the same bytes to all of a group.
//! **Bound.** [`MAILBOX`] commits; groups, in all and of one address, as `live/groups.rs` says; per group one step of samples; per client
//! one queue of pushes, in places and in bytes (`client.rs`); samples of signals that have not been compared with everybody's patterns
//! (`live/groups/learning.rs`), and half of the time at most for comparing them.
//! **Overload.** Shed: a commit that finds no room here is read from the journal by clients that resume, and the others are sent an
//! event that says so; the longer a step takes to reach the clients, the more samples wait for the next one (`pace.rs`); a
//! client whose queue is full gets only the newest value per signal once it has room, is notified of that, and is closed with
//! 4008 when it stays behind for longer than the configured `slow_seconds`. A client that would need a group too many is
//! refused, or closed with 1013 when a new signal makes it need one.
//! **Restart.** None: when it is lost the process stops.

mod client;
mod pace;
mod silent;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use afterglow_wire::revision::Revision;
use afterglow_wire::v1::{HEARTBEAT, Position};
use afterglow_wire::{Timestamp, close};
use futures_util::stream;
use tokio::sync::watch;

pub use client::{Client, Close, Outlet, PLACES, Push, Queued};
use pace::{Pace, Step};
use silent::FEW;
pub use silent::{Silence, SilentClients};

use crate::clock::{Clock, Stopwatch};
use crate::committed::{Committed, Hears};
use crate::lifeline::Lifeline;
use crate::live::{self, Frame, Frames, Group, Groups, Member, Protocol, Recent, Replay, Selection};
use crate::metrics::{Metrics, Stage};
use crate::signals::Signals;
use crate::store::Store;

/// Commits that may wait: each is at least one disk flush long, so this is a good second of them.
const MAILBOX: usize = 1_024;

/// In how many groups clients leave a server that is about to stop.
const LEAVE_IN: u32 = 64;

/// The shortest pause between two slices of comparing new names with patterns.
const LEAST_REST: Duration = Duration::from_millis(1);

/// How often a client that fell behind is offered the newest values; each offer costs their encoding.
const CATCH_UP: Duration = Duration::from_millis(250);

/// Why clients are closed when the server stops.
const STOPPING: &str = "the server is stopping";

/// A client that wants what is committed from now on, or from some commit on.
#[derive(Debug, Message)]
#[rtype(result = "Joined")]
pub struct Join {
    /// The client.
    pub client: Client,
    /// Where it is.
    pub address: IpAddr,
    /// How it is written to.
    pub protocol: Protocol,
    /// What it wants.
    pub selection: Selection,
    /// What it has already; when absent it has missed nothing.
    pub from: Option<Position>,
    /// How many signals of the dictionary, from the first on, it has the names of.
    pub named: u32,
    /// Whether it takes the newest values for what it missed, because the journal does not bring it close enough.
    pub conflated: bool,
}

/// What becomes of a [`Join`].
#[derive(Debug)]
pub enum Joined {
    /// The client gets pushes of what comes after this position; before them come these frames.
    Live(Frames, Position),
    /// What it has is too old for this actor: the journal must bring it closer.
    Behind,
    /// It has commits that this actor has not heard of, perhaps not yet.
    Ahead(Box<Join>),
    /// It misses samples of signals that its selection does not know yet, and too many for this actor to compare.
    Uncompared(Box<Join>),
    /// What it has is of another epoch.
    Unknown,
    /// There are too many groups; a sentence that says which limit is reached.
    Refused(String),
}

/// A client that has gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Leave {
    /// Its number.
    pub client: u64,
}

/// Samples were deleted. What clients have may be more than what is stored, so nobody goes on from before the deletion.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Deleted {
    /// The deletion's number among those of the commits.
    pub sequence: u64,
}

/// How commits reach [`Broadcaster`].
pub struct Live(pub Addr<Broadcaster>);

impl Hears for Live {
    fn hear(&self, commit: &Committed) -> bool {
        self.0.try_send(commit.clone()).is_ok()
    }

    fn skip(&self, sequence: u64) {
        // Where there is no room the next commit says the same.
        let _ = self.0.try_send(Deleted { sequence });
    }
}

/// What is decided elsewhere while a [`Broadcaster`] runs.
pub struct Watched {
    /// Tells when boards, annotations or metadata have changed.
    pub revisions: watch::Receiver<Revision>,
    /// Within what time all clients must have left, once the server is about to stop.
    pub leaving: watch::Receiver<Option<Duration>>,
}

/// Closes every client because the server stops; answered when each has been sent its close.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CloseAll;

/// Sends every committed sample to the live clients that want it, encoded once for all who want the same.
pub struct Broadcaster {
    signals: Signals,
    clock: Clock,
    metrics: Metrics,
    /// How long a client may stay behind before it is closed.
    slow_timeout: Duration,
    /// The last commit.
    position: Position,
    recent: Recent,
    groups: Groups<Client>,
    pace: Pace,
    /// Whether the next step has a time already.
    is_scheduled: bool,
    /// Since the last slice of comparing new names with patterns, and how long the pause after it is.
    rest: (Stopwatch, Duration),
    /// Whether the next slice has a time already.
    is_learning: bool,
    watched: Watched,
    _lifeline: Lifeline,
}

impl Broadcaster {
    /// Starts the actor at the last commit of `store`, up to which `latest` is the latest instant of each signal; must be
    /// called within an actix system.
    pub fn start(
        store: &Store,
        clock: Clock,
        latest: &[Option<Timestamp>],
        watched: Watched,
        slow_timeout: Duration,
        metrics: Metrics,
        lifeline: Lifeline,
    ) -> Addr<Self> {
        Actor::start(Self {
            signals: store.signals().clone(),
            clock,
            metrics,
            slow_timeout,
            position: store.position(),
            recent: Recent::default(),
            groups: Groups::new(latest),
            pace: Pace::new(),
            is_scheduled: false,
            rest: (Stopwatch::start(), LEAST_REST),
            is_learning: false,
            watched,
            _lifeline: lifeline,
        })
    }

    fn count_sessions(&self) {
        let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.sessions.set(number(self.groups.count()));
        self.metrics.groups.set(number(self.groups.len()));
    }

    /// Takes a step now, or when the pause after the last one is over.
    fn step_soon(&mut self, ctx: &mut Context<Self>) {
        if self.is_scheduled {
            // Timers wait while commits come one after another.
            if self.pace.left().is_zero() {
                self.step();
            }
            return;
        }
        let left = self.pace.left();
        if left.is_zero() {
            return self.step();
        }
        self.is_scheduled = true;
        ctx.run_later(left, |broadcaster, ctx| {
            broadcaster.is_scheduled = false;
            // Until then it may have turned out to cost more.
            broadcaster.step_soon(ctx);
        });
    }

    /// Goes on comparing new names with patterns, if there are some, after a pause: others have as much time.
    fn learn_soon(&mut self, ctx: &mut Context<Self>) {
        if !self.groups.is_learning() {
            return;
        }
        let left = self.rest.1.saturating_sub(self.rest.0.elapsed());
        if self.is_learning {
            // Timers wait while commits come one after another.
            if left.is_zero() {
                self.learn();
                self.step_soon(ctx);
            }
            return;
        }
        self.is_learning = true;
        ctx.run_later(left, |broadcaster, ctx| {
            broadcaster.is_learning = false;
            broadcaster.learn();
            broadcaster.step_soon(ctx);
            broadcaster.learn_soon(ctx);
        });
    }

    fn learn(&mut self) {
        let stopwatch = Stopwatch::start();
        self.groups.learn(&self.signals);
        self.end_refused();
        self.rest = (Stopwatch::start(), stopwatch.elapsed().max(LEAST_REST));
    }

    fn end_refused(&mut self) {
        for client in self.groups.take_refused() {
            client.end(close::TRY_AGAIN_LATER, "a new signal makes too many different sets of signals");
        }
    }

    /// Samples of signals that have not been compared found no room: for those who wait for them it is as if their commits had been shed.
    fn give_up_parked(&mut self) {
        self.step();
        let (position, now) = (self.position, self.clock.now().micros());
        self.groups.drop_parked();
        for (group, clients) in self.groups.all().filter(|(group, _)| group.is_held()) {
            let frames = group.skip_to(position, now).into_iter().collect();
            push(group, clients, frames, None, &self.metrics);
        }
    }

    /// Sends what has gathered to everyone.
    fn step(&mut self) {
        let stopwatch = Stopwatch::start();
        let (position, now) = (self.position, self.clock.now().micros());
        let ready =
            |clients: &[Member<Client>]| clients.iter().filter(|member| member.client.is_ready()).count();
        let pending = self.groups.all().filter(|(group, _)| group.is_pending());
        let counts: Vec<_> = pending.map(|(_, clients)| ready(clients)).collect();
        if counts.is_empty() {
            return;
        }
        let step = self.pace.begin(counts.iter().sum());
        for (group, clients) in self.groups.all().filter(|(group, _)| group.is_pending()) {
            let frames = group.take(position, now, &self.signals);
            push(group, clients, frames, Some(&step), &self.metrics);
        }
        self.metrics.observe(Stage::Broadcast, stopwatch.elapsed());
    }

    /// Commits up to `sequence` were shed on their way here, because this actor was too slow, or samples were deleted.
    fn skip_to(&mut self, sequence: u64) {
        self.step();
        let (position, now) = (Position { sequence, ..self.position }, self.clock.now().micros());
        self.groups.drop_parked();
        for (group, clients) in self.groups.all() {
            let frames = group.skip_to(position, now).into_iter().collect();
            push(group, clients, frames, None, &self.metrics);
        }
    }

    /// Offers the newest values to those who fell behind, of the silent ones to [`FEW`], and gives up those who stay behind.
    fn catch_up(&mut self) {
        // What happens is not seen here, but perhaps on another server.
        if self.metrics.health.cut_off().is_some() {
            return self.close_all("the server does not reach its database");
        }
        self.step();
        let now = self.clock.now().micros();
        let mut places = FEW;
        for (group, clients) in self.groups.all() {
            if !clients.iter().any(|member| member.client.is_behind()) {
                group.all_caught_up();
                continue;
            }
            if !clients.iter().any(|member| member.client.is_due()) {
                continue;
            }
            let mut frames = group.catch_up(now, &self.signals);
            frames.extend(group.changed(now, &self.watched.revisions.borrow()));
            let frames = Frames::new(frames, &self.metrics.frame_bytes);
            for Member { client, .. } in clients {
                if client.is_silent() && client.is_due() {
                    let Some(left) = places.checked_sub(1) else { continue };
                    places = left;
                }
                client.catch_up(&frames, self.slow_timeout, &self.metrics);
            }
        }
        self.groups.retain(Client::stays);
        self.count_sessions();
    }

    fn close_all(&mut self, reason: &'static str) {
        self.step();
        self.groups.drain().for_each(|client| client.close(reason));
        self.count_sessions();
    }

    fn heartbeat(&mut self) {
        self.step();
        let (position, now) = (self.position, self.clock.now().micros());
        for (group, clients) in self.groups.all() {
            if let Some(frame) = group.heartbeat(position, now) {
                let frames = Frames::new(vec![frame], &self.metrics.frame_bytes);
                // A client without room has more urgent frames waiting.
                clients.iter_mut().for_each(|member| member.client.offer(&frames, &self.metrics));
            }
        }
    }

    fn join(&mut self, mut join: Join) -> Joined {
        let from = join.from.unwrap_or(self.position);
        if from.epoch != self.position.epoch {
            return Joined::Unknown;
        }
        if from.sequence > self.position.sequence {
            return Joined::Ahead(Box::new(join));
        }
        self.groups.retain(|other| other.number != join.client.number);
        let is_missing = from.sequence < self.position.sequence;
        let is_compared = self.groups.meet(&mut join.selection, &self.signals);
        self.end_refused();
        if is_missing && !is_compared {
            return Joined::Uncompared(Box::new(join));
        }
        let Join { client, address, protocol, selection, named, conflated, .. } = join;
        let missed = self.recent.since(from.sequence);
        if is_missing && missed.is_none() && !conflated {
            return Joined::Behind;
        }
        let id = match self.groups.group(protocol, &selection, address, self.position) {
            Ok(id) => id,
            Err(limit) => return Joined::Refused(limit),
        };
        let now = self.clock.now().micros();
        let Some((group, clients)) = self.groups.get(id) else { return Joined::Unknown };
        // The others of the group first: they, too, have everything up to the last commit then.
        advance(group, clients, self.position, now, &self.signals, &self.metrics);
        let step = live::Step { before: from, after: self.position, server_time: now };
        let changed = group.changed(now, &self.watched.revisions.borrow());
        let wants = |signal| self.groups.wants(id, signal);
        let replay = Replay { protocol, wants: &wants, signals: &self.signals, known: self.groups.known(id) };
        let mut frames = match missed {
            Some(missed) => replay.whole(&step, named, missed),
            None if is_missing => replay.newest(&step, named, self.recent.all()),
            None => replay.whole(&step, named, std::iter::empty()),
        };
        frames.extend(changed);
        self.metrics.frames.inc_by(frames.len() as u64);
        self.groups.add(id, client, &selection, address);
        self.count_sessions();
        Joined::Live(Frames::new(frames, &self.metrics.frame_bytes), self.position)
    }
}

/// Lets clients leave one after another in the second half of `within`: by then the balancer leads them to another server, which
/// need not take them all at once.
fn leave(ctx: &mut Context<Broadcaster>, within: Duration) {
    let half = within / 2;
    for number in 1..=LEAVE_IN {
        ctx.run_later(half + half * number / LEAVE_IN, move |broadcaster, _| {
            broadcaster.step();
            let stays = |client: &Client| client.number % u64::from(LEAVE_IN) >= u64::from(number);
            broadcaster.groups.retain(|client| {
                stays(client) || {
                    client.close(STOPPING);
                    false
                }
            });
            broadcaster.count_sessions();
        });
    }
}

/// Brings a group to `position`: sends its clients what has gathered.
fn advance(
    group: &mut Group,
    clients: &mut [Member<Client>],
    position: Position,
    now: i64,
    signals: &Signals,
    metrics: &Metrics,
) {
    let frames = group.take(position, now, signals);
    push(group, clients, frames, None, metrics);
}

/// Sends frames to all clients of a group.
fn push(
    group: &mut Group,
    clients: &mut [Member<Client>],
    frames: Vec<Frame>,
    step: Option<&Arc<Step>>,
    metrics: &Metrics,
) {
    let frames = Frames::new(frames, &metrics.frame_bytes);
    // Each must be offered them, also after the first that has no room.
    if clients.iter_mut().filter_map(|member| member.client.push(&frames, step, metrics)).count() > 0 {
        group.fall_behind();
    }
    group.offered();
}

impl Actor for Broadcaster {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(CATCH_UP, |broadcaster, _| broadcaster.catch_up());
        ctx.run_interval(HEARTBEAT, |broadcaster, _| broadcaster.heartbeat());
        // Only the newest revision waits.
        ctx.add_stream(stream::unfold(self.watched.revisions.clone(), async |mut revisions| {
            revisions.changed().await.ok()?;
            let revision = *revisions.borrow_and_update();
            Some((revision, revisions))
        }));
        let mut leaving = self.watched.leaving.clone();
        let within = async move { leaving.wait_for(Option::is_some).await.ok().and_then(|within| *within) };
        ctx.spawn(
            within.into_actor(self).map(|within, _, ctx| within.map_or((), |within| leave(ctx, within))),
        );
    }
}

impl StreamHandler<Revision> for Broadcaster {
    fn handle(&mut self, revision: Revision, _: &mut Self::Context) {
        let now = self.clock.now().micros();
        for (group, clients) in self.groups.all() {
            if let Some(frame) = group.changed(now, &revision) {
                push(group, clients, vec![frame], None, &self.metrics);
            }
        }
    }

    /// Documents change no more while the server stops; samples may still come.
    fn finished(&mut self, _: &mut Self::Context) {}
}

impl Handler<Committed> for Broadcaster {
    type Result = ();

    fn handle(&mut self, Committed { sequences, batches, .. }: Committed, ctx: &mut Self::Context) {
        if sequences.last <= self.position.sequence {
            // A deletion has overtaken it on the way here: the clients begin after both.
            return;
        }
        if sequences.before != self.position.sequence {
            self.skip_to(sequences.before);
        }
        self.position.sequence = sequences.last;
        let before = Position { sequence: sequences.before, ..self.position };
        let is_wanted = self.groups.pass(before, &batches, &self.signals);
        self.end_refused();
        if self.groups.is_parking_full() {
            self.give_up_parked();
        }
        self.recent.push(sequences, batches);
        if is_wanted {
            self.step_soon(ctx);
        }
        self.learn_soon(ctx);
    }
}

impl Handler<Deleted> for Broadcaster {
    type Result = ();

    fn handle(&mut self, Deleted { sequence }: Deleted, _: &mut Self::Context) {
        if sequence > self.position.sequence {
            self.skip_to(sequence);
            self.position.sequence = sequence;
            // What is here is of before.
            self.recent = Recent::default();
        }
        // From it clients notice that they do not have everything.
        self.heartbeat();
    }
}

impl Handler<Join> for Broadcaster {
    type Result = MessageResult<Join>;

    fn handle(&mut self, join: Join, ctx: &mut Self::Context) -> Self::Result {
        let joined = self.join(join);
        self.learn_soon(ctx);
        MessageResult(joined)
    }
}

impl Handler<Leave> for Broadcaster {
    type Result = ();

    fn handle(&mut self, Leave { client }: Leave, _: &mut Self::Context) {
        self.groups.retain(|other| other.number != client);
        self.count_sessions();
    }
}

impl Handler<CloseAll> for Broadcaster {
    type Result = ();

    fn handle(&mut self, _: CloseAll, _: &mut Self::Context) {
        self.close_all(STOPPING);
    }
}
