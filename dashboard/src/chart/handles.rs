//! Limits on a chart that are dragged, or moved by keys.

use afterglow_wire::rule::Severity;

/// A limit that is being changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Handle {
    /// What it is, for screen readers.
    pub label: String,
    /// Where it is.
    pub value: f64,
    /// How bad it is to be beyond it.
    pub severity: Severity,
}

/// How many steps of the arrow keys a step of the page keys is.
const PAGE: f64 = 10.0;

/// The value at `share` of the height of an axis, from its top: within the axis, and in few digits.
pub fn at(share: f64, (low, high): (f64, f64)) -> f64 {
    rounded(high - share.clamp(0.0, 1.0) * (high - low), high - low).clamp(low, high)
}

/// Where `value` is on an axis, as a share of its height, from its top.
pub fn place(value: f64, (low, high): (f64, f64)) -> f64 {
    ((high - value) / (high - low)).clamp(0.0, 1.0)
}

/// Where a key moves `value` on an axis; none for a key that does not.
pub fn moved(value: f64, key: &str, (low, high): (f64, f64)) -> Option<f64> {
    let step = step(high - low)?;
    let by = match key {
        "ArrowUp" | "ArrowRight" => step,
        "ArrowDown" | "ArrowLeft" => -step,
        "PageUp" => step * PAGE,
        "PageDown" => -step * PAGE,
        "Home" => return Some(low),
        "End" => return Some(high),
        _ => return None,
    };
    // Beyond the axis as well: it then reaches further.
    Some(rounded(value + by, high - low))
}

/// A number with no more digits than tell it from others within `range`.
pub fn rounded(number: f64, range: f64) -> f64 {
    let Some(step) = step(range) else { return number };
    // Divided, because powers of ten below one are not exact.
    let per = (1.0 / step).round();
    if per >= 1.0 { (number * per).round() / per } else { (number / step).round() * step }
}

/// The power of ten of which `range` has a hundred to a thousand.
fn step(range: f64) -> Option<f64> {
    (range > 0.0 && range.is_finite()).then(|| 10f64.powf(range.log10().floor() - 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_value_in_few_digits_within_the_axis() {
        assert_eq!(at(0.5, (0.0, 100.0)), 50.0);
        assert_eq!((at(-1.0, (0.0, 100.0)), at(2.0, (-5.0, 100.0))), (100.0, -5.0));
        assert_eq!(at(1.0 / 3.0, (0.0, 90.0)), 60.0);
        assert_eq!(at(1.0 / 3.0, (0.0, 0.1)), 0.067);
        assert_eq!((place(75.0, (0.0, 100.0)), place(-1.0, (0.0, 100.0))), (0.25, 1.0));
    }

    #[test]
    fn keys_move_by_steps_of_the_axis() {
        let axis = (0.0, 200.0);
        assert_eq!((moved(80.0, "ArrowUp", axis), moved(80.0, "ArrowDown", axis)), (Some(81.0), Some(79.0)));
        assert_eq!((moved(80.0, "PageUp", axis), moved(80.5, "PageDown", axis)), (Some(90.0), Some(71.0)));
        assert_eq!((moved(80.0, "Home", axis), moved(80.0, "End", axis)), (Some(0.0), Some(200.0)));
        assert_eq!(moved(199.5, "PageUp", axis), Some(210.0), "beyond what is seen");
        assert_eq!(moved(0.3, "ArrowDown", (0.0, 0.5)), Some(0.299), "without noise");
        assert_eq!((moved(80.0, "a", axis), moved(80.0, "ArrowUp", (1.0, 1.0))), (None, None));
    }
}
