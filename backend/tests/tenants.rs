//! Tenants: what each has is its own, whatever the others do, and nothing is left of one that is deleted.

mod foreign;

use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use serde_json::{Value, json};

use crate::harness::{Backend, close_code, eventually};
use crate::keys::{afterglow, ask, guarded, id, key, socket, try_socket};
use crate::people::{Browser, PASSWORD};
use crate::receiver::Receiver;

/// Makes a tenant on the command line; the link for its first admin.
pub(crate) fn make_tenant(database: &Path, arguments: &[&str]) -> String {
    let output = afterglow(database, &[&["tenant", "create"], arguments].concat());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Makes a key of a tenant on the command line.
pub(crate) fn tenant_key(database: &Path, tenant: &str, scopes: &str) -> String {
    key(database, &["--tenant", tenant, "--scopes", scopes])
}

fn post(backend: &Backend, key: &str, signal: &str, value: f64) -> u16 {
    ask(backend, key, "POST", "/api/telemetry", &json!({"signals": {signal: value}}).to_string()).status
}

fn names(backend: &Backend, key: &str) -> Value {
    ask(backend, key, "GET", "/api/signals", "").json()
}

#[test]
fn a_tenant_made_before_the_first_start_has_only_what_is_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    make_tenant(&database, &["acme"]);
    let own = tenant_key(&database, "acme", "write,read");
    let other = key(&database, &["--scopes", "write,read"]);
    let backend = Backend::start(&database);
    assert_eq!(backend.get("/api/signals").status, 401, "a server with tenants is not open");
    assert_eq!(post(&backend, &own, "acme.secret", 1.0), 200);
    assert_eq!(post(&backend, &other, "a", 2.0), 200);
    assert_eq!(names(&backend, &own), json!(["acme.secret"]));
    assert_eq!(names(&backend, &other), json!(["a"]));
    let read = |key| ask(&backend, key, "GET", "/api/telemetry?from=0001-01-01&format=csv", "").text;
    assert!(read(&own).contains("acme.secret") && !read(&other).contains("acme.secret"));
    assert!(backend.terminate().success());
    // What was stored is there after the next start, and each is still in its place.
    let backend = guarded(&database);
    assert_eq!(names(&backend, &own), json!(["acme.secret"]));
    assert_eq!(names(&backend, &other), json!(["a"]));
}

