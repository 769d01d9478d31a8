//! Where in its dashes a line is, so that it can be drawn on from any of its last points.
//!
//! A pen counts dashes along its way from the beginning of a run. To draw only a line's end, it must begin with what it had counted
//! there.

use std::collections::VecDeque;

use super::columns::Line;

/// Points that are remembered: the ends of a live line have fewer that change.
const POINTS: usize = 512;

/// What the pen had counted at the last points of a line that was drawn.
#[derive(Clone, Debug, Default)]
pub struct Dashes {
    /// Columns from the left, in ascending order, and the way since the last dash pattern began, in pixels.
    points: VecDeque<(f64, f64)>,
    /// Whether all points of the line are here.
    whole: bool,
}

impl Dashes {
    /// What is drawn has moved to the left.
    pub fn moved(&mut self, columns: usize) {
        self.points.iter_mut().for_each(|(x, _)| *x -= columns as f64);
    }

    /// What the pen has counted where `line`, an end of what was drawn, begins; none when that is not known.
    pub fn begin(&self, line: &Line) -> Option<f64> {
        let Some((x, _)) = line.runs.first().and_then(|run| run.first()) else { return Some(0.0) };
        let place = self.points.partition_point(|(known, _)| known <= x);
        match place.checked_sub(1).and_then(|before| self.points.get(before)) {
            // Of points of one height in one column only the first is drawn, and a line's end may begin with another.
            Some((known, counted)) if known.floor() == x.floor() => Some(counted + (x - known)),
            // Nothing of it was drawn before.
            before if place == self.points.len() && (self.whole || before.is_some()) => Some(0.0),
            _ => None,
        }
    }

    /// `line` was drawn with a pattern of `period` pixels, the first of its runs from `begin` on.
    pub fn drawn(&mut self, line: &Line, begin: f64, period: f64) {
        let Some((from, _)) = line.runs.first().and_then(|run| run.first()) else { return };
        self.points.truncate(self.points.partition_point(|(x, _)| x < from));
        let mut counted = begin;
        for run in &line.runs {
            let mut last = None;
            for point in run {
                if let Some((x, y)) = last.replace(*point) {
                    counted = (counted + (point.0 - x).hypot(point.1 - y)) % period;
                }
                if self.points.len() == POINTS {
                    self.points.pop_front();
                    self.whole = false;
                }
                self.points.push_back((point.0, counted));
            }
            counted = 0.0;
        }
    }

    /// Everything is drawn again.
    pub fn clear(&mut self) {
        *self = Self { points: VecDeque::new(), whole: true };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::columns::{Columns, Grid, ValueAxis};
    use crate::samples::history::{Series, Trace};

    const PERIOD: f64 = 11.0;

    fn line(runs: &[&[(f64, f64)]]) -> Line {
        Line { runs: runs.iter().map(|run| run.to_vec()).collect() }
    }

    fn drawn(whole: &Line) -> Dashes {
        let mut dashes = Dashes::default();
        dashes.clear();
        dashes.drawn(whole, 0.0, PERIOD);
        dashes
    }

    #[test]
    fn an_end_goes_on_where_the_whole_line_was() {
        let points: Vec<_> = (0..50).map(|n| (f64::from(n) / 8.0, f64::from(n * n % 37))).collect();
        let whole = drawn(&line(&[&points]));
        let mut dashes = drawn(&line(&[&points[..40]]));
        dashes.moved(3);
        let end: Vec<_> = points[30..].iter().map(|(x, y)| (x - 3.0, *y)).collect();
        let end = line(&[&end]);
        let begin = dashes.begin(&end).unwrap();
        dashes.drawn(&end, begin, PERIOD);
        let counted = |dashes: &Dashes| dashes.points.iter().map(|(_, counted)| *counted).collect::<Vec<_>>();
        assert_eq!(counted(&dashes), counted(&whole));
        assert!(begin > 0.0);
    }

    /// Between the points that are drawn there are others, which are left out because their column has their height.
    #[test]
    fn it_is_known_where_any_end_of_a_line_begins() {
        const AXIS: ValueAxis = ValueAxis { values: (0.0, 256.0), height: 256.0 };
        let mut series = Series::new("s".into());
        series.merge((0..900).map(|n| (n * 1_000, f64::from(n as i32 * 7 % 256 / 3))).collect());
        let trace = Trace::whole(&series);
        let grid = Grid { width: 10_000, first: 0, count: 100 };
        let mut columns = Columns::new(1);
        columns.update(grid, &[Some(trace.clone())]);
        let dashes = drawn(&columns.line(0, &trace, 0, AXIS));
        for from in 1..100 {
            let begin = dashes.begin(&columns.line(0, &trace, from, AXIS));
            assert!(begin.is_some_and(|begin| begin < PERIOD + 1.0), "{from}: {begin:?}");
        }
    }

    #[test]
    fn each_run_begins_with_a_dash() {
        let dashes = drawn(&line(&[&[(0.0, 0.0), (5.0, 0.0)], &[(8.0, 1.0), (10.0, 1.0)]]));
        assert_eq!(dashes.begin(&line(&[&[(5.0, 0.0)]])), Some(5.0));
        assert_eq!(dashes.begin(&line(&[&[(5.75, 0.0)]])), Some(5.75), "left out: its column has its height");
        assert_eq!(dashes.begin(&line(&[&[(8.0, 1.0)]])), Some(0.0));
        assert_eq!(dashes.begin(&line(&[&[(12.0, 1.0)]])), Some(0.0), "nothing of it was drawn");
        assert_eq!(dashes.begin(&line(&[&[(7.0, 1.0)]])), None, "a point that was not there");
        assert_eq!(dashes.begin(&line(&[])), Some(0.0));
    }

    #[test]
    fn what_is_too_far_back_is_not_known() {
        let points: Vec<_> = (0..2 * POINTS).map(|n| (n as f64, 0.0)).collect();
        let dashes = drawn(&line(&[&points]));
        assert_eq!(dashes.points.len(), POINTS);
        assert_eq!(dashes.begin(&line(&[&points[..1]])), None);
        assert_eq!(dashes.begin(&line(&[&points[POINTS..]])), Some(POINTS as f64 % PERIOD));
    }
}
