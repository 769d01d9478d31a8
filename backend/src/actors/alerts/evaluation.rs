//! What the thread that evaluates does, turn by turn.

mod parts;
mod rules;
mod start;
mod watch;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use afterglow_rules::{Engine, Sample, Transition};
use afterglow_wire::Timestamp;
use afterglow_wire::alert::Episode;
use afterglow_wire::rule::Rule;
use tokio::sync::broadcast;

use super::{Input, Parts, past};
use crate::alerts::ledger::{Entries, Ledger};
use crate::batch::{Sample as StoredSample, SignalId};
use crate::clock::Stopwatch;
use crate::committed::Committed;
use crate::documents::Kind;
use crate::metrics::Metrics;
use crate::store::alerts::{Cursor, Fold, Replayed, StateRow};
use crate::store::{Sequences, StoreError};
use parts::{Rest, append, exact, sort_into_parts};
use watch::Refusal;

/// Rows of the journal that are read at once.
const JOURNAL_ROWS: u32 = 256;

/// Episodes that have ended, and are written in one transaction.
const EPISODES_AT_ONCE: usize = 1_000;

/// How often the cursor moves when nothing else changes.
const CURSOR_PAUSE: Duration = Duration::from_secs(1);

/// Signals of which is learned in one turn what is usual in the hour that comes.
const AHEAD: usize = 8;

/// How often old episodes are removed.
const EXPIRE_PAUSE: Duration = Duration::from_secs(3_600);

/// Episodes are kept for a year after their end.
const KEEP_MICROS: i64 = 365 * 86_400 * 1_000_000;

/// Rules, their states, and how far the journal is evaluated.
pub(super) struct Evaluation {
    parts: Parts,
    engine: Engine,
    ledger: Ledger,
    /// The rules as the engine has them.
    rules: BTreeMap<String, (Rule, Timestamp)>,
    /// Signals that the engine knows: those numbered below.
    learned: u32,
    /// Up to where everything is evaluated; `None` before the first rule.
    cursor: Option<Cursor>,
    /// What is evaluated and not written yet.
    unwritten: Fold,
    changes: Vec<Transition>,
    written: Stopwatch,
    ticked: Stopwatch,
    /// Since old episodes were removed.
    expired: Stopwatch,
    /// When the clock was looked at last, and what it said.
    seen: (Stopwatch, i64),
    /// When this process began to evaluate.
    begun: i64,
    /// Up to when time has passed for the rules.
    passed: i64,
    /// Whether silence counts since then.
    hears: bool,
    /// Whether samples are refused.
    refuses: bool,
    /// Since when they are or were last, in microseconds.
    deaf_since: i64,
    /// Until when the process before heard of samples, if that was noted.
    heard: Option<Timestamp>,
    /// Since when they are, and whether somebody was notified.
    refusal: Option<Refusal>,
    /// The commit after which changed rules are to be taken that could not be read.
    unread: Option<u64>,
    /// Episodes of which somebody has set or taken back an acknowledgement that was not read yet.
    acknowledged: BTreeSet<String>,
    /// Whether what was stored is read.
    is_ready: bool,
    /// Live clients.
    news: broadcast::Sender<Arc<Episode>>,
}

impl Evaluation {
    pub(super) fn new(parts: Parts, news: broadcast::Sender<Arc<Episode>>) -> Self {
        let now = parts.clock.now().micros();
        Self {
            parts,
            engine: Engine::default(),
            ledger: Ledger::default(),
            rules: BTreeMap::new(),
            learned: 0,
            cursor: None,
            unwritten: Fold::default(),
            changes: Vec::new(),
            written: Stopwatch::start(),
            ticked: Stopwatch::start(),
            expired: Stopwatch::start(),
            seen: (Stopwatch::start(), now),
            begun: now,
            passed: now,
            hears: false,
            refuses: false,
            deaf_since: now,
            heard: None,
            refusal: None,
            unread: None,
            acknowledged: BTreeSet::new(),
            is_ready: false,
            news,
        }
    }

