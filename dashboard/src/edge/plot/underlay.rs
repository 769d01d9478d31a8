//! What a chart has behind its lines: thresholds, alerts and annotations. On the canvas, so that a picture of the chart has them
//! too.

use afterglow_wire::board::Mark;
use js_sys::Array;
use web_sys::CanvasRenderingContext2d;

use super::colours::Colours;
use super::uplot::UPlot;
use super::view_state::ViewState;
use crate::alerts::alert_set::{Band, Limit};
use crate::chart::columns::seconds;

/// How much of a band's colour is seen.
const BAND: f64 = 0.13;
/// The font of labels, in pixels of the screen.
const FONT: f64 = 11.0;
/// The height of the bar over a stretch in which an alert fired, in pixels of the screen.
const BAR: f64 = 4.0;
/// The height of an annotation's flag, in pixels of the screen.
const FLAG: f64 = 7.0;

/// Between the axes and the lines of one chart.
struct Underlay<'a> {
    context: CanvasRenderingContext2d,
    uplot: &'a UPlot,
    colours: &'a Colours,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    /// Pixels of the canvas in one of the screen.
    scale: f64,
}

/// Draws what belongs behind the lines of `drawn`.
pub(super) fn paint(uplot: &UPlot, view_state: &ViewState, colours: &Colours) {
    let base = view_state.value_base();
    let (_, limits, bands) = &*view_state.alerts();
    let is_empty = view_state.thresholds().is_empty() && limits.is_empty() && bands.is_empty();
    if is_empty && view_state.flags().is_empty() && base.is_empty() {
        return;
    }
    let area = uplot.area();
    let underlay = Underlay {
        context: uplot.context(),
        uplot,
        colours,
        left: area.left(),
        right: area.left() + area.width(),
        top: area.top(),
        bottom: area.top() + area.height(),
        scale: web_sys::window().map_or(1.0, |window| window.device_pixel_ratio()),
    };
    let context = &underlay.context;
    context.save();
    context.begin_path();
    context.rect(area.left(), area.top(), area.width(), area.height());
    context.clip();
    context.set_font(&format!("{}px ui-sans-serif, system-ui, sans-serif", FONT * underlay.scale));
    underlay.bands(bands);
    underlay.limits(limits);
    underlay.thresholds(view_state);
    underlay.flags(view_state);
    underlay.base(&base);
    context.restore();
}

