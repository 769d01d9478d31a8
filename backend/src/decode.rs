//! From the bytes of a protocol to samples, and a verdict on everything else.
//!
//! Pure: no I/O, no clock. Each format is a file that parses and gives its samples to a [`Collector`], which judges the
//! samples of all formats by the same rules. A further format costs its parser, and a reply where it has one of its own.

pub mod json;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use afterglow_wire::limits::{AHEAD_MICROS, REJECTIONS_LISTED};
use afterglow_wire::telemetry::Rejection;
use afterglow_wire::{Code, Timestamp, name};

use crate::batch::{Batch, Sample, SignalId};
use crate::signals::Signals;

/// What was read.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The usable samples.
    pub batch: Batch,
    /// How many samples, or whole objects, were refused.
    pub rejected_count: usize,
    /// The first [`REJECTIONS_LISTED`] refusals, with their reasons.
    pub rejected: Vec<Rejection>,
}

/// Why a sample, or a whole object, cannot be used.
pub type Verdict = (Code, String);

/// Judges samples and collects the usable ones: the name is one, the value is finite, the timestamp is not more than five
/// minutes ahead, and the dictionary has room for a new name.
#[derive(Debug)]
pub struct Collector {
    signals: Signals,
    now: Timestamp,
    /// Samples, rejected ones included, that may be read.
    most: usize,
    out: Decoded,
    /// The signals of the object before, by their place in it. Senders repeat themselves: comparing one name is
    /// several times cheaper than looking it up among all.
    previous: Vec<(String, SignalId)>,
}

/// How far a collector was, so that what came after can be dropped.
#[derive(Clone, Copy, Debug)]
struct Mark {
    samples: usize,
    names: usize,
}

impl Collector {
    /// For samples that arrive at `now`.
    pub fn new(signals: Signals, now: Timestamp) -> Self {
        Self { signals, now, most: usize::MAX, out: Decoded::default(), previous: Vec::new() }
    }

    /// Reads at most so many samples, the rejected ones included.
    pub fn at_most(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// Whether there were more samples than it may read; the others were dropped.
    fn is_over(&self) -> bool {
        self.read() > self.most
    }

    fn read(&self) -> usize {
        self.out.batch.len() + self.out.rejected_count
    }

    /// When the samples arrive: the time of those that bring none.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// How many samples have been collected.
    pub fn len(&self) -> usize {
        self.out.batch.len()
    }

    /// Whether no sample has been collected.
    pub fn is_empty(&self) -> bool {
        self.out.batch.is_empty()
    }

    /// Judges and adds one sample. `place` is its place in its object or line, by which senders repeat themselves.
    ///
    /// # Errors
    /// Why it cannot be used; the caller adds where it stood and gives it to [`reject`](Self::reject), or shows it.
    pub fn sample(
        &mut self,
        place: usize,
        name: &str,
        timestamp: Timestamp,
        value: f64,
    ) -> Result<(), Verdict> {
        self.judge(timestamp)?;
        if !value.is_finite() {
            return Err(not_finite(&value.to_string()));
        }
        self.add(place, name, timestamp, value)
    }

    /// As [`sample`](Self::sample), for a finite value; the timestamp is judged by the caller.
    fn add(&mut self, place: usize, name: &str, timestamp: Timestamp, value: f64) -> Result<(), Verdict> {
        if self.is_over() {
            return Ok(());
        }
        let signal = self.signal(name, place)?;
        self.out.batch.push(Sample { signal, timestamp, value });
        Ok(())
    }

    /// Whether a timestamp can be used.
    ///
    /// # Errors
    /// When it lies too far ahead.
    pub fn judge(&self, timestamp: Timestamp) -> Result<(), Verdict> {
        if timestamp.micros() <= self.now.micros().saturating_add(AHEAD_MICROS) {
            return Ok(());
        }
        let message = format!("{timestamp} is more than 5 minutes ahead of the server's {}", self.now);
        Err((Code::TimestampAhead, message))
    }

    /// Notes that the sample of `signal` in the object `index`, or the whole object, cannot be used.
    pub fn reject(&mut self, index: usize, signal: Option<&str>, (code, message): Verdict) {
        if self.is_over() {
            return;
        }
        self.out.rejected_count += 1;
        if self.out.rejected.len() < REJECTIONS_LISTED {
            self.out.rejected.push(Rejection::new(index, signal.map(shown), code, message));
        }
    }

    /// What has been collected; the next samples begin a new batch.
    pub fn take(&mut self) -> Decoded {
        // Places of names in the batch mean nothing in another.
        self.previous.clear();
        std::mem::take(&mut self.out)
    }

    /// The first refusals since they were last taken, and how many there were.
    pub fn take_rejected(&mut self) -> (Vec<Rejection>, usize) {
        (std::mem::take(&mut self.out.rejected), std::mem::take(&mut self.out.rejected_count))
    }

    /// How far it is.
    fn mark(&self) -> Mark {
        Mark { samples: self.out.batch.len(), names: self.out.batch.new_names() }
    }

    /// Drops the samples since `mark`, and the names that came with them.
    fn drop_since(&mut self, mark: Mark) {
        if self.out.batch.new_names() > mark.names {
            self.previous.clear();
        }
        self.out.batch.truncate(mark.samples, mark.names);
    }

    /// Gives `timestamp` to the samples since `mark`.
    fn stamp_since(&mut self, mark: Mark, timestamp: Timestamp) {
        self.out.batch.stamp_from(mark.samples, timestamp);
    }

    /// The number of the signal called `name`, which stands at `place` in its object.
    fn signal(&mut self, name: &str, place: usize) -> Result<SignalId, Verdict> {
        if let Some((_, signal)) = self.previous.get(place).filter(|(previous, _)| previous == name) {
            return Ok(*signal);
        }
        if name.is_ascii() || self.signals.find(name).is_some() {
            name::check(name)
        } else {
            name::check_new(name)
        }
        .map_err(|message| (Code::BadSignalName, message))?;
        let Some(signal) = self.signals.number(&mut self.out.batch, name) else {
            let limit = self.signals.limit();
            let message = format!(
                "the limit of {limit} signals is reached and this one is new; --signal-limit raises it"
            );
            return Err((Code::TooManySignals, message));
        };
        if let Some(entry) = self.previous.get_mut(place) {
            *entry = (name.to_owned(), signal);
        } else if self.previous.len() == place {
            // Only in order: places after one that was refused stay unknown.
            self.previous.push((name.to_owned(), signal));
        }
        Ok(signal)
    }
}

/// Says that a value, as it was written, is none.
fn not_finite(text: &str) -> Verdict {
    (Code::NotFinite, format!("the value {} is not finite; a 64-bit float is expected", shown(text)))
}

/// The beginning of a sender's text, so that an answer stays small.
fn shown(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((cut, _)) => Cow::Owned(format!("{}...", &text[..cut])),
        None => Cow::Borrowed(text),
    }
    .into_owned()
}
