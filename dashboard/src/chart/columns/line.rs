//! A signal's slots as the pen goes over them.

use super::grid::{Grid, SLOTS};
use crate::samples::history::Trace;
use crate::samples::history::gaps::Gap;
use crate::time::Span;

/// How far outside a line that comes from there begins, in columns: far enough for its end not to be seen.
const OUTSIDE: f64 = 16.0;

/// Where values are on a chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueAxis {
    /// The value at the bottom and that at the top.
    pub values: (f64, f64),
    /// The height, in pixels.
    pub height: f64,
}

impl ValueAxis {
    /// How far below the top `value` is, in pixels.
    pub fn y(&self, value: f64) -> f64 {
        (self.values.1 - value) / (self.values.1 - self.values.0) * self.height
    }
}

/// What is drawn of one signal: runs of points that the pen goes through without being lifted, as columns from the left and
/// pixels from the top. A run of a single point needs a dot to be seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// The runs, from left to right.
    pub runs: Vec<Vec<(f64, f64)>>,
}

impl Line {
    /// The line through `slots` from column `from` on, beginning with the point before it.
    pub(super) fn new(grid: Grid, slots: &[f64], trace: &Trace, from: usize, axis: ValueAxis) -> Self {
        let is_point = |slot: &usize| slots.get(*slot).is_some_and(|value| !value.is_nan());
        let start = (0..from * SLOTS).rev().find(is_point);
        let mut breaks =
            breaks(grid, slots, trace, start.map_or(0, |slot| slot / SLOTS)).into_iter().peekable();
        let mut line = Self::default();
        let mut run: Vec<(f64, f64)> = Vec::new();
        if start.is_none() {
            run.extend(entry(grid, slots, trace, axis));
        }
        for slot in (start.unwrap_or(0)..slots.len()).filter(is_point) {
            let mut broken = false;
            while breaks.next_if(|at| *at <= slot).is_some() {
                broken = true;
            }
            if broken && !run.is_empty() {
                line.runs.push(std::mem::take(&mut run));
            }
            let Some(value) = slots.get(slot) else { continue };
            let point = (place(slot), axis.y(*value));
            let is_new = |last: &(f64, f64)| last.1 != point.1 || last.0.floor() != point.0.floor();
            if run.last().is_none_or(is_new) {
                run.push(point);
            }
        }
        if let Some(exit) = exit(grid, trace, axis, run.last().copied()) {
            run.push(exit);
        }
        if !run.is_empty() {
            line.runs.push(run);
        }
        line
    }

    /// How far the line goes up and down in all, in pixels: what it costs to draw, and how dense it looks.
    pub fn travel(&self) -> f64 {
        let steps = self.runs.iter().flat_map(|run| run.windows(2));
        steps.map(|pair| (pair[1].1 - pair[0].1).abs()).sum()
    }
}

/// Where the point in `slot` is drawn, in columns.
pub(super) fn place(slot: usize) -> f64 {
    (slot as f64 + 0.5) / SLOTS as f64
}

/// The slots before which the pen is lifted, from column `from` on.
fn breaks(grid: Grid, slots: &[f64], trace: &Trace, from: usize) -> Vec<usize> {
    let span = Span { from: grid.column_start(from), to: grid.to() };
    let breaks = trace.gaps(span).into_iter().filter_map(|Gap { from, to }| {
        let to_column = grid.index_of(to)?;
        // Narrower than a column: there is nothing to see, and the column's own points would be cut.
        if grid.index_of(from).is_some_and(|from| to_column <= from + 1) {
            return None;
        }
        (to_column * SLOTS..(to_column + 1) * SLOTS)
            .find(|slot| slots.get(*slot).is_some_and(|value| !value.is_nan()))
    });
    breaks.collect()
}

/// Where a line that comes from before the first column begins.
fn entry(grid: Grid, slots: &[f64], trace: &Trace, axis: ValueAxis) -> Option<(f64, f64)> {
    let (time, value) = trace.before(grid.from() - 1)?;
    let next = trace.after(grid.from() - 1)?;
    let outside = (grid.place(time), axis.y(value));
    let inside = match slots.iter().position(|value| !value.is_nan()) {
        Some(first) => (place(first), axis.y(*slots.get(first)?)),
        None => (grid.place(next), axis.y(trace.before(next)?.1)),
    };
    is_joined(trace, time, next).then(|| towards(inside, outside, -OUTSIDE))
}

/// Where a line that goes on beyond the last column ends; `last` is its last point within.
fn exit(grid: Grid, trace: &Trace, axis: ValueAxis, last: Option<(f64, f64)>) -> Option<(f64, f64)> {
    let time = trace.after(grid.to() - 1)?;
    let (previous, _) = trace.before(grid.to() - 1)?;
    let outside = (grid.place(time), axis.y(trace.before(time)?.1));
    let last = last.filter(|_| is_joined(trace, previous, time))?;
    Some(towards(last, outside, grid.count as f64 + OUTSIDE))
}

/// Whether the line is drawn through from one sample to the next.
fn is_joined(trace: &Trace, from: i64, to: i64) -> bool {
    trace.gaps(Span { from, to }).is_empty()
}

/// On the way from `inside` to `outside`, but not beyond `limit` columns.
fn towards(inside: (f64, f64), outside: (f64, f64), limit: f64) -> (f64, f64) {
    let share = (limit - inside.0) / (outside.0 - inside.0);
    if share.is_finite() && (0.0..1.0).contains(&share) {
        (limit, inside.1 + (outside.1 - inside.1) * share)
    } else {
        outside
    }
}
