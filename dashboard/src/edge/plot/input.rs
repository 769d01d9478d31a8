//! Pointers, wheel and keys on one chart, turned into changes of the range that all charts show.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::Closure;
use web_sys::{
    AddEventListenerOptions, Element, Event, EventTarget, KeyboardEvent, PointerEvent, WheelEvent,
};

use super::marks::Marks;
use super::pointer::Pointer;
use super::uplot::UPlot;
use crate::chart::gestures::{Action, Gestures, Kind};
use crate::edge::clock::steady;
use crate::edge::page_state::PageState;
use crate::time::Span;

/// A turn of the wheel by one notch shows this many times as much.
const NOTCH: f64 = 1.2;
/// What browsers report of one notch, in pixels.
const NOTCH_PIXELS: f64 = 100.0;
/// A wheel that scrolled the page less than this ago goes on scrolling it, in milliseconds: a page full of charts must not
/// catch the reader who scrolls past, nor who turns on at the page's end.
const SCROLLING: f64 = 400.0;
/// How far the arrow keys move the cursor, in pixels: alone, and with shift.
const STEPS: (f64, f64) = (4.0, 40.0);
/// The height of a line in pixels, for mouse wheels that count in lines.
const LINE_PIXELS: f64 = 16.0;

thread_local! {
    /// When the page was last scrolled, by whatever means.
    static SCROLLED: Cell<f64> = const { Cell::new(f64::NEG_INFINITY) };
    /// When a wheel last went on scrolling it.
    static WENT_ON: Cell<f64> = const { Cell::new(f64::NEG_INFINITY) };
}

/// The page was scrolled at this moment.
pub(super) fn note_scroll() {
    SCROLLED.set(steady());
}

/// The listeners on one chart; dropping them removes them.
pub(super) struct Input {
    listeners: Vec<Listener>,
}

struct Listener {
    target: EventTarget,
    name: &'static str,
    call: Closure<dyn Fn(Event)>,
}

struct Inner {
    page_state: Rc<PageState>,
    uplot: UPlot,
    pointer: Rc<Pointer>,
    marks: Rc<Marks>,
    gestures: RefCell<Gestures>,
}

impl Input {
    pub(super) fn new(
        page_state: &Rc<PageState>,
        uplot: &UPlot,
        pointer: &Rc<Pointer>,
        marks: &Rc<Marks>,
        element: &Element,
    ) -> Self {
        let inner = Rc::new(Inner {
            page_state: Rc::clone(page_state),
            uplot: uplot.clone(),
            pointer: Rc::clone(pointer),
            marks: Rc::clone(marks),
            gestures: RefCell::default(),
        });
        let mut input = Self { listeners: Vec::new() };
        let over: EventTarget = uplot.over().into();
        for name in
            ["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerenter", "pointerleave"]
        {
            let inner = Rc::clone(&inner);
            input.on(&over, name, move |event| {
                if let Ok(event) = event.dyn_into::<PointerEvent>() {
                    inner.pointer_event(name, &event);
                }
            });
        }
        let wheel = Rc::clone(&inner);
        input.on(&over, "wheel", move |event| {
            if let Ok(event) = event.dyn_into::<WheelEvent>() {
                wheel.wheel(&event);
            }
        });
        let target: EventTarget = element.clone().into();
        let keys = Rc::clone(&inner);
        input.on(&target, "keydown", move |event| {
            if let Ok(event) = event.dyn_into::<KeyboardEvent>() {
                keys.key(&event);
            }
        });
        let blurred = Rc::clone(&inner);
        input.on(&target, "focusout", move |_| blurred.leave());
        input
    }

    fn on(&mut self, target: &EventTarget, name: &'static str, call: impl Fn(Event) + 'static) {
        let call = Closure::<dyn Fn(Event)>::new(call);
        let options = AddEventListenerOptions::new();
        // The wheel is held back when it zooms.
        options.set_passive(false);
        // Does not fail for a function.
        let _ = target.add_event_listener_with_callback_and_add_event_listener_options(
            name,
            call.as_ref().unchecked_ref(),
            &options,
        );
        self.listeners.push(Listener { target: target.clone(), name, call });
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        for Listener { target, name, call } in &self.listeners {
            let _ = target.remove_event_listener_with_callback(name, call.as_ref().unchecked_ref());
        }
    }
}

