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
/// On a chart that is farther outside: the style sheet hides what is within. Browsers keep everything at hand that is within
/// one and a half screens, and go through all of it for each frame.
const AWAY: &str = "data-away";

/// Watches one element until dropped.
pub(super) struct Visibility {
    near: Rc<Cell<bool>>,
    on_screen: Rc<Cell<bool>>,
    resized: Rc<Cell<bool>>,
    sight: [Sight; 2],
    size: ResizeObserver,
    // Alive as long as the browser may call it.
    _resize: Closure<dyn FnMut(Array)>,
}

/// Hears when an element comes into sight, and when it leaves.
struct Sight {
    observer: IntersectionObserver,
    // Alive as long as the browser may call it.
    _call: Closure<dyn FnMut(Array)>,
}

impl Visibility {
    pub(super) fn new(element: &Element) -> Option<Self> {
        let [near, on_screen, resized] = std::array::from_fn(|_| Rc::new(Cell::new(false)));
        set_away(element, true);
        let (watched, is_near) = (element.clone(), Rc::clone(&near));
        let ahead = Sight::new(element, AHEAD, move |is_in| {
            is_near.set(is_in);
            set_away(&watched, !is_in);
        })?;
        let is_seen = Rc::clone(&on_screen);
        let screen = Sight::new(element, "0px", move |is_in| is_seen.set(is_in))?;
        let changed = Rc::clone(&resized);
        let on_size = Closure::<dyn FnMut(Array)>::new(move |_: Array| changed.set(true));
        let size = ResizeObserver::new(on_size.as_ref().unchecked_ref()).ok()?;
        size.observe(element);
        Some(Self { near, on_screen, resized, sight: [ahead, screen], size, _resize: on_size })
    }

    /// Whether it is on screen, or almost.
    pub(super) fn is_near(&self) -> bool {
        self.near.get()
    }

    /// Whether it is on screen.
    pub(super) fn is_on_screen(&self) -> bool {
        self.on_screen.get()
    }

    /// Whether the size changed since this was last asked.
    pub(super) fn take_resized(&self) -> bool {
        self.resized.replace(false)
    }
}

impl Sight {
    /// Calls `seen` with whether `element` is within `margin` of the screen.
    fn new(element: &Element, margin: &str, seen: impl Fn(bool) + 'static) -> Option<Self> {
        let call = Closure::<dyn FnMut(Array)>::new(move |entries: Array| {
            if let Ok(entry) = entries.at(-1).dyn_into::<IntersectionObserverEntry>() {
                seen(entry.is_intersecting());
            }
        });
        let options = IntersectionObserverInit::new();
        options.set_root_margin(margin);
        let observer =
            IntersectionObserver::new_with_options(call.as_ref().unchecked_ref(), &options).ok()?;
        observer.observe(element);
        Some(Self { observer, _call: call })
    }
}

impl Drop for Visibility {
    fn drop(&mut self) {
        self.sight.iter().for_each(|sight| sight.observer.disconnect());
        self.size.disconnect();
    }
}

fn set_away(element: &Element, away: bool) {
    // Does not fail for a name that is one.
    let _ = element.toggle_attribute_with_force(AWAY, away);
}
