//! People: the link at the first start, passwords, sessions and roles, against a server that asks for them.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Backend, client, close_code, eventually};
use crate::keys::afterglow;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A browser: keeps the session's cookie, and says which site asks.
pub(crate) struct Browser<'b> {
    backend: &'b Backend,
    pub(crate) cookie: Option<String>,
}

impl<'b> Browser<'b> {
    pub(crate) fn new(backend: &'b Backend) -> Self {
        Self { backend, cookie: None }
    }

    /// The status and the body; null where there is none.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (status, text) = self.request(method, path, body);
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    /// The body of an answer that is not one value.
    pub(crate) fn text(&mut self, method: &str, path: &str) -> String {
        self.request(method, path, "").1
    }

    fn request(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(self.backend.url(path))
            .header("Origin", self.backend.url(""))
            .header("User-Agent", "a browser")
            .header("Content-Type", "application/json");
        if let Some(cookie) = &self.cookie {
            request = request.header("Cookie", format!("a=b; ag={cookie}"));
        }
        let mut response = client().run(request.body(body.to_owned()).unwrap()).unwrap();
        if let Some(set) = response.headers().get("set-cookie") {
            let set = set.to_str().unwrap();
            assert!(set.contains("; Path=/; HttpOnly; SameSite=Lax; Max-Age="), "{set}");
            assert!(!set.contains("Secure"), "in plain text browsers would not keep it");
            let value = set.strip_prefix("ag=").unwrap().split(';').next().unwrap();
            self.cookie = Some(value.to_owned()).filter(|value| !value.is_empty());
        }
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), text)
    }

    fn status(&mut self, method: &str, path: &str) -> u16 {
        self.ask(method, path, "").0
    }

    fn login(&mut self, name: &str, password: &str) -> u16 {
        self.ask("POST", "/api/login", &format!(r#"{{"name":{name:?},"password":{password:?}}}"#)).0
    }

    pub(crate) fn setup(&mut self, link: &str, name: &str, password: &str) -> (u16, Value) {
        let token = link.split_once('#').unwrap().1.split(':').next().unwrap();
        self.ask(
            "POST",
            "/api/setup",
            &format!(r#"{{"token":{token:?},"name":{name:?},"password":{password:?}}}"#),
        )
    }
}

/// The one-time code that an app with the secret in `made` shows this many seconds from now.
#[expect(clippy::disallowed_methods, reason = "what the app on a phone does")]
pub(crate) fn code(made: &Value, ahead: u64) -> String {
    let secret = totp_rs::Secret::try_from_base32(made["secret"].as_str().unwrap()).unwrap();
    let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    totp.generate(now + ahead).to_string()
}

/// Starts a server that asks for a key, and finds its link for the first admin.
pub(crate) fn start(folder: &Path) -> (Backend, String) {
    start_with(folder, &[("AFTERGLOW_AUTH", "required")])
}

pub(crate) fn start_with(folder: &Path, settings: &[(&str, &str)]) -> (Backend, String) {
    let errors = folder.join("errors");
    let backend = Backend::try_start(&folder.join("a.db"), settings, &errors).unwrap();
    let mut link = String::new();
    eventually("the link is printed", || {
        let text = std::fs::read_to_string(&errors).unwrap();
        link = text.split("Set up: ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or("").to_owned();
        text.contains("prints a new one)\n")
    });
    assert!(link.starts_with(&backend.url("/setup#")), "{link}");
    (backend, link)
}

#[test]
fn the_first_link_makes_the_first_admin_once() {
    let folder = tempfile::tempdir().unwrap();
    let (backend, link) = start(folder.path());
    let mut ada = Browser::new(&backend);
    assert_eq!(ada.status("GET", "/api/me"), 401);
    assert_eq!(ada.status("GET", "/health"), 200);
    for (name, password, field) in
        [("Ada L", PASSWORD, "name"), ("ada", "short", "password"), ("ada", "adaadaadaada", "password")]
    {
        let (status, body) = ada.setup(&link, name, password);
        assert_eq!((status, body["error"]["details"]["field"].as_str()), (422, Some(field)), "{body}");
    }
    assert_eq!(ada.setup("x#0123", "ada", PASSWORD).0, 401);
    let (status, me) = ada.setup(&link, "ada", PASSWORD);
    assert_eq!((status, me["role"].as_str()), (200, Some("admin")), "{me}");
    assert_eq!(ada.ask("GET", "/api/me", "").1["name"], "ada");
    assert_eq!(ada.status("GET", "/metrics"), 200);
    assert_eq!(Browser::new(&backend).setup(&link, "eve", PASSWORD).0, 401, "a link counts once");
    // What is in the file opens nothing.
    let cookie = ada.cookie.unwrap();
    assert!(backend.terminate().success());
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        for secret in [PASSWORD, &cookie] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
        }
    }
    let backend = Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &[]);
    let mut later = Browser { backend: &backend, cookie: Some(cookie) };
    assert_eq!(later.status("GET", "/api/boards"), 200, "a session outlives the server");
    assert_eq!(
        Browser::new(&backend).status("GET", "/api/boards"),
        401,
        "the first member has ended open mode"
    );
    assert!(backend.terminate().success());
}

