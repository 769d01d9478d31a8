//! What is usual for a signal in an hour of the week: learned from the same hour of the four weeks before.
//!
//! The values are the means of those hours' minutes. The middle is their median, and the deviation is 1.4826 times the median of their distances from it, which is
//! the standard deviation of normally distributed values and does not change when some are far off. Where more than half of
//! the values are the same, it is 1.2533 times the mean of the distances (B. Iglewicz and D. Hoaglin, "How to Detect and Handle
//! Outliers", 1993). It is at least a 500th of the middle. Weeks have 168 hours, whatever clocks on walls do.

use crate::SECOND;
use crate::past::Past;

pub(crate) const HOUR: i64 = 3_600 * SECOND;

const WEEK: i64 = 168 * HOUR;

/// Weeks that are looked back at.
pub(crate) const WEEKS: i64 = 4;

/// As many weeks must have values.
const LEAST_WEEKS: usize = 2;

/// As many values must be known.
const LEAST_VALUES: usize = 3;

/// What is usual in one hour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Band {
    middle: f64,
    deviation: f64,
}

impl Band {
    /// From the means of the minutes of the hour in each earlier week; `None` when these are too few.
    pub(crate) fn learn(weeks: &[Vec<f64>]) -> Option<Self> {
        let mut values: Vec<f64> = weeks.iter().flatten().copied().collect();
        if weeks.iter().filter(|week| !week.is_empty()).count() < LEAST_WEEKS || values.len() < LEAST_VALUES {
            return None;
        }
        let middle = median(&mut values)?;
        let mut distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
        let of_median = 1.4826 * median(&mut distances)?;
        let deviation = if of_median > 0.0 {
            of_median
        } else {
            1.2533 * (distances.iter().sum::<f64>() / distances.len() as f64)
        };
        let band = Self { middle, deviation: deviation.max(middle.abs() / 500.0) };
        (band.middle.is_finite() && band.deviation.is_finite()).then_some(band)
    }

    /// How many deviations `value` is from the middle. Where there is no deviation anything else is infinitely far.
    pub(crate) fn deviations(&self, value: f64) -> f64 {
        let distance = value - self.middle;
        if distance == 0.0 { 0.0 } else { distance / self.deviation }
    }

    /// The values that are `k` deviations from the middle.
    pub(crate) fn limits(&self, k: f64) -> [f64; 2] {
        [self.middle - k * self.deviation, self.middle + k * self.deviation]
    }
}

/// Half of `values` are not higher, and half not lower; orders them.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    values.get(values.len() / 2 - 1).map(|lower| f64::midpoint(*lower, upper))
}

/// What is known of a signal's present hour, and of the next as far as it has been looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bands {
    hours: [Option<Hour>; 2],
}

/// What is known of an hour.
#[derive(Clone, Copy, Debug)]
struct Hour {
    /// From this instant on.
    from: i64,
    /// Until then it is not asked for again.
    until: i64,
    band: Option<Band>,
}

/// After this time what could not be had is asked for again.
const ASK_AGAIN: i64 = 60 * SECOND;

impl Bands {
    /// What is usual at the instant `at`.
    pub(crate) fn at(&mut self, signal: u32, at: i64, past: &mut dyn Past) -> Option<Band> {
        let is_known = |hour: &&Hour| (hour.from..hour.until).contains(&at);
        if let Some(hour) = self.hours.iter().flatten().find(is_known) {
            return hour.band;
        }
        let hour = Hour::learn(signal, at, past);
        self.hours[Self::place(at)] = Some(hour);
        hour.band
    }

    /// Whether something is known of the hour that `at` lies in.
    pub(crate) fn knows(&self, at: i64) -> bool {
        self.hours.iter().flatten().any(|hour| (hour.from..hour.until).contains(&at))
    }

    /// Neighbouring hours have different places.
    fn place(at: i64) -> usize {
        at.div_euclid(HOUR).rem_euclid(2) as usize
    }
}

impl Hour {
    fn learn(signal: u32, at: i64, past: &mut dyn Past) -> Self {
        let begins = at - at.rem_euclid(HOUR);
        let weeks: Option<Vec<Vec<f64>>> = (1..=WEEKS)
            .map(|week| {
                let from = begins - week * WEEK;
                past.minutes(signal, from, from + HOUR)
            })
            .collect();
        match weeks {
            Some(weeks) => Self { from: begins, until: begins + HOUR, band: Band::learn(&weeks) },
            None => Self { from: at, until: (at + ASK_AGAIN).min(begins + HOUR), band: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(weeks: &[&[f64]]) -> Option<Band> {
        Band::learn(&weeks.iter().map(|week| week.to_vec()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_usual_is_the_median_and_its_deviation() {
        let found = band(&[&[10.0, 12.0], &[11.0, 1_000.0], &[9.0]]).unwrap();
        assert_eq!((found.middle, found.deviation), (11.0, 1.4826));
        assert_eq!(found.limits(2.0), [11.0 - 2.9652, 11.0 + 2.9652]);
        assert!((found.deviations(11.0 + 1.4826 * 3.0) - 3.0).abs() < 1e-12);
    }

    #[test]
    fn where_most_values_are_the_same_the_mean_distance_counts() {
        let found = band(&[&[0.0, 0.0, 0.0, 4.0], &[0.0]]).unwrap();
        assert_eq!((found.middle, found.deviation), (0.0, 1.2533 * 0.8));
        let same = band(&[&[500.0, 500.0], &[500.0]]).unwrap();
        assert_eq!(same.deviation, 1.0, "a 500th");
        let zero = band(&[&[0.0, 0.0], &[0.0]]).unwrap();
        assert_eq!((zero.deviations(0.0), zero.deviations(-0.1)), (0.0, f64::NEG_INFINITY));
    }

    #[test]
    fn too_few_values_say_nothing() {
        assert_eq!(band(&[&[1.0, 2.0, 3.0, 4.0]]), None);
        assert_eq!(band(&[&[1.0], &[2.0]]), None);
        assert_eq!(band(&[&[1.0, 2.0], &[], &[]]), None);
        assert!(band(&[&[1.0, 2.0], &[], &[3.0]]).is_some());
    }
}
