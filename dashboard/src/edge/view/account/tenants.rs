//! Tenants: who uses this server beside the default one, and how much of it.

use afterglow_wire::tenant::{CreatedTenant, NewTenant, Tenant, TenantLimits, TenantState};
use dioxus::prelude::*;

use super::super::form::{Field, Number};
use super::link::Link;
use super::{Outcome, wrong};
use crate::connection::refusal::Refusal;
use crate::edge::rest;
use crate::values::format;

/// Bytes of the megabyte in which the size of a database is typed.
const MEGABYTE: f64 = 1e6;

/// The tenants, and a form for one more.
#[component]
pub(super) fn Tenants(
    /// Whether everyone who reaches the server may do everything.
    is_open: bool,
) -> Element {
    let mut tenants = use_signal(|| None::<Vec<Tenant>>);
    let (mut refusal, mut made) = (use_signal(|| None::<Refusal>), use_signal(|| None::<CreatedTenant>));
    let mut asked = use_signal(|| 0_u32);
    use_effect(move || {
        let _ = asked();
        spawn(async move {
            match rest::get("/api/tenants", None).await {
                Ok(all) => tenants.set(Some(all)),
                Err(reason) => refusal.set(Some(Refusal::because(reason))),
            }
        });
    });
    let Some(known) = tenants() else {
        return rsx! { Outcome { refusal: refusal() } };
    };
    rsx! {
        section { class: "card-table", "aria-labelledby": "tenants-title",
            h3 { id: "tenants-title", "Who uses this server" }
            if known.is_empty() {
                p { class: "note", "Nobody but the default tenant, to which everything belongs so far." }
            }
            ul { class: "rows",
                for tenant in known {
                    Row {
                        key: "{tenant.name}", tenant,
                        on_deleted: move |outcome: Result<(), Refusal>| {
                            refusal.set(outcome.err());
                            made.set(None);
                            asked += 1;
                        },
                    }
                }
            }
            Outcome { refusal: refusal() }
        }
        if let Some(made) = made() {
            Link {
                note: "With it the first admin of {made.name} chooses a name and a password, once, within 30 minutes. It is shown only now.",
                name: made.name, path: made.link, test: "tenant-link",
            }
        }
        Add {
            is_open,
            on_made: move |tenant| {
                made.set(Some(tenant));
                refusal.set(None);
                asked += 1;
            },
        }
    }
}

