//! Logging in.

use afterglow_wire::people::{Login as Body, Me, Provider};
use dioxus::prelude::*;

use super::super::form::Field;
use super::{Outcome, Password, leave_for};
use crate::connection::refusal::Refusal;
use crate::edge::rest;

/// Why the browser is back from an identity provider without having logged in.
fn refused_there() -> Option<Refusal> {
    let hash = web_sys::window()?.location().hash().ok()?;
    let message = match &*hash {
        "#refused" => "This account may not log in here.",
        "#failed" => "The identity provider does not answer; try again later.",
        _ => return None,
    };
    Some(Refusal::because(message))
}

/// Name, password, and a one-time code where it is asked for; or an account of an identity provider.
#[component]
pub(super) fn Login() -> Element {
    let (mut name, password, mut code) =
        (use_signal(String::new), use_signal(String::new), use_signal(String::new));
    let (mut needs_code, mut refusal, mut busy) =
        (use_signal(|| false), use_signal(refused_there), use_signal(|| false));
    let mut providers = use_signal(Vec::<Provider>::new);
    use_future(move || async move {
        // Without an answer there is still the password.
        providers.set(rest::get("/api/login", None).await.unwrap_or_default());
    });
    let next = rest::escaped(&rest::still_wanted().unwrap_or_default());
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
                Ok(me) if me.needs_codes => leave_for("/account"),
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
            for Provider { name, title } in providers() {
                a { class: "action", href: "/api/login/oidc?issuer={name}&next={next}", "Sign in with {title}" }
            }
        }
    }
}
