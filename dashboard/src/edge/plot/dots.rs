//! A dot on each line, where it is nearest to the pointer's time.

use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlElement};

use crate::boards::panels::Panel;
use crate::chart::palette;

/// The dots of one chart.
pub(super) struct Dots {
    elements: Vec<HtmlElement>,
}

impl Dots {
    /// Hidden dots within `parent`, one for each line of `panel`.
    pub(super) fn new(parent: &Element, panel: &Panel) -> Option<Self> {
        let document = parent.owner_document()?;
        let elements = panel.entries.iter().map(|entry| {
            let (hue, colour) = palette::tint(entry.look, entry.colour.as_deref());
            let dot: HtmlElement = document.create_element("div").ok()?.dyn_into().ok()?;
            dot.set_class_name(&format!("point {hue}"));
            if let Some(colour) = colour {
                // Through the object model: the page's policy forbids style attributes.
                dot.style().set_property("color", colour).ok()?;
            }
            dot.set_hidden(true);
            parent.append_child(&dot).ok()?;
            Some(dot)
        });
        Some(Self { elements: elements.collect::<Option<_>>()? })
    }

    /// Moves them into another element.
    pub(super) fn move_into(&self, parent: &Element) {
        // Fails only when `parent` is within a dot.
        self.elements.iter().for_each(|dot| drop(parent.append_child(dot)));
    }

    /// Puts the dot of a line to a point, in pixels, or hides it.
    pub(super) fn put(&self, line: usize, point: Option<(f64, f64)>) {
        let Some(dot) = self.elements.get(line) else { return };
        dot.set_hidden(point.is_none());
        if let Some((x, y)) = point {
            // As above.
            let _ = dot.style().set_property("transform", &format!("translate({x}px, {y}px)"));
        }
    }

    /// Hides all.
    pub(super) fn hide(&self) {
        self.elements.iter().for_each(|dot| dot.set_hidden(true));
    }
}

impl Drop for Dots {
    fn drop(&mut self) {
        self.elements.iter().for_each(|dot| dot.remove());
    }
}
