//! What one can ask the store, and how the answer is handed over.

use std::collections::HashMap;

use afterglow_wire::Timestamp;

use super::{Bucket, Span, Stopped};
use crate::signals::Selector;

/// A question for samples.
#[derive(Clone, Debug)]
pub struct Query {
    /// Which instants.
    pub span: Span,
    /// Which signals.
    pub signals: Selector,
    /// How much of each signal.
    pub detail: Detail,
}

/// How much of a signal's samples an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// All of them; the lowest and highest of each minute or hour that has expired.
    Samples,
    /// At most this many points (at least 1): of more samples, the lowest and highest of each slice of time.
    Points(u32),
    /// What they amount to in each of this many (at least 1) equally long slices of the span. Minutes and hours that have
    /// expired belong to the slice in which they begin.
    Slices(u32),
}

impl Detail {
    /// At most this many points; all samples when absent.
    pub fn at_most(max_points: Option<u32>) -> Self {
        max_points.map_or(Self::Samples, Self::Points)
    }
}

impl Query {
    /// Everything there is.
    pub fn everything() -> Self {
        Self {
            span: Span { from: Timestamp::MIN, to: Timestamp::MAX },
            signals: Selector::everything(),
            detail: Detail::Samples,
        }
    }
}

/// Takes an answer piece by piece, so that no answer need be in memory as a whole.
pub trait Sink {
    /// The points that follow belong to the signal called `name`. Only signals with points are begun.
    ///
    /// # Errors
    /// [`Stopped::Cancelled`] when the rest is no longer wanted.
    fn series(&mut self, name: &str) -> Result<(), Stopped>;

    /// Points of the series begun last, later than those before: microseconds and finite values.
    ///
    /// # Errors
    /// [`Stopped::Cancelled`] when the rest is no longer wanted.
    fn points(&mut self, times: &[i64], values: &[f64]) -> Result<(), Stopped>;

    /// Slices of the series begun last, later than those before, as [`Detail::Slices`] asks for them. For a sink that knows
    /// only points, the lowest value of a slice is at its beginning, and the highest a microsecond later.
    ///
    /// # Errors
    /// [`Stopped::Cancelled`] when the rest is no longer wanted.
    fn slices(&mut self, slices: &[Bucket]) -> Result<(), Stopped> {
        for slice in slices {
            let both = [slice.min, slice.max];
            let values = if slice.max > slice.min { &both[..] } else { &both[..1] };
            self.points(&[slice.start, slice.start.saturating_add(1)][..values.len()], values)?;
        }
        Ok(())
    }

    /// The series begun last has ended, and is not known in full: the lowest and highest of each `slice` microseconds stand
    /// for the samples, or slices are known only up to that much. Not called for a series that is whole.
    ///
    /// # Errors
    /// [`Stopped::Cancelled`] when the rest is no longer wanted.
    fn reduced(&mut self, slice: i64) -> Result<(), Stopped> {
        let _ = slice;
        Ok(())
    }

    /// Asked every few milliseconds of work, also while nothing is found.
    ///
    /// # Errors
    /// [`Stopped::Cancelled`] or [`Stopped::Timeout`] when the work is not worth going on with.
    fn check(&mut self) -> Result<(), Stopped> {
        Ok(())
    }
}

/// Counts the samples of each signal.
#[derive(Default)]
pub(super) struct Counts {
    by_name: HashMap<String, u64>,
    name: String,
}

impl Counts {
    /// How many the signal `name` has.
    pub(super) fn of(&self, name: &str) -> u64 {
        self.by_name.get(name).copied().unwrap_or(0)
    }

    fn add(&mut self, count: u64) {
        *self.by_name.entry(self.name.clone()).or_default() += count;
    }
}

impl Sink for Counts {
    fn series(&mut self, name: &str) -> Result<(), Stopped> {
        name.clone_into(&mut self.name);
        Ok(())
    }

    fn points(&mut self, times: &[i64], _: &[f64]) -> Result<(), Stopped> {
        self.add(times.len() as u64);
        Ok(())
    }

    fn slices(&mut self, slices: &[Bucket]) -> Result<(), Stopped> {
        self.add(slices.iter().map(|slice| slice.count.unsigned_abs()).sum());
        Ok(())
    }
}

/// The extent, count and last value of a signal.
#[derive(Clone, Debug, PartialEq)]
pub struct Details {
    /// Its name.
    pub name: String,
    /// Its earliest sample.
    pub first: Timestamp,
    /// Its latest sample.
    pub last: Timestamp,
    /// The latest sample's value.
    pub last_value: f64,
    /// How many samples it has, expired ones included; a sample that was sent again may count twice for a while.
    pub count: u64,
}
