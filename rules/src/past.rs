//! What a host has stored of signals.

/// What is stored of signals: where windows find what came late.
pub trait Past {
    /// The samples of a signal from an instant to another, both included, in order; `None` when they cannot be had now.
    fn samples(&mut self, signal: u32, from: i64, to: i64) -> Option<Vec<(i64, f64)>>;

    /// The means of a signal's minutes from the one that begins at `from` up to and without the one that begins at `to`, of those that have samples, in
    /// order; `None` when they cannot be had now.
    fn minutes(&mut self, signal: u32, from: i64, to: i64) -> Option<Vec<f64>>;
}

/// No past: late samples do not count, and nothing is usual.
impl Past for () {
    fn samples(&mut self, _: u32, _: i64, _: i64) -> Option<Vec<(i64, f64)>> {
        None
    }

    fn minutes(&mut self, _: u32, _: i64, _: i64) -> Option<Vec<f64>> {
        None
    }
}
