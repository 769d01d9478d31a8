//! What components show of the samples: a few numbers, found at most a few times a second.

use crate::boards::metadata::SignalMetadata;
use crate::samples::archive::{Archive, Sight};
use crate::samples::history::{History, Series, Trace};
use crate::time::{MINUTE, SECOND};
use crate::values::format;
use crate::values::unit::Unit;

/// A signal of unknown cadence is stale when its newest value is older than this, in microseconds.
const STALE: i64 = MINUTE;
/// No signal is stale before this age, in microseconds.
const FRESH: i64 = 10 * SECOND;

/// What a signal does over the range on screen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// The newest value in it.
    pub last: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The mean of the samples.
    pub mean: f64,
    /// How many samples there are.
    pub samples: u64,
    /// Whether only the lowest and highest of each slice are here: then the mean is theirs, and so is the number.
    pub reduced: bool,
}

impl Window {
    /// A value of the signal as it is read beside the others: a sine's mean is zero, whatever its rounding errors.
    pub fn text(&self, value: f64, unit: &Unit) -> String {
        format::value_among(value, self.max - self.min, unit)
    }
}

/// One signal.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What it is called.
    pub label: String,
    /// What its values are measured in.
    pub unit: Unit,
    /// Its newest value with its unit.
    pub value: String,
    /// How old that is.
    pub age: String,
    /// Whether it is much older than the signal's cadence lets expect.
    pub stale: bool,
    /// When the newest was taken, in microseconds.
    pub last: Option<i64>,
    /// What it does over the range on screen; none without samples there.
    pub window: Option<Window>,
}

/// The newest state of everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// A row for each signal, sorted by name.
    pub rows: Vec<Row>,
    /// How many samples are on screen.
    pub samples: u64,
}

impl Summary {
    /// Summarises everything over `sight` as of `now`, in microseconds.
    pub fn new(
        history: &History,
        archive: &Archive,
        metadata: &SignalMetadata,
        sight: Sight,
        now: i64,
    ) -> Self {
        let row = |series| {
            let trace = archive.trace(history, Series::name(series), sight);
            row(series, metadata, &trace, sight, now)
        };
        let mut rows: Vec<Row> = history.series().iter().map(row).collect();
        rows.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let samples = rows.iter().filter_map(|row| row.window).map(|window| window.samples).sum();
        Self { rows, samples }
    }

    /// The row of the signal called `name`.
    pub fn row(&self, name: &str) -> Option<&Row> {
        let index = self.rows.binary_search_by(|row| row.name.as_str().cmp(name)).ok()?;
        self.rows.get(index)
    }
}

fn row(series: &Series, metadata: &SignalMetadata, trace: &Trace, sight: Sight, now: i64) -> Row {
    let name = series.name().to_owned();
    let unit = metadata.unit(&name);
    let latest = series.latest();
    let window = window(trace, sight);
    let text = |(_, value): (i64, f64)| match &window {
        Some(window) => window.text(value, &unit),
        None => format::value(value, &unit),
    };
    let patience = series.gaps().threshold().map_or(STALE, |threshold| (2 * threshold).max(FRESH));
    Row {
        value: latest.map_or_else(|| "–".into(), text),
        age: latest.map_or_else(String::new, |(time, _)| format::age(now - time)),
        stale: latest.is_none_or(|(time, _)| now - time > patience),
        last: latest.map(|(time, _)| time),
        window,
        label: metadata.name(&name).to_owned(),
        name,
        unit,
    }
}

fn window(trace: &Trace, sight: Sight) -> Option<Window> {
    let stats = trace.stats(sight.span)?;
    let (_, last) = trace.before(sight.span.to - 1)?;
    let reduced = trace.parts().iter().any(|part| {
        part.series.outline().is_some_and(|outline| part.source != 0 || part.span.from < outline.until)
    });
    Some(Window {
        last,
        min: stats.extent.min,
        max: stats.extent.max,
        mean: stats.mean(),
        samples: stats.count,
        reduced,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{HOUR, Span};

    #[test]
    fn rows_are_sorted_and_dated() {
        let mut history = History::new(HOUR);
        history.record("b", SECOND, 2.0);
        history.record("a_percent", 61 * SECOND, 50.0);
        let sight = Sight::new(Span { from: 0, to: 65 * SECOND }, 100);
        let summary =
            Summary::new(&history, &Archive::default(), &SignalMetadata::default(), sight, 65 * SECOND);
        let rows: Vec<_> = summary.rows.iter().map(|r| (&*r.name, &*r.value, &*r.age, r.stale)).collect();
        assert_eq!(rows, [("a_percent", "50.00 %", "4 s", false), ("b", "2.000", "1 min", true)]);
        assert_eq!(summary.samples, 2);
        assert!(summary.row("b").is_some() && summary.row("c").is_none());
    }

    #[test]
    fn a_signal_is_stale_by_its_own_cadence() {
        let mut history = History::new(24 * HOUR);
        for n in 0..20 {
            history.record("slow", n * 10 * MINUTE, 1.0);
            history.record("fast", 190 * MINUTE - (20 - n) * SECOND, 1.0);
        }
        let sight = Sight::new(Span { from: 0, to: 191 * MINUTE }, 100);
        let stale = |later: i64| {
            let now = 190 * MINUTE + later;
            let summary = Summary::new(&history, &Archive::default(), &SignalMetadata::default(), sight, now);
            summary.rows.iter().map(|row| row.stale).collect::<Vec<_>>()
        };
        assert_eq!(stale(5 * SECOND), [false, false]);
        assert_eq!(stale(30 * SECOND), [true, false]);
        assert_eq!(stale(2 * HOUR), [true, true]);
    }

    #[test]
    fn the_window_has_its_own_figures() {
        let mut history = History::new(HOUR);
        for n in 0..100 {
            history.record("a", n * SECOND, n as f64);
        }
        let sight = Sight::new(Span { from: 10 * SECOND, to: 20 * SECOND }, 100);
        let summary =
            Summary::new(&history, &Archive::default(), &SignalMetadata::default(), sight, 100 * SECOND);
        let window = summary.rows[0].window.unwrap();
        assert_eq!((window.last, window.min, window.max, window.mean), (19.0, 10.0, 19.0, 14.5));
        assert_eq!((window.samples, window.reduced), (10, false));
        let text = |value| window.text(value, &Unit::none());
        assert_eq!([text(-1.7e-16), text(2.5)], ["0.000", "2.500"]);
    }
}
