//! What a chart draws: every signal reduced to at most four points per pixel column.
//!
//! A column keeps its first, smallest, largest and last sample (M4), so the drawn line covers exactly the
//! pixels that all samples would: no spike can vanish. Columns that are complete are computed once and moved
//! along as the window slides; what did change is reported, so that only that needs to be painted.

mod grid;
mod lane;
mod line;

pub use grid::{Grid, SLOTS, seconds};
use std::ops::Range;

use lane::Lane;
pub use line::{Line, ValueAxis};

use crate::samples::history::Trace;

/// The columns of one chart; keeps its work from frame to frame.
#[derive(Debug)]
pub struct Columns {
    grid: Option<Grid>,
    lanes: Vec<Lane>,
}

/// What became of columns, and so of the picture of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Everything may be different.
    All,
    /// All went `moved` columns to the left; from column `from` on (of the new ones) lines are different.
    Tail {
        /// How many columns.
        moved: usize,
        /// The index of a column; as many as there are when nothing is different.
        from: usize,
    },
}

impl Columns {
    /// The columns of a chart of `lanes` signals.
    pub fn new(lanes: usize) -> Self {
        Self { grid: None, lanes: (0..lanes).map(|_| Lane::default()).collect() }
    }

    /// Computes the columns of `grid`. `traces` has one entry for each lane, none for a hidden one.
    pub fn update(&mut self, grid: Grid, traces: &[Option<Trace>]) -> Change {
        let moved = self.grid.and_then(|old| old.moved_to(grid));
        let mut from = Some(grid.count);
        for (lane, trace) in self.lanes.iter_mut().zip(traces) {
            let changed = match trace {
                Some(trace) => lane.update(grid, moved, trace),
                None => lane.clear().then_some(grid.count),
            };
            from = from.zip(changed).map(|(first, changed)| first.min(changed));
        }
        self.grid = Some(grid);
        match moved.zip(from) {
            Some((moved, from)) => Change::Tail { moved, from },
            None => Change::All,
        }
    }

    /// What is drawn of the signal in lane `index` from column `from` on, beginning with the point before it.
    pub fn line(&self, index: usize, trace: &Trace, from: usize, axis: ValueAxis) -> Line {
        let (Some(grid), Some(lane)) = (self.grid, self.lanes.get(index)) else { return Line::default() };
        Line::new(grid, lane.slots(), trace, from, axis)
    }

    /// Whether any line has a point in these columns.
    pub fn has_points(&self, columns: Range<usize>) -> bool {
        let slots = columns.start * SLOTS..columns.end * SLOTS;
        let within = |lane: &Lane| {
            lane.slots().get(slots.clone()).is_some_and(|slots| slots.iter().any(|value| !value.is_nan()))
        };
        self.lanes.iter().any(within)
    }

