//! What a tenant may use: the fields in which it is typed, and the sentence that says it.

use afterglow_wire::people::SecondFactor;
use afterglow_wire::tenant::TenantLimits;
use dioxus::prelude::*;

use super::super::super::form::{Field, Number};
use super::super::wrong;
use crate::connection::refusal::Refusal;
use crate::values::format;

/// Bytes of the megabyte in which the size of a database is typed.
const MEGABYTE: f64 = 1e6;
/// The smallest database, in megabytes.
const SMALLEST: u32 = 64;
/// Any whole number but zero.
const MOST: (u32, u32) = (1, u32::MAX);

/// How a field gets its number, and where what was typed goes.
type Counted = (fn(&TenantLimits) -> Option<u32>, fn(&mut TenantLimits, Option<u32>));
/// The same of an age.
type Kept = (fn(&TenantLimits) -> &Option<String>, fn(&mut TenantLimits, Option<String>));

/// The fields of numbers: name in the interface, label, place.
const COUNTED: [(&str, &str, Counted); 5] = [
    (
        "samples_per_second",
        "Samples a second",
        (|limits| limits.samples_per_second, |limits, to| limits.samples_per_second = to),
    ),
    ("signals", "Signals", (|limits| limits.signals, |limits, to| limits.signals = to)),
    (
        "new_signals_per_day",
        "New signals a day",
        (|limits| limits.new_signals_per_day, |limits, to| limits.new_signals_per_day = to),
    ),
    (
        "reader_seconds_per_minute",
        "Seconds of queries a minute",
        (|limits| limits.reader_seconds_per_minute, |limits, to| limits.reader_seconds_per_minute = to),
    ),
    ("live_clients", "Live clients", (|limits| limits.live_clients, |limits, to| limits.live_clients = to)),
];

/// The fields of ages: name in the interface, label, example, place.
const KEPT: [(&str, &str, &str, Kept); 3] = [
    (
        "keep_raw",
        "Keep samples",
        "such as 36h, 7d",
        (|limits| &limits.keep_raw, |limits, to| limits.keep_raw = to),
    ),
    (
        "keep_minutes",
        "Keep minutes",
        "such as 30d",
        (|limits| &limits.keep_minutes, |limits, to| limits.keep_minutes = to),
    ),
    (
        "keep_hours",
        "Keep hours",
        "such as forever",
        (|limits| &limits.keep_hours, |limits, to| limits.keep_hours = to),
    ),
];

/// Which members must have one-time codes: name in the interface, label, value. A server without the setting requires it of nobody.
const CODES: [(&str, &str, Option<SecondFactor>); 3] = [
    ("", "as the server requires", None),
    ("admins", "for admins", Some(SecondFactor::Admins)),
    ("everyone", "for all members", Some(SecondFactor::Everyone)),
];

/// A field for each limit. An empty one is a limit as the default tenant has it.
#[component]
pub(super) fn Limits(
    /// What the ids of the fields begin with.
    of: String,
    /// What was typed; the fields begin with what it has.
    limits: Signal<TenantLimits>,
    /// Why it was not taken.
    refusal: Signal<Option<Refusal>>,
) -> Element {
    let initial = use_hook(|| limits.peek().clone());
    let at = move |field: &str| wrong(&refusal, &format!("limits.{field}"));
    let megabytes = initial.bytes.map(|bytes| bytes as f64 / MEGABYTE);
    rsx! {
        p { class: "note", "Where a field is empty, the limit is that of the default tenant." }
        div { class: "form-row limits",
            for (name, label, (get, put)) in COUNTED {
                Field { id: "{of}-{name}", label, wrong: at(name),
                    Number {
                        id: "{of}-{name}", label: None, initial: get(&initial).map(f64::from), placeholder: "", whole: MOST,
                        on_number: move |typed: Option<f64>| put(&mut limits.write(), typed.map(|number| number as u32)),
                    }
                }
            }
            Field { id: "{of}-bytes", label: "Database (MB)", wrong: at("bytes"),
                Number {
                    id: "{of}-bytes", label: None, initial: megabytes, placeholder: "", whole: (SMALLEST, u32::MAX),
                    on_number: move |typed: Option<f64>| limits.write().bytes = typed.map(|number| (number * MEGABYTE) as u64),
                }
            }
            for (name, label, placeholder, (get, put)) in KEPT {
                Field { id: "{of}-{name}", label, wrong: at(name),
                    input {
                        id: "{of}-{name}", autocomplete: "off", placeholder, "aria-describedby": "{of}-{name}-error",
                        initial_value: get(&initial).clone().unwrap_or_default(),
                        oninput: move |event| {
                            let typed = event.value().trim().to_owned();
                            put(&mut limits.write(), Some(typed).filter(|typed| !typed.is_empty()));
                        },
                    }
                }
            }
            Field { id: "{of}-codes", label: "One-time codes", wrong: at("require_second_factor"),
                select {
                    id: "{of}-codes", "aria-describedby": "{of}-codes-error",
                    onchange: move |event| limits.write().require_second_factor = event.value().parse().ok(),
                    for (value, label, who) in CODES {
                        option { value, selected: initial.require_second_factor == who, "{label}" }
                    }
                }
            }
        }
    }
}

/// What a tenant may use, where it is not what the default tenant may.
pub(super) fn words(limits: &TenantLimits) -> String {
    let counted =
        |number: Option<u32>, what: &str| Some(format!("{} {what}", format::count(number?.try_into().ok()?)));
    let kept = |age: &Option<String>, what: &str| Some(format!("{what} kept {}", age.as_ref()?));
    let all = [
        counted(limits.samples_per_second, "samples/s"),
        counted(limits.signals, "signals"),
        counted(limits.new_signals_per_day, "new signals a day"),
        counted(limits.reader_seconds_per_minute, "s of queries a minute"),
        counted(limits.live_clients, "live clients"),
        limits.bytes.map(|bytes| format!("{} MB", bytes as f64 / MEGABYTE)),
        kept(&limits.keep_raw, "samples"),
        kept(&limits.keep_minutes, "minutes"),
        kept(&limits.keep_hours, "hours"),
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    let codes = match limits.require_second_factor {
        Some(SecondFactor::Admins) => "; admins need one-time codes",
        Some(SecondFactor::Everyone) => "; all members need one-time codes",
        Some(SecondFactor::Nobody) | None => "",
    };
    if all.is_empty() {
        format!("Limited as the default tenant{codes}")
    } else {
        format!("At most {}{codes}", all.join(", "))
    }
}
