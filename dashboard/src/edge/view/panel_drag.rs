//! Moving and resizing panels with a pointer. Keys have the buttons of `panel_tools`.

use dioxus::prelude::*;
use dioxus::web::WebEventExt as _;
use wasm_bindgen::JsCast as _;
use web_sys::PointerEvent;

use super::focus;
use super::page::Page;
use crate::boards::draft::{self, Moving};

/// The height of a row of the grid, in pixels; the style sheet has the same.
const ROW: f64 = 60.0;
/// So near to the window's upper or lower end the page scrolls along, in pixels.
const EDGE: f64 = 60.0;
/// By so much with each event, in pixels.
const SCROLL: f64 = 16.0;

/// A panel that is being resized: where the pointer began, how wide a column is, and by how many columns and rows the
/// panel has grown.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Resizing {
    from: (f64, f64),
    column: f64,
    by: (i8, i8),
}

/// What a pointer moves a panel by.
#[component]
pub(super) fn Handle(
    /// The panel's key.
    id: String,
) -> Element {
    let page: Page = use_context();
    let mut moving = page.moving;
    let board_state = page.board_state;
    let moved = id.clone();
    rsx! {
        span { class: "handle", title: "Drag to move", "aria-hidden": "true", "data-testid": "handle",
            onpointerdown: move |event| {
                if capture(&event).is_some() {
                    moving.set(Some(Moving { id: id.clone(), beside: None }));
                }
            },
            onpointermove: move |event| {
                let Some(event) = event.data().try_as_web_event().filter(|_| moving.peek().is_some()) else { return };
                scroll_along(&event);
                let beside = beside(&event).filter(|(beside, _)| *beside != moved);
                let now = Moving { id: moved.clone(), beside };
                if moving.peek().as_ref() != Some(&now) {
                    moving.set(Some(now));
                }
            },
            onpointerup: move |_| {
                if let Some(Moving { id, beside: Some((beside, behind)) }) = moving.take() {
                    board_state.arrange(|board| draft::place(board, &id, &beside, behind));
                }
            },
            onpointercancel: move |_| moving.set(None),
            "⠿"
        }
    }
}

/// What a pointer resizes a panel by.
#[component]
pub(super) fn Grip(
    /// The panel's key.
    id: String,
) -> Element {
    let page: Page = use_context();
    let board_state = page.board_state;
    let mut resizing = use_signal(|| None::<Resizing>);
    let resized = id.clone();
    rsx! {
        span { class: "grip", title: "Drag to resize", "aria-hidden": "true", "data-testid": "grip",
            onpointerdown: move |event| {
                let board = focus::panel(&id).and_then(|panel| panel.parent_element());
                if let Some((event, board)) = capture(&event).zip(board) {
                    let from = (f64::from(event.client_x()), f64::from(event.client_y()));
                    let column = (board.get_bounding_client_rect().width() / 12.0).max(1.0);
                    resizing.set(Some(Resizing { from, column, by: (0, 0) }));
                }
            },
            onpointermove: move |event| {
                let Some(event) = event.data().try_as_web_event() else { return };
                let Some(old) = *resizing.peek() else { return };
                let steps = |at: i32, from: f64, step: f64| ((f64::from(at) - from) / step).round() as i8;
                let by = (steps(event.client_x(), old.from.0, old.column), steps(event.client_y(), old.from.1, ROW));
                if by == old.by {
                    return;
                }
                let change = |board: &mut afterglow_wire::board::Board| {
                    if let Some(panel) = board.panels.iter_mut().find(|panel| panel.id == resized) {
                        draft::resize(panel, by.0.saturating_sub(old.by.0), by.1.saturating_sub(old.by.1));
                    }
                };
                // One step to take back, however far the pointer goes.
                if old.by == (0, 0) { board_state.arrange(change) } else { board_state.change(change) }
                resizing.set(Some(Resizing { by, ..old }));
            },
            onpointerup: move |_| resizing.set(None),
            onpointercancel: move |_| resizing.set(None),
        }
    }
}

/// Has the element get the pointer's events wherever it goes.
fn capture(event: &Event<PointerData>) -> Option<PointerEvent> {
    let event = event.data().try_as_web_event()?;
    event.prevent_default();
    let element: web_sys::Element = event.target()?.dyn_into().ok()?;
    element.set_pointer_capture(event.pointer_id()).ok()?;
    Some(event)
}

/// The panel under the pointer, and whether the pointer is in its second half.
fn beside(event: &PointerEvent) -> Option<(String, bool)> {
    let (x, y) = (event.client_x() as f32, event.client_y() as f32);
    let document = web_sys::window()?.document()?;
    let panel = document.element_from_point(x, y)?.closest("[data-panel]").ok()??;
    let place = panel.get_bounding_client_rect();
    let behind = f64::from(x) > place.left() + place.width() / 2.0;
    Some((panel.get_attribute("data-panel")?, behind))
}

fn scroll_along(event: &PointerEvent) {
    let Some(window) = web_sys::window() else { return };
    let height = window.inner_height().ok().and_then(|height| height.as_f64()).unwrap_or_default();
    let y = f64::from(event.client_y());
    if y < EDGE {
        window.scroll_by_with_x_and_y(0.0, -SCROLL);
    } else if y > height - EDGE {
        window.scroll_by_with_x_and_y(0.0, SCROLL);
    }
}
