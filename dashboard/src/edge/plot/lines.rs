//! The lines of one chart, on a canvas of their own over the one on which the library draws axes.
//!
//! Of its own, because most of a picture stays: while the window slides, what is painted already is moved by whole
//! pixels, and only what is new at the right end is drawn. The library can only draw everything.

use std::cell::{Cell, RefCell};

use js_sys::Array;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, Path2d};

use super::colours::Colours;
use super::uplot::UPlot;
use crate::boards::panels::Panel;
use crate::chart::columns::{Change, Columns, Line, ValueAxis};
use crate::chart::dashes::Dashes;
use crate::chart::palette;
use crate::samples::history::Trace;

/// A line that goes up and down more than this many times the chart's width is dense.
const DENSE: f64 = 6.0;
/// A dense line's width in pixels of the screen: a wider one hides its own shape, and costs more to draw.
const THIN: f64 = 1.0;
/// Any other line's width in pixels of the screen.
const THICK: f64 = 1.6;
/// The radius of the dot that stands for a lone sample, in pixels of the screen.
const DOT: f64 = 2.5;
/// How far a line or a dot reaches beyond its points, in pixels of the screen.
const REACH: f64 = 4.0;
/// Everything is painted again when this share of the picture has been: then lines get the width that suits them.
const KEPT: f64 = 0.25;

/// The lines' canvas.
pub(super) struct Lines {
    canvas: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    area: Cell<Place>,
    looks: RefCell<Vec<Look>>,
    /// How much was painted since everything was, in pixels.
    painted: Cell<usize>,
    /// The values at the ends of the axis.
    values: Cell<(f64, f64)>,
}

/// The plotting area, in pixels of the canvas.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Place {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    /// Pixels of the canvas in one of the screen.
    scale: f64,
}

/// How a line is drawn.
struct Look {
    colour: String,
    pattern: &'static [f64],
    /// Where in the pattern it is; for lines that have one.
    dashes: Dashes,
    width: f64,
}

impl Lines {
    /// A canvas over that of `uplot`, for the lines of `panel`.
    pub(super) fn new(uplot: &UPlot, panel: &Panel) -> Option<Self> {
        let over = uplot.over();
        let canvas: HtmlCanvasElement =
            over.owner_document()?.create_element("canvas").ok()?.dyn_into().ok()?;
        canvas.set_class_name("lines");
        over.parent_node()?.insert_before(&canvas, Some(&over)).ok()?;
        let context = canvas.get_context("2d").ok()??.dyn_into().ok()?;
        let dark = Colours::current().dark;
        let looks = panel.entries.iter().map(|entry| {
            let (_, dash) = palette::look(entry.look);
            let colour = palette::colour(entry.look, entry.colour.as_deref(), dark).to_owned();
            Look { colour, pattern: palette::DASHES[dash], dashes: Dashes::default(), width: THICK }
        });
        // Without a size until the library has settled its own.
        Some(Self {
            canvas,
            context,
            area: Cell::default(),
            looks: RefCell::new(looks.collect()),
            painted: Cell::new(0),
            values: Cell::new((0.0, 1.0)),
        })
    }

    /// Takes the size of the library's canvas; nothing is painted then.
    pub(super) fn fit(&self, uplot: &UPlot) {
        let (area, Some(axes)) = (uplot.area(), uplot.context().canvas()) else { return };
        let scale = web_sys::window().map_or(1.0, |window| window.device_pixel_ratio());
        self.canvas.set_width(axes.width());
        self.canvas.set_height(axes.height());
        self.area.set(Place {
            left: area.left(),
            top: area.top(),
            width: area.width(),
            height: area.height(),
            scale,
        });
        self.context.set_line_join("round");
        self.painted.set(usize::MAX);
        // Nothing of the following fails for numbers.
        let _ = self.context.translate(area.left(), area.top());
        self.context.begin_path();
        self.context.rect(0.0, 0.0, area.width(), area.height());
        self.context.clip();
    }

    /// The canvas, and how many of its pixels are one of the screen.
    pub(super) fn canvas(&self) -> (&HtmlCanvasElement, f64) {
        (&self.canvas, self.area.get().scale)
    }

    /// How many pixels of the canvas the plotting area is wide.
    pub(super) fn pixels(&self) -> usize {
        self.area.get().width as usize
    }

    /// The plotting area's width on the screen.
    pub(super) fn screen_width(&self) -> f64 {
        self.area.get().width / self.area.get().scale
    }

    /// Paints what has changed of `columns` where the value axis goes from `values.0` to `values.1`. Whether everything
    /// was painted again.
    pub(super) fn paint(
        &self,
        columns: &Columns,
        traces: &[Option<Trace>],
        values: (f64, f64),
        change: Change,
    ) -> bool {
        let same = self.values.replace(values) == values;
        if let Change::Tail { moved, from } = change
            && same
            && self.keeps(moved)
            && self.tail(columns, traces, moved, from)
        {
            return false;
        }
        self.all(columns, traces);
        true
    }

