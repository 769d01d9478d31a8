//! Our chart alone, for `cargo xtask bench chart`: the same rings, columns and frame loop as on the page, fed by the
//! measurement instead of a socket.

#[cfg(target_arch = "wasm32")]
mod chart {
    use std::cell::Cell;
    use std::rc::Rc;

    use afterglow_dashboard::boards::panels::Panel;
    use afterglow_dashboard::edge::address::Address;
    use afterglow_dashboard::edge::page_state::PageState;
    use afterglow_dashboard::edge::paint_loop::PaintLoop;
    use afterglow_dashboard::edge::zones::{NamedZone, UTC};
    use afterglow_dashboard::samples::history::History;
    use afterglow_dashboard::time::{Follow, Range, SECOND, Span};
    use afterglow_wire::board;
    use wasm_bindgen::prelude::wasm_bindgen;

    /// A chart of some signals with a sample each second, in a window that holds a given number of them.
    #[wasm_bindgen]
    pub struct Bench {
        page_state: Rc<PageState>,
        paint_loop: Rc<PaintLoop>,
        names: Vec<String>,
        at: Cell<i64>,
    }

    #[wasm_bindgen]
    impl Bench {
        /// A chart within `element` of `count` signals, whose window is `points` seconds long.
        pub fn open(element: web_sys::Element, count: usize, points: u32) -> Option<Bench> {
            let width = i64::from(points) * SECOND;
            let page_state = Rc::new(PageState::new(Range::Live(Follow::Last(width)), NamedZone::new(UTC)?));
            let at = page_state.clock.now();
            page_state.history.replace(History::new(width));
            let paint_loop =
                PaintLoop::new(Rc::clone(&page_state), Address::new(Rc::clone(&page_state)), |_| {});
            let names: Vec<String> = (0..count).map(|line| format!("line{line}")).collect();
            let panel = board::Panel { id: "bench".into(), ..board::Panel::of(names.clone()) };
            let panel = Panel::new(panel, names.iter().map(String::as_str), &page_state.metadata.get());
            paint_loop.mount(&panel, &vec![true; count], element);
            Some(Self { page_state, paint_loop, names, at: Cell::new(at) })
        }

        /// Fills the window of signal `line` with `values`, the newest last.
        pub fn fill(&self, line: usize, values: &[f64]) {
            let from = self.at.get() - (values.len() as i64 - 1) * SECOND;
            let times: Vec<i64> = (0..values.len()).map(|index| from + index as i64 * SECOND).collect();
            let mut history = self.page_state.history.borrow_mut();
            if let Some(index) = history.enter(&self.names[line]) {
                history.extend(index, &times, values);
            }
        }

        /// Starts the frame loop.
        pub fn run(&self) {
            let from = self.page_state.span().from;
            self.page_state.history.borrow_mut().loaded(Span { from, to: self.at.get() });
            self.paint_loop.run();
        }

        /// A second passes, and each signal gets a sample.
        pub fn update(&self, values: &[f64]) {
            let at = self.at.get() + SECOND;
            self.at.set(at);
            self.page_state.clock.set(at);
            let mut history = self.page_state.history.borrow_mut();
            for (name, value) in self.names.iter().zip(values) {
                history.record(name, at, *value);
            }
        }
    }
}

fn main() {}
