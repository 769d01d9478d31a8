//! A group: the clients that speak one protocol and want the same signals. What it has not sent yet gathers here.

use afterglow_wire::revision::Revision;
use afterglow_wire::v1::Position;

use super::newest::Newest;
use super::{Dialect, Frame, LiveSample, Protocol, Replay, Step, known};
use crate::signals::{Selector, Signals};

/// Most samples of one step. What is more (a client imports history) is conflated: a million old values are of no use
/// on a live chart, and every client's queue would have to hold them.
const STEP_SAMPLES: usize = 50_000;

/// What makes clients a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// How they are written to.
    pub protocol: Protocol,
    /// The names they want, in which `*` stands for any run of characters.
    pub patterns: Vec<String>,
}

impl Key {
    /// Clients that get everything.
    pub fn everything(protocol: Protocol) -> Self {
        Self { protocol, patterns: vec!["*".to_owned()] }
    }
}

/// The clients that speak one protocol and want the same signals, and what has not been sent to them yet.
#[derive(Debug)]
pub struct Group {
    /// What its clients have in common.
    pub key: Key,
    /// The names of the signals that they want.
    pub wanted: Selector,
    position: Position,
    pending: Vec<LiveSample>,
    /// Set once too much was pending.
    conflated: Option<Newest>,
    /// What the last step brought, and from where on, for those who did not get it.
    sent: (Position, Vec<LiveSample>),
    /// How many signals of the dictionary, from the first on, have been named to all clients.
    named: u32,
    /// What those clients miss who are behind, and since when at the longest.
    missed: Option<(Position, Newest)>,
}

impl Group {
    /// A group whose clients have everything up to `position`, and the names of all `signals`.
    pub fn new(key: Key, position: Position, signals: &Signals) -> Self {
        let named = known(signals);
        Self {
            wanted: Selector::new(&key.patterns),
            key,
            position,
            pending: Vec::new(),
            conflated: None,
            sent: (position, Vec::new()),
            named,
            missed: None,
        }
    }

    /// Whether something waits to be sent.
    pub fn is_pending(&self) -> bool {
        !self.pending.is_empty() || self.conflated.is_some()
    }

    /// Adds a sample that its clients want.
    pub fn add(&mut self, live: LiveSample) {
        if let Some(newest) = &mut self.conflated {
            return newest.add([live.sample]);
        }
        self.pending.push(live);
        if self.pending.len() > STEP_SAMPLES {
            self.conflate();
        }
    }

    fn conflate(&mut self) {
        let mut newest = Newest::default();
        newest.add(self.pending.drain(..).map(|live| live.sample));
        self.conflated = Some(newest);
    }

    /// What has gathered, as frames that bring a client from the group's position to `after`; none when nothing has.
    pub fn take(&mut self, after: Position, server_time: i64, signals: &Signals) -> Vec<Frame> {
        let step = Step { before: std::mem::replace(&mut self.position, after), after, server_time };
        if !self.is_pending() {
            return Vec::new();
        }
        let mut instants = self.pending.chunk_by(|a, b| a.instant == b.instant);
        if instants.nth(self.dialect().max_instants()).is_some() {
            self.conflate();
        }
        let (known, dialect) = (known(signals), self.dialect());
        let named = std::mem::replace(&mut self.named, known)..known;
        let mut frames =
            if named.is_empty() { Vec::new() } else { dialect.names(&step, signals, named, &self.wanted) };
        let mut samples = std::mem::take(&mut self.pending);
        if let Some(newest) = self.conflated.take() {
            samples = newest.live_samples();
            frames.extend(dialect.conflated(&step, &newest, signals));
        } else {
            frames.extend(dialect.samples(&step, &mut samples, signals));
        }
        if let Some((_, missed)) = &mut self.missed {
            missed.add(samples.iter().map(|live| live.sample));
        }
        self.sent = (step.before, samples);
        frames
    }

    /// Commits up to `position` have been lost on their way here. The next frame says that it carries on from there, so that
    /// clients notice the hole and resume.
    pub fn skip_to(&mut self, position: Position) {
        self.position = position;
    }

    /// A client has not got the step that was taken last: from there on, what it misses is kept.
    pub fn fall_behind(&mut self) {
        let (before, samples) = &self.sent;
        if self.missed.is_none() {
            let mut missed = Newest::default();
            missed.add(samples.iter().map(|live| live.sample));
            self.missed = Some((*before, missed));
        }
    }

    /// What brings everyone who is behind to the group's position: the newest values, marked as conflated.
    pub fn catch_up(&self, server_time: i64, signals: &Signals) -> Vec<Frame> {
        let Some((before, missed)) = &self.missed else { return Vec::new() };
        let step = Step { before: *before, after: self.position, server_time };
        self.dialect().conflated(&step, missed, signals)
    }

    /// No client is behind any more.
    pub fn all_caught_up(&mut self) {
        self.missed = None;
    }

    /// The step that brings a client from `before` to where the group is.
    pub fn step_from(&self, before: Position, server_time: i64) -> Step {
        Step { before, after: self.position, server_time }
    }

    /// Writes again what one of its clients missed.
    pub fn replay<'a>(&'a self, signals: &'a Signals) -> Replay<'a> {
        Replay { protocol: self.key.protocol, wanted: &self.wanted, signals }
    }

    /// Says that nothing was committed up to `after`; none where the protocol has no heartbeat.
    pub fn heartbeat(&mut self, after: Position, server_time: i64) -> Option<Frame> {
        let step = Step { before: std::mem::replace(&mut self.position, after), after, server_time };
        self.dialect().heartbeat(&step)
    }

    /// Says that documents have changed; none where the protocol cannot say so.
    pub fn changed(&self, server_time: i64, revision: &Revision) -> Option<Frame> {
        let revision = serde_json::to_string(revision).ok()?;
        self.dialect().changed(&Step::at(self.position, server_time), &revision)
    }

    fn dialect(&self) -> &'static dyn Dialect {
        self.key.protocol.dialect()
    }
}
