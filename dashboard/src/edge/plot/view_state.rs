//! What a chart shows at the moment, as its callbacks look it up.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::rc::Rc;

use afterglow_wire::board::Threshold;

use crate::alerts::alert_set::{AlertSet, Band, Limit};
use crate::boards::annotations::{AnnotationSet, Flag};
use crate::boards::panels::Panel;
use crate::chart::columns::{Columns, Grid, seconds};
use crate::samples::archive::Sight;
use crate::time::ticks::Tick;
use crate::values::ticks::{self, Labels};

/// The present contents of a chart.
pub(super) struct ViewState {
    panel: Panel,
    view: Cell<View>,
    ticks: RefCell<Vec<Tick>>,
    labels: RefCell<Labels>,
    flags: RefCell<Vec<Flag>>,
    alerts: RefCell<(Rc<AlertSet>, Vec<Limit>, Vec<Band>)>,
    columns: RefCell<Columns>,
    resized: Cell<bool>,
}

/// The ends of both axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct View {
    pub(super) grid: Grid,
    /// The value at the bottom and that at the top.
    pub(super) values: (f64, f64),
}

impl View {
    /// The stretch of time.
    pub(super) fn sight(self) -> Sight {
        Sight { span: self.grid.span(), column: self.grid.width }
    }
}

impl ViewState {
    pub(super) fn new(panel: &Panel) -> Self {
        let grid = Grid { width: 1_000_000, first: 0, count: 1 };
        Self {
            panel: panel.clone(),
            view: Cell::new(View { grid, values: (0.0, 1.0) }),
            ticks: RefCell::default(),
            labels: RefCell::default(),
            flags: RefCell::default(),
            alerts: RefCell::default(),
            columns: RefCell::new(Columns::new(panel.signals.len())),
            resized: Cell::new(false),
        }
    }

    /// Where the value axis, which has room for `most` steps, has its ticks.
    pub(super) fn set_value_ticks(&self, (low, high): (f64, f64), most: usize) -> Vec<f64> {
        let unit = &self.panel.unit;
        let step = ticks::step(low, high, most, unit);
        let ticks = ticks::ticks(low, high, step);
        *self.labels.borrow_mut() = ticks::labels(&ticks, step, unit);
        ticks
    }

    /// What the value axis writes there.
    pub(super) fn value_labels(&self) -> Vec<String> {
        self.labels.borrow().ticks.clone()
    }

    /// What all of that has in common; often nothing.
    pub(super) fn value_base(&self) -> String {
        self.labels.borrow().base.clone()
    }

    /// Annotations.
    pub(super) fn flags(&self) -> Ref<'_, Vec<Flag>> {
        self.flags.borrow()
    }

    /// Takes over the annotations in sight.
    pub(super) fn set_flags(&self, notes: &AnnotationSet, pixels: usize) {
        *self.flags.borrow_mut() = notes.flags(&self.panel.signals, self.sight().span, pixels);
    }

    /// The limits of rules, and when something fired.
    pub(super) fn alerts(&self) -> Ref<'_, (Rc<AlertSet>, Vec<Limit>, Vec<Band>)> {
        self.alerts.borrow()
    }

    /// Takes over what fires. Looked through only when it has changed: there may be many rules.
    pub(super) fn set_alerts(&self, alerts: &Rc<AlertSet>) {
        if !Rc::ptr_eq(&self.alerts.borrow().0, alerts) {
            let signals = &self.panel.signals;
            self.alerts.replace((Rc::clone(alerts), alerts.limits(signals), alerts.bands(signals)));
        }
    }

    /// What is drawn behind the lines.
    pub(super) fn thresholds(&self) -> &[Threshold] {
        &self.panel.definition.thresholds
    }

    /// The stretch that is shown.
    pub(super) fn sight(&self) -> Sight {
        self.view.get().sight()
    }

    /// The time in microseconds at `left` pixels of a plotting area that is `width` pixels wide.
    pub(super) fn time_at(&self, left: f64, width: f64) -> i64 {
        let span = self.sight().span;
        span.from + (left / width.max(1.0) * span.width() as f64) as i64
    }

    /// The ends of the time axis, in seconds.
    pub(super) fn times(&self) -> (f64, f64) {
        let span = self.sight().span;
        (seconds(span.from), seconds(span.to))
    }

    /// The ends of the value axis.
    pub(super) fn values(&self) -> (f64, f64) {
        self.view.get().values
    }

    /// Where the time axis has its ticks, in seconds.
    pub(super) fn tick_times(&self) -> Vec<f64> {
        self.ticks.borrow().iter().map(|tick| seconds(tick.at)).collect()
    }

    /// What the time axis writes there.
    pub(super) fn tick_labels(&self) -> Vec<String> {
        self.ticks.borrow().iter().map(|tick| tick.label.clone()).collect()
    }

    pub(super) fn set(&self, view: View, ticks: Vec<Tick>) {
        self.view.set(view);
        *self.ticks.borrow_mut() = ticks;
    }

    pub(super) fn columns_mut(&self) -> RefMut<'_, Columns> {
        self.columns.borrow_mut()
    }

    /// The point of line `index` nearest to `left`, within `reach` (both as shares of the width): where it is, as a share
    /// of the width, and its value.
    pub(super) fn nearest_point(&self, index: usize, left: f64, reach: f64) -> Option<(f64, f64)> {
        let count = self.view.get().grid.count as f64;
        let found =
            self.columns.borrow().nearest(index, (left * count) as usize, (reach * count).ceil() as usize);
        found.map(|(column, value)| (column / count, value))
    }

    /// The canvas got another size.
    pub(super) fn set_resized(&self) {
        self.resized.set(true);
    }

    /// Whether it did since this was last asked.
    pub(super) fn take_resized(&self) -> bool {
        self.resized.replace(false)
    }
}
