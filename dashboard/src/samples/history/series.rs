//! One signal's samples and what is derived from them.

use afterglow_wire::telemetry::SignalDetails;

use super::gaps::Gaps;
use super::outline::Outline;
use super::pyramid::{Extent, Pyramid, Stats};
use super::ring::Ring;
use crate::order;
use crate::time::Span;
use crate::values::resolution::Resolution;

/// Most samples of one signal; beyond it the oldest are dropped. 16 MB, or 290 a second for an hour.
pub const SAMPLES: usize = 1 << 20;
/// Late samples wait for [`Series::settle`]; beyond this many they are merged at once.
const WAITING: usize = 4_096;

/// One signal: its samples within the window, their pyramid and their gaps.
///
/// Appending costs the same however many samples there are. Samples that arrive late are collected and
/// merged together, so that a burst of them costs one merge.
#[derive(Debug)]
pub struct Series {
    name: String,
    ring: Ring,
    pyramid: Pyramid,
    gaps: Gaps,
    late: Vec<(i64, f64)>,
    rewrites: u64,
    version: u64,
    /// Kept when the window has moved past it: the list still shows it, with its age.
    latest: Option<(i64, f64)>,
    /// The newest sample that the server has named since [`Self::doubt`].
    described: Option<(i64, f64)>,
    outline: Option<Outline>,
    /// Samples before this were dropped.
    evicted: i64,
    /// Where samples were committed long after they were taken, and when that was last.
    late_span: Option<(Span, i64)>,
    /// Samples a second over the signal's whole life, as the server says.
    rate: f64,
    /// How many samples the server has, at most.
    stored: u64,
    /// When the first of them was taken; none when that is not known.
    first: Option<i64>,
    resolution: Resolution,
}

impl Series {
    /// A signal without samples.
    pub fn new(name: String) -> Self {
        Self {
            name,
            ring: Ring::default(),
            pyramid: Pyramid::default(),
            gaps: Gaps::default(),
            late: Vec::new(),
            rewrites: 0,
            version: 0,
            latest: None,
            described: None,
            outline: None,
            evicted: i64::MIN,
            late_span: None,
            rate: 0.0,
            stored: u64::MAX,
            first: None,
            resolution: Resolution::default(),
        }
    }

    /// The signal's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its samples.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Its gaps.
    pub fn gaps(&self) -> &Gaps {
        &self.gaps
    }

    /// The newest sample ever seen, also when it has left the window.
    pub fn latest(&self) -> Option<(i64, f64)> {
        self.latest
    }

    /// Changes whenever samples before the newest changed; while it is the same, only appends happened.
    pub fn rewrites(&self) -> u64 {
        self.rewrites
    }

    /// Changes with every sample.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The extent of the values within `from..to` in time.
    pub fn extent(&self, from: i64, to: i64) -> Option<Extent> {
        self.pyramid.extent(&self.ring, self.ring.lower_bound(from), self.ring.lower_bound(to))
    }

    /// The extent of the samples at the positions `from..to`.
    pub fn extent_at(&self, from: u64, to: u64) -> Option<Extent> {
        self.pyramid.extent(&self.ring, from, to)
    }

    /// The statistics of the samples within `from..to` in time.
    pub fn stats(&self, from: i64, to: i64) -> Option<Stats> {
        self.pyramid.stats(&self.ring, self.ring.lower_bound(from), self.ring.lower_bound(to))
    }

    /// In how many decimals its values are given; none when they are continuous.
    pub fn decimals(&self) -> Option<usize> {
        self.resolution.decimals()
    }

    /// Which of its samples are only an outline.
    pub fn outline(&self) -> Option<Outline> {
        self.outline
    }

    /// Samples before this instant were dropped.
    pub fn evicted(&self) -> i64 {
        self.evicted
    }

