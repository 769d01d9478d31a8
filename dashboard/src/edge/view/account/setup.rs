//! Choosing a password with a link.

use afterglow_wire::people::{Me, Setup as Body};
use dioxus::prelude::*;

use super::super::form::Field;
use super::{Outcome, Password, leave_for, wrong};
use crate::edge::rest;

/// The link's secret, and whose it is; no name for the first admin.
fn link() -> Option<(String, Option<String>)> {
    let hash = web_sys::window()?.location().hash().ok()?;
    let text = hash.strip_prefix('#').filter(|text| !text.is_empty())?;
    let (token, name) = text.split_once(':').map_or((text, None), |(token, name)| (token, Some(name)));
    Some((token.to_owned(), name.map(str::to_owned)))
}

/// A name where the link has none, and a password.
#[component]
pub(super) fn Setup() -> Element {
    let link = use_hook(link);
    let Some((token, owner)) = link else {
        return rsx! { p { class: "note", role: "alert", "This address is not complete: a link for a new password has a # in it." } };
    };
    let is_first = owner.is_none();
    let (mut name, password) = (use_signal(|| owner.clone().unwrap_or_default()), use_signal(String::new));
    let (mut refusal, mut busy) = (use_signal(|| None), use_signal(|| false));
    let submit = move |event: FormEvent| {
        event.prevent_default();
        let token = token.clone();
        async move {
            busy.set(true);
            let chosen = Some(name.peek().clone()).filter(|_| is_first);
            let body = Body { token, name: chosen, password: password.peek().clone() };
            match rest::send::<Me>("POST", "/api/setup", &body).await {
                Ok(me) => leave_for(if me.needs_codes { "/account" } else { "/" }),
                Err(refused) => refusal.set(Some(refused)),
            }
            busy.set(false);
        }
    };
    rsx! {
        form { class: "form card-table", "data-testid": "setup", onsubmit: submit,
            if is_first {
                p { class: "note", "You become this server's first admin. From then on nobody uses it without a password or a key." }
            }
            Field { id: "name", label: "Name", wrong: wrong(&refusal, "name"),
                input {
                    id: "name", autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true,
                    "aria-describedby": "name-error", readonly: !is_first,
                    value: "{name}", oninput: move |event| name.set(event.value()),
                }
            }
            Password {
                id: "password", label: "Password, at least 12 characters", autocomplete: "new-password", text: password,
                wrong: wrong(&refusal, "password"),
            }
            Outcome { refusal: refusal() }
            div { class: "form-end",
                button { r#type: "submit", class: "action", disabled: busy(), "Choose this password" }
            }
        }
    }
}
