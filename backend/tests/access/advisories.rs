//! What went wrong in other programs, tried here.

use serde_json::json;

use crate::harness::Backend;
use crate::keys::{ask, guarded, key};
use crate::tenants::{make_tenant, tenant_key};

/// Paths that have led out of the folder of a page's files elsewhere.
const WAYS_OUT: [&str; 16] = [
    "/../secret",
    "/a/../../secret",
    "/..%2fsecret",
    "/%2e%2e/secret",
    "/%2e%2e%2fsecret",
    "/%252e%252e%252fsecret",
    "/..\\secret",
    "/..%5csecret",
    "/%5c..%5csecret",
    "//secret",
    "/./../secret",
    "/....//secret",
    "/%c0%ae%c0%ae/secret",
    "/secret%00.js",
    "/..;/secret",
    "/assets/..%2f..%2fsecret",
];

fn get(backend: &Backend, path: &str) -> String {
    let host = backend.address();
    backend.raw(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
}

/// Grafana, CVE-2021-43798: a file beside the page's could be read.
#[test]
fn no_path_leads_out_of_the_pages_folder() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page");
    std::fs::create_dir_all(page.join("assets")).unwrap();
    std::fs::write(page.join("index.html"), "<title>the page</title>").unwrap();
    std::fs::write(page.join("assets/own.js"), "own").unwrap();
    std::fs::write(folder.path().join("secret"), "the canary").unwrap();
    std::fs::create_dir(folder.path().join("..secret")).unwrap();
    let setting = [("AFTERGLOW_DASHBOARD_DIR", page.to_str().unwrap())];
    let from_a_folder = Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &setting);
    assert!(get(&from_a_folder, "/assets/own.js").ends_with("own"), "what is in it is served");
    let embedded = Backend::start(&folder.path().join("b.db"));
    let absolute = format!("/{}", folder.path().join("secret").display());
    for backend in [&from_a_folder, &embedded] {
        for path in WAYS_OUT.iter().copied().chain([&*absolute, "/a.db", "/../a.db"]) {
            let answer = get(backend, path);
            assert!(!answer.contains("canary") && !answer.contains("SQLite format"), "{path}: {answer}");
            assert!(!answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        }
    }
}

/// Grafana, CVE-2021-39226, CVE-2024-1313 and CVE-2026-28380: placeholders of routes, empty ids, and links of others.
#[test]
fn no_placeholder_and_no_link_of_another_is_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    make_tenant(&database, &["first"]);
    make_tenant(&database, &["second"]);
    let [first, second] = ["first", "second"].map(|name| tenant_key(&database, name, "read,edit,admin"));
    let reader = tenant_key(&database, "first", "read");
    let backend = guarded(&database);
    let board = r#"{"id":"b","title":"b","panels":[]}"#;
    assert_eq!(ask(&backend, &first, "POST", "/api/boards", board).status, 201);
    let made = ask(&backend, &first, "POST", "/api/shares", r#"{"board":"b"}"#).json();
    let link = made["link"].as_str().unwrap().strip_prefix("/s#").unwrap().to_owned();
    let share = format!("/api/shares/{}", made["id"].as_str().unwrap());
    for id in [":key", "{id}", ":id", "%7Bid%7D", "*", "0", "null", "%20", "..", "%2e%2e"] {
        let status = ask(&backend, &first, "DELETE", &format!("/api/shares/{id}"), "").status;
        assert!(matches!(status, 404 | 405), "{id}: {status}");
    }
    for path in ["/api/shares/", "/api/shares//", "/api/keys/"] {
        let status = ask(&backend, &first, "DELETE", path, "").status;
        assert!(matches!(status, 404 | 405), "{path}: {status}");
    }
    for token in ["", ":key", "{id}", "ags_", "ags_0000000000000000", &link[..20], &link[..link.len() - 1]] {
        let opened = backend.send("POST", "/api/shares/open", &json!({ "token": token }).to_string());
        assert_eq!(opened.status, 401, "{token}: {opened:?}");
    }
    assert_eq!(ask(&backend, &second, "DELETE", &share, "").status, 404, "of another tenant");
    assert_eq!(ask(&backend, &reader, "DELETE", &share, "").status, 403, "without the permission");
    // A link cannot be made to what is another tenant's, either.
    assert_eq!(ask(&backend, &second, "POST", "/api/shares", r#"{"board":"b"}"#).status, 404);
    assert_eq!(ask(&backend, &link, "GET", "/api/boards/b", "").status, 200, "it is as it was");
    assert_eq!(ask(&backend, &first, "DELETE", &share, "").status, 204);
}

/// Grafana, CVE-2023-1387: a token in the query counted, and went into logs and histories.
#[test]
fn nothing_in_a_query_identifies_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let all = key(&database, &["--scopes", "read,write,edit,admin,operator"]);
    let log = folder.path().join("log");
    let settings = [("AFTERGLOW_AUTH", "required"), ("AFTERGLOW_LOG", "trace")];
    let backend = Backend::try_start(&database, &settings, &log).unwrap();
    for name in
        ["auth_token", "access_token", "token", "key", "api_key", "apikey", "ticket", "ag", "authorization"]
    {
        for path in
            ["/api/signals", "/api/boards", "/api/telemetry", "/api/stream", "/ws", "/metrics", "/socket.io/"]
        {
            let status = backend.get(&format!("{path}?{name}={all}")).status;
            assert_eq!(status, 401, "{path}?{name}=");
        }
    }
    assert!(backend.terminate().success());
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("/api/signals") && !log.contains(&all[21..64]), "{log}");
}
