//! What one can ask the store, and how the answer is handed over.

use afterglow_wire::Timestamp;

use super::{Span, Stopped};
use crate::signals::Selector;

/// A question for samples.
#[derive(Clone, Debug)]
pub struct Query {
    /// Which instants.
    pub span: Span,
    /// Which signals.
    pub signals: Selector,
    /// At most how many points a signal may have in the answer; all its samples when absent.
    pub max_points: Option<u32>,
}

impl Query {
    /// Everything there is.
    pub fn everything() -> Self {
        Self {
            span: Span { from: Timestamp::MIN, to: Timestamp::MAX },
            signals: Selector::everything(),
            max_points: None,
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

    /// Asked every few milliseconds of work, also while nothing is found.
    ///
    /// # Errors
    /// [`Stopped::Cancelled`] or [`Stopped::Timeout`] when the work is not worth going on with.
    fn check(&mut self) -> Result<(), Stopped> {
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
