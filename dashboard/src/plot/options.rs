//! What the chart library is told about a chart.

use std::rc::Rc;

use js_sys::{Array, Function, Object, Reflect};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast as _, JsValue};

use super::drawn::Drawn;
use super::uplot::UPlot;
use crate::format;
use crate::palette;

/// The chart's options, and the callbacks that must outlive the chart.
pub(super) struct Options {
    pub(super) object: Object,
    pub(super) callbacks: Vec<JsValueGuard>,
}

/// Keeps a callback alive.
pub(super) type JsValueGuard = Box<dyn std::any::Any>;

struct Colours {
    axis: String,
    grid: String,
    dark: bool,
}

/// The options of a chart that shows what `drawn` holds.
pub(super) fn options(drawn: &Rc<Drawn>, size: (f64, f64), on_cursor: impl Fn(UPlot) + 'static) -> Options {
    let mut keep = Vec::new();
    let colours = colours();
    let object = object([
        ("width", size.0.into()),
        ("height", size.1.into()),
        ("legend", object([("show", false.into())]).into()),
        ("cursor", cursor(drawn, &mut keep)),
        ("scales", scales(drawn, &mut keep)),
        ("axes", axes(drawn, &colours, &mut keep)),
        ("series", series(drawn, &colours, &mut keep)),
        ("hooks", object([("setCursor", callbacks([guard1(&mut keep, on_cursor)]))]).into()),
        ("padding", Array::of4(&12.into(), &12.into(), &0.into(), &0.into()).into()),
    ]);
    Options { object, callbacks: keep }
}

fn cursor(drawn: &Rc<Drawn>, keep: &mut Vec<JsValueGuard>) -> JsValue {
    let shown = Rc::clone(drawn);
    let nearest = Closure::<dyn Fn(JsValue, usize, usize) -> JsValue>::new(move |_, series, index| {
        if series == 0 { JsValue::from(index as f64) } else { shown.nearest_point(series - 1, index) }
    });
    let off = object([("x", false.into()), ("y", false.into()), ("setScale", false.into())]);
    let sync = object([
        ("key", "afterglow".into()),
        ("setSeries", false.into()),
        ("scales", Array::of2(&"x".into(), &JsValue::NULL).into()),
    ]);
    let cursor = object([
        ("y", false.into()),
        ("drag", off.into()),
        ("sync", sync.into()),
        ("points", object([("size", 7.into())]).into()),
        ("dataIdx", nearest.as_ref().clone()),
    ]);
    keep.push(Box::new(nearest));
    cursor.into()
}

fn scales(drawn: &Rc<Drawn>, keep: &mut Vec<JsValueGuard>) -> JsValue {
    let mut range = |of: fn(&Drawn) -> (f64, f64)| {
        let shown = Rc::clone(drawn);
        let range = Closure::<dyn Fn() -> Array>::new(move || {
            let (from, to) = of(&shown);
            Array::of2(&from.into(), &to.into())
        });
        let function = range.as_ref().clone();
        keep.push(Box::new(range));
        JsValue::from(object([("range", function)]))
    };
    object([("x", range(Drawn::times)), ("y", range(Drawn::values))]).into()
}

fn axes(drawn: &Rc<Drawn>, colours: &Colours, keep: &mut Vec<JsValueGuard>) -> JsValue {
    let line = object([("stroke", colours.grid.as_str().into()), ("width", 1.into())]);
    let hidden = object([("show", false.into())]);
    let common = |more: &[(&str, JsValue)]| {
        let axis = object([
            ("stroke", colours.axis.as_str().into()),
            ("font", "11px ui-sans-serif, system-ui, sans-serif".into()),
            ("grid", line.clone().into()),
            ("ticks", hidden.clone().into()),
        ]);
        for (key, value) in more {
            set(&axis, key, value);
        }
        JsValue::from(axis)
    };
    let unit = drawn.unit();
    let labels = Closure::<dyn Fn(JsValue, Array, JsValue, JsValue, f64) -> Array>::new(
        move |_, splits: Array, _, _, step: f64| {
            let ticks: Vec<f64> = splits.iter().filter_map(|tick| tick.as_f64()).collect();
            let largest = ticks.iter().fold(0.0, |largest: f64, tick| largest.max(tick.abs()));
            ticks.iter().map(|tick| JsValue::from(format::tick(*tick, step, largest, unit))).collect()
        },
    );
    let time =
        common(&[("values", time_labels()), ("size", 28.into()), ("space", 70.into()), ("gap", 8.into())]);
    let value = common(&[
        ("values", labels.as_ref().clone()),
        ("size", 52.into()),
        ("space", 32.into()),
        ("gap", 6.into()),
    ]);
    keep.push(Box::new(labels));
    Array::of2(&time, &value).into()
}

fn series(drawn: &Rc<Drawn>, colours: &Colours, keep: &mut Vec<JsValueGuard>) -> JsValue {
    let shown = Rc::clone(drawn);
    let gaps = Closure::<dyn Fn(UPlot, usize) -> Array>::new(move |chart: UPlot, series: usize| {
        let pixel = |seconds: f64| JsValue::from(chart.val_to_pos(seconds, "x", true));
        shown.gaps(series - 1).into_iter().map(|(from, to)| Array::of2(&pixel(from), &pixel(to))).collect()
    });
    let shown = Rc::clone(drawn);
    let lone = Closure::<dyn Fn(JsValue, usize) -> JsValue>::new(move |_, series: usize| {
        let points = shown.lone(series - 1);
        if points.is_empty() {
            return JsValue::NULL;
        }
        points.into_iter().map(|index| JsValue::from(f64::from(index))).collect::<Array>().into()
    });
    let all = Array::of1(&Object::new());
    for index in 0..drawn.lines() {
        let (hue, dashed) = palette::look(index);
        let colour = if colours.dark { palette::DARK[hue] } else { palette::LIGHT[hue] };
        let points = object([
            ("show", false.into()),
            ("filter", lone.as_ref().clone()),
            ("size", 5.into()),
            ("width", 0.into()),
        ]);
        let line = object([
            ("stroke", colour.into()),
            ("width", 1.into()),
            ("auto", false.into()),
            ("gaps", gaps.as_ref().clone()),
            ("points", points.into()),
        ]);
        if dashed {
            set(&line, "dash", &Array::of2(&6.into(), &4.into()).into());
        }
        all.push(&line);
    }
    keep.push(Box::new(gaps));
    keep.push(Box::new(lone));
    all.into()
}

/// Labels of a 24-hour clock, in the form the library wants: from which step on, the label, and the label at a
/// new year, month, day, hour, minute, second.
fn time_labels() -> JsValue {
    let rows: [(f64, &str); 3] = [(86_400.0, "{D} {MMM}"), (60.0, "{HH}:{mm}"), (0.0, "{HH}:{mm}:{ss}")];
    let labels = rows.map(|(step, label)| {
        let none = JsValue::NULL;
        [
            step.into(),
            label.into(),
            none.clone(),
            none.clone(),
            none.clone(),
            none.clone(),
            none.clone(),
            none,
            1.into(),
        ]
        .iter()
        .collect::<Array>()
    });
    labels.iter().collect::<Array>().into()
}

fn colours() -> Colours {
    let window = web_sys::window();
    let dark = window
        .as_ref()
        .and_then(|window| window.match_media("(prefers-color-scheme: dark)").ok().flatten())
        .is_some_and(|query| query.matches());
    let (axis, grid) = if dark { ("#98a2b3", "#ffffff14") } else { ("#5b6472", "#0000000f") };
    Colours { axis: axis.into(), grid: grid.into(), dark }
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
