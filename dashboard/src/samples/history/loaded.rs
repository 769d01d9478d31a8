//! What was asked of the server, and what its answer has.

use crate::time::Span;

use super::outline::Outline;

/// A query for samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The stretch that was asked for.
    pub span: Span,
    /// Of more samples than this the server sends the lowest and the highest of each slice instead.
    pub max_points: usize,
}

impl Loaded {
    /// How long the slices of the answer are at most, in microseconds, unless samples have expired.
    pub fn slice(&self) -> i64 {
        let slices = (i64::try_from(self.max_points / 2).unwrap_or(i64::MAX) - 1).max(1);
        self.span.width() / slices + 1
    }

    /// Whether nothing finer than slices of `resolution` is stored, though it was asked for: samples have expired.
    pub fn is_finest(&self, resolution: i64) -> bool {
        resolution > self.slice()
    }
}

/// What an answer has of one signal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fetched {
    /// Microseconds and values, in order of time.
    pub samples: Vec<(i64, f64)>,
    /// Microseconds of the slices of which only the lowest and the highest are here; none when all samples are.
    pub slice: Option<i64>,
}

impl Fetched {
    /// How much of the signal the samples are; none for all of it.
    pub fn outline(&self) -> Option<Outline> {
        let (last, _) = self.samples.last()?;
        Some(Outline { until: last + 1, resolution: self.slice? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOADED: Loaded = Loaded { span: Span { from: 0, to: 1_000 }, max_points: 22 };

    #[test]
    fn an_answer_is_an_outline_where_it_says_so() {
        let fetched = |slice| Fetched { samples: vec![(0, 1.0), (1_000, 2.0)], slice };
        assert_eq!(fetched(None).outline(), None);
        assert_eq!(fetched(Some(101)).outline(), Some(Outline { until: 1_001, resolution: 101 }));
        assert_eq!(Fetched { slice: Some(101), ..Fetched::default() }.outline(), None, "there is nothing");
    }

    #[test]
    fn coarser_slices_than_asked_for_are_all_that_is_stored() {
        assert_eq!(LOADED.slice(), 101);
        assert!(!LOADED.is_finest(101) && LOADED.is_finest(102));
    }
}
