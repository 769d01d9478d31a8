//! What is known of the samples of a slot, and how neighbouring slots add up.

use afterglow_wire::rule::Of;

/// What is known of some samples in order.
pub(crate) trait Part: Clone {
    /// One sample.
    fn of(at: i64, value: f64) -> Self;
    /// A later sample.
    fn push(&mut self, at: i64, value: f64) {
        self.add(&Self::of(at, value));
    }
    /// Later samples.
    fn add(&mut self, later: &Self);
}

/// Count and sum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sums {
    count: u32,
    sum: f64,
}

impl Part for Sums {
    fn of(_: i64, value: f64) -> Self {
        Self { count: 1, sum: value }
    }

    fn add(&mut self, later: &Self) {
        self.sum += later.sum;
        self.count = self.count.saturating_add(later.count);
    }
}

impl Sums {
    pub(crate) fn value(&self, of: Of) -> Option<f64> {
        let count = f64::from(self.count);
        match of {
            Of::Sum => Some(self.sum),
            Of::Count => Some(count),
            _ => Some(self.sum / count),
        }
        .filter(|value| value.is_finite())
    }
}

/// Count, sum, and squares of the distances from the mean.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moments {
    count: u32,
    sum: f64,
    squares: f64,
}

impl Part for Moments {
    fn of(_: i64, value: f64) -> Self {
        Self { count: 1, sum: value, squares: 0.0 }
    }

    /// Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances" (1979).
    fn add(&mut self, later: &Self) {
        let (n, m) = (f64::from(self.count), f64::from(later.count));
        let apart = later.sum / m - self.sum / n;
        self.squares += later.squares + apart * apart * n * m / (n + m);
        self.sum += later.sum;
        self.count = self.count.saturating_add(later.count);
    }
}

impl Moments {
    /// The standard deviation of two samples and more.
    pub(crate) fn deviation(&self) -> Option<f64> {
        let deviation = (self.count >= 2).then(|| (self.squares / f64::from(self.count)).max(0.0).sqrt());
        deviation.filter(|value| value.is_finite())
    }
}

/// The lowest and the highest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extremes {
    lowest: f64,
    highest: f64,
    several: bool,
}

impl Part for Extremes {
    fn of(_: i64, value: f64) -> Self {
        Self { lowest: value, highest: value, several: false }
    }

    fn add(&mut self, later: &Self) {
        self.lowest = self.lowest.min(later.lowest);
        self.highest = self.highest.max(later.highest);
        self.several = true;
    }
}

impl Extremes {
    pub(crate) fn value(&self, of: Of) -> Option<f64> {
        match of {
            Of::Min => Some(self.lowest),
            Of::Max => Some(self.highest),
            _ => self.several.then_some(self.highest - self.lowest).filter(|range| range.is_finite()),
        }
    }
}

/// The first and the last, and by how much a counter has grown in between.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steps {
    first: (i64, f64),
    last: (i64, f64),
    grown: f64,
}

impl Part for Steps {
    fn of(at: i64, value: f64) -> Self {
        Self { first: (at, value), last: (at, value), grown: 0.0 }
    }

    fn add(&mut self, later: &Self) {
        let (before, after) = (self.last.1, later.first.1);
        // A counter that is lower than before has begun again at 0.
        self.grown += if after >= before { after - before } else { after };
        self.grown += later.grown;
        self.last = later.last;
    }
}

impl Steps {
    pub(crate) fn value(&self, first: bool, counter: bool, per: f64) -> Option<f64> {
        if first {
            return Some(self.first.1);
        }
        let time = (self.last.0 - self.first.0) as f64 / crate::SECOND as f64;
        let grown = if counter { self.grown } else { self.last.1 - self.first.1 };
        (time > 0.0).then(|| grown / time * per).filter(|rate| rate.is_finite())
    }
}

/// Values kept of one slot at most; of more, every second, fourth and so on.
const KEPT: usize = 256;

/// The values, as far as there is room.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    /// Each stands for this number of samples.
    values: Vec<(f64, u32)>,
    /// How many samples each value of the running slot stands for, and how many came since the last that was kept.
    stride: u32,
    skipped: u32,
}

impl Part for Values {
    fn of(_: i64, value: f64) -> Self {
        Self { values: vec![(value, 1)], stride: 1, skipped: 0 }
    }

    fn push(&mut self, _: i64, value: f64) {
        self.skipped += 1;
        if self.skipped < self.stride {
            return;
        }
        self.skipped = 0;
        if self.values.len() == KEPT {
            let mut index = 0;
            self.values.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride *= 2;
            self.values.iter_mut().for_each(|(_, weight)| *weight *= 2);
        }
        self.values.push((value, self.stride));
    }

    fn add(&mut self, later: &Self) {
        self.values.extend_from_slice(&later.values);
    }
}

impl Values {
    pub(crate) fn value(mut self, of: Of) -> Option<f64> {
        let Of::Percentile(percent) = of else { return None };
        self.values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let samples: u64 = self.values.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let wanted = (samples * u64::from(percent)).div_ceil(100);
        let mut seen = 0;
        self.values.iter().find_map(|(value, weight)| {
            seen += u64::from(*weight);
            (seen >= wanted).then_some(*value)
        })
    }
}
