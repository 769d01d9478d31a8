//! What components show of the samples: a few numbers, found at most a few times a second.

use crate::boards::metadata::SignalMetadata;
use crate::samples::archive::{Archive, Sight};
use crate::samples::exact::Exact;
use crate::samples::history::pyramid::Extent;
use crate::samples::history::{History, Newest, Series, Trace};
use crate::samples::means::Means;
use crate::time::{HOUR, MINUTE, SECOND, Span};
use crate::values::format::{self, Digits};
use crate::values::unit::Unit;

/// A signal of unknown cadence is stale when its newest value is older than this, in microseconds.
const STALE: i64 = MINUTE;
/// Nor before it is this many times as old as samples of its are apart over its whole life.
const USUAL: i64 = 3;
/// What of a value is not told apart where there is little room.
const SHORT: f64 = 1e-2;
/// No signal is stale before this age, in microseconds.
const FRESH: i64 = 10 * SECOND;

/// What a signal does over the range on screen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// The newest value in it.
    pub last: f64,
    /// Whether that is what is stored; otherwise a later one may not be known yet.
    pub last_is_exact: bool,
    /// In how many decimals the values are given; none when they are continuous.
    pub decimals: Option<usize>,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// Whether no other sample of the range can be smaller or larger.
    pub extremes_are_exact: bool,
    /// The mean of the samples.
    pub mean: f64,
    /// How many samples there are.
    pub samples: u64,
    /// Whether only the lowest and highest of each slice are here: then the number is theirs, and so is a mean that is not
    /// known.
    pub reduced: bool,
    /// Whether the mean is that of all samples of the range, and of no others.
    pub mean_is_exact: bool,
}

impl Window {
    /// How the signal's values are written.
    pub fn digits(&self) -> Digits {
        Digits { resolution: self.decimals, spread: self.max - self.min }
    }

    /// One of the signal's values.
    pub fn text(&self, value: f64, unit: &Unit) -> String {
        self.digits().text(value, unit)
    }

    /// One of the signal's values where there is little room: continuous values of which only late digits differ have six.
    pub fn short_text(&self, value: f64, unit: &Unit) -> String {
        let digits = self.digits();
        Digits { spread: digits.spread.max(value.abs() * SHORT), ..digits }.text(value, unit)
    }

    /// The smallest or the largest value; after a sign when a smaller or a larger one may not be known.
    pub fn extreme_text(&self, value: f64, unit: &Unit) -> String {
        let about = if self.extremes_are_exact { "" } else { "≈ " };
        format!("{about}{}", self.text(value, unit))
    }

    /// The newest value; after a sign when it is not known exactly.
    pub fn last_text(&self, unit: &Unit) -> String {
        let about = if self.last_is_exact { "" } else { "≈ " };
        format!("{about}{}", self.text(self.last, unit))
    }

    /// The mean: as finely as values are distinguished, so that a sine's is zero, whatever its rounding errors; after a sign
    /// when it is not that of exactly the samples on screen.
    pub fn mean_text(&self, unit: &Unit) -> String {
        let spread = self.max - self.min;
        let is_nothing = spread.is_finite() && self.mean.abs() * 1e4 < spread;
        let mean = if is_nothing { 0.0 } else { self.mean };
        let about = if !self.mean_is_exact || is_nothing && self.mean != 0.0 { "≈ " } else { "" };
        format!("{about}{}", Digits { resolution: None, spread }.text(mean, unit))
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
    /// What it does over the range on screen; none without samples there, or while that is not known.
    pub window: Option<Window>,
    /// Whether it is known all over the range on screen, so that a missing [`Self::window`] means that there are no samples.
    pub is_known: bool,
}

/// Everything that is known of samples.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a> {
    /// The last hour.
    pub history: &'a History,
    /// What was fetched.
    pub archive: &'a Archive,
    /// What was found out about single instants.
    pub exact: &'a Exact,
    /// What was found out about means.
    pub means: &'a Means,
}

