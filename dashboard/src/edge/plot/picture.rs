//! A panel as an image: title, range of time, axes, lines and legend.

use js_sys::Array;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Blob, CanvasRenderingContext2d, Document, HtmlCanvasElement};

use super::colours::Colours;
use crate::boards::panels::Entry;
use crate::chart::palette;
use crate::edge::download::download_blob;

const FAMILY: &str = "ui-sans-serif, system-ui, sans-serif";
/// Lengths in pixels of the screen: around everything, lines of text, between a legend's names, its keys.
const MARGIN: f64 = 16.0;
const TITLE: f64 = 24.0;
const ROW: f64 = 20.0;
const APART: f64 = 18.0;
const KEY: f64 = 22.0;

/// What a picture says beside the chart itself. All of it is drawn as text.
pub(super) struct Caption {
    pub(super) title: String,
    /// The range of time, with its zone.
    pub(super) range: String,
    /// The lines that are shown.
    pub(super) legend: Vec<Key>,
}

/// A line in the legend.
pub(super) struct Key {
    name: String,
    colour: String,
    dashes: &'static [f64],
}

impl Key {
    /// Of the line of `entry`.
    pub(super) fn new(entry: &Entry) -> Self {
        let colour = palette::colour(entry.look, entry.colour.as_deref(), Colours::current().dark).to_owned();
        Self { name: entry.name.clone(), colour, dashes: palette::DASHES[palette::look(entry.look).1] }
    }
}

struct Picture {
    canvas: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    colours: Colours,
    /// The size in pixels of the screen.
    width: f64,
}

/// Has the browser save `layers`, which have the same size and `scale` pixels to one of the screen, as `name`.
pub(super) fn save(
    name: &str,
    document: &Document,
    layers: &[HtmlCanvasElement],
    scale: f64,
    caption: &Caption,
) {
    let Some(canvas) = draw(document, layers, scale, caption) else { return };
    let name = format!("{name}.png");
    let done = Closure::once_into_js(move |blob: Option<Blob>| {
        if let Some(blob) = blob {
            download_blob(&name, &blob);
        }
    });
    // Fails only for images of other hosts, of which there are none.
    let _ = canvas.to_blob(done.unchecked_ref());
}

fn draw(
    document: &Document,
    layers: &[HtmlCanvasElement],
    scale: f64,
    caption: &Caption,
) -> Option<HtmlCanvasElement> {
    let (first, colours) = (layers.first()?, Colours::current());
    let (chart_width, chart_height) = (f64::from(first.width()) / scale, f64::from(first.height()) / scale);
    let canvas: HtmlCanvasElement = document.create_element("canvas").ok()?.dyn_into().ok()?;
    let context: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
    let picture = Picture { canvas, context, colours, width: chart_width + 2.0 * MARGIN };
    picture.font(12.0, 400);
    let widths: Vec<f64> =
        caption.legend.iter().map(|key| picture.cut(&key.name, chart_width - KEY).1).collect();
    let places = flow(&widths, chart_width);
    let rows = places.last().map_or(0, |(_, row)| row + 1) as f64;
    let top = MARGIN + TITLE + ROW;
    let height = top + chart_height + rows * ROW + MARGIN;
    picture.canvas.set_width((picture.width * scale).round() as u32);
    picture.canvas.set_height((height * scale).round() as u32);
    let context = &picture.context;
    // None of these fails for numbers.
    let _ = context.scale(scale, scale);
    context.set_fill_style_str(picture.colours.surface);
    context.fill_rect(0.0, 0.0, picture.width, height);
    context.set_text_baseline("top");
    picture.font(16.0, 600);
    picture.text(&caption.title, picture.colours.ink, MARGIN, MARGIN, chart_width);
    picture.font(12.0, 400);
    picture.text(&caption.range, picture.colours.axis, MARGIN, MARGIN + TITLE, chart_width);
    for layer in layers {
        let _ = context.draw_image_with_html_canvas_element_and_dw_and_dh(
            layer,
            MARGIN,
            top,
            chart_width,
            chart_height,
        );
    }
    for (key, (x, row)) in caption.legend.iter().zip(places) {
        let y = top + chart_height + row as f64 * ROW;
        picture.key(key, MARGIN + x, y + 6.0);
        picture.text(&key.name, picture.colours.ink, MARGIN + x + KEY, y, chart_width - KEY);
    }
    Some(picture.canvas)
}

impl Picture {
    fn font(&self, size: f64, weight: u32) {
        self.context.set_font(&format!("{weight} {size}px {FAMILY}"));
    }

    fn key(&self, key: &Key, x: f64, y: f64) {
        self.context.set_stroke_style_str(&key.colour);
        self.context.set_line_width(2.5);
        let dashes: Array = key.dashes.iter().map(|pixels| JsValue::from(*pixels)).collect();
        // Fails only for what is no list of numbers.
        let _ = self.context.set_line_dash(&dashes);
        self.context.begin_path();
        self.context.move_to(x, y);
        self.context.line_to(x + KEY - 6.0, y);
        self.context.stroke();
    }

    fn text(&self, text: &str, colour: &str, x: f64, y: f64, most: f64) {
        self.context.set_fill_style_str(colour);
        // Fails only without a context.
        let _ = self.context.fill_text(&self.cut(text, most).0, x, y);
    }

    /// As much of `text` as fits into `most` pixels, and how many it takes.
    fn cut(&self, text: &str, most: f64) -> (String, f64) {
        let width = |text: &str| self.context.measure_text(text).map_or(0.0, |measured| measured.width());
        let mut fitting = text.to_owned();
        let mut kept = text.chars().count();
        while width(&fitting) > most && kept > 0 {
            kept -= 1;
            fitting = text.chars().take(kept).chain(['…']).collect();
        }
        let taken = width(&fitting);
        (fitting, taken)
    }
}

/// Where a legend's entries go, whose names take `widths`: pixels from the left, and the row.
fn flow(widths: &[f64], most: f64) -> Vec<(f64, usize)> {
    let (mut x, mut row) = (0.0, 0);
    let places = widths.iter().map(|width| {
        if x > 0.0 && x + KEY + width > most {
            (x, row) = (0.0, row + 1);
        }
        let place = (x, row);
        x += KEY + width + APART;
        place
    });
    places.collect()
}
