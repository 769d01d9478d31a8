//! A damped oscillation.

use std::time::Duration;

use super::wave::angle;

/// `amplitude * exp(-decay t) * sin(2 pi frequency t)`, with `t` starting again at 0 each `restart`.
///
/// Without the restart the signal would die: at a decay of 0.01 it is at 5 % after 300 s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Damped {
    /// Oscillations per second, above 0.
    pub frequency_hz: f64,
    /// The bound of the absolute value, approached in the first oscillation.
    pub amplitude: f64,
    /// The rate of decay per second, from 0 (none).
    pub decay_per_second: f64,
    /// The time from one start to the next, above 0.
    pub restart: Duration,
}

impl Damped {
    /// The value after `elapsed`, within ±amplitude.
    pub fn value(&self, elapsed: Duration) -> f64 {
        let round = self.restart.as_micros().max(1);
        let micros = u64::try_from(elapsed.as_micros() % round).unwrap_or(u64::MAX);
        let t = Duration::from_micros(micros);
        self.amplitude * (-self.decay_per_second * t.as_secs_f64()).exp() * angle(self.frequency_hz, t).sin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAMPED: Damped = Damped {
        frequency_hz: 0.25,
        amplitude: 15.0,
        decay_per_second: 0.01,
        restart: Duration::from_secs(300),
    };

    #[test]
    fn it_dies_away() {
        let crest = |seconds| DAMPED.value(Duration::from_secs(seconds));
        assert!((crest(1) - 15.0 * (-0.01_f64).exp()).abs() < 1e-9);
        assert!(crest(1) > crest(101) && crest(101) > crest(201) && crest(201) > 0.0);
    }

    #[test]
    fn it_starts_again() {
        for seconds in [0, 1, 77, 299] {
            let first = DAMPED.value(Duration::from_secs(seconds));
            assert_eq!(first.to_bits(), DAMPED.value(Duration::from_secs(seconds + 300)).to_bits());
        }
    }
}
