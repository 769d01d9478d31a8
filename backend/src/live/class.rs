//! A class: the clients that speak one protocol and want the same signals. What it has not sent yet gathers here.

use afterglow_wire::revision::Revision;
use afterglow_wire::v1::{Flags, Position};

use super::columns::{Step, changed};
use super::newest::Newest;
use super::{Frame, Passing, Protocol, text};
use crate::batch::{Batch, Sample};
use crate::signals::{Signals, Wanted};

/// Most samples of one step. What is more (somebody loads history) is conflated: watching a million old values pass
/// by helps nobody, and every client's queue would have to hold them.
const STEP_SAMPLES: usize = 50_000;

/// Most events of one step, for the same reason.
const STEP_EVENTS: usize = 1_000;

/// What makes clients a class.
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

/// See the file's first line.
#[derive(Debug)]
pub struct Class {
    /// What its clients have in common.
    pub key: Key,
    /// The names of the signals that they want.
    pub wanted: Wanted,
    position: Position,
    pending: Vec<Passing>,
    /// Set once too much was pending.
    conflated: Option<Newest>,
    /// What the last step brought, and from where on, for those who did not get it.
    sent: (Position, Vec<Passing>),
    /// The first so many signals of the dictionary have been named to all clients.
    named: u32,
    /// What those clients miss who are behind, and since when at the longest.
    missed: Option<(Position, Newest)>,
}