    /// How long nothing is to be done, if nothing comes.
    pub(super) fn wait(&self) -> Duration {
        let now = self.parts.clock.now().micros();
        let left = self.engine.deadline().map(|deadline| deadline.saturating_sub(now));
        left.map_or(Duration::MAX, |left| Duration::from_micros(u64::try_from(left).unwrap_or_default()))
    }

    /// Evaluates `inputs` and what is due, and writes what follows; whether there is any rule.
    pub(super) fn turn(&mut self, inputs: Vec<Input>) -> bool {
        if !self.is_ready
            && let Err(error) = self.begin()
        {
            // Tried again with the next turn; the journal has what is missed.
            log::error!("alerts wait for the database: {error}");
            return true;
        }
        self.watch_clock();
        if let Some(sequence) = self.unread.take() {
            self.reload(sequence);
        }
        // What is sent again while nothing can be written would only grow.
        let is_written = self.unwritten.is_quiet();
        let is_idle = inputs.is_empty();
        for input in inputs {
            match input {
                Input::Commit(commit) => self.commit(&commit),
                Input::Changed(sequence) => self.reload(sequence),
                Input::Seen(episode) => {
                    self.acknowledged.insert(episode);
                }
            }
        }
        if is_idle && !self.has_nothing_to_do() {
            // What there was no room for, when nothing came after it.
            self.catch_up();
        }
        let now = self.parts.clock.now();
        self.engine.advance_to(now.micros(), &mut self.changes);
        self.passed = now.micros();
        self.follow(now);
        if is_written && self.ticked.elapsed() >= Duration::from_millis(500) {
            self.ledger.tick(&self.engine, now);
            self.ticked = Stopwatch::start();
        }
        self.write();
        self.acknowledge();
        self.engine.look_ahead(now.micros(), &mut past::Stored(&self.parts.store), AHEAD);
        if self.expired.elapsed() >= EXPIRE_PAUSE {
            self.expired = Stopwatch::start();
            let before = Timestamp::from_micros(now.micros().saturating_sub(KEEP_MICROS));
            if let Err(error) = self.parts.store.expire_episodes(before) {
                log::warn!("old alerts stay a while longer: {error}");
            }
        }
        self.parts.metrics.alerts.counts(self.engine.counts());
        self.parts.metrics.alerts.turn(self.refuses);
        !self.has_nothing_to_do() || !self.unwritten.is_quiet() || self.unread.is_some()
    }

    /// Takes acknowledgements as they are stored once everything is written: what has become worse has removed those of before, wherever they were set.
    fn acknowledge(&mut self) {
        if self.acknowledged.is_empty() || !self.unwritten.is_quiet() {
            return;
        }
        let now = self.parts.clock.now();
        while let Some(episode) = self.acknowledged.pop_first() {
            match self.parts.store.acknowledgement(&episode) {
                Ok(ack) => self.ledger.acknowledge(&episode, ack, now),
                Err(error) => {
                    log::error!("an acknowledgement counts in a moment: {error}");
                    self.acknowledged.insert(episode);
                    break;
                }
            }
        }
        self.write();
    }

    fn has_nothing_to_do(&self) -> bool {
        self.rules.is_empty() && self.ledger.is_empty()
    }

    /// Writes what is left.
    pub(super) fn finish(&mut self) {
        self.written = Stopwatch::start();
        self.gather();
        self.note_position();
        if let Err(error) = self.write_all() {
            log::warn!("what was evaluated last is evaluated again at the next start: {error}");
        }
    }

    fn commit(&mut self, commit: &Committed) {
        let Sequences { before, last, at } = commit.sequences;
        let Some(cursor) = self.cursor else { return };
        if last <= cursor.sequence {
            return;
        }
        if before != cursor.sequence {
            self.catch_up_to(last);
            if self.cursor.is_some_and(|cursor| cursor.sequence >= last) {
                return;
            }
        }
        self.step(at, commit.batches.iter().flat_map(|batch| batch.samples().iter().copied()));
        self.cursor = Some(Cursor { sequence: last, at });
        self.make_room();
    }

    /// Writes alerts that have ended before there are more than are kept: a week that arrives at once has many in each of its commits.
    fn make_room(&mut self) {
        // What cannot be written would only grow.
        if self.ledger.is_crowded() && self.unwritten.is_quiet() {
            self.write();
        }
    }

