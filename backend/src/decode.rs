//! From the bytes of a protocol to samples, and a verdict on everything else.
//!
//! Pure: no I/O, no clock. Each format is a file that parses and gives its samples to a [`Collector`], which judges the
//! samples of all formats by the same rules. A further format costs its parser, and a reply where it has one of its own.

mod alike;
pub mod csv;
pub mod json;
mod repeated;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use afterglow_formats::{Verdict, number, shown};
use afterglow_wire::limits::{AHEAD_MICROS, REJECTIONS_LISTED};
use afterglow_wire::telemetry::Rejection;
use afterglow_wire::{Code, Timestamp, name};

use crate::access::WriteQuota;
use crate::batch::{Batch, Sample, SignalId};
use crate::refusal::Refusal;
use crate::signals::{Selector, Signals};

/// How many warnings an answer lists.
const WARNINGS: usize = 20;

/// What was read.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The usable samples.
    pub batch: Batch,
    /// How many samples, or whole objects, were refused.
    pub rejected_count: usize,
    /// The first [`REJECTIONS_LISTED`] refusals, with their reasons.
    pub rejected: Vec<Rejection>,
    /// What is not wrong, but should not be overlooked; the first of it.
    pub warnings: Vec<String>,
}

impl Decoded {
    /// How many of the usable samples a later one of the same signal and microsecond replaces.
    pub fn repeated(&self) -> usize {
        repeated::count(self.batch.samples())
    }
}

/// Judges samples and collects the usable ones: the name is one, the value is finite, the timestamp is not more than five
/// minutes ahead nor before the earliest that is taken, and the dictionary has room for a new name.
#[derive(Debug)]
pub struct Collector {
    signals: Signals,
    now: Timestamp,
    /// Samples, rejected ones included, that may be read.
    most: usize,
    not_before: Timestamp,
    scope: Option<WriteScope>,
    /// Counts what becomes new for all senders together.
    quota: Option<Arc<WriteQuota>>,
    out: Decoded,
    /// The signals of the object before, by their place in it. Senders repeat themselves: comparing one name is
    /// several times cheaper than looking it up among all.
    previous: Vec<(String, SignalId)>,
}

/// What somebody may write who may not write everything.
#[derive(Clone, Debug)]
pub struct WriteScope {
    /// Which signals; all when absent.
    pub signals: Option<Arc<Selector>>,
    /// Whether signals that do not exist yet.
    pub create: bool,
    /// How far in the past; any time when absent.
    pub append_only: Option<Duration>,
    /// How many signals there may be of those that may be written, for a new one to be made; any number when absent.
    pub most_signals: Option<usize>,
    /// Counts what is written, and says when that is too much.
    pub quota: Option<Arc<WriteQuota>>,
}

impl WriteScope {
    /// Everything.
    pub const EVERYTHING: Self =
        Self { signals: None, create: true, append_only: None, most_signals: None, quota: None };

    fn check(&self, name: &str, signals: &Signals) -> Result<(), Verdict> {
        if self.signals.as_ref().is_some_and(|allowed| !allowed.has(name)) {
            return Err((Code::ForbiddenSignal, "this key may not write this signal".into()));
        }
        if !self.create && signals.find(name).is_none() {
            let message = "this signal does not exist, and this key may not make new ones";
            return Err((Code::ForbiddenSignal, message.into()));
        }
        Ok(())
    }

    /// How many signals there are of those that may be written.
    fn count(&self, signals: &Signals) -> usize {
        match (&self.signals, &self.quota) {
            (Some(allowed), Some(quota)) => quota.count(signals, allowed),
            _ => signals.len(),
        }
    }

