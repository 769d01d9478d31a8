//! The limits on one chart that are dragged, or moved by keys: elements over the plotting area, sliders to screen readers.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::Closure;
use web_sys::{Event, HtmlElement, KeyboardEvent, PointerEvent};

use crate::chart::handles::{self, Handle};
use crate::values::format;
use crate::values::unit::Unit;

/// Hears which limit is moved, by its place, and where to.
pub type OnMoved = Rc<dyn Fn(usize, f64)>;

/// What an element listens to.
const EVENTS: [&str; 6] =
    ["pointerdown", "pointermove", "pointerup", "pointercancel", "lostpointercapture", "keydown"];

/// The handles of one chart.
pub(super) struct Handles {
    over: HtmlElement,
    on_moved: OnMoved,
    unit: Unit,
    elements: RefCell<Vec<Element>>,
    state: Rc<State>,
}

/// What the listeners read.
#[derive(Default)]
struct State {
    /// The ends of the value axis.
    axis: Cell<(f64, f64)>,
    values: RefCell<Vec<f64>>,
    /// Which one is being dragged.
    dragged: Cell<Option<usize>>,
    released: Cell<bool>,
}

/// One of them; removed when it is dropped.
struct Element {
    element: HtmlElement,
    // Alive as long as the browser may call it.
    _call: Closure<dyn Fn(Event)>,
}

impl Handles {
    /// None yet, in the plotting area `over`.
    pub(super) fn new(over: HtmlElement, unit: Unit, on_moved: OnMoved) -> Self {
        Self { over, on_moved, unit, elements: RefCell::default(), state: Rc::default() }
    }

    /// Whether one is being dragged: then the axis stays as it is.
    pub(super) fn is_dragged(&self) -> bool {
        self.state.dragged.get().is_some()
    }

    /// Whether one was let go since this was last asked: then the axis may reach further.
    pub(super) fn take_released(&self) -> bool {
        self.state.released.replace(false)
    }

    /// Shows `wanted` on an axis with these ends, on a plotting area of this height in pixels of the screen.
    pub(super) fn paint(&self, wanted: &[Handle], axis: (f64, f64), height: f64) {
        self.state.axis.set(axis);
        *self.state.values.borrow_mut() = wanted.iter().map(|handle| handle.value).collect();
        let mut elements = self.elements.borrow_mut();
        elements.truncate(wanted.len());
        while elements.len() < wanted.len() {
            let Some(made) = self.make(elements.len()) else { return };
            elements.push(made);
        }
        for (Element { element, .. }, handle) in elements.iter().zip(wanted) {
            let y = handles::place(handle.value, axis) * height;
            // Neither fails for what it is given.
            let _ = element.style().set_property("transform", &format!("translateY({y}px)"));
            element.set_class_name(&format!("limit-handle severity-{}", handle.severity.name()));
            for (name, value) in [
                ("aria-label", handle.label.clone()),
                ("aria-valuemin", axis.0.min(handle.value).to_string()),
                ("aria-valuemax", axis.1.max(handle.value).to_string()),
                ("aria-valuenow", handle.value.to_string()),
                ("aria-valuetext", format::value(handle.value, &self.unit)),
            ] {
                let _ = element.set_attribute(name, &value);
            }
        }
    }

    fn make(&self, place: usize) -> Option<Element> {
        let element: HtmlElement = self.over.owner_document()?.create_element("div").ok()?.dyn_into().ok()?;
        for (name, value) in [
            ("role", "slider"),
            ("tabindex", "0"),
            ("aria-orientation", "vertical"),
            ("data-testid", "limit"),
        ] {
            element.set_attribute(name, value).ok()?;
        }
        let (state, over): (Weak<State>, _) = (Rc::downgrade(&self.state), self.over.clone());
        let (on_moved, handle) = (Rc::clone(&self.on_moved), element.clone());
        let call = Closure::<dyn Fn(Event)>::new(move |event: Event| {
            if let Some(to) = state.upgrade().and_then(|state| state.heard(place, &event, &over, &handle)) {
                on_moved(place, to);
            }
        });
        for name in EVENTS {
            element.add_event_listener_with_callback(name, call.as_ref().unchecked_ref()).ok()?;
        }
        self.over.append_child(&element).ok()?;
        Some(Element { element, _call: call })
    }
}

impl State {
    /// Where the limit at `place` goes by what its `handle` heard, if it moves.
    fn heard(&self, place: usize, event: &Event, over: &HtmlElement, handle: &HtmlElement) -> Option<f64> {
        if let Some(key) = event.dyn_ref::<KeyboardEvent>() {
            let value = *self.values.borrow().get(place)?;
            let to = handles::moved(value, &key.key(), self.axis.get())?;
            // The chart reads values by the same keys, and a sheet scrolls.
            event.prevent_default();
            event.stop_propagation();
            self.released.set(true);
            return Some(to);
        }
        let pointer = event.dyn_ref::<PointerEvent>()?;
        match &*event.type_() {
            "pointerdown" if pointer.button() == 0 => {
                // So that it can be dragged to the chart's end. Fails when the pointer is gone already.
                let _ = handle.set_pointer_capture(pointer.pointer_id());
                let _ = handle.focus();
                self.dragged.set(Some(place));
                // On the chart itself a stretch of time would be marked.
                event.prevent_default();
                event.stop_propagation();
                None
            }
            "pointermove" if self.dragged.get() == Some(place) => {
                event.stop_propagation();
                let area = over.get_bounding_client_rect();
                let share = (f64::from(pointer.client_y()) - area.top()) / area.height().max(1.0);
                Some(handles::at(share, self.axis.get()))
            }
            "pointerup" | "pointercancel" | "lostpointercapture" if self.dragged.get() == Some(place) => {
                event.stop_propagation();
                self.dragged.set(None);
                self.released.set(true);
                None
            }
            _ => None,
        }
    }
}

impl Drop for Element {
    fn drop(&mut self) {
        self.element.remove();
    }
}
