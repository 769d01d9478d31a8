//! Simulated signals: pure functions of a seed and the elapsed time.
//!
//! The same seed and the same elapsed time always give the same value, in any order of asking, so a run
//! can be reproduced from its configuration alone.

mod damped;
mod hash;
mod noise;
mod random_walk;
mod wave;

use std::fmt;
use std::time::Duration;

pub use damped::Damped;
pub use noise::Noise;
pub use random_walk::RandomWalk;
pub use wave::{Cosine, Sine};

/// What a simulated signal looks like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// A sine wave.
    Sine(Sine),
    /// A cosine wave.
    Cosine(Cosine),
    /// Uniform noise.
    Noise(Noise),
    /// A walk of equal steps, each up or down.
    RandomWalk(RandomWalk),
    /// An oscillation that dies away and starts again.
    Damped(Damped),
}

impl Shape {
    /// The value after `elapsed`. Finite for finite parameters.
    pub fn value(&self, seed: u64, elapsed: Duration) -> f64 {
        match self {
            Self::Sine(sine) => sine.value(elapsed),
            Self::Cosine(cosine) => cosine.value(elapsed),
            Self::Noise(noise) => noise.value(seed, elapsed),
            Self::RandomWalk(walk) => walk.value(seed, elapsed),
            Self::Damped(damped) => damped.value(elapsed),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sine(Sine { frequency_hz, amplitude }) => {
                write!(f, "sine, {frequency_hz} Hz, ±{amplitude}")
            }
            Self::Cosine(Cosine { frequency_hz, amplitude }) => {
                write!(f, "cosine, {frequency_hz} Hz, ±{amplitude}")
            }
            Self::Noise(Noise { amplitude }) => write!(f, "uniform noise, ±{amplitude}"),
            Self::RandomWalk(RandomWalk { step, .. }) => write!(f, "random walk, steps of ±{step}"),
            Self::Damped(Damped { frequency_hz, amplitude, decay_per_second, restart }) => write!(
                f,
                "damped oscillation, {frequency_hz} Hz, ±{amplitude}, decay {decay_per_second} per second, \
                 again each {} s",
                restart.as_secs_f64()
            ),
        }
    }
}

/// The seed of the signal called `name` in a run seeded with `seed`, so that two signals of one shape differ.
pub fn seed_for(seed: u64, name: &str) -> u64 {
    name.bytes().fold(hash::mix(seed, 0), |state, byte| hash::mix(state, u64::from(byte) + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn defaults() -> [(Shape, f64); 4] {
        [
            (Shape::Sine(Sine { frequency_hz: 0.1, amplitude: 10.0 }), 10.0),
            (Shape::Cosine(Cosine { frequency_hz: 0.15, amplitude: 8.0 }), 8.0),
            (Shape::Noise(Noise { amplitude: 5.0 }), 5.0),
            (
                Shape::Damped(Damped {
                    frequency_hz: 0.2,
                    amplitude: 15.0,
                    decay_per_second: 0.01,
                    restart: Duration::from_secs(300),
                }),
                15.0,
            ),
        ]
    }

    proptest! {
        #[test]
        fn values_are_repeatable_and_bounded(seed: u64, micros in 0_u64..4_000_000_000_000_000) {
            let elapsed = Duration::from_micros(micros);
            for (shape, bound) in defaults() {
                let value = shape.value(seed, elapsed);
                prop_assert!(value.abs() <= bound, "{shape:?} gives {value}");
                prop_assert_eq!(value.to_bits(), shape.value(seed, elapsed).to_bits());
            }
        }
    }

    #[test]
    fn seeds_differ_by_name_and_by_run() {
        assert_eq!(seed_for(1, "noise"), seed_for(1, "noise"));
        assert_ne!(seed_for(1, "noise"), seed_for(1, "noise2"));
        assert_ne!(seed_for(1, "noise"), seed_for(2, "noise"));
    }
}
