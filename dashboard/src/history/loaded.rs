//! What a query's answer says about the samples that it does not bring.

use crate::time::Span;

use super::series::Outline;

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
        let slices = i64::try_from(self.max_points / 2).unwrap_or(i64::MAX) - 1;
        self.span.width() / slices.max(1) + 1
    }

    /// How much of a signal `times`, in order, can be: none for all of it.
    pub fn outline(&self, times: impl IntoIterator<Item = i64>) -> Option<Outline> {
        let mut probe = Probe::new(self);
        times.into_iter().for_each(|time| probe.see(time));
        probe.outline()
    }
}

/// Finds out, sample by sample, how much of a signal an answer can be.
///
/// The answer does not say whether it was reduced. It was not if a slice has more samples than a reduced one
/// can have; otherwise it may have been, and whoever looks closer than a slice has to ask again.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    slice: i64,
    current: i64,
    within: u32,
    last: Option<i64>,
    is_whole: bool,
}

impl Probe {
    /// Nothing seen yet of a signal in the answer `loaded`.
    pub fn new(loaded: &Loaded) -> Self {
        Self { slice: loaded.slice(), current: i64::MIN, within: 0, last: None, is_whole: false }
    }

    /// The next sample, later than those before.
    pub fn see(&mut self, time: i64) {
        let number = time.div_euclid(self.slice);
        self.within = if number == self.current { self.within + 1 } else { 1 };
        self.current = number;
        self.last = Some(time);
        self.is_whole |= self.within > 2;
    }

    /// What the samples were; none for all that there are.
    pub fn outline(&self) -> Option<Outline> {
        let last = self.last.filter(|_| !self.is_whole)?;
        Some(Outline { until: last + 1, resolution: self.slice })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOADED: Loaded = Loaded { span: Span { from: 0, to: 1_000 }, max_points: 22 };

    #[test]
    fn a_slice_with_three_samples_was_not_reduced() {
        assert_eq!(LOADED.slice(), 101);
        assert_eq!(LOADED.outline([1, 2, 3]), None);
        let outline = Some(Outline { until: 301, resolution: 101 });
        assert_eq!(LOADED.outline([1, 2, 150, 160, 300]), outline);
        assert_eq!(LOADED.outline([]), None);
    }
}
