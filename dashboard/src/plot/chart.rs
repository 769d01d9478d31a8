//! The chart library's object and everything that must live as long as it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Float64Array, Reflect};
use web_sys::Element;

use super::drawn::Drawn;
use super::options::{JsValueGuard, object, options};
use super::tooltip::{Reading, Tooltip};
use super::uplot::UPlot;
use crate::clock;
use crate::columns::Line;
use crate::panels::Panel;
use crate::store::Store;
use crate::window;

/// The smallest chart, in pixels: an element that is not laid out yet has no size.
const SMALLEST: (f64, f64) = (80.0, 80.0);
/// A signal whose cadence is unknown has a value this far from a sample, in microseconds.
const NEAR: i64 = window::LONGEST / 60;

/// A line that goes up and down more than this many times the chart's width is dense.
const DENSE: f64 = 6.0;
/// A dense line's width in pixels: a wider one hides its own shape, and costs four times as much to draw.
const THIN: f64 = 1.0;
/// Any other line's width in pixels.
const THICK: f64 = 1.6;

pub(super) struct Chart {
    uplot: UPlot,
    drawn: Rc<Drawn>,
    pointer: Rc<Pointer>,
    _callbacks: Vec<JsValueGuard>,
}

/// What the pointer's callback needs.
struct Pointer {
    store: Rc<Store>,
    panel: Panel,
    shown: RefCell<Vec<bool>>,
    tooltip: Tooltip,
    hidden: Cell<bool>,
}

impl Chart {
    pub(super) fn new(store: &Rc<Store>, panel: &Panel, element: &Element) -> Option<Self> {
        let drawn = Rc::new(Drawn::new(panel.unit, panel.signals.len()));
        let data = Array::new();
        for _ in 0..=panel.signals.len() {
            data.push(&Float64Array::new_with_length(0));
        }
        let pointer = Rc::new(Pointer {
            store: Rc::clone(store),
            panel: panel.clone(),
            shown: RefCell::default(),
            tooltip: Tooltip::new(element)?,
            hidden: Cell::new(true),
        });
        let moved = Rc::clone(&pointer);
        let options = options(&drawn, size(element), move |uplot| moved.moved(&uplot));
        let uplot = UPlot::new(&options.object, &data, element).ok()?;
        // Into the plotting area, so that positions need no translation.
        pointer.tooltip.move_into(&uplot.over());
        Some(Self { uplot, drawn, pointer, _callbacks: options.callbacks })
    }

    /// How many pixels wide the plotting area is.
    pub(super) fn pixels(&self) -> usize {
        usize::try_from(self.uplot.over().client_width()).unwrap_or(0)
    }

    /// Takes the size of `element`.
    pub(super) fn fit(&self, element: &Element) {
        let (width, height) = size(element);
        self.uplot.set_size(&object([("width", width.into()), ("height", height.into())]));
    }

    /// Draws `lines` over the shared `points` in time, on axes with these ends.
    pub(super) fn paint(&self, times: (f64, f64), values: (f64, f64), points: &[f64], lines: Vec<Line>) {
        let data = Array::of1(&Float64Array::from(points));
        let (series, over) = (self.uplot.series(), self.uplot.over());
        let shape = f64::from(over.client_height()) / f64::from(over.client_width().max(1));
        for (line, known) in lines.iter().zip(series.iter().skip(1)) {
            data.push(&Float64Array::from(line.values.as_slice()));
            let dense = line.travel(values.1 - values.0) * shape > DENSE;
            let width = if dense { THIN } else { THICK };
            // Fails only on frozen objects.
            let _ = Reflect::set(&known, &"width".into(), &width.into());
        }
        self.drawn.set(times, values, lines);
        self.uplot.set_data(&data);
    }

    /// Tells the tooltip which lines are shown, and brings it up to date: time passes under a resting pointer.
    pub(super) fn point(&self, shown: &[bool]) {
        *self.pointer.shown.borrow_mut() = shown.to_vec();
        if !self.pointer.hidden.get() {
            self.pointer.moved(&self.uplot);
        }
    }
}

impl Drop for Chart {
    fn drop(&mut self) {
        self.uplot.destroy();
    }
}

impl Pointer {
    fn moved(&self, uplot: &UPlot) {
        let cursor = uplot.cursor();
        let over = uplot.over();
        let position = cursor.left().zip(cursor.top()).filter(|(left, _)| *left >= 0.0);
        // The pointer's time is shown on all charts, its values only on the chart that it is on.
        let position = position.filter(|_| over.matches(":hover").unwrap_or(false));
        self.hidden.set(position.is_none());
        let Some((left, top)) = position else { return self.tooltip.hide() };
        let time = (uplot.pos_to_val(left, "x") * 1e6) as i64;
        self.tooltip.show(
            &clock::time_of_day(time),
            self.readings(time),
            self.panel.unit,
            (left, top),
            f64::from(over.client_width()),
        );
    }

    fn readings(&self, time: i64) -> Vec<Reading> {
        // Borrowed already when painting made the library report the pointer: the paint shows it afterwards.
        let Ok(history) = self.store.history.try_borrow() else { return Vec::new() };
        let shown = self.shown.borrow();
        let readings = self.panel.signals.iter().enumerate().filter_map(|(line, name)| {
            let series = history.series().get(history.index_of(name)?)?;
            let (at, value) = series.nearest(time).filter(|_| shown.get(line).copied().unwrap_or(true))?;
            let near = series.gaps().threshold().unwrap_or(NEAR).max(NEAR / 10);
            (at.abs_diff(time) <= near.unsigned_abs()).then(|| Reading {
                line,
                name: self.panel.short(name).to_owned(),
                value,
            })
        });
        readings.collect()
    }
}

fn size(element: &Element) -> (f64, f64) {
    let (width, height) = (f64::from(element.client_width()), f64::from(element.client_height()));
    (width.max(SMALLEST.0), height.max(SMALLEST.1))
}
