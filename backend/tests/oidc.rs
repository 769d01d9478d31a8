//! Logging in with an account of an identity provider: the whole flow, and everything that can be wrong with it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::provider::{CLIENT, Key, Provider, now};
use crate::harness::{Backend, PATIENCE, eventually};
use crate::issuers::server;

/// What a request was answered with.
struct Seen {
    status: u16,
    location: String,
    body: Value,
}

/// A browser: keeps cookies, and follows no redirects by itself.
#[derive(Clone, Default)]
struct Visitor {
    cookies: BTreeMap<String, String>,
}

impl Visitor {
    fn ask(&mut self, method: &str, url: &str, body: &str) -> Seen {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(PATIENCE))
            .build()
            .into();
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        if method == "GET" {
            // A login begins on our own page; a provider leads back.
            let site = if url.contains("/callback") { "cross-site" } else { "same-origin" };
            request = request.header("Sec-Fetch-Site", site).header("Sec-Fetch-Mode", "navigate");
            request = request.header("Sec-Fetch-Dest", "document");
        } else {
            let origin = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
            request = request.header("Origin", origin).header("Content-Type", "application/json");
        }
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header("Cookie", cookies.join("; "));
        let mut response = if body.is_empty() {
            agent.run(request.body(()).unwrap()).unwrap()
        } else {
            agent.run(request.body(body.to_owned()).unwrap()).unwrap()
        };
        for set in response.headers().get_all("set-cookie") {
            let set = set.to_str().unwrap();
            assert!(set.contains("; Path=/; HttpOnly; SameSite=Lax; Max-Age="), "{set}");
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        self.cookies.retain(|_, value| !value.is_empty());
        let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        let text = response.body_mut().read_to_string().unwrap();
        Seen {
            status: response.status().as_u16(),
            location: location.unwrap_or_default(),
            body: serde_json::from_str(&text).unwrap_or_default(),
        }
    }
}

struct Lab {
    folder: TempDir,
    provider: Provider,
    backend: Backend,
}

impl Lab {
    fn new(creates: bool) -> Self {
        Self::with(creates, "afterglow", "")
    }

    /// With another audience, and more lines in the issuer's table.
    fn with(creates: bool, audience: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let provider = Provider::new(vec![Key::rsa(0)]);
        let secret = folder.path().join("secret");
        std::fs::write(&secret, CLIENT.1).unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        let tables = format!(
            "[[issuer]]\nname = \"company\"\nissuer = \"{}\"\naudience = \"{audience}\"\n{more}title = \"Our Company\"\n\
             client_id = \"{}\"\nclient_secret_file = \"{}\"\ncreate_members = {creates}\n\
             grants = {{ admins = \"admin\", viewers = \"viewer\", senders = \"write\" }}\n",
            provider.url(),
            CLIENT.0,
            secret.display()
        );
        let backend = server(&folder, &tables);
        let lab = Self { folder, provider, backend };
        eventually("the provider is known", || lab.begin(&mut Visitor::default(), "/").status == 303);
        lab
    }

    fn begin(&self, visitor: &mut Visitor, next: &str) -> Seen {
        visitor.ask("GET", &self.backend.url(&format!("/api/login/oidc?issuer=company&next={next}")), "")
    }

    /// The address that the provider leads back to.
    fn answered(&self, visitor: &mut Visitor, next: &str) -> String {
        let begun = self.begin(visitor, next);
        assert_eq!(begun.status, 303, "{}", begun.body);
        assert!(begun.location.starts_with(&format!("{}/authorize?", self.provider.url())));
        Visitor::default().ask("GET", &begun.location, "").location
    }

    /// Logs in as a person with these claims; where the browser goes on.
    fn login(&self, visitor: &mut Visitor, person: Value) -> String {
        self.provider.behaviour().person = person;
        let back = self.answered(visitor, "/boards/x");
        visitor.ask("GET", &back, "").location
    }

