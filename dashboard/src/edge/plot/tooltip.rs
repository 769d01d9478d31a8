//! The values at the pointer.
//!
//! Written straight to the document: it follows the pointer, which is none of the components' business.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::{Function, Reflect};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Document, Element, HtmlElement, ResizeObserver};

use crate::boards::panels::Entry;
use crate::chart::palette;

/// Most values listed.
const ROWS: usize = 12;
/// Between the pointer and the box, in pixels.
const APART: f64 = 14.0;

/// One signal's value at the pointer.
pub(super) struct Reading {
    /// How it is shown.
    pub(super) entry: Entry,
    pub(super) value: f64,
    /// The value as it is written.
    pub(super) text: String,
    /// Whether it is the line that the pointer is nearest to.
    pub(super) hovered: bool,
}

/// The box that follows the pointer.
pub(super) struct Tooltip {
    document: Document,
    spot: Rc<Spot>,
    observer: ResizeObserver,
    // Alive as long as the browser may call it.
    _resized: Closure<dyn FnMut()>,
}

/// Where the box is, in pixels. Its size is that of the last layout: to measure it whenever its text changes would have
/// the browser lay out the page with each move of the pointer. Another size comes with the same frame.
struct Spot {
    root: HtmlElement,
    size: Cell<(f64, f64)>,
    pointer: Cell<(f64, f64)>,
    /// Where the plotting area is on the screen.
    origin: Cell<(f64, f64)>,
}

impl Spot {
    /// Beside the pointer, on the side that has room, and never off the screen.
    fn apply(&self) {
        let ((width, height), (x, y), (left, top)) = (self.size.get(), self.pointer.get(), self.origin.get());
        let (across, down) = window_size();
        let (x, y) = (x + left, y + top);
        let fits = x + APART + width <= across;
        let left = if fits { x + APART } else { (x - APART - width).max(0.0) };
        let top = (y - height / 2.0).clamp(0.0, (down - height).max(0.0));
        // Through the object model: the page's policy forbids style attributes.
        let _ = self.root.style().set_property("transform", &format!("translate({left}px, {top}px)"));
    }

    fn measure(&self) {
        self.size.set((f64::from(self.root.offset_width()), f64::from(self.root.offset_height())));
        self.apply();
    }
}

impl Tooltip {
    /// A hidden tooltip within `parent`.
    pub(super) fn new(parent: &Element) -> Option<Self> {
        let document = parent.owner_document()?;
        let root: HtmlElement = document.create_element("div").ok()?.dyn_into().ok()?;
        root.set_class_name("tooltip");
        root.set_hidden(true);
        // The arrow keys have the same values read out, and the table behind the chart lists them.
        root.set_attribute("aria-hidden", "true").ok()?;
        // Over everything: the chart would cut it off.
        root.set_attribute("popover", "manual").ok()?;
        parent.append_child(&root).ok()?;
        let spot =
            Rc::new(Spot { root, size: Cell::default(), pointer: Cell::default(), origin: Cell::default() });
        let observed = Rc::clone(&spot);
        let resized = Closure::<dyn FnMut()>::new(move || observed.measure());
        let observer = ResizeObserver::new(resized.as_ref().unchecked_ref()).ok()?;
        observer.observe(&spot.root);
        Some(Self { document, spot, observer, _resized: resized })
    }

    /// Moves it into another element.
    pub(super) fn move_into(&self, parent: &Element) {
        // Fails only when `parent` is within the tooltip.
        let _ = parent.append_child(&self.spot.root);
    }

    pub(super) fn hide(&self) {
        if !self.spot.root.hidden() {
            call(&self.spot.root, "hidePopover");
            self.spot.root.set_hidden(true);
        }
    }

    /// Shows `notes` and `readings` of the time `heading` beside `pointer` in a plotting area that begins at `origin`
    /// on the screen.
    pub(super) fn show(
        &self,
        heading: &str,
        notes: &[String],
        readings: &[Reading],
        pointer: (f64, f64),
        origin: (f64, f64),
    ) {
        let root = &self.spot.root;
        root.set_text_content(None);
        self.add(root, "tooltip-time", heading);
        for note in notes {
            self.add(root, "tooltip-note", note);
        }
        for reading in readings.iter().take(ROWS) {
            let class = if reading.hovered { "tooltip-row hovered" } else { "tooltip-row" };
            let Some(row) = self.add(root, class, "") else { continue };
            self.add_key(&row, reading);
            self.add(&row, "tooltip-name", &reading.entry.name);
            self.add(&row, "tooltip-value", &reading.text);
        }
        if readings.len() > ROWS {
            self.add(root, "tooltip-more", &format!("and {} more", readings.len() - ROWS));
        }
        if readings.is_empty() {
            self.add(root, "tooltip-more", "no value here");
        }
        if root.hidden() {
            root.set_hidden(false);
            call(root, "showPopover");
        }
        self.spot.pointer.set(pointer);
        self.spot.origin.set(origin);
        self.spot.apply();
    }

    fn add_key(&self, row: &Element, reading: &Reading) {
        let (hue, colour) = palette::tint(reading.entry.look, reading.entry.colour.as_deref());
        let key = self.add(row, &format!("key {} {hue}", palette::dash_class(reading.entry.look)), "");
        if let Some((key, colour)) = key.and_then(|key| key.dyn_into::<HtmlElement>().ok()).zip(colour) {
            // Through the object model, as below.
            let _ = key.style().set_property("color", colour);
        }
    }

    fn add(&self, parent: &Element, class: &str, text: &str) -> Option<Element> {
        let element = self.document.create_element("span").ok()?;
        element.set_class_name(class);
        element.set_text_content(Some(text));
        parent.append_child(&element).ok()?;
        Some(element)
    }
}

/// Calls a method that this library does not know. A browser without it shows the box in the chart.
fn call(element: &HtmlElement, method: &str) {
    let function =
        Reflect::get(element, &method.into()).ok().and_then(|found| found.dyn_into::<Function>().ok());
    if let Some(function) = function {
        // Fails when the element is gone, or is shown already.
        let _ = function.call0(element);
    }
}

fn window_size() -> (f64, f64) {
    let size = web_sys::window().and_then(|window| {
        let number = |size: Result<JsValue, JsValue>| size.ok().and_then(|size| size.as_f64());
        Some((number(window.inner_width())?, number(window.inner_height())?))
    });
    size.unwrap_or_default()
}

impl Drop for Tooltip {
    fn drop(&mut self) {
        self.observer.disconnect();
        self.spot.root.remove();
    }
}