impl Samples<'_> {
    /// The newest sample of a signal at or before `time` that is known of what is on screen, `span`.
    pub fn newest(&self, name: &str, span: Span, time: i64) -> Option<Newest> {
        let newest = self.archive.newest(self.history, name, span, time)?;
        Some(self.exact.refine(name, time, newest))
    }
}

/// The newest state of everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// A row for each signal, sorted by name.
    pub rows: Vec<Row>,
    /// How many samples are on screen.
    pub samples: u64,
    /// Whether that is their number: every signal is known all over the range, and none is reduced.
    pub is_counted: bool,
    /// Changes when a value was looked up: what shows values at the cursors reads them again.
    pub lookups: u64,
}

impl Summary {
    /// Summarises everything over `sight` as of `now`, in microseconds.
    pub fn new(samples: &Samples, metadata: &SignalMetadata, sight: Sight, now: i64) -> Self {
        let history = samples.history;
        let row = |series| row(series, metadata, samples, sight, now);
        let mut rows: Vec<Row> = history.series().iter().map(row).collect();
        rows.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let count = rows.iter().filter_map(|row| row.window).map(|window| window.samples).sum();
        let is_counted =
            rows.iter().all(|row| row.is_known && !row.window.is_some_and(|window| window.reduced));
        Self { rows, samples: count, is_counted, lookups: samples.exact.changes() }
    }

    /// The row of the signal called `name`.
    pub fn row(&self, name: &str) -> Option<&Row> {
        let index = self.rows.binary_search_by(|row| row.name.as_str().cmp(name)).ok()?;
        self.rows.get(index)
    }
}

fn row(series: &Series, metadata: &SignalMetadata, samples: &Samples, sight: Sight, now: i64) -> Row {
    let name = series.name().to_owned();
    let trace = samples.archive.trace(samples.history, &name, sight);
    let unit = metadata.unit(&name);
    let latest = series.latest();
    let is_known = samples.archive.knows(samples.history, &name, sight, now);
    // Figures of a part would be taken for those of the range.
    let window = if is_known { window(&trace, samples, series, sight) } else { None };
    let text = |(_, value): (i64, f64)| match &window {
        // Beside what is on screen; outside of that, by itself.
        Some(window) if (window.min..=window.max).contains(&value) => window.short_text(value, &unit),
        _ => Digits { resolution: series.decimals(), spread: 0.0 }.text(value, &unit),
    };
    let patience = match trace.threshold().or(series.gaps().threshold()) {
        Some(threshold) => (2 * threshold).max(FRESH),
        None => series.usual_interval().map_or(STALE, |interval| (USUAL * interval).clamp(STALE, HOUR)),
    };
    Row {
        value: latest.map_or_else(|| "–".into(), text),
        age: latest.map_or_else(String::new, |(time, _)| format::age(now - time)),
        stale: latest.is_none_or(|(time, _)| now - time > patience),
        last: latest.map(|(time, _)| time),
        window,
        is_known,
        label: metadata.name(&name).to_owned(),
        name,
        unit,
    }
}

fn window(trace: &Trace, samples: &Samples, series: &Series, sight: Sight) -> Option<Window> {
    let stats = trace.stats(sight.span)?;
    let last = samples.newest(series.name(), sight.span, sight.span.to - 1)?;
    // What was fetched may have values that the last hour has not.
    let decimals = trace.parts().iter().map(|part| part.series.decimals()).collect::<Option<Vec<_>>>();
    let decimals = decimals.and_then(|known| known.into_iter().max()).filter(|_| series.decimals().is_some());
    let reduced = trace.is_reduced(sight.span);
    let stored = if reduced { samples.means.figures(series.name(), trace, sight.span) } else { None };
    let (mean, mean_is_exact) =
        stored.map_or((stats.mean(), !reduced), |figures| (figures.mean, figures.is_exact));
    let extent = stored.and_then(|figures| figures.extent);
    let extremes_are_exact =
        !reduced || extent.is_some() || is_within(samples, series, trace, sight, stats.extent);
    let extent = extent.unwrap_or(stats.extent);
    Some(Window {
        last: last.value,
        last_is_exact: last.is_exact(),
        decimals,
        min: extent.min,
        max: extent.max,
        extremes_are_exact,
        mean,
        mean_is_exact,
        samples: stats.count,
        reduced,
    })
}

