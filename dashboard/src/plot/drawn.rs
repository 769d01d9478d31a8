//! What a chart shows at the moment, as its callbacks look it up.

use std::cell::{Cell, RefCell};

use wasm_bindgen::JsValue;

use crate::columns::Line;
use crate::format::Unit;

/// How far, in points, a line's nearest point may be from the pointer to be marked.
const REACH: usize = 48;

/// The present contents of a chart.
pub(super) struct Drawn {
    unit: Unit,
    times: Cell<(f64, f64)>,
    values: Cell<(f64, f64)>,
    lines: RefCell<Vec<Line>>,
}

impl Drawn {
    pub(super) fn new(unit: Unit, lines: usize) -> Self {
        Self {
            unit,
            times: Cell::new((0.0, 1.0)),
            values: Cell::new((0.0, 1.0)),
            lines: RefCell::new((0..lines).map(|_| Line::default()).collect()),
        }
    }

    pub(super) fn unit(&self) -> Unit {
        self.unit
    }

    /// The ends of the time axis, in seconds.
    pub(super) fn times(&self) -> (f64, f64) {
        self.times.get()
    }

    /// The ends of the value axis.
    pub(super) fn values(&self) -> (f64, f64) {
        self.values.get()
    }

    pub(super) fn lines(&self) -> usize {
        self.lines.borrow().len()
    }

    pub(super) fn set(&self, times: (f64, f64), values: (f64, f64), lines: Vec<Line>) {
        self.times.set(times);
        self.values.set(values);
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
