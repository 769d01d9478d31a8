//! What a chart has behind its lines: thresholds. On the canvas, so that a picture of the chart has them too.

use afterglow_wire::board::{Mark, Threshold};
use js_sys::Array;
use web_sys::CanvasRenderingContext2d;

use super::colours::Colours;
use super::uplot::UPlot;

/// How much of a band's colour is seen.
const BAND: f64 = 0.13;
/// The font of labels, in pixels of the screen.
const FONT: f64 = 11.0;

/// Draws `thresholds` between the axes and the lines.
pub(super) fn thresholds(uplot: &UPlot, thresholds: &[Threshold], colours: &Colours) {
    if thresholds.is_empty() {
        return;
    }
    let (context, area) = (uplot.context(), uplot.area());
    let (left, right) = (area.left(), area.left() + area.width());
    let (top, bottom) = (area.top(), area.top() + area.height());
    let scale = web_sys::window().map_or(1.0, |window| window.device_pixel_ratio());
    context.save();
    context.begin_path();
    context.rect(left, top, area.width(), area.height());
    context.clip();
    context.set_font(&format!("{}px ui-sans-serif, system-ui, sans-serif", FONT * scale));
    context.set_text_align("right");
    context.set_text_baseline("bottom");
    for threshold in thresholds {
        let colour = threshold.colour.as_deref().unwrap_or(colours.warn);
        let y = |value: f64| {
            // An open band has no end on that side.
            let y = if value.is_finite() { uplot.val_to_pos(value, "y", true) } else { f64::NAN };
            if y.is_nan() { if value > 0.0 { top } else { bottom } } else { y.clamp(top, bottom) }
        };
        let label = match threshold.mark() {
            Some(Mark::Line(value)) => {
                let at = uplot.val_to_pos(value, "y", true);
                line(&context, colour, scale, (left, right), at);
                at
            }
            Some(Mark::Band(from, to)) => {
                context.set_global_alpha(BAND);
                context.set_fill_style_str(colour);
                context.fill_rect(left, y(to), right - left, y(from) - y(to));
                context.set_global_alpha(1.0);
                y(from)
            }
            None => continue,
        };
        context.set_fill_style_str(colours.axis);
        // Fails only without a context.
        let _ = context.fill_text(&threshold.label, right - 4.0 * scale, label - 3.0 * scale);
    }
    context.restore();
}

fn line(context: &CanvasRenderingContext2d, colour: &str, scale: f64, (left, right): (f64, f64), at: f64) {
    context.set_stroke_style_str(colour);
    context.set_line_width(1.5 * scale);
    // Fails only for what is no list of numbers.
    let _ = context.set_line_dash(&Array::of2(&(6.0 * scale).into(), &(4.0 * scale).into()));
    context.begin_path();
    context.move_to(left, at);
    context.line_to(right, at);
    context.stroke();
}