    /// Samples within `span` were committed at the server's time `committed`, long after they were taken.
    pub fn came_late(&mut self, span: Span, committed: i64) {
        self.first = self.first.map(|first| first.min(span.from));
        let known = self.late_span.map_or(span, |(known, _)| known);
        let span = Span { from: span.from.min(known.from), to: span.to.max(known.to) };
        self.late_span = Some((span, committed));
    }

    /// Where samples were committed long after they were taken, and when that was last.
    pub fn late(&self) -> Option<(Span, i64)> {
        self.late_span
    }

    /// What the server says of the signal.
    pub fn note_details(&mut self, details: &SignalDetails) {
        self.described = Some((details.last.micros(), details.last_value));
        self.remember(details.last.micros(), details.last_value);
        (self.stored, self.rate) = (details.count, details.rate);
        self.first = Some(details.first.micros());
    }

    /// How many samples the server has, at most.
    pub fn most_points(&self) -> usize {
        usize::try_from(self.stored).unwrap_or(usize::MAX)
    }

    /// When the server's first sample was taken; none when that is not known.
    pub fn first(&self) -> Option<i64> {
        self.first
    }

    /// The usual time between two samples, in microseconds, as its whole life tells; none when nothing is known.
    pub fn usual_interval(&self) -> Option<i64> {
        (self.rate > 0.0).then(|| (1e6 / self.rate) as i64)
    }

    /// The samples before `outline.until` are only an outline.
    pub fn mark(&mut self, outline: Outline) {
        let coarsest = self.outline.map_or(0, |known| known.resolution);
        self.outline = Some(Outline { resolution: outline.resolution.max(coarsest), ..outline });
        self.outlined();
    }

    /// The time between two samples, in microseconds, where somebody has said it: it decides what is a gap.
    pub fn expect(&mut self, period: Option<i64>) {
        if self.gaps.expected() != period {
            self.gaps.find(&self.ring, period, self.outline);
            self.version += 1;
        }
    }

    /// What is a gap depends on how much is here only where it is not learned.
    fn outlined(&mut self) {
        if let Some(period) = self.gaps.expected() {
            self.gaps.find(&self.ring, Some(period), self.outline);
        }
    }

    /// Records one sample; the last write of a timestamp wins.
    pub fn record(&mut self, time: i64, value: f64) {
        self.stored = self.stored.saturating_add(1);
        match self.ring.last() {
            Some((last, _)) if time <= last => {
                self.late.push((time, value));
                if self.late.len() >= WAITING {
                    self.settle();
                }
            }
            _ => self.append(time, value),
        }
    }

    /// Merges the late samples.
    pub fn settle(&mut self) {
        if !self.late.is_empty() {
            let late = std::mem::take(&mut self.late);
            self.merge(late);
        }
    }

    /// Merges samples of any order; the last write of a timestamp wins, also over what is there already.
    pub fn merge(&mut self, mut samples: Vec<(i64, f64)>) {
        // Stable, so that of equal timestamps the last written stays last.
        order::sort_by_key(&mut samples, |(time, _)| *time);
        let Some((earliest, _)) = samples.first() else { return };
        let at = self.ring.lower_bound(*earliest);
        if at < self.ring.end() {
            self.rewrites += 1;
        }
        let mut old = self.ring.split_off(at).peekable();
        self.pyramid.truncate(at, &self.ring);
        self.gaps.truncate(&self.ring);
        for (time, value) in samples {
            while let Some((before, kept)) = old.next_if(|(old_time, _)| *old_time < time) {
                self.append(before, kept);
            }
            let _replaced = old.next_if(|(old_time, _)| *old_time == time);
            self.append(time, value);
        }
        for (time, value) in old {
            self.append(time, value);
        }
    }

    /// Drops the samples before `time`.
    pub fn evict(&mut self, time: i64) {
        self.evicted = self.evicted.max(time);
        if self.ring.first_time().is_some_and(|first| first < time) {
            self.evict_to(self.ring.lower_bound(time));
        }
    }

