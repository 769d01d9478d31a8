//! How many samples of a batch are replaced by later ones of it.

use std::collections::HashSet;

use crate::batch::Sample;

/// How many samples have the signal and the instant of a later one.
///
/// Senders give an instant's samples together, and each instant once; for those it takes a pass without a look-up.
pub(super) fn count(samples: &[Sample]) -> usize {
    let is_later = |pair: &[Sample]| {
        let key = |sample: &Sample| (sample.timestamp, sample.signal.0);
        key(&pair[0]) < key(&pair[1])
    };
    if samples.windows(2).all(is_later) {
        return 0;
    }
    let groups = || samples.chunk_by(|a, b| a.timestamp == b.timestamp);
    let mut instants = HashSet::new();
    if groups().all(|group| instants.insert(group[0].timestamp)) {
        return groups().map(within_an_instant).sum();
    }
    let mut keys: Vec<_> = samples.iter().map(|sample| (sample.timestamp, sample.signal.0)).collect();
    keys.sort_unstable();
    keys.dedup();
    samples.len() - keys.len()
}

fn within_an_instant(group: &[Sample]) -> usize {
    if group.windows(2).all(|pair| pair[0].signal.0 < pair[1].signal.0) {
        return 0;
    }
    let mut signals: Vec<_> = group.iter().map(|sample| sample.signal.0).collect();
    signals.sort_unstable();
    signals.dedup();
    group.len() - signals.len()
}

#[cfg(test)]
mod tests {
    use afterglow_wire::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::batch::SignalId;

    fn samples(keys: &[(i64, u32)]) -> Vec<Sample> {
        let sample = |(micros, signal): &(i64, u32)| Sample {
            signal: SignalId(*signal),
            timestamp: Timestamp::from_micros(*micros),
            value: 0.0,
        };
        keys.iter().map(sample).collect()
    }

    #[test]
    fn ten_samples_of_one_microsecond_are_one() {
        assert_eq!(count(&samples(&[(5, 0); 10])), 9);
        assert_eq!(count(&samples(&[(5, 1), (5, 0), (6, 0), (6, 1)])), 0);
        assert_eq!(count(&samples(&[(5, 0), (6, 0), (5, 0)])), 1);
    }

    proptest! {
        #[test]
        fn as_many_as_there_are_fewer_keys(keys in proptest::collection::vec((0..6_i64, 0..4_u32), 0..30)) {
            let distinct: HashSet<_> = keys.iter().collect();
            prop_assert_eq!(count(&samples(&keys)), keys.len() - distinct.len());
        }
    }
}
