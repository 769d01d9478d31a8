//! More than can be stored: refused with 503 and Retry-After, never queued without bound, never lost in silence.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use std::thread;

use crate::harness::{Backend, eventually};

#[test]
fn samples_beyond_the_bound_are_refused_and_welcome_later() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let backend = Backend::start(&database);
    assert_eq!(backend.post(r#"{"signals":{"a":1}}"#).status, 200);

    // Another program holds the database's write lock: commits wait, then fail.
    let mut other = SqliteConnection::establish(database.to_str().unwrap()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let million =
        format!(r#"{{"timestamp":1700000000,"signals":{{{}}}}}"#, vec![r#""a":1"#; 1_300_000].join(","));
    let answers: Vec<_> = thread::scope(|scope| {
        let posts: Vec<_> = (0..6).map(|_| scope.spawn(|| backend.post(&million))).collect();
        posts.into_iter().map(|post| post.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer.status == 503 && answer.retry_after.is_some()), "{answers:?}");
    let codes: Vec<_> = answers.iter().map(crate::harness::Answer::code).collect();
    assert!(codes.iter().any(|code| code == "queue_full"), "{codes:?}");
    assert!(codes.iter().any(|code| code == "store_down"), "{codes:?}");

    other.batch_execute("ROLLBACK").unwrap();
    eventually("samples are taken again", || backend.post(r#"{"signals":{"a":2}}"#).status == 200);
    backend.close();
}
