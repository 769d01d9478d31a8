//! The values at the pointer, largest first.
//!
//! Written straight to the document: it follows the pointer, which is none of the components' business.

use wasm_bindgen::JsCast as _;
use web_sys::{Document, Element, HtmlElement};

use crate::format::{self, Unit};
use crate::palette;

/// Most values listed.
const ROWS: usize = 12;

/// One signal's value at the pointer.
pub(super) struct Reading {
    /// The line's number on its chart.
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) value: f64,
}

/// The box that follows the pointer.
pub(super) struct Tooltip {
    document: Document,
    root: HtmlElement,
}

impl Tooltip {
    /// A hidden tooltip within `parent`.
    pub(super) fn new(parent: &Element) -> Option<Self> {
        let document = parent.owner_document()?;
        let root: HtmlElement = document.create_element("div").ok()?.dyn_into().ok()?;
        root.set_class_name("tooltip");
        root.set_hidden(true);
        // The list of signals has the same values for those who do not see this.
        root.set_attribute("aria-hidden", "true").ok()?;
        parent.append_child(&root).ok()?;
        Some(Self { document, root })
    }

    /// Moves it into another element.
    pub(super) fn move_into(&self, parent: &Element) {
        // Fails only when `parent` is within the tooltip.
        let _ = parent.append_child(&self.root);
    }

    pub(super) fn hide(&self) {
        self.root.set_hidden(true);
    }

    /// Shows `readings` of the time `heading` at `position` within a plotting area of this width.
    pub(super) fn show(
        &self,
        heading: &str,
        mut readings: Vec<Reading>,
        unit: Unit,
        position: (f64, f64),
        width: f64,
    ) {
        readings.sort_by(|a, b| b.value.total_cmp(&a.value));
        self.root.set_text_content(None);
        self.add(&self.root, "tooltip-time", heading);
        for reading in readings.iter().take(ROWS) {
            let Some(row) = self.add(&self.root, "tooltip-row", "") else { continue };
            let (hue, dashed) = palette::look(reading.line);
            self.add(&row, &format!("key hue-{hue}{}", if dashed { " dashed" } else { "" }), "");
            self.add(&row, "tooltip-name", &reading.name);
            self.add(&row, "tooltip-value", &format::value(reading.value, unit));
        }
        if readings.len() > ROWS {
            self.add(&self.root, "tooltip-more", &format!("and {} more", readings.len() - ROWS));
        }
        self.root.set_hidden(readings.is_empty());
        let (x, y) = position;
        let own = f64::from(self.root.offset_width());
        let left = if x + own + 24.0 > width { (x - own - 12.0).max(0.0) } else { x + 12.0 };
        // Through the object model: the page's policy forbids style attributes.
        let _ =
            self.root.style().set_property("transform", &format!("translate({left}px, {}px)", y.max(0.0)));
    }

    fn add(&self, parent: &Element, class: &str, text: &str) -> Option<Element> {
        let element = self.document.create_element("span").ok()?;
        element.set_class_name(class);
        element.set_text_content(Some(text));
        parent.append_child(&element).ok()?;
        Some(element)
    }
}

impl Drop for Tooltip {
    fn drop(&mut self) {
        self.root.remove();
    }
}
