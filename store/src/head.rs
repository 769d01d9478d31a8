//! The journal's samples in memory, by signal and in time order: what is newest is answered from here.

use std::sync::Arc;

use afterglow_wire::Timestamp;

use super::Span;
use super::columns::Columns;
use crate::batch::{Batch, Sample, SignalId};

/// Late samples of a signal that wait unsorted before they are merged: few enough that a query can merge them on the
/// fly, many enough that merging is paid for by thousands of samples.
const LATE_SAMPLES: usize = 4_096;

/// What has been committed and is not in a block yet: the generation that takes samples, and perhaps one before it
/// that is being sealed.
#[derive(Debug, Default)]
pub(super) struct Head {
    active: Generation,
    sealing: Option<Arc<Generation>>,
    /// The number of the last journal row that is in here or in a block, or of a later deletion.
    sequence: i64,
    /// The number that the last sealing or deletion has written down.
    sealed_sequence: i64,
}

/// Samples that will be sealed together.
#[derive(Debug, Default)]
pub(super) struct Generation {
    /// By number of the signal.
    runs: Vec<Run>,
    /// At least as many as there are: a sample sent twice may count twice.
    samples: usize,
    /// The number of the last journal row that is in here.
    last_sequence: i64,
}

/// What a signal's samples amount to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    pub(super) first: i64,
    pub(super) last: (i64, f64),
    /// At least as many as there are: a sample sent twice may count twice.
    pub(super) count: usize,
}

/// One signal's samples.
#[derive(Debug, Default)]
struct Run {
    sorted: Columns,
    /// Samples not later than the last of `sorted`, in order of arrival; where an instant is in both, this one wins.
    late: Vec<(i64, f64)>,
}

impl Run {
    fn add(&mut self, time: i64, value: f64) {
        match self.sorted.last_mut() {
            Some((last, newest)) if time == last => *newest = value,
            Some((last, _)) if time < last => {
                self.late.push((time, value));
                if self.late.len() >= LATE_SAMPLES.max(self.sorted.len() / 4) {
                    self.sort();
                }
            }
            _ => self.sorted.push(time, value),
        }
    }

    fn sort(&mut self) {
        if !self.late.is_empty() {
            self.sorted = Columns::merge(&self.sorted, &Columns::from_unsorted(&self.late));
            self.late = Vec::new();
        }
    }

    fn summary(&self) -> Option<Summary> {
        let (first, last) = (*self.sorted.times().first()?, self.sorted.last()?);
        let first = self.late.iter().map(|(time, _)| *time).fold(first, i64::min);
        // The last instant may have been sent again: `add` has put it in its place.
        Some(Summary { first, last, count: self.sorted.len() + self.late.len() })
    }

    /// The beginning of `span` in which at most `most` sorted samples lie.
    fn beginning(&self, span: Span, most: usize) -> Span {
        let positions = self.sorted.positions(span);
        let next = self.sorted.times()[positions].get(most);
        Span { to: next.map_or(span.to, |next| Timestamp::from_micros(next - 1)), ..span }
    }

    /// About how many samples are within `span`.
    fn count(&self, span: Span) -> usize {
        self.sorted.positions(span).len() + self.late.len()
    }

    fn within(&self, span: Span) -> Columns {
        let sorted = self.sorted.slice(self.sorted.positions(span));
        if self.late.is_empty() {
            return sorted;
        }
        Columns::merge(&sorted, &Columns::from_unsorted(&self.late).clip(span))
    }
}

impl Generation {
    fn add(&mut self, sample: &Sample) {
        let index = sample.signal.0 as usize;
        if index >= self.runs.len() {
            self.runs.resize_with(index + 1, Run::default);
        }
        self.runs[index].add(sample.timestamp.micros(), sample.value);
        self.samples += 1;
    }

    fn within(&self, signal: SignalId, span: Span) -> Columns {
        self.runs.get(signal.0 as usize).map(|run| run.within(span)).unwrap_or_default()
    }

