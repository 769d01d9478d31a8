//! A disk that reports errors: what it did not take is not acknowledged, and what was acknowledged is there.
//!
//! The errors come from a library that is loaded before libc and fails the calls for the write-ahead log while a file
//! exists. It is compiled by the test, so that nothing of it is in the product.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Backend, eventually, sql};

/// Fails `FAULTY_CALL` ("sync" or "write") on files whose name ends in -wal, while the file `FAULTY_WHILE` exists.
const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(const char *call, int file) {
    const char *wanted = getenv("FAULTY_CALL"), *trigger = getenv("FAULTY_WHILE");
    char link[64], name[4096];
    if (!wanted || !trigger || strcmp(wanted, call) || access(trigger, F_OK)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, name, sizeof name);
    if (length < 4 || memcmp(name + length - 4, "-wal", 4)) return 0;
    errno = EIO;
    return 1;
}

#define NEXT(name) __typeof__(&name) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

int fsync(int file) { NEXT(fsync); return fails("sync", file) ? -1 : next(file); }
int fdatasync(int file) { NEXT(fdatasync); return fails("sync", file) ? -1 : next(file); }
ssize_t write(int file, const void *bytes, size_t count) {
    NEXT(write);
    return fails("write", file) ? -1 : next(file, bytes, count);
}
ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
    NEXT(pwrite);
    return fails("write", file) ? -1 : next(file, bytes, count, at);
}
ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    NEXT(pwrite64);
    return fails("write", file) ? -1 : next(file, bytes, count, at);
}
"#;

/// Compiles the library; `None`, and the reason on standard error, where there is no C compiler.
pub(crate) fn library(folder: &Path) -> Option<PathBuf> {
    let (source, library) = (folder.join("faulty.c"), folder.join("faulty.so"));
    fs::write(&source, LIBRARY).unwrap();
    let compiler =
        Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).output();
    match compiler {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(library)
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "skipped: injected write errors need a C compiler: {error}");
            None
        }
    }
}

/// Posts the number that comes next; whether it was acknowledged.
fn post(backend: &Backend, number: u64) -> bool {
    let time = 1_700_000_000_000_000 + number;
    let answer = backend.post(&format!(r#"{{"timestamp":{time},"signals":{{"a":{number}}}}}"#));
    if answer.status != 200 {
        assert_eq!((answer.status, answer.code().as_str()), (503, "store_down"), "{}", answer.text);
        assert!(answer.retry_after.is_some());
    }
    answer.status == 200
}

/// The numbers stored, each of them sent once or more.
fn stored(backend: &Backend) -> Vec<u64> {
    let samples = backend.samples_of("a").remove("a").unwrap_or_default();
    assert!(samples.is_sorted_by(|a, b| a.0 < b.0), "a double");
    samples.into_iter().map(|(_, value)| value as u64).collect()
}

/// While `call` fails nothing is acknowledged; before and after it is, and all of that survives `kill -9`.
fn check(call: &str, seal_samples: &str) {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = library(folder.path()) else { return };
    let (database, errors) = (folder.path().join("a.db"), folder.path().join("errors"));
    let trigger = folder.path().join("trigger");
    let environment = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("FAULTY_CALL", call),
        ("FAULTY_WHILE", trigger.to_str().unwrap()),
        ("AFTERGLOW_SEAL_SAMPLES", seal_samples),
        ("AFTERGLOW_LOOK_MILLIS", "20"),
    ];
    let mut backend = Backend::try_start(&database, &environment, &errors).expect("it starts");
    let (mut acknowledged, mut refused, mut next) = (Vec::new(), Vec::new(), 0);
    for round in 0..4 {
        for _ in 0..25 {
            assert!(post(&backend, next), "nothing fails yet");
            acknowledged.push(next);
            next += 1;
        }
        fs::write(&trigger, "").unwrap();
        for _ in 0..10 {
            assert!(!post(&backend, next), "acknowledged although the disk failed");
            refused.push(next);
            next += 1;
            assert_eq!(stored(&backend), acknowledged, "what was refused is not shown");
        }
        // It is alive, says what is wrong, and asks balancers for a pause.
        let health = backend.get("/health");
        assert_eq!((health.status, &health.json()["status"]), (200, &"degraded".into()), "{}", health.text);
        assert_eq!(health.json()["last_commit"]["outcome"], "store_down");
        let ready = backend.get("/ready");
        assert_eq!((ready.status, ready.code().as_str()), (503, "store_down"), "{}", ready.text);
        if round % 2 == 1 {
            // What was refused may be in the log as a whole, and is then as good as sent again; never in part.
            backend.kill_nine();
            fs::remove_file(&trigger).unwrap();
            backend = Backend::try_start(&database, &environment, &errors).expect("it starts");
            let now = stored(&backend);
            let (new, old): (Vec<u64>, Vec<u64>) = now.iter().partition(|number| refused.contains(number));
            assert_eq!(
                old,
                acknowledged.iter().copied().filter(|n| !refused.contains(n)).collect::<Vec<_>>()
            );
            assert!(new.iter().all(|number| refused.contains(number)));
            acknowledged = now;
        } else {
            fs::remove_file(&trigger).unwrap();
            eventually("samples are taken again", || post(&backend, next));
            acknowledged.push(next);
            next += 1;
            let healthy = || backend.get("/health").json()["last_commit"]["outcome"] == "committed";
            assert!(healthy(), "the last commit succeeded");
            eventually("it is ready again", || backend.get("/ready").status == 200);
        }
        assert_eq!(stored(&backend), acknowledged);
    }
    backend.kill_nine();
    let backend = Backend::start(&database);
    assert_eq!(stored(&backend), acknowledged);
    backend.close();
    let integrity = sql(&database, "SELECT integrity_check AS value FROM pragma_integrity_check");
    assert_eq!(integrity, ["ok"]);
    let said = fs::read_to_string(&errors).unwrap();
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_sync_that_fails_is_not_acknowledged() {
    check("sync", "1000000");
}

#[test]
fn a_sync_that_fails_is_not_acknowledged_while_samples_are_sealed() {
    check("sync", "10");
}

#[test]
fn a_write_that_fails_is_not_acknowledged() {
    check("write", "1000000");
}

#[test]
fn a_write_that_fails_is_not_acknowledged_while_samples_are_sealed() {
    check("write", "10");
}
