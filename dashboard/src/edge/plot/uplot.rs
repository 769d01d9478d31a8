//! The chart library, bound to the global that its script defines.

use js_sys::{Array, Object, Reflect};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::{Closure, wasm_bindgen};

/// Whether the script has run: the page starts before it.
pub(super) fn is_loaded() -> bool {
    Reflect::has(&js_sys::global(), &"uPlot".into()).unwrap_or(false)
}

#[wasm_bindgen]
extern "C" {
    /// A chart.
    #[wasm_bindgen(js_name = uPlot)]
    #[derive(Clone)]
    pub(super) type UPlot;

    #[wasm_bindgen(constructor, js_class = uPlot, catch)]
    pub(super) fn new(options: &Object, data: &Array, target: &web_sys::Element) -> Result<UPlot, JsValue>;

    /// Runs `change`, and lays out and draws at once what waits for the end of the browser's task.
    #[wasm_bindgen(method)]
    pub(super) fn batch(this: &UPlot, change: &Closure<dyn Fn()>);

    /// Asks for the ends of all axes, and draws them at the end of the present task.
    #[wasm_bindgen(method, js_name = setScale)]
    pub(super) fn set_scale(this: &UPlot, key: &str, ends: &Object);

    #[wasm_bindgen(method, js_name = setSize)]
    pub(super) fn set_size(this: &UPlot, size: &Object);

    #[wasm_bindgen(method, js_name = valToPos)]
    pub(super) fn val_to_pos(this: &UPlot, value: f64, scale: &str, canvas_pixels: bool) -> f64;

    /// Puts the cursor at `{left, top}`; `fire` has it reported, `publish` on the other charts as well.
    #[wasm_bindgen(method, js_name = setCursor)]
    pub(super) fn set_cursor(this: &UPlot, position: &Object, fire: bool, publish: bool);

    /// Draws again; with `axes` the axes are computed again.
    #[wasm_bindgen(method)]
    pub(super) fn redraw(this: &UPlot, paths: bool, axes: bool);

    #[wasm_bindgen(method)]
    pub(super) fn destroy(this: &UPlot);

    /// The element over the plotting area.
    #[wasm_bindgen(method, getter)]
    pub(super) fn over(this: &UPlot) -> web_sys::HtmlElement;

    #[wasm_bindgen(method, getter, js_name = ctx)]
    pub(super) fn context(this: &UPlot) -> web_sys::CanvasRenderingContext2d;

    /// The plotting area within the canvas.
    #[wasm_bindgen(method, getter, js_name = bbox)]
    pub(super) fn area(this: &UPlot) -> Area;

    #[wasm_bindgen(method, getter)]
    pub(super) fn cursor(this: &UPlot) -> Cursor;

    /// Where the pointer is.
    pub(super) type Cursor;

    /// Pixels from the plotting area's left edge; negative when the pointer is elsewhere.
    #[wasm_bindgen(method, getter)]
    pub(super) fn left(this: &Cursor) -> Option<f64>;

    /// Pixels from the plotting area's top edge.
    #[wasm_bindgen(method, getter)]
    pub(super) fn top(this: &Cursor) -> Option<f64>;

    /// A rectangle in pixels of the canvas.
    pub(super) type Area;

    #[wasm_bindgen(method, getter)]
    pub(super) fn left(this: &Area) -> f64;

    #[wasm_bindgen(method, getter)]
    pub(super) fn top(this: &Area) -> f64;

    #[wasm_bindgen(method, getter)]
    pub(super) fn width(this: &Area) -> f64;

    #[wasm_bindgen(method, getter)]
    pub(super) fn height(this: &Area) -> f64;
}

impl UPlot {
    /// The plotting area's width and height in pixels of the screen. Asking the element instead would have the browser
    /// lay out the page in the middle of changes to it.
    pub(super) fn screen_size(&self) -> (f64, f64) {
        let scale = web_sys::window().map_or(1.0, |window| window.device_pixel_ratio());
        let area = self.area();
        ((area.width() / scale).max(1.0), (area.height() / scale).max(1.0))
    }
}
