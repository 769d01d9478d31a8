//! Recent requests, and whether they were stored.

use afterglow_wire::ingest_report::{IngestReport, Request, Source};
use dioxus::prelude::*;

use super::page::Page;
use crate::edge::rest;
use crate::edge::timer;
use crate::time::{Zone, text};
use crate::values::format;
use crate::values::unit::Unit;

/// Columns of numbers.
const NUMBERS: [&str; 9] =
    ["Count", "Last", "Requests", "Accepted", "Rejected", "Clock", "Late", "Size", "Took"];
/// Between two requests, in milliseconds.
const EVERY: i32 = 2_000;

/// Sums, senders, and the latest requests; asked for again while it is open.
#[component]
pub(super) fn Ingest() -> Element {
    let mut report = use_signal(|| None::<IngestReport>);
    let mut failure = use_signal(|| None::<String>);
    use_future(move || async move {
        loop {
            match rest::get::<IngestReport>("/api/ingest", None).await {
                Ok(new) => {
                    report.set(Some(new));
                    failure.set(None);
                }
                Err(reason) => failure.set(Some(reason)),
            }
            timer::pause(EVERY).await;
        }
    });
    let known = report.read();
    rsx! {
        section { class: "ingest", "aria-labelledby": "ingest-title", "data-testid": "ingest",
            div { class: "section-head",
                h2 { id: "ingest-title", "Ingest" }
                p { class: "note", "Recent requests and whether they were stored" }
            }
            if let Some(reason) = failure.read().as_ref() {
                p { class: "strip failure", role: "alert", "Not up to date: {reason}. Trying again by itself." }
            }
            if let Some(report) = known.as_ref() {
                Figures { report: report.clone() }
                Reasons { report: report.clone() }
                Sources { report: report.clone() }
                Requests { report: report.clone() }
            } else if failure.read().is_none() {
                p { class: "note", role: "status", "Loading…" }
            }
        }
    }
}

#[component]
fn Figures(
    /// What is known.
    report: IngestReport,
) -> Element {
    let totals = report.totals;
    let figures = [
        (
            "rate",
            "Samples per second",
            format::rate(report.samples_per_second),
            format!("{} requests", format::rate(report.requests_per_second)),
        ),
        (
            "accepted",
            "Accepted",
            counted(totals.accepted),
            format!("in {} requests", counted(totals.requests)),
        ),
        ("late", "Late", counted(totals.late), "older than a minute on arrival".into()),
        (
            "rejected",
            "Rejected",
            counted(totals.rejected),
            format!("{} requests failed", counted(totals.failed)),
        ),
    ];
    rsx! {
        div { class: "figures",
            for (id, label, value, note) in figures {
                div { key: "{id}", class: "figure", "data-testid": "ingest-{id}",
                    p { class: "card-label", "{label}" }
                    p { class: "figure-value", "{value}" }
                    p { class: "card-note", "{note}" }
                }
            }
        }
    }
}

/// Why samples were refused, with the latest example of each reason.
#[component]
fn Reasons(
    /// What is known.
    report: IngestReport,
) -> Element {
    if report.rejected_by_code.is_empty() {
        return rsx! {};
    }
    rsx! {
        Table { title: "Reasons", heads: vec!["Reason", "Count", "Last", "Source", "Signal", "Example"], empty: false,
            for (code, count) in report.rejected_by_code.iter() {
                ReasonRow {
                    key: "{code}", code: code.to_string(), count: *count, example: report.examples.get(code).cloned(),
                    age: report.examples.get(code).map(|example| age(&report, example.at.micros())).unwrap_or_default(),
                }
            }
        }
    }
}

#[component]
fn ReasonRow(
    /// The code.
    code: String,
    /// How often it was the reason.
    count: u64,
    /// The latest request with it.
    example: Option<Request>,
    /// How old that is.
    age: String,
) -> Element {
    let example = example.as_ref();
    let text = |of: fn(&Request) -> Option<&String>| example.and_then(of).cloned().unwrap_or_default();
    rsx! {
        tr { "data-testid": "ingest-reason",
            th { scope: "row", code { "{code}" } }
            td { class: "number", {counted(count)} }
            td { class: "number", "{age}" }
            td { {text(|request| Some(&request.source))} }
            td { bdi { {text(|request| request.signal.as_ref())} } }
            td { class: "reason", bdi { {text(|request| request.reason.as_ref())} } }
        }
    }
}

#[component]
fn Sources(
    /// What is known.
    report: IngestReport,
) -> Element {
    rsx! {
        Table { title: "Sources", heads: vec!["Address", "Last", "Requests", "Accepted", "Rejected", "Clock"], empty: report.sources.is_empty(),
            for source in report.sources.iter() {
                SourceRow { key: "{source.address}", source: source.clone(), age: age(&report, source.last.micros()) }
            }
        }
    }
}

