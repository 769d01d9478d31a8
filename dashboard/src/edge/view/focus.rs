//! Moves the keyboard focus.

use wasm_bindgen::JsCast as _;
use web_sys::HtmlElement;

/// Gives the focus to the element with this id, if there is one.
pub(super) fn focus(id: &str) {
    let document = web_sys::window().and_then(|window| window.document());
    let element = document.and_then(|document| document.get_element_by_id(id));
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        // Fails only for elements that cannot have it.
        let _ = element.focus();
    }
}
