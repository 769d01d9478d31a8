//! The one frame loop: paints the charts that need it, and tells the components what changed.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::Closure;

use crate::clock;
use crate::panels::Panel;
use crate::plot::Plot;
use crate::status::Status;
use crate::store::Store;
use crate::summary::Summary;
use crate::timer::Timer;

/// Components hear of samples at most this often, in milliseconds.
const SUMMARY_EVERY: f64 = 250.0;
/// Ages grow also when nothing arrives; then components hear this often, in milliseconds.
const AGES_EVERY: f64 = 1_000.0;

/// New samples are painted at most this often, in milliseconds.
const PAINT_EVERY: f64 = 100.0;
/// Painting may take this share of the time: after 12 ms of it the next waits 100 ms.
const SHARE: f64 = 0.12;
/// Nothing waits longer than this, in milliseconds, however slow the machine.
const PAINT_WITHIN: f64 = 1_000.0;

/// What the loop tells the components.
pub enum News {
    /// The connection or the query.
    Status(Status),
    /// The newest values.
    Summary(Summary),
}

/// All charts, and the loop that paints them.
pub struct Stage {
    store: Rc<Store>,
    plots: RefCell<Vec<Rc<Plot>>>,
    summarised: Cell<(f64, u64)>,
    painted_at: Cell<f64>,
    /// How long the browser took for the last paint, its own drawing included.
    cost: Rc<Cell<f64>>,
    measuring: Cell<Option<Timer>>,
    tell: Box<dyn Fn(News)>,
}

impl Stage {
    /// A stage without charts. `tell` is called from the loop.
    pub fn new(store: Rc<Store>, tell: impl Fn(News) + 'static) -> Rc<Self> {
        Rc::new(Self {
            store,
            plots: RefCell::default(),
            summarised: Cell::new((f64::NEG_INFINITY, 0)),
            painted_at: Cell::new(f64::NEG_INFINITY),
            cost: Rc::default(),
            measuring: Cell::default(),
            tell: Box::new(tell),
        })
    }

    /// Starts the loop, which ends when the stage is dropped. A hidden page gets no frames.
    pub fn run(self: &Rc<Self>) {
        request(Rc::downgrade(self), Rc::default());
    }

    /// Puts a panel's chart into `element`.
    pub fn mount(&self, panel: &Panel, shown: &[bool], element: web_sys::Element) {
        self.unmount(&panel.key);
        if let Some(plot) = Plot::new(Rc::clone(&self.store), panel, shown, element) {
            self.plots.borrow_mut().push(plot);
        }
    }

    /// Tells a panel's chart which signals it has and which of them to show.
    pub fn configure(&self, panel: &Panel, shown: &[bool]) {
        if let Some(plot) = self.plots.borrow().iter().find(|plot| plot.key() == panel.key) {
            plot.configure(panel, shown);
        }
    }

    /// Removes a panel's chart.
    pub fn unmount(&self, key: &str) {
        self.plots.borrow_mut().retain(|plot| plot.key() != key);
    }

    /// Paints everything anew, in the colours of the system's present preference.
    pub fn restyle(&self) {
        self.plots.borrow().iter().for_each(|plot| plot.rebuild());
    }

    fn paint(&self, now: f64, edge: i64) {
        let wait = (self.cost.get() / SHARE).clamp(PAINT_EVERY, PAINT_WITHIN);
        let leave = now - self.painted_at.get() >= wait;
        let started = clock::steady();
        let painted = self.plots.borrow().iter().filter(|plot| plot.frame(edge, leave)).count();
        if painted > 0 {
            self.painted_at.set(now);
            let cost = Rc::clone(&self.cost);
            // What the library asked the canvas for is drawn after this frame's callbacks; then the timer fires.
            self.measuring.set(Timer::after(0, move || cost.set(clock::steady() - started)));
        }
    }

    fn frame(&self, now: f64) {
        let edge = self.store.edge();
        self.store.history.borrow_mut().advance(edge);
        self.paint(now, edge);
        if self.store.take_status_changed() {
            (self.tell)(News::Status(self.store.status()));
            self.summarised.set((f64::NEG_INFINITY, 0));
        }
        let (told, changes) = self.summarised.get();
        let history = self.store.history.borrow();
        let due = if history.changes() == changes { AGES_EVERY } else { SUMMARY_EVERY };
        if now - told >= due {
            self.summarised.set((now, history.changes()));
            let summary = Summary::new(&history, self.store.clock.now());
            drop(history);
            (self.tell)(News::Summary(summary));
        }
    }
}

type Callback = Rc<RefCell<Option<Closure<dyn FnMut(f64)>>>>;

fn request(stage: Weak<Stage>, callback: Callback) {
    let again = Rc::clone(&callback);
    *callback.borrow_mut() = Some(Closure::new(move |now: f64| {
        match stage.upgrade() {
            Some(stage) => {
                stage.frame(now);
                schedule(&again);
            }
            // Breaks the circle of the callback that holds itself.
            None => drop(again.take()),
        }
    }));
    schedule(&callback);
}

fn schedule(callback: &Callback) {
    if let (Some(window), Some(callback)) = (web_sys::window(), callback.borrow().as_ref()) {
        // Refused only when the page is being torn down: then there is nothing to paint.
        let _ = window.request_animation_frame(callback.as_ref().unchecked_ref());
    }
}