    fn step(&mut self, at: Timestamp, samples: impl Iterator<Item = StoredSample> + Clone) {
        self.learn_signals();
        self.hear(at.micros());
        let samples = samples.map(|sample| Sample {
            signal: sample.signal.0,
            at: sample.timestamp.micros(),
            value: sample.value,
        });
        let mut past = past::Stored(&self.parts.store);
        let (ledger, metrics) = (&mut self.ledger, &self.parts.metrics);
        let mut full = |changes: &mut Vec<Transition>| follow(ledger, metrics, changes, at);
        self.engine.step_in_parts(at.micros(), samples, &mut past, &mut self.changes, &mut full);
        self.follow(at);
    }

    /// Signals that are new since it was last asked.
    fn learn_signals(&mut self) {
        let signals = self.parts.store.signals();
        let known = u32::try_from(signals.len()).unwrap_or(u32::MAX);
        while self.learned < known {
            let Some(name) = signals.name(SignalId(self.learned)) else { return };
            let expected = self.ledger.expected_period(&name);
            self.engine.learn(self.learned, &name, expected);
            self.learned += 1;
        }
    }

    /// Evaluates what the journal has and no event of a commit brought.
    fn catch_up(&mut self) {
        self.catch_up_to(u64::MAX);
    }

    /// As [`Evaluation::catch_up`], up to the commit that has or contains the number `last`.
    fn catch_up_to(&mut self, last: u64) {
        while let Some(cursor) = self.cursor.filter(|cursor| cursor.sequence < last) {
            match self.parts.store.replay(cursor.sequence, JOURNAL_ROWS) {
                Ok(Replayed::Commits(commits)) => {
                    for commit in commits {
                        if self.cursor.is_some_and(|cursor| cursor.sequence >= last) {
                            break;
                        }
                        self.step(commit.at, commit.samples.iter().copied());
                        self.cursor = Some(Cursor { sequence: commit.last, at: commit.at });
                        self.make_room();
                    }
                    // Not all of it in memory at once.
                    self.write();
                }
                Ok(Replayed::Nothing) => return,
                Ok(Replayed::Deleted(sequence)) => self.cursor = Some(Cursor { sequence, ..cursor }),
                Ok(Replayed::Sealed) => {
                    let sequence = self.parts.store.sequence();
                    let now = self.parts.clock.now();
                    log::warn!(
                        "alerts are behind the journal; samples since {} are read from the blocks",
                        cursor.at
                    );
                    match past::sealed(
                        &self.parts.store,
                        &self.engine,
                        self.learned,
                        cursor.at.micros(),
                        now.micros(),
                    ) {
                        Ok(samples) => {
                            self.hear(now.micros());
                            // Each at its own time: when they came is not known any more.
                            let mut stored = past::Stored(&self.parts.store);
                            for instant in samples.chunk_by(|a, b| a.at == b.at) {
                                let samples = instant.iter().copied();
                                self.engine.step_with(instant[0].at, samples, &mut stored, &mut self.changes);
                            }
                            self.follow(now);
                            self.cursor = Some(Cursor { sequence, at: now });
                        }
                        Err(error) => {
                            log::error!("alerts wait for the database: {error}");
                            return;
                        }
                    }
                }
                Err(error) => {
                    log::error!("alerts wait for the database: {error}");
                    return;
                }
            }
        }
    }

    /// Lets the ledger follow what the engine found.
    fn follow(&mut self, now: Timestamp) {
        // Of a storm nothing is kept when it is over.
        let mut changes = std::mem::take(&mut self.changes);
        follow(&mut self.ledger, &self.parts.metrics, &mut changes, now);
        self.ledger.settle(now);
    }

    /// Adds what is new to what is to be written.
    fn gather(&mut self) {
        let changed = self.engine.take_changed();
        if !self.unwritten.states.is_empty() {
            let again: HashSet<(&str, &str)> =
                changed.iter().map(|changed| (&*changed.rule, &*changed.scope)).collect();
            self.unwritten.states.retain(|row| !again.contains(&(&*row.rule, &*row.scope)));
        }
        self.unwritten.states.extend(changed.into_iter().map(|changed| StateRow {
            rule: changed.rule.to_string(),
            scope: changed.scope.to_string(),
            document: changed.state.and_then(|state| serde_json::to_string(&state).ok()).map(exact),
        }));
        let Entries { episodes, worse, notices } = self.ledger.take();
        self.unwritten.episodes.extend(episodes);
        self.unwritten.worse.extend(worse);
        // Those of a storm are not copied.
        append(&mut self.unwritten.notices, notices);
    }

