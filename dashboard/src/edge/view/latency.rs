//! How long samples take to the screen, beside the state of the connection.

use afterglow_wire::ingest_report::IngestReport;
use dioxus::prelude::*;

use super::page::Page;
use crate::connection::latency::middle;
use crate::edge::rest;
use crate::edge::timer;
use crate::time::text::length;

/// Between two requests, in milliseconds.
const EVERY: i32 = 1_000;
/// How many of the latest requests are measured.
const REQUESTS: usize = 32;

/// The way of the latest samples; requested again while it is open.
#[component]
pub(super) fn LatencyTip() -> Element {
    let page: Page = use_context();
    let mut committed = use_signal(|| None::<(i64, i64)>);
    let mut painted = use_signal(|| None::<(i64, i64)>);
    use_future(move || {
        let page_state = page.state.clone();
        async move {
            loop {
                if let Ok(report) = rest::get::<IngestReport>("/api/ingest", None).await {
                    let stored = report.requests.iter().filter(|request| request.accepted > 0).take(REQUESTS);
                    committed.set(middle(stored.map(|request| request.took_micros as i64)));
                }
                painted.set(page_state.latency.borrow().typical());
                timer::pause(EVERY).await;
            }
        }
    });
    rsx! {
        div { class: "latency", id: "latency", role: "tooltip", "data-testid": "latency",
            dl {
                Way { name: "Accepted → committed", took: committed() }
                Way { name: "Committed → painted", took: painted() }
            }
        }
    }
}

/// One part of the way.
#[component]
fn Way(
    /// From where to where.
    name: &'static str,
    /// How long it takes, and at most, in microseconds.
    took: Option<(i64, i64)>,
) -> Element {
    rsx! {
        dt { "{name}" }
        dd {
            match took {
                Some((middle, most)) => format!("{}, at most {}", length(round(middle)), length(round(most))),
                None => "nothing yet".to_owned(),
            }
        }
    }
}

/// To a tenth of a millisecond below ten, else to one: the browser's clock knows no better.
fn round(micros: i64) -> i64 {
    let step = if micros < 10_000 { 100 } else { 1_000 };
    (micros + step / 2) / step * step
}
