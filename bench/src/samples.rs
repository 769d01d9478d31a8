//! What the systems are fed: the same values at each run, at regular instants.

/// 2023-11-15 00:00 UTC: in the past, and days away from the end of a week or month, where peers split their data.
const FIRST_MILLISECOND: u64 = 1_700_006_400_000;

/// Between two instants.
pub(crate) const STEP_MILLISECONDS: u64 = 100;

/// What kind of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Six decimals, steps uniform within half a unit.
    Walk,
    /// Two decimals, a day's slow rise and fall with a little noise: a temperature.
    Sensor,
    /// Integers that only grow, by varying increments.
    Counter,
    Constant,
    /// Uniform in 0..1 with all digits an f64 has: nothing to compress but the exponent.
    Noise,
}

impl Shape {
    pub(crate) const ALL: [Self; 5] = [Self::Walk, Self::Sensor, Self::Counter, Self::Constant, Self::Noise];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Walk => "random walk, 6 decimals",
            Self::Sensor => "temperature, 2 decimals",
            Self::Counter => "counter, varying increments",
            Self::Constant => "constant",
            Self::Noise => "noise, 17 digits",
        }
    }
}

/// The samples of some signals, instant after instant, without end.
pub(crate) struct Source {
    signals: Vec<Signal>,
    next_millisecond: u64,
}

impl Source {
    pub(crate) fn new(shape: Shape, signals: u64) -> Self {
        let signals = (0..signals).map(|number| Signal::new(shape, number)).collect();
        Self { signals, next_millisecond: FIRST_MILLISECOND }
    }

    /// The next `instants`, each with a value of every signal.
    pub(crate) fn batch(&mut self, instants: u64) -> Batch {
        let first_millisecond = self.next_millisecond;
        self.next_millisecond += instants * STEP_MILLISECONDS;
        let signals = &mut self.signals;
        let values = (0..instants).map(|_| signals.iter_mut().map(Signal::next).collect()).collect();
        Batch { first_millisecond, values }
    }
}

/// Some instants' values.
pub(crate) struct Batch {
    first_millisecond: u64,
    /// By instant, then by signal.
    values: Vec<Vec<f64>>,
}

impl Batch {
    /// Each instant in milliseconds with its values.
    pub(crate) fn instants(&self) -> impl Iterator<Item = (u64, &[f64])> {
        let times = (0..).map(|instant| self.first_millisecond + instant * STEP_MILLISECONDS);
        times.zip(self.values.iter().map(Vec::as_slice))
    }

    /// How many instants.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}

/// A span of time in milliseconds, both ends included.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

impl Span {
    /// The first `instants` of any source.
    pub(crate) fn first(instants: u64) -> Self {
        Self { from: FIRST_MILLISECOND, to: FIRST_MILLISECOND + (instants - 1) * STEP_MILLISECONDS }
    }

    /// The stretch of each of `count` equal parts.
    pub(crate) fn part(self, count: u64) -> u64 {
        (self.to - self.from + 1).div_ceil(count)
    }
}

struct Signal {
    shape: Shape,
    random: Random,
    /// In the shape's smallest unit.
    level: i64,
    age: i64,
}

impl Signal {
    fn new(shape: Shape, number: u64) -> Self {
        let mut random = Random(0xAF7E_0000 + number);
        let level = match shape {
            Shape::Walk => random.within(0, 20_000_000),
            Shape::Sensor => 2_000,
            Shape::Counter | Shape::Constant | Shape::Noise => 42,
        };
        Self { shape, random, level, age: 0 }
    }

    // Far below 2^53.
    fn next(&mut self) -> f64 {
        self.age += 1;
        match self.shape {
            Shape::Walk => {
                self.level += self.random.within(-500_000, 500_000);
                self.level as f64 / 1e6
            }
            Shape::Sensor => {
                const DAY: f64 = 86_400_000.0 / STEP_MILLISECONDS as f64;
                let rise = (self.age as f64 / DAY * std::f64::consts::TAU).sin();
                ((2_000.0 + 800.0 * rise).round() + self.random.within(-3, 3) as f64) / 100.0
            }
            Shape::Counter => {
                self.level += self.random.within(0, 200);
                self.level as f64
            }
            Shape::Constant => self.level as f64,
            Shape::Noise => (self.random.next() >> 11) as f64 / (1_u64 << 53) as f64,
        }
    }
}

/// SplitMix64: small, and the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// Uniform, both ends included.
    pub(crate) fn within(&mut self, least: i64, most: i64) -> i64 {
        let count = most.abs_diff(least) + 1;
        least + i64::try_from(self.next() % count).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(shape: Shape, count: u64) -> Vec<f64> {
        Source::new(shape, 1).batch(count).values.concat()
    }

    #[test]
    fn sources_repeat_themselves() {
        for shape in Shape::ALL {
            let (mut once, mut again) = (Source::new(shape, 3), Source::new(shape, 3));
            let whole = once.batch(20);
            let (first, second) = (again.batch(8), again.batch(12));
            assert_eq!(whole.values, [first.values, second.values].concat(), "{shape:?}");
            assert_eq!(second.first_millisecond, FIRST_MILLISECOND + 8 * STEP_MILLISECONDS);
        }
    }

    #[test]
    fn shapes_are_what_they_are_called() {
        let decimals = |value: &f64| value.to_string().split_once('.').map_or(0, |(_, digits)| digits.len());
        assert!(values(Shape::Walk, 1_000).windows(2).all(|two| (two[0] - two[1]).abs() < 0.500_001));
        assert_eq!(values(Shape::Walk, 1_000).iter().map(decimals).max(), Some(6));
        assert_eq!(values(Shape::Sensor, 1_000).iter().map(decimals).max(), Some(2));
        assert!(values(Shape::Counter, 1_000).is_sorted());
        assert!(values(Shape::Noise, 1_000).iter().any(|value| decimals(value) > 16));
    }

    #[test]
    fn instants_are_regular() {
        let batch = Source::new(Shape::Constant, 2).batch(3);
        let times: Vec<_> = batch.instants().map(|(time, _)| time).collect();
        assert_eq!(times, [FIRST_MILLISECOND, FIRST_MILLISECOND + 100, FIRST_MILLISECOND + 200]);
        assert_eq!((Span::first(3).to, Span::first(10).part(9)), (times[2], 101));
    }
}
