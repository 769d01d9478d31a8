//! A disk without room: refused with 503 and nothing lost, everything else goes on, and so does the server once there
//! is room again.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Answer, Backend, Socket, event, eventually, sql};

/// A small file system of its own, unmounted when dropped.
pub(crate) struct SmallDisk {
    _folder: tempfile::TempDir,
    pub(crate) path: PathBuf,
}

impl SmallDisk {
    /// `None`, and the reason on standard error, where it cannot be mounted.
    pub(crate) fn mount(test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"]).arg(&path).output();
        let why = match mount {
            Ok(output) if output.status.success() => return Some(Self { _folder: folder, path }),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        // Past the test runner, which shows only what failing tests print.
        let _ =
            writeln!(std::io::stderr(), "skipped: {test} needs a small tmpfs, and mounting failed: {why}");
        None
    }

    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }

    /// Takes all the room but `spare` bytes.
    pub(crate) fn fill(&self, spare: usize) {
        let mut file = File::options().create(true).append(true).open(self.filler()).unwrap();
        for size in [1 << 20, 1 << 12, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(spare as u64)).unwrap();
    }

    pub(crate) fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.path).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            let _ = writeln!(std::io::stderr(), "{} stays mounted", self.path.display());
        }
    }
}

/// One client that knows what it was promised.
struct Client<'b> {
    backend: &'b Backend,
    signal: &'static str,
    /// Samples in one request.
    per_post: u64,
    acknowledged: u64,
}

impl<'b> Client<'b> {
    fn new(backend: &'b Backend) -> Self {
        Self { backend, signal: "a", per_post: 500, acknowledged: 0 }
    }