#[test]
fn a_role_says_what_a_member_may_do() {
    let folder = tempfile::tempdir().unwrap();
    let (backend, link) = start(folder.path());
    let mut ada = Browser::new(&backend);
    assert_eq!(ada.setup(&link, "ada", PASSWORD).0, 200);
    let board = r#"{"title":"b","panels":[]}"#;
    let may = |browser: &mut Browser| {
        [
            browser.status("GET", "/api/boards") == 200,
            browser.ask("POST", "/api/telemetry", r#"{"signals":{"a":1}}"#).0 == 200,
            browser.ask("POST", "/api/boards", board).0 == 201,
            browser.status("GET", "/api/members") == 200,
        ]
    };
    assert_eq!(may(&mut ada), [true; 4]);
    let mut invited = |name: &str, role: &str| {
        let body = format!(r#"{{"name":{name:?},"role":{role:?}}}"#);
        let (status, invitation) = ada.ask("POST", "/api/members", &body);
        assert_eq!(status, 201, "{invitation}");
        invitation["link"].as_str().unwrap().to_owned()
    };
    let (viewer, editor) = (invited("val", "viewer"), invited("ed", "editor"));
    let (mut val, mut ed) = (Browser::new(&backend), Browser::new(&backend));
    assert_eq!(val.login("val", ""), 401, "who has no password does not get in");
    assert_eq!(val.setup(&viewer, "mallory", PASSWORD).1["name"], "val", "the link decides whose it is");
    assert_eq!(ed.setup(&editor, "", PASSWORD).0, 200);
    assert_eq!(may(&mut val), [true, false, false, false]);
    assert_eq!(may(&mut ed), [true, true, true, false]);

    // A new role ends the sessions of the old one; only an admin gives it.
    assert_eq!(ed.ask("PATCH", "/api/members/ed", r#"{"role":"admin"}"#).0, 403);
    assert_eq!(ada.ask("PATCH", "/api/members/ed", r#"{"role":"viewer"}"#).0, 204);
    assert_eq!(ed.status("GET", "/api/me"), 401);
    assert_eq!(ed.login("ed", PASSWORD), 200);
    assert_eq!(may(&mut ed), [true, false, false, false]);
    assert_eq!(ada.status("DELETE", "/api/members/val"), 204);
    assert_eq!(val.status("GET", "/api/boards"), 401);
    assert_eq!(val.login("val", PASSWORD), 401);
    for refused in [
        ada.status("DELETE", "/api/members/ada"),
        ada.ask("PATCH", "/api/members/ada", r#"{"role":"viewer"}"#).0,
    ] {
        assert_eq!(refused, 422, "somebody must be able to manage the others");
    }
    assert!(backend.terminate().success());
}

#[test]
fn a_link_from_the_command_line_lets_in_those_who_have_lost_their_password() {
    let folder = tempfile::tempdir().unwrap();
    let (backend, link) = start(folder.path());
    let database = folder.path().join("a.db");
    let [mut ada, mut again] = std::array::from_fn(|_| Browser::new(&backend));
    assert_eq!(ada.setup(&link, "ada", PASSWORD).0, 200);
    let made = |arguments: &[&str]| {
        let output = afterglow(&database, &[&["access"], arguments].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    // Beside the running server, which learns of it; only the newest counts.
    let earlier = made(&["reset-password", "ada"]);
    let reset = made(&["reset-password", "ada"]);
    assert!(reset.starts_with("/setup#") && reset.ends_with(":ada"), "{reset}");
    eventually("the link counts", || again.setup(&reset, "", "another horse battery").0 == 200);
    assert_eq!(ada.status("GET", "/api/me"), 401, "the sessions of before are over");
    assert_eq!(again.setup(&earlier, "", PASSWORD).0, 401);
    let second = made(&["setup-link"]);
    let mut bob = Browser::new(&backend);
    eventually("the link makes another admin", || bob.setup(&second, "bob", PASSWORD).0 == 200);
    assert_eq!(bob.ask("GET", "/api/me", "").1["role"], "admin");
    assert_eq!(bob.setup(&second, "eve", PASSWORD).0, 401);
    let unknown = afterglow(&database, &["access", "reset-password", "nobody"]);
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
    assert!(backend.terminate().success());
}

#[test]
fn sessions_are_listed_and_end_with_a_new_password() {
    let folder = tempfile::tempdir().unwrap();
    let (backend, link) = start(folder.path());
    let [mut here, mut there, mut third] = std::array::from_fn(|_| Browser::new(&backend));
    assert_eq!(here.setup(&link, "ada", PASSWORD).0, 200);
    assert_eq!([there.login("ada", PASSWORD), third.login(" ADA ", PASSWORD)], [200, 200]);
    let (_, sessions) = here.ask("GET", "/api/sessions", "");
    let sessions = sessions.as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    assert_eq!(sessions.iter().filter(|session| session["is_this"] == true).count(), 1);
    assert_eq!((&sessions[0]["agent"], &sessions[0]["address"]), (&"a browser".into(), &"127.0.0.1".into()));
    assert_eq!(here.status("DELETE", &format!("/api/sessions/{}", sessions[0]["id"].as_str().unwrap())), 204);
    assert_eq!(here.status("DELETE", "/api/sessions/0123"), 404);
    assert_eq!([there.status("GET", "/api/me"), third.status("GET", "/api/me")], [200, 401]);

    let change = |old: &str, new: &str| format!(r#"{{"old":{old:?},"new":{new:?}}}"#);
    let new = "another horse battery";
    assert_eq!(
        here.ask("POST", "/api/password", &change("wrong", new)).1["error"]["details"]["field"],
        "old"
    );
    assert_eq!(
        here.ask("POST", "/api/password", &change(PASSWORD, "short")).1["error"]["details"]["field"],
        "new"
    );
    assert_eq!(here.ask("POST", "/api/password", &change(PASSWORD, new)).0, 204);
    assert_eq!([here.status("GET", "/api/me"), there.status("GET", "/api/me")], [200, 401]);
    assert_eq!([there.login("ada", PASSWORD), there.login("ada", new)], [401, 200]);
    assert_eq!(here.status("DELETE", "/api/sessions"), 204);
    assert_eq!([here.status("GET", "/api/me"), there.status("GET", "/api/me")], [200, 401]);
    let cookie = here.cookie.clone();
    assert_eq!(here.status("POST", "/api/logout"), 204);
    assert_eq!(here.cookie, None, "the browser's cookie goes");
    here.cookie = cookie;
    assert_eq!(here.status("GET", "/api/me"), 401, "and what it opened is over");
    assert!(backend.terminate().success());
}

#[test]
fn wrong_passwords_make_wait_and_lock_nobody_else_out() {
    let folder = tempfile::tempdir().unwrap();
    let (backend, link) = start(folder.path());
    let mut ada = Browser::new(&backend);
    assert_eq!(ada.setup(&link, "ada", PASSWORD).0, 200);
    let mut eve = Browser::new(&backend);
    for _ in 0..5 {
        assert_eq!(eve.login("ada", "not the password"), 401);
    }
    let (status, body) =
        eve.ask("POST", "/api/login", &format!(r#"{{"name":"ada","password":{PASSWORD:?}}}"#));
    assert_eq!((status, body["error"]["code"].as_str()), (429, Some("rate_limited")), "the right one too");
    assert!(body["error"]["details"]["seconds"].as_u64().unwrap() <= 61);
    // Whether there is such a member cannot be told.
    for _ in 0..5 {
        assert_eq!(eve.login("nobody", "not the password"), 401);
    }
    assert_eq!(eve.login("nobody", "not the password"), 429);
    assert_eq!(ada.status("GET", "/api/me"), 200);
    assert!(backend.terminate().success());
}

#[test]
fn a_link_that_is_made_beside_a_change_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (backend, link) = start(folder.path());
    let mut ada = Browser::new(&backend);
    assert_eq!(ada.setup(&link, "ada", PASSWORD).0, 200);
    // Within the second after which the server looks what others have written, it writes itself.
    for name in ["bob", "eve"] {
        let made = afterglow(&folder.path().join("a.db"), &["access", "setup-link"]);
        assert_eq!(ada.ask("POST", "/api/keys", r#"{"label":"k","scopes":["read"]}"#).0, 201);
        let link = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        eventually("the link counts", || Browser::new(&backend).setup(&link, name, PASSWORD).0 == 200);
    }
    assert!(backend.terminate().success());
}

#[test]
fn what_is_connected_to_an_open_server_ends_when_it_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let mut socket = backend.watch();
    let invited = backend.send("POST", "/api/members", r#"{"name":"ada","role":"admin"}"#);
    assert_eq!(invited.status, 201, "{}", invited.text);
    let link = invited.json()["link"].as_str().unwrap().to_owned();
    let mut ada = Browser::new(&backend);
    assert_eq!(ada.setup(&link, "", PASSWORD).0, 200);
    assert_eq!(close_code(&mut socket), 4401);
    assert!(backend.terminate().success());
}

#[test]
fn common_passwords_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (backend, link) = start(folder.path());
    let mut ada = Browser::new(&backend);
    for common in ["P@ssw0rd2024!", "qwertyuiop123", "ada-afterglow-ada"] {
        let (status, refused) = ada.setup(&link, "ada", common);
        assert_eq!((status, &refused["error"]["details"]["field"]), (422, &json!("password")), "{common}");
    }
    assert_eq!(ada.setup(&link, "ada", PASSWORD).0, 200, "the link was not used up");
    let change = json!({"old": PASSWORD, "new": "iloveyou2024"}).to_string();
    let (status, refused) = ada.ask("POST", "/api/password", &change);
    assert_eq!((status, &refused["error"]["details"]["field"]), (422, &json!("new")));
    assert!(backend.terminate().success());
}

#[test]
fn wrong_codes_of_a_member_count_together_wherever_they_come_from() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("AFTERGLOW_AUTH", "required"), ("AFTERGLOW_TRUSTED_PROXIES", "127.0.0.1")];
    let (backend, link) = start_with(folder.path(), &settings);
    let mut ada = Browser::new(&backend);
    assert_eq!(ada.setup(&link, "ada", PASSWORD).0, 200);
    let confirmation = json!({"password": PASSWORD}).to_string();
    let (_, made) = ada.ask("POST", "/api/codes", &confirmation);
    assert_eq!(ada.ask("PUT", "/api/codes", &json!({"code": code(&made, 0)}).to_string()).0, 200);
    let login = |host: u8, code: &str| {
        let body = json!({"name": "ada", "password": PASSWORD, "code": code}).to_string();
        let from = format!("203.0.113.{host}");
        backend.send_with("POST", "/api/login", &body, &[("X-Forwarded-For", &from)]).status
    };
    for host in 1..=5 {
        assert_eq!(login(host, "no code"), 401);
    }
    assert_eq!(login(6, &code(&made, 30)), 429, "the right one waits, too");
    assert_eq!(login(6, ""), 401, "and the password is not what is waited for");
    assert!(backend.terminate().success());
}

#[test]
fn one_time_codes_count_once_and_recovery_codes_stand_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let (backend, link) = start(folder.path());
    let [mut ada, mut other] = std::array::from_fn(|_| Browser::new(&backend));
    assert_eq!(ada.setup(&link, "ada", PASSWORD).0, 200);
    assert_eq!(other.login("ada", PASSWORD), 200);
    assert_eq!(
        ada.ask("POST", "/api/codes", r#"{"password":"wrong"}"#).1["error"]["details"]["field"],
        "password"
    );
    assert_eq!(ada.ask("PUT", "/api/codes", r#"{"code":"123456"}"#).0, 422, "there is no secret yet");
    let confirmation = format!(r#"{{"password":{PASSWORD:?}}}"#);
    let (status, made) = ada.ask("POST", "/api/codes", &confirmation);
    assert_eq!(status, 200);
    let first = code(&made, 0);
    let (status, begun) = ada.ask("PUT", "/api/codes", &format!(r#"{{"code":{first:?}}}"#));
    assert_eq!(status, 200, "{begun}");
    assert_eq!([ada.status("GET", "/api/me"), other.status("GET", "/api/me")], [200, 401]);
    let mut login = |code: &str| {
        let body = format!(r#"{{"name":"ada","password":{PASSWORD:?},"code":{code:?}}}"#);
        let (status, body) = other.ask("POST", "/api/login", &body);
        (status, body["error"]["details"]["needs_code"] == true)
    };
    assert_eq!(login(""), (401, true));
    assert_eq!(login(&first), (401, false), "it was used");
    // Of the next period, as an app whose clock is ahead shows it.
    let second = code(&made, 30);
    assert_eq!(login(&second).0, 200);
    assert_eq!(login(&second).0, 401);
    let recovery = begun["recovery"][3].as_str().unwrap();
    assert_eq!([login(recovery).0, login(recovery).0], [200, 401]);
    // A link for another password stands for no code.
    let link = ada.ask("POST", "/api/members/ada/reset", "{}").1["link"].as_str().unwrap().to_owned();
    let mut thief = Browser::new(&backend);
    assert_eq!(thief.setup(&link, "", PASSWORD).0, 200);
    assert_eq!(thief.cookie, None);
    assert_eq!(thief.status("GET", "/api/me"), 401);
    assert_eq!(login(""), (401, true));
    let body = json!({"name": "ada", "password": PASSWORD, "code": begun["recovery"][4]}).to_string();
    assert_eq!(ada.ask("POST", "/api/login", &body).0, 200);
    assert_eq!(ada.ask("DELETE", "/api/codes", &confirmation).0, 204);
    assert_eq!(login("").0, 200);
    assert!(backend.terminate().success());
}

#[test]
fn a_cookie_counts_only_for_requests_of_our_own_page() {
    let folder = tempfile::tempdir().unwrap();
    let (backend, link) = start(folder.path());
    let mut ada = Browser::new(&backend);
    assert_eq!(ada.setup(&link, "ada", PASSWORD).0, 200);
    let cookie = format!("ag={}", ada.cookie.as_ref().unwrap());
    let post = |headers: &[(&str, &str)]| {
        let headers: Vec<_> = headers.iter().copied().chain([("Cookie", cookie.as_str())]).collect();
        backend.send_with("POST", "/api/boards", r#"{"title":"b","panels":[]}"#, &headers)
    };
    for headers in [&[][..], &[("Origin", "https://evil.example")], &[("Sec-Fetch-Site", "cross-site")]] {
        let answer = post(headers);
        assert_eq!((answer.status, &*answer.code()), (403, "foreign_origin"), "{headers:?}");
    }
    assert_eq!(post(&[("Sec-Fetch-Site", "same-origin")]).status, 201);
    let twice = format!("{cookie}; {cookie}");
    assert_eq!(backend.send_with("GET", "/api/me", "", &[("Cookie", &twice)]).status, 401);
    assert!(backend.terminate().success());
}
