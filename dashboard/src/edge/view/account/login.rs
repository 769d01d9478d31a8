//! Logging in.

use afterglow_wire::people::{Login as Body, Me};
use dioxus::prelude::*;

use super::super::form::Field;
use super::{Outcome, Password, leave_for};
use crate::edge::rest;

/// Name, password, and a one-time code where it is asked for.
#[component]
pub(super) fn Login() -> Element {
    let (mut name, password, mut code) =
        (use_signal(String::new), use_signal(String::new), use_signal(String::new));
    let (mut needs_code, mut refusal, mut busy) =
        (use_signal(|| false), use_signal(|| None), use_signal(|| false));
    let submit = move |event: FormEvent| {
        event.prevent_default();
        async move {
            busy.set(true);
            let typed = code.peek().trim().to_owned();
            let body = Body {
                name: name.peek().clone(),
                password: password.peek().clone(),
                code: Some(typed).filter(|code| !code.is_empty()),
            };
            match rest::send::<Me>("POST", "/api/login", &body).await {
                Ok(_) => leave_for(&rest::wanted().unwrap_or_else(|| "/".to_owned())),
                Err(refused) => {
                    needs_code.set(needs_code() || refused.needs_code);
                    refusal.set(Some(refused));
                }
            }
            busy.set(false);
        }
    };
    rsx! {
        form { class: "form card-table", "data-testid": "login", onsubmit: submit,
            Field { id: "name", label: "Name", wrong: None,
                input {
                    id: "name", autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true,
                    value: "{name}", oninput: move |event| name.set(event.value()),
                }
            }
            Password { id: "password", label: "Password", autocomplete: "current-password", text: password }
            if needs_code() {
                Field { id: "code", label: "One-time code, or a recovery code", wrong: None,
                    input {
                        id: "code", autocomplete: "one-time-code", autocapitalize: "none", spellcheck: "false", required: true,
                        value: "{code}", oninput: move |event| code.set(event.value()),
                    }
                }
            }
            Outcome { refusal: refusal() }
            div { class: "form-end",
                button { r#type: "submit", class: "action", disabled: busy(), "Log in" }
            }
        }
    }
}
