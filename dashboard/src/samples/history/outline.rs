//! How much of a signal the samples in memory are.

/// The older part of a series may hold only what its shape needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outline {
    /// From here on every sample is there, in microseconds.
    pub until: i64,
    /// Before it, the lowest and the highest of each stretch of this many microseconds.
    pub resolution: i64,
}
