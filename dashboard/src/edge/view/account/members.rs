//! Who may log in, and what they may do.

use afterglow_wire::people::{Invitation, Member, MemberPatch, NewMember, Role};
use dioxus::prelude::*;

use super::super::form::Field;
use super::super::sure::Sure;
use super::link::Link;
use super::{Outcome, wrong};
use crate::connection::refusal::Refusal;
use crate::edge::rest;

/// The members, and a form for one more.
#[component]
pub(super) fn Members() -> Element {
    let mut members = use_signal(Vec::<Member>::new);
    let (mut refusal, mut invitation) = (use_signal(|| None::<Refusal>), use_signal(|| None::<Invitation>));
    let mut asked = use_signal(|| 0_u32);
    use_effect(move || {
        let _ = asked();
        spawn(async move {
            match rest::get("/api/members", None).await {
                Ok(all) => members.set(all),
                Err(reason) => refusal.set(Some(Refusal::because(reason))),
            }
        });
    });
    let mut told = move |outcome: Result<(), Refusal>| {
        refusal.set(outcome.err());
        asked += 1;
    };
    rsx! {
        section { class: "card-table", "aria-labelledby": "members-title",
            h3 { id: "members-title", "Who may log in" }
            if members.read().is_empty() {
                p { class: "note", "Nobody yet. The first member is an admin; from then on nobody uses this server without a password or a key." }
            }
            ul { class: "rows",
                for member in members() {
                    li { key: "{member.name}", "data-testid": "member",
                        span { class: "row-text",
                            strong { "{member.name}" }
                            span { class: "note",
                                if !member.is_active { "has not chosen a password yet" } else if member.has_codes { "with one-time codes" }
                            }
                        }
                        select {
                            "aria-label": "What {member.name} may do",
                            onchange: {
                                let name = member.name.clone();
                                move |event: FormEvent| {
                                    let address = format!("/api/members/{}", rest::escaped(&name));
                                    async move {
                                        let role = Role::named(&event.value()).unwrap_or(Role::Viewer);
                                        told(rest::tell("PATCH", &address, &MemberPatch { role }).await);
                                    }
                                }
                            },
                            for role in Role::ALL {
                                option { value: "{role}", selected: role == member.role, "{role}" }
                            }
                        }
                        button {
                            r#type: "button", class: "action", "aria-label": "New link for {member.name}",
                            onclick: {
                                let name = member.name.clone();
                                move |_| {
                                    let address = format!("/api/members/{}/reset", rest::escaped(&name));
                                    async move {
                                        match rest::send("POST", &address, &serde_json::json!({})).await {
                                            Ok(made) => invitation.set(Some(made)),
                                            Err(refused) => refusal.set(Some(refused)),
                                        }
                                    }
                                }
                            },
                            "New link"
                        }
                        Sure {
                            action: "Remove", of: member.name.clone(),
                            on_sure: {
                                let name = member.name.clone();
                                move |()| {
                                    let address = format!("/api/members/{}", rest::escaped(&name));
                                    async move { told(rest::delete(&address).await) }
                                }
                            },
                        }
                    }
                }
            }
            Outcome { refusal: refusal() }
        }
        if let Some(made) = invitation() {
            Link {
                note: "With it {made.name} chooses a password, once, until {made.expires}. It is shown only now.",
                name: made.name, path: made.link, test: "invitation",
            }
        }
        Add {
            on_made: move |made| {
                invitation.set(Some(made));
                refusal.set(None);
                asked += 1;
            },
        }
    }
}

#[component]
fn Add(
    /// Called with the link.
    on_made: EventHandler<Invitation>,
) -> Element {
    let (mut name, mut role) = (use_signal(String::new), use_signal(|| Role::Viewer));
    let mut refusal = use_signal(|| None);
    let submit = move |event: FormEvent| {
        event.prevent_default();
        async move {
            let body = NewMember { name: name.peek().trim().to_owned(), role: *role.peek() };
            match rest::send("POST", "/api/members", &body).await {
                Ok(made) => {
                    refusal.set(None);
                    name.set(String::new());
                    on_made.call(made);
                }
                Err(refused) => refusal.set(Some(refused)),
            }
        }
    };
    rsx! {
        section { class: "card-table", "aria-labelledby": "add-title",
            h3 { id: "add-title", "Add a member" }
            form { class: "form", "data-testid": "add-member", onsubmit: submit,
                Field { id: "member-name", label: "Name", wrong: wrong(&refusal, "name"),
                    input {
                        id: "member-name", autocomplete: "off", autocapitalize: "none", spellcheck: "false", required: true,
                        "aria-describedby": "member-name-error", value: "{name}", oninput: move |event| name.set(event.value()),
                    }
                }
                Field { id: "member-role", label: "May", wrong: wrong(&refusal, "role"),
                    select {
                        id: "member-role", "aria-describedby": "member-role-error",
                        onchange: move |event| role.set(Role::named(&event.value()).unwrap_or(Role::Viewer)),
                        option { value: "viewer", selected: role() == Role::Viewer, "see everything (viewer)" }
                        option { value: "editor", selected: role() == Role::Editor, "also send and change (editor)" }
                        option { value: "admin", selected: role() == Role::Admin, "also manage keys and members (admin)" }
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
