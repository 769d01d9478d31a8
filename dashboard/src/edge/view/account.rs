//! Pages beside the dashboard: the ways in, one's own account, the members, the keys of programs, and tenants.

mod codes;
mod keys;
mod link;
mod login;
mod members;
mod own;
mod setup;
mod shared;
mod tenants;

use afterglow_wire::access::Scope;
use afterglow_wire::people::Me;
use dioxus::prelude::*;

use crate::connection::refusal::Refusal;
use crate::edge::rest;

/// One of these pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Login,
    Setup,
    Account,
    Members,
    Keys,
    Tenants,
    Shared,
}

impl Place {
    fn at(path: &str) -> Option<Self> {
        match path {
            "/login" => Some(Self::Login),
            "/setup" => Some(Self::Setup),
            "/account" => Some(Self::Account),
            "/members" => Some(Self::Members),
            "/keys" => Some(Self::Keys),
            "/tenants" => Some(Self::Tenants),
            "/s" => Some(Self::Shared),
            _ => None,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Login => "Log in",
            Self::Setup => "Choose a password",
            Self::Account => "Your account",
            Self::Members => "Members",
            Self::Keys => "Keys",
            Self::Tenants => "Tenants",
            Self::Shared => "A shared board",
        }
    }
}

fn here() -> Option<Place> {
    Place::at(&web_sys::window()?.location().pathname().ok()?)
}

/// Whether the address is one of these pages'.
pub(super) fn is_here() -> bool {
    here().is_some()
}

/// Opens another page; its path is one of this server's.
fn leave_for(path: &str) {
    if let Some(window) = web_sys::window() {
        // Fails only while the browser closes the page.
        let _ = window.location().replace(path);
    }
}

/// The page at this address.
#[component]
pub(super) fn Account() -> Element {
    let place = here().unwrap_or(Place::Login);
    use_hook(|| {
        if let Some(document) = web_sys::window().and_then(|window| window.document()) {
            document.set_title(&format!("{} · Afterglow", place.title()));
        }
    });
    // Who one is, on the pages that only somebody sees.
    let mut known = use_signal(|| None::<Result<Me, Refusal>>);
    let has_nav = matches!(place, Place::Account | Place::Members | Place::Keys | Place::Tenants);
    use_future(move || async move {
        if has_nav {
            known.set(Some(me().await));
        }
    });
    let (is_operator, is_open) = match known.read().as_ref() {
        Some(Ok(me)) => (me.scopes.contains(&Scope::Operator) && me.tenant.is_none(), me.kind == "local"),
        _ => (false, false),
    };
    rsx! {
        header { class: "top",
            div { class: "brand",
                h1 { a { href: "/", "Afterglow" } }
            }
            if has_nav {
                nav { class: "top-tools account-nav", "aria-label": "Access",
                    a { href: "/account", "aria-current": if place == Place::Account { "page" }, "Account" }
                    a { href: "/members", "aria-current": if place == Place::Members { "page" }, "Members" }
                    a { href: "/keys", "aria-current": if place == Place::Keys { "page" }, "Keys" }
                    if is_operator {
                        a { href: "/tenants", "aria-current": if place == Place::Tenants { "page" }, "Tenants" }
                    }
                }
            }
        }
        main { class: "account", "data-testid": "account",
            h2 { "{place.title()}" }
            match place {
                Place::Login => rsx! { login::Login {} },
                Place::Setup => rsx! { setup::Setup {} },
                Place::Account => rsx! { own::Own { known } },
                Place::Members => rsx! { members::Members {} },
                Place::Keys => rsx! { keys::Keys {} },
                Place::Tenants => rsx! { tenants::Tenants { is_open } },
                Place::Shared => rsx! { shared::Shared {} },
            }
        }
    }
}

/// What a form says of its last attempt.
#[component]
fn Outcome(
    /// Why it was not done.
    refusal: Option<Refusal>,
    /// What was done.
    #[props(default)]
    done: Option<String>,
) -> Element {
    rsx! {
        // Where the field is known, it stands there.
        p { class: "field-error", role: "alert", {refusal.filter(|refusal| refusal.field.is_none()).map(|refusal| refusal.message)} }
        p { class: "note", role: "status", {done} }
    }
}

/// A field for a password.
#[component]
fn Password(
    /// Its id.
    id: &'static str,
    /// Its label.
    label: &'static str,
    /// `current-password` or `new-password`, for the browser's own keeper.
    autocomplete: &'static str,
    /// What is wrong with it.
    #[props(default)]
    wrong: Option<String>,
    /// What was typed.
    text: Signal<String>,
) -> Element {
    let mut text = text;
    rsx! {
        super::form::Field { id, label, wrong: wrong.clone(),
            input {
                id, r#type: "password", autocomplete, required: true, "aria-describedby": "{id}-error",
                "aria-invalid": wrong.is_some().to_string(),
                value: "{text}", oninput: move |event| text.set(event.value()),
            }
        }
    }
}

/// Who is logged in.
async fn me() -> Result<Me, Refusal> {
    rest::get("/api/me", None).await.map_err(Refusal::because)
}

fn wrong(refusal: &Signal<Option<Refusal>>, field: &str) -> Option<String> {
    refusal.read().as_ref().and_then(|refusal| refusal.at(field)).map(str::to_owned)
}
