//! What the window reports to the page, keys apart.

use std::rc::Rc;

use dioxus::core::Runtime;
use dioxus::prelude::*;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::Closure;

use super::page::Page;
use crate::edge::address;

/// Reacts to the network's loss and return, to Back and Forward, to the page's return to the screen, to scrolling, and to the
/// system's change between light and dark.
pub(super) fn listen(page: &Page) {
    let Some(window) = web_sys::window() else { return };
    let feed = Rc::clone(&page.feed);
    let document = window.document();
    let visible = Closure::<dyn Fn()>::new(move || {
        if document.as_ref().is_some_and(|document| !document.hidden()) {
            feed.wake();
        }
    });
    let feed = Rc::clone(&page.feed);
    let online = Closure::<dyn Fn()>::new(move || feed.hurry());
    let feed = Rc::clone(&page.feed);
    let offline = Closure::<dyn Fn()>::new(move || feed.unplugged());
    let paint_loop = Rc::clone(&page.paint_loop);
    let restyle = Closure::<dyn Fn()>::new(move || paint_loop.restyle());
    let scroll = Closure::<dyn Fn()>::new(crate::edge::plot::note_scroll);
    let (board_state, state, runtime) = (page.board_state, Rc::clone(&page.state), Runtime::current());
    let gone = Closure::<dyn Fn()>::new(move || {
        runtime.in_scope(ScopeId::ROOT, || {
            state.selection.set(Rc::new(address::selection()));
            board_state.arrive(address::route());
        });
    });
    let (leaving, typed) = (Runtime::current(), page.typed);
    let leave = Closure::<dyn Fn(web_sys::Event)>::new(move |event: web_sys::Event| {
        if leaving.in_scope(ScopeId::ROOT, || board_state.is_changed() || *typed.peek()) {
            // The browser asks whether to leave.
            event.prevent_default();
        }
    });
    // No call fails for a function; all listeners live as long as the page.
    let _ = window.add_event_listener_with_callback("online", online.as_ref().unchecked_ref());
    let _ = window.add_event_listener_with_callback("offline", offline.as_ref().unchecked_ref());
    let _ = window.document().map(|document| {
        document.add_event_listener_with_callback("visibilitychange", visible.as_ref().unchecked_ref())
    });
    let _ = window.add_event_listener_with_callback("scroll", scroll.as_ref().unchecked_ref());
    let _ = window.add_event_listener_with_callback("beforeunload", leave.as_ref().unchecked_ref());
    let _ = window.add_event_listener_with_callback("popstate", gone.as_ref().unchecked_ref());
    if let Ok(Some(query)) = window.match_media("(prefers-color-scheme: dark)") {
        let _ = query.add_event_listener_with_callback("change", restyle.as_ref().unchecked_ref());
        std::mem::forget(query);
    }
    visible.forget();
    online.forget();
    offline.forget();
    restyle.forget();
    scroll.forget();
    gone.forget();
    leave.forget();
}
