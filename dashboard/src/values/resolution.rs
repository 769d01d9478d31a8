//! How finely a signal's values are resolved, learned from the values.

/// Most decimals that a signal is taken to be given in; with more its values count as continuous.
const MOST: u8 = 6;

/// The number of decimals in which all values seen so far are given: 0 for counters and switches, 1 for 0.1 °C.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// More than [`MOST`] for continuous values.
    decimals: u8,
}

impl Resolution {
    /// The resolution of one value.
    pub fn of(value: f64) -> Self {
        let mut resolution = Self::default();
        resolution.learn(value);
        resolution
    }

    /// Takes another value into account.
    pub fn learn(&mut self, value: f64) {
        while self.decimals <= MOST && !self.has(value) {
            self.decimals += 1;
        }
    }

    /// The number of decimals; none when values are continuous.
    pub fn decimals(self) -> Option<usize> {
        (self.decimals <= MOST).then_some(usize::from(self.decimals))
    }

    /// Whether a number with these decimals is `value` exactly.
    fn has(self, value: f64) -> bool {
        let power = 10f64.powi(i32::from(self.decimals));
        (value * power).round() / power == value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(values: &[f64]) -> Option<usize> {
        let mut resolution = Resolution::default();
        values.iter().for_each(|value| resolution.learn(*value));
        resolution.decimals()
    }

    #[test]
    fn decimals_are_those_that_all_values_need() {
        assert_eq!(learned(&[]), Some(0));
        assert_eq!(learned(&[0.0, 1.0, 0.0]), Some(0));
        assert_eq!(learned(&[75.0, 75.3, 76.0]), Some(1));
        assert_eq!(learned(&[1_234_567_890.12, -0.5]), Some(2));
        assert_eq!(learned(&[1_000_000_013.0, 2_980_123.0, 9e15]), Some(0));
        assert_eq!(learned(&[1.0 / 3.0]), None);
        assert_eq!(learned(&[f64::from(21.3f32)]), None, "a float32 is no decimal number");
        assert_eq!(learned(&[1e308, -1e308]), Some(0), "large numbers are whole");
    }
}
