//! A second factor that members must have: until they have it they can do nothing but set it up.

use std::path::Path;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest as _;

use crate::harness::{Backend, Socket, close_code};
use crate::keys::{ask, key};
use crate::people::{Browser, PASSWORD, code, start};
use crate::tenants::make_tenant;

/// A server on which `who` must have one-time codes.
fn requiring(database: &Path, who: &str) -> Backend {
    let settings = [("AFTERGLOW_AUTH", "required"), ("AFTERGLOW_REQUIRE_SECOND_FACTOR", who)];
    Backend::start_with(database, "127.0.0.1:0", &settings)
}

/// A browser that was here before.
fn returning<'b>(backend: &'b Backend, cookie: &str) -> Browser<'b> {
    let mut browser = Browser::new(backend);
    browser.cookie = Some(cookie.to_owned());
    browser
}

fn login(browser: &mut Browser, name: &str, code: &str) -> (u16, Value) {
    let body = json!({"name": name, "password": PASSWORD, "code": code}).to_string();
    browser.ask("POST", "/api/login", &body)
}

/// Whether samples, members and what is live are open.
fn may(browser: &mut Browser) -> [bool; 3] {
    let board = r#"{"title":"b","panels":[]}"#;
    [
        browser.ask("GET", "/api/boards", "").0 == 200,
        browser.ask("POST", "/api/boards", board).0 == 201,
        browser.ask("POST", "/api/tickets", "").0 == 201,
    ]
}