    /// Whether enough of the picture is left once it has moved on.
    fn keeps(&self, moved: usize) -> bool {
        let painted = self.painted.get().saturating_add(moved);
        self.painted.set(painted);
        (painted as f64) < self.area.get().width * KEPT
    }

    fn all(&self, columns: &Columns, traces: &[Option<Trace>]) {
        let Place { width, height, scale, .. } = self.area.get();
        self.painted.set(0);
        self.context.clear_rect(0.0, 0.0, width, height);
        for (index, (trace, look)) in traces.iter().zip(self.looks.borrow_mut().iter_mut()).enumerate() {
            let Some(trace) = trace else { continue };
            let line = columns.line(index, trace, 0, self.axis());
            look.width = if line.travel() > DENSE * width { THIN } else { THICK };
            look.dashes.clear();
            self.stroke(&line, look, 0.0, scale);
        }
    }

    /// Moves what is painted, and paints what is new; whether it could.
    fn tail(&self, columns: &Columns, traces: &[Option<Trace>], moved: usize, from: usize) -> bool {
        let Place { width, height, scale, .. } = self.area.get();
        let (context, reach) = (&self.context, (REACH * scale).ceil());
        // What was at the right edge was cut off there.
        let edge = (width as usize).saturating_sub(moved);
        let cut = edge.saturating_sub(reach as usize);
        let from = if moved > 0 && columns.has_points(cut..edge) { from.min(cut) } else { from };
        let left = (from as f64 - reach).max(0.0);
        // The ends of strokes before the clip must not be seen.
        let begin = (left - reach).max(0.0) as usize;
        let mut looks = self.looks.borrow_mut();
        looks.iter_mut().for_each(|look| look.dashes.moved(moved));
        if from as f64 >= width {
            self.shift(moved);
            return true;
        }
        let mut lines = Vec::with_capacity(traces.len());
        for (index, (trace, look)) in traces.iter().zip(looks.iter()).enumerate() {
            let Some(trace) = trace else { continue };
            let line = columns.line(index, trace, begin, self.axis());
            let Some(counted) = (if look.pattern.is_empty() { Some(0.0) } else { look.dashes.begin(&line) })
            else {
                return false;
            };
            lines.push((index, line, counted));
        }
        self.shift(moved);
        context.save();
        context.begin_path();
        context.rect(left, 0.0, width - left, height);
        context.clip();
        context.clear_rect(left, 0.0, width - left, height);
        for (index, line, counted) in lines {
            self.stroke(&line, &mut looks[index], counted, scale);
        }
        context.restore();
        true
    }

    /// Moves what is painted to the left.
    fn shift(&self, moved: usize) {
        if moved == 0 {
            return;
        }
        let Place { left, top, width, height, .. } = self.area.get();
        let (context, moved) = (&self.context, moved as f64);
        // What is transparent must be copied as well.
        let _ = context.set_global_composite_operation("copy");
        let _ = context.draw_image_with_html_canvas_element_and_sw_and_sh_and_dx_and_dy_and_dw_and_dh(
            &self.canvas,
            left + moved,
            top,
            width - moved,
            height,
            0.0,
            0.0,
            width - moved,
            height,
        );
        let _ = context.set_global_composite_operation("source-over");
    }

    fn axis(&self) -> ValueAxis {
        ValueAxis { values: self.values.get(), height: self.area.get().height }
    }

    /// Draws a line, the first of its runs from where `counted` pixels of its pattern are behind it.
    fn stroke(&self, line: &Line, look: &mut Look, counted: f64, scale: f64) {
        self.context.set_stroke_style_str(&look.colour);
        self.context.set_line_width(look.width * scale);
        let dashes: Array = look.pattern.iter().map(|pixels| JsValue::from(pixels * scale)).collect();
        // Fails only for what is no list of numbers.
        let _ = self.context.set_line_dash(&dashes);
        let (first, rest) = line.runs.split_at(line.runs.len().min(usize::from(!look.pattern.is_empty())));
        self.context.set_line_dash_offset(counted);
        self.stroke_runs(first);
        self.context.set_line_dash_offset(0.0);
        self.stroke_runs(rest);
        if !look.pattern.is_empty() {
            look.dashes.drawn(line, counted, look.pattern.iter().sum::<f64>() * scale);
        }
        self.context.set_fill_style_str(&look.colour);
        for run in &line.runs {
            if let [(x, y)] = run.as_slice() {
                self.context.begin_path();
                // Fails only for a negative radius.
                let _ = self.context.arc(*x, *y, DOT * scale, 0.0, std::f64::consts::TAU);
                self.context.fill();
            }
        }
    }

    fn stroke_runs(&self, runs: &[Vec<(f64, f64)>]) {
        if runs.iter().all(|run| run.len() < 2) {
            return;
        }
        let Ok(path) = Path2d::new() else { return };
        for run in runs {
            if let [start, rest @ ..] = run.as_slice() {
                path.move_to(start.0, start.1);
                rest.iter().for_each(|(x, y)| path.line_to(*x, *y));
            }
        }
        self.context.stroke_with_path(&path);
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.canvas.remove();
    }
}