/// A tenant, what it uses, and the way to delete it: only who types its name does.
#[component]
fn Row(
    /// The tenant.
    tenant: Tenant,
    /// Called with what became of its deletion.
    on_deleted: EventHandler<Result<(), Refusal>>,
) -> Element {
    let (mut asking, mut typed, mut busy) =
        (use_signal(|| false), use_signal(String::new), use_signal(|| false));
    let name = tenant.name.clone();
    let state = match tenant.state {
        TenantState::Active => "",
        TenantState::Unavailable => "unavailable, the server's log says why; ",
        TenantState::Deleting => "being deleted; ",
    };
    let (signals, samples) =
        (format::count(tenant.signals), tenant.samples.try_into().map(format::count).unwrap_or_default());
    let (field, given) = (format!("delete-{name}"), name.clone());
    let delete = move |event: FormEvent| {
        event.prevent_default();
        let (address, sure) = (format!("/api/tenants/{}", rest::escaped(&given)), *typed.peek() == given);
        async move {
            if !sure || busy() {
                return;
            }
            busy.set(true);
            let outcome = rest::delete(&address).await;
            busy.set(false);
            asking.set(false);
            on_deleted.call(outcome);
        }
    };
    rsx! {
        li { "data-testid": "tenant",
            span { class: "row-text",
                strong { "{name}" }
                span { class: "note", "{state}{signals} signals, {tenant.live_clients} live clients, {samples} samples since the server started" }
                span { class: "note", "data-testid": "tenant-limits", {limits(&tenant.limits)} }
            }
            if asking() {
                form { class: "form sure", "data-testid": "delete-tenant", onsubmit: delete,
                    Field { id: field.clone(), label: "All samples, boards, keys and members of {name} go. Type its name", wrong: None,
                        input {
                            id: field.clone(), autocomplete: "off", autocapitalize: "none", spellcheck: "false",
                            onmounted: move |event: Event<MountedData>| async move { drop(event.set_focus(true).await) },
                            oninput: move |event| typed.set(event.value().trim().to_owned()),
                        }
                    }
                    div { class: "form-end",
                        button { r#type: "button", class: "action", onclick: move |_| asking.set(false), "Cancel" }
                        button { r#type: "submit", class: "action danger", disabled: *typed.read() != name || busy(), "Delete {name}" }
                    }
                }
            } else if tenant.state != TenantState::Deleting {
                button {
                    r#type: "button", class: "action", "aria-label": "Delete {name} …",
                    onclick: move |_| {
                        typed.set(String::new());
                        asking.set(true);
                    },
                    "Delete …"
                }
            }
        }
    }
}

/// What a tenant may use, where it is not what the default tenant may.
fn limits(limits: &TenantLimits) -> String {
    let counted =
        |number: Option<u32>, what: &str| Some(format!("{} {what}", format::count(number?.try_into().ok()?)));
    let kept = |age: &Option<String>, what: &str| Some(format!("{what} kept {}", age.as_ref()?));
    let all = [
        counted(limits.samples_per_second, "samples/s"),
        counted(limits.signals, "signals"),
        counted(limits.live_clients, "live clients"),
        limits.bytes.map(|bytes| format!("{} MB", bytes as f64 / MEGABYTE)),
        kept(&limits.keep_raw, "samples"),
        kept(&limits.keep_minutes, "minutes"),
        kept(&limits.keep_hours, "hours"),
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    if all.is_empty() {
        "Limited as the default tenant".to_owned()
    } else {
        format!("At most {}", all.join(", "))
    }
}

#[component]
fn Add(
    /// Whether everyone who reaches the server may do everything.
    is_open: bool,
    /// Called with what was made.
    on_made: EventHandler<CreatedTenant>,
) -> Element {
    let (mut name, mut limits) = (use_signal(String::new), use_signal(TenantLimits::default));
    let (mut refusal, mut count) = (use_signal(|| None), use_signal(|| 0));
    let submit = move |event: FormEvent| {
        event.prevent_default();
        async move {
            let body = NewTenant { name: name.peek().trim().to_owned(), limits: limits.peek().clone() };
            match rest::send("POST", "/api/tenants", &body).await {
                Ok(made) => {
                    refusal.set(None);
                    name.set(String::new());
                    limits.set(TenantLimits::default());
                    // The fields begin again.
                    count += 1;
                    on_made.call(made);
                }
                Err(refused) => refusal.set(Some(refused)),
            }
        }
    };
    let at =
        move |field: &str| wrong(&refusal, field).or_else(|| wrong(&refusal, &format!("limits.{field}")));
    let age = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let most = Some((1, u32::MAX));
    rsx! {
        section { class: "card-table", "aria-labelledby": "add-title",
            h3 { id: "add-title", "Add a tenant" }
            if is_open {
                p { class: "note", "From the first one on nobody uses this server without a password or a key: make yourself a member before." }
            }
            form { class: "form", "data-testid": "add-tenant", onsubmit: submit,
                Field { id: "tenant-name", label: "Name (a to z, 0 to 9 and -)", wrong: at("name"),
                    input {
                        id: "tenant-name", autocomplete: "off", autocapitalize: "none", spellcheck: "false", required: true,
                        "aria-describedby": "tenant-name-error", value: "{name}", oninput: move |event| name.set(event.value()),
                    }
                }
                p { class: "note", "Where a field is empty, the limit is that of the default tenant." }
                for count in [count()] {
                    div { key: "{count}", class: "form-row limits",
                        Field { id: "tenant-rate", label: "Samples a second", wrong: at("samples_per_second"),
                            Number { id: "tenant-rate", label: None, initial: None, placeholder: "", whole: most, on_number: move |typed: Option<f64>| limits.write().samples_per_second = typed.map(|number| number as u32) }
                        }
                        Field { id: "tenant-signals", label: "Signals", wrong: at("signals"),
                            Number { id: "tenant-signals", label: None, initial: None, placeholder: "", whole: most, on_number: move |typed: Option<f64>| limits.write().signals = typed.map(|number| number as u32) }
                        }
                        Field { id: "tenant-clients", label: "Live clients", wrong: at("live_clients"),
                            Number { id: "tenant-clients", label: None, initial: None, placeholder: "", whole: most, on_number: move |typed: Option<f64>| limits.write().live_clients = typed.map(|number| number as u32) }
                        }
                        Field { id: "tenant-bytes", label: "Database (MB)", wrong: at("bytes"),
                            Number { id: "tenant-bytes", label: None, initial: None, placeholder: "", whole: Some((64, u32::MAX)), on_number: move |typed: Option<f64>| limits.write().bytes = typed.map(|number| (number * MEGABYTE) as u64) }
                        }
                        Field { id: "tenant-raw", label: "Keep samples", wrong: at("keep_raw"),
                            input { id: "tenant-raw", autocomplete: "off", placeholder: "such as 36h, 7d", "aria-describedby": "tenant-raw-error", oninput: move |event| limits.write().keep_raw = age(event.value()) }
                        }
                        Field { id: "tenant-minutes", label: "Keep minutes", wrong: at("keep_minutes"),
                            input { id: "tenant-minutes", autocomplete: "off", placeholder: "such as 30d", "aria-describedby": "tenant-minutes-error", oninput: move |event| limits.write().keep_minutes = age(event.value()) }
                        }
                        Field { id: "tenant-hours", label: "Keep hours", wrong: at("keep_hours"),
                            input { id: "tenant-hours", autocomplete: "off", placeholder: "such as forever", "aria-describedby": "tenant-hours-error", oninput: move |event| limits.write().keep_hours = age(event.value()) }
                        }
                    }
                }
                Outcome { refusal: refusal() }
                div { class: "form-end",
                    button { r#type: "submit", class: "action", "Add" }
                }
            }
        }
    }
}
