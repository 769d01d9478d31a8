//! One panel's chart: decides when to paint, and what.

mod chart;
mod colours;
mod dots;
mod handles;
mod input;
mod lines;
mod marks;
mod options;
mod picture;
mod pointer;
mod tooltip;
mod underlay;
mod uplot;
mod view_state;
mod visibility;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use afterglow_wire::Timestamp;

use crate::boards::panels::Panel;
use crate::chart::columns::Grid;
use crate::chart::handles::Handle;
use crate::chart::scale;
use crate::edge::page_state::PageState;
use crate::samples::archive::Sight;
use crate::samples::history::Trace;
use crate::samples::history::pyramid::Extent;
use crate::time::Span;
use chart::Chart;
pub use handles::OnMoved;
use picture::{Caption, Key};
use visibility::Visibility;

/// The page was scrolled: a wheel that did it goes on scrolling over charts.
pub fn note_scroll() {
    input::note_scroll();
}

/// A panel's chart.
pub struct Plot {
    page_state: Rc<PageState>,
    visibility: Visibility,
    element: web_sys::Element,
    state: RefCell<State>,
    rebuild: Cell<bool>,
    due: Cell<bool>,
}

struct State {
    panel: Panel,
    shown: Vec<bool>,
    /// Limits that can be dragged, and what hears of that.
    handles: Option<(Vec<Handle>, OnMoved)>,
    chart: Option<Chart>,
    grid: Option<Grid>,
    /// What the data's versions came to when they were last painted.
    version: u64,
}

impl Plot {
    /// A chart within `element`; painted from the next frame on.
    pub fn new(
        page_state: Rc<PageState>,
        panel: &Panel,
        shown: &[bool],
        element: web_sys::Element,
    ) -> Option<Rc<Self>> {
        Some(Rc::new(Self {
            page_state,
            visibility: Visibility::new(&element)?,
            element,
            state: RefCell::new(State {
                panel: panel.clone(),
                shown: shown.to_vec(),
                handles: None,
                chart: None,
                grid: None,
                version: 0,
            }),
            rebuild: Cell::new(true),
            due: Cell::new(false),
        }))
    }

    /// Whether it is the chart of the panel with this key.
    pub fn is(&self, key: &str) -> bool {
        self.state.borrow().panel.key() == key
    }

    /// Takes over the panel's signals and which of them are shown.
    pub fn configure(&self, panel: &Panel, shown: &[bool]) {
        let mut state = self.state.borrow_mut();
        if state.panel != *panel {
            state.panel = panel.clone();
            self.rebuild();
        }
        state.shown = shown.to_vec();
        state.grid = None;
    }

    /// Has `handles` on the chart, which can be dragged: `on_moved` hears of it.
    pub fn set_handles(&self, handles: Vec<Handle>, on_moved: OnMoved) {
        self.state.borrow_mut().handles = Some((handles, on_moved));
        self.repaint();
    }

    /// Builds the chart again with the next frame.
    pub fn rebuild(&self) {
        self.rebuild.set(true);
    }

    /// Paints again with the next frame.
    pub fn repaint(&self) {
        self.state.borrow_mut().grid = None;
    }

    /// The key of its panel.
    pub fn key(&self) -> String {
        self.state.borrow().panel.key().to_owned()
    }

    /// Whether it is to be painted: it is on screen, or almost, or is printed.
    pub fn is_wanted(&self) -> bool {
        self.visibility.is_near() || self.page_state.printing.get()
    }

    /// Whether it is on screen.
    pub fn is_on_screen(&self) -> bool {
        self.visibility.is_on_screen()
    }

    /// What is new is to be painted, as soon as a frame has time for it.
    pub fn set_due(&self) {
        self.due.set(true);
    }

    /// Whether that has not been done yet, of a chart that is to be painted.
    pub fn is_due(&self) -> bool {
        self.due.get() && self.is_wanted()
    }

    /// Which signals are drawn, which only stand in the legend, and on how many pixels; none when the chart is not on screen.
    pub fn seen(&self) -> Option<(Vec<String>, Vec<String>, usize)> {
        if !self.is_wanted() {
            return None;
        }
        let state = self.state.borrow();
        let pixels = state.chart.as_ref().map(Chart::pixels).filter(|pixels| *pixels > 0)?;
        let (drawn, hidden): (Vec<_>, Vec<_>) =
            state.panel.signals.iter().zip(&state.shown).partition(|(_, shown)| **shown);
        let names = |lines: Vec<(&String, &bool)>| lines.into_iter().map(|(name, _)| name.clone()).collect();
        Some((names(drawn), names(hidden), pixels))
    }

