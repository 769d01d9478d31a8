//! What a chart draws: every signal reduced to at most four points per pixel column, on one shared time column.
//!
//! A column keeps its first, smallest, largest and last sample (M4), so the drawn line covers exactly the
//! pixels that all samples would: no spike can vanish. Columns that are complete are computed once and moved
//! along as the window slides.

mod grid;
mod lane;

pub use grid::{Grid, SLOTS, seconds};
use lane::Lane;

use crate::gaps::Gap;
use crate::history::Trace;

/// The columns of one chart; keeps its work from frame to frame.
#[derive(Debug)]
pub struct Columns {
    grid: Grid,
    lanes: Vec<Lane>,
    used: Vec<bool>,
    /// For each slot its place in the compact columns.
    places: Vec<u32>,
}

/// What is drawn of one signal, aligned to the shared time column.
#[derive(Debug, Default, PartialEq)]
pub struct Line {
    /// A value for each time, NaN where the signal has no point.
    pub values: Vec<f64>,
    /// Pauses that are wide enough to be seen, as seconds.
    pub gaps: Vec<(f64, f64)>,
    /// The indexes of points with a gap on both sides, which need a dot to be seen.
    pub lone: Vec<u32>,
}

impl Line {
    /// How far the line goes up and down in all, in multiples of `span`: what it costs to draw, and how dense
    /// it looks.
    pub fn travel(&self, span: f64) -> f64 {
        let mut points = self.values.iter().copied().filter(|value| !value.is_nan());
        let Some(first) = points.next() else { return 0.0 };
        let (distance, _) =
            points.fold((0.0, first), |(distance, last), value| (distance + (value - last).abs(), value));
        if span > 0.0 { distance / span } else { 0.0 }
    }
}

impl Columns {
    /// The columns of a chart of `lanes` signals.
    pub fn new(lanes: usize) -> Self {
        Self {
            grid: Grid { width: 1, first: 0, count: 0 },
            lanes: (0..lanes).map(|_| Lane::default()).collect(),
            used: Vec::new(),
            places: Vec::new(),
        }
    }

    /// Computes the columns of `grid`. `traces` has one entry for each lane, none for a hidden one.
    pub fn update(&mut self, grid: Grid, traces: &[Option<Trace>]) {
        self.grid = grid;
        self.used.clear();
        self.used.resize(grid.count * SLOTS, false);
        for (lane, trace) in self.lanes.iter_mut().zip(traces) {
            match trace {
                Some(trace) => {
                    lane.update(grid, trace);
                    for (used, value) in self.used.iter_mut().zip(lane.slots()) {
                        *used |= !value.is_nan();
                    }
                }
                None => lane.clear(),
            }
        }
        self.places.clear();
        let mut place = 0;
        for used in &self.used {
            self.places.push(place);
            place += u32::from(*used);
        }
    }

    /// The shared time column: the slots that any signal uses, in seconds since 1970.
    pub fn times(&self) -> Vec<f64> {
        let used = self.used.iter().enumerate().filter(|(_, used)| **used);
        used.map(|(slot, _)| self.grid.slot_seconds(slot)).collect()
    }

    /// What is drawn of the signal in lane `index`; nothing but NaN when it is hidden.
    pub fn line(&self, index: usize, trace: Option<&Trace>) -> Line {
        let slots = self.lanes.get(index).map(Lane::slots).unwrap_or_default();
        let used = self.used.iter().enumerate().filter(|(_, used)| **used);
        let values = used.map(|(slot, _)| slots.get(slot).copied().unwrap_or(f64::NAN)).collect();
        let Some(trace) = trace.filter(|_| !slots.is_empty()) else {
            return Line { values, ..Line::default() };
        };
        let span = self.grid.span();
        let gaps = trace.gaps(span);
        let lone = self.lone_points(slots, trace, &gaps);
        Line { values, gaps: self.visible_gaps(slots, &gaps), lone }
    }

    fn visible_gaps(&self, slots: &[f64], gaps: &[Gap]) -> Vec<(f64, f64)> {
        let visible = gaps.iter().filter_map(|gap| {
            let (from, to) = (self.grid.index_of(gap.from)?, self.grid.index_of(gap.to)?);
            // Narrower than a column: there is nothing to see, and the column's own points would be cut.
            if to <= from + 1 {
                return None;
            }
            let last = (from * SLOTS..(from + 1) * SLOTS).rfind(|slot| is_point(slots, *slot))?;
            let first = (to * SLOTS..(to + 1) * SLOTS).find(|slot| is_point(slots, *slot))?;
            Some((self.grid.slot_seconds(last), self.grid.slot_seconds(first)))
        });
        visible.collect()
    }

    fn lone_points(&self, slots: &[f64], trace: &Trace, gaps: &[Gap]) -> Vec<u32> {
        let span = self.grid.span();
        // The samples after which, and before which, the line is broken.
        let last = trace.before(span.to - 1).map(|(time, _)| time);
        let ends = gaps.iter().map(|gap| gap.from).chain(last);
        let starts = trace.after(span.from - 1).into_iter().chain(gaps.iter().map(|gap| gap.to));
        let lone = starts.zip(ends).filter(|(start, end)| start == end).filter_map(|(time, _)| {
            let column = self.grid.index_of(time)?;
            (column * SLOTS..(column + 1) * SLOTS).find(|slot| is_point(slots, *slot))
        });
        lone.filter_map(|slot| self.places.get(slot).copied()).collect()
    }
}

