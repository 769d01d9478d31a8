//! The options of a chart for the chart library: axes, and a cursor. It knows no lines.

use std::rc::Rc;

use js_sys::{Array, Function, Object, Reflect};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast as _, JsValue};

use super::colours::Colours;
use super::underlay;
use super::uplot::UPlot;
use super::view_state::ViewState;
use crate::values::ticks;

/// Between the value axis and its labels, in pixels of the screen.
const GAP: f64 = 6.0;
/// How wide the value axis is, in pixels of the screen: the same in all charts, so that their times stand below each other.
pub(super) const VALUES: f64 = ticks::ROOM + GAP;
/// Between ticks of the value axis at least, in pixels of the screen.
const SPACE: f64 = 32.0;
/// What is left free above and beside the plotting area, in pixels of the screen.
pub(super) const MARGIN: f64 = 12.0;

/// The chart's options, and the callbacks that must outlive the chart.
pub(super) struct Options {
    pub(super) object: Object,
    pub(super) callbacks: Vec<JsValueGuard>,
}

/// Keeps a callback alive.
pub(super) type JsValueGuard = Box<dyn std::any::Any>;

/// The options of a chart that shows what `drawn` holds.
pub(super) fn options(
    view_state: &Rc<ViewState>,
    size: (f64, f64),
    on_cursor: impl Fn(UPlot) + 'static,
) -> Options {
    let mut keep = Vec::new();
    let colours = Colours::current();
    let object = object([
        ("width", size.0.into()),
        ("height", size.1.into()),
        ("legend", object([("show", false.into())]).into()),
        ("cursor", cursor()),
        ("scales", scales(view_state, &mut keep)),
        ("axes", axes(view_state, &colours, &mut keep)),
        // Lines are drawn beside it.
        ("series", Array::of1(&Object::new()).into()),
        ("hooks", hooks(view_state, on_cursor, &mut keep)),
        ("padding", Array::of4(&MARGIN.into(), &MARGIN.into(), &0.into(), &0.into()).into()),
    ]);
    Options { object, callbacks: keep }
}

fn cursor() -> JsValue {
    let off = object([("x", false.into()), ("y", false.into()), ("setScale", false.into())]);
    let sync = object([
        ("key", "afterglow".into()),
        ("setSeries", false.into()),
        ("scales", Array::of2(&"x".into(), &JsValue::NULL).into()),
    ]);
    object([("y", false.into()), ("drag", off.into()), ("sync", sync.into())]).into()
}

fn scales(view_state: &Rc<ViewState>, keep: &mut Vec<JsValueGuard>) -> JsValue {
    let mut range = |of: fn(&ViewState) -> (f64, f64)| {
        let shown = Rc::clone(view_state);
        let range = Closure::<dyn Fn() -> Array>::new(move || {
            let (from, to) = of(&shown);
            Array::of2(&from.into(), &to.into())
        });
        let function = range.as_ref().clone();
        keep.push(Box::new(range));
        JsValue::from(object([("range", function)]))
    };
    object([("x", range(ViewState::times)), ("y", range(ViewState::values))]).into()
}

fn axes(view_state: &Rc<ViewState>, colours: &Colours, keep: &mut Vec<JsValueGuard>) -> JsValue {
    let line = object([("stroke", colours.grid.into()), ("width", 1.into())]);
    let hidden = object([("show", false.into())]);
    let common = |more: &[(&str, JsValue)]| {
        let axis = object([
            ("stroke", colours.axis.into()),
            ("font", format!("{}px ui-sans-serif, system-ui, sans-serif", ticks::FONT).into()),
            ("grid", line.clone().into()),
            ("ticks", hidden.clone().into()),
        ]);
        for (key, value) in more {
            set(&axis, key, value);
        }
        JsValue::from(axis)
    };
    let shown = Rc::clone(view_state);
    let splits = Closure::<dyn Fn() -> Array>::new(move || {
        shown.tick_times().into_iter().map(JsValue::from).collect::<Array>()
    });
    let shown = Rc::clone(view_state);
    let times = Closure::<dyn Fn() -> Array>::new(move || {
        shown.tick_labels().into_iter().map(JsValue::from).collect::<Array>()
    });
    let shown = Rc::clone(view_state);
    // The library's own steps end at 1e-16 and 1e16. So it is given one that always fits, and told the ticks.
    let steps = Closure::<dyn Fn(JsValue, JsValue, f64, f64) -> Array>::new(|_, _, low: f64, high: f64| {
        Array::of1(&(high - low).max(5.0).into())
    });
    let ticks = Closure::<dyn Fn(JsValue, JsValue, f64, f64, f64, f64) -> Array>::new(
        move |_, _, low: f64, high: f64, step: f64, space: f64| {
            let pixels = space * ((high - low) / step);
            let ticks = shown.set_value_ticks((low, high), (pixels / SPACE) as usize);
            ticks.into_iter().map(JsValue::from).collect()
        },
    );
    let shown = Rc::clone(view_state);
    let labels = Closure::<dyn Fn() -> Array>::new(move || {
        shown.value_labels().into_iter().map(JsValue::from).collect::<Array>()
    });
    let time = common(&[
        ("splits", splits.as_ref().clone()),
        ("values", times.as_ref().clone()),
        ("size", 40.into()),
        ("gap", 7.into()),
    ]);
    let value = common(&[
        ("incrs", steps.as_ref().clone()),
        ("splits", ticks.as_ref().clone()),
        ("values", labels.as_ref().clone()),
        ("size", VALUES.into()),
        ("space", SPACE.into()),
        ("gap", GAP.into()),
    ]);
    keep.push(Box::new(splits));
    keep.push(Box::new(times));
    keep.push(Box::new(steps));
    keep.push(Box::new(ticks));
    keep.push(Box::new(labels));
    Array::of2(&time, &value).into()
}

fn hooks(
    view_state: &Rc<ViewState>,
    on_cursor: impl Fn(UPlot) + 'static,
    keep: &mut Vec<JsValueGuard>,
) -> JsValue {
    let (shown, colours) = (Rc::clone(view_state), Colours::current());
    let underlay = move |uplot: UPlot| underlay::paint(&uplot, &shown, &colours);
    let resized = Rc::clone(view_state);
    object([
        ("setSize", callbacks([guard1(keep, move |_| resized.set_resized())])),
        ("setCursor", callbacks([guard1(keep, on_cursor)])),
        ("drawAxes", callbacks([guard1(keep, underlay)])),
    ])
    .into()
}

fn guard1(keep: &mut Vec<JsValueGuard>, call: impl Fn(UPlot) + 'static) -> JsValue {
    let closure = Closure::<dyn Fn(UPlot)>::new(call);
    let function = closure.as_ref().clone();
    keep.push(Box::new(closure));
    function
}

fn callbacks<const N: usize>(functions: [JsValue; N]) -> JsValue {
    functions.iter().filter(|function| function.is_instance_of::<Function>()).collect::<Array>().into()
}

/// An object with these properties.
pub(super) fn object<const N: usize>(properties: [(&str, JsValue); N]) -> Object {
    let object = Object::new();
    for (key, value) in properties {
        set(&object, key, &value);
    }
    object
}

fn set(object: &Object, key: &str, value: &JsValue) {
    // Fails only on frozen objects and proxies.
    let _ = Reflect::set(object, &key.into(), value);
}
