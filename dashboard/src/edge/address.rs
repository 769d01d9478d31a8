//! The page's address follows the view and the range, and both follow the browser's Back and Forward.
//!
//! Each step of the zoom stack is an entry of the browser's history, so Back undoes a zoom. The address is written when
//! the range no longer changes: browsers allow few changes a second.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use afterglow_wire::Timestamp;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{UrlSearchParams, Window};

use crate::boards::mode::{self, Mode};
use crate::boards::route::Route;
use crate::boards::selection::{self, Selection};
use crate::chart::cursors::Cursors;
use crate::edge::framed;
use crate::edge::page_state::PageState;
use crate::edge::zones::NamedZone;
use crate::time::{Range, Zone, permalink};

/// A range that still moves is not written, in milliseconds since it last did.
const REST: f64 = 300.0;
/// The parameter that names the zone.
const ZONE: &str = "tz";

/// Writes and reads the address.
pub struct Address {
    page_state: Rc<PageState>,
    /// How many steps could be undone when the address was last written.
    written: Cell<usize>,
    seen: Cell<(u64, f64)>,
    followed: RefCell<String>,
}

impl Address {
    /// Follows `page_state` from now on.
    pub fn new(page_state: Rc<PageState>) -> Rc<Self> {
        let followed = RefCell::new(query(&page_state));
        let address =
            Rc::new(Self { page_state, written: Cell::new(0), seen: Cell::new((0, 0.0)), followed });
        address.listen();
        address
    }

    /// Called with every frame, at `now` milliseconds of the frame clock.
    pub fn frame(&self, now: f64) {
        let changes = self.page_state.timeline.borrow().changes();
        let (seen, since) = self.seen.get();
        if changes != seen {
            self.seen.set((changes, now));
        } else if now - since >= REST && since >= 0.0 {
            self.seen.set((changes, f64::NEG_INFINITY));
            self.write();
        }
    }

    /// Writes what is shown now.
    pub fn write(&self) {
        let depth = self.page_state.timeline.borrow().depth();
        let query = query(&self.page_state);
        if *self.followed.borrow() == query {
            self.written.set(depth.min(self.written.get()));
            return;
        }
        let Some(history) = window().and_then(|window| window.history().ok()) else { return };
        let path = window().and_then(|window| window.location().pathname().ok()).unwrap_or_default();
        let target = if query.is_empty() { path } else { format!("?{query}") };
        // A frame that is loaded again needs its key.
        let target = match framed::key() {
            Some(key) => format!("{target}#{key}"),
            None => target,
        };
        let state = JsValue::from_f64(depth as f64);
        // Refused only in documents without an address of their own; then there is nothing to share either.
        let _ = if depth > self.written.get() {
            history.push_state_with_url(&state, "", Some(&target))
        } else {
            history.replace_state_with_url(&state, "", Some(&target))
        };
        self.written.set(depth);
        *self.followed.borrow_mut() = query;
    }

    /// The whole address of what is shown, but of `range`, with `extra` parameters.
    pub fn link(&self, route: &Route, range: Range, extra: &[(&str, &str)]) -> String {
        let origin = window().and_then(|window| window.location().origin().ok()).unwrap_or_default();
        let Ok(parameters) = UrlSearchParams::new() else { return origin };
        describe(&parameters, &self.page_state, range);
        // The reader's own zone is another's foreign one.
        parameters.set(ZONE, self.page_state.zone.get().name());
        if !matches!(range, Range::Live(_)) {
            let cursors = *self.page_state.cursors.borrow();
            for (key, at) in permalink::CURSORS.iter().zip([cursors.a, cursors.b]) {
                if let Some(at) = at {
                    parameters.set(key, &Timestamp::from_micros(at).to_string());
                }
            }
        }
        for (key, value) in extra {
            parameters.set(key, value);
        }
        format!("{origin}{}?{}", route.path(), String::from(parameters.to_string()))
    }

    /// Goes to the address of another view, which shows the same range; its zoom stack is empty.
    pub fn visit(&self, route: &Route) {
        let Some(history) = window().and_then(|window| window.history().ok()) else { return };
        let (query, range) = (query(&self.page_state), self.page_state.timeline.borrow().range());
        let target = if query.is_empty() { route.path() } else { format!("{}?{query}", route.path()) };
        // Refused only in documents without an address of their own.
        let _ = history.push_state_with_url(&JsValue::from_f64(0.0), "", Some(&target));
        self.page_state.timeline.borrow_mut().restore(range, 0);
        self.written.set(0);
        *self.followed.borrow_mut() = query;
    }