fn is_point(slots: &[f64], slot: usize) -> bool {
    slots.get(slot).is_some_and(|value| !value.is_nan())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::history::Series;
    use crate::time::Span;

    fn series(samples: impl IntoIterator<Item = (i64, f64)>) -> Series {
        let mut series = Series::new("s".into());
        series.merge(samples.into_iter().collect());
        series
    }

    fn finite(values: &[f64]) -> Vec<f64> {
        values.iter().copied().filter(|value| !value.is_nan()).collect()
    }

    #[test]
    fn signals_share_one_time_column() {
        let (a, b) = (series([(10, 1.0), (55, 2.0)]), series([(30, 7.0)]));
        let mut columns = Columns::new(2);
        columns.update(
            Grid { width: 10, first: 0, count: 10 },
            &[Some(Trace::whole(&a)), Some(Trace::whole(&b))],
        );
        assert_eq!(columns.times().len(), 3);
        assert_eq!(finite(&columns.line(0, Some(&Trace::whole(&a))).values), [1.0, 2.0]);
        assert_eq!(finite(&columns.line(1, Some(&Trace::whole(&b))).values), [7.0]);
    }

    #[test]
    fn a_hidden_signal_takes_no_points() {
        let a = series([(10, 1.0)]);
        let mut columns = Columns::new(1);
        columns.update(Grid { width: 10, first: 0, count: 10 }, &[None]);
        assert!(columns.times().is_empty());
        assert_eq!(columns.line(0, None), Line::default());
        columns.update(Grid { width: 10, first: 0, count: 10 }, &[Some(Trace::whole(&a))]);
        assert_eq!(columns.times().len(), 1);
    }

    #[test]
    fn a_pause_is_drawn_as_a_gap_and_a_sample_between_pauses_as_a_dot() {
        let second = 1_000_000;
        let times = (0..20).chain([60]).chain(100..110);
        let s = series(times.map(|n| (n * second, 1.0)));
        let mut columns = Columns::new(1);
        columns.update(Grid { width: second, first: 0, count: 120 }, &[Some(Trace::whole(&s))]);
        let line = columns.line(0, Some(&Trace::whole(&s)));
        assert_eq!(line.gaps.len(), 2);
        assert_eq!(line.lone, [20]);
        assert!((line.gaps[0].0 - 19.0).abs() < 1.0 && (line.gaps[0].1 - 60.0).abs() < 1.0);
    }

    #[test]
    fn travel_tells_noise_from_a_curve() {
        let line = |values: &[f64]| Line { values: values.to_vec(), ..Line::default() };
        assert_eq!(line(&[0.0, f64::NAN, 5.0, 10.0]).travel(10.0), 1.0);
        assert_eq!(line(&[0.0, 10.0, 0.0, 10.0]).travel(10.0), 3.0);
        assert_eq!(line(&[]).travel(10.0), 0.0);
    }

    #[test]
    fn a_single_sample_is_a_dot() {
        let s = series([(55, 3.0)]);
        let mut columns = Columns::new(1);
        columns.update(Grid { width: 10, first: 0, count: 10 }, &[Some(Trace::whole(&s))]);
        assert_eq!(columns.line(0, Some(&Trace::whole(&s))).lone, [0]);
    }

    proptest! {
        #[test]
        fn each_column_keeps_first_smallest_largest_and_last(
            samples in prop::collection::btree_map(0i64..2_000, any::<i8>(), 1..400),
            width in 1i64..60,
        ) {
            let s = series(samples.iter().map(|(t, v)| (*t, f64::from(*v))));
            let grid = Grid { width, first: 0, count: usize::try_from(2_000 / width + 1).unwrap() };
            let mut columns = Columns::new(1);
            columns.update(grid, &[Some(Trace::whole(&s))]);
            let (times, values) = (columns.times(), columns.line(0, Some(&Trace::whole(&s))).values);
            prop_assert!(values.len() <= grid.count * SLOTS);
            for index in 0..grid.count {
                let (from, to) = (grid.column_start(index), grid.column_start(index + 1));
                let raw: Vec<f64> = samples.range(from..to).map(|(_, v)| f64::from(*v)).collect();
                let drawn: Vec<f64> = times.iter().zip(&values)
                    .filter(|(t, _)| **t >= seconds(from) && **t < seconds(to)).map(|(_, v)| *v).collect();
                prop_assert_eq!(drawn.is_empty(), raw.is_empty());
                prop_assert_eq!(drawn.first(), raw.first());
                prop_assert_eq!(drawn.last(), raw.last());
                prop_assert_eq!(drawn.iter().copied().reduce(f64::min), raw.iter().copied().reduce(f64::min));
                prop_assert_eq!(drawn.iter().copied().reduce(f64::max), raw.iter().copied().reduce(f64::max));
            }
        }

        #[test]
        fn sliding_gives_what_computing_anew_gives(
            steps in prop::collection::vec((0i64..90, prop::collection::vec((-120i64..90, any::<i8>()), 0..20)), 1..20),
        ) {
            let (mut s, mut edge, mut kept) = (Series::new("s".into()), 1_000, Columns::new(1));
            for (passed, samples) in steps {
                edge += passed;
                for (offset, value) in samples {
                    s.record(edge + offset, f64::from(value));
                }
                s.settle();
                let grid = Grid::new(Span::up_to(edge, 600), 60);
                kept.update(grid, &[Some(Trace::whole(&s))]);
                let mut anew = Columns::new(1);
                anew.update(grid, &[Some(Trace::whole(&s))]);
                prop_assert_eq!(kept.times(), anew.times());
                prop_assert_eq!(finite(&kept.line(0, Some(&Trace::whole(&s))).values), finite(&anew.line(0, Some(&Trace::whole(&s))).values));
            }
        }
    }
}
