//! The page on paper: in light colours, as wide as a sheet, with the charts that are beyond the screen.

use std::rc::Rc;

use dioxus::prelude::ReadableExt as _;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::Closure;
use web_sys::Element;

use super::page::Page;
use super::theme;
use crate::edge::page_state::PageState;
use crate::edge::paint_loop::PaintLoop;
use crate::edge::timer;

/// How often it is checked whether all that is printed has been loaded, in milliseconds.
const LOOK_EVERY: i32 = 100;
/// After this many checks the page is printed as it is: half a minute.
const LOOKS: usize = 300;
/// Says on the document's element that the page is laid out for paper.
const PAPER: &str = "data-paper";

/// Lays the page out for paper when the browser is about to print it, and for the screen again.
pub(super) fn listen(page: &Page) {
    let Some(window) = web_sys::window() else { return };
    let (state, paint_loop) = (Rc::clone(&page.state), Rc::clone(&page.paint_loop));
    let before = Closure::<dyn Fn()>::new(move || lay_out(&state, &paint_loop));
    let (state, paint_loop) = (Rc::clone(&page.state), Rc::clone(&page.paint_loop));
    let after = Closure::<dyn Fn()>::new(move || {
        state.printing.set(false);
        if let Some(root) = root() {
            // Neither this nor what follows fails for such names.
            let _ = root.remove_attribute(PAPER);
        }
        theme::apply(&paint_loop, theme::saved());
    });
    // Neither call fails for a function; the listeners live as long as the page.
    let _ = window.add_event_listener_with_callback("beforeprint", before.as_ref().unchecked_ref());
    let _ = window.add_event_listener_with_callback("afterprint", after.as_ref().unchecked_ref());
    before.forget();
    after.forget();
}

fn lay_out(state: &PageState, paint_loop: &PaintLoop) {
    state.printing.set(true);
    if let Some(root) = root() {
        let _ = root.set_attribute(PAPER, "");
        let _ = root.set_attribute("data-theme", "light");
    }
    paint_loop.paint_all();
}

fn root() -> Option<Element> {
    web_sys::window()?.document()?.document_element()
}

impl Page {
    /// Whether components know that all charts have what they lacked: they hear of it a little later.
    fn is_summarised(&self) -> bool {
        let summary = self.summary.peek();
        let panels = self.panels();
        let names =
            panels.iter().filter(|panel| !self.is_folded(panel.key())).flat_map(|panel| &panel.signals);
        names.filter_map(|name| summary.row(name)).all(|row| row.is_known)
    }

    /// Has the browser print the page once the samples of all its charts are here.
    pub(super) async fn print(self) {
        self.state.printing.set(true);
        let mut is_ready = false;
        for _ in 0..LOOKS {
            timer::pause(LOOK_EVERY).await;
            // Twice: what components have heard of is in the document with their next turn.
            let was_ready = is_ready;
            is_ready = self.paint_loop.is_loaded() && self.is_summarised();
            if was_ready && is_ready {
                break;
            }
        }
        if let Some(window) = web_sys::window() {
            // Refused only in frames that may not.
            let _ = window.print();
        }
    }
}
