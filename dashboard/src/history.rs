//! The last hour of every signal, in memory: plain data, written by the feed and read by the frame loop.

mod loaded;
mod ring;
mod series;
mod trace;

use std::collections::HashMap;

use crate::time::Span;

pub use loaded::Loaded;
pub use ring::Ring;
pub use series::{Outline, SAMPLES, Series};
pub use trace::{Part, Trace};

/// Most signals kept; samples of further ones are counted and dropped.
pub const SIGNALS: usize = 5_000;

/// The samples of the last `window` microseconds, by signal.
#[derive(Debug)]
pub struct History {
    window: i64,
    series: Vec<Series>,
    by_name: HashMap<String, usize>,
    newest: Option<i64>,
    /// From here on everything that was ever stored is here, but for what a series says of itself.
    since: Option<i64>,
    ignored: u64,
    changes: u64,
}

impl History {
    /// No samples yet; `window` in microseconds.
    pub fn new(window: i64) -> Self {
        Self {
            window,
            series: Vec::new(),
            by_name: HashMap::new(),
            newest: None,
            since: None,
            ignored: 0,
            changes: 0,
        }
    }

    /// The window's length in microseconds.
    pub fn window(&self) -> i64 {
        self.window
    }

    /// All signals, in the order in which they were first seen; an index stays with its signal.
    pub fn series(&self) -> &[Series] {
        &self.series
    }

    /// The index of the signal called `name`.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The series of the signal called `name`.
    pub fn get(&self, name: &str) -> Option<&Series> {
        self.series.get(self.index_of(name)?)
    }

    /// From which instant on everything was loaded; none while nothing was.
    pub fn since(&self) -> Option<i64> {
        self.since
    }

    /// From which instant on every sample of this series is here; none while nothing was loaded.
    pub fn complete_since(&self, series: &Series) -> Option<i64> {
        let outlined = series.outline().map_or(i64::MIN, |outline| outline.until);
        Some(self.loaded_since(series)?.max(outlined))
    }

    /// From which instant on the shape of this series is here; none while nothing was loaded.
    pub fn loaded_since(&self, series: &Series) -> Option<i64> {
        Some(self.since?.max(series.evicted()))
    }

    /// The newest sample's time.
    pub fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// The oldest sample's time.
    pub fn oldest(&self) -> Option<i64> {
        self.series.iter().filter_map(|series| series.ring().first_time()).min()
    }

    /// How many samples there are.
    pub fn sample_count(&self) -> usize {
        self.series.iter().map(|series| series.ring().len()).sum()
    }

    /// How many samples were dropped because there were too many signals.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Changes with every sample.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Records a sample that arrived live.
    pub fn record(&mut self, name: &str, time: i64, value: f64) {
        let window = self.window;
        self.note(time);
        if let Some(series) = self.series_mut(name) {
            series.record(time, value);
            // Also here, not only in `advance`: a hidden page paints no frames, but memory stays bounded.
            series.evict(time.saturating_sub(window));
        }
    }

    /// Makes a signal known of which there may be no samples here: its newest, if it ever had one.
    pub fn know(&mut self, name: &str, newest: Option<(i64, f64)>) {
        if let Some(series) = self.series_mut(name)
            && let Some((time, value)) = newest
        {
            series.remember(time, value);
        }
    }

    /// Merges samples that a query returned, in time order. `stored` is how many samples of this signal the server
    /// has in all, when that is known.
    pub fn merge(&mut self, name: &str, samples: Vec<(i64, f64)>, loaded: Loaded, stored: Option<u64>) {
        if let Some((newest, _)) = samples.last() {
            self.note(*newest);
        }
        if let Some(series) = self.series_mut(name) {
            let whole = stored.is_some_and(|stored| stored <= loaded.max_points as u64);
            let outline = loaded.outline(samples.iter().map(|(time, _)| *time)).filter(|_| !whole);
            series.settle();
            series.merge(samples);
            if let Some(outline) = outline {
                series.mark(outline);
            }
        }
    }

    /// All that is stored of `span`, of every signal, has been merged, and what is newer arrives live.
    pub fn loaded(&mut self, span: Span) {
        self.changes += 1;
        let continued = self.since.filter(|since| span.to >= *since);
        self.since = Some(continued.map_or(span.from, |since| since.min(span.from)));
    }

    /// Merges late samples and drops those that left the window which ends at `edge`.
    pub fn advance(&mut self, edge: i64) {
        for series in &mut self.series {
            series.settle();
            series.evict(edge.saturating_sub(self.window));
        }
    }

    fn note(&mut self, time: i64) {
        self.changes += 1;
        self.newest = Some(self.newest.map_or(time, |newest| newest.max(time)));
    }

    fn series_mut(&mut self, name: &str) -> Option<&mut Series> {
        let index = match self.by_name.get(name) {
            Some(index) => *index,
            None if self.series.len() >= SIGNALS => {
                self.ignored += 1;
                return None;
            }
            None => {
                self.series.push(Series::new(name.to_owned()));
                self.by_name.insert(name.to_owned(), self.series.len() - 1);
                self.series.len() - 1
            }
        };
        self.series.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides_and_memory_stays_bounded() {
        let mut history = History::new(100);
        for time in 0..10_000 {
            history.record("a", time, 1.0);
        }
        assert!(history.sample_count() <= 101);
        history.advance(10_050);
        assert_eq!(history.sample_count(), 50);
        assert_eq!(history.newest(), Some(9_999));
    }

    #[test]
    fn a_query_that_overlaps_adds_nothing_twice() {
        let mut history = History::new(1_000);
        for time in 0..10 {
            history.record("a", time, 1.0);
        }
        let loaded = Loaded { span: Span { from: 0, to: 15 }, max_points: 100 };
        history.merge("a", (5..15).map(|time| (time, 1.0)).collect(), loaded, None);
        assert_eq!(history.sample_count(), 15);
    }

    #[test]
    fn too_many_signals_are_counted_not_kept() {
        let mut history = History::new(1_000);
        for n in 0..SIGNALS + 3 {
            history.record(&format!("s{n}"), 1, 1.0);
        }
        assert_eq!((history.series().len(), history.ignored()), (SIGNALS, 3));
    }
}