    /// The number of the last journal row that is in here.
    pub(super) fn last_sequence(&self) -> i64 {
        self.last_sequence
    }

    /// Every signal that has samples, with all of them.
    pub(super) fn signals(&self) -> impl Iterator<Item = (SignalId, Columns)> {
        let everything = Span { from: afterglow_wire::Timestamp::MIN, to: afterglow_wire::Timestamp::MAX };
        let runs = (0..).map(SignalId).zip(&self.runs);
        runs.map(move |(signal, run)| (signal, run.within(everything)))
            .filter(|(_, columns)| !columns.is_empty())
    }
}

impl Head {
    /// An empty head of a database whose commits up to the one numbered `sequence` are in blocks.
    pub(super) fn after(sequence: i64) -> Self {
        Self { sequence, sealed_sequence: sequence, ..Self::default() }
    }

    /// Adds what has just been committed up to the journal's row `sequence`.
    pub(super) fn add(&mut self, batches: &[Batch], sequence: i64) {
        // Never back: a program that did not know of the durable numbering may have left lower rows.
        self.sequence = self.sequence.max(sequence);
        self.active.last_sequence = self.active.last_sequence.max(sequence);
        batches.iter().flat_map(Batch::samples).for_each(|sample| self.active.add(sample));
    }

    /// The number `sequence` is taken by something that adds no samples.
    pub(super) fn skip_to(&mut self, sequence: i64) {
        self.sequence = self.sequence.max(sequence);
    }

    /// The number `sequence` is that of a deletion.
    pub(super) fn deleted(&mut self, sequence: i64) {
        self.skip_to(sequence);
        self.sealed_sequence = self.sealed_sequence.max(sequence);
    }

    /// The number that the last sealing or deletion has written down, as far as is known here.
    pub(super) fn sealed_sequence(&self) -> i64 {
        self.sealed_sequence
    }

    /// The last number that was taken, by a journal row or otherwise.
    pub(super) fn sequence(&self) -> i64 {
        self.sequence
    }

    /// One signal's samples within `span`.
    pub(super) fn within(&self, signal: SignalId, span: Span) -> Columns {
        let newer = self.active.within(signal, span);
        match &self.sealing {
            Some(sealing) => Columns::merge(&sealing.within(signal, span), &newer),
            None => newer,
        }
    }

    /// The beginning of `span` in which one signal has at most about `most` samples in each generation.
    pub(super) fn beginning(&self, signal: SignalId, span: Span, most: usize) -> Span {
        self.runs(signal).fold(span, |span, run| run.beginning(span, most))
    }

    /// About how many of one signal's samples are within `span`.
    pub(super) fn count(&self, signal: SignalId, span: Span) -> usize {
        self.runs(signal).map(|run| run.count(span)).sum()
    }

    /// One signal's samples, the older generation's first.
    fn runs(&self, signal: SignalId) -> impl Iterator<Item = &Run> {
        let generations = self.sealing.as_deref().into_iter().chain([&self.active]);
        generations.filter_map(move |generation| generation.runs.get(signal.0 as usize))
    }

    /// What one signal's samples here amount to; `None` when there are none.
    pub(super) fn summary(&self, signal: SignalId) -> Option<Summary> {
        self.runs(signal).filter_map(Run::summary).reduce(|older, newer| Summary {
            first: older.first.min(newer.first),
            last: if newer.last.0 >= older.last.0 { newer.last } else { older.last },
            count: older.count + newer.count,
        })
    }

    /// The signals that have samples here.
    pub(super) fn signals(&self) -> Vec<SignalId> {
        let generations = self.sealing.as_deref().into_iter().chain([&self.active]);
        let runs = generations.flat_map(|generation| (0..).map(SignalId).zip(&generation.runs));
        runs.filter(|(_, run)| !run.sorted.is_empty()).map(|(signal, _)| signal).collect()
    }

