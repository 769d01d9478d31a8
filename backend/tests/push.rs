//! `afterglow push` loses and doubles nothing while the backend is killed and started again.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use crate::harness::Backend;

fn push(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_afterglow"))
        .args(["push", "--signal", "n"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Its exit code and what it said, after the end of its input.
fn end(mut push: Child) -> (Option<i32>, String) {
    drop(push.stdin.take());
    let mut said = String::new();
    push.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (push.wait().unwrap().code(), said)
}

fn values(backend: &Backend) -> Vec<f64> {
    let answer = backend.get("/api/telemetry?hours=1&signals=n").json();
    answer["n"].as_array().unwrap().iter().map(|point| point["value"].as_f64().unwrap()).collect()
}

#[test]
fn push_outlives_a_killed_backend() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let mut backend = Backend::start(&database);
    let url = backend.url("");
    let listen = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let mut push = push(&["--backend", &url]);
    let mut input = push.stdin.take().unwrap();
    for round in 0..3 {
        let mut write = |from: i32| {
            for number in from..from + 500 {
                writeln!(input, "{number}").unwrap();
            }
        };
        write(round * 1_000);
        backend.kill_nine();
        write(round * 1_000 + 500);
        backend = Backend::start_with(&database, &listen, &[]);
    }
    drop(input);
    let (code, said) = end(push);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(values(&backend), (0..3_000).map(f64::from).collect::<Vec<_>>());
    backend.close();
}

#[test]
fn what_a_push_could_not_send_is_sent_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let spool = spool.to_str().unwrap();
    let mut first = push(&["--backend", "http://127.0.0.1:1", "--spool", spool, "--patience", "0"]);
    first.stdin.as_mut().unwrap().write_all(b"1\nx\n2\n").unwrap();
    let (code, said) = end(first);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("line 2: ") && said.contains("2 samples wait in "), "{said}");
    let backend = Backend::start(&folder.path().join("a.db"));
    let (code, said) = end(push(&["--backend", &backend.url(""), "--spool", spool]));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(values(&backend), [1.0, 2.0]);
    backend.close();
}
