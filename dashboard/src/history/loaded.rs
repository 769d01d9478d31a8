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
    ///
    /// The answer does not say whether it was reduced. It was not if a slice has more samples than a reduced one
    /// can have; otherwise it may have been, and whoever looks closer than a slice has to ask again.
    pub fn outline(&self, times: impl IntoIterator<Item = i64>) -> Option<Outline> {
        let slice = self.slice();
        let (mut current, mut within, mut last) = (i64::MIN, 0, None);
        for time in times {
            last = Some(time);
            let number = time.div_euclid(slice);
            within = if number == current { within + 1 } else { 1 };
            current = number;
            if within > 2 {
                return None;
            }
        }
        last.map(|last| Outline { until: last + 1, resolution: slice })
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