impl Underlay<'_> {
    /// When something fired: a bar at the top, and the stretch below it shaded.
    fn bands(&self, bands: &[Band]) {
        for band in bands {
            let x = |micros| self.uplot.val_to_pos(seconds(micros), "x", true).clamp(self.left, self.right);
            let (from, to) = (x(band.from), band.to.map_or(self.right, x));
            if to <= from && (from <= self.left || from >= self.right) {
                continue;
            }
            // However short it was, it is seen.
            let to = to.max(from + 2.0 * self.scale);
            let colour = self.colours.severity(band.severity);
            self.shade(colour, (from, self.top), (to, self.bottom));
            self.context.set_fill_style_str(colour);
            self.context.fill_rect(from, self.top, to - from, BAR * self.scale);
        }
    }

    /// The limits of rules, as thin lines.
    fn limits(&self, limits: &[Limit]) {
        for limit in limits {
            let at = self.uplot.val_to_pos(limit.value, "y", true);
            self.thin(self.colours.severity(limit.severity), (self.left, at), (self.right, at));
        }
    }

    fn thresholds(&self, view_state: &ViewState) {
        self.context.set_text_align("right");
        self.context.set_text_baseline("bottom");
        // Where labels are already; one that would cover another goes to the other side of its line.
        let mut taken: Vec<f64> = Vec::new();
        let (above, below) = (-3.0 * self.scale, (FONT + 4.0) * self.scale);
        for threshold in view_state.thresholds() {
            let colour = threshold.colour.as_deref().unwrap_or(self.colours.warn);
            let label = match threshold.mark() {
                Some(Mark::Line(value)) => {
                    let at = self.uplot.val_to_pos(value, "y", true);
                    self.line(colour, (self.left, at), (self.right, at));
                    at
                }
                Some(Mark::Band(from, to)) => {
                    self.shade(colour, (self.left, self.height(to)), (self.right, self.height(from)));
                    self.height(from)
                }
                None => continue,
            };
            self.context.set_fill_style_str(self.colours.axis);
            if threshold.label.is_empty() {
                continue;
            }
            let is_free = |at: &f64| {
                *at <= self.bottom && taken.iter().all(|other| (other - at).abs() >= FONT * self.scale)
            };
            let places = [label + above, label + below, label + above - FONT * self.scale];
            let at = places.into_iter().find(is_free).unwrap_or(places[0]);
            taken.push(at);
            self.text(&threshold.label, self.right - 4.0 * self.scale, at);
        }
    }

    /// What all ticks of the value axis have in common, where its highest tick is.
    fn base(&self, text: &str) {
        self.context.set_text_align("left");
        self.context.set_text_baseline("top");
        self.context.set_fill_style_str(self.colours.axis);
        self.text(text, self.left + 4.0 * self.scale, self.top + 2.0 * self.scale);
    }

    fn flags(&self, view_state: &ViewState) {
        self.context.set_text_align("left");
        self.context.set_text_baseline("top");
        let (colour, flag) = (self.colours.note, FLAG * self.scale);
        for mark in view_state.flags().iter() {
            let x = |micros| self.uplot.val_to_pos(seconds(micros), "x", true);
            let (from, to) = (x(mark.from), x(mark.to).min(self.right));
            if to > from {
                self.shade(colour, (from.max(self.left), self.top), (to, self.bottom));
            }
            // A range that began before what is shown has its flag where the chart begins.
            let at = from.max(self.left);
            self.line(colour, (at, self.top), (at, self.bottom));
            self.context.set_fill_style_str(colour);
            self.context.begin_path();
            self.context.move_to(at, self.top);
            self.context.line_to(at + flag, self.top + flag / 2.0);
            self.context.line_to(at, self.top + flag);
            self.context.fill();
            if mark.count > 1 {
                self.text(&mark.count.to_string(), at + flag + 2.0 * self.scale, self.top);
            }
        }
    }

    /// Where a value is; the end of an open band is that of the chart.
    fn height(&self, value: f64) -> f64 {
        if value.is_finite() {
            self.uplot.val_to_pos(value, "y", true).clamp(self.top, self.bottom)
        } else if value > 0.0 {
            self.top
        } else {
            self.bottom
        }
    }

    fn shade(&self, colour: &str, from: (f64, f64), to: (f64, f64)) {
        self.context.set_global_alpha(BAND);
        self.context.set_fill_style_str(colour);
        self.context.fill_rect(from.0, from.1, to.0 - from.0, to.1 - from.1);
        self.context.set_global_alpha(1.0);
    }

    fn line(&self, colour: &str, from: (f64, f64), to: (f64, f64)) {
        self.dashed(colour, 1.5, [6.0, 4.0], from, to);
    }

    fn thin(&self, colour: &str, from: (f64, f64), to: (f64, f64)) {
        self.dashed(colour, 1.0, [2.0, 2.0], from, to);
    }

    fn dashed(&self, colour: &str, width: f64, dashes: [f64; 2], from: (f64, f64), to: (f64, f64)) {
        let [dash, gap] = dashes.map(|length| length * self.scale);
        self.context.set_stroke_style_str(colour);
        self.context.set_line_width(width * self.scale);
        // Fails only for what is no list of numbers.
        let _ = self.context.set_line_dash(&Array::of2(&dash.into(), &gap.into()));
        self.context.begin_path();
        self.context.move_to(from.0, from.1);
        self.context.line_to(to.0, to.1);
        self.context.stroke();
    }

    fn text(&self, text: &str, x: f64, y: f64) {
        // Fails only without a context.
        let _ = self.context.fill_text(text, x, y);
    }
}
