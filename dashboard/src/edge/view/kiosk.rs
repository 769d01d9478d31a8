//! What stands over the charts of a page that is only looked at.

use dioxus::prelude::*;

use super::header::LinkChip;
use super::page::Page;
use crate::connection::status::Status;
use crate::edge::framed;
use crate::time::{Range, SECOND, presets, text};

/// What is shown, of which time, and how it stands with the server.
#[component]
pub(super) fn Strip(
    /// The connection.
    status: Status,
) -> Element {
    let page: Page = use_context();
    let title = page.board.read().as_ref().map(|board| board.title.clone()).unwrap_or_default();
    // Names the range again when the zone changes.
    let _ = page.state.zone.follow();
    let range =
        page.time.read().as_ref().map(|time| presets::name(time.range, time.span, &*page.state.zone.get()));
    let range = range.unwrap_or_default();
    // Somebody who looks at a wall wants to know whether it goes on.
    let live = page
        .time
        .read()
        .as_ref()
        .filter(|time| matches!(time.range, Range::Live(_)))
        .map(|time| time.span.to);
    let now = live.map(|now| text::instant(now, SECOND, &*page.state.zone.get()));
    if page.mode.is_embedded() {
        // The whole page is a step away, in a window of its own: this one is another page's.
        let whole =
            page.address.link(&page.board_state.route.read(), page.state.timeline.borrow().range(), &[]);
        return rsx! {
            header { class: "strip-head",
                h1 { class: "visually-hidden", "{title}" }
                span { class: "range-name", "data-testid": "range-name", "{range}" }
                span { class: "spring" }
                LinkChip { status }
                // Who is here by a link has no other way in.
                if framed::key().is_none() {
                    a { class: "whole", href: "{whole}", target: "_blank", rel: "noopener", "data-testid": "whole", "Afterglow" }
                }
            }
        };
    }
    rsx! {
        header { class: "strip-head",
            h1 { bdi { "{title}" } }
            span { class: "range-name", "data-testid": "range-name", "{range}" }
            span { class: "spring" }
            if let Some(now) = now {
                span { class: "range-name", "data-testid": "kiosk-clock", "{now}" }
            }
            super::alerts::Badge {}
            LinkChip { status }
        }
    }
}
