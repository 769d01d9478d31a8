//! How much time the charts show.

const MINUTE: i64 = 60_000_000;

/// The longest window, in microseconds: one hour. Older samples are dropped.
pub const LONGEST: i64 = 60 * MINUTE;

/// The windows that a chart can have, in minutes.
const STEPS: [i64; 7] = [1, 2, 5, 10, 15, 30, 60];

/// The shortest window, in microseconds, that ends at `edge` and holds a history which begins at `oldest`: the first
/// minute of a new signal fills the chart instead of a sixtieth of it.
pub fn fitting(oldest: Option<i64>, edge: i64) -> i64 {
    let age = oldest.map_or(0, |oldest| edge.saturating_sub(oldest));
    STEPS.into_iter().map(|minutes| minutes * MINUTE).find(|window| age <= *window).unwrap_or(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_grows_with_the_history() {
        let check = |age_seconds: i64, minutes: i64| {
            let edge = 1_700_000_000_000_000;
            assert_eq!(
                fitting(Some(edge - age_seconds * 1_000_000), edge),
                minutes * MINUTE,
                "{age_seconds} s"
            );
        };
        check(0, 1);
        check(60, 1);
        check(61, 2);
        check(899, 15);
        check(3_600, 60);
        check(99_999, 60);
        assert_eq!(fitting(None, 0), MINUTE);
    }
}
