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

use afterglow_wire::telemetry::SignalDetails;

use crate::boards::metadata::SignalMetadata;
use crate::time::Span;
use crate::time::span::LONGEST;

pub use loaded::{Fetched, Loaded};
pub use outline::Outline;
pub use ring::Ring;
pub use series::{SAMPLES, Series};
pub use trace::{Newest, Part, Trace};

/// Most signals kept; samples of further ones are counted and dropped.
pub const SIGNALS: usize = 5_000;

/// Most late samples that wait to be added to what was fetched; of more it is fetched again.
const LATE: usize = 100_000;

/// Samples that are older than the stream, in the order in which they were committed.
#[derive(Debug, Default)]
pub struct Late {
    /// By signal: times and values.
    pub samples: HashMap<String, Vec<(i64, f64)>>,
    /// The server's time when the last of them were committed.
    pub committed: i64,
    /// Whether there were too many, and some are not here.
    pub is_lost: bool,
    count: usize,
}

/// The samples of the last `window` microseconds, by signal.
#[derive(Debug)]
pub struct History {
    window: i64,
    series: Vec<Series>,
    by_name: HashMap<String, usize>,
    newest: Option<i64>,
    /// From here on everything that is stored is here.
    since: Option<i64>,
    /// When the oldest sample of a signal that sends at present was taken, as the server says.
    first: Option<i64>,
    /// Whether the server has said which signals there are.
    is_described: bool,
    late: Late,
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
            first: None,
            is_described: false,
            late: Late::default(),
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

    /// How far outside of `span` samples are that a signal's line there comes from, or goes to, in microseconds: a fourth of what
    /// is shown, and of a signal that has few samples more.
    pub fn reach(&self, name: &str, span: Span) -> i64 {
        let interval = self.get(name).and_then(Series::usual_interval).unwrap_or_default();
        (span.width() / 4).max(interval.saturating_mul(2)).min(LONGEST)
    }

    /// From which instant on everything that is stored is here; none before the stream began.
    pub fn since(&self) -> Option<i64> {
        self.since
    }

    /// From which instant on every sample of this series is here; none before the stream began.
    pub fn complete_since(&self, series: &Series) -> Option<i64> {
        Some(self.since?.max(series.evicted()))
    }

    /// The newest sample's time.
    pub fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// When the oldest sample of a signal that sends at present was taken.
    pub fn oldest(&self) -> Option<i64> {
        self.first.or_else(|| self.series.iter().filter_map(|series| series.ring().first_time()).min())
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
        series.evict(self.since.unwrap_or(i64::MIN).max(newest.saturating_sub(self.window)));
    }

    /// Records one sample of the signal called `name`.
    pub fn record(&mut self, name: &str, time: i64, value: f64) {
        if let Some(index) = self.enter(name) {
            self.extend(index, &[time], &[value]);
        }
    }

    /// Samples of the signal at `index`, in order of time, were committed at the server's time `committed`: those that are older
    /// than what is here belong to what was fetched.
    pub fn note_late(&mut self, index: usize, times: &[i64], values: &[f64], committed: i64) {
        let (Some(since), Some(series)) = (self.since, self.series.get_mut(index)) else { return };
        let count = times.partition_point(|time| *time < since);
        let (Some(first), Some(last)) = (times.first(), times.get(..count).and_then(<[i64]>::last)) else {
            return;
        };
        series.came_late(Span { from: *first, to: last + 1 }, committed);
        self.first = self.first.map(|known| known.min((*first).max(committed.saturating_sub(self.window))));
        self.changes += 1;
        if self.late.count + count > LATE {
            self.late = Late { is_lost: true, ..Late::default() };
            return;
        }
        self.late.count += count;
        self.late.committed = committed;
        let samples = times.iter().copied().zip(values.iter().copied()).take(count);
        self.late.samples.entry(series.name().to_owned()).or_default().extend(samples);
    }

    /// The samples that [`Self::note_late`] was given since this was last called.
    pub fn take_late(&mut self) -> Late {
        std::mem::take(&mut self.late)
    }

    /// What the server says of the signals, also of those of which there are no samples here.
    pub fn note_details(&mut self, signals: &[SignalDetails], now: i64) {
        let recent = now.saturating_sub(self.window);
        let firsts = signals.iter().filter(|signal| signal.last.micros() >= recent);
        self.is_described = true;
        self.first = firsts.map(|signal| signal.first.micros()).min().or(self.first);
        self.changes += 1;
        for details in signals {
            if let Some(series) = self.enter(&details.name).and_then(|index| self.series.get_mut(index)) {
                series.note_details(details);
            }
        }
    }

    /// Whether the server has said which signals there are.
    pub fn is_described(&self) -> bool {
        self.is_described
    }

    /// Something may be missed from now on, such as a deletion: what the server said of the signals until now does not outlast
    /// [`Self::forget`].
    pub fn doubt(&mut self) {
        self.series.iter_mut().for_each(Series::doubt);
    }

    /// What is here may not be stored any more: the stream begins again.
    pub fn forget(&mut self) {
        self.changes += 1;
        self.series.iter_mut().for_each(Series::forget);
    }

    /// From `since` on every sample that is stored is here, and what is newer arrives live.
    pub fn begin(&mut self, since: i64) {
        self.changes += 1;
        self.since = Some(since);
        // There may be a hole in what is here of the time before.
        for series in &mut self.series {
            series.settle();
            series.evict(since);
        }
    }

    /// Merges late samples and drops those that left the window which ends at `edge`, or are older than the stream.
    pub fn advance(&mut self, edge: i64) {
        let first = self.since.unwrap_or(i64::MIN).max(edge.saturating_sub(self.window));
        for series in &mut self.series {
            series.settle();
            series.evict(first);
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
    fn what_begins_again_has_no_holes() {
        let mut history = History::new(1_000);
        let index = history.enter("a").unwrap();
        history.extend(index, &[10, 20], &[1.0, 2.0]);
        history.begin(5);
        assert_eq!(history.complete_since(&history.series()[index]), Some(5));
        history.extend(index, &[500], &[3.0]);
        history.begin(400);
        assert_eq!((history.sample_count(), history.since()), (1, Some(400)));
    }

    #[test]
    fn only_samples_from_before_the_stream_come_late() {
        let mut history = History::new(1_000);
        let index = history.enter("a").unwrap();
        let late = |history: &History| history.series()[index].late();
        history.note_late(index, &[0, 10], &[1.0; 2], 20);
        assert_eq!(late(&history), None, "nothing was fetched yet");
        history.begin(100);
        history.note_late(index, &[100, 200], &[1.0; 2], 210);
        assert_eq!(late(&history), None);
        history.note_late(index, &[50, 99, 200], &[1.0; 3], 220);
        history.note_late(index, &[20], &[2.0], 230);
        assert_eq!(late(&history), Some((Span { from: 20, to: 100 }, 230)));
        let taken = history.take_late();
        assert_eq!(
            (taken.samples["a"].as_slice(), taken.committed),
            (&[(50, 1.0), (99, 1.0), (20, 2.0)][..], 230)
        );
        assert!(history.take_late().samples.is_empty());
        let many: Vec<i64> = (0..LATE as i64 + 1).map(|n| n - 1_000_000).collect();
        history.note_late(index, &many, &vec![0.0; many.len()], 240);
        assert!(history.take_late().is_lost);
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
