//! What lies over a chart and is no line: the stretch being marked, the two cursors, the zone's name, what is read out.
//!
//! Elements that are moved through the object model: cheaper than painting, and the page's policy forbids style
//! attributes.

use wasm_bindgen::JsCast as _;
use web_sys::{Document, Element, HtmlElement};

use crate::chart::cursors::Cursors;
use crate::edge::zones::NamedZone;
use crate::samples::archive::Sight;
use crate::time::text;
use crate::time::{Span, Zone as _};

/// The elements over one chart.
pub(super) struct Marks {
    band: HtmlElement,
    a: HtmlElement,
    b: HtmlElement,
    zone: HtmlElement,
    spoken: HtmlElement,
}

impl Marks {
    pub(super) fn new(element: &Element, over: &HtmlElement) -> Option<Self> {
        let document = element.owner_document()?;
        let within = |parent: &Element, class: &str, text: &str| {
            let made = make(&document, class, text)?;
            parent.append_child(&made).ok()?;
            Some(made)
        };
        let marks = Self {
            band: within(over, "band", "")?,
            a: within(over, "cursor-mark", "A")?,
            b: within(over, "cursor-mark", "B")?,
            zone: within(element, "zone", "")?,
            spoken: within(element, "visually-hidden", "")?,
        };
        for hidden in [&marks.band, &marks.a, &marks.b] {
            hidden.set_hidden(true);
            hidden.set_attribute("aria-hidden", "true").ok()?;
        }
        marks.spoken.set_attribute("aria-live", "polite").ok()?;
        marks.spoken.set_attribute("data-testid", "spoken").ok()?;
        marks.zone.set_attribute("data-testid", "zone").ok()?;
        Some(marks)
    }

    /// Shows the stretch being marked, between two pixels.
    pub(super) fn band(&self, ends: Option<(f64, f64)>) {
        self.band.set_hidden(ends.is_none());
        if let Some((from, to)) = ends {
            put(&self.band, from);
            let _ = self.band.style().set_property("width", &format!("{}px", to - from));
        }
    }

    /// Has a screen reader say `text`, politely.
    pub(super) fn say(&self, text: &str) {
        self.spoken.set_text_content(Some(text));
    }

    /// Puts everything where it belongs on what is in `sight`, which is `width` pixels wide.
    pub(super) fn paint(&self, sight: Sight, width: f64, cursors: Cursors, zone: &NamedZone) {
        for (element, at) in [(&self.a, cursors.a), (&self.b, cursors.b)] {
            let shown = at.filter(|at| sight.span.contains(*at));
            if element.hidden() != shown.is_none() {
                element.set_hidden(shown.is_none());
            }
            if let Some(at) = shown {
                let share = (at - sight.span.from) as f64 / sight.span.width().max(1) as f64;
                put(element, share * width);
            }
        }
        let label = zone_text(sight.span, zone);
        if self.zone.text_content().as_deref() != Some(&label) {
            self.zone.set_text_content(Some(&label));
            self.zone.set_title(zone.name());
        }
    }
}

/// How far the zone is from UTC; over a change of daylight saving both.
pub(super) fn zone_text(span: Span, zone: &NamedZone) -> String {
    let [first, last] = [span.from, span.to].map(|at| text::offset(zone.offset(at)));
    if first == last { last } else { format!("{first} → {last}") }
}

impl Drop for Marks {
    fn drop(&mut self) {
        for element in [&self.band, &self.a, &self.b, &self.zone, &self.spoken] {
            element.remove();
        }
    }
}

fn put(element: &HtmlElement, left: f64) {
    let _ = element.style().set_property("transform", &format!("translateX({left}px)"));
}

fn make(document: &Document, class: &str, text: &str) -> Option<HtmlElement> {
    let element: HtmlElement = document.create_element("div").ok()?.dyn_into().ok()?;
    element.set_class_name(class);
    element.set_text_content(Some(text));
    Some(element)
}
