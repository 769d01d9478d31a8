//! Uniform noise.

use std::time::Duration;

use super::hash;

/// Uniform noise within ±amplitude; two different microseconds have independent values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// The largest absolute value.
    pub amplitude: f64,
}

impl Noise {
    /// The value after `elapsed`: a hash of the seed and the elapsed microseconds.
    pub fn value(&self, seed: u64, elapsed: Duration) -> f64 {
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        self.amplitude * (2.0 * hash::unit(hash::mix(seed, micros)) - 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_fills_its_range_evenly() {
        let noise = Noise { amplitude: 5.0 };
        let values: Vec<f64> = (0..10_000).map(|s| noise.value(3, Duration::from_secs(s))).collect();
        let mean = values.iter().sum::<f64>() / 10_000.0;
        let (above, below) =
            (values.iter().filter(|v| **v > 4.0).count(), values.iter().filter(|v| **v < -4.0).count());
        assert!(mean.abs() < 0.15, "{mean}");
        assert!((850..1_150).contains(&above) && (850..1_150).contains(&below), "{above} {below}");
    }
}
