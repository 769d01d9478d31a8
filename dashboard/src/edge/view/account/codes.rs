//! One-time codes beside the password.

use afterglow_wire::people::{CodeSecret, Confirmation, FirstCode, RecoveryCodes};
use dioxus::prelude::*;

use super::super::form::Field;
use super::{Outcome, Password, wrong};
use crate::edge::rest;

/// How far one has come.
#[derive(Clone, PartialEq)]
enum Step {
    Off,
    Chosen(CodeSecret),
    Begun(RecoveryCodes),
    On,
}

/// Chooses one-time codes, or gives them up.
#[component]
pub(super) fn Codes(
    /// Whether codes are shown to log in.
    has_codes: bool,
    /// Called when that changes.
    on_changed: EventHandler<()>,
) -> Element {
    let mut step = use_signal(|| if has_codes { Step::On } else { Step::Off });
    let (mut password, mut code) = (use_signal(String::new), use_signal(String::new));
    let mut refusal = use_signal(|| None);
    let submit = move |event: FormEvent| {
        event.prevent_default();
        async move {
            let confirmation = Confirmation { password: password.peek().clone() };
            let now = step.peek().clone();
            let next = match now {
                Step::Off | Step::Begun(_) => {
                    rest::send("POST", "/api/codes", &confirmation).await.map(Step::Chosen)
                }
                Step::Chosen(_) => {
                    let body = FirstCode { code: code.peek().clone() };
                    rest::send("PUT", "/api/codes", &body).await.map(Step::Begun)
                }
                Step::On => rest::tell("DELETE", "/api/codes", &confirmation).await.map(|()| Step::Off),
            };
            match next {
                Ok(next) => {
                    refusal.set(None);
                    password.set(String::new());
                    code.set(String::new());
                    step.set(next);
                    on_changed.call(());
                }
                Err(refused) => refusal.set(Some(refused)),
            }
        }
    };
    rsx! {
        section { class: "card-table", "aria-labelledby": "codes-title",
            h3 { id: "codes-title", "One-time codes" }
            form { class: "form", "data-testid": "codes", onsubmit: submit,
                match &*step.read() {
                    Step::Off => rsx! {
                        p { class: "note", "A code from an app on your phone, beside the password: who learns the password alone does not get in." }
                        Password { id: "codes-password", label: "Password", autocomplete: "current-password", text: password, wrong: wrong(&refusal, "password") }
                    },
                    Step::Chosen(secret) => rsx! {
                        p { class: "note", "Give this secret to your app, then type the code that it shows." }
                        p { class: "secret", "data-testid": "secret", "{secret.secret}" }
                        p { a { href: "{secret.uri}", "Open it in an app on this device" } }
                        Field { id: "first-code", label: "Code", wrong: wrong(&refusal, "code"),
                            input {
                                id: "first-code", inputmode: "numeric", autocomplete: "one-time-code", required: true, "aria-describedby": "first-code-error",
                                value: "{code}", oninput: move |event| code.set(event.value()),
                            }
                        }
                    },
                    Step::Begun(codes) => rsx! {
                        p { role: "status", "From now on a code is needed to log in. Keep these: each stands for a code, once, when the phone is lost." }
                        ul { class: "secret", "data-testid": "recovery",
                            for code in codes.recovery.iter() {
                                li { key: "{code}", "{code}" }
                            }
                        }
                    },
                    Step::On => rsx! {
                        p { class: "note", "A code is needed to log in." }
                        Password { id: "codes-password", label: "Password", autocomplete: "current-password", text: password, wrong: wrong(&refusal, "password") }
                    },
                }
                Outcome { refusal: refusal() }
                if !matches!(*step.read(), Step::Begun(_)) {
                    div { class: "form-end",
                        button { r#type: "submit", class: "action",
                            match &*step.read() {
                                Step::Off | Step::Begun(_) => "Make a secret",
                                Step::Chosen(_) => "Turn codes on",
                                Step::On => "Give codes up",
                            }
                        }
                    }
                }
            }
        }
    }
}