    fn me(&self, visitor: &mut Visitor) -> (u16, Value, Value) {
        let me = visitor.ask("GET", &self.backend.url("/boards/x"), "");
        assert_eq!(me.status, 200, "the page is for everyone");
        let cookies: Vec<_> = visitor.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = self.backend.send_with("GET", "/api/me", "", &[("Cookie", &cookies.join("; "))]);
        let body = answer.json();
        (answer.status, body["name"].clone(), body["role"].clone())
    }
}

#[test]
fn an_account_of_a_provider_logs_in_with_the_role_that_it_has_there() {
    let lab = Lab::new(true);
    let mut ada = Visitor::default();
    let offered = ada.ask("POST", &lab.backend.url("/api/login"), "{}");
    assert_eq!(offered.status, 422);
    assert_eq!(lab.backend.get("/api/login").json(), json!([{"name": "company", "title": "Our Company"}]));
    assert_eq!(lab.backend.get("/api/login/oidc?issuer=other").status, 404);

    let person =
        json!({"sub": "1", "preferred_username": "Ada", "email": "a@x.example", "roles": ["admins"]});
    assert_eq!(lab.login(&mut ada, person), "/boards/x");
    assert_eq!(lab.me(&mut ada), (200, json!("ada"), json!("admin")));
    assert_eq!(ada.cookies.keys().collect::<Vec<_>>(), ["ag"], "what was kept meanwhile is gone");

    // The same names and the same e-mail address with another subject are somebody else.
    let mut other = Visitor::default();
    let person =
        json!({"sub": "2", "preferred_username": "ada", "email": "a@x.example", "roles": ["viewers"]});
    assert_eq!(lab.login(&mut other, person), "/boards/x");
    assert_eq!(lab.me(&mut other), (200, json!("ada-2"), json!("viewer")));

    // The role is the provider's at each login; sessions from before end with the old one. There always is an admin.
    let mut again = Visitor::default();
    let person = json!({"sub": "1", "preferred_username": "renamed", "roles": ["viewers", "senders"]});
    assert_eq!(lab.login(&mut again, person.clone()), "/login#failed");
    assert_eq!(lab.me(&mut ada), (200, json!("ada"), json!("admin")));
    let second = json!({"sub": "3", "preferred_username": "eve", "roles": ["admins"]});
    assert_eq!(lab.login(&mut Visitor::default(), second), "/boards/x");
    assert_eq!(lab.login(&mut again, person), "/boards/x");
    assert_eq!(lab.me(&mut again), (200, json!("ada"), json!("viewer")));
    assert_eq!(lab.me(&mut ada).0, 401);

    // Without a role nobody gets in, members included.
    for roles in [json!([]), json!(["senders"]), json!("admin"), Value::Null] {
        let mut nobody = Visitor::default();
        let person = json!({"sub": "1", "roles": roles});
        assert_eq!(lab.login(&mut nobody, person), "/login#refused", "{roles}");
        assert!(nobody.cookies.is_empty());
    }
    assert!(lab.backend.terminate().success());
}

