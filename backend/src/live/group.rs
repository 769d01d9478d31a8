//! A group: the clients that speak one protocol and want the same signals. What it has not sent yet gathers here.

use afterglow_wire::revision::Revision;
use afterglow_wire::v1::Position;

use super::newest::{Newest, Room};
use super::{Dialect, Frame, LiveSample, Protocol, Step};
use crate::batch::SignalId;
use crate::signals::Signals;

/// The clients that speak one protocol and want the same signals, and what has not been sent to them yet.
#[derive(Clone, Debug)]
pub struct Group {
    /// How its clients are written to.
    pub protocol: Protocol,
    position: Position,
    /// Up to where its clients have everything while something is kept from them; beyond it they get only a part.
    held: Option<Position>,
    pending: Vec<LiveSample>,
    /// Set once too much was pending.
    conflated: Option<Newest>,
    /// What the last step brought, and from where on, for those who did not get it.
    sent: (Position, Vec<LiveSample>),
    /// Signals that its clients want and have not been given the names of.
    unnamed: Vec<SignalId>,
    /// Whether the last frames said that commits are missing.
    has_skipped: bool,
    /// What those clients miss who are behind.
    missed: Option<Missed>,
    /// For newest values.
    room: Room,
}

/// What clients miss who are behind.
#[derive(Clone, Debug)]
struct Missed {
    /// Since when at the longest.
    since: Position,
    newest: Newest,
    /// Whether commits are missing that nobody has been sent.
    has_gap: bool,
}

impl Group {
    /// Most samples of one step. What is more (a client imports history) is conflated: a million old values are of no use
    /// on a live chart, and every client's queue would have to hold them.
    pub const STEP_SAMPLES: usize = 50_000;

    /// A group whose clients have everything up to `position`, and the names of all signals that they want.
    pub(super) fn new(protocol: Protocol, position: Position, room: &Room) -> Self {
        Self {
            protocol,
            position,
            held: None,
            pending: Vec::new(),
            conflated: None,
            sent: (position, Vec::new()),
            unnamed: Vec::new(),
            has_skipped: false,
            missed: None,
            room: room.clone(),
        }
    }

    /// Its clients want a signal that is new.
    pub fn appeared(&mut self, signal: SignalId) {
        self.unnamed.push(signal);
    }

    /// Something that came after `position` is kept from its clients: they do not get beyond it, whatever else they are sent.
    pub fn hold(&mut self, position: Position) {
        self.held.get_or_insert(position);
    }

    /// What was kept has been added.
    pub fn go_on(&mut self) {
        self.held = None;
    }

    /// Whether something is kept from its clients.
    pub fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Whether something waits to be sent.
    pub fn is_pending(&self) -> bool {
        !self.pending.is_empty() || self.conflated.is_some()
    }

    /// Adds a sample that its clients want; beyond `most` samples only the newest of each signal are kept.
    pub fn add(&mut self, live: LiveSample, most: usize) {
        if let Some(newest) = &mut self.conflated {
            return newest.add([live.sample]);
        }
        self.pending.push(live);
        if self.pending.len() > most {
            self.conflate();
        }
    }

    fn conflate(&mut self) {
        let mut newest = Newest::new(&self.room);
        newest.add(self.pending.drain(..).map(|live| live.sample));
        self.conflated = Some(newest);
    }

    /// What has gathered, as frames that bring a client from the group's position to `after`, or as far as it is held; none when
    /// nothing has.
    pub fn take(&mut self, after: Position, server_time: i64, signals: &Signals) -> Vec<Frame> {
        if !self.is_pending() {
            return Vec::new();
        }
        let step = self.advance(after, server_time);
        let mut instants = self.pending.chunk_by(|a, b| a.instant == b.instant);
        if instants.nth(self.dialect().max_instants()).is_some() {
            self.conflate();
        }
        self.has_skipped = false;
        let dialect = self.dialect();
        let unnamed = std::mem::take(&mut self.unnamed);
        let mut frames = dialect.names(&step, signals, &mut unnamed.into_iter());
        let mut samples = std::mem::take(&mut self.pending);
        if let Some(newest) = self.conflated.take() {
            samples = newest.live_samples();
            frames.extend(dialect.conflated(&step, &newest, signals));
        } else {
            frames.extend(dialect.samples(&step, &mut samples, signals));
        }
        if let Some(missed) = &mut self.missed {
            missed.newest.add(samples.iter().map(|live| live.sample));
        }
        self.sent = (step.before, samples);
        frames
    }

    /// Commits up to `position` have been lost on their way here. Clients that know positions notice with the next frame, which
    /// carries on from there, and resume; the others get the frame that this returns. What was kept from its clients is lost, too.
    pub fn skip_to(&mut self, position: Position, server_time: i64) -> Option<Frame> {
        let step =
            Step { before: std::mem::replace(&mut self.position, position), after: position, server_time };
        self.sent = (position, Vec::new());
        self.held = None;
        self.has_skipped = true;
        if let Some(missed) = &mut self.missed {
            missed.has_gap = true;
        }
        self.dialect().gap(&step)
    }

    /// A client has not got what was taken last: from there on, what it misses is kept.
    pub fn fall_behind(&mut self) {
        if self.missed.is_none() {
            let (since, samples) = &self.sent;
            let mut newest = Newest::new(&self.room);
            newest.add(samples.iter().map(|live| live.sample));
            self.missed = Some(Missed { since: *since, newest, has_gap: self.has_skipped });
        }
    }

    /// Everyone has been offered what was taken last.
    pub fn offered(&mut self) {
        self.sent = (self.position, Vec::new());
    }

    /// What brings everyone who is behind to the group's position: the newest values, marked as conflated.
    pub fn catch_up(&self, server_time: i64, signals: &Signals) -> Vec<Frame> {
        let Some(missed) = &self.missed else { return Vec::new() };
        let step = Step { before: missed.since, after: self.position, server_time };
        let gap = if missed.has_gap { self.dialect().gap(&step) } else { None };
        gap.into_iter().chain(self.dialect().conflated(&step, &missed.newest, signals)).collect()
    }

    /// No client is behind any more.
    pub fn all_caught_up(&mut self) {
        self.missed = None;
    }

    /// Says that nothing else was committed up to `after`, or as far as it is held; none where the protocol has no heartbeat.
    pub fn heartbeat(&mut self, after: Position, server_time: i64) -> Option<Frame> {
        let step = self.advance(after, server_time);
        self.dialect().heartbeat(&step)
    }

    /// Says that documents have changed; none where the protocol cannot say so.
    pub fn changed(&self, server_time: i64, revision: &Revision) -> Option<Frame> {
        let revision = serde_json::to_string(revision).ok()?;
        self.dialect().changed(&Step::at(self.position, server_time), &revision)
    }

    fn advance(&mut self, after: Position, server_time: i64) -> Step {
        let after = self.held.unwrap_or(after);
        Step { before: std::mem::replace(&mut self.position, after), after, server_time }
    }

    fn dialect(&self) -> &'static dyn Dialect {
        self.protocol.dialect()
    }
}