impl Inner {
    fn pointer_event(&self, name: &str, event: &PointerEvent) {
        let x = self.x(event.client_x());
        let id = event.pointer_id();
        let touch = event.pointer_type() == "touch";
        let action = match name {
            "pointerenter" => return self.pointer.set_here(!touch || self.gestures.borrow().active()),
            // What a finger has read stays on the screen when the finger has left it.
            "pointerleave" if !touch => return self.leave(),
            "pointerleave" => return,
            "pointerdown" if event.button() == 0 => {
                let kind = if touch { Kind::Touch } else { Kind::Mouse { shift: event.shift_key() } };
                // So that a stretch can be marked to beyond the chart's end. Fails when the pointer is gone already.
                let _ = self.uplot.over().set_pointer_capture(id);
                self.gestures.borrow_mut().down(id, kind, x)
            }
            "pointermove" => {
                // Also after Escape had hidden what is read there.
                if !touch {
                    self.pointer.set_here(true);
                }
                self.gestures.borrow_mut().moved(id, x)
            }
            "pointerup" => self.gestures.borrow_mut().up(id, x),
            "pointercancel" => self.gestures.borrow_mut().cancel(),
            _ => return,
        };
        self.act(action, event, touch);
    }

    fn act(&self, action: Action, event: &PointerEvent, touch: bool) {
        let width = self.width();
        let inside = |x: f64| x.clamp(0.0, width);
        self.marks.band(match action {
            Action::Mark { from, to } => Some((inside(from), inside(to))),
            _ => None,
        });
        match action {
            Action::Nothing | Action::Mark { .. } | Action::Cancel => {}
            Action::Zoom { from, to } => {
                let span = Span::between(self.time(inside(from)), self.time(inside(to)));
                self.page_state.timeline.borrow_mut().zoom_to(span);
            }
            Action::Pan { by } => self.page_state.pan(-by / width),
            Action::Pinch { at, factor, by } => {
                self.page_state.zoom(Some(self.time(inside(at))), factor);
                self.page_state.pan(-by / width);
            }
            Action::Tap { at } => {
                if event.ctrl_key() || event.meta_key() {
                    self.page_state.annotate(self.time(inside(at)));
                }
                if event.alt_key() || self.page_state.measuring.get() {
                    self.page_state.cursors.borrow_mut().set(self.time(inside(at)));
                }
                if touch {
                    self.pointer.set_here(true);
                    self.show_cursor(inside(at), self.y(event.client_y()));
                }
            }
        }
    }

    fn wheel(&self, event: &WheelEvent) {
        let now = steady();
        if now - SCROLLED.get().max(WENT_ON.get()) < SCROLLING && !event.ctrl_key() {
            WENT_ON.set(now);
            return;
        }
        event.prevent_default();
        let unit = if event.delta_mode() == WheelEvent::DOM_DELTA_LINE { LINE_PIXELS } else { 1.0 };
        let (dx, dy) = (event.delta_x() * unit, event.delta_y() * unit);
        if dx.abs() > dy.abs() || event.shift_key() {
            let by = if dx == 0.0 { dy } else { dx };
            self.page_state.pan(by / self.width());
        } else {
            let at = self.time(self.x(event.client_x()));
            self.page_state.zoom(Some(at), NOTCH.powf((dy / NOTCH_PIXELS).clamp(-4.0, 4.0)));
        }
    }

    /// Arrow keys move the cursor and have it read out; A and B are set where it is.
    fn key(&self, event: &KeyboardEvent) {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let step = if event.shift_key() { STEPS.1 } else { STEPS.0 };
        let width = self.width();
        let at = self.uplot.cursor().left().filter(|left| *left >= 0.0);
        let to = match event.key().as_str() {
            "ArrowLeft" => at.map_or(width / 2.0, |at| at - step),
            "ArrowRight" => at.map_or(width / 2.0, |at| at + step),
            "Home" => 0.0,
            "End" => width - 1.0,
            "n" => {
                if let Some(time) = self.pointer.time(&self.uplot) {
                    self.page_state.annotate(time);
                    event.stop_propagation();
                    event.prevent_default();
                }
                return;
            }
            "m" => {
                if let Some(time) = self.pointer.time(&self.uplot) {
                    self.page_state.cursors.borrow_mut().set(time);
                    event.stop_propagation();
                }
                return;
            }
            "Escape" if at.is_some() => return self.leave(),
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        self.pointer.set_here(true);
        self.show_cursor(to.clamp(0.0, width - 1.0), f64::from(self.uplot.over().client_height()) / 2.0);
        if let Some(text) = self.pointer.spoken(&self.uplot) {
            self.marks.say(&text);
        }
    }

    fn leave(&self) {
        self.pointer.set_here(false);
        self.show_cursor(-10.0, -10.0);
    }

    /// On all charts: the library tells the others.
    fn show_cursor(&self, left: f64, top: f64) {
        let position = super::options::object([("left", left.into()), ("top", top.into())]);
        self.uplot.set_cursor(&position, true, true);
    }

    fn time(&self, x: f64) -> i64 {
        self.pointer.time_at(x, self.width())
    }

    fn width(&self) -> f64 {
        self.uplot.screen_size().0
    }

    fn x(&self, client: i32) -> f64 {
        f64::from(client) - self.uplot.over().get_bounding_client_rect().left()
    }

    fn y(&self, client: i32) -> f64 {
        f64::from(client) - self.uplot.over().get_bounding_client_rect().top()
    }
}