    /// The point nearest to column `column` in lane `index`, if one is within `reach` columns: its place in columns, and
    /// its value.
    pub fn nearest(&self, index: usize, column: usize, reach: usize) -> Option<(f64, f64)> {
        let slots = self.lanes.get(index)?.slots();
        let at = column * SLOTS + SLOTS / 2;
        let is_point = |slot: &usize| slots.get(*slot).is_some_and(|value| !value.is_nan());
        let found = (0..reach * SLOTS).find_map(|step| {
            let before = at.checked_sub(step).filter(is_point);
            before.or_else(|| Some(at + step).filter(is_point))
        })?;
        Some((line::place(found), *slots.get(found)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::samples::history::Series;
    use crate::time::Span;

    const SECOND: i64 = 1_000_000;
    /// Values are their own heights, upside down.
    const AXIS: ValueAxis = ValueAxis { values: (0.0, 256.0), height: 256.0 };

    fn series(samples: impl IntoIterator<Item = (i64, f64)>) -> Series {
        let mut series = Series::new("s".into());
        series.merge(samples.into_iter().collect());
        series
    }

    /// All of a signal's line on `grid`.
    fn drawn(grid: Grid, series: &Series) -> Line {
        let mut columns = Columns::new(1);
        assert_eq!(columns.update(grid, &[Some(Trace::whole(series))]), Change::All);
        columns.line(0, &Trace::whole(series), 0, AXIS)
    }

    fn lengths(line: &Line) -> Vec<usize> {
        line.runs.iter().map(Vec::len).collect()
    }

    #[test]
    fn a_pause_lifts_the_pen_and_a_sample_between_pauses_is_alone() {
        let times = (0..20).chain([60]).chain(100..110);
        let s = series(times.map(|n| (n * SECOND, n as f64)));
        let line = drawn(Grid { width: SECOND, first: 0, count: 120 }, &s);
        assert_eq!(lengths(&line), [20, 1, 10]);
        assert_eq!(line.runs[1], [(60.125, 196.0)]);
    }

    #[test]
    fn a_line_comes_from_where_the_window_does_not_reach_and_goes_there() {
        let s = series((0..10).map(|n| (n * 10 * SECOND, n as f64)));
        let line = drawn(Grid { width: SECOND, first: 22, count: 20 }, &s);
        assert_eq!(line.runs.len(), 1);
        assert_eq!((line.runs[0][0].0, line.runs[0][3].0), (-2.0, 28.0));
        // Where there is no sample at all, the line still goes through.
        let between = drawn(Grid { width: SECOND / 100, first: 2_200, count: 100 }, &s);
        assert_eq!(between.runs, [[(-16.0, 253.816), (116.0, 253.684)]]);
    }

    #[test]
    fn samples_of_the_same_value_need_one_point() {
        let s = series((0..1_000).map(|n| (n * SECOND / 100, 5.0)));
        assert_eq!(lengths(&drawn(Grid { width: SECOND, first: 0, count: 10 }, &s)), [10]);
    }

    #[test]
    fn a_signal_that_is_hidden_or_shown_changes_everything() {
        let s = series([(10, 1.0)]);
        let grid = Grid { width: 10, first: 0, count: 10 };
        let mut columns = Columns::new(1);
        assert_eq!(columns.update(grid, &[None]), Change::All);
        assert_eq!(columns.update(grid, &[None]), Change::Tail { moved: 0, from: 10 });
        assert_eq!(columns.update(grid, &[Some(Trace::whole(&s))]), Change::All);
        assert_eq!(columns.update(grid, &[Some(Trace::whole(&s))]), Change::Tail { moved: 0, from: 10 });
        assert_eq!(columns.update(grid, &[None]), Change::All);
    }

    #[test]
    fn the_nearest_point_is_found_on_either_side() {
        let s = series([(10, 1.0), (200, 2.0)]);
        let mut columns = Columns::new(1);
        columns.update(Grid { width: 10, first: 0, count: 100 }, &[Some(Trace::whole(&s))]);
        assert_eq!(columns.nearest(0, 5, 10), Some((1.125, 1.0)));
        assert_eq!(columns.nearest(0, 18, 10), Some((20.125, 2.0)));
        assert_eq!(columns.nearest(0, 60, 10), None);
    }

    proptest! {
        #[test]
        fn each_column_keeps_first_smallest_largest_and_last(
            samples in prop::collection::btree_map(0i64..2_000, 0u8..200, 1..400),
            width in 1i64..60,
        ) {
            let s = series(samples.iter().map(|(t, v)| (*t, f64::from(*v))));
            let grid = Grid { width, first: 0, count: usize::try_from(2_000 / width + 1).unwrap() };
            let line = drawn(grid, &s);
            let points: Vec<(f64, f64)> = line.runs.concat();
            prop_assert!(points.len() <= grid.count * SLOTS);
            for index in 0..grid.count {
                let (from, to) = (grid.column_start(index), grid.column_start(index + 1));
                let raw: Vec<f64> = samples.range(from..to).map(|(_, v)| 256.0 - f64::from(*v)).collect();
                let drawn: Vec<f64> =
                    points.iter().filter(|(x, _)| x.floor() == index as f64).map(|(_, y)| *y).collect();
                prop_assert_eq!(drawn.is_empty(), raw.is_empty());
                prop_assert_eq!(drawn.first(), raw.first());
                prop_assert_eq!(drawn.last(), raw.last());
                prop_assert_eq!(drawn.iter().copied().reduce(f64::min), raw.iter().copied().reduce(f64::min));
                prop_assert_eq!(drawn.iter().copied().reduce(f64::max), raw.iter().copied().reduce(f64::max));
            }
        }

        #[test]
        fn sliding_gives_what_computing_all_of_it_gives_and_says_what_differs(
            steps in prop::collection::vec(
                (0i64..90, prop::collection::vec((0i64..90, 0u8..200), 0..20), prop::option::of((-90i64..0, 0u8..200))),
                1..20,
            ),
        ) {
            let millis = 1_000;
            let (mut s, mut edge) = (series((0..8).map(|n| (n * 50 * millis, 1.0))), 1_000 * millis);
            let (mut kept, mut before) = (Columns::new(1), Line::default());
            for (passed, samples, late) in steps {
                edge += passed * millis;
                for (offset, value) in samples.iter().chain(&late) {
                    s.record(edge + offset * millis, f64::from(*value));
                }
                s.settle();
                let grid = Grid::new(Span::up_to(edge, 600 * millis), 60);
                let change = kept.update(grid, &[Some(Trace::whole(&s))]);
                let line = kept.line(0, &Trace::whole(&s), 0, AXIS);
                prop_assert_eq!(&line, &drawn(grid, &s));
                if let Change::Tail { moved, from } = change {
                    let (from, moved) = (from as f64, moved as f64);
                    prop_assert_eq!(strokes(&line, 0.0, from), strokes(&before, moved, from + moved));
                    let tail = kept.line(0, &Trace::whole(&s), from as usize, AXIS);
                    prop_assert_eq!(strokes(&tail, from, f64::MAX), strokes(&line, from, f64::MAX));
                }
                before = line;
            }
        }
    }

    /// The strokes from point to point that lie within a stretch of columns, whose left end is 0; dots as strokes to
    /// themselves.
    fn strokes(line: &Line, from: f64, to: f64) -> Vec<[(f64, f64); 2]> {
        let strokes = line.runs.iter().flat_map(|run| match run.as_slice() {
            [dot] => vec![[*dot, *dot]],
            _ => run.windows(2).map(|pair| [pair[0], pair[1]]).collect(),
        });
        let strokes = strokes.filter(|[a, b]| a.0 >= from && b.0 < to);
        strokes.map(|stroke| stroke.map(|(x, y)| (x - from, y))).collect()
    }
}
