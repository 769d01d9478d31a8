//! One panel's chart: decides when to paint, and what.

mod chart;
mod drawn;
mod options;
mod tooltip;
mod uplot;
mod watch;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::columns::{Columns, Grid, seconds};
use crate::history::{History, Series};
use crate::panels::Panel;
use crate::pyramid::Extent;
use crate::scale;
use crate::store::Store;
use crate::window;
use chart::Chart;
use watch::Watch;

/// A panel's chart.
pub struct Plot {
    key: String,
    store: Rc<Store>,
    watch: Watch,
    element: web_sys::Element,
    state: RefCell<State>,
    rebuild: Cell<bool>,
}

struct State {
    panel: Panel,
    shown: Vec<bool>,
    chart: Option<Chart>,
    columns: Columns,
    grid: Option<Grid>,
    /// The sum of the shown signals' versions when they were last painted.
    version: u64,
}

impl Plot {
    /// A chart within `element`; painted from the next frame on.
    pub fn new(
        store: Rc<Store>,
        panel: &Panel,
        shown: &[bool],
        element: web_sys::Element,
    ) -> Option<Rc<Self>> {
        Some(Rc::new(Self {
            key: panel.key.clone(),
            store,
            watch: Watch::new(&element)?,
            element,
            state: RefCell::new(State {
                panel: panel.clone(),
                shown: shown.to_vec(),
                chart: None,
                columns: Columns::new(panel.signals.len()),
                grid: None,
                version: 0,
            }),
            rebuild: Cell::new(true),
        }))
    }

    /// The panel's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Takes over the panel's signals and which of them are shown.
    pub fn configure(&self, panel: &Panel, shown: &[bool]) {
        let mut state = self.state.borrow_mut();
        if state.panel.signals != panel.signals {
            state.columns = Columns::new(panel.signals.len());
            state.panel = panel.clone();
            self.rebuild();
        }
        state.shown = shown.to_vec();
        state.grid = None;
    }

    /// Builds the chart anew with the next frame.
    pub fn rebuild(&self) {
        self.rebuild.set(true);
    }

    /// Paints if there is something new to see, and says whether it did. Without `leave` only what cannot wait
    /// is painted: a new chart, another size, other lines.
    pub fn frame(&self, edge: i64, leave: bool) -> bool {
        if !self.watch.visible() {
            return false;
        }
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        if self.rebuild.replace(false) {
            state.chart = None;
            state.chart = Chart::new(&self.store, &state.panel, &self.element);
            state.grid = None;
            self.watch.take_resized();
        }
        let Some(chart) = &state.chart else { return false };
        if self.watch.take_resized() {
            chart.fit(&self.element);
            state.grid = None;
        }
        // Before its first layout the plotting area has no width.
        let pixels = chart.pixels();
        if pixels == 0 {
            return false;
        }
        let history = self.store.history.borrow();
        let series = select(&history, &state.panel, &state.shown);
        let grid = Grid::new(edge, window::fitting(history.oldest(), edge), pixels);
        let version = series.iter().flatten().map(|series| series.version()).sum();
        let moved = state.grid != Some(grid);
        if state.grid.is_some() && !(leave && (moved || version != state.version)) {
            return false;
        }
        let extents = series.iter().flatten().filter_map(|series| series.extent(grid.from(), grid.to()));
        let values = scale::range(extents.reduce(Extent::union));
        state.columns.update(grid, &series);
        let lines =
            series.iter().enumerate().map(|(index, series)| state.columns.line(index, *series)).collect();
        chart.paint((seconds(grid.from()), seconds(grid.to())), values, &state.columns.times(), lines);
        state.grid = Some(grid);
        state.version = version;
        drop(history);
        chart.point(&state.shown);
        true
    }
}

/// The panel's signals in the order of its lines; none for hidden ones.
fn select<'a>(history: &'a History, panel: &Panel, shown: &[bool]) -> Vec<Option<&'a Series>> {
    let chosen = panel.signals.iter().enumerate().map(|(index, name)| {
        let visible = shown.get(index).copied().unwrap_or(true);
        history.index_of(name).filter(|_| visible).and_then(|index| history.series().get(index))
    });
    chosen.collect()
}
