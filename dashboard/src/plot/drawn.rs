//! What a chart shows at the moment, as its callbacks look it up.

use std::cell::{Cell, Ref, RefCell};

use afterglow_wire::board::Threshold;
use wasm_bindgen::JsValue;

use crate::archive::Sight;
use crate::columns::{Line, seconds};
use crate::notes::{Flag, Notes};
use crate::panels::Panel;
use crate::time::Span;
use crate::time::ticks::Tick;
use crate::unit::Unit;

/// How far, in points, a line's nearest point may be from the pointer to be marked.
const REACH: usize = 48;

/// The present contents of a chart.
pub(super) struct Drawn {
    panel: Panel,
    sight: Cell<Sight>,
    values: Cell<(f64, f64)>,
    ticks: RefCell<Vec<Tick>>,
    flags: RefCell<Vec<Flag>>,
    lines: RefCell<Vec<Line>>,
}

impl Drawn {
    pub(super) fn new(panel: &Panel) -> Self {
        Self {
            panel: panel.clone(),
            sight: Cell::new(Sight { span: Span { from: 0, to: 1_000_000 }, column: 1_000_000 }),
            values: Cell::new((0.0, 1.0)),
            ticks: RefCell::default(),
            flags: RefCell::default(),
            lines: RefCell::new(panel.signals.iter().map(|_| Line::default()).collect()),
        }
    }

    pub(super) fn unit(&self) -> &Unit {
        &self.panel.unit
    }

    /// Annotations.
    pub(super) fn flags(&self) -> Ref<'_, Vec<Flag>> {
        self.flags.borrow()
    }

    /// Takes over the annotations in sight.
    pub(super) fn set_flags(&self, notes: &Notes, pixels: usize) {
        *self.flags.borrow_mut() = notes.flags(&self.panel.signals, self.sight.get().span, pixels);
    }

    /// What is drawn behind the lines.
    pub(super) fn thresholds(&self) -> &[Threshold] {
        &self.panel.definition.thresholds
    }

    /// The stretch that is drawn.
    pub(super) fn sight(&self) -> Sight {
        self.sight.get()
    }

    /// The time in microseconds at `left` pixels of a plotting area that is `width` pixels wide.
    pub(super) fn time_at(&self, left: f64, width: f64) -> i64 {
        let span = self.sight.get().span;
        span.from + (left / width.max(1.0) * span.width() as f64) as i64
    }

    /// The ends of the time axis, in seconds.
    pub(super) fn times(&self) -> (f64, f64) {
        let span = self.sight.get().span;
        (seconds(span.from), seconds(span.to))
    }

    /// The ends of the value axis.
    pub(super) fn values(&self) -> (f64, f64) {
        self.values.get()
    }

    /// Where the time axis has its ticks, in seconds.
    pub(super) fn tick_times(&self) -> Vec<f64> {
        self.ticks.borrow().iter().map(|tick| seconds(tick.at)).collect()
    }

    /// What the time axis writes there.
    pub(super) fn tick_labels(&self) -> Vec<String> {
        self.ticks.borrow().iter().map(|tick| tick.label.clone()).collect()
    }

    pub(super) fn lines(&self) -> usize {
        self.lines.borrow().len()
    }

    pub(super) fn set(&self, sight: Sight, values: (f64, f64), ticks: Vec<Tick>, lines: Vec<Line>) {
        self.sight.set(sight);
        self.values.set(values);
        *self.ticks.borrow_mut() = ticks;
        *self.lines.borrow_mut() = lines;
    }

    pub(super) fn gaps(&self, index: usize) -> Vec<(f64, f64)> {
        self.lines.borrow().get(index).map(|line| line.gaps.clone()).unwrap_or_default()
    }

    pub(super) fn lone(&self, index: usize) -> Vec<u32> {
        self.lines.borrow().get(index).map(|line| line.lone.clone()).unwrap_or_default()
    }

    /// The index of the line's point nearest to point `at`, or null.
    pub(super) fn nearest_point(&self, index: usize, at: usize) -> JsValue {
        let lines = self.lines.borrow();
        let Some(line) = lines.get(index) else { return JsValue::NULL };
        let is_point = |at: usize| line.values.get(at).is_some_and(|value| !value.is_nan());
        let found = (0..REACH).find_map(|step| {
            let left = at.checked_sub(step).filter(|at| is_point(*at));
            left.or_else(|| Some(at + step).filter(|at| is_point(*at)))
        });
        found.map_or(JsValue::NULL, |at| JsValue::from(at as f64))
    }
}
