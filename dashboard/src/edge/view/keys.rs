//! The keys of the whole page. Those of a chart are in `plot/input.rs`.

use dioxus::core::Runtime;
use dioxus::prelude::*;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::Closure;
use web_sys::{Element, HtmlElement, KeyboardEvent};

use super::focus::{focus, focused_panel, toggle_full_screen};
use super::page::{Open, Page};
use crate::boards::route::Route;
use crate::time::Follow;

/// What is done, and how the help calls it.
pub(super) const KEYS: [(&str, &[(&str, &str)]); 3] = [
    (
        "Time",
        &[
            ("Space", "Pause, and follow again"),
            ("L", "Back to live, the last hour"),
            ("+  −", "Zoom in, zoom out"),
            ("[  ]", "Back, forward by half a screen"),
            ("Backspace", "Undo the last zoom"),
            ("T", "Choose a range"),
        ],
    ),
    (
        "On a chart",
        &[
            ("←  →", "Move the cursor; with Shift farther"),
            ("Home  End", "Cursor to the beginning, to the end"),
            ("M", "Set cursor A, then B, to measure"),
            ("N", "Annotate where the cursor is"),
            ("F", "Full screen, and back"),
            ("Esc", "Hide the cursor"),
        ],
    ),
    (
        "Page",
        &[
            ("/", "Search signals"),
            ("Arrows", "From row to row of a table, and among a panel's buttons"),
            ("C", "Measure mode on or off; clears A and B"),
            ("N", "Annotate: between A and B, or now"),
            ("G", "Go to a board"),
            ("A", "Alerts"),
            ("B", "What can be done with the board"),
            ("S", "Share: links, a frame, files"),
            ("?", "These keys"),
        ],
    ),
];

/// What a mouse and fingers do.
pub(super) const POINTER: [(&str, &str); 8] = [
    ("Drag", "Zoom to the marked stretch"),
    ("Wheel", "Zoom at the pointer"),
    ("Shift and drag", "Move through time"),
    ("Double-click", "Undo the last zoom"),
    ("Alt and click", "Set cursor A, then B"),
    ("Ctrl and click", "Annotate"),
    ("One finger", "Move through time"),
    ("Two fingers", "Zoom"),
];

/// Listens as long as the page lives.
pub(super) fn listen(page: &Page) {
    let Some(window) = web_sys::window() else { return };
    let (keys, clicks) = (page.clone(), page.clone());
    let runtime = Runtime::current();
    let pressed = Closure::<dyn Fn(KeyboardEvent)>::new(move |event: KeyboardEvent| {
        if !typing(&event) {
            runtime.in_scope(ScopeId::ROOT, || press(&keys, &event));
        }
    });
    let clicked = Closure::<dyn Fn(web_sys::Event)>::new(move |event: web_sys::Event| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        if target.is_some_and(|target| target.closest(".u-over").ok().flatten().is_some()) {
            clicks.address.undo();
        }
    });
    // Neither call fails for a function.
    let _ = window.add_event_listener_with_callback("keydown", pressed.as_ref().unchecked_ref());
    let _ = window.add_event_listener_with_callback("dblclick", clicked.as_ref().unchecked_ref());
    pressed.forget();
    clicked.forget();
}

/// Whether the key belongs to a field, to a button that it presses, or to the browser.
fn typing(event: &KeyboardEvent) -> bool {
    if event.ctrl_key() || event.meta_key() || event.alt_key() || event.default_prevented() {
        return true;
    }
    let target = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
    target.is_some_and(|target| match target.tag_name().as_str() {
        "INPUT" | "SELECT" | "TEXTAREA" => event.key() != "Escape",
        "BUTTON" | "A" | "SUMMARY" => event.key() == " " || event.key() == "Enter",
        _ => target.is_content_editable(),
    })
}

fn press(page: &Page, event: &KeyboardEvent) {
    match event.key().as_str() {
        " " => page.state.toggle_pause(),
        "l" | "L" => page.state.follow(Follow::default()),
        "+" | "=" => page.state.zoom(None, 0.5),
        "-" | "_" => page.state.zoom(None, 2.0),
        "[" => page.state.pan(-0.5),
        "]" => page.state.pan(0.5),
        "Backspace" => page.address.undo(),
        "t" | "T" => page.toggle_open(Open::Range),
        "s" | "S" => page.toggle_open(Open::Share),
        "c" | "C" => page.toggle_measuring(),
        "b" | "B" if page.board_state.route.peek().board().is_some() => page.toggle_open(Open::Board),
        "n" | "N" if page.board_state.route.peek().board().is_some() => page.annotate(None),
        "?" => page.toggle_open(Open::Help),
        "a" | "A" if page.mode.is_full() => page.visit(Route::Alerts),
        "g" | "G" => page.toggle_open(Open::Boards),
        "f" | "F" => match focused_panel() {
            Some(panel) => toggle_full_screen(&panel),
            None => return,
        },
        "/" => focus("search"),
        "Escape" if page.dismiss() => {}
        _ => return,
    }
    event.prevent_default();
}
