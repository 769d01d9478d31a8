//! The newest value of each signal: what remains for those who cannot take everything.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::LiveSample;
use crate::batch::{Sample, SignalId};
use crate::memory;

/// Values that are kept in all groups together, some 50 bytes each.
const VALUES: usize = 2 << 20;

/// How many more values may be kept. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<AtomicUsize>);

impl Room {
    pub(super) fn new(values: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(values)))
    }

    fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::new(memory::bound(VALUES))
    }
}

/// The newest sample of each signal, of as many signals as there is room for. That others are left out needs no word of its own:
/// whatever shows newest values says that it is not everything.
#[derive(Debug)]
pub struct Newest {
    samples: BTreeMap<SignalId, Sample>,
    room: Room,
}

impl Newest {
    /// None yet.
    pub(super) fn new(room: &Room) -> Self {
        Self { samples: BTreeMap::new(), room: room.clone() }
    }

    /// Keeps the sample of each signal that is newest by its timestamp; of one timestamp the one that came last.
    pub(super) fn add(&mut self, samples: impl IntoIterator<Item = Sample>) {
        for sample in samples {
            match self.samples.entry(sample.signal) {
                Entry::Occupied(mut newest) if sample.timestamp >= newest.get().timestamp => {
                    newest.insert(sample);
                }
                Entry::Vacant(free) if self.room.take() => {
                    free.insert(sample);
                }
                Entry::Occupied(_) | Entry::Vacant(_) => {}
            }
        }
    }

    /// The newest samples in the order of their timestamps.
    pub(super) fn samples(&self) -> Vec<Sample> {
        let mut samples: Vec<Sample> = self.samples.values().copied().collect();
        samples.sort_by_key(|sample| sample.timestamp);
        samples
    }

    /// The same, as samples of which nobody knows what came before them.
    pub(super) fn live_samples(&self) -> Vec<LiveSample> {
        self.samples.values().map(|sample| LiveSample { sample: *sample, instant: 0, late: true }).collect()
    }
}

impl Clone for Newest {
    fn clone(&self) -> Self {
        let mut clone = Self::new(&self.room);
        clone.add(self.samples.values().copied());
        clone
    }
}

impl Drop for Newest {
    fn drop(&mut self) {
        self.room.0.fetch_add(self.samples.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use afterglow_wire::Timestamp;

    use super::*;

    #[test]
    fn values_are_kept_while_there_is_room() {
        let sample = |signal, micros, value| Sample {
            signal: SignalId(signal),
            timestamp: Timestamp::from_micros(micros),
            value,
        };
        let room = Room::new(3);
        let values = |newest: &Newest| newest.samples().iter().map(|sample| sample.value).collect::<Vec<_>>();
        let mut first = Newest::new(&room);
        first.add([sample(0, 5, 1.0), sample(1, 6, 2.0), sample(0, 7, 3.0), sample(0, 6, 4.0)]);
        assert_eq!(values(&first), [2.0, 3.0]);
        let clone = first.clone();
        assert_eq!(values(&clone), [3.0], "there was room for one more");
        let mut second = Newest::new(&room);
        second.add([sample(2, 1, 1.0)]);
        assert_eq!(values(&second), [0.0; 0]);
        first.add([sample(1, 8, 5.0)]);
        assert_eq!(values(&first), [3.0, 5.0], "newer values of those that are kept need none");
        drop((first, clone));
        second.add((0..5).map(|signal| sample(signal, 1, f64::from(signal))));
        assert_eq!(values(&second).len(), 3);
    }
}
