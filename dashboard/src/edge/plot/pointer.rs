//! What is read at the pointer: on the chart that it is on, whether mouse, finger or arrow keys put it there.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use web_sys::Element;

use super::dots::Dots;
use super::tooltip::{Reading, Tooltip};
use super::uplot::UPlot;
use super::view_state::ViewState;
use crate::boards::panels::{Entry, Panel};
use crate::edge::page_state::PageState;
use crate::order;
use crate::samples::history::Series;
use crate::samples::history::pyramid::Extent;
use crate::samples::summary::Samples;
use crate::time::{Span, text};
use crate::values::format::Digits;

/// Most values that are read out.
const SPOKEN: usize = 5;

/// How near to the pointer's time a line's nearest point must be to be marked, as a share of the width.
const NEAR: f64 = 0.01;
/// How near to an annotation the pointer must be to read it, in columns of a pixel.
const REACH: i64 = 6;
/// Most lines of annotations at the pointer.
const NOTES: usize = 6;

/// The pointer on one chart.
pub(super) struct Pointer {
    page_state: Rc<PageState>,
    panel: Panel,
    view_state: Rc<ViewState>,
    shown: RefCell<Vec<bool>>,
    tooltip: Tooltip,
    dots: Dots,
    /// Whether the pointer is on this chart; on the others only its time is shown.
    here: Cell<bool>,
}

impl Pointer {
    pub(super) fn new(
        page_state: &Rc<PageState>,
        panel: &Panel,
        view_state: &Rc<ViewState>,
        element: &Element,
    ) -> Option<Self> {
        Some(Self {
            page_state: Rc::clone(page_state),
            panel: panel.clone(),
            view_state: Rc::clone(view_state),
            shown: RefCell::default(),
            tooltip: Tooltip::new(element)?,
            dots: Dots::new(element, panel)?,
            here: Cell::new(false),
        })
    }

    /// Moves what it shows into the plotting area.
    pub(super) fn move_into(&self, over: &Element) {
        self.dots.move_into(over);
        self.tooltip.move_into(over);
    }

    /// The pointer came here, or left.
    pub(super) fn set_here(&self, here: bool) {
        self.here.set(here);
        if !here {
            self.tooltip.hide();
        }
    }

    /// The library's cursor moved.
    pub(super) fn moved(&self, uplot: &UPlot) {
        let Some((left, top)) = position(uplot) else {
            self.dots.hide();
            return self.tooltip.hide();
        };
        let (width, _) = uplot.screen_size();
        self.mark(uplot, left / width, width);
        if !self.here.get() {
            return self.tooltip.hide();
        }
        let time = self.view_state.time_at(left, width);
        let readings = self.readings(uplot, time, top);
        let heading = text::instant(time, self.view_state.sight().column, &*self.page_state.zone.get());
        let notes = self.notes(time);
        let place = uplot.over().get_bounding_client_rect();
        self.tooltip.show(&heading, &notes, &readings, (left, top), (place.left(), place.top()));
    }

    /// Takes over which lines are shown, and reads again: time passes under a resting pointer.
    pub(super) fn refresh(&self, uplot: &UPlot, shown: &[bool]) {
        if *self.shown.borrow() != shown {
            *self.shown.borrow_mut() = shown.to_vec();
        }
        if position(uplot).is_some() {
            self.moved(uplot);
        }
    }

    /// Puts the dots to the points nearest to `at`, a share of the `width`.
    fn mark(&self, uplot: &UPlot, at: f64, width: f64) {
        for line in 0..self.panel.signals.len() {
            let point = self.view_state.nearest_point(line, at, NEAR);
            self.dots.put(line, point.map(|(x, value)| (x * width, uplot.val_to_pos(value, "y", false))));
        }
    }

    /// The time at `left` pixels of a plotting area that is `width` pixels wide.
    pub(super) fn time_at(&self, left: f64, width: f64) -> i64 {
        self.view_state.time_at(left, width)
    }

    /// The pointer's time in microseconds, when it is on this chart.
    pub(super) fn time(&self, uplot: &UPlot) -> Option<i64> {
        let (left, _) = position(uplot).filter(|_| self.here.get())?;
        Some(self.view_state.time_at(left, uplot.screen_size().0))
    }

