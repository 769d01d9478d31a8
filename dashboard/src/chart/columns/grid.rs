//! The pixel columns of a chart, anchored to absolute time.

use crate::time::Span;

/// Slots a column has: enough for the first, smallest, largest and last sample in it (M4).
pub const SLOTS: usize = 4;

/// Equally wide columns of time. Column `n` covers the microseconds from `n` times the width.
///
/// Because columns are anchored to 1970 and not to the window, a sample stays in its column while the window
/// slides: the line moves by whole pixels and never changes its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// The width of a column in microseconds.
    pub width: i64,
    /// The number of the first column.
    pub first: i64,
    /// How many columns there are.
    pub count: usize,
}

impl Grid {
    /// The grid of `span` on a width of `pixels`; its last column holds the span's last instant.
    pub fn new(span: Span, pixels: usize) -> Self {
        let count = pixels.max(2);
        let pixels = i64::try_from(count).unwrap_or(i64::MAX);
        let window = span.width();
        let width = (window / pixels + i64::from(window % pixels != 0)).max(1);
        Self { width, first: span.to.div_euclid(width) + 1 - pixels, count }
    }

    /// The time at which the first column starts.
    pub fn from(&self) -> i64 {
        self.first * self.width
    }

    /// The time at which the last column ends.
    pub fn to(&self) -> i64 {
        self.column_start(self.count)
    }

    /// The stretch that all columns cover.
    pub fn span(&self) -> Span {
        Span { from: self.from(), to: self.to() }
    }

    /// The time at which the column with this index (0 is the first) starts.
    pub fn column_start(&self, index: usize) -> i64 {
        self.from() + self.width * i64::try_from(index).unwrap_or(0)
    }

    /// The index of the column that holds `time`; none when it lies outside.
    pub fn index_of(&self, time: i64) -> Option<usize> {
        usize::try_from(time.div_euclid(self.width) - self.first).ok().filter(|index| *index < self.count)
    }

    /// By how many columns `new` is further on; none when it is another grid, or has none of these columns.
    pub fn moved_to(&self, new: Self) -> Option<usize> {
        let moved = usize::try_from(new.first - self.first).ok()?;
        (self.width == new.width && self.count == new.count && moved < new.count).then_some(moved)
    }

    /// Where `time` is, in columns from the first column's start.
    pub fn place(&self, time: i64) -> f64 {
        (time - self.from()) as f64 / self.width as f64
    }

    /// Which of its column's slots a lone sample at `time` takes.
    pub fn slot_within(&self, time: i64) -> usize {
        let slots = SLOTS as i64;
        usize::try_from(time.rem_euclid(self.width) * slots / self.width).unwrap_or(0).min(SLOTS - 1)
    }
}

/// Microseconds as seconds, as the chart's time axis wants them.
pub fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_moves_by_whole_columns() {
        let grid = Grid::new(Span::up_to(1_000_000, 3_600), 1_000);
        assert_eq!((grid.width, grid.count), (4, 1_000));
        assert!(grid.to() > 1_000_000 && grid.to() - 1_000_000 <= grid.width);
        assert_eq!(
            Grid::new(Span::up_to(1_000_003, 3_600), 1_000),
            grid,
            "less than a column changes nothing"
        );
        assert_eq!(Grid::new(Span::up_to(1_000_004, 3_600), 1_000).first, grid.first + 1);
    }
}
