//! Tenants of several servers on one database: each is a schema of its own, which all servers serve.

use std::path::Path;

use serde_json::{Value, json};

use crate::cluster;
use crate::harness::{Answer, Backend, event, eventually};
use crate::keys::{afterglow, ask, guarded, key, socket};
use crate::postgres::{database, sql};
use crate::tenants::{die, make_tenant, tenant_key};

const START: i64 = 1_700_000_000_000_000;

fn post(node: &Backend, key: &str, signal: &str, number: i64) -> Answer {
    let body = json!({"timestamp": START + number, "signals": {signal: number}}).to_string();
    ask(node, key, "POST", "/api/telemetry", &body)
}

fn read(node: &Backend, key: &str, signal: &str) -> String {
    let path = format!("/api/telemetry?from=0001-01-01&format=csv&signals={signal}");
    ask(node, key, "GET", &path, "").text
}

fn names(node: &Backend, key: &str) -> Value {
    ask(node, key, "GET", "/api/signals", "").json()
}

/// Why a post is refused for good: a server that hears only now of a signal that another has taken says that it may be sent again.
fn refused(node: &Backend, key: &str, signal: &str) -> String {
    let mut code = String::new();
    eventually("it is refused for good", || {
        let answer = post(node, key, signal, 1);
        assert_ne!(answer.status, 200, "{signal}");
        code = answer.code();
        answer.status == 400
    });
    code
}

