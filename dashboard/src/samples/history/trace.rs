//! Everything that is known of one signal over the range on screen: its ring, and before it what was fetched.

use super::gaps::Gap;
use super::pyramid::{Extent, Stats};
use super::series::Series;
use crate::time::Span;

/// Samples of a stretch of time.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Which source they are from: 0 is the ring, others never change.
    pub source: u64,
    /// The stretch for which this source is used.
    pub span: Span,
    /// The source.
    pub series: &'a Series,
}

/// The newest known sample at or before an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Newest {
    /// Its time, in microseconds.
    pub at: i64,
    /// Its value.
    pub value: f64,
    /// A sample that is not known may be this much later, in microseconds: what is known is an outline there. 0 when it
    /// is the newest that is stored.
    pub slack: i64,
}

impl Newest {
    /// Whether it is the newest that is stored.
    pub fn is_exact(&self) -> bool {
        self.slack == 0
    }
}

/// Parts in time order that do not overlap. What lies between two of them is not known.
#[derive(Clone, Debug, Default)]
pub struct Trace<'a> {
    parts: Vec<Part<'a>>,
}

impl<'a> Trace<'a> {
    /// Parts must be in time order and must not overlap.
    pub fn new(parts: Vec<Part<'a>>) -> Self {
        debug_assert!(parts.windows(2).all(|pair| pair[0].span.to <= pair[1].span.from), "parts overlap");
        Self { parts }
    }

    /// All of a series, whose samples are all there.
    pub fn whole(series: &'a Series) -> Self {
        Self::new(vec![Part { source: 0, span: Span { from: i64::MIN, to: i64::MAX }, series }])
    }

    /// The parts, in time order.
    pub fn parts(&self) -> &[Part<'a>] {
        &self.parts
    }

    /// The extent of the values within `span`.
    pub fn extent(&self, span: Span) -> Option<Extent> {
        self.stats(span).map(|stats| stats.extent)
    }

    /// The statistics of the samples within `span`.
    pub fn stats(&self, span: Span) -> Option<Stats> {
        let parts = self.within(span).filter_map(|(part, span)| part.series.stats(span.from, span.to));
        parts.reduce(Stats::union)
    }

    /// Whether of something in `span` only an outline is here.
    pub fn is_reduced(&self, span: Span) -> bool {
        self.within(span).any(|(part, span)| {
            part.series.outline().is_some_and(|outline| part.source != 0 || span.from < outline.until)
        })
    }

    /// The value that holds at `time`: that of the newest sample before it, unless the signal pauses there.
    pub fn held(&self, time: i64) -> Option<(i64, f64)> {
        let (at, value) = self.before(time)?;
        let paused = match self.after(time) {
            Some(next) => self.breaks(at, next),
            None => self.threshold().is_some_and(|threshold| time - at > threshold),
        };
        (!paused).then_some((at, value))
    }

    /// The newest sample at or before `time`.
    pub fn before(&self, time: i64) -> Option<(i64, f64)> {
        self.parts.iter().rev().filter(|part| part.span.from <= time).find_map(|part| {
            let found = part.series.ring().at_or_before(time.min(part.span.to - 1))?;
            (found.0 >= part.span.from).then_some(found)
        })
    }

    /// The newest known sample at or before `time`, and how much later one may be that is not known.
    pub fn newest(&self, time: i64) -> Option<Newest> {
        self.parts.iter().rev().filter(|part| part.span.from <= time).find_map(|part| {
            let (at, value) = part.series.ring().at_or_before(time.min(part.span.to - 1))?;
            let outline = part.series.outline().filter(|outline| at < outline.until);
            let slack = outline.map_or(0, |outline| outline.resolution).min(time - at);
            (at >= part.span.from).then_some(Newest { at, value, slack })
        })
    }

    /// The time of the first sample after `time`.
    pub fn after(&self, time: i64) -> Option<i64> {
        self.parts.iter().filter(|part| part.span.to > time).find_map(|part| {
            let ring = part.series.ring();
            let position = ring.lower_bound(time.saturating_add(1).max(part.span.from));
            (position < ring.end()).then(|| ring.time(position)).filter(|at| *at < part.span.to)
        })
    }

