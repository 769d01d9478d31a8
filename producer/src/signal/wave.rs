//! Sine and cosine waves.

use std::f64::consts::TAU;
use std::time::Duration;

/// `amplitude * sin(2 pi frequency t)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sine {
    /// Oscillations per second, above 0.
    pub frequency_hz: f64,
    /// The largest absolute value.
    pub amplitude: f64,
}

/// `amplitude * cos(2 pi frequency t)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cosine {
    /// Oscillations per second, above 0.
    pub frequency_hz: f64,
    /// The largest absolute value.
    pub amplitude: f64,
}

impl Sine {
    /// The value after `elapsed`, within ±amplitude.
    pub fn value(&self, elapsed: Duration) -> f64 {
        self.amplitude * angle(self.frequency_hz, elapsed).sin()
    }
}

impl Cosine {
    /// The value after `elapsed`, within ±amplitude.
    pub fn value(&self, elapsed: Duration) -> f64 {
        self.amplitude * angle(self.frequency_hz, elapsed).cos()
    }
}

/// The phase in radians, reduced to one turn first so that years of elapsed time cost no precision.
pub(super) fn angle(frequency_hz: f64, elapsed: Duration) -> f64 {
    TAU * (frequency_hz * elapsed.as_secs_f64()).fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_turn() {
        let quarter = Duration::from_millis(2_500);
        let sine = Sine { frequency_hz: 0.1, amplitude: 10.0 };
        let cosine = Cosine { frequency_hz: 0.1, amplitude: 8.0 };
        assert!((sine.value(quarter) - 10.0).abs() < 1e-9);
        assert!(cosine.value(quarter).abs() < 1e-9);
        assert!(sine.value(Duration::ZERO).abs() < 1e-12);
        assert!((cosine.value(Duration::ZERO) - 8.0).abs() < 1e-12);
    }
}
