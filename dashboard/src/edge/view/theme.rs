//! Light, dark, or as the system has it: written on the document's element, where the style sheet and the charts read
//! it, and kept for the next visit.

use std::rc::Rc;

use dioxus::prelude::*;

use super::page::Page;
use crate::edge::paint_loop::PaintLoop;
use crate::edge::storage;

/// Where the choice is kept; `boot.js` reads the same before anything is drawn.
const KEPT: &str = "afterglow.theme";

/// A theme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Theme {
    /// As the system has it.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    fn key(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::System => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::System,
        }
    }
}

/// The choice of an earlier visit.
pub(super) fn saved() -> Theme {
    match storage::get(KEPT).as_deref() {
        Some("light") => Theme::Light,
        Some("dark") => Theme::Dark,
        _ => Theme::System,
    }
}

/// Shows the page in `theme` and keeps the choice.
pub(super) fn apply(paint_loop: &Rc<PaintLoop>, theme: Theme) {
    let document = web_sys::window().and_then(|window| window.document());
    if let Some(root) = document.and_then(|document| document.document_element()) {
        // Fails only for names that are none.
        let _ = root.set_attribute("data-theme", theme.key());
    }
    storage::set(KEPT, theme.key());
    paint_loop.restyle();
}

/// A button that goes to the next theme.
#[component]
pub(super) fn ThemeSwitch() -> Element {
    let page: Page = use_context();
    let mut theme = use_signal(saved);
    let name = theme().key();
    rsx! {
        button {
            r#type: "button",
            class: "icon",
            "data-testid": "theme",
            "data-theme-choice": "{name}",
            title: "Theme: {name}",
            "aria-label": "Theme: {name}; switch to {theme().next().key()}",
            onclick: move |_| {
                theme.set(theme().next());
                apply(&page.paint_loop, theme());
            },
            svg { view_box: "0 0 20 20", width: "18", height: "18", "aria-hidden": "true",
                match theme() {
                    Theme::Light => rsx! {
                        circle { cx: "10", cy: "10", r: "3.5" }
                        path { d: "M10 2v2M10 16v2M2 10h2M16 10h2M4.3 4.3l1.5 1.5M14.2 14.2l1.5 1.5M4.3 15.7l1.5-1.5M14.2 5.8l1.5-1.5" }
                    },
                    Theme::Dark => rsx! { path { d: "M16 11.5A6.5 6.5 0 0 1 8.5 4a6.5 6.5 0 1 0 7.5 7.5z" } },
                    Theme::System => rsx! {
                        circle { cx: "10", cy: "10", r: "6.5" }
                        path { class: "filled", d: "M10 3.5a6.5 6.5 0 0 1 0 13z" }
                    },
                }
            }
        }
    }
}
