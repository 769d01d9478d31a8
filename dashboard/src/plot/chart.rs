//! The chart library's object and everything that must live as long as it.

use std::rc::Rc;

use js_sys::{Array, Float64Array, Reflect};
use web_sys::Element;

use super::drawn::Drawn;
use super::hands::Hands;
use super::marks::Marks;
use super::options::{JsValueGuard, object, options};
use super::pointer::Pointer;
use super::uplot::UPlot;
use crate::archive::Sight;
use crate::columns::Line;
use crate::panels::Panel;
use crate::store::Store;
use crate::time::ticks::ticks;

/// The smallest chart, in pixels: an element that is not laid out yet has no size.
const SMALLEST: (f64, f64) = (80.0, 80.0);
/// Room that a label of the time axis needs, in pixels.
const LABEL: usize = 84;
/// A line that goes up and down more than this many times the chart's width is dense.
const DENSE: f64 = 6.0;
/// A dense line's width in pixels: a wider one hides its own shape, and costs four times as much to draw.
const THIN: f64 = 1.0;
/// Any other line's width in pixels.
const THICK: f64 = 1.6;

pub(super) struct Chart {
    store: Rc<Store>,
    uplot: UPlot,
    drawn: Rc<Drawn>,
    pointer: Rc<Pointer>,
    marks: Rc<Marks>,
    _hands: Hands,
    _callbacks: Vec<JsValueGuard>,
}

impl Chart {
    pub(super) fn new(store: &Rc<Store>, panel: &Panel, element: &Element) -> Option<Self> {
        let drawn = Rc::new(Drawn::new(panel));
        let data = Array::new();
        for _ in 0..=panel.signals.len() {
            data.push(&Float64Array::new_with_length(0));
        }
        let pointer = Rc::new(Pointer::new(store, panel, &drawn, element)?);
        let moved = Rc::clone(&pointer);
        let options = options(&drawn, size(element), move |uplot| moved.moved(&uplot));
        let uplot = UPlot::new(&options.object, &data, element).ok()?;
        let over = uplot.over();
        // Into the plotting area, so that positions need no translation.
        pointer.tooltip().move_into(&over);
        let marks = Rc::new(Marks::new(element, &over)?);
        let hands = Hands::new(store, &uplot, &pointer, &marks, element);
        Some(Self {
            store: Rc::clone(store),
            uplot,
            drawn,
            pointer,
            marks,
            _hands: hands,
            _callbacks: options.callbacks,
        })
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

    /// Draws `lines` over the shared `points` in time, what is in `sight` from `values.0` to `values.1`.
    pub(super) fn paint(&self, sight: Sight, values: (f64, f64), points: &[f64], lines: Vec<Line>) {
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
        let zone = self.store.zone();
        let ticks = ticks(sight.span, (self.pixels() / LABEL).max(1), &*zone);
        self.drawn.set(sight, values, ticks, lines);
        self.drawn.set_flags(&self.store.notes.borrow(), self.pixels());
        self.uplot.set_data(&data);
        self.marks.paint(sight, *self.store.cursors.borrow(), &zone);
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
