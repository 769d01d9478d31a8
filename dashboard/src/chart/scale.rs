//! The range of a value axis: every value inside, ends on round numbers, no jumping.

use crate::samples::history::pyramid::Extent;

/// Values that differ by less than this share of their size are equal but for rounding.
const ROUNDING: f64 = 1e-13;
/// No axis reaches further: its length must be a number.
const LARGEST: f64 = 8e307;

/// The ends of the axis for values within `extent`.
///
/// Ends are rounded outward to about a tenth of the extent, so that small changes of the values leave the axis
/// alone. Values that are all positive and not far from zero get an axis that starts at zero.
pub fn range(extent: Option<Extent>) -> (f64, f64) {
    let Some(Extent { min, max }) = extent else { return (0.0, 1.0) };
    let span = max - min;
    if !span.is_finite() {
        return (min.max(-LARGEST), max.min(LARGEST));
    }
    if span <= max.abs().max(min.abs()) * ROUNDING {
        let pad = if min == 0.0 { 1.0 } else { min.abs() * 0.1 };
        return ((min - pad).max(-LARGEST), (max + pad).min(LARGEST));
    }
    let step = nice(span / 10.0);
    let margin = span * 0.04;
    let low = if min >= 0.0 && min <= max * 0.5 { 0.0 } else { ((min - margin) / step).floor() * step };
    let high = if max <= 0.0 && max >= min * 0.5 { 0.0 } else { ((max + margin) / step).ceil() * step };
    (low, high)
}

/// `range` with the ends that a board fixes. Where that leaves nothing in between, the other end gives way.
pub fn limited(range: (f64, f64), (min, max): (Option<f64>, Option<f64>)) -> (f64, f64) {
    let (low, high) = (min.unwrap_or(range.0), max.unwrap_or(range.1));
    match (low < high, min, max) {
        (true, ..) => (low, high),
        (false, Some(min), _) => (min, min + min.abs().max(1.0)),
        (false, None, _) => (high - high.abs().max(1.0), high),
    }
}

/// The smallest of 1, 2, 2.5, 5 times a power of ten that is not below `value`.
fn nice(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|step| *step >= value * 0.999_999).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(min: f64, max: f64) -> (f64, f64) {
        range(Some(Extent { min, max }))
    }

    #[test]
    fn a_scale_ends_at_round_numbers() {
        assert_eq!(of(-10.0, 10.0), (-12.0, 12.0));
        assert_eq!(of(3.0, 97.0), (0.0, 110.0));
        let (low, high) = of(50.2, 50.8);
        assert!((low - 50.1).abs() < 1e-9 && (high - 50.9).abs() < 1e-9);
        assert_eq!(range(None), (0.0, 1.0));
        assert_eq!(of(0.0, 0.0), (-1.0, 1.0));
        assert_eq!(of(200.0, 200.0), (180.0, 220.0));
        assert_eq!(of(-1e308, 1e308), (-LARGEST, LARGEST));
    }

    #[test]
    fn a_slow_change_beside_a_large_value_fills_the_axis() {
        let (low, high) = of(1_234_567_890.12, 1_234_567_890.72);
        assert!(high - low < 1.0, "{low} to {high}");
    }

    #[test]
    fn a_board_fixes_the_ends() {
        assert_eq!(limited((3.0, 7.0), (None, None)), (3.0, 7.0));
        assert_eq!(limited((3.0, 7.0), (Some(0.0), Some(100.0))), (0.0, 100.0));
        assert_eq!(limited((3.0, 7.0), (Some(50.0), None)), (50.0, 100.0));
        assert_eq!(limited((3.0, 7.0), (None, Some(-50.0))), (-100.0, -50.0));
    }

    proptest! {
        #[test]
        fn every_value_is_inside(a in -1e12f64..1e12, b in -1e12f64..1e12) {
            let (low, high) = of(a.min(b), a.max(b));
            prop_assert!(low <= a.min(b) && a.max(b) <= high && low < high);
        }
    }
}
