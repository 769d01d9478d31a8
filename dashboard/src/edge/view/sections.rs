//! The way to a panel of many.

use dioxus::prelude::*;

use super::focus::show_panel;
use super::page::Page;

/// Folds all panels.
const FOLD: &str = "fold all";
/// Unfolds all panels.
const UNFOLD: &str = "unfold all";

/// A list of the panels of the view of everything, to be jumped to, or folded all together.
#[component]
pub(super) fn Sections() -> Element {
    let page: Page = use_context();
    let panels = use_memo({
        let page = page.clone();
        move || {
            let panels = page.panels().into_iter();
            panels
                .map(|panel| (panel.key().to_owned(), panel.label(), panel.signals.len()))
                .collect::<Vec<_>>()
        }
    });
    if !page.board_state.route.read().is_everything() || panels.read().len() < 2 {
        return rsx! {};
    }
    rsx! {
        select {
            class: "sections", "aria-label": "Go to a section", "data-testid": "sections",
            // Nothing stays chosen: the reader scrolls on.
            value: "",
            onchange: move |event| {
                let chosen = event.value();
                let known = panels.read();
                let keys = || known.iter().map(|(key, ..)| key.as_str());
                match chosen.as_str() {
                    FOLD => page.fold(keys(), true),
                    UNFOLD => page.fold(keys(), false),
                    key => {
                        page.fold([key], false);
                        show_panel(key);
                    }
                }
            },
            option { value: "", selected: true, disabled: true, hidden: true, "Sections" }
            option { value: FOLD, "Collapse all" }
            option { value: UNFOLD, "Expand all" }
            for (key, label, count) in panels.read().iter() {
                option { key: "{key}", value: "{key}", "{label} ({count})" }
            }
        }
    }
}