#[test]
fn who_must_have_codes_can_only_set_them_up_until_then() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let reader = key(&database, &["--scopes", "read"]);
    let (backend, link) = start(folder.path());
    let [mut ada, mut val] = std::array::from_fn(|_| Browser::new(&backend));
    assert_eq!(ada.setup(&link, "ada", PASSWORD).0, 200);
    let invited = ada.ask("POST", "/api/members", r#"{"name":"val","role":"viewer"}"#).1;
    assert_eq!(val.setup(invited["link"].as_str().unwrap(), "", PASSWORD).0, 200);
    assert_eq!((may(&mut ada), may(&mut val)), ([true; 3], [true, false, true]), "nobody must");
    let [ada, val] = [ada, val].map(|browser| browser.cookie.unwrap());
    assert!(backend.terminate().success());

    // Switched on: sessions that are there are limited, too, and keys are not.
    let backend = requiring(&database, "everyone");
    let mut browser = returning(&backend, &ada);
    assert_eq!((may(&mut browser), may(&mut returning(&backend, &val))), ([false; 3], [false; 3]));
    let (status, refused) = browser.ask("GET", "/api/boards", "");
    assert_eq!((status, refused["error"]["code"].as_str()), (403, Some("forbidden")));
    assert!(refused["error"]["message"].as_str().unwrap().contains("one-time codes"), "{refused}");
    let me = browser.ask("GET", "/api/me", "").1;
    assert_eq!((&me["needs_codes"], &me["scopes"]), (&json!(true), &json!([])), "{me}");
    assert_eq!(ask(&backend, &reader, "GET", "/api/boards", "").status, 200);
    let mut later = Browser::new(&backend);
    let (status, me) = login(&mut later, "val", "");
    assert_eq!(
        (status, &me["needs_codes"], may(&mut later)),
        (200, &json!(true), [false; 3]),
        "a new session"
    );
    for (method, path) in
        [("GET", "/api/members"), ("GET", "/api/keys"), ("GET", "/api/telemetry"), ("GET", "/ws")]
    {
        assert_eq!(browser.ask(method, path, "").0, 403, "{method} {path}");
    }

    // Nor is another way in made meanwhile, which would outlive that.
    assert_eq!(browser.ask("POST", "/api/login/oidc", r#"{"issuer":"company"}"#).0, 403);

    // The own account is open.
    assert_eq!(browser.ask("GET", "/api/sessions", "").0, 200);
    let (_, made) = browser.ask("POST", "/api/codes", &json!({"password": PASSWORD}).to_string());
    let (status, begun) = browser.ask("PUT", "/api/codes", &json!({"code": code(&made, 0)}).to_string());
    assert_eq!(status, 200, "{begun}");
    assert_eq!(may(&mut browser), [true; 3], "the session goes on, with all that its role may do");
    assert_eq!(browser.ask("GET", "/api/me", "").1["needs_codes"], Value::Null);
    assert_eq!(login(&mut Browser::new(&backend), "ada", "").1["error"]["details"]["needs_code"], true);
    let mut again = Browser::new(&backend);
    assert_eq!(login(&mut again, "ada", begun["recovery"][0].as_str().unwrap()).0, 200);
    assert_eq!(may(&mut again), [true; 3]);

    // Given up, they are lacking again, for what is connected, too.
    let mut socket = socket_of(&backend, &again);
    assert_eq!(again.ask("DELETE", "/api/codes", &json!({"password": PASSWORD}).to_string()).0, 204);
    assert_eq!(close_code(&mut socket), 4401);
    assert_eq!((may(&mut again), again.ask("GET", "/api/me", "").0), ([false; 3], 200));
    let [again, val] = [again.cookie.unwrap(), later.cookie.unwrap()];
    assert!(backend.terminate().success());

    let backend = requiring(&database, "admins");
    assert_eq!(may(&mut returning(&backend, &again)), [false; 3]);
    assert_eq!(may(&mut returning(&backend, &val)), [true, false, true], "a viewer need not");
    assert!(backend.terminate().success());
}

#[test]
fn a_tenant_requires_codes_of_its_own_members_and_its_admins_only_ever_more() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let link = make_tenant(&database, &["acme"]);
    let neighbour = make_tenant(&database, &["zeta", "--require-second-factor", "admins"]);
    let operator = key(&database, &["--scopes", "operator"]);
    let (backend, first) = start(folder.path());
    let [mut ada, mut bob, mut val, mut zoe] = std::array::from_fn(|_| Browser::new(&backend));
    assert_eq!(ada.setup(&first, "ada", PASSWORD).0, 200);
    assert_eq!(bob.setup(&link, "bob", PASSWORD).0, 200);
    let invited = bob.ask("POST", "/api/members", r#"{"name":"val","role":"viewer"}"#).1;
    assert_eq!(val.setup(invited["link"].as_str().unwrap(), "", PASSWORD).0, 200);
    let (status, me) = zoe.setup(&neighbour, "zoe", PASSWORD);
    assert_eq!(
        (status, &me["needs_codes"], may(&mut zoe)),
        (200, &json!(true), [false; 3]),
        "from its making on"
    );
    assert_eq!((may(&mut ada), may(&mut bob), may(&mut val)), ([true; 3], [true; 3], [true, false, true]));

    // An operator requires it of admins: what is open with a session that may do less now ends, in that tenant alone.
    let require = |who: Value| json!({"limits": {"require_second_factor": who}}).to_string();
    let patch = |body: &str| ask(&backend, &operator, "PATCH", "/api/tenants/acme", body);
    let mut socket = socket_of(&backend, &bob);
    let changed = patch(&require(json!("admins")));
    assert_eq!(changed.json()["limits"], json!({"require_second_factor": "admins"}), "{changed:?}");
    assert_eq!(close_code(&mut socket), 4401);
    assert_eq!((may(&mut ada), may(&mut bob), may(&mut val)), ([true; 3], [false; 3], [true, false, true]));
    assert_eq!(bob.ask("PATCH", "/api/tenants/acme", &require(json!("everyone"))).0, 403, "nor that");
    assert_eq!(
        patch(&require(json!("some"))).field(),
        ("invalid".into(), "limits.require_second_factor".into())
    );
    let (_, made) = bob.ask("POST", "/api/codes", &json!({"password": PASSWORD}).to_string());
    assert_eq!(bob.ask("PUT", "/api/codes", &json!({"code": code(&made, 0)}).to_string()).0, 200);
    assert_eq!(may(&mut bob), [true; 3]);

    // Its admins require more, never less, and change nothing else of it; nothing at all of another.
    for (path, body, expected) in [
        ("/api/tenants/acme", require(json!("nobody")), 422),
        ("/api/tenants/acme", require(Value::Null), 422),
        ("/api/tenants/acme", r#"{"limits":{}}"#.to_owned(), 403),
        (
            "/api/tenants/acme",
            r#"{"limits":{"signals":9,"require_second_factor":"everyone"}}"#.to_owned(),
            403,
        ),
        ("/api/tenants/zeta", require(json!("everyone")), 404),
        ("/api/tenants/none", require(json!("everyone")), 404),
    ] {
        let (status, answer) = bob.ask("PATCH", path, &body);
        assert_eq!(status, expected, "{path} {body}: {answer}");
    }
    assert_eq!(val.ask("PATCH", "/api/tenants/acme", &require(json!("everyone"))).0, 403);
    let (status, answer) = bob.ask("PATCH", "/api/tenants/acme", &require(json!("everyone")));
    assert_eq!((status, &answer["limits"]), (200, &json!({"require_second_factor": "everyone"})), "{answer}");
    assert_eq!((may(&mut bob), may(&mut val)), ([true; 3], [false; 3]));
    let entries = ask(&backend, &operator, "GET", "/api/audit?action=tenant.limits", "");
    assert_eq!(entries.status, 403, "an operator's key alone reads no audit log");
    let entries = ada.text("GET", "/api/audit?action=tenant.limits");
    let who: Vec<Value> = entries.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(who.len(), 2, "{entries}");
    assert!(entries.contains("\"admin of acme\"") && !entries.contains("bob"), "{entries}");

    // An operator requires less again, and both keep what they have set up.
    assert_eq!(patch(&require(Value::Null)).status, 200);
    assert_eq!((may(&mut bob), may(&mut val)), ([true; 3], [true, false, true]));
    let [ada, val] = [ada, val].map(|browser| browser.cookie.unwrap());
    assert!(backend.terminate().success());

    // What the server requires holds in every tenant, whatever a tenant says.
    let backend = requiring(&database, "everyone");
    let weaker = ask(&backend, &operator, "PATCH", "/api/tenants/acme", &require(json!("nobody")));
    assert_eq!(weaker.status, 200, "{weaker:?}");
    assert_eq!(
        (may(&mut returning(&backend, &ada)), may(&mut returning(&backend, &val))),
        ([false; 3], [false; 3])
    );
    assert!(backend.terminate().success());
}

/// A WebSocket of somebody who is logged in.
fn socket_of(backend: &Backend, browser: &Browser<'_>) -> Socket {
    let mut request = format!("ws://{}/ws", backend.address()).into_client_request().unwrap();
    let cookie = format!("ag={}", browser.cookie.as_ref().unwrap());
    request.headers_mut().insert("Cookie", cookie.parse().unwrap());
    request.headers_mut().insert("Origin", backend.url("").parse().unwrap());
    tungstenite::connect(request).unwrap().0
}