    /// The gaps that overlap `span`, oldest first.
    pub fn gaps(&self, span: Span) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut last: Option<i64> = None;
        for (part, within) in self.within(span) {
            let ring = part.series.ring();
            // From the last sample before the stretch on: a gap may reach into it.
            let first = ring.lower_bound(within.from);
            if let (Some(before), true) = (last, first < ring.end() && ring.time(first) < within.to) {
                let after = ring.time(first);
                if self.breaks(before, after) {
                    gaps.push(Gap { from: before, to: after });
                }
            }
            gaps.extend(part.series.gaps().within(within.from, within.to));
            last = ring.at_or_before(within.to.saturating_sub(1)).map(|(at, _)| at).or(last);
        }
        gaps
    }

    /// The longest interval between samples that is not a pause; none while too little is known.
    pub fn threshold(&self) -> Option<i64> {
        self.parts.iter().filter_map(|part| part.series.gaps().threshold()).max()
    }

    /// Whether nothing is known of the whole of `span`.
    pub fn is_empty(&self, span: Span) -> bool {
        self.stats(span).is_none()
    }

    /// Whether the line is broken between neighbouring samples at `before` and `after`.
    fn breaks(&self, before: i64, after: i64) -> bool {
        // Only ever seen where a source ends or begins: within one, its own gaps are known.
        let unknown = self.parts.windows(2).any(|pair| {
            pair[0].span.to < pair[1].span.from && before < pair[1].span.from && pair[0].span.to <= after
        });
        unknown || self.threshold().is_some_and(|threshold| after - before > threshold)
    }

    fn within(&self, span: Span) -> impl DoubleEndedIterator<Item = (&Part<'a>, Span)> {
        self.parts.iter().filter_map(move |part| Some((part, part.span.overlap(span)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SECOND;

    fn series(seconds: impl IntoIterator<Item = i64>) -> Series {
        let mut series = Series::new("s".into());
        series.merge(seconds.into_iter().map(|n| (n * SECOND, n as f64)).collect());
        series
    }

    fn part(source: u64, from: i64, to: i64, series: &Series) -> Part<'_> {
        Part { source, span: Span { from: from * SECOND, to: to * SECOND }, series }
    }

    #[test]
    fn parts_read_as_one() {
        let (old, new) = (series(0..60), series(40..100));
        let trace = Trace::new(vec![part(1, 0, 50, &old), part(0, 50, 1_000, &new)]);
        let stats = trace.stats(Span { from: 0, to: 100 * SECOND }).unwrap();
        assert_eq!((stats.count, stats.extent), (100, Extent { min: 0.0, max: 99.0 }));
        assert_eq!(trace.before(49 * SECOND + 5), Some((49 * SECOND, 49.0)));
        assert_eq!(trace.after(49 * SECOND + 5), Some(50 * SECOND));
        assert_eq!(trace.gaps(Span { from: 0, to: 100 * SECOND }), []);
    }

    #[test]
    fn what_is_not_known_between_parts_is_not_bridged() {
        let (old, new) = (series(0..60), series(80..100));
        let trace = Trace::new(vec![part(1, 0, 50, &old), part(0, 80, 1_000, &new)]);
        let gaps = trace.gaps(Span { from: 0, to: 100 * SECOND });
        assert_eq!(gaps, [Gap { from: 49 * SECOND, to: 80 * SECOND }]);
        assert_eq!(trace.held(60 * SECOND), None);
    }

    #[test]
    fn a_value_holds_until_the_next_sample_but_not_through_a_pause() {
        let signal = series((0..20).chain(100..120));
        let trace = Trace::whole(&signal);
        assert_eq!(trace.held(5 * SECOND + 1), Some((5 * SECOND, 5.0)));
        assert_eq!(trace.held(50 * SECOND), None);
        assert_eq!(trace.held(119 * SECOND + 1), Some((119 * SECOND, 119.0)));
        assert_eq!(trace.held(500 * SECOND), None);
        assert_eq!(trace.held(-1), None);
    }
}
