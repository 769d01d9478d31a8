//! `kill -9` at any moment, also while samples are sealed, expire and are copied: nothing acknowledged is lost, nothing
//! doubles.

mod backup;

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::Duration;

use afterglow_wire::Timestamp;
use rand::RngExt as _;

use crate::harness::{Backend, eventually, kill_rounds, sql};
use crate::tools::done;
use crate::writers::{Pace, Writer, write_until};

/// A minute's values have eight or nine numbers, and none of them falls on the instants that stand for expired ones.
const PACE: Pace = Pace { per_post: 100, start: 1_600_000_000_000_001, step: 7_000_000 };

const MINUTE: i64 = 60_000_000;

/// Sealing and expiry many times a second.
const BUSY: [(&str, &str); 4] = [
    ("AFTERGLOW_SEAL_SAMPLES", "400"),
    // Most samples are bundled at first, and some of a merge are enough for a block.
    ("AFTERGLOW_BLOCK_SAMPLES", "700"),
    ("AFTERGLOW_LOOK_MILLIS", "20"),
    // Samples become minutes a second after they were sealed.
    ("AFTERGLOW_KEEP_RAW", "1s"),
];

const POINTS: [&str; 5] = [
    "crash:seal_planned",
    "crash:seal_written",
    "crash:seal_committed",
    "crash:merge_written",
    "crash:expire_written",
];

/// Rounds on one database, so that many rounds do not only prove that a large database is slow.
const ROUNDS_PER_DATABASE: usize = 50;

/// How often an answer is asked for again before it counts as wrong, some 50 ms apart.
const ATTEMPTS: usize = 400;

/// Micros and bits of what is stored of a signal.
type Points = Vec<(i64, u64)>;

/// What a signal answers with whose numbers `1..raw` have expired while `raw..=last` have not.
fn expected(sign: f64, raw: u64, last: u64) -> Points {
    let time = |number: u64| i64::try_from(PACE.start + number * PACE.step).unwrap();
    let value = |number: u64| sign * f64::from(u32::try_from(number).unwrap());
    let mut minutes: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for number in 1..raw {
        minutes.entry(time(number).div_euclid(MINUTE)).or_default().push(value(number));
    }
    let mut points = Points::new();
    for (minute, values) in minutes {
        let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        points.push((minute * MINUTE, lowest.to_bits()));
        if highest > lowest {
            points.push((minute * MINUTE + MINUTE / 2, highest.to_bits()));
        }
    }
    points.extend((raw..=last).map(|number| (time(number), value(number).to_bits())));
    points.sort_unstable();
    points
}

/// The first number of a signal that is there as it was sent; all before it have expired.
fn first_raw(points: &Points, last: u64) -> u64 {
    let number = |time: i64| u64::try_from(time).unwrap().checked_sub(PACE.start);
    let raw = points.iter().filter_map(|(time, _)| number(*time)).find(|since| since % PACE.step == 0);
    raw.map_or(last + 1, |since| since / PACE.step)
}

/// How many samples each signal has had, expired ones included.
fn counts(backend: &Backend) -> BTreeMap<String, u64> {
    let details = backend.get("/api/signals?details=1");
    assert_eq!(details.status, 200, "{}", details.text);
    let count = |signal: &serde_json::Value| {
        (signal["name"].as_str().unwrap().to_owned(), signal["count"].as_u64().unwrap())
    };
    details.json().as_array().unwrap().iter().map(count).collect()
}

/// The number that the writer's samples end with in `stored`: they must be there from 1 on, once and unchanged, in both
/// of its signals.
fn last_number(stored: &BTreeMap<String, Points>, writer: &Writer) -> Result<u64, String> {
    let mut lasts = Vec::new();
    for (index, signal) in writer.signals.iter().enumerate() {
        let points = stored.get(signal).cloned().unwrap_or_default();
        // Where the last ones have expired only their minute is known; requests are longer than a minute, and whole.
        let number = |time: i64| u64::try_from(time).unwrap().saturating_sub(PACE.start) / PACE.step;
        let minute = points.last().map(|(time, _)| time.div_euclid(MINUTE) * MINUTE);
        let last = minute.map_or(0, |minute| number(minute).next_multiple_of(PACE.per_post));
        if points != expected(Writer::sign(index), first_raw(&points, last), last) {
            return Err(format!(
                "{signal} has lost or doubled something: {} acknowledged, {} points from {:?} to {:?}",
                writer.acknowledged,
                points.len(),
                points.first(),
                points.last()
            ));
        }
        lasts.push(last);
    }
    if lasts[0] == lasts[1] { Ok(lasts[0]) } else { Err(format!("half of a request is stored: {lasts:?}")) }
}

