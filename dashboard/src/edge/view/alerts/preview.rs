//! The signals that a rule is about, and its limits over them, to be dragged.

use std::rc::Rc;

use afterglow_wire::board;
use afterglow_wire::rule::Rule;
use dioxus::core::Runtime;
use dioxus::prelude::*;
use dioxus::web::WebEventExt as _;

use super::super::page::Page;
use crate::alerts::alert_set::is_about;
use crate::alerts::draft::{self, Dragged};
use crate::boards::panels::{Panel, SHOWN_AT_FIRST};
use crate::chart::handles::Handle;

/// The key of its chart; no panel of a board has a space in its own.
const KEY: &str = "rule preview";

/// A chart of the range on screen, where the rule compares values of signals that there are.
#[component]
pub(super) fn Preview(
    /// The rule as it is being changed.
    rule: Signal<Rule>,
    /// Which of its limits was dragged; the row of its level takes it.
    dragged: Signal<Option<Dragged>>,
) -> Element {
    let page: Page = use_context();
    let panel = use_memo({
        let page = page.clone();
        move || {
            let rule = rule.read();
            let names = page.names.read();
            let names = names.iter().map(String::as_str).filter(|name| is_about(&rule, name));
            let signals = if rule.compares_values() { rule.signals.clone() } else { Vec::new() };
            let definition = board::Panel { id: KEY.to_owned(), ..board::Panel::of(signals) };
            let mut panel = Panel::new(definition, names, &page.state.metadata.follow());
            page.state.looks.borrow_mut().give(&mut panel);
            panel
        }
    });
    let panel = panel();
    let handles = draft::handles(&rule.read());
    let shown: Vec<bool> = (0..panel.signals.len()).map(|place| place < SHOWN_AT_FIRST).collect();
    use_effect({
        let paint_loop = Rc::clone(&page.paint_loop);
        use_reactive!(|panel, shown| paint_loop.configure(&panel, &shown))
    });
    use_drop({
        let paint_loop = Rc::clone(&page.paint_loop);
        move || paint_loop.unmount(KEY)
    });
    let runtime = use_hook(Runtime::current);
    let put = {
        let page = page.clone();
        move |handles: Vec<(Handle, Dragged)>| {
            let (typed, runtime) = (page.typed, Rc::clone(&runtime));
            let on_moved = move |place: usize, value: f64| {
                // The chart keeps this, and the rule may have other limits by now.
                let limit = draft::handles(&rule.peek()).into_iter().nth(place);
                let Some((_, limit)) = limit else { return };
                let (mut dragged, mut typed) = (dragged, typed);
                runtime.in_scope(ScopeId::ROOT, || {
                    dragged.set(Some(Dragged { value, ..limit }));
                    typed.set(true);
                });
            };
            let handles = handles.into_iter().map(|(handle, _)| handle).collect();
            page.paint_loop.set_handles(KEY, handles, Rc::new(on_moved));
        }
    };
    use_effect({
        let put = put.clone();
        use_reactive!(|handles| put(handles))
    });
    if panel.signals.is_empty() || handles.is_empty() {
        return rsx! {};
    }
    let hidden = panel.signals.len().saturating_sub(SHOWN_AT_FIRST);
    rsx! {
        div { class: "preview",
            div {
                class: "chart height-3", role: "figure", tabindex: "0", "data-testid": "preview",
                "aria-label": "The signals over the range on screen. Tab leads to the lines, which arrow keys move.",
                onmounted: move |event: Event<MountedData>| {
                    if let Some(element) = event.data().try_as_web_event() {
                        page.paint_loop.mount(&panel, &shown, element);
                        put(handles.clone());
                    }
                },
            }
            p { class: "note",
                if hidden > 0 {
                    "The first {SHOWN_AT_FIRST} signals; {hidden} more are meant. "
                }
                "Limits can be dragged."
            }
        }
    }
}
