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
/// row, right and left within the row. Whether it was such a key. So a table is one tab stop, however many rows it has.
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
    let to = match key {
        "ArrowDown" => row.next_element_sibling().and_then(first),
        "ArrowUp" => row.previous_element_sibling().and_then(first),
        "Home" => beyond(Some(row), Element::previous_element_sibling).and_then(first),
        "End" => beyond(Some(row), Element::next_element_sibling).and_then(first),
        "ArrowRight" | "ArrowLeft" => {
            let Ok(buttons) = row.query_selector_all("button") else { return false };
            let count = buttons.length();
            let here =
                (0..count).find(|at| buttons.item(*at).is_some_and(|node| node.is_same_node(Some(&button))));
            let step = if key == "ArrowRight" { 1 } else { count.saturating_sub(1) };
            here.and_then(|here| buttons.item((here + step) % count)).and_then(|node| node.dyn_into().ok())
        }
        _ => return false,
    };
    if let Some(element) = to.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        // Fails only for elements that cannot have it.
        let _ = element.focus();
    }
    true
}

/// Brings the panel with this key into view.
pub(super) fn scroll_to_panel(key: &str) {
    let document = web_sys::window().and_then(|window| window.document());
    let panels = document.and_then(|document| document.query_selector_all("[data-panel]").ok());
    let Some(panels) = panels else { return };
    let panel = (0..panels.length())
        .filter_map(|at| panels.item(at)?.dyn_into::<Element>().ok())
        .find(|panel| panel.get_attribute("data-panel").as_deref() == Some(key));
    if let Some(panel) = panel {
        panel.scroll_into_view();
    }
}
