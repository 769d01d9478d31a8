//! One's own account: where one is logged in, the password, one-time codes.

use afterglow_wire::people::{Me, NewPassword, SessionInfo};
use dioxus::prelude::*;

use super::codes::Codes;
use super::{Outcome, Password, leave_for, wrong};
use crate::connection::refusal::Refusal;
use crate::edge::rest;

/// Who one is, and what one may change of it.
#[component]
pub(super) fn Own(
    /// Who one is, once that is known.
    known: Signal<Option<Result<Me, Refusal>>>,
) -> Element {
    let mut sessions = use_signal(Vec::<SessionInfo>::new);
    let mut asked = use_signal(|| 0_u32);
    use_effect(move || {
        let _ = asked();
        if matches!(&*known.read(), Some(Ok(me)) if me.kind == "member") {
            spawn(async move {
                if let Ok(all) = rest::get("/api/sessions", None).await {
                    sessions.set(all);
                }
            });
        }
    });
    let logout = move |_| async move {
        if rest::tell("POST", "/api/logout", &serde_json::Value::Null).await.is_ok() {
            leave_for("/login");
        }
    };
    let me = match known() {
        Some(Ok(me)) => me,
        other => return rsx! { Outcome { refusal: other.and_then(Result::err) } },
    };
    if me.kind != "member" {
        return rsx! {
            p { class: "note", "data-testid": "open",
                "This server asks for no password: everyone who reaches it may change everything. Add a first member to change that."
            }
        };
    }
    let role = me.role.map(|role| role.to_string()).unwrap_or_default();
    rsx! {
        section { class: "card-table account-head",
            p { "data-testid": "me", strong { {me.name.clone()} } ", {role}" }
            button { r#type: "button", class: "action", "data-testid": "logout", onclick: logout, "Log out" }
        }
        if me.needs_codes {
            p { class: "note", role: "status", "data-testid": "needs-codes",
                "Members must have one-time codes here. Until you have set yours up, below, nothing else is open to you."
            }
        }
        section { class: "card-table", "aria-labelledby": "sessions-title",
            h3 { id: "sessions-title", "Where you are logged in" }
            ul { class: "rows",
                for session in sessions() {
                    li { key: "{session.id}", "data-testid": "session",
                        span { class: "row-text",
                            strong { if session.is_this { "This browser" } else { "{session.address}" } }
                            span { class: "note", "{session.agent}, since {session.created.to_string()}" }
                        }
                        if !session.is_this {
                            button {
                                r#type: "button", class: "action", "aria-label": "End the session from {session.address}",
                                onclick: move |_| {
                                    let address = format!("/api/sessions/{}", session.id);
                                    async move {
                                        let _ = rest::delete(&address).await;
                                        asked += 1;
                                    }
                                },
                                "End"
                            }
                        }
                    }
                }
            }
            if sessions.read().len() > 1 {
                div { class: "form-end",
                    button {
                        r#type: "button", class: "action", "data-testid": "end-others",
                        onclick: move |_| async move {
                            let _ = rest::delete("/api/sessions").await;
                            asked += 1;
                        },
                        "End all others"
                    }
                }
            }
        }
        ChangePassword { on_changed: move |()| asked += 1 }
        Codes { has_codes: me.has_codes, on_changed: move |()| asked += 1 }
    }
}

#[component]
fn ChangePassword(
    /// Called when it is changed.
    on_changed: EventHandler<()>,
) -> Element {
    let (mut old, mut new) = (use_signal(String::new), use_signal(String::new));
    let (mut refusal, mut done) = (use_signal(|| None), use_signal(|| None::<String>));
    let submit = move |event: FormEvent| {
        event.prevent_default();
        async move {
            done.set(None);
            let body = NewPassword { old: old.peek().clone(), new: new.peek().clone() };
            match rest::tell("POST", "/api/password", &body).await {
                Ok(()) => {
                    refusal.set(None);
                    old.set(String::new());
                    new.set(String::new());
                    done.set(Some("Changed. All other sessions have ended.".to_owned()));
                    on_changed.call(());
                }
                Err(refused) => refusal.set(Some(refused)),
            }
        }
    };
    rsx! {
        section { class: "card-table", "aria-labelledby": "password-title",
            h3 { id: "password-title", "Password" }
            form { class: "form", "data-testid": "password", onsubmit: submit,
                Password { id: "old", label: "Password up to now", autocomplete: "current-password", text: old, wrong: wrong(&refusal, "old") }
                Password { id: "new", label: "New password", autocomplete: "new-password", text: new, wrong: wrong(&refusal, "new") }
                Outcome { refusal: refusal(), done: done() }
                div { class: "form-end",
                    button { r#type: "submit", class: "action", "Change the password" }
                }
            }
        }
    }
}
