//! The slots of one signal on a chart's grid.

use super::grid::{Grid, SLOTS};
use crate::history::Series;

/// Four slots for each column, NaN where there is no point.
#[derive(Debug, Default)]
pub(super) struct Lane {
    slots: Vec<f64>,
    grid: Option<Grid>,
    rewrites: u64,
    /// The time of the newest sample that the slots show: what came later is not in them.
    newest: i64,
}

impl Lane {
    pub(super) fn slots(&self) -> &[f64] {
        &self.slots
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Brings the slots to `grid`: moves those that are still right, and computes the rest.
    pub(super) fn update(&mut self, grid: Grid, series: &Series) {
        let stale = self.move_to(grid, series.rewrites());
        self.fill(grid, series, stale);
        self.newest = series.ring().last().map_or(i64::MIN, |(time, _)| time);
        self.rewrites = series.rewrites();
        self.grid = Some(grid);
    }

    /// Shifts the slots; returns the index of the first column that has to be computed.
    fn move_to(&mut self, grid: Grid, rewrites: u64) -> usize {
        let previous = self.grid;
        let moved = previous
            .filter(|old| old.width == grid.width && old.count == grid.count && self.rewrites == rewrites)
            .and_then(|old| usize::try_from(grid.first - old.first).ok())
            .filter(|moved| *moved < grid.count);
        let Some(moved) = moved else {
            self.slots.clear();
            self.slots.resize(grid.count * SLOTS, f64::NAN);
            return 0;
        };
        self.slots.copy_within(moved * SLOTS.., 0);
        let end = self.slots.len();
        self.slots[end - moved * SLOTS..].fill(f64::NAN);
        // The newest sample's own column may have got more since, and columns beyond the old grid are new.
        let old_end = previous.map_or(i64::MIN, |old| old.to().div_euclid(old.width));
        let stale = self.newest.div_euclid(grid.width).min(old_end).saturating_sub(grid.first);
        usize::try_from(stale.max(0)).unwrap_or(0).min(grid.count)
    }

    fn fill(&mut self, grid: Grid, series: &Series, stale: usize) {
        let ring = series.ring();
        let mut position = ring.lower_bound(grid.column_start(stale));
        for (index, column) in self.slots.chunks_exact_mut(SLOTS).enumerate().skip(stale) {
            column.fill(f64::NAN);
            if position >= ring.end() {
                continue;
            }
            let end = ring.lower_bound_from(position, grid.column_start(index + 1));
            match end - position {
                0 => {}
                1 => column[grid.slot_within(ring.time(position))] = ring.value(position),
                _ => {
                    if let Some(extent) = series.extent_at(position, end) {
                        let (first, last) = (ring.value(position), ring.value(end - 1));
                        // Through the nearer extreme first: the stroke then doubles back least.
                        let rising = first - extent.min <= extent.max - first;
                        let (near, far) =
                            if rising { (extent.min, extent.max) } else { (extent.max, extent.min) };
                        column.copy_from_slice(&[first, near, far, last]);
                    }
                }
            }
            position = end;
        }
    }
}
