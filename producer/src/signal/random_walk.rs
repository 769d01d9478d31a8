//! A random walk whose value at any time is known without walking there.
//!
//! The walk makes one step per period, up or down. It is drawn from the whole to the parts: how many of
//! the first 2^40 steps go up, then how many of these lie in the first half, and so on along one path of
//! halves down to the asked step. Each split is drawn with the mean and the variance that a shuffled half
//! has (hypergeometric), from a hash of (seed, node), and held to what is possible. So a value costs 40
//! hashes, neighbours agree because they share their path, and every step is exactly one step long.

use std::time::Duration;

use super::hash;

/// Steps of ±`step`, one each `period`; 0 at the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomWalk {
    /// How far each step goes.
    pub step: f64,
    /// The time from one step to the next, above 0.
    pub period: Duration,
}

/// 2^40 steps: 35,000 years of one a second, or 35 years of one a millisecond. Then the walk rests.
const LEVELS: u32 = 40;

impl RandomWalk {
    /// The value after `elapsed`: `step` times (steps up - steps down).
    // Both counts are at most 2^40.
    pub fn value(&self, seed: u64, elapsed: Duration) -> f64 {
        let period = self.period.as_micros().max(1);
        let steps = u64::try_from(elapsed.as_micros() / period).unwrap_or(u64::MAX).min(1 << LEVELS);
        self.step * (2.0 * ups(seed, steps) as f64 - steps as f64)
    }
}

/// How many of the first `steps` steps go up.
fn ups(seed: u64, steps: u64) -> u64 {
    let mut size = 1_u64 << LEVELS;
    // As if the walk were the first half of one twice as long, of which exactly half the steps go up.
    let mut inside = split(2 * size, size, hash::mix(seed, 0));
    if steps == size {
        return inside;
    }
    let (mut before, mut start) = (0, 0);
    while size > 1 {
        let half = size / 2;
        // Unique per node: `half` tells sizes apart, and nodes of one size start at different steps.
        let left = split(size, inside, hash::mix(hash::mix(seed, half), start));
        if steps >= start + half {
            before += left;
            inside -= left;
            start += half;
        } else {
            inside = left;
        }
        size = half;
    }
    before
}

/// How many of `inside` steps up among `size` fall into the first half, drawn with `node`.
// Counts of at most 2^41 fit an f64 exactly, and the result is not negative.
fn split(size: u64, inside: u64, node: u64) -> u64 {
    let (n, k) = (size as f64, inside as f64);
    let deviation = (k * (n - k) / (4.0 * (n - 1.0))).sqrt();
    let drawn = (k / 2.0 + deviation * hash::bell(node)).round().max(0.0) as u64;
    let half = size / 2;
    drawn.clamp(inside.saturating_sub(half), inside.min(half))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WALK: RandomWalk = RandomWalk { step: 0.5, period: Duration::from_secs(1) };

    proptest! {
        #[test]
        fn every_step_is_one_step_long(seed: u64, second in 0_u64..1 << 40) {
            let here = WALK.value(seed, Duration::from_secs(second));
            let next = WALK.value(seed, Duration::from_secs(second + 1));
            prop_assert_eq!((next - here).abs(), 0.5, "{} -> {}", here, next);
        }

        #[test]
        fn values_are_repeatable_and_start_at_zero(seed: u64, millis in 0_u64..1 << 40) {
            let elapsed = Duration::from_millis(millis);
            prop_assert_eq!(WALK.value(seed, elapsed).to_bits(), WALK.value(seed, elapsed).to_bits());
            prop_assert_eq!(WALK.value(seed, Duration::ZERO), 0.0);
        }
    }

    #[test]
    fn the_spread_grows_like_the_root_of_time() {
        for steps in [16_u64, 256, 4_096, 65_536] {
            let squares = (0..2_000).map(|seed| WALK.value(seed, Duration::from_secs(steps)).powi(2));
            let variance = squares.sum::<f64>() / 2_000.0;
            let ratio = variance / (0.25 * f64::from(u32::try_from(steps).unwrap()));
            assert!((0.8..1.25).contains(&ratio), "{steps} steps: {ratio}");
        }
    }

    #[test]
    fn directions_are_fair_and_independent() {
        let values: Vec<f64> = (0..=20_000).map(|s| WALK.value(11, Duration::from_secs(s))).collect();
        let ups: Vec<bool> = values.windows(2).map(|pair| pair[1] > pair[0]).collect();
        let up = ups.iter().filter(|up| **up).count();
        let turns = ups.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!((9_500..10_500).contains(&up), "{up}");
        assert!((9_000..11_000).contains(&turns), "{turns}");
    }
}