#[component]
fn SourceRow(
    /// The sender.
    source: Source,
    /// How long it has been silent.
    age: String,
) -> Element {
    rsx! {
        tr { "data-testid": "source",
            th { scope: "row", "{source.address}" }
            td { class: "number", "{age}" }
            td { class: "number", {counted(source.requests)} }
            td { class: "number", {counted(source.accepted)} }
            td { class: "number", {counted(source.rejected)} }
            td { class: "number", "data-testid": "skew", {skew(source.skew_micros)} }
        }
    }
}

#[component]
fn Requests(
    /// What is known.
    report: IngestReport,
) -> Element {
    let page: Page = use_context();
    // Says the times in another zone when that changes.
    let _ = page.state.zone.follow();
    let zone = page.state.zone.get();
    let mut refused = use_signal(|| false);
    // Those that were stored do not push refused ones out.
    let (title, requests) =
        if refused() { ("Refused requests", &report.refused) } else { ("Latest requests", &report.requests) };
    rsx! {
        Table {
            title,
            heads: vec!["Time", "Verdict", "Accepted", "Late", "Rejected", "Size", "Took", "Source", "Reason"],
            empty: requests.is_empty(),
            tools: rsx! {
                button {
                    r#type: "button", class: if refused() { "action lit" } else { "action" }, "data-testid": "refused-only",
                    "aria-pressed": if refused() { "true" } else { "false" },
                    onclick: move |_| refused.toggle(),
                    "Refused only"
                }
            },
            for (place, request) in requests.iter().enumerate() {
                RequestRow { key: "{place}", request: request.clone(), time: clock(request.at.micros(), &*zone) }
            }
        }
    }
}

#[component]
fn RequestRow(
    /// The request.
    request: Request,
    /// When it was answered, in words.
    time: String,
) -> Element {
    let (class, verdict) = match (request.status, request.rejected) {
        (200..=299, 0) if request.warning.is_some() => ("partial", "stored with a warning".to_owned()),
        (200..=299, 0) => ("good", "stored".to_owned()),
        (200..=299, _) => ("partial", "stored in part".to_owned()),
        (status, _) => ("bad", format!("{status} {}", request.code.as_deref().unwrap_or("refused"))),
    };
    rsx! {
        tr { "data-testid": "request",
            th { scope: "row", "{time}" }
            td { span { class: "verdict {class}", "data-testid": "verdict", "{verdict}" } }
            td { class: "number", {counted(request.accepted)} }
            td { class: "number", {counted(request.late)} }
            td { class: "number", {counted(request.rejected)} }
            td { class: "number", {size(request.bytes)} }
            td { class: "number", {text::length(request.took_micros as i64)} }
            td { "{request.source}" }
            td { class: "reason", "data-testid": "reason", bdi { {request.reason.clone().or(request.warning.clone()).unwrap_or_default()} } }
        }
    }
}

/// A table that scrolls within its frame.
#[component]
fn Table(
    /// What it is about.
    title: &'static str,
    /// Its columns.
    heads: Vec<&'static str>,
    /// Whether there is nothing in it.
    empty: bool,
    /// Buttons beside its heading.
    #[props(default = rsx! {})]
    tools: Element,
    /// Its rows.
    children: Element,
) -> Element {
    rsx! {
        section { class: "card-table", "aria-label": title,
            div { class: "section-head", h3 { "{title}" } {tools} }
            if empty {
                p { class: "note", "None since the server's start." }
            } else {
                div { class: "table-scroll", tabindex: "0", role: "region", "aria-label": "{title}, scrollable",
                    table {
                        thead { tr { for head in heads { th { key: "{head}", scope: "col", class: if NUMBERS.contains(&head) { "number" }, "{head}" } } } }
                        tbody { {children} }
                    }
                }
            }
        }
    }
}

fn counted(number: u64) -> String {
    format::count(usize::try_from(number).unwrap_or(usize::MAX))
}

/// Bytes are whole.
fn size(bytes: u64) -> String {
    const KIB: u64 = 1_024;
    if bytes < KIB { format!("{bytes} B") } else { format::value(bytes as f64, &Unit::named("B")) }
}

fn age(report: &IngestReport, at: i64) -> String {
    format::age(report.now.micros() - at)
}

fn clock(at: i64, zone: &dyn Zone) -> String {
    text::instant(at, 1_000, zone)
}

/// How far a sender's clock is from the server's.
fn skew(micros: Option<i64>) -> String {
    match micros {
        None => "the server's".into(),
        Some(micros) if micros < 0 => format!("{} behind", text::length(-micros)),
        Some(micros) => format!("{} ahead", text::length(micros)),
    }
}
