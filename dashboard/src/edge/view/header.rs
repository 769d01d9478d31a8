//! The page's head: its name, how it stands with the server, and the way to one's account.

use dioxus::prelude::*;

use super::icon::Icon;
use super::latency::LatencyTip;
use super::page::{Open, Page};
use super::theme::ThemeSwitch;
use crate::connection::status::Status;

/// The title, the state of the live connection, the account, the theme, the help.
#[component]
pub(super) fn Header(
    /// The connection.
    status: Status,
) -> Element {
    let page: Page = use_context();
    rsx! {
        header { class: "top",
            div { class: "brand",
                svg {
                    class: "mark", view_box: "0 0 24 24", width: "26", height: "26", "aria-hidden": "true",
                    path { class: "mark-glow", d: "M2 14h4l3-9 5 15 3-8h5" }
                    path { class: "mark-line", d: "M2 14h4l3-9 5 15 3-8h5" }
                }
                h1 { "Afterglow" }
                span { class: "tagline", "Real-time telemetry" }
            }
            super::switcher::Switcher {}
            div { class: "top-tools",
                LinkChip { status }
                a { class: "icon", href: "/account", title: "Account", "aria-label": "Account",
                    Icon { d: "M10 10a3.3 3.3 0 1 0 0-6.6 3.3 3.3 0 0 0 0 6.6ZM3.6 17a6.4 6.4 0 0 1 12.8 0" }
                }
                ThemeSwitch {}
                button {
                    r#type: "button",
                    class: "icon",
                    title: "Keys (?)",
                    "aria-label": "Keys and gestures",
                    onclick: move |_| page.toggle_open(Open::Help),
                    "?"
                }
            }
        }
    }
}

/// The state of the live connection, and why it is none; pointed at, how long samples take to the screen.
#[component]
pub(super) fn LinkChip(
    /// The connection.
    status: Status,
) -> Element {
    let (link, reason) = (status.link, status.reason.unwrap_or_default());
    let mut pointed = use_signal(|| false);
    rsx! {
        div {
            class: "link-place",
            onmouseenter: move |_| pointed.set(true),
            onmouseleave: move |_| pointed.set(false),
            div {
                class: "link link-{link.key()}",
                role: "status",
                "aria-live": "polite",
                tabindex: "0",
                "aria-describedby": if pointed() { "latency" },
                title: "{reason}",
                "data-testid": "link",
                "data-state": link.key(),
                onfocus: move |_| pointed.set(true),
                onblur: move |_| pointed.set(false),
                span { class: "dot", "aria-hidden": "true" }
                span { "{link.label()}" }
                if !reason.is_empty() {
                    span { class: "reason", "{reason}" }
                }
            }
            if pointed() {
                LatencyTip {}
            }
        }
    }
}
