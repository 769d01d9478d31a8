//! The means of a signal's minutes, of which what is usual is learned.

use afterglow_wire::{Timestamp, name};

use crate::signals::Selector;
use crate::store::{Bucket, Detail, Query, Sink, Span, Stopped, Store, StoreError};

const MINUTE: i64 = 60_000_000;

/// The means of the minutes of the signal called `signal` that begin in `from..to`, which whole minutes separate, each with the instant at which it begins;
/// where minutes have expired, those of hours. `check` is asked now and then whether this is still wanted. Blocks.
///
/// # Errors
/// As [`Store::query_in_pieces`].
pub fn read(
    store: &Store,
    signal: &str,
    (from, to): (i64, i64),
    check: &mut dyn FnMut() -> Result<(), Stopped>,
) -> Result<Vec<(i64, f64)>, StoreError> {
    let minutes = u32::try_from((to - from) / MINUTE).unwrap_or(u32::MAX);
    let query = Query {
        span: Span { from: Timestamp::from_micros(from), to: Timestamp::from_micros(to - 1) },
        signals: Selector::new(&[name::exactly(signal)]),
        detail: Detail::Slices(minutes),
    };
    let mut means = Means { found: Vec::new(), check };
    store.query_in_pieces(&query, &mut means)?;
    Ok(means.found)
}

struct Means<'c> {
    found: Vec<(i64, f64)>,
    check: &'c mut dyn FnMut() -> Result<(), Stopped>,
}

impl Sink for Means<'_> {
    fn series(&mut self, _: &str) -> Result<(), Stopped> {
        (self.check)()
    }

    fn points(&mut self, _: &[i64], _: &[f64]) -> Result<(), Stopped> {
        Ok(())
    }

    fn slices(&mut self, slices: &[Bucket]) -> Result<(), Stopped> {
        self.found.extend(slices.iter().map(|slice| (slice.start, slice.sum / slice.count as f64)));
        Ok(())
    }

    fn check(&mut self) -> Result<(), Stopped> {
        (self.check)()
    }
}