#[test]
fn an_operator_makes_lists_and_deletes_tenants() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let operator = key(&database, &["--scopes", "operator,admin"]);
    let admin = key(&database, &["--scopes", "admin"]);
    let backend = guarded(&database);
    let send = |key: &str, method: &str, path: &str, body: &str| ask(&backend, key, method, path, body);
    assert_eq!(send(&admin, "POST", "/api/tenants", r#"{"name":"acme"}"#).status, 403);
    for (body, field) in [
        (r#"{"name":"default"}"#, "name"),
        (r#"{"name":"A"}"#, "name"),
        (r#"{"name":"acme","limits":{"signals":0}}"#, "limits.signals"),
        (r#"{"name":"acme","limits":{"bytes":1}}"#, "limits.bytes"),
        (r#"{"name":"acme","limits":{"keep_raw":"soon"}}"#, "limits.keep_raw"),
    ] {
        let refused = send(&operator, "POST", "/api/tenants", body);
        assert_eq!(refused.field(), ("invalid".to_owned(), field.to_owned()), "{body}");
    }
    let made = send(&operator, "POST", "/api/tenants", r#"{"name":"acme","limits":{"signals":3}}"#);
    assert_eq!(made.status, 201, "{}", made.text);
    assert!(made.json()["link"].as_str().unwrap().starts_with("/setup#acme."));
    assert_eq!(send(&operator, "POST", "/api/tenants", r#"{"name":"acme"}"#).field().1, "name");
    let key = r#"{"label":"k","scopes":["read","write"],"tenant":"acme"}"#;
    assert_eq!(send(&admin, "POST", "/api/keys", key).status, 403, "only operators name another tenant");
    let made = send(&operator, "POST", "/api/keys", key);
    assert_eq!(made.status, 201, "{}", made.text);
    let own = made.json()["key"].as_str().unwrap().to_owned();
    assert_eq!(post(&backend, &own, "canary", 1.0), 200);
    let listed = send(&operator, "GET", "/api/tenants", "").json();
    assert_eq!((&listed[0]["name"], &listed[0]["state"]), (&json!("acme"), &json!("active")));
    assert_eq!((&listed[0]["signals"], &listed[0]["samples"]), (&json!(1), &json!(1)));
    assert!(!send(&admin, "GET", "/api/keys", "").text.contains(id(&own)), "it is another tenant's");
    for path in ["/api/keys?tenant=acme", "/api/usage?tenant=acme", "/api/audit?tenant=acme"] {
        assert_eq!(send(&admin, "GET", path, "").status, 403, "{path}");
        assert!(send(&operator, "GET", path, "").text.contains(id(&own)), "{path}");
    }
    assert_eq!(send(&operator, "GET", "/api/keys?tenant=none", "").field().1, "tenant");
    let audit = send(&operator, "GET", "/api/audit?tenant=acme&action=key.create", "").text;
    assert!(audit.contains(&format!("operator key:{}", id(&operator))), "{audit}");
    let revoked = send(&operator, "POST", "/api/keys", key).json();
    let path = format!("/api/keys/{}", revoked["id"].as_str().unwrap());
    assert_eq!(send(&operator, "DELETE", &path, "").status, 404, "it is another tenant's");
    assert_eq!(send(&operator, "DELETE", &format!("{path}?tenant=acme"), "").status, 204);
    assert_eq!(send(&operator, "DELETE", "/api/tenants/acme", "").status, 204);
    assert_eq!(post(&backend, &own, "canary", 1.0), 401, "right after the answer");
    assert_eq!(send(&operator, "DELETE", "/api/tenants/acme", "").status, 404);
    assert_eq!(send(&operator, "GET", "/api/tenants", "").json(), json!([]));
    assert!(!folder.path().join("a.db.tenants").exists(), "nothing is left");
    // The next one of that name has nothing of it.
    assert_eq!(send(&operator, "POST", "/api/tenants", r#"{"name":"acme"}"#).status, 201);
    assert_eq!(post(&backend, &own, "canary", 1.0), 401);
    let again = send(&operator, "POST", "/api/keys", key).json()["key"].as_str().unwrap().to_owned();
    assert_eq!(names(&backend, &again), json!([]));
    let audit = send(&admin, "GET", "/api/audit", "").text;
    assert!(audit.contains("tenant.create") && audit.contains("tenant.delete"), "{audit}");
}

#[test]
fn the_command_line_makes_exports_and_deletes_tenants_beside_a_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let backend = guarded(&database);
    make_tenant(&database, &["acme", "--keep-raw", "2d"]);
    let own = tenant_key(&database, "acme", "write,read");
    eventually("the server serves the tenant", || post(&backend, &own, "canary", 1.0) == 200);
    let listed = afterglow(&database, &["tenant", "list"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("acme") && listed.contains("2d"), "{listed}");
    for command in [&["access", "tenant", "export", "acme"][..], &["export", "--tenant", "acme"]] {
        let exported = afterglow(&database, command);
        assert!(String::from_utf8(exported.stdout).unwrap().contains("canary"));
    }
    assert!(!String::from_utf8(afterglow(&database, &["export"]).stdout).unwrap().contains("canary"));
    assert!(afterglow(&database, &["audit", "verify", "--tenant", "acme"]).status.success());
    assert_eq!(afterglow(&database, &["export", "--tenant", "other"]).status.code(), Some(2));
    let deleted = afterglow(&database, &["tenant", "delete", "acme"]);
    assert!(deleted.status.success(), "{deleted:?}");
    assert_eq!(post(&backend, &own, "canary", 1.0), 401);
    assert_eq!(afterglow(&database, &["tenant", "delete", "acme"]).status.code(), Some(2));
    assert!(!folder.path().join("a.db.tenants").exists());
    // Without a server it does it by itself.
    assert!(backend.terminate().success());
    make_tenant(&database, &["acme"]);
    assert!(afterglow(&database, &["tenant", "delete", "acme"]).status.success());
    assert!(!folder.path().join("a.db.tenants").exists());
}

#[test]
fn a_member_of_a_tenant_is_a_member_of_that_tenant_alone() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let links = ["acme", "other"].map(|tenant| make_tenant(&database, &[tenant]));
    let backend = guarded(&database);
    for (link, tenant) in links.iter().zip(["acme", "other"]) {
        let mut ada = Browser::new(&backend);
        let (status, me) = ada.setup(link, "ada", PASSWORD);
        assert_eq!((status, &me["tenant"], &me["name"]), (200, &json!(tenant), &json!("ada")), "{me}");
        assert!(!me["scopes"].as_array().unwrap().contains(&json!("operator")), "{me}");
        assert_eq!(ada.ask("POST", "/api/telemetry", &json!({"signals": {tenant: 1}}).to_string()).0, 200);
        for operation in ["/metrics", "/api/tenants"] {
            assert_eq!(ada.ask("GET", operation, "").0, 403, "{operation}");
        }
        let operator = ada.ask("POST", "/api/keys", r#"{"label":"o","scopes":["operator"]}"#);
        assert_eq!((operator.0, &operator.1["error"]["details"]["field"]), (422, &json!("scopes")));
    }
    let login = |name: &str| {
        let mut browser = Browser::new(&backend);
        let body = json!({"name": name, "password": PASSWORD}).to_string();
        let (status, me) = browser.ask("POST", "/api/login", &body);
        (status, me["tenant"].clone(), browser.ask("GET", "/api/signals", "").1)
    };
    assert_eq!(login("ada@acme"), (200, json!("acme"), json!(["acme"])));
    assert_eq!(login("ada@other"), (200, json!("other"), json!(["other"])));
    assert_eq!(login("ada").0, 401, "there is none in the default tenant");
    let default = afterglow(&database, &["access", "setup-link"]);
    let link = String::from_utf8(default.stdout).unwrap().trim().to_owned();
    eventually("the link counts", || Browser::new(&backend).setup(&link, "eve", PASSWORD).0 == 200);
    for name in ["eve", "eve@default", "Eve@Default"] {
        assert_eq!((login(name).0, login(name).1), (200, Value::Null), "{name}");
    }
    assert_eq!(login("ada@none").0, 401);
    // A password that was chosen for one opens no other, and a secret of one names no other.
    let mut ada = Browser::new(&backend);
    let body = json!({"name": "ada@acme", "password": PASSWORD}).to_string();
    assert_eq!(ada.ask("POST", "/api/login", &body).0, 200);
    let cookie = ada.cookie.clone().unwrap();
    let secret = cookie.strip_prefix("acme.").unwrap();
    for wrong in [secret.to_owned(), format!("other.{secret}"), format!("default.{secret}")] {
        ada.cookie = Some(wrong);
        assert_eq!(ada.ask("GET", "/api/signals", "").0, 401);
    }
}

#[test]
fn a_server_that_tenants_close_says_how_its_first_admin_gets_in() {
    let folder = tempfile::tempdir().unwrap();
    let (database, errors) = (folder.path().join("a.db"), folder.path().join("errors"));
    let backend = Backend::try_start(&database, &[], &errors).unwrap();
    assert_eq!(backend.send("POST", "/api/tenants", r#"{"name":"acme"}"#).status, 201);
    assert_eq!(backend.get("/api/tenants").status, 401, "it is open no longer");
    let mut link = String::new();
    eventually("the link is printed", || {
        let text = std::fs::read_to_string(&errors).unwrap();
        link = text.split("Set up: ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or("").to_owned();
        text.contains("prints a new one)\n")
    });
    let mut ada = Browser::new(&backend);
    let (status, me) = ada.setup(&link, "ada", PASSWORD);
    assert_eq!((status, &me["tenant"]), (200, &Value::Null), "{me}");
    assert_eq!(ada.ask("GET", "/api/tenants", "").1[0]["name"], "acme");
}

/// Somebody who can write the file of a tenant can put any id of a key into it.
#[test]
fn a_key_of_the_default_tenant_counts_whatever_is_in_the_databases_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    make_tenant(&database, &["acme"]);
    let own = key(&database, &["--scopes", "read"]);
    let file =
        std::fs::read_dir(folder.path().join("a.db.tenants")).unwrap().map(|entry| entry.unwrap().path());
    let file = file.into_iter().find(|path| path.extension().is_some_and(|end| end == "db")).unwrap();
    let mut tenant = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    let copy = format!(
        "ATTACH '{}' AS own; INSERT INTO access_key SELECT id, 1, x'{}', document, NULL, NULL FROM own.access_key;",
        database.display(),
        "00".repeat(32)
    );
    tenant.batch_execute(&copy).unwrap();
    drop(tenant);
    let backend = guarded(&database);
    assert_eq!(ask(&backend, &own, "GET", "/api/me", "").status, 200);
}

#[test]
fn alerts_of_a_tenant_reach_nothing_that_only_the_server_reaches() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    make_tenant(&database, &["acme"]);
    let keys = [tenant_key(&database, "acme", "admin"), key(&database, &["--scopes", "admin"])];
    let (backend, receiver) = (guarded(&database), Receiver::new());
    let [tried, own] = keys.map(|key| {
        let channel = json!({"id": "ops", "kind": "webhook", "url": receiver.url("/ops")}).to_string();
        let saved = ask(&backend, &key, "POST", "/api/channels", &channel);
        let tried = ask(&backend, &key, "POST", "/api/channels/ops/test", "");
        (saved.status, tried.text)
    });
    assert_eq!(receiver.all().len(), 1, "{tried:?} {own:?}");
    assert!(tried.1.contains("private network"), "{tried:?}");
}

#[test]
fn what_one_tenant_uses_up_is_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let ages = ["--keep-raw", "1s", "--keep-minutes", "1s"];
    make_tenant(&database, &["busy", "--samples-per-second", "150", "--signals", "2", "--live-clients", "1"]);
    make_tenant(&database, &[&["short"], &ages[..]].concat());
    make_tenant(&database, &["calm"]);
    let [busy, short, calm] = ["busy", "short", "calm"].map(|name| tenant_key(&database, name, "write,read"));
    let settings =
        [("AFTERGLOW_AUTH", "required"), ("AFTERGLOW_SEAL_SAMPLES", "10"), ("AFTERGLOW_LOOK_MILLIS", "20")];
    let backend = Backend::start_with(&database, "127.0.0.1:0", &settings);
    let flood = |signal: &str| {
        let object = |i: i64| json!({"timestamp": 1_700_000_000 + i, "signals": {signal: i}});
        Value::Array((0..1_000).map(object).collect()).to_string()
    };
    let send = |key: &str, signal: &str| ask(&backend, key, "POST", "/api/telemetry", &flood(signal));
    assert_eq!(send(&busy, "a").status, 200, "a request of any size is taken");
    let refused = send(&busy, "a");
    assert_eq!((refused.status, &*refused.code()), (429, "quota_exceeded"));
    let details = &refused.json()["error"]["details"];
    assert_eq!((&details["quota"], &details["limit"]), (&json!("samples_per_second"), &json!(150)));
    for other in [&short, &calm] {
        for signal in ["a", "b", "c"] {
            assert_eq!(send(other, signal).status, 200);
        }
    }
    // The third signal is one too many for that tenant alone.
    eventually("its samples are taken again", || post(&backend, &busy, "b", 1.0) == 200);
    let mut refused = None;
    eventually("its samples are taken again", || {
        let answer = ask(&backend, &busy, "POST", "/api/telemetry", r#"{"signals":{"c":1}}"#);
        refused = (answer.status != 429).then(|| answer.code());
        refused.is_some()
    });
    assert_eq!(refused.unwrap(), "too_many_signals");
    // So are live clients,
    let _first = socket(&backend, &busy, None);
    assert!(try_socket(&backend, &busy, None).is_err(), "one live client is as many as there may be");
    drop(socket(&backend, &calm, None));
    // and what expires.
    let count = |key: &str| {
        let path = "/api/telemetry?from=0001-01-01&format=csv&signals=a";
        ask(&backend, key, "GET", path, "").text.lines().count() - 1
    };
    eventually("what is kept for a second has expired", || count(&short) < 500);
    assert_eq!(count(&calm), 1_000);
}

#[test]
fn limits_of_a_tenant_change_while_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    make_tenant(&database, &["acme", "--signals", "1", "--live-clients", "1"]);
    let operator = key(&database, &["--scopes", "operator,admin"]);
    let own = tenant_key(&database, "acme", "write,read,admin");
    let settings =
        [("AFTERGLOW_AUTH", "required"), ("AFTERGLOW_SEAL_SAMPLES", "10"), ("AFTERGLOW_LOOK_MILLIS", "20")];
    let backend = Backend::start_with(&database, "127.0.0.1:0", &settings);
    let patch = |name: &str, limits: Value| {
        let body = json!({"limits": limits}).to_string();
        ask(&backend, &operator, "PATCH", &format!("/api/tenants/{name}"), &body)
    };
    assert_eq!((post(&backend, &own, "a", 1.0), post(&backend, &own, "b", 1.0)), (200, 400));
    let mut first = socket(&backend, &own, None);
    assert!(try_socket(&backend, &own, None).is_err());
    assert_eq!(patch("none", json!({})).status, 404);
    for (limits, field) in [
        (json!({"signals": 0}), "limits.signals"),
        (json!({"signals": "many"}), "limits.signals"),
        (json!({"keep_raw": "soon"}), "limits.keep_raw"),
        (json!({"wishes": 3}), "limits.wishes"),
    ] {
        assert_eq!(
            patch("acme", limits.clone()).field(),
            ("invalid".to_owned(), field.to_owned()),
            "{limits}"
        );
    }
    let limits =
        json!({"signals": 2, "live_clients": null, "samples_per_second": 1, "new_signals_per_day": 9});
    let changed = patch("acme", limits);
    assert_eq!(changed.status, 200, "{}", changed.text);
    let expected = json!({"signals": 2, "samples_per_second": 1, "new_signals_per_day": 9});
    assert_eq!(changed.json()["limits"], expected);
    // Nobody who is connected notices; what is new is allowed at once.
    assert_eq!(post(&backend, &own, "b", 1.0), 200);
    let _second = socket(&backend, &own, None);
    eventually("the first one gets it", || first.read().unwrap().to_string().contains("\"b\""));
    let flood: Vec<_> =
        (1..=10).map(|n| json!({"timestamp": 1_700_000_000 + n, "signals": {"a": n}})).collect();
    let send = || ask(&backend, &own, "POST", "/api/telemetry", &json!(flood).to_string());
    eventually("the rate counts", || send().code() == "quota_exceeded");
    let usage = ask(&backend, &own, "GET", "/api/usage", "").json();
    assert_eq!(
        [
            &usage["samples_per_second"],
            &usage["most_signals"],
            &usage["new_signals_per_day"],
            &usage["live_clients"]
        ],
        [&json!(1), &json!(2), &json!(9), &json!(2)],
        "{usage}"
    );
    // On the command line the same, which the server knows within a second.
    let set = |arguments: &[&str]| afterglow(&database, &[&["tenant", "set", "acme"], arguments].concat());
    assert_eq!(set(&[]).status.code(), Some(2));
    let done = set(&["--unset", "samples-per-second,signals", "--keep-raw", "1h"]);
    assert!(done.status.success(), "{done:?}");
    eventually("the signals are as many as of the server", || post(&backend, &own, "c", 1.0) == 200);
    assert_eq!(ask(&backend, &own, "PATCH", "/api/tenants/acme", r#"{"limits":{}}"#).status, 403);
    let entries = ask(&backend, &operator, "GET", "/api/audit?action=tenant.limits", "").text;
    assert_eq!(entries.lines().count(), 2, "{entries}");
    let metrics = ask(&backend, &operator, "GET", "/metrics?tenant=acme", "").text;
    let stored = ask(&backend, &operator, "GET", "/metrics", "").text;
    let committed = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("afterglow_samples_committed_total "));
        line.unwrap_or_else(|| panic!("{text}")).split(' ').nth(1).unwrap().parse::<u64>().unwrap()
    };
    assert!(committed(&metrics) > 0 && committed(&stored) == 0);
    assert_eq!(ask(&backend, &own, "GET", "/metrics?tenant=acme", "").status, 403);
}

#[test]
fn all_that_is_connected_to_a_tenant_ends_when_it_is_deleted() {
    const SOCKETS: usize = 50;
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let link = make_tenant(&database, &["acme"]);
    let own = tenant_key(&database, "acme", "write,read");
    let [operator, reader] = ["operator", "read"].map(|scope| key(&database, &["--scopes", scope]));
    let backend = guarded(&database);
    let mut member = Browser::new(&backend);
    assert_eq!(member.setup(&link, "ada", PASSWORD).0, 200);
    let mut sockets: Vec<_> = (0..SOCKETS)
        .map(|number| socket(&backend, &own, (number % 2 == 0).then_some("afterglow.v1")))
        .collect();
    let mut stays = socket(&backend, &reader, None);
    assert_eq!(ask(&backend, &operator, "DELETE", "/api/tenants/acme", "").status, 204);
    assert_eq!(post(&backend, &own, "canary", 1.0), 401);
    assert_eq!(member.ask("GET", "/api/me", "").0, 401);
    for socket in &mut sockets {
        assert_eq!(close_code(socket), 4_401);
    }
    let writer = key(&database, &["--scopes", "write"]);
    eventually("the key counts", || post(&backend, &writer, "stays", 1.0) == 200);
    while !stays.read().unwrap().into_data().windows(5).any(|window| window == b"stays") {}
    assert!(backend.terminate().success());
}

/// Has a server make the tenant acme, or delete it, that dies in the middle of it.
pub(crate) fn die(backend: &mut Backend, operator: &str, point: &str) {
    let (method, path, body) = match point {
        "tenant_made" => ("POST", "/api/tenants", r#"{"name":"acme"}"#),
        _ => ("DELETE", "/api/tenants/acme", ""),
    };
    let bearer = format!("Bearer {operator}");
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {bearer}\r\n", backend.address());
    let kind = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
    assert_eq!(backend.raw(format!("{head}{kind}{body}").as_bytes()), "", "{point}: it dies");
    assert!(!backend.wait().success());
}

#[test]
fn a_tenant_whose_making_or_deletion_is_killed_is_there_or_gone() {
    for point in ["tenant_made", "tenant_marked", "tenant_removed"] {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("a.db");
        let operator = key(&database, &["--scopes", "operator"]);
        make_tenant(&database, &["kept"]);
        let kept = tenant_key(&database, "kept", "write,read");
        let mut own = None;
        if point != "tenant_made" {
            make_tenant(&database, &["acme"]);
            own = Some(tenant_key(&database, "acme", "write,read"));
        }
        let fault = format!("crash:{point}");
        let settings = [("AFTERGLOW_AUTH", "required"), ("AFTERGLOW_FAULT", &*fault)];
        let mut backend = Backend::start_with(&database, "127.0.0.1:0", &settings);
        assert_eq!(post(&backend, &kept, "kept", 1.0), 200);
        if let Some(own) = &own {
            assert_eq!(post(&backend, own, "canary", 1.0), 200);
        }
        die(&mut backend, &operator, point);
        let backend = guarded(&database);
        let listed = ask(&backend, &operator, "GET", "/api/tenants", "").json();
        let listed: Vec<_> = listed.as_array().unwrap().iter().map(|tenant| &tenant["name"]).collect();
        assert_eq!(listed, ["kept"], "{point}");
        if let Some(own) = &own {
            assert_eq!(post(&backend, own, "canary", 1.0), 401, "{point}");
            let files = std::fs::read_dir(folder.path().join("a.db.tenants")).unwrap();
            let left =
                files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().starts_with("acme"));
            assert_eq!(left.count(), 0, "{point}");
        }
        assert_eq!(names(&backend, &kept), json!(["kept"]));
        assert_eq!(
            ask(&backend, &operator, "POST", "/api/tenants", r#"{"name":"acme"}"#).status,
            201,
            "{point}"
        );
        let verified = afterglow(&database, &["audit", "verify"]);
        assert!(verified.status.success(), "{verified:?}");
    }
}

#[test]
fn a_tenant_whose_database_is_lost_is_not_made_again_and_the_others_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let operator = key(&database, &["--scopes", "operator"]);
    for tenant in ["lost", "kept"] {
        make_tenant(&database, &[tenant]);
    }
    let [lost, kept] = ["lost", "kept"].map(|tenant| tenant_key(&database, tenant, "write,read"));
    for file in std::fs::read_dir(folder.path().join("a.db.tenants")).unwrap() {
        let file = file.unwrap().path();
        if file.file_name().unwrap().to_string_lossy().starts_with("lost") {
            std::fs::remove_file(file).unwrap();
        }
    }
    let backend = guarded(&database);
    assert_eq!(post(&backend, &kept, "kept", 1.0), 200);
    assert_eq!(post(&backend, &lost, "lost", 1.0), 401);
    let listed = ask(&backend, &operator, "GET", "/api/tenants", "").json();
    assert_eq!((&listed[1]["name"], &listed[1]["state"]), (&json!("lost"), &json!("unavailable")));
    assert_eq!(ask(&backend, &operator, "DELETE", "/api/tenants/lost", "").status, 204);
}