/// What the backend answers with of the signals whose names begin so.
fn stored(backend: &Backend, prefix: &str) -> BTreeMap<String, Points> {
    let point = |(time, value): (String, f64)| (time.parse::<Timestamp>().unwrap().micros(), value.to_bits());
    let all = backend.samples_of(&format!("{prefix}*"));
    all.into_iter().map(|(name, samples)| (name, samples.into_iter().map(point).collect())).collect()
}

/// Checks that each writer's samples are there, once and unchanged; one request more may be stored than was
/// acknowledged, because the kill came between commit and answer, and counts as acknowledged from then on.
///
/// Blocks of a signal expire when they were sealed long enough ago, which after a merge may be a later one first. So what is not as
/// expected is asked for again until the others have expired too; what is lost or doubled stays so.
fn check(backend: &Backend, prefix: &str, writers: &mut [Writer], when: &str) {
    let mut attempts = 0;
    let lasts: Vec<u64> = loop {
        let stored = stored(backend, prefix);
        match writers.iter().map(|writer| last_number(&stored, writer)).collect() {
            Ok(lasts) => break lasts,
            Err(why) => assert!(attempts < ATTEMPTS, "{when}: {why}"),
        }
        attempts += 1;
        thread::park_timeout(Duration::from_millis(50));
    };
    for (writer, last) in writers.iter_mut().zip(lasts) {
        let acknowledged = writer.acknowledged;
        let possible = [acknowledged, acknowledged + PACE.per_post];
        assert!(possible.contains(&last), "{when}: {last} stored of {acknowledged} acknowledged");
        writer.acknowledged = last;
    }
}

/// Checks that nothing doubles: a sample that is in the journal and in a block, or in a block and in a minute, counts
/// twice. While a sealing ends it may for a moment.
fn check_counts(backend: &Backend, writers: &[Writer], when: &str) {
    let expected: BTreeMap<String, u64> = writers
        .iter()
        .filter(|writer| writer.acknowledged > 0)
        .flat_map(|writer| writer.signals.iter().map(|signal| (signal.clone(), writer.acknowledged)))
        .collect();
    eventually(&format!("{when}: every sample counts once"), || counts(backend) == expected);
}

fn start(database: &Path, fault: &str, errors: &Path) -> Backend {
    let environment = [BUSY.as_slice(), &[("AFTERGLOW_FAULT", fault)]].concat();
    Backend::try_start(database, &environment, errors).expect("it starts")
}

#[test]
fn acknowledged_samples_survive_crashes_while_they_are_sealed_and_expire() {
    let rounds = kill_rounds(50);
    for begin in (0..rounds).step_by(ROUNDS_PER_DATABASE) {
        survive(begin..rounds.min(begin + ROUNDS_PER_DATABASE));
    }
}

fn survive(rounds: std::ops::Range<usize>) {
    let folder = tempfile::tempdir().unwrap();
    let (database, errors) = (folder.path().join("a.db"), folder.path().join("errors"));
    let mut all: Vec<Writer> = Vec::new();
    for round in rounds {
        // Every other time at an exact moment, else at any.
        let fault = if round % 2 == 1 { POINTS[round / 2 % POINTS.len()] } else { "" };
        let when = format!("round {round}, {fault}");
        let mut backend = start(&database, fault, &errors);
        let url = backend.url("");
        let prefix = format!("r{round}.");
        let mut writers: Vec<Writer> = (0..4).map(|number| Writer::new(&prefix, number)).collect();
        let until_kill = Duration::from_micros(rand::rng().random_range(1_000..400_000));
        write_until(&url, &mut writers, PACE, || {
            if fault.is_empty() {
                thread::park_timeout(until_kill);
                backend.kill_nine();
            } else {
                assert_eq!(backend.wait().code(), None, "{when}: it did not die at its point");
            }
        });

        let backend = start(&database, "", &errors);
        check(&backend, &prefix, &mut writers, &when);
        all.append(&mut writers);
        check_counts(&backend, &all, &when);
        // As good a moment as any, with nobody writing.
        backend.kill_nine();
        done("doctor", &database, &[]);
        let said = std::fs::read_to_string(&errors).unwrap();
        assert!(!said.contains("panicked") && !said.contains("cannot be read"), "{when}: {said}");
    }

    let backend = start(&database, "", &errors);
    check(&backend, "", &mut all, "in the end");
    check_counts(&backend, &all, "in the end");
    backend.close();
    done("doctor", &database, &[]);
    let number = |sql_text: &str| sql(&database, sql_text)[0].parse::<u64>().unwrap();
    assert!(number("SELECT CAST(count(*) AS TEXT) AS value FROM rollup") > 0, "nothing has expired");
    assert!(all.iter().map(|writer| writer.acknowledged).sum::<u64>() > 1_000, "hardly anything was written");
}
