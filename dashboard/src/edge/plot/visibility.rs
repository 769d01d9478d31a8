//! Whether an element can be seen, and whether its size changed.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::Array;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::Closure;
use web_sys::{
    Element, IntersectionObserver, IntersectionObserverEntry, IntersectionObserverInit, ResizeObserver,
};

/// A chart this far outside is painted already, so that scrolling never shows an empty one.
const AHEAD: &str = "200px";

/// Watches one element until dropped.
pub(super) struct Visibility {
    visible: Rc<Cell<bool>>,
    resized: Rc<Cell<bool>>,
    sight: IntersectionObserver,
    size: ResizeObserver,
    // Alive as long as the browser may call them.
    _callbacks: [Closure<dyn FnMut(Array)>; 2],
}

impl Visibility {
    pub(super) fn new(element: &Element) -> Option<Self> {
        let (visible, resized) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
        let seen = Rc::clone(&visible);
        let on_sight = Closure::<dyn FnMut(Array)>::new(move |entries: Array| {
            if let Ok(entry) = entries.at(-1).dyn_into::<IntersectionObserverEntry>() {
                seen.set(entry.is_intersecting());
            }
        });
        let changed = Rc::clone(&resized);
        let on_size = Closure::<dyn FnMut(Array)>::new(move |_: Array| changed.set(true));
        let options = IntersectionObserverInit::new();
        options.set_root_margin(AHEAD);
        let sight =
            IntersectionObserver::new_with_options(on_sight.as_ref().unchecked_ref(), &options).ok()?;
        let size = ResizeObserver::new(on_size.as_ref().unchecked_ref()).ok()?;
        sight.observe(element);
        size.observe(element);
        Some(Self { visible, resized, sight, size, _callbacks: [on_sight, on_size] })
    }

    pub(super) fn visible(&self) -> bool {
        self.visible.get()
    }

    /// Whether the size changed since this was last asked.
    pub(super) fn take_resized(&self) -> bool {
        self.resized.replace(false)
    }
}

impl Drop for Visibility {
    fn drop(&mut self) {
        self.sight.disconnect();
        self.size.disconnect();
    }
}