    /// The signals that have samples here, with the latest instant of each; a signal may be there twice.
    pub(super) fn latest(&self) -> Vec<(SignalId, i64)> {
        let generations = self.sealing.as_deref().into_iter().chain([&self.active]);
        let runs = generations.flat_map(|generation| (0..).map(SignalId).zip(&generation.runs));
        runs.filter_map(|(signal, run)| Some((signal, *run.sorted.times().last()?))).collect()
    }

    /// How many samples are here, at least.
    pub(super) fn samples(&self) -> usize {
        self.active.samples + self.sealing.as_ref().map_or(0, |sealing| sealing.samples)
    }

    /// The generation to seal: the one that was begun and not finished, or else the active one, which makes room for
    /// a new one. `None` when there is nothing.
    pub(super) fn rotate(&mut self) -> Option<Arc<Generation>> {
        if self.sealing.is_none() && self.active.samples > 0 {
            self.sealing = Some(Arc::new(std::mem::take(&mut self.active)));
        }
        self.sealing.clone()
    }

    /// Whether a generation is being sealed.
    pub(super) fn is_sealing(&self) -> bool {
        self.sealing.is_some()
    }

    /// Drops the generation that is in blocks now.
    pub(super) fn sealed(&mut self) {
        if let Some(sealed) = self.sealing.take() {
            self.sealed_sequence = self.sealed_sequence.max(sealed.last_sequence);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const EVERYTHING: Span = Span { from: Timestamp::MIN, to: Timestamp::MAX };

    proptest! {
        #[test]
        fn a_head_is_what_a_map_is(
            samples in proptest::collection::vec((0..3_u32, 0_i64..40, -9.0..9.0_f64), 0..200),
            rotations in proptest::collection::vec(0..200_usize, 0..3),
            from in 0_i64..40, length in 0_i64..40,
        ) {
            let mut head = Head::default();
            let mut map: BTreeMap<(u32, i64), f64> = BTreeMap::new();
            for (index, (signal, time, value)) in samples.into_iter().enumerate() {
                let mut batch = Batch::default();
                batch.push(Sample { signal: SignalId(signal), timestamp: Timestamp::from_micros(time), value });
                head.add(&[batch], 0);
                map.insert((signal, time), value);
                if rotations.contains(&index) && !head.is_sealing() {
                    head.rotate();
                }
            }
            let narrow = Span { from: Timestamp::from_micros(from), to: Timestamp::from_micros(from + length) };
            for signal in 0..3 {
                for span in [EVERYTHING, narrow] {
                    let expected: Vec<_> = map.iter()
                        .filter(|((s, t), _)| *s == signal && (span.from.micros()..=span.to.micros()).contains(t))
                        .map(|((_, t), v)| (*t, *v)).collect();
                    let beginning = head.beginning(SignalId(signal), span, 3);
                    let first: Vec<_> = head.within(SignalId(signal), beginning).iter().collect();
                    prop_assert_eq!(&first[..], &expected[..first.len()]);
                    prop_assert!(beginning.to == span.to || first.len() >= 3);
                    prop_assert!(head.count(SignalId(signal), span) >= expected.len());
                    prop_assert_eq!(head.within(SignalId(signal), span).iter().collect::<Vec<_>>(), expected);
                }
                let (all, summary) = (head.within(SignalId(signal), EVERYTHING), head.summary(SignalId(signal)));
                prop_assert_eq!(summary.map(|summary| summary.first), all.times().first().copied());
                prop_assert_eq!(summary.map(|summary| summary.last), all.iter().last());
                prop_assert!(summary.map_or(0, |summary| summary.count) >= all.len());
            }
        }
    }

    #[test]
    fn samples_in_reverse_order_are_merged_in_large_steps() {
        let mut run = Run::default();
        let last = 50_000;
        (0..=last).rev().for_each(|time| run.add(time, time as f64));
        assert!(run.late.len() < LATE_SAMPLES.max(run.sorted.len() / 4));
        let columns = run.within(EVERYTHING);
        assert_eq!(columns.len(), 50_001);
        assert!(columns.iter().all(|(time, value)| time as f64 == value));
    }
}
