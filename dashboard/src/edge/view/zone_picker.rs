//! The choice of the zone in which times are shown.

use dioxus::prelude::*;

use super::page::Page;
use crate::edge::timer::pause;
use crate::edge::zones;

/// When the list is filled, in milliseconds: its 400 entries cost as much as the rest of the page.
const FILL_AFTER: i32 = 1_000;

/// A list of all zones; UTC and the reader's own come first.
#[component]
pub(super) fn ZonePicker() -> Element {
    let page: Page = use_context();
    let own = use_hook(zones::local_name);
    let chosen = page.state.zone.follow().name().to_owned();
    let mut all = use_signal(|| vec![chosen.clone()]);
    use_future(move || async move {
        pause(FILL_AFTER).await;
        all.set(zones::names());
    });
    let offered = |name: &String| Some(name) != own.as_ref() && name != zones::UTC;
    rsx! {
        label { class: "zone-picker",
            span { class: "visually-hidden", "Time zone" }
            select {
                "data-testid": "zone-picker",
                title: "Time zone",
                onchange: move |event| { page.set_zone(&event.value()); },
                if let Some(own) = own.clone().filter(|own| own != zones::UTC) {
                    option { value: "{own}", selected: own == chosen, "Local: {own}" }
                }
                option { value: zones::UTC, selected: chosen == zones::UTC, "UTC" }
                for name in all.read().iter().filter(|name| offered(name)) {
                    option { key: "{name}", value: "{name}", selected: *name == chosen, "{name}" }
                }
            }
        }
    }
}
