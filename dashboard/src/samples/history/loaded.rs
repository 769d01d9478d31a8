//! What a query's answer says about the samples that it does not bring.

use crate::time::Span;

use super::outline::Outline;

/// Samples that a query returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The stretch that was asked for.
    pub span: Span,
    /// Of more samples than this the server sends the lowest and the highest of each slice instead.
    pub max_points: usize,
}

impl Loaded {
    /// The length of the slices that the server cuts, in microseconds.
    pub fn slice(&self) -> i64 {
        self.span.width() / self.slices() + 1
    }

    fn slices(&self) -> i64 {
        (i64::try_from(self.max_points / 2).unwrap_or(i64::MAX) - 1).max(1)
    }

    /// How much of a signal `times`, in order, can be: none for all of it.
    pub fn outline(&self, times: impl IntoIterator<Item = i64>) -> Option<Outline> {
        let mut probe = Probe::new(self);
        times.into_iter().for_each(|time| probe.see(time));
        probe.outline()
    }
}

/// This many samples lie in more than two slices, if they are what a reduction left.
const CROWD: usize = 5;

/// Finds out, sample by sample, how much of a signal an answer can be.
///
/// The answer does not say whether it was reduced, and the server's slices are those of the stretch that has samples,
/// which may be much shorter than what was asked for. It was not reduced if five samples lie closer together than a
/// slice is long at least, because two slices leave four; otherwise it may have been, and a view finer than a
/// slice has to ask again.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    slice: i64,
    slices: i64,
    first: Option<i64>,
    /// The last samples, the newest last.
    recent: [Option<i64>; CROWD],
    /// The shortest stretch with a crowd of samples.
    tightest: i64,
}

impl Probe {
    /// Nothing seen yet of a signal in the answer `loaded`.
    pub fn new(loaded: &Loaded) -> Self {
        Self {
            slice: loaded.slice(),
            slices: loaded.slices(),
            first: None,
            recent: [None; CROWD],
            tightest: i64::MAX,
        }
    }

    /// The next sample, later than those before.
    pub fn see(&mut self, time: i64) {
        self.first = self.first.or(Some(time));
        self.recent.rotate_left(1);
        self.recent[CROWD - 1] = Some(time);
        if let Some(oldest) = self.recent[0] {
            self.tightest = self.tightest.min(time - oldest);
        }
    }

    /// What the samples were; none for all that there are.
    pub fn outline(&self) -> Option<Outline> {
        let (first, last) = self.first.zip(self.recent[CROWD - 1])?;
        let is_whole = self.tightest < (last - first) / self.slices;
        (!is_whole).then_some(Outline { until: last + 1, resolution: self.slice })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOADED: Loaded = Loaded { span: Span { from: 0, to: 1_000 }, max_points: 22 };

    #[test]
    fn a_crowd_was_not_reduced() {
        assert_eq!(LOADED.slice(), 101);
        assert_eq!(LOADED.outline([0, 1, 2, 3, 4, 1_000]), None);
        let outline = Some(Outline { until: 1_001, resolution: 101 });
        assert_eq!(LOADED.outline([0, 1, 2, 3, 1_000]), outline);
        assert_eq!(LOADED.outline([]), None);
    }

    #[test]
    fn a_short_signal_may_be_reduced_in_short_slices() {
        // Two of each ten microseconds: close together for what was asked, and yet not all that there is.
        let reduced = (0..10).flat_map(|slice| [slice * 10 + 2, slice * 10 + 7]);
        assert_eq!(LOADED.outline(reduced), Some(Outline { until: 98, resolution: 101 }));
    }
}
