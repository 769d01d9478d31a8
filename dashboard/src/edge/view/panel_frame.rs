//! What every panel is in.

use dioxus::prelude::*;

use super::page::Page;
use super::panel_drag::Grip;
use super::panel_tools::PanelTools;
use crate::boards::panels::Panel;

/// A panel's section, with its tools while the board is being changed.
#[component]
pub(super) fn PanelFrame(
    /// The panel.
    panel: Panel,
    /// What it shows.
    children: Element,
) -> Element {
    let page: Page = use_context();
    let editing = page.board_state.is_editing();
    let (key, label, width) = (panel.key().to_owned(), panel.label(), panel.definition.width);
    let moving = page.moving.read();
    let place = moving.as_ref().map(|moving| (moving.id == key, moving.beside.as_ref()));
    let mark = match place {
        Some((true, _)) => "moving",
        Some((_, Some((beside, behind)))) if *beside == key => {
            if *behind {
                "before-gap"
            } else {
                "after-gap"
            }
        }
        _ => "",
    };
    rsx! {
        section { class: "panel wide-{width} {mark}", "data-testid": "panel", "data-panel": "{key}", "aria-label": "{label}",
            if editing {
                PanelTools { panel: panel.clone() }
            }
            {children}
            if editing {
                Grip { id: key.clone() }
            }
        }
    }
}
