//! What a live board does not need: forms and other views. With the feature `split` it is a module of its own, which the
//! browser asks for when the first of it is opened; `xtask` takes the program apart.

use dioxus::prelude::*;

use super::page::{Open, Page};

/// What is loaded later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The ways in, one's own account, members and keys.
    Account,
    /// Alerts, rules, silences and channels.
    Alerts,
    /// What arrived lately.
    Ingest,
    /// What can be done with the board.
    BoardMenu,
    /// The form or sheet that is open.
    Sheets,
}

/// One of the parts, when it is here.
#[component]
pub(super) fn Later(
    /// Which.
    part: Part,
) -> Element {
    let loading = rsx! { p { class: "later later-{part:?}", role: "status", "Loading …" } };
    loaded(part).unwrap_or(loading)
}

/// The form or sheet that is open.
#[component]
pub(super) fn Sheets() -> Element {
    let page: Page = use_context();
    if page.open.read().as_ref().is_some_and(Open::is_sheet) {
        rsx! { Later { part: Part::Sheets } }
    } else {
        rsx! {}
    }
}

#[cfg(not(feature = "split"))]
fn loaded(part: Part) -> Option<Element> {
    Some(show(part))
}

/// None while the module is on its way; the calling component renders again when it is here.
#[cfg(feature = "split")]
fn loaded(part: Part) -> Option<Element> {
    static MODULE: wasm_split::LazyLoader<Part, Element> =
        wasm_split::lazy_loader!(extern "later" fn show(part: Part) -> Element);
    let asked = use_resource(|| MODULE.load());
    let _ = asked.read();
    MODULE.call(part).ok()
}

fn show(part: Part) -> Element {
    match part {
        Part::Account => rsx! { super::account::Account {} },
        Part::Alerts => rsx! { super::alerts::AlertsView {} },
        Part::Ingest => rsx! { super::ingest::Ingest {} },
        Part::BoardMenu => rsx! { super::board_menu::BoardMenu {} },
        Part::Sheets => rsx! {
            super::panel_editor::PanelEditor {}
            super::add_to::AddTo {}
            super::annotate::Annotate {}
            super::signal::SignalSettings {}
            super::alerts::AlertForms {}
            super::share::Share {}
            super::help::Help {}
        },
    }
}