    /// Has the browser save the chart as an image, with its title, range and legend.
    pub fn save_picture(&self) {
        let state = self.state.borrow();
        let Some(chart) = &state.chart else { return };
        let (panel, unit) = (&state.panel, state.panel.unit.symbol());
        let title =
            if unit.is_empty() { panel.title().to_owned() } else { format!("{} ({unit})", panel.title()) };
        let legend = panel.entries.iter().enumerate();
        let legend = legend.filter(|(line, _)| state.shown.get(*line).copied().unwrap_or(true));
        let legend = legend.map(|(_, entry)| Key::new(entry)).collect();
        let from = Timestamp::from_micros(self.page_state.span().from).to_string();
        let from = from.split('.').next().unwrap_or_default();
        chart.save(
            &file_name(&format!("{} {from}", panel.title())),
            &Caption { title, range: chart.range(), legend },
        );
    }

    /// Paints if there is something new to see, and says whether it did. Without `has_time` only another range or size, or other
    /// lines, of a chart that there is: these cannot wait.
    pub fn frame(&self, span: Span, has_time: bool) -> bool {
        if !self.is_wanted() || (self.rebuild.get() && !(has_time && uplot::is_loaded())) {
            return false;
        }
        let leave = has_time && self.due.replace(false);
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        if self.rebuild.replace(false) {
            state.chart = None;
            let on_moved = state.handles.as_ref().map(|(_, on_moved)| Rc::clone(on_moved));
            state.chart = Chart::new(&self.page_state, &state.panel, &self.element, on_moved);
            state.grid = None;
            self.visibility.take_resized();
        }
        let Some(chart) = &state.chart else { return false };
        if self.visibility.take_resized() {
            chart.fit(&self.element);
        }
        if self.page_state.printing.get() {
            chart.settle();
        }
        if chart.take_resized() || chart.take_released() {
            state.grid = None;
        }
        // Before its first layout the plotting area has no width.
        let pixels = chart.pixels();
        if pixels == 0 {
            return false;
        }
        let grid = Grid::new(span, pixels);
        let jumped = state.grid.is_none_or(|old| old.width != grid.width || old.first > grid.first);
        if !jumped && !leave {
            return false;
        }
        let history = self.page_state.history.borrow();
        let archive = self.page_state.archive.borrow();
        // More than is seen: lines come from there.
        let sight = |name| {
            let span = grid.span();
            Sight { span: span.widened(history.reach(name, span)), column: grid.width }
        };
        let chosen = state.panel.signals.iter().enumerate().map(|(index, name)| {
            let visible = state.shown.get(index).copied().unwrap_or(true);
            visible.then(|| archive.trace(&history, name, sight(name)))
        });
        let traces: Vec<Option<Trace>> = chosen.collect();
        let parts = traces.iter().flatten().flat_map(Trace::parts);
        // An excerpt never changes: which of them are used, and the rings' versions, say whether there is something new.
        let mix = |sum: u64, next: u64| sum.wrapping_mul(31).wrapping_add(next);
        let version = parts.fold(0, |sum, part| mix(mix(sum, part.source), part.series.version()));
        if state.grid == Some(grid) && version == state.version {
            return false;
        }
        let extents = traces.iter().flatten().filter_map(|trace| trace.extent(grid.span()));
        let limits = (state.panel.definition.min, state.panel.definition.max);
        let handles = state.handles.as_ref().map_or(&[][..], |(handles, _)| handles.as_slice());
        let wanted = handles.iter().map(|handle| Extent { min: handle.value, max: handle.value });
        let values = scale::limited(scale::range(extents.chain(wanted).reduce(Extent::union)), limits);
        // Under a limit that is dragged the axis stays.
        let values = chart.held_values().unwrap_or(values);
        chart.paint(grid, values, &traces, state.grid.is_none());
        chart.paint_handles(handles, values);
        state.grid = Some(grid);
        state.version = version;
        drop((history, archive));
        chart.point(&state.shown);
        // At the end of the task no frame would know how long it took, and a print would not have it.
        chart.settle();
        true
    }
}

/// What a title leaves for the name of a file: letters, digits and what stands between them.
fn file_name(title: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() { c } else { '-' };
    let name: String = title.chars().map(safe).take(60).collect();
    let words: Vec<&str> = name.split('-').filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "panel".to_owned() } else { words.join("-") }
}
