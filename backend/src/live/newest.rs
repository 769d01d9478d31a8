//! The newest value of each signal: what remains for those who cannot take everything.

use std::collections::BTreeMap;

use super::LiveSample;
use crate::batch::{Sample, SignalId};

/// The newest sample of each signal. Bounded by the number of signals.
#[derive(Clone, Debug, Default)]
pub struct Newest(BTreeMap<SignalId, Sample>);

impl Newest {
    /// Keeps the sample of each signal that is newest by its timestamp; of one timestamp the one that came last.
    pub(super) fn add(&mut self, samples: impl IntoIterator<Item = Sample>) {
        for sample in samples {
            let newest = self.0.entry(sample.signal).or_insert(sample);
            if sample.timestamp >= newest.timestamp {
                *newest = sample;
            }
        }
    }

    /// The newest samples in the order of their timestamps.
    pub(super) fn samples(&self) -> Vec<Sample> {
        let mut samples: Vec<Sample> = self.0.values().copied().collect();
        samples.sort_by_key(|sample| sample.timestamp);
        samples
    }

    /// The same, as samples of which nobody knows what came before them.
    pub(super) fn live_samples(&self) -> Vec<LiveSample> {
        self.0.values().map(|sample| LiveSample { sample: *sample, instant: 0, late: true }).collect()
    }
}
