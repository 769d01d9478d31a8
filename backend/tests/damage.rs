//! A database that was damaged by others: refused as it is, with one line, or served as far as it is sound. Never a
//! panic, never an answer that was not stored, and nothing overwritten that is refused.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::harness::{Answer, Backend, eventually, kill_rounds, sql};

const PAGE: usize = 4_096;

/// Every commit is sealed at once.
const SEALING: [(&str, &str); 2] = [("AFTERGLOW_SEAL_SAMPLES", "1"), ("AFTERGLOW_LOOK_MILLIS", "20")];

/// Signal and time to the bits of the value.
type Truth = HashMap<(String, String), u64>;

/// A sound database and what is in it.
struct Sound {
    folder: tempfile::TempDir,
    truth: Truth,
}

/// The file itself, its log, and the log's index, which is created again where it is missing.
fn files(folder: &Path) -> [PathBuf; 2] {
    ["a.db", "a.db-wal"].map(|name| folder.join(name))
}

fn truth(backend: &Backend) -> Truth {
    let samples = backend.samples().into_iter();
    samples
        .flat_map(|(signal, samples)| {
            samples.into_iter().map(move |(time, value)| ((signal.clone(), time), value.to_bits()))
        })
        .collect()
}

/// Makes a database with blocks, minutes and a journal; killed, it has a log as well.
fn sound(killed: bool) -> Sound {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let post = |backend: &Backend, from: u32, to: u32| {
        let object = |i: u32| {
            let noise = f64::from(i * 7_919 % 104_729).sin();
            format!(
                r#"{{"timestamp":{},"signals":{{"noise":{noise},"decimals":{},"steady":1,"s{}":{i}}}}}"#,
                1_700_000_000 + i,
                f64::from(i % 500) / 10.0,
                i % 40
            )
        };
        let objects: Vec<_> = (from..to).map(object).collect();
        assert_eq!(backend.post(&format!("[{}]", objects.join(","))).status, 200);
    };
    for part in 0..3 {
        let backend = Backend::start_with(&database, "127.0.0.1:0", &SEALING);
        post(&backend, part * 6_000, (part + 1) * 6_000);
        eventually("it is sealed", || backend.metric("afterglow_samples_unsealed") == 0.0);
        backend.close();
    }
    let backend = Backend::start(&database);
    post(&backend, 18_000, 19_000);
    let truth = truth(&backend);
    if killed {
        backend.kill_nine();
    } else {
        backend.close();
    }
    Sound { folder, truth }
}

/// Damages one of the files; what was done to it.
fn damage(folder: &Path, random: &mut StdRng) -> String {
    let present: Vec<_> = files(folder).into_iter().filter(|file| file.exists()).collect();
    let file = &present[random.random_range(0..present.len())];
    let name = file.file_name().unwrap().display();
    let mut bytes = fs::read(file).unwrap();
    // The log's file is longer than what is in it.
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
    let at = random.random_range(0..used);
    let page = at / PAGE * PAGE..bytes.len().min(at / PAGE * PAGE + PAGE);
    let what = match random.random_range(0..7) {
        0 => {
            bytes.truncate(at);
            format!("{name} cut at {at}")
        }
        1 => {
            bytes.truncate(page.start);
            format!("{name} cut at page {}", page.start)
        }
        2 => {
            bytes[page.clone()].fill(0);
            format!("{name} zeroed at {page:?}")
        }
        3 => {
            random.fill(&mut bytes[page.clone()]);
            format!("{name} scrambled at {page:?}")
        }
        // The headers, which all else depends on, more often than chance would hit them.
        4 => {
            let at = at % 200;
            bytes[at] ^= 1 << random.random_range(0..8);
            format!("{name} flipped at {at}")
        }
        _ => {
            bytes[at] ^= 1 << random.random_range(0..8);
            format!("{name} flipped at {at}")
        }
    };
    fs::write(file, bytes).unwrap();
    what
}