impl Class {
    /// A class whose clients have everything up to `position`, and the names of all `signals`.
    pub fn new(key: Key, position: Position, signals: &Signals) -> Self {
        let named = known(signals);
        Self {
            wanted: Wanted::new(&key.patterns),
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
    pub fn add(&mut self, passing: Passing) {
        if let Some(newest) = &mut self.conflated {
            return newest.add([passing.sample]);
        }
        self.pending.push(passing);
        if self.pending.len() > STEP_SAMPLES {
            self.conflate();
        }
    }

    fn conflate(&mut self) {
        let mut newest = Newest::default();
        newest.add(self.pending.drain(..).map(|passing| passing.sample));
        self.conflated = Some(newest);
    }

    /// What has gathered, as frames that bring a client from the class's position to `after`; none when nothing has.
    pub fn take(&mut self, after: Position, server_time: i64, signals: &Signals) -> Vec<Frame> {
        let step = Step { before: std::mem::replace(&mut self.position, after), after, server_time };
        if !self.is_pending() {
            return Vec::new();
        }
        let too_many = self.pending.chunk_by(|a, b| a.object == b.object).nth(STEP_EVENTS).is_some();
        if self.key.protocol != Protocol::V1 && too_many {
            self.conflate();
        }
        let mut frames = self.new_names(&step, signals);
        let mut samples = std::mem::take(&mut self.pending);
        if let Some(newest) = self.conflated.take() {
            samples = newest.passing();
            frames.extend(self.conflated_frames(&step, &newest, signals));
        } else {
            frames.extend(self.key.protocol.encode(&step, &mut samples, signals));
        }
        if let Some((_, missed)) = &mut self.missed {
            missed.add(samples.iter().map(|passing| passing.sample));
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
            missed.add(samples.iter().map(|passing| passing.sample));
            self.missed = Some((*before, missed));
        }
    }

    /// What brings everyone who is behind to the class's position: the newest values, told to be conflated.
    pub fn catch_up(&self, server_time: i64, signals: &Signals) -> Vec<Frame> {
        let Some((before, missed)) = &self.missed else { return Vec::new() };
        let step = Step { before: *before, after: self.position, server_time };
        self.conflated_frames(&step, missed, signals)
    }

    /// Nobody is behind any more.
    pub fn all_caught_up(&mut self) {
        self.missed = None;
    }

    /// What a client needs that has everything up to `before` and the first `named` names: the names and the `missed`
    /// commits; of these only the newest values where not all of them are there.
    pub fn replay<'a>(
        &self,
        before: Position,
        named: u32,
        missed: impl Iterator<Item = &'a Batch>,
        is_whole: bool,
        server_time: i64,
        signals: &Signals,
    ) -> Vec<Frame> {
        let step = Step { before, after: self.position, server_time };
        let mut frames = match self.key.protocol {
            Protocol::V1 => step.names(signals, named, known(signals), |name| self.wanted.has(name)),
            Protocol::Events | Protocol::EventStream => Vec::new(),
        };
        let mut samples = wanted(missed, |sample| {
            self.wanted.is_everything()
                || signals.name(sample.signal).is_some_and(|name| self.wanted.has(&name))
        });
        if is_whole {
            frames.extend(self.key.protocol.encode(&step, &mut samples, signals));
        } else {
            let mut newest = Newest::default();
            newest.add(samples.iter().map(|passing| passing.sample));
            frames.extend(self.conflated_frames(&step, &newest, signals));
        }
        frames
    }

    /// Says that nothing has come up to `after`; nothing where a protocol has no word for it.
    pub fn heartbeat(&mut self, after: Position, server_time: i64) -> Option<Frame> {
        let step = Step { before: std::mem::replace(&mut self.position, after), after, server_time };
        match self.key.protocol {
            Protocol::V1 => Some(step.heartbeat()),
            Protocol::EventStream => Some(Frame::Text(format!("id: {}\n\n", text::event_id(after)).into())),
            Protocol::Events => None,
        }
    }

    /// Says that saved things have changed; nothing where a protocol has no word for it.
    pub fn changed(&self, server_time: i64, revision: &Revision) -> Option<Frame> {
        let text = serde_json::to_string(revision).ok()?;
        match self.key.protocol {
            Protocol::V1 => Some(changed(self.position, server_time, &text)),
            Protocol::EventStream => Some(Frame::Text(format!("event: changed\ndata: {text}\n\n").into())),
            Protocol::Events => None,
        }
    }

    fn new_names(&mut self, step: &Step, signals: &Signals) -> Vec<Frame> {
        let known = known(signals);
        let from = std::mem::replace(&mut self.named, known);
        if self.key.protocol != Protocol::V1 || from >= known {
            return Vec::new();
        }
        step.names(signals, from, known, |name| self.wanted.has(name))
    }

    fn conflated_frames(&self, step: &Step, newest: &Newest, signals: &Signals) -> Vec<Frame> {
        match self.key.protocol {
            Protocol::V1 => step.samples(&mut newest.passing(), Flags::CONFLATED),
            protocol @ (Protocol::Events | Protocol::EventStream) => {
                let samples = newest.samples();
                let instants = samples.chunk_by(|a, b| a.timestamp == b.timestamp);
                let updates = instants.map(|instant| text::update(instant, signals, true, protocol));
                protocol.end(step, updates.map(Frame::Text).collect())
            }
        }
    }
}

impl Protocol {
    /// Samples in the order of their commit as frames.
    fn encode(self, step: &Step, samples: &mut [Passing], signals: &Signals) -> Vec<Frame> {
        if self == Self::V1 {
            return step.samples(samples, Flags::NONE);
        }
        let mut instant = Vec::new();
        let updates = samples.chunk_by(|a, b| a.object == b.object).map(|object| {
            instant.clear();
            instant.extend(object.iter().map(|passing| passing.sample));
            Frame::Text(text::update(&instant, signals, false, self))
        });
        let frames = updates.collect();
        self.end(step, frames)
    }

    /// Lets the last event of a step tell the position.
    fn end(self, step: &Step, mut frames: Vec<Frame>) -> Vec<Frame> {
        if self == Self::EventStream
            && let Some(Frame::Text(last)) = frames.last_mut()
        {
            *last = format!("id: {}\n{last}", text::event_id(step.after)).into();
        }
        frames
    }
}

/// How many signals there are.
pub(super) fn known(signals: &Signals) -> u32 {
    u32::try_from(signals.len()).unwrap_or(u32::MAX)
}

/// The samples that `wants` accepts, all taken for late ones.
pub(super) fn wanted<'a>(
    batches: impl Iterator<Item = &'a Batch>,
    wants: impl Fn(&Sample) -> bool,
) -> Vec<Passing> {
    let instants = batches.flat_map(Batch::instants).zip(0..);
    let samples = instants.flat_map(|(instant, object)| instant.iter().map(move |sample| (*sample, object)));
    samples
        .filter(|(sample, _)| wants(sample))
        .map(|(sample, object)| Passing { sample, object, late: true })
        .collect()
}
