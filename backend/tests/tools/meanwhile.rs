//! The tools work on a database that a server writes to at the same time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::*;
use crate::harness::{client, eventually, sql, try_post};

/// Posts numbers from 1 on in two signals until told to stop; `acknowledged` is the highest that was.
fn write(url: &str, acknowledged: &AtomicU64, stop: &AtomicBool) {
    let agent = client();
    let mut next = 1;
    while !stop.load(Ordering::Relaxed) {
        let object = |number: u64| {
            let time = 1_700_000_000_000_000 + number;
            format!(r#"{{"timestamp":{time},"signals":{{"up":{number},"down":-{number}}}}}"#)
        };
        let objects: Vec<_> = (next..next + 20).map(object).collect();
        let answer = try_post(url, &agent, &format!("[{}]", objects.join(","))).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        next += 20;
        acknowledged.store(next - 1, Ordering::Release);
    }
}

/// How many numbers a csv has; each signal has them all from 1 on.
fn numbers(csv: &str) -> [u64; 2] {
    ["down", "up"].map(|signal| {
        let lines = csv.lines().filter_map(|line| line.split_once(&format!(",{signal},")));
        let mut count = 0_u32;
        for (_, value) in lines {
            count += 1;
            assert_eq!(value.trim_start_matches('-').parse(), Ok(f64::from(count)), "{signal}");
        }
        count.into()
    })
}

#[test]
fn exports_backups_and_examinations_go_on_while_a_server_writes() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    // Seals all the time.
    let environment = [("AFTERGLOW_SEAL_SAMPLES", "400"), ("AFTERGLOW_LOOK_MILLIS", "5")];
    let backend = Backend::start_with(&database, "127.0.0.1:0", &environment);
    let url = backend.url("");
    let (acknowledged, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| write(&url, &acknowledged, &stop));
        for round in 0..8 {
            let before = acknowledged.load(Ordering::Acquire);
            eventually("more is written", || acknowledged.load(Ordering::Acquire) > before + 100);
            let before = acknowledged.load(Ordering::Acquire);
            let exported = numbers(&done("export", &database, &[]));
            assert!(exported.iter().all(|count| *count >= before), "{exported:?}, {before} acknowledged");

            let before = acknowledged.load(Ordering::Acquire);
            let copy = folder.path().join(format!("{round}.db"));
            done("backup", &database, &["--to", text(&copy)]);
            let copied = numbers(&done("export", &copy, &[]));
            assert!(copied[0] == copied[1] && copied[0] >= before, "{copied:?}, {before} acknowledged");
            done("doctor", &database, &[]);
            done("doctor", &copy, &[]);
        }
        stop.store(true, Ordering::Relaxed);
    });
    refused("import", &database, &[text(&source(folder.path(), 1))], 3, "in use by another afterglow");
    backend.close();
    assert!(
        sql(
            &database,
            "SELECT CAST((SELECT count(*) FROM block) + (SELECT count(*) FROM bundle) AS TEXT) AS value"
        )[0] != "0",
        "nothing was sealed"
    );

    let copy = folder.path().join("7.db");
    let copied = numbers(&done("export", &copy, &[]));
    let server = Backend::start(&copy);
    assert_eq!(server.samples().values().map(|samples| samples.len() as u64).collect::<Vec<_>>(), copied);
    assert_eq!(server.post(r#"{"signals":{"more":1}}"#).status, 200);
    server.close();
}
