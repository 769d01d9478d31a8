//! Tenants: who uses this server beside the default one, and how much of it.

mod limits;

use afterglow_wire::tenant::{CreatedTenant, NewTenant, Tenant, TenantLimits, TenantPatch, TenantState};
use dioxus::prelude::*;

use super::super::form::Field;
use super::link::Link;
use super::{Outcome, wrong};
use crate::connection::refusal::Refusal;
use crate::edge::rest;
use crate::values::format;

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
                        on_changed: move |outcome: Result<(), Refusal>| {
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

/// What is asked about a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Nothing,
    /// What it may use from now on.
    Limits,
    /// Its name, so that it is deleted.
    Name,
}

/// A tenant, what it uses, and the ways to limit it otherwise and to delete it: only who types its name does.
#[component]
fn Row(
    /// The tenant.
    tenant: Tenant,
    /// Called when it has other limits, or with what became of its deletion.
    on_changed: EventHandler<Result<(), Refusal>>,
) -> Element {
    let (mut asked, mut typed, mut busy) =
        (use_signal(|| Asked::Nothing), use_signal(String::new), use_signal(|| false));
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
            asked.set(Asked::Nothing);
            on_changed.call(outcome);
        }
    };
    rsx! {
        li { "data-testid": "tenant",
            span { class: "row-text",
                strong { "{name}" }
                span { class: "note", "{state}{signals} signals, {tenant.live_clients} live clients, {samples} samples since the server started" }
                span { class: "note", "data-testid": "tenant-limits", {limits::words(&tenant.limits)} }
            }
            if asked() == Asked::Limits {
                Change {
                    tenant: tenant.clone(),
                    on_done: move |is_changed| {
                        asked.set(Asked::Nothing);
                        if is_changed {
                            on_changed.call(Ok(()));
                        }
                    },
                }
            } else if asked() == Asked::Name {
                form { class: "form sure", "data-testid": "delete-tenant", onsubmit: delete,
                    Field { id: field.clone(), label: "All samples, boards, keys and members of {name} go. Type its name", wrong: None,
                        input {
                            id: field.clone(), autocomplete: "off", autocapitalize: "none", spellcheck: "false",
                            onmounted: move |event: Event<MountedData>| async move { drop(event.set_focus(true).await) },
                            oninput: move |event| typed.set(event.value().trim().to_owned()),
                        }
                    }
                    div { class: "form-end",
                        button { r#type: "button", class: "action", onclick: move |_| asked.set(Asked::Nothing), "Cancel" }
                        button { r#type: "submit", class: "action danger", disabled: *typed.read() != name || busy(), "Delete {name}" }
                    }
                }
            } else if tenant.state != TenantState::Deleting {
                button {
                    r#type: "button", class: "action", "aria-label": "Limits of {name} …",
                    onclick: move |_| asked.set(Asked::Limits),
                    "Limits …"
                }
                button {
                    r#type: "button", class: "action", "aria-label": "Delete {name} …",
                    onclick: move |_| {
                        typed.set(String::new());
                        asked.set(Asked::Name);
                    },
                    "Delete …"
                }
            }
        }
    }
}

/// The limits of a tenant, to change them.
#[component]
fn Change(
    /// The tenant.
    tenant: Tenant,
    /// Called at the end, with whether they were changed.
    on_done: EventHandler<bool>,
) -> Element {
    let Tenant { name, limits: before, .. } = tenant;
    let limits = use_signal(|| before.clone());
    let (mut refusal, mut busy) = (use_signal(|| None::<Refusal>), use_signal(|| false));
    let address = format!("/api/tenants/{}", rest::escaped(&name));
    let submit = move |event: FormEvent| {
        event.prevent_default();
        let (address, patch) = (address.clone(), TenantPatch::between(&before, &limits.peek()));
        async move {
            if busy() {
                return;
            }
            busy.set(true);
            let outcome = rest::tell("PATCH", &address, &patch).await;
            busy.set(false);
            match outcome {
                Ok(()) => on_done.call(true),
                Err(refused) => refusal.set(Some(refused)),
            }
        }
    };
    rsx! {
        form { class: "form change", "data-testid": "change-limits", "aria-label": "Limits of {name}", onsubmit: submit,
            limits::Limits { of: "limits-{name}", limits, refusal }
            p { class: "note", "What was stored or is connected already stays, but sessions of those who need one-time codes from now on." }
            Outcome { refusal: refusal() }
            div { class: "form-end",
                button { r#type: "button", class: "action", onclick: move |_| on_done.call(false), "Cancel" }
                button { r#type: "submit", class: "action primary", disabled: busy(), "Save" }
            }
        }
    }
}

/// The form of a new tenant.
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
    rsx! {
        section { class: "card-table", "aria-labelledby": "add-title",
            h3 { id: "add-title", "Add a tenant" }
            if is_open {
                p { class: "note", "From the first one on nobody uses this server without a password or a key: make yourself a member before." }
            }
            form { class: "form", "data-testid": "add-tenant", onsubmit: submit,
                Field { id: "tenant-name", label: "Name (a to z, 0 to 9 and -)", wrong: wrong(&refusal, "name"),
                    input {
                        id: "tenant-name", autocomplete: "off", autocapitalize: "none", spellcheck: "false", required: true,
                        "aria-describedby": "tenant-name-error", value: "{name}", oninput: move |event| name.set(event.value()),
                    }
                }
                for count in [count()] {
                    limits::Limits { key: "{count}", of: "tenant", limits, refusal }
                }
                Outcome { refusal: refusal() }
                div { class: "form-end",
                    button { r#type: "submit", class: "action", "Add" }
                }
            }
        }
    }
}