    /// Undoes the last step of the zoom stack.
    pub fn undo(&self) {
        let depth = self.page_state.timeline.borrow().depth();
        if depth > 0 && depth == self.written.get() {
            // The browser tells when it has gone back.
            let _ = window().and_then(|window| window.history().ok()).map(|history| history.back());
        } else {
            self.page_state.timeline.borrow_mut().undo();
        }
    }

    fn listen(self: &Rc<Self>) {
        let Some(window) = window() else { return };
        let address = Rc::downgrade(self);
        let gone = Closure::<dyn Fn(web_sys::PopStateEvent)>::new(move |event: web_sys::PopStateEvent| {
            let Some(address) = address.upgrade() else { return };
            let depth = event.state().as_f64().unwrap_or(0.0) as usize;
            let (range, _) = read(address.page_state.clock.now());
            address.page_state.timeline.borrow_mut().restore(range, depth);
            let cursors = cursors();
            if cursors.a.is_some() {
                address.page_state.cursors.replace(cursors);
            }
            let depth = address.page_state.timeline.borrow().depth();
            address.written.set(depth);
            *address.followed.borrow_mut() = query(&address.page_state);
        });
        // Does not fail for a function; the listener lives as long as the page.
        let _ = window.add_event_listener_with_callback("popstate", gone.as_ref().unchecked_ref());
        gone.forget();
    }
}

/// The view that the page's address names.
pub fn route() -> Route {
    Route::at(&window().and_then(|window| window.location().pathname().ok()).unwrap_or_default())
}

/// How much of the page its address asks for.
pub fn mode() -> Mode {
    let get = |key| parameters()?.get(key);
    Mode::new(get(mode::KIOSK).as_deref(), get(mode::PANEL).as_deref(), get(mode::SHARE).as_deref())
}

/// Which lines the page's address switches on or off.
pub fn selection() -> Selection {
    let all = |key| {
        let all = parameters().map(|parameters| parameters.get_all(key)).unwrap_or_default();
        all.iter().filter_map(|name| name.as_string()).collect::<Vec<_>>()
    };
    let [hidden, shown] = selection::KEYS.map(all);
    Selection::new(hidden, shown)
}

/// The cursors that the page's address sets.
pub fn cursors() -> Cursors {
    let parameters = parameters();
    let get = |key| permalink::cursor(&parameters.as_ref()?.get(key)?);
    let [a, b] = permalink::CURSORS.map(get);
    Cursors { a, b: b.filter(|_| a.is_some()) }
}

/// The range and the zone that the page's address asks for; `now` is the time in microseconds.
pub fn read(now: i64) -> (Range, NamedZone) {
    let parameters = parameters();
    let get = |key| parameters.as_ref().and_then(|parameters| parameters.get(key));
    let zone = get(ZONE).and_then(|name| NamedZone::new(&name)).unwrap_or_else(NamedZone::local);
    let [from, to] = permalink::KEYS.map(get);
    let range = permalink::range(from.as_deref(), to.as_deref(), now, &zone as &dyn Zone);
    // What is not understood shows the page's default, not an error: an address is not typed by hand.
    (range.unwrap_or(Range::Live(crate::time::Follow::Fitting)), zone)
}

/// The address's parameters for what `page_state` shows; those of others stay.
fn query(page_state: &PageState) -> String {
    let Some(parameters) = parameters() else { return String::new() };
    // Cursors are the sender's; from now on they are moved and taken away here.
    for key in permalink::KEYS.iter().chain(&permalink::CURSORS).chain(&selection::KEYS).chain([&ZONE]) {
        parameters.delete(key);
    }
    describe(&parameters, page_state, page_state.timeline.borrow().range());
    parameters.to_string().into()
}

/// Adds what says `range`, the zone, and which lines are shown.
fn describe(parameters: &UrlSearchParams, page_state: &PageState, range: Range) {
    for (key, value) in permalink::parameters(range).into_iter().flatten() {
        parameters.set(key, &value);
    }
    let zone = page_state.zone.get();
    if crate::edge::zones::local_name().as_deref() != Some(zone.name()) {
        parameters.set(ZONE, zone.name());
    }
    for (key, name) in page_state.selection.get().parameters() {
        parameters.append(key, name);
    }
}

fn parameters() -> Option<UrlSearchParams> {
    let search = window().and_then(|window| window.location().search().ok()).unwrap_or_default();
    UrlSearchParams::new_with_str(&search).ok()
}

fn window() -> Option<Window> {
    web_sys::window()
}
