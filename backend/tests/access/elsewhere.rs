//! A server that others can reach: started only where that is safe, and closed to all who bring nothing.

use crate::harness::Backend;
use crate::matrix::{PARAMETERS, POLICY};

/// The status of an answer to somebody who brings nothing.
fn status(backend: &Backend, method: &str, path: &str) -> u16 {
    let head = format!("{method} {path} HTTP/1.0\r\nHost: x\r\nContent-Type: application/json\r\n");
    let answer = backend.raw(format!("{head}Content-Length: 2\r\n\r\n{{}}").as_bytes());
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("{method} {path}: {answer:?}")).parse().unwrap()
}

#[test]
fn only_a_safe_server_listens_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let mut command = crate::harness::serve(&database, "0.0.0.0:0");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(!database.exists(), "nothing is made by a server that does not start");
    let backend = Backend::start_with(&database, "0.0.0.0:0", &[("AFTERGLOW_PLAIN_HTTP", "true")]);
    let mut closed = 0;
    for (method, path, policy) in POLICY {
        let path =
            PARAMETERS.iter().fold((*path).to_owned(), |path, (name, value)| path.replace(name, value));
        let found = status(&backend, method, &path);
        if *policy == "everyone" {
            assert!(!matches!(found, 401 | 403), "{method} {path}: {found}");
        } else if *policy == "login" {
            assert!((400..500).contains(&found), "{method} {path}: {found}");
        } else {
            // Beyond a hundred a second, refusals of one address are answered with 429.
            assert!(matches!(found, 401 | 429), "{method} {path}: {found}");
            closed += 1;
        }
    }
    assert!(closed > 70, "{closed}");
    for path in ["/", "/login", "/setup"] {
        assert_eq!(status(&backend, "GET", path), 200, "the page is for everyone: {path}");
    }
}