/// Asks a backend on a damaged database for everything it does.
fn exercise(backend: &Backend, truth: &Truth) {
    let ask = |path: &str| -> Option<Answer> {
        let answer = backend.try_get(path)?;
        assert!(matches!(answer.status, 200 | 503), "{path}: {}: {}", answer.status, answer.text);
        Some(answer)
    };
    for _ in 0..2 {
        ask("/api/telemetry?from=0001-01-01&max_points=10");
        ask("/api/telemetry?from=2023-11-14&max_points=3000&signals=noise");
        ask("/api/signals");
        ask("/api/signals?details=1");
        let everything = ask("/api/telemetry?from=0001-01-01&format=csv");
        for line in everything.iter().flat_map(|answer| answer.text.lines().skip(1)) {
            let [time, signal, value] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let known = truth.get(&(signal.to_owned(), time.to_owned()));
            let value = value.parse::<f64>().map(f64::to_bits).ok();
            assert!(signal == "new" || known.copied() == value, "{line} was never stored");
        }
        let answer = backend.post(r#"[{"timestamp":1700000100,"signals":{"new":1}}]"#);
        assert!(matches!(answer.status, 200 | 503), "{}: {}", answer.status, answer.text);
        // Sealing goes over it meanwhile, or fails and says so.
        eventually("a sealing was tried", || {
            backend.metric("afterglow_samples_unsealed") == 0.0
                || backend.get("/metrics").text.contains("afterglow_stage_seconds_count{stage=\"seal\"}")
        });
    }
}

fn check(sound: &Sound, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    check_damaged(sound, |folder| format!("seed {seed}: {}", damage(folder, &mut random)));
}

/// Starts a backend on a copy that `damage` has damaged; it returns what it did.
fn check_damaged(sound: &Sound, damage: impl FnOnce(&Path) -> String) {
    let folder = tempfile::tempdir().unwrap();
    let [database, _] = files(folder.path());
    for (from, to) in files(sound.folder.path()).iter().zip(files(folder.path())) {
        if from.exists() {
            fs::copy(from, to).unwrap();
        }
    }
    let what = damage(folder.path());
    let before = fs::read(&database).unwrap();
    let errors = folder.path().join("errors");
    // Printed by the test runner only when something fails.
    println!("{what}");
    match Backend::try_start(&database, &SEALING, &errors) {
        Ok(backend) => {
            exercise(&backend, &sound.truth);
            backend.terminate();
        }
        Err(code) => {
            let said = fs::read_to_string(&errors).unwrap();
            assert_eq!(code, Some(3), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
            assert!(said.contains("a.db"), "{said}");
            println!("refused: {said}");
            assert!(fs::read(&database).unwrap() == before, "it was refused and changed: {said}");
        }
    }
    let said = fs::read_to_string(&errors).unwrap();
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn whatever_is_damaged_is_refused_as_it_is_or_served_as_far_as_it_is_sound() {
    let seed = match std::env::var("AFTERGLOW_DAMAGE_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => rand::rng().random_range(0..1_000_000_000),
    };
    println!("AFTERGLOW_DAMAGE_SEED={seed} damages the same places again");
    for (number, killed) in (0..).zip([false, true]) {
        let sound = sound(killed);
        for variant in 0..kill_rounds(24) as u64 {
            check(&sound, seed + number * 1_000_000 + variant);
        }
    }
}

#[test]
fn without_any_one_of_its_tables_a_database_is_refused_as_it_is_or_served_without_it() {
    let sound = sound(true);
    const ROOTS: &str = "SELECT name || ' ' || rootpage AS value FROM sqlite_schema WHERE type = 'table'";
    // Of a copy: closing a database for the last time folds its log into it.
    let copy = tempfile::NamedTempFile::new().unwrap();
    fs::copy(sound.folder.path().join("a.db"), copy.path()).unwrap();
    let roots = sql(copy.path(), ROOTS);
    assert!(roots.len() > 30, "{roots:?}");
    for root in roots {
        let (name, page) = root.split_once(' ').unwrap();
        let at = (page.parse::<usize>().unwrap() - 1) * PAGE;
        check_damaged(&sound, |folder| {
            let [database, _] = files(folder);
            let mut bytes = fs::read(&database).unwrap();
            bytes[at..at + PAGE].fill(0);
            fs::write(database, bytes).unwrap();
            format!("{name} zeroed")
        });
    }
}

#[test]
fn without_knowing_who_may_do_what_nobody_is_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let (database, errors) = (folder.path().join("a.db"), folder.path().join("errors"));
    Backend::start(&database).close();
    let sound = fs::read(&database).unwrap();
    for table in ["access_key", "member", "session", "invitation", "identity"] {
        let statement =
            format!("SELECT CAST(rootpage AS TEXT) AS value FROM sqlite_schema WHERE name = '{table}'");
        let root: usize = sql(&database, &statement)[0].parse().unwrap();
        let mut bytes = sound.clone();
        bytes[(root - 1) * PAGE..root * PAGE].fill(0);
        fs::write(&database, &bytes).unwrap();
        assert_eq!(Backend::try_start(&database, &[], &errors).err(), Some(Some(3)), "{table}");
        let said = fs::read_to_string(&errors).unwrap();
        assert!(said.contains("a.db") && said.contains("keys and members"), "{table}: {said}");
        assert!(fs::read(&database).unwrap() == bytes, "it was refused and changed");
        fs::write(&database, &sound).unwrap();
    }
}

#[test]
fn a_block_that_cannot_be_decoded_is_left_out_and_reported_once() {
    let folder = tempfile::tempdir().unwrap();
    let (database, errors) = (folder.path().join("a.db"), folder.path().join("errors"));
    let backend = Backend::start_with(&database, "127.0.0.1:0", &[("AFTERGLOW_BLOCK_SAMPLES", "1")]);
    for signal in ["bad", "good"] {
        assert_eq!(
            backend.post(&format!(r#"{{"timestamp":1700000000,"signals":{{"{signal}":1}}}}"#)).status,
            200
        );
    }
    // Settling seals what was taken.
    backend.close();
    let changed = sql(
        &database,
        "UPDATE block SET payload = zeroblob(length(payload)) WHERE signal_id = 0 RETURNING 'changed' AS value",
    );
    assert_eq!(changed, ["changed"]);

    let backend = Backend::try_start(&database, &SEALING, &errors).expect("it starts");
    for _ in 0..3 {
        assert_eq!(backend.samples().into_keys().collect::<Vec<_>>(), ["good"]);
    }
    eventually("it is counted", || backend.metric("afterglow_damaged_blocks") == 1.0);
    // A late sample falls into the damaged block, which is neither replaced nor in its way.
    assert_eq!(backend.post(r#"{"timestamp":1700000000,"signals":{"bad":2}}"#).status, 200);
    eventually("it is sealed", || backend.metric("afterglow_samples_unsealed") == 0.0);
    assert_eq!(backend.samples()["bad"].len(), 1);
    assert_eq!(backend.metric("afterglow_damaged_blocks"), 1.0);
    backend.close();
    let said = fs::read_to_string(&errors).unwrap();
    assert_eq!(said.lines().filter(|line| line.contains("block 1 cannot be read")).count(), 1, "{said}");
}

#[test]
fn a_signal_does_not_get_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let (database, errors) = (folder.path().join("a.db"), folder.path().join("errors"));
    let backend = Backend::start(&database);
    assert_eq!(backend.post(r#"{"timestamp":1700000000,"signals":{"distinctive":1}}"#).status, 200);
    backend.close();
    let mut bytes = fs::read(&database).unwrap();
    let at = bytes.windows(11).position(|window| window == b"distinctive").unwrap();
    bytes[at] ^= 0x20;
    fs::write(&database, &bytes).unwrap();
    assert_eq!(Backend::try_start(&database, &[], &errors).err(), Some(Some(3)));
    let said = fs::read_to_string(&errors).unwrap();
    assert!(said.contains("a signal's name differs"), "{said}");
    assert!(fs::read(&database).unwrap() == bytes, "it was refused and changed");
}

#[test]
fn a_log_without_its_database_is_not_thrown_away() {
    let folder = tempfile::tempdir().unwrap();
    let (errors, [database, log]) = (folder.path().join("errors"), files(folder.path()));
    let backend = Backend::start(&database);
    assert_eq!(backend.post(r#"{"timestamp":1700000000,"signals":{"a":1}}"#).status, 200);
    backend.kill_nine();
    let (kept, logged) = (folder.path().join("kept"), fs::read(&log).unwrap());
    fs::rename(&database, &kept).unwrap();
    assert_eq!(Backend::try_start(&database, &[], &errors).err(), Some(Some(3)));
    let said = fs::read_to_string(&errors).unwrap();
    assert!(said.contains("remove the log as well"), "{said}");
    assert!(fs::read(&log).unwrap() == logged && !database.exists());

    fs::rename(&kept, &database).unwrap();
    let backend = Backend::start(&database);
    assert_eq!(backend.samples()["a"].len(), 1);
    backend.close();
}
