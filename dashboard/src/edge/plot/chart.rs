//! The chart library's object and everything that must live as long as it.

use std::rc::Rc;

use js_sys::Array;
use wasm_bindgen::prelude::Closure;
use web_sys::Element;

use super::handles::{Handles, OnMoved};
use super::input::Input;
use super::lines::Lines;
use super::marks::{self, Marks};
use super::options::{JsValueGuard, MARGIN, VALUES, object, options};
use super::picture::{self, Caption};
use super::pointer::Pointer;
use super::uplot::UPlot;
use super::view_state::{View, ViewState};
use crate::boards::panels::Panel;
use crate::chart::columns::{Change, Grid};
use crate::chart::handles::Handle;
use crate::edge::page_state::PageState;
use crate::samples::history::Trace;
use crate::time::text;
use crate::time::ticks::{self, Axis, ticks};

/// The smallest chart, in pixels: an element that is not laid out yet has no size.
const SMALLEST: (f64, f64) = (80.0, 80.0);
/// Room that a label of the time axis needs, in pixels of the screen.
const LABEL: f64 = 84.0;
/// A narrow axis has at least this many labels: with one it would often have none.
const LABELS: usize = 2;
/// Between the zone's name and a date, in pixels of the screen.
const APART: f64 = 10.0;

pub(super) struct Chart {
    page_state: Rc<PageState>,
    uplot: UPlot,
    view_state: Rc<ViewState>,
    lines: Rc<Lines>,
    pointer: Rc<Pointer>,
    marks: Rc<Marks>,
    handles: Option<Handles>,
    _input: Input,
    _callbacks: Vec<JsValueGuard>,
}

impl Chart {
    /// A chart of `panel` within `element`; with `on_moved` it can have limits that are dragged.
    pub(super) fn new(
        page_state: &Rc<PageState>,
        panel: &Panel,
        element: &Element,
        on_moved: Option<OnMoved>,
    ) -> Option<Self> {
        let view_state = Rc::new(ViewState::new(panel));
        let pointer = Rc::new(Pointer::new(page_state, panel, &view_state, element)?);
        let moved = Rc::clone(&pointer);
        let options = options(&view_state, size(element), move |uplot| moved.moved(&uplot));
        let uplot = UPlot::new(&options.object, &Array::new(), element).ok()?;
        let over = uplot.over();
        let lines = Rc::new(Lines::new(&uplot, panel)?);
        // Into the plotting area, so that positions need no translation.
        pointer.move_into(&over);
        let marks = Rc::new(Marks::new(element, &over)?);
        let input = Input::new(page_state, &uplot, &pointer, &marks, element);
        let handles = on_moved.map(|on_moved| Handles::new(over, panel.unit.clone(), on_moved));
        Some(Self {
            page_state: Rc::clone(page_state),
            uplot,
            view_state,
            lines,
            pointer,
            marks,
            handles,
            _input: input,
            _callbacks: options.callbacks,
        })
    }

    /// How many pixels of the canvas the plotting area is wide.
    pub(super) fn pixels(&self) -> usize {
        self.lines.pixels()
    }

    /// Takes the size of `element`.
    pub(super) fn fit(&self, element: &Element) {
        let (width, height) = size(element);
        self.uplot.set_size(&object([("width", width.into()), ("height", height.into())]));
    }

    /// Lays out and draws at once what otherwise waits for the end of the browser's task.
    pub(super) fn settle(&self) {
        self.uplot.batch(&Closure::new(|| ()));
    }

    /// Whether the canvas got another size since this was last asked. Then nothing is on it.
    pub(super) fn take_resized(&self) -> bool {
        let resized = self.view_state.take_resized();
        if resized {
            self.lines.fit(&self.uplot);
        }
        resized
    }

    /// Whether a limit was dragged, and let go, since this was last asked.
    pub(super) fn take_released(&self) -> bool {
        self.handles.as_ref().is_some_and(Handles::take_released)
    }

    /// The ends of the value axis while a limit is dragged on it.
    pub(super) fn held_values(&self) -> Option<(f64, f64)> {
        self.handles.as_ref().filter(|handles| handles.is_dragged()).map(|_| self.view_state.values())
    }

    /// Puts the limits that can be dragged where they are on an axis with these ends.
    pub(super) fn paint_handles(&self, wanted: &[Handle], values: (f64, f64)) {
        if let Some(handles) = &self.handles {
            handles.paint(wanted, values, self.uplot.screen_size().1);
        }
    }

    /// Draws what `traces` have on `grid`, from `values.0` to `values.1`: all of it, or only what is new since the same was
    /// drawn last.
    pub(super) fn paint(&self, grid: Grid, values: (f64, f64), traces: &[Option<Trace>], all: bool) {
        let mut columns = self.view_state.columns_mut();
        let change = columns.update(grid, traces);
        let change = if all { Change::All } else { change };
        let all = self.lines.paint(&columns, traces, values, change);
        drop(columns);
        // Where the window stands still, its axes do as well.
        if all || !matches!(change, Change::Tail { moved: 0, .. }) {
            self.paint_axes(View { grid, values });
        }
        // The library writes other texts only where the axis has moved: that another zone has others it cannot know.
        if all {
            self.uplot.redraw(false, true);
        }
    }

    fn paint_axes(&self, view: View) {
        let (zone, sight) = (self.page_state.zone.get(), view.sight());
        let width = self.lines.screen_width();
        let labels = ((width / LABEL) as usize).max(LABELS);
        let mut ticks = ticks(sight.span, labels, &*zone);
        // Before the dates stands the zone.
        let left = VALUES - ticks::width(&marks::zone_text(sight.span, &zone)) - APART;
        ticks::fit(&mut ticks, sight.span, Axis { width, left, right: MARGIN });
        self.view_state.set(view, ticks);
        self.view_state.set_alerts(&self.page_state.alerts.get());
        self.view_state.set_flags(&self.page_state.annotations.get(), self.lines.screen_width() as usize);
        self.uplot.set_scale("x", &object([("min", 0.into()), ("max", 1.into())]));
        self.marks.paint(sight, self.lines.screen_width(), *self.page_state.cursors.borrow(), &zone);
    }

    /// Has the browser save what is drawn as the image `name`.
    pub(super) fn save(&self, name: &str, caption: &Caption) {
        let ((lines, scale), axes) = (self.lines.canvas(), self.uplot.context().canvas());
        if let Some((axes, document)) = axes.zip(lines.owner_document()) {
            picture::save(name, &document, &[axes, lines.clone()], scale, caption);
        }
    }

    /// What is shown, in words: `25 Nov 2026 14:05 – 15:05 UTC`. What is drawn begins and ends on whole pixels, up to one
    /// off.
    pub(super) fn range(&self) -> String {
        let (zone, span) = (self.page_state.zone.get(), self.page_state.span());
        format!("{} {}", text::stretch(span, &*zone), zone.name())
    }

    /// Tells the tooltip which lines are shown, and brings it up to date: time passes under a resting pointer.
    pub(super) fn point(&self, shown: &[bool]) {
        self.pointer.refresh(&self.uplot, shown);
    }
}

impl Drop for Chart {
    fn drop(&mut self) {
        self.uplot.destroy();
    }
}

fn size(element: &Element) -> (f64, f64) {
    let (width, height) = (f64::from(element.client_width()), f64::from(element.client_height()));
    (width.max(SMALLEST.0), height.max(SMALLEST.1))
}
