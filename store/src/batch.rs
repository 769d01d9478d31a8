//! Samples in rows: what travels from a request to the store and on to the live clients.

use std::collections::HashMap;
use std::sync::Arc;

use afterglow_wire::Timestamp;

/// A signal's number in this database, from 0 without holes; or, in a batch that is not committed yet, the place of a
/// name that has no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignalId(pub u32);

/// Set in the number of a signal that the dictionary does not have.
const PROVISIONAL: u32 = 1 << 31;

impl SignalId {
    fn provisional(place: usize) -> Option<Self> {
        let place = u32::try_from(place).ok().filter(|place| *place < PROVISIONAL)?;
        Some(Self(PROVISIONAL | place))
    }

    /// The place of its name in the batch; `None` for a number of the dictionary.
    fn place(self) -> Option<usize> {
        (self.0 >= PROVISIONAL).then_some((self.0 & !PROVISIONAL) as usize)
    }
}

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
    /// Names that the dictionary did not have when the batch was read, by place.
    new_names: Vec<Arc<str>>,
    places: HashMap<Arc<str>, SignalId>,
    /// How many of the new names a dictionary of how many signals has learned meanwhile, when that was last counted.
    learned: (usize, usize),
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

    /// Drops every sample from position `start` on, and every new name after the first `names`.
    pub fn truncate(&mut self, start: usize, names: usize) {
        self.samples.truncate(start);
        for name in self.new_names.drain(names..) {
            self.places.remove(&name);
        }
        self.learned = (0, 0);
    }

    /// The samples of one instant each, as their sender grouped them.
    pub fn instants(&self) -> impl Iterator<Item = &[Sample]> {
        self.samples.chunk_by(|a, b| a.timestamp == b.timestamp)
    }

    /// How many names without a number there are.
    pub fn new_names(&self) -> usize {
        self.new_names.len()
    }

    /// The names without a number, by place.
    pub(crate) fn names(&self) -> &[Arc<str>] {
        &self.new_names
    }

    /// How many of the new names are still new to a dictionary of `signals` signals, which `knows` some of them. They are
    /// compared once for each number of signals.
    pub(crate) fn unknown_names(&mut self, signals: usize, knows: impl Fn(&str) -> bool) -> usize {
        if self.learned.1 != signals {
            self.learned = (self.new_names.iter().filter(|name| knows(name)).count(), signals);
        }
        self.new_names.len() - self.learned.0
    }

    /// What stands for `name` in this batch until the dictionary learns it; `None` when it is not here yet.
    pub fn find_new(&self, name: &str) -> Option<SignalId> {
        self.places.get(name).copied()
    }

    /// Adds a name that the dictionary does not have and that is not here yet; `None` when no more fit.
    pub fn add_new(&mut self, name: &str) -> Option<SignalId> {
        let signal = SignalId::provisional(self.new_names.len())?;
        let name: Arc<str> = Arc::from(name);
        self.new_names.push(Arc::clone(&name));
        self.places.insert(name, signal);
        Some(signal)
    }

    /// Gives the samples of new names the numbers that `number` gives; it is asked once for each name that has a sample.
    pub fn resolve(&mut self, mut number: impl FnMut(&Arc<str>) -> SignalId) {
        if self.new_names.is_empty() {
            return;
        }
        let names = std::mem::take(&mut self.new_names);
        self.places = HashMap::new();
        let mut numbers = vec![None; names.len()];
        for sample in &mut self.samples {
            if let Some(place) = sample.signal.place() {
                sample.signal = *numbers[place].get_or_insert_with(|| number(&names[place]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_names_that_have_a_sample_get_a_number() {
        let mut batch = Batch::default();
        let sample = |signal| Sample { signal, timestamp: Timestamp::default(), value: 1.0 };
        for name in ["a", "unused", "b"] {
            let signal = batch.add_new(name).unwrap();
            assert_eq!(batch.find_new(name), Some(signal));
            if name != "unused" {
                batch.push(sample(signal));
                batch.push(sample(SignalId(7)));
            }
        }
        let mut asked = Vec::new();
        batch.resolve(|name| {
            asked.push(name.to_string());
            SignalId(asked.len() as u32)
        });
        assert_eq!(asked, ["a", "b"]);
        let signals: Vec<_> = batch.samples().iter().map(|sample| sample.signal.0).collect();
        assert_eq!(signals, [1, 7, 2, 7]);
        assert_eq!(batch.new_names(), 0);
    }

    #[test]
    fn what_is_dropped_takes_its_names_along() {
        let mut batch = Batch::default();
        batch.add_new("stays").unwrap();
        batch.add_new("goes").unwrap();
        batch.truncate(0, 1);
        assert_eq!((batch.new_names(), batch.find_new("goes")), (1, None));
        assert!(batch.find_new("stays").is_some());
    }
}
