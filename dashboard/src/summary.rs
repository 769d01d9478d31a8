//! What components show of the history: a few texts, made at most a few times a second.

use crate::format::{self, Unit};
use crate::history::{History, Ring, Series};

/// Older than this a value is shown as stale, in microseconds.
const STALE: i64 = 60_000_000;

/// One signal's row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The signal's name.
    pub name: String,
    /// Its newest value.
    pub value: String,
    /// How old that is.
    pub age: String,
    /// Whether that is too old to be called current.
    pub stale: bool,
    /// How many of its samples the window holds.
    pub samples: usize,
    /// When the newest was taken, in microseconds.
    pub last: Option<i64>,
}

/// The newest state of everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// A row for each signal, sorted by name.
    pub rows: Vec<Row>,
    /// How many samples the window holds.
    pub samples: usize,
    /// From the oldest to the newest of them, in microseconds.
    pub span: Option<(i64, i64)>,
}

impl Summary {
    /// Summarises `history` as of `now`, in microseconds.
    pub fn new(history: &History, now: i64) -> Self {
        let mut rows: Vec<Row> = history.series().iter().map(|series| row(series, now)).collect();
        rows.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let filled = || history.series().iter().map(Series::ring);
        let first = filled().filter_map(Ring::first_time).min();
        let last = filled().filter_map(Ring::last).map(|(time, _)| time).max();
        Self { rows, samples: history.sample_count(), span: first.zip(last) }
    }

    /// The row of the signal called `name`.
    pub fn row(&self, name: &str) -> Option<&Row> {
        let index = self.rows.binary_search_by(|row| row.name.as_str().cmp(name)).ok()?;
        self.rows.get(index)
    }
}

fn row(series: &Series, now: i64) -> Row {
    let name = series.name().to_owned();
    match series.latest() {
        Some((time, value)) => Row {
            value: format::value(value, Unit::of(&name)),
            age: format::age(now - time),
            stale: now - time > STALE,
            samples: series.ring().len(),
            last: Some(time),
            name,
        },
        None => Row { name, value: "–".into(), age: String::new(), stale: true, samples: 0, last: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_dated() {
        let mut history = History::new(3_600_000_000);
        history.record("b", 1_000_000, 2.0);
        history.record("a_percent", 61_000_000, 50.0);
        let summary = Summary::new(&history, 65_000_000);
        let rows: Vec<_> = summary.rows.iter().map(|r| (&*r.name, &*r.value, &*r.age, r.stale)).collect();
        assert_eq!(rows, [("a_percent", "50.00 %", "4 s", false), ("b", "2.000", "1 min", true)]);
        assert_eq!((summary.samples, summary.span), (2, Some((1_000_000, 61_000_000))));
        assert!(summary.row("b").is_some() && summary.row("c").is_none());
    }
}
