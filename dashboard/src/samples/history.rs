//! The last hour of every signal, in memory: plain data, written by the feed and read by the frame loop.

pub mod gaps;
mod loaded;
mod outline;
pub mod pyramid;
mod ring;
mod series;
mod trace;

use std::collections::HashMap;
use std::rc::Rc;

use crate::boards::metadata::SignalMetadata;
use crate::time::Span;

pub use loaded::{Fetched, Loaded};
pub use outline::Outline;
pub use ring::Ring;
pub use series::{SAMPLES, Series};
pub use trace::{Newest, Part, Trace};

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
    metadata: Rc<SignalMetadata>,
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
            metadata: Rc::default(),
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

    /// How often a signal was turned away because there were too many.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Changes with every sample.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The index of the signal called `name`, which becomes known by it; none when there are too many.
    pub fn enter(&mut self, name: &str) -> Option<usize> {
        if let Some(index) = self.by_name.get(name) {
            return Some(*index);
        }
        self.changes += 1;
        if self.series.len() >= SIGNALS {
            self.ignored += 1;
            return None;
        }
        let mut series = Series::new(name.to_owned());
        series.expect(self.metadata.period(name));
        self.series.push(series);
        self.by_name.insert(name.to_owned(), self.series.len() - 1);
        Some(self.series.len() - 1)
    }

    /// Takes over how often people say that samples come.
    pub fn set_metadata(&mut self, metadata: &Rc<SignalMetadata>) {
        self.metadata = Rc::clone(metadata);
        self.changes += 1;
        for series in &mut self.series {
            let period = metadata.period(series.name());
            series.expect(period);
        }
    }

    /// Only the signals that `is_kept` names are kept up to date from now on: of the others only their newest value stays,
    /// because what is here of them would have holes.
    pub fn keep(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.changes += 1;
        for series in self.series.iter_mut().filter(|series| !is_kept(series.name())) {
            series.clear();
        }
    }

    /// Records samples of the signal at `index`, in order of time.
    pub fn extend(&mut self, index: usize, times: &[i64], values: &[f64]) {
        let (Some(series), Some(newest)) = (self.series.get_mut(index), times.last()) else { return };
        self.changes += 1;
        self.newest = Some(self.newest.map_or(*newest, |known| known.max(*newest)));
        times.iter().zip(values).for_each(|(time, value)| series.record(*time, *value));
        // Also here, not only in `advance`: a hidden page paints no frames, but memory stays bounded.
        series.evict(newest.saturating_sub(self.window));
    }

    /// Records one sample of the signal called `name`.
    pub fn record(&mut self, name: &str, time: i64, value: f64) {
        if let Some(index) = self.enter(name) {
            self.extend(index, &[time], &[value]);
        }
    }

    /// The samples so far of the signal at `index` are only an outline, of slices of `resolution` microseconds.
    pub fn mark(&mut self, index: usize, resolution: i64) {
        if let Some(series) = self.series.get_mut(index)
            && let Some((latest, _)) = series.latest()
        {
            series.mark(Outline { until: latest + 1, resolution });
        }
    }

    /// The newest sample of a signal, of which there may be no samples here, as the server has it.
    pub fn note_latest(&mut self, name: &str, (time, value): (i64, f64)) {
        let Some(series) = self.enter(name).and_then(|index| self.series.get_mut(index)) else { return };
        series.remember(time, value);
        self.changes += 1;
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
    fn samples_that_come_again_are_there_once() {
        let mut history = History::new(1_000);
        let index = history.enter("a").unwrap();
        let times: Vec<i64> = (0..15).collect();
        history.extend(index, &times[..10], &[1.0; 10]);
        history.extend(index, &times[5..], &[1.0; 10]);
        history.advance(15);
        assert_eq!(history.sample_count(), 15);
    }

    #[test]
    fn only_what_came_after_an_outline_is_complete() {
        let mut history = History::new(1_000);
        let index = history.enter("a").unwrap();
        history.extend(index, &[10, 20], &[1.0, 2.0]);
        history.loaded(Span { from: 0, to: 30 });
        let since = |history: &History| history.complete_since(history.get("a").unwrap());
        assert_eq!(since(&history), Some(0));
        history.mark(index, 5);
        assert_eq!(since(&history), Some(21));
        history.record("a", 25, 1.0);
        assert_eq!(since(&history), Some(21));
    }

    #[test]
    fn of_signals_that_are_not_kept_only_the_newest_value_stays() {
        let mut history = History::new(1_000);
        for name in ["a", "b"] {
            history.record(name, 10, 1.0);
            history.record(name, 5, 0.5);
        }
        history.keep(|name| name == "a");
        history.advance(20);
        let left = |name: &str| history.get(name).map(|series| (series.ring().len(), series.latest()));
        assert_eq!(left("a"), Some((2, Some((10, 1.0)))));
        assert_eq!(left("b"), Some((0, Some((10, 1.0)))));
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