    fn write(&mut self) {
        self.gather();
        let moved = self.cursor.is_some() && self.written.elapsed() >= CURSOR_PAUSE && !self.rules.is_empty();
        if self.unwritten.is_quiet() && !moved {
            return;
        }
        self.note_position();
        self.parts.notifier.leave_out_sent(&mut self.unwritten.notices);
        match self.write_all() {
            Ok(()) => {}
            Err(error @ StoreError::DiskFull(_)) => {
                log::error!(
                    "what follows from samples waits for room, and people are notified from memory: {error}"
                );
                self.parts.notifier.send_from_memory(&self.unwritten.notices);
            }
            Err(error) => {
                log::error!(
                    "what follows from samples waits for the database, and nobody is notified: {error}"
                );
            }
        }
    }

    /// How far everything is evaluated, and until when samples could come.
    fn note_position(&mut self) {
        self.unwritten.cursor = self.cursor;
        self.unwritten.heard = (!self.refuses && self.cursor.is_some()).then(|| self.parts.clock.now());
    }

    /// Writes all that is unwritten: what one alert is about always in one transaction, the cursor with the last.
    fn write_all(&mut self) -> Result<(), StoreError> {
        let channels: HashSet<String> =
            self.unwritten.notices.iter().map(|notice| notice.channel.clone()).collect();
        let is_quiet = self.unwritten.is_quiet();
        self.write_history()?;
        let counts = sort_into_parts(&mut self.unwritten);
        let mut rest = Rest::of(std::mem::take(&mut self.unwritten));
        for (episodes, notices) in counts {
            let part = rest.take(episodes, notices);
            if let Err(error) = self.parts.store.fold(&part) {
                self.unwritten = rest.behind(part);
                return Err(error);
            }
            self.announce(part.episodes);
        }
        self.written = Stopwatch::start();
        if !is_quiet {
            self.parts.documents.touch(Kind::Alerts);
        }
        self.parts.notifier.forget_memory();
        self.parts.notifier.wake(channels.iter().map(String::as_str));
        Ok(())
    }

    /// Writes episodes that have ended and that nobody was notified of, a few at a time: a week that arrives at once has many. A replay finds the same
    /// ones again, so they need not be in one transaction with anything else.
    fn write_history(&mut self) -> Result<(), StoreError> {
        if self.unwritten.episodes.len() <= EPISODES_AT_ONCE {
            return Ok(());
        }
        let is_history =
            |episode: &Arc<Episode>| episode.resolved_at.is_some() && episode.notified.is_empty();
        let (mut ended, others): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.unwritten.episodes).into_iter().partition(is_history);
        self.unwritten.episodes = others.into();
        while !ended.is_empty() {
            let episodes = ended.drain(..ended.len().min(EPISODES_AT_ONCE)).collect();
            let part = Fold { episodes, ..Fold::default() };
            if let Err(error) = self.parts.store.fold(&part) {
                self.unwritten.episodes.splice(0..0, part.episodes.into_iter().chain(ended));
                return Err(error);
            }
            self.announce(part.episodes);
        }
        Ok(())
    }

    /// Lets live clients hear of episodes that are on the disk.
    fn announce(&self, episodes: Vec<Arc<Episode>>) {
        if self.news.receiver_count() > 0 {
            for episode in episodes {
                // Without a receiver by now nobody misses it.
                let _ = self.news.send(episode);
            }
        }
    }
}

/// Lets the ledger follow `changes`, which is empty then.
fn follow(ledger: &mut Ledger, metrics: &Metrics, changes: &mut Vec<Transition>, now: Timestamp) {
    for transition in changes.drain(..) {
        metrics.alerts.transition(&transition);
        ledger.apply(&transition, now);
    }
}
