//! A database that cannot be used: one clear line, an exit code, and the file as it was.

use std::path::Path;

use crate::harness::{Backend, serve};

/// The last line on standard error and the exit code of a backend that does not start.
fn refused(database: &Path) -> (String, i32) {
    let output = serve(database, "127.0.0.1:0").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    (text, output.status.code().unwrap())
}

#[test]
fn a_file_that_is_no_database_is_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("precious.txt");
    let text = "precious ".repeat(1_000);
    std::fs::write(&file, &text).unwrap();
    let (line, code) = refused(&file);
    assert!(line.contains("is not a database of Afterglow") && line.contains("precious.txt"), "{line}");
    assert_eq!((code, std::fs::read_to_string(&file).unwrap()), (3, text));
}

#[test]
fn a_database_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let owner = Backend::start(&database);
    let (line, code) = refused(&database);
    assert!(line.contains("in use by another afterglow"), "{line}");
    assert_eq!(code, 3);
    assert_eq!(owner.post(r#"{"signals":{"a":1}}"#).status, 200);
    owner.close();
}

#[test]
fn a_place_that_cannot_be_written_is_refused() {
    let (line, code) = refused(Path::new("/proc/afterglow/a.db"));
    assert!(line.contains("cannot be used") && line.contains("/proc/afterglow"), "{line}");
    assert_eq!(code, 3);
}

#[test]
fn an_address_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let owner = Backend::start(&folder.path().join("a.db"));
    let output = serve(&folder.path().join("b.db"), owner.address()).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("cannot listen on"), "{text}");
    assert_eq!(output.status.code(), Some(4));
    owner.close();
}

#[test]
fn an_address_that_others_can_reach_needs_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let output = serve(&folder.path().join("a.db"), "0.0.0.0:0").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("--insecure") && text.contains("0.0.0.0:0"), "{text}");
    assert_eq!(output.status.code(), Some(2));
    let environment = [("AFTERGLOW_INSECURE", "true")];
    Backend::start_with(&folder.path().join("a.db"), "0.0.0.0:0", &environment).terminate();
}
