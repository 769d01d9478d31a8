//! Moves the keyboard focus.

use wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlElement};

/// Gives the focus to the element with this id, if there is one.
pub(super) fn focus(id: &str) {
    let document = web_sys::window().and_then(|window| window.document());
    let element = document.and_then(|document| document.get_element_by_id(id));
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        // Fails only for elements that cannot have it.
        let _ = element.focus();
    }
}

/// Moves the focus between the buttons of a table's rows as an arrow key says: up and down to the first button of another
/// row, the table's head included, right and left within the row. Whether it was such a key. So a table is one tab stop, however
/// many rows it has.
pub(super) fn move_in_rows(key: &str) -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    let Some(button) = document.and_then(|document| document.active_element()) else { return false };
    let Some(row) = button.closest("tr").ok().flatten() else { return false };
    let first = |row: Element| row.query_selector("button").ok().flatten();
    let beyond = |mut row: Option<Element>, next: fn(&Element) -> Option<Element>| {
        let mut last = row.clone()?;
        while let Some(here) = row {
            row = next(&here);
            last = here;
        }
        Some(last)
    };
    let within = |part: &str| row.closest("table").ok()??.query_selector(part).ok()?;
    let is_head = row.closest("thead").ok().flatten().is_some();
    let to = match key {
        "ArrowDown" if is_head => within("tbody tr").and_then(first),
        "ArrowDown" => row.next_element_sibling().and_then(first),
        "ArrowUp" if is_head => None,
        "ArrowUp" => row.previous_element_sibling().or_else(|| within("thead tr")).and_then(first),
        "Home" => beyond(Some(row), Element::previous_element_sibling).and_then(first),
        "End" => beyond(Some(row), Element::next_element_sibling).and_then(first),
        "ArrowRight" | "ArrowLeft" => beside(&row, &button, key == "ArrowRight"),
        _ => return false,
    };
    take(to);
    true
}

/// Moves the focus between the buttons of a row of tools, which is one tab stop, as the arrow keys to the right and the left
/// say. Whether it was such a key.
pub(super) fn move_in_tools(key: &str) -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    let Some(button) = document.and_then(|document| document.active_element()) else { return false };
    let Some(tools) = button.closest("[role=toolbar]").ok().flatten() else { return false };
    let is_arrow = matches!(key, "ArrowRight" | "ArrowLeft");
    if is_arrow {
        take(beside(&tools, &button, key == "ArrowRight"));
    }
    is_arrow
}

/// The button behind or before `button` within `all`; from the last one to the first.
fn beside(all: &Element, button: &Element, behind: bool) -> Option<Element> {
    let buttons = all.query_selector_all("button").ok()?;
    let count = buttons.length();
    let here = (0..count).find(|at| buttons.item(*at).is_some_and(|node| node.is_same_node(Some(button))))?;
    let step = if behind { 1 } else { count.saturating_sub(1) };
    buttons.item((here + step) % count)?.dyn_into().ok()
}

fn take(element: Option<Element>) {
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        // Fails only for elements that cannot have it.
        let _ = element.focus();
    }
}

/// The panel with this key, if it is on the page.
pub(super) fn panel(key: &str) -> Option<Element> {
    let document = web_sys::window().and_then(|window| window.document())?;
    let panels = document.query_selector_all("[data-panel]").ok()?;
    let mut panels = (0..panels.length()).filter_map(|at| panels.item(at)?.dyn_into::<Element>().ok());
    panels.find(|panel| panel.get_attribute("data-panel").as_deref() == Some(key))
}

/// Brings the panel with this key into view.
pub(super) fn show_panel(key: &str) {
    if let Some(panel) = panel(key) {
        panel.scroll_into_view();
    }
}

/// Shows the panel with this key on the whole screen, or on the page again.
pub(super) fn toggle_full_screen(key: &str) {
    let document = web_sys::window().and_then(|window| window.document());
    if let Some(document) = document.filter(|document| document.fullscreen_element().is_some()) {
        document.exit_fullscreen();
    } else if let Some(panel) = panel(key) {
        // Refused where the page is in a frame that may not.
        let _ = panel.request_fullscreen();
    }
}

/// The key of the panel that has the focus.
pub(super) fn focused_panel() -> Option<String> {
    let document = web_sys::window().and_then(|window| window.document())?;
    let panel = document.active_element()?.closest("[data-panel]").ok()??;
    panel.get_attribute("data-panel")
}