    /// Drops all samples; the newest value stays.
    pub fn clear(&mut self) {
        self.late.clear();
        self.rewrites += 1;
        self.version += 1;
        self.evict_to(self.ring.end());
    }

    /// What the server said of the signal may not be so any more.
    pub fn doubt(&mut self) {
        self.described = None;
    }

    /// Drops all samples: they may not be stored any more. As the newest, only the one stays that the server has named since
    /// [`Self::doubt`].
    pub fn forget(&mut self) {
        self.clear();
        (self.latest, self.late_span) = (self.described, None);
    }

    /// Appends a sample that is not older than the newest.
    fn append(&mut self, time: i64, value: f64) {
        self.version += 1;
        self.resolution.learn(value);
        if let Some((last, _)) = self.ring.last() {
            if last == time {
                self.ring.replace_last(value);
                self.pyramid.truncate(self.ring.end() - 1, &self.ring);
                self.pyramid.push(self.ring.end() - 1, value);
                self.remember(time, value);
                return;
            }
            self.gaps.push(last, time);
        }
        self.pyramid.push(self.ring.end(), value);
        self.ring.push(time, value);
        self.remember(time, value);
        if self.ring.len() > SAMPLES {
            self.evict_to(self.ring.end() - SAMPLES as u64);
            self.evicted = self.evicted.max(self.ring.first_time().unwrap_or(i64::MIN));
        }
    }

    /// This is the newest sample, if no newer one is known.
    pub fn remember(&mut self, time: i64, value: f64) {
        self.resolution.learn(value);
        if self.latest.is_none_or(|(latest, _)| latest <= time) {
            self.latest = Some((time, value));
        }
    }

    fn evict_to(&mut self, position: u64) {
        self.ring.evict(position);
        self.pyramid.evict(position);
        self.gaps.evict(self.ring.first_time().unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn samples(series: &Series) -> Vec<(i64, f64)> {
        let ring = series.ring();
        (ring.first()..ring.end()).map(|i| (ring.time(i), ring.value(i))).collect()
    }

    #[test]
    fn late_samples_find_their_place_and_the_last_write_wins() {
        let mut series = Series::new("s".into());
        for (time, value) in [(10, 1.0), (20, 2.0), (15, 1.5), (20, 2.5), (5, 0.5), (15, 1.6)] {
            series.record(time, value);
        }
        series.settle();
        assert_eq!(samples(&series), [(5, 0.5), (10, 1.0), (15, 1.6), (20, 2.5)]);
        assert_eq!(series.latest(), Some((20, 2.5)));
        assert_eq!(series.extent(6, 21), Some(Extent { min: 1.0, max: 2.5 }));
    }

    #[test]
    fn the_latest_value_outlives_the_window() {
        let mut series = Series::new("s".into());
        series.record(10, 1.0);
        series.evict(1_000);
        assert!(series.ring().is_empty());
        assert_eq!(series.latest(), Some((10, 1.0)));
    }

    proptest! {
        #[test]
        fn any_order_gives_what_a_map_gives(
            batches in prop::collection::vec(prop::collection::vec((0i64..500, any::<i8>()), 0..60), 1..12),
            one_by_one in any::<bool>(),
            evicted in 0i64..300,
        ) {
            let (mut series, mut model) = (Series::new("s".into()), BTreeMap::new());
            for batch in batches {
                let batch: Vec<_> = batch.into_iter().map(|(t, v)| (t, f64::from(v))).collect();
                model.extend(batch.iter().copied());
                if one_by_one {
                    batch.iter().for_each(|(t, v)| series.record(*t, *v));
                    series.settle();
                } else {
                    series.merge(batch);
                }
            }
            series.evict(evicted);
            model.retain(|time, _| *time >= evicted);
            prop_assert_eq!(samples(&series), model.clone().into_iter().collect::<Vec<_>>());
            let raw = model.values().map(|v| Extent::of(*v)).reduce(Extent::union);
            prop_assert_eq!(series.extent(i64::MIN, i64::MAX), raw);
        }
    }
}