/// Whether no sample of an outline that is on screen is beyond `extent`. Only those of the slices over which the range begins
/// and ends may be, when the extremes of such a slice lie outside.
fn is_within(samples: &Samples, series: &Series, trace: &Trace, sight: Sight, extent: Extent) -> bool {
    let outlines = trace.parts().iter().filter_map(|part| part.series.outline());
    let slice = outlines.map(|outline| outline.resolution).max().unwrap_or(0);
    let around = sight.span.widened(slice);
    let wider = samples.archive.trace(samples.history, series.name(), Sight { span: around, ..sight });
    wider.extent(around) == Some(extent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::HOUR;

    fn summary(history: &History, sight: Sight, now: i64) -> Summary {
        let (archive, exact, means) = (Archive::default(), Exact::default(), Means::default());
        Summary::new(
            &Samples { history, archive: &archive, exact: &exact, means: &means },
            &SignalMetadata::default(),
            sight,
            now,
        )
    }

    #[test]
    fn rows_are_sorted_and_dated() {
        let mut history = History::new(HOUR);
        history.record("b", SECOND, 2.0);
        history.record("a_percent", 61 * SECOND, 50.0);
        history.begin(0);
        let sight = Sight::new(Span { from: 0, to: 65 * SECOND }, 100);
        let summary = summary(&history, sight, 65 * SECOND);
        let rows: Vec<_> = summary.rows.iter().map(|r| (&*r.name, &*r.value, &*r.age, r.stale)).collect();
        assert_eq!(rows, [("a_percent", "50 %", "4 s", false), ("b", "2", "1 min", true)]);
        assert_eq!((summary.samples, summary.is_counted), (2, true));
        assert!(summary.row("b").is_some() && summary.row("c").is_none());
    }

    #[test]
    fn what_has_not_been_asked_for_is_not_taken_for_empty() {
        let mut history = History::new(HOUR);
        history.record("a", 100 * SECOND, 1.0);
        history.begin(95 * SECOND);
        let known = |from: i64| {
            let sight = Sight::new(Span { from: from * SECOND, to: 110 * SECOND }, 100);
            let summary = summary(&history, sight, 105 * SECOND);
            let row = summary.row("a").unwrap();
            (row.is_known, row.window.is_some(), summary.is_counted)
        };
        assert_eq!(known(0), (false, false, false), "drawn as far as it is here, but not counted");
        assert_eq!(known(96), (true, true, true));
        assert_eq!(known(101), (true, false, true), "there are no samples");
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
            let summary = summary(&history, sight, now);
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
        let summary = summary(&history, sight, 100 * SECOND);
        let window = summary.rows[0].window.unwrap();
        assert_eq!((window.last, window.min, window.max, window.mean), (19.0, 10.0, 19.0, 14.5));
        assert_eq!((window.samples, window.reduced), (10, false));
        let unit = Unit::none();
        assert_eq!((window.last_text(&unit), window.mean_text(&unit)), ("19".into(), "14.500".into()));
        let disk = Window { decimals: None, min: 73.864_98, max: 73.864_99, ..window };
        assert_eq!(disk.short_text(73.864_987_123, &unit), "73.8650");
        let tenths = Window { decimals: Some(1), min: 1_000.1, max: 1_000.2, ..window };
        assert_eq!(tenths.short_text(1_000.1, &unit), "1000.1");
        let sine = Window { min: -1.0, max: 1.0, mean: -1.7e-16, ..window };
        assert_eq!(sine.mean_text(&unit), "≈ 0");
        let coarse = Window { last_is_exact: false, ..window };
        assert_eq!(coarse.last_text(&unit), "≈ 19");
    }
}
