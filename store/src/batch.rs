//! Samples in columns: what travels from a request to the store and on to the live clients.

use afterglow_wire::Timestamp;

/// A signal's number in this database, from 0 without holes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignalId(pub u32);

/// One measured value of one signal at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Which signal.
    pub signal: SignalId,
    /// When the value was true.
    pub timestamp: Timestamp,
    /// The value; finite.
    pub value: f64,
}

/// The usable samples of one request, in the order in which they arrived.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    samples: Vec<Sample>,
}

impl Batch {
    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Adds a sample at the end.
    pub fn push(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    /// The samples in order of arrival.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// Gives `timestamp` to every sample from position `start` on.
    pub fn stamp_from(&mut self, start: usize, timestamp: Timestamp) {
        for sample in &mut self.samples[start..] {
            sample.timestamp = timestamp;
        }
    }

    /// Drops every sample from position `start` on.
    pub fn truncate(&mut self, start: usize) {
        self.samples.truncate(start);
    }

    /// The samples of one instant each, as their sender grouped them.
    pub fn instants(&self) -> impl Iterator<Item = &[Sample]> {
        self.samples.chunk_by(|a, b| a.timestamp == b.timestamp)
    }
}