/// Schemas of tenants in a database.
fn schemas(database: &str) -> String {
    sql(database, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'tenant\\_%'")
}

fn new_key(node: &Backend, operator: &str, tenant: &str) -> String {
    let body = json!({"label": "k", "scopes": ["read", "write"], "tenant": tenant}).to_string();
    let made = ask(node, operator, "POST", "/api/keys", &body);
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()["key"].as_str().unwrap().to_owned()
}

#[test]
fn a_tenant_is_made_served_changed_and_deleted_on_all_servers_of_a_database() {
    if !cluster::is_here() {
        return;
    }
    let url = database("shared_tenants");
    let operator = key(&url, &["--scopes", "operator,admin"]);
    let other = key(&url, &["--scopes", "read,write"]);
    let nodes = [guarded(&url), guarded(&url)];
    let operate =
        |node: usize, method: &str, path: &str, body: &str| ask(&nodes[node], &operator, method, path, body);
    let made = operate(0, "POST", "/api/tenants", r#"{"name":"ac-me","limits":{"signals":2}}"#);
    assert_eq!(made.status, 201, "{}", made.text);
    assert!(made.json()["link"].as_str().unwrap().starts_with("/setup#ac-me."));
    assert_eq!(operate(1, "POST", "/api/tenants", r#"{"name":"ac-me"}"#).field().1, "name");
    assert_eq!(schemas("shared_tenants"), "1", "what could not be made leaves nothing");
    let own = new_key(&nodes[0], &operator, "ac-me");
    eventually("the other server serves it, too", || post(&nodes[1], &own, "canary", 0).status == 200);
    // The very next answer of either has what the other one has acknowledged.
    for round in 1..40 {
        let [writer, reader] = [round % 2, (round + 1) % 2].map(|number| &nodes[number as usize]);
        assert_eq!(post(writer, &own, "canary", round).status, 200);
        assert!(read(reader, &own, "canary").contains(&format!(",{round}")), "in round {round}");
    }
    // And its viewers see it, whichever server they watch.
    let mut socket = socket(&nodes[1], &own, None);
    eventually("a sample is seen on the other server", || {
        post(&nodes[0], &own, "canary", 77);
        event(&mut socket)["data"].to_string().contains("77")
    });
    drop(socket);
    // It has what is its own, and no other has it.
    assert_eq!(post(&nodes[1], &other, "mine", 1).status, 200);
    for node in &nodes {
        assert_eq!(names(node, &own), json!(["canary"]));
        assert_eq!(names(node, &other), json!(["mine"]));
        assert!(!read(node, &other, "canary").contains("77") && !read(node, &own, "mine").contains(",1"));
        let listed = ask(node, &operator, "GET", "/api/tenants", "").json();
        assert_eq!((&listed[0]["name"], &listed[0]["state"]), (&json!("ac-me"), &json!("active")));
    }
    // Limits count on both, and those that are changed on one soon on the other.
    assert_eq!(post(&nodes[0], &own, "second", 1).status, 200);
    assert_eq!(refused(&nodes[1], &own, "third"), "too_many_signals");
    let changed = operate(0, "PATCH", "/api/tenants/ac-me", r#"{"limits":{"signals":3}}"#);
    assert_eq!(changed.status, 200, "{}", changed.text);
    eventually("the other one knows", || post(&nodes[1], &own, "third", 1).status == 200);
    assert_eq!(refused(&nodes[0], &own, "fourth"), "too_many_signals");
    // It goes as a whole, on both.
    let deleted = operate(1, "DELETE", "/api/tenants/ac-me", "");
    // 503 where the other one takes long to let go of it: it is deleted all the same.
    assert!([204, 503].contains(&deleted.status), "{}", deleted.text);
    let is_gone = || operate(1, "GET", "/api/tenants", "").json() == json!([]);
    assert!(deleted.status == 503 || is_gone(), "right after the answer");
    eventually("it is deleted", is_gone);
    assert_eq!(schemas("shared_tenants"), "0");
    for node in &nodes {
        assert_eq!(post(node, &own, "canary", 1).status, 401, "right after the answer");
        assert_eq!(ask(node, &operator, "GET", "/api/tenants", "").json(), json!([]));
        assert_eq!(names(node, &other), json!(["mine"]), "the others go on");
    }
    // The next one of that name has nothing of it.
    assert_eq!(operate(0, "POST", "/api/tenants", r#"{"name":"ac-me"}"#).status, 201);
    let again = new_key(&nodes[0], &operator, "ac-me");
    assert_eq!(names(&nodes[0], &again), json!([]));
    assert_eq!(post(&nodes[0], &own, "canary", 1).status, 401);
    for node in nodes {
        assert!(node.terminate().success());
    }
}

#[test]
fn the_command_line_makes_exports_and_deletes_tenants_on_a_server_of_a_database() {
    if !cluster::is_here() {
        return;
    }
    let url = database("commanded_tenants");
    let text = |arguments: &[&str]| String::from_utf8(afterglow(&url, arguments).stdout).unwrap();
    // Before the first start, which then is not open.
    make_tenant(&url, &["acme", "--keep-raw", "2d"]);
    let own = tenant_key(&url, "acme", "write,read");
    let nodes = [Backend::start(&url), Backend::start(&url)];
    assert_eq!(nodes[1].get("/api/signals").status, 401, "a server with tenants is not open");
    assert_eq!(post(&nodes[0], &own, "canary", 1).status, 200);
    assert!(read(&nodes[1], &own, "canary").contains(",1"));
    let listed = text(&["tenant", "list"]);
    assert!(listed.contains("acme") && listed.contains("2d"), "{listed}");
    for command in [&["access", "tenant", "export", "acme"][..], &["export", "--tenant", "acme"]] {
        assert!(text(command).contains("canary"));
    }
    assert!(!text(&["export"]).contains("canary"));
    assert!(afterglow(&url, &["audit", "verify", "--tenant", "acme"]).status.success());
    assert!(afterglow(&url, &["tenant", "set", "acme", "--signals", "1"]).status.success());
    let mut number = 0;
    eventually("the servers know", || {
        number += 1;
        post(&nodes[1], &own, &format!("b{number}"), 1).status == 400
    });
    // Beside servers, which let go of it,
    let deleted = afterglow(&url, &["tenant", "delete", "acme"]);
    assert!(deleted.status.success(), "{deleted:?}");
    assert_eq!(schemas("commanded_tenants"), "0");
    for node in &nodes {
        assert_eq!(post(node, &own, "canary", 1).status, 401);
    }
    assert_eq!(afterglow(&url, &["tenant", "delete", "acme"]).status.code(), Some(2));
    for node in nodes {
        assert!(node.terminate().success());
    }
    // and without.
    make_tenant(&url, &["acme"]);
    assert_eq!(schemas("commanded_tenants"), "1");
    assert!(afterglow(&url, &["tenant", "delete", "acme"]).status.success());
    assert_eq!(schemas("commanded_tenants"), "0");
}

#[test]
fn a_tenant_is_gone_or_whole_wherever_a_server_is_killed() {
    if !cluster::is_here() {
        return;
    }
    for point in ["tenant_made", "tenant_marked", "tenant_removed"] {
        let name = format!("crash_{point}");
        let url = database(&name);
        let operator = key(&url, &["--scopes", "operator,admin"]);
        let other = guarded(&url);
        let fault = format!("crash:{point}");
        let settings = [("AFTERGLOW_AUTH", "required"), ("AFTERGLOW_FAULT", &*fault)];
        let mut node = Backend::start_with(&url, "127.0.0.1:0", &settings);
        if point != "tenant_made" {
            make_tenant(&url, &["acme"]);
            let own = tenant_key(&url, "acme", "write,read");
            for node in [&node, &other] {
                eventually("it is served", || post(node, &own, "canary", 1).status == 200);
            }
        }
        die(&mut node, &operator, point);
        eventually("the other one has none, and goes on", || {
            ask(&other, &operator, "GET", "/api/tenants", "").json() == json!([])
        });
        let made = ask(&other, &operator, "POST", "/api/tenants", r#"{"name":"acme"}"#);
        assert_eq!(made.status, 201, "{point}: {}", made.text);
        let own = new_key(&other, &operator, "acme");
        assert_eq!(names(&other, &own), json!([]), "{point}");
        assert!(other.terminate().success());
        if point != "tenant_made" {
            assert_eq!(schemas(&name), "1", "{point}");
        }
    }
}

#[test]
fn a_role_that_may_make_no_schema_is_said_so() {
    if !cluster::is_here() {
        return;
    }
    database("narrow");
    sql(
        "narrow",
        "CREATE ROLE narrow LOGIN; REVOKE CREATE ON DATABASE narrow FROM PUBLIC; GRANT USAGE, CREATE ON SCHEMA public TO narrow",
    );
    let url = format!("postgres://narrow@{}/narrow", cluster::folder().replace('/', "%2F"));
    let refused = afterglow(Path::new(&url), &["tenant", "create", "acme"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("GRANT CREATE ON DATABASE"), "{said}");
    assert_eq!(schemas("narrow"), "0");
}