    fn judge(&self, timestamp: Timestamp, now: Timestamp) -> Result<(), Verdict> {
        let Some(age) = self.append_only else { return Ok(()) };
        let micros = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        if timestamp.micros() >= now.micros().saturating_sub(micros) {
            return Ok(());
        }
        let message =
            format!("{timestamp} is more than {} s ago; this key may not write earlier", age.as_secs());
        Err((Code::TimestampEarly, message))
    }
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
        Self {
            signals,
            now,
            most: usize::MAX,
            not_before: Timestamp::MIN,
            scope: None,
            quota: None,
            out: Decoded::default(),
            previous: Vec::new(),
        }
    }

    /// Has all senders together make only as many new signals as `quota` says.
    pub fn of_all(self, quota: Option<Arc<WriteQuota>>) -> Self {
        Self { quota, ..self }
    }

    /// Limits how many samples are read, the rejected ones included.
    pub fn at_most(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// Whether there were more samples than it may read; the others were dropped.
    fn is_over(&self) -> bool {
        self.read() > self.most
    }

    /// Whether all samples fitted in.
    fn check_size(&self) -> Result<(), Refusal> {
        if !self.is_over() {
            return Ok(());
        }
        let message = format!("the body has more than {} samples; send them in several requests", self.most);
        Err(Refusal::new(Code::BodyTooLarge, message))
    }

    fn read(&self) -> usize {
        self.out.batch.len() + self.out.rejected_count
    }

    /// Refuses samples from before `earliest`: their sender's clock is not set.
    pub fn not_before(self, earliest: Timestamp) -> Self {
        Self { not_before: earliest, ..self }
    }

    /// Refuses what `scope` does not allow.
    pub fn within(self, scope: Option<WriteScope>) -> Self {
        Self { scope, ..self }
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
            return Err(number::not_finite(&value.to_string()));
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
    /// When it lies too far ahead, or before what is taken.
    pub fn judge(&self, timestamp: Timestamp) -> Result<(), Verdict> {
        if timestamp < self.not_before {
            let message = format!(
                "{timestamp} is before {}, the earliest time that is taken: the sender's clock may not be set; \
                 --not-before allows earlier ones",
                self.not_before
            );
            return Err((Code::TimestampEarly, message));
        }
        if let Some(scope) = &self.scope {
            scope.judge(timestamp, self.now)?;
        }
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

    /// Notes what is not wrong, but should not be overlooked.
    pub fn warn(&mut self, message: String) {
        if self.out.warnings.len() < WARNINGS {
            self.out.warnings.push(message);
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

    /// As [`warn`](Self::warn), unless that was said before.
    fn warn_once(&mut self, message: impl FnOnce() -> String) {
        if self.out.warnings.len() < WARNINGS {
            let message = message();
            if !self.out.warnings.contains(&message) {
                self.out.warnings.push(message);
            }
        }
    }

    /// Whether there is such a signal, or one that the batch brings.
    fn is_known(&self, name: &str) -> bool {
        self.signals.find(name).or_else(|| self.out.batch.find_new(name)).is_some()
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
        let is_new = !name.is_ascii() && !self.is_known(name);
        if !is_new { name::check(name) } else { name::check_new(name) }
            .map_err(|message| (Code::BadSignalName, message))?;
        if let Some(scope) = &self.scope {
            scope.check(name, &self.signals)?;
            if let Some(most) = scope.most_signals
                && !self.is_known(name)
                && scope.count(&self.signals) + self.out.batch.new_names() >= most
            {
                let message = format!("this signal is new, and with this key there may be {most}");
                return Err((Code::TooManySignals, message));
            }
            if let Some(quota) = &scope.quota
                && !self.is_known(name)
            {
                let count = || scope.count(&self.signals) + self.out.batch.new_names();
                quota.take_new(self.now, count).map_err(|message| (Code::TooManySignals, message))?;
            }
        }
        if let Some(quota) = &self.quota
            && !self.is_known(name)
        {
            let count = || self.signals.len() + self.out.batch.new_names();
            quota.take_new(self.now, count).map_err(|message| (Code::TooManySignals, message))?;
        }
        let Some(signal) = self.signals.number(&mut self.out.batch, name) else {
            let limit = self.signals.limit();
            let message = format!(
                "the limit of {limit} signals is reached and this one is new; --signal-limit raises it"
            );
            return Err((Code::TooManySignals, message));
        };
        if is_new && let Some(other) = alike::other(name, |other| self.is_known(other)) {
            self.warn(format!("the new signal {name:?} looks like {other:?}, which is another signal"));
        }
        if let Some(entry) = self.previous.get_mut(place) {
            *entry = (name.to_owned(), signal);
        } else if self.previous.len() == place {
            // Only in order: places after one that was refused stay unknown.
            self.previous.push((name.to_owned(), signal));
        }
        Ok(signal)
    }
}

/// A body or a file without the mark that says how its bytes are ordered.
///
/// # Errors
/// `code` when the mark is that of UTF-16.
pub(crate) fn without_mark(body: &[u8], code: Code) -> Result<&[u8], Refusal> {
    if body.starts_with(b"\xff\xfe") || body.starts_with(b"\xfe\xff") {
        return Err(Refusal::new(
            code,
            "the text begins with the byte order mark of UTF-16; only UTF-8 is read",
        ));
    }
    Ok(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body))
}