    /// What a screen reader says of the pointer's place.
    pub(super) fn spoken(&self, uplot: &UPlot) -> Option<String> {
        let time = self.time(uplot)?;
        let readings = self.readings(uplot, time, f64::NAN);
        let heading = text::instant(time, self.view_state.sight().column, &*self.page_state.zone.get());
        let values = readings.iter().take(SPOKEN);
        let values: Vec<String> = values
            .map(|reading| {
                let Reading { entry: Entry { name, .. }, text, .. } = reading;
                format!("{name} {text}")
            })
            .collect();
        let more = readings.len().saturating_sub(SPOKEN);
        let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
        let values = if values.is_empty() { "no value".into() } else { values.join(", ") };
        let notes = self.notes(time).iter().map(|note| format!(". {note}")).collect::<String>();
        Some(format!("{heading}: {values}{rest}{notes}"))
    }

    /// The annotations at `time`, give or take a few pixels.
    fn notes(&self, time: i64) -> Vec<String> {
        let flags = self.view_state.flags();
        let found = flags.iter().filter(|flag| flag.is_at(time, self.view_state.sight().column * REACH));
        let texts = found.flat_map(|flag| {
            let more = flag.count - flag.texts.len();
            let more = (more > 0).then(|| format!("and {more} more annotations"));
            flag.texts.iter().cloned().chain(more)
        });
        texts.take(NOTES).collect()
    }

    /// The values that hold at `time`, largest first; before them the one nearest to `top` pixels. Where only an outline is
    /// known, a pixel's lowest and highest value.
    fn readings(&self, uplot: &UPlot, time: i64, top: f64) -> Vec<Reading> {
        // Borrowed already when painting made the library report the pointer: the paint shows it afterwards.
        let Ok(history) = self.page_state.history.try_borrow() else { return Vec::new() };
        let Ok(archive) = self.page_state.archive.try_borrow() else { return Vec::new() };
        let Ok(exact) = self.page_state.exact.try_borrow() else { return Vec::new() };
        let Ok(means) = self.page_state.means.try_borrow() else { return Vec::new() };
        let (shown, sight) = (self.shown.borrow(), self.view_state.sight());
        let (low, high) = self.view_state.values();
        let spread = high - low;
        let names = self.panel.signals.iter().enumerate();
        let names = names.filter(|(line, _)| shown.get(*line).copied().unwrap_or(true));
        let mut readings: Vec<Reading> = names
            .filter_map(|(line, name)| {
                let trace = archive.trace(&history, name, sight);
                trace.held(time)?;
                let entry = self.panel.entries.get(line)?.clone();
                let newest = Samples { history: &history, archive: &archive, exact: &exact, means: &means };
                let newest = newest.newest(name, sight.span, time)?;
                let resolution = history.get(name).and_then(Series::decimals);
                let write = |value| Digits { resolution, spread }.text(value, &entry.unit);
                let column = Span { from: time - sight.column / 2, to: time + sight.column / 2 + 1 };
                // What is known of every sample that may hold here.
                let around = Span { from: newest.at - sight.column, to: time + sight.column + 1 };
                let is_constant = trace.extent(around).is_some_and(|extent| extent.min == extent.max);
                let text = match trace.extent(column) {
                    _ if newest.is_exact() || is_constant && newest.slack <= sight.column => {
                        write(newest.value)
                    }
                    Some(Extent { min, max }) if min < max => format!("{} … {}", write(min), write(max)),
                    _ => format!("≈ {}", write(newest.value)),
                };
                Some(Reading { entry, value: newest.value, text, hovered: false })
            })
            .collect();
        order::sort_by(&mut readings, |a, b| b.value.total_cmp(&a.value));
        let distance = |reading: &Reading| (uplot.val_to_pos(reading.value, "y", false) - top).abs();
        let nearest = (0..readings.len())
            .filter(|_| !top.is_nan())
            .min_by(|a, b| distance(&readings[*a]).total_cmp(&distance(&readings[*b])));
        if let Some(nearest) = nearest.filter(|_| readings.len() > 1) {
            let mut reading = readings.remove(nearest);
            reading.hovered = true;
            readings.insert(0, reading);
        }
        readings
    }
}

fn position(uplot: &UPlot) -> Option<(f64, f64)> {
    let cursor = uplot.cursor();
    cursor.left().zip(cursor.top()).filter(|(left, _)| *left >= 0.0)
}