    /// Sends the next samples; they are the same until they are acknowledged.
    fn post(&mut self) -> Answer {
        let Self { signal, per_post, acknowledged, .. } = self;
        let objects: Vec<_> = (*acknowledged..*acknowledged + *per_post)
            .map(|number| {
                let time = 1_600_000_000_000_000 + number;
                format!(r#"{{"timestamp":{time},"signals":{{"{signal}":{number}}}}}"#)
            })
            .collect();
        let answer = self.backend.post(&format!("[{}]", objects.join(",")));
        if answer.status == 200 {
            self.acknowledged += self.per_post;
        }
        answer
    }

    fn post_until_refused(&mut self) {
        let mut refusal = None;
        eventually("the disk is full", || {
            refusal = Some(self.post()).filter(|answer| answer.status != 200);
            refusal.is_some()
        });
        check_refusal(&refusal.unwrap());
    }
}

fn check_refusal(answer: &Answer) {
    assert_eq!((answer.status, answer.code().as_str()), (503, "disk_full"), "{}", answer.text);
    assert!(answer.retry_after.is_some());
}

/// Checks that exactly what was acknowledged is stored, each number once.
fn check_stored(backend: &Backend, signal: &str, acknowledged: u64) {
    let stored = backend.samples_of(signal).remove(signal).unwrap_or_default();
    let numbered =
        |(sample, number): (&(String, f64), u32)| sample.1.to_bits() == f64::from(number).to_bits();
    assert!(stored.iter().zip(0..).all(numbered), "a hole or a double");
    assert_eq!(stored.len() as u64, acknowledged);
}

/// Takes events until one has `signal`.
fn sees(socket: &mut Socket, signal: &str) {
    while event(socket)["data"]["signals"][signal].is_null() {}
}

fn start(database: &Path, errors: &Path, seal_samples: &str) -> Backend {
    let environment = [
        ("AFTERGLOW_SEAL_SAMPLES", seal_samples),
        ("AFTERGLOW_LOOK_MILLIS", "20"),
        // Filling a disk takes a while, and these clients read, and answer pings, only after it.
        ("AFTERGLOW_SLOW_SECONDS", "300"),
        ("AFTERGLOW_PING_SECONDS", "300"),
    ];
    Backend::try_start(database, &environment, errors).expect("it starts")
}

#[test]
fn a_full_disk_refuses_samples_and_nothing_else_and_is_recovered_from_without_a_restart() {
    let Some(disk) = SmallDisk::mount("a full disk") else { return };
    let elsewhere = tempfile::tempdir().unwrap();
    let (database, errors) = (disk.path.join("a.db"), elsewhere.path().join("errors"));
    let backend = start(&database, &errors, "1000000");
    let mut socket = backend.watch();
    eventually("the session has joined", || backend.metric("afterglow_live_sessions") == 1.0);
    let mut many = Client::new(&backend);
    let mut single = Client { signal: "single", per_post: 1, ..Client::new(&backend) };
    assert_eq!(many.post().status, 200);
    assert_eq!(single.post().status, 200);
    sees(&mut socket, "single");

    for round in 0..3 {
        disk.fill(3 << 20);
        many.post_until_refused();
        disk.fill(0);
        // What fits into the last page may still be taken.
        single.post_until_refused();
        // More than the page cache holds: it is written before it is committed.
        let objects: Vec<_> = (0..140_000)
            .map(|i| format!(r#"{{"timestamp":{},"signals":{{"large":1}}}}"#, 1_500_000_000_000_000_u64 + i))
            .collect();
        let too_large = format!("[{}]", objects.join(","));
        for _ in 0..3 {
            check_refusal(&backend.post(&too_large));
            many.post_until_refused();
            single.post_until_refused();
        }
        check_stored(&backend, "a", many.acknowledged);
        check_stored(&backend, "single", single.acknowledged);
        assert_eq!(backend.get("/health").status, 200);
        assert!(!backend.get("/api/signals").text.contains("large"), "what was refused is not stored");
        backend.watch().close(None).unwrap();

        disk.free();
        eventually("samples are taken again", || many.post().status == 200);
        let signal = format!("after round {round}");
        let answer = backend.post(&format!(r#"{{"timestamp":1500000000,"signals":{{"{signal}":1}}}}"#));
        assert_eq!(answer.status, 200, "{}", answer.text);
        sees(&mut socket, &signal);
    }
    let acknowledged = [("a", many.acknowledged), ("single", single.acknowledged)];
    backend.close();
    let backend = Backend::start(&database);
    for (signal, acknowledged) in acknowledged {
        check_stored(&backend, signal, acknowledged);
    }
    backend.close();
    let integrity = sql(&database, "SELECT integrity_check AS value FROM pragma_integrity_check");
    assert_eq!(integrity, ["ok"]);
    let said = fs::read_to_string(&errors).unwrap();
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn sealing_on_a_full_disk_fails_as_a_whole_and_is_tried_again() {
    let Some(disk) = SmallDisk::mount("sealing on a full disk") else { return };
    let elsewhere = tempfile::tempdir().unwrap();
    let (database, errors) = (disk.path.join("a.db"), elsewhere.path().join("errors"));
    let backend = start(&database, &errors, "1000");
    let mut client = Client::new(&backend);
    let failures = || {
        fs::read_to_string(&errors).unwrap().lines().filter(|line| line.contains("sealing failed")).count()
    };
    // Room for a few commits, which a sealing may get first.
    eventually("a sealing has failed", || {
        disk.fill(64 << 10);
        client.post_until_refused();
        disk.fill(0);
        failures() > 0
    });
    check_stored(&backend, "a", client.acknowledged);
    check_refusal(&client.post());
    let before = failures();
    eventually("it is tried again", || failures() > before);
    assert!(backend.metric("afterglow_samples_unsealed") > 0.0, "what is not sealed is seen");
    check_stored(&backend, "a", client.acknowledged);

    disk.free();
    eventually("everything is sealed", || backend.metric("afterglow_samples_unsealed") < 1000.0);
    eventually("samples are taken again", || client.post().status == 200);
    check_stored(&backend, "a", client.acknowledged);
    let acknowledged = client.acknowledged;
    backend.kill_nine();
    let backend = Backend::start(&database);
    check_stored(&backend, "a", acknowledged);
    backend.close();
}

#[test]
fn a_backend_killed_on_a_full_disk_has_everything_when_it_starts_again() {
    let Some(disk) = SmallDisk::mount("a crash on a full disk") else { return };
    let elsewhere = tempfile::tempdir().unwrap();
    let (database, errors) = (disk.path.join("a.db"), elsewhere.path().join("errors"));
    let backend = start(&database, &errors, "1000");
    let mut client = Client::new(&backend);
    disk.fill(2 << 20);
    client.post_until_refused();
    disk.fill(0);
    let acknowledged = client.acknowledged;
    backend.kill_nine();

    // Whether it can start without room is the file system's affair; if it cannot, it says so in one line.
    match Backend::try_start(&database, &[], &errors) {
        Ok(backend) => {
            check_stored(&backend, "a", acknowledged);
            backend.kill_nine();
        }
        Err(code) => {
            assert_eq!(code, Some(3));
            let said = fs::read_to_string(&errors).unwrap();
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }
    disk.free();
    let backend = Backend::start(&database);
    check_stored(&backend, "a", acknowledged);
    assert_eq!(backend.post(r#"{"signals":{"b":1}}"#).status, 200);
    backend.close();
}
