//! SIGTERM: nothing that was acknowledged is lost, live clients are notified, and the exit code is 0.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use rustix::process::Signal;

use crate::harness::{Backend, client, close_code, event, eventually, try_post};

#[test]
fn a_stop_under_load_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let backend = Backend::start(&database);
    let mut socket = backend.watch();
    let url = backend.url("");
    let acknowledged = AtomicU64::new(0);
    thread::scope(|scope| {
        for writer in 0..4 {
            let (url, acknowledged) = (&url, &acknowledged);
            scope.spawn(move || {
                let agent = client();
                for i in 0_u64.. {
                    let time = 1_700_000_000_000_000 + i;
                    match try_post(
                        url,
                        &agent,
                        &format!(r#"{{"timestamp":{time},"signals":{{"w{writer}":{i}}}}}"#),
                    ) {
                        Some(answer) if answer.status == 200 => acknowledged.fetch_add(1, Ordering::SeqCst),
                        Some(answer) => {
                            assert_eq!((answer.status, answer.code().as_str()), (503, "draining"));
                            assert!(answer.retry_after.is_some());
                            break;
                        }
                        None => break,
                    };
                }
            });
        }
        eventually("there is load", || acknowledged.load(Ordering::SeqCst) > 200);
        assert!(backend.terminate().success());
    });
    assert_eq!(close_code(&mut socket), 1001);
    assert!(!folder.path().join("a.db-wal").exists(), "the log is folded into the database");
    let stored = Backend::start(&database).samples().values().map(|samples| samples.len() as u64).sum();
    // A request may be committed although its answer no longer got out.
    let acknowledged = acknowledged.load(Ordering::SeqCst);
    assert!((acknowledged..=acknowledged + 4).contains(&stored), "{stored} of {acknowledged}");
}

#[test]
fn a_client_that_never_reads_does_not_hold_up_the_stop() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    let _frozen = backend.watch();
    let big = (0..2_000).map(|i| format!(r#""signal number {i}":{i}"#)).collect::<Vec<_>>().join(",");
    for _ in 0..50 {
        assert_eq!(backend.post(&format!(r#"{{"signals":{{{big}}}}}"#)).status, 200);
    }
    assert!(backend.terminate().success());
}

#[test]
fn a_server_that_is_about_to_stop_serves_on_and_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let backend =
        Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &[("AFTERGLOW_DRAIN_DELAY", "60")]);
    let mut socket = backend.watch();
    eventually("it has joined", || backend.metric("afterglow_live_sessions") == 1.0);
    backend.signal(Signal::TERM);
    eventually("it is not ready", || backend.get("/ready").status == 503);
    assert_eq!(backend.get("/ready").code(), "draining");
    assert_eq!(backend.get("/health").status, 200);
    assert_eq!(backend.post(r#"{"signals":{"a":1}}"#).status, 200);
    assert_eq!(event(&mut socket)["event"], "telemetry_update");
    backend.kill_nine();
}

#[test]
fn live_clients_leave_one_after_another_before_a_server_stops() {
    let folder = tempfile::tempdir().unwrap();
    let backend =
        Backend::start_with(&folder.path().join("a.db"), "127.0.0.1:0", &[("AFTERGLOW_DRAIN_DELAY", "4")]);
    let mut sockets: Vec<_> = (0..64).map(|_| backend.watch()).collect();
    let sessions = || backend.metric("afterglow_live_sessions");
    eventually("all have joined", || sessions() == 64.0);
    backend.signal(Signal::TERM);
    eventually("some have left, and others not", || sessions() < 64.0);
    assert!(sessions() > 0.0);
    assert!(sockets.iter_mut().all(|socket| close_code(socket) == 1001));
    assert!(backend.terminate().success());
}

#[test]
fn an_interrupt_is_a_stop_too() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("a.db"));
    backend.signal(Signal::INT);
    assert!(backend.terminate().success());
}