#[test]
fn what_is_not_the_answer_to_the_own_login_opens_nothing() {
    let lab = Lab::new(true);
    let person = json!({"preferred_username": "ada", "roles": ["admins"]});
    lab.provider.behaviour().person = person.clone();
    let refused = |visitor: &mut Visitor, url: &str, what: &str| {
        let seen = visitor.ask("GET", url, "");
        assert_eq!((seen.status, &*seen.location), (303, "/login#refused"), "{what}");
        assert!(!visitor.cookies.contains_key("ag"), "{what}");
    };
    let mut visitor = Visitor::default();
    let back = lab.answered(&mut visitor, "/");
    refused(&mut Visitor::default(), &back, "in another browser");
    let mut another = Visitor::default();
    lab.answered(&mut another, "/");
    refused(&mut another, &back, "of another login");
    let changed = |from: &str, to: &str| {
        assert!(back.contains(from));
        back.replace(from, to)
    };
    refused(&mut visitor.clone(), &changed("state=", "state=x"), "another state");
    refused(&mut visitor.clone(), &changed("state=", "stat="), "no state");
    refused(&mut visitor.clone(), &changed("code=", "code=x"), "another code");
    refused(&mut visitor.clone(), &changed("code=", "cod="), "no code");
    refused(&mut visitor.clone(), &format!("{back}&error=access_denied"), "an error");
    refused(&mut visitor.clone(), &format!("{back}&iss=https%3A%2F%2Fother.example"), "another provider");
    lab.provider.behaviour().description = json!({"authorization_response_iss_parameter_supported": false});
    let twice = visitor.clone().ask("GET", &format!("{back}&state=x"), "");
    assert_eq!(twice.location, "/login#failed", "a parameter is there twice");
    assert_eq!(visitor.ask("GET", &back, "").location, "/");
    assert_eq!(lab.me(&mut visitor).0, 200);
    // The code was used, and so was the cookie.
    refused(&mut Visitor::default(), &back, "again");

    for (name, value) in [
        ("nonce", json!("other")),
        ("nonce", Value::Null),
        ("aud", json!("afterglow")),
        ("aud", json!([CLIENT.0, "other"])),
        ("azp", json!("other")),
        ("iss", json!("https://other.example")),
        ("exp", json!("9999999999")),
        ("exp", json!(1)),
        ("sub", json!("")),
        ("sub", json!(1)),
        ("sub", Value::Null),
    ] {
        let mut claims = person.clone();
        claims[name] = value.clone();
        let mut visitor = Visitor::default();
        assert_eq!(lab.login(&mut visitor, claims), "/login#refused", "{name}: {value}");
        assert!(visitor.cookies.is_empty());
    }
    // An ID token that somebody else has signed, and one with a key that the provider has only now.
    let mut visitor = Visitor::default();
    lab.provider.behaviour().person = person.clone();
    lab.provider.behaviour().keys = vec![Key::rsa(1)];
    assert_eq!(lab.login(&mut visitor, person), "/boards/x", "the keys are fetched again");
    // Only to paths of this server.
    for next in [
        "//evil.example",
        "https:evil.example",
        "%2F%2Fevil.example",
        "/%5Cevil.example",
        "/%09/evil.example",
    ] {
        let mut visitor = Visitor::default();
        let back = lab.answered(&mut visitor, next);
        assert_eq!(visitor.ask("GET", &back, "").location, "/", "{next}");
    }
}

#[test]
fn a_token_for_the_login_alone_counts_as_a_key_only_where_that_is_meant() {
    let status = |lab: &Lab, header: Value, audience: Value, more: Value| {
        let mut claims = json!({"iss": lab.provider.url(), "aud": audience, "sub": "1", "exp": now() + 600, "roles": ["viewers"]});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let token = lab.provider.behaviour().keys[0].sign_with(&header, &claims);
        crate::keys::ask(&lab.backend, &token, "GET", "/api/signals", "").status
    };
    let plain = || json!({"alg": "RS256", "typ": "JWT"});
    let nothing = || json!({});
    for (audience, more, alone) in
        [("afterglow", "", 401), (CLIENT.0, "", 401), (CLIENT.0, "client_tokens = true\n", 200)]
    {
        let lab = Lab::with(false, audience, more);
        for of_client in [json!(CLIENT.0), json!([CLIENT.0]), json!([CLIENT.0, CLIENT.0])] {
            let found = status(&lab, plain(), of_client.clone(), nothing());
            assert_eq!(found, alone, "{audience} {more} {of_client}");
        }
        assert_eq!(
            status(&lab, plain(), json!([CLIENT.0, "afterglow"]), nothing()),
            200,
            "{audience} {more}"
        );
        // What an ID token of the code flow has makes it one, whatever is configured.
        assert_eq!(status(&lab, plain(), json!(CLIENT.0), json!({"nonce": "n"})), 401, "{audience} {more}");
        let is_for_us = if audience == CLIENT.0 { 200 } else { 401 };
        let says_so = json!({"alg": "RS256", "typ": "at+jwt"});
        assert_eq!(status(&lab, says_so, json!(CLIENT.0), nothing()), is_for_us, "{audience} {more}");
        assert!(lab.backend.terminate().success());
    }
}

#[test]
fn whom_nobody_has_added_gets_in_only_where_that_is_meant() {
    let lab = Lab::new(false);
    let mut visitor = Visitor::default();
    let person = json!({"sub": "7", "preferred_username": "ada", "roles": ["admins"]});
    assert_eq!(lab.login(&mut visitor, person), "/login#refused");
    assert!(visitor.cookies.is_empty());
}

#[test]
fn a_member_connects_an_account_and_logs_in_with_it() {
    const PASSWORD: &str = "correct horse battery";
    let lab = Lab::new(false);
    let made = lab.backend.send("POST", "/api/login/oidc", r#"{"issuer":"company"}"#);
    assert_eq!(made.status, 401);
    let folder = lab.folder.path().join("a.db");
    let link = crate::keys::afterglow(&folder, &["access", "setup-link"]);
    let link = String::from_utf8(link.stdout).unwrap();
    let token = link.trim().split_once('#').unwrap().1.to_owned();
    let mut ada = Visitor::default();
    let body = json!({"token": token, "name": "ada", "password": PASSWORD}).to_string();
    eventually("the link is known", || ada.ask("POST", &lab.backend.url("/api/setup"), &body).status == 200);
    let begun = ada.ask("POST", &lab.backend.url("/api/login/oidc"), r#"{"issuer":"company"}"#);
    assert_eq!(begun.status, 200, "{}", begun.body);
    lab.provider.behaviour().person = json!({"sub": "7", "roles": ["viewers"]});
    let back = Visitor::default().ask("GET", begun.body["url"].as_str().unwrap(), "").location;
    let mut logged_out = ada.clone();
    logged_out.cookies.remove("ag");
    assert_eq!(logged_out.ask("GET", &back, "").location, "/login#refused", "another member, or none");
    let begun = ada.ask("POST", &lab.backend.url("/api/login/oidc"), r#"{"issuer":"company"}"#);
    let back = Visitor::default().ask("GET", begun.body["url"].as_str().unwrap(), "").location;
    assert_eq!(ada.ask("GET", &back, "").location, "/account");

    let mut elsewhere = Visitor::default();
    assert_eq!(lab.login(&mut elsewhere, json!({"sub": "7", "roles": ["admins"]})), "/boards/x");
    assert_eq!(lab.me(&mut elsewhere), (200, json!("ada"), json!("admin")));
    let mut stranger = Visitor::default();
    assert_eq!(lab.login(&mut stranger, json!({"sub": "8", "roles": ["admins"]})), "/login#refused");
}

#[test]
fn who_logs_out_at_the_provider_is_logged_out_here() {
    let lab = Lab::new(true);
    let [mut ada, mut again, mut bob] = std::array::from_fn(|_| Visitor::default());
    let admin = |sub: &str, name: &str| json!({"sub": sub, "preferred_username": name, "roles": ["admins"]});
    for (visitor, sub, name) in [(&mut ada, "7", "ada"), (&mut again, "7", "ada"), (&mut bob, "8", "bob")] {
        assert_eq!(lab.login(visitor, admin(sub, name)), "/boards/x");
    }
    let events = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    let claims = |changes: Value| {
        let mut claims = json!({
            "iss": lab.provider.url(), "aud": CLIENT.0, "sub": "7", "iat": now(), "exp": now() + 120, "jti": "one",
            "events": events,
        });
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        claims
    };
    // As a provider sends it: no browser, no cookie.
    let send = |token: &str| {
        let request = ureq::http::Request::builder()
            .method("POST")
            .uri(lab.backend.url("/api/login/oidc/logout"))
            .header("Content-Type", "application/x-www-form-urlencoded");
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let body = format!("other=x&logout_token={token}");
        agent.run(request.body(body).unwrap()).unwrap().status().as_u16()
    };
    let signed = |changes: Value| lab.provider.behaviour().keys[0].sign(&claims(changes));
    for wrong in [
        json!({"events": null}),
        json!({"events": {"another": {}}}),
        json!({"nonce": "x"}),
        json!({"jti": null}),
        json!({"sub": null, "sid": "x"}),
        json!({"aud": "afterglow"}),
        json!({"iss": "http://elsewhere.invalid"}),
        json!({"exp": now() - 120}),
    ] {
        assert_eq!(send(&signed(wrong.clone())), 400, "{wrong}");
    }
    assert_eq!(send(&Key::rsa(1).sign(&claims(json!({})))), 400, "somebody else's signature");
    assert_eq!(send(""), 400);
    assert_eq!((lab.me(&mut ada).0, lab.me(&mut again).0), (200, 200), "nothing of that counted");
    let key = lab.provider.behaviour().keys[0].clone();
    let header = json!({"alg": key.algorithm(), "kid": key.id, "typ": "logout+jwt"});
    let token = key.sign_with(&header, &claims(json!({})));
    assert_eq!(send(&token), 200);
    assert_eq!([lab.me(&mut ada).0, lab.me(&mut again).0, lab.me(&mut bob).0], [401, 401, 200]);
    assert_eq!(lab.login(&mut ada, admin("7", "ada")), "/boards/x", "the account is what it was");
    assert_eq!(send(&token), 400, "it counts once");
    assert_eq!(lab.me(&mut ada).0, 200);
    assert_eq!(send(&signed(json!({"sub": "9", "jti": "two"}))), 200, "who is nobody here is not told apart");
}

#[test]
fn a_member_disconnects_an_account() {
    let lab = Lab::new(true);
    let address = lab.backend.url("/api/login/oidc?issuer=company");
    let person = json!({"sub": "7", "preferred_username": "ada", "roles": ["admins"]});
    let [mut ada, mut elsewhere] = std::array::from_fn(|_| Visitor::default());
    assert_eq!(lab.login(&mut ada, person.clone()), "/boards/x");
    let refused = ada.ask("DELETE", &address, "");
    assert_eq!(
        (refused.status, &refused.body["error"]["details"]["field"]),
        (422, &json!("issuer")),
        "no other way in"
    );
    let reset = ada.ask("POST", &lab.backend.url("/api/members/ada/reset"), "{}").body;
    let token = reset["link"].as_str().unwrap().split(['#', ':']).nth(1).unwrap().to_owned();
    let setup = json!({"token": token, "password": "correct horse battery"}).to_string();
    let entered = ada.ask("POST", &lab.backend.url("/api/setup"), &setup);
    assert_eq!((entered.status, &entered.body["providers"]), (200, &json!(["company"])), "{}", entered.body);
    assert_eq!(lab.login(&mut elsewhere, person.clone()), "/boards/x");
    assert_eq!(ada.ask("DELETE", &lab.backend.url("/api/login/oidc?issuer=none"), "").status, 404);
    assert_eq!(ada.ask("DELETE", &address, "").status, 204);
    assert_eq!([lab.me(&mut ada).0, lab.me(&mut elsewhere).0], [200, 401], "other sessions end");
    assert_eq!(ada.ask("DELETE", &address, "").status, 404, "there is none any more");
    // Who comes with that account is somebody else now.
    assert_eq!(lab.login(&mut elsewhere, person), "/boards/x");
    assert_eq!(lab.me(&mut elsewhere), (200, json!("ada-2"), json!("admin")));
}
