use std::collections::BTreeSet;

use afterglow_wire::Timestamp;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const MS: Duration = Duration::from_millis(1);

fn limits() -> Limits {
    Limits {
        batch_samples: 10,
        batch_age: 50 * MS,
        memory_samples: 100,
        hold: 1_000 * MS,
        retry_base: 100 * MS,
        retry_cap: 1_000 * MS,
    }
}

fn outbox(folder: &TempDir) -> Outbox {
    outbox_with_cap(folder, 1 << 20)
}

fn outbox_with_cap(folder: &TempDir, cap: u64) -> Outbox {
    Outbox::new(limits(), Spool::open(folder.path(), cap).unwrap().0)
}

fn reading(number: i64) -> Reading {
    Reading { timestamp: Some(Timestamp::from_micros(number)), signals: [("x".to_owned(), 0.5)].into() }
}

fn numbers(batch: &Batch) -> Vec<i64> {
    let readings: Vec<Reading> = serde_json::from_slice(&batch.body()).unwrap();
    readings.iter().map(|reading| reading.timestamp.unwrap().micros()).collect()
}

fn stored(batch: &Batch) -> Delivery {
    Delivery { stored: batch.samples(), ..Delivery::default() }
}

fn failed() -> Delivery {
    Delivery { retry: Some(Retry { reason: "down".into(), after: None }), ..Delivery::default() }
}

/// What a kill at this moment would leave for the next start.
fn survivors(outbox: &Outbox) -> u64 {
    outbox.spool.samples()
}

#[test]
fn while_the_backend_answers_nothing_touches_the_disk() {
    let folder = TempDir::new().unwrap();
    let mut outbox = outbox(&folder);
    outbox.record(vec![reading(1)], Duration::ZERO);
    assert_eq!((outbox.turn(49 * MS), outbox.wake()), (None, Some(50 * MS)));
    let batch = outbox.turn(50 * MS).unwrap();
    assert_eq!(outbox.turn(51 * MS), None, "one request in flight");
    outbox.settle(&stored(&batch), 60 * MS, 0.5);
    assert_eq!((outbox.tally().sent, outbox.waiting(), outbox.wake()), (1, 0, None));
    assert_eq!(survivors(&outbox), 0);
}

#[test]
fn a_failure_spools_at_once_and_what_follows_too() {
    let folder = TempDir::new().unwrap();
    let mut outbox = outbox(&folder);
    outbox.record(vec![reading(1)], Duration::ZERO);
    assert!(outbox.turn(50 * MS).is_some());
    outbox.settle(&failed(), 60 * MS, 0.9);
    assert_eq!(survivors(&outbox), 1);
    outbox.record(vec![reading(2)], 61 * MS);
    assert_eq!(outbox.turn(111 * MS), None, "the back-off is 90 ms");
    assert_eq!(survivors(&outbox), 2);
    assert_eq!(outbox.wake(), Some(150 * MS));
    let batch = outbox.turn(150 * MS).unwrap();
    assert_eq!(numbers(&batch), [1, 2]);
    outbox.settle(&stored(&batch), 160 * MS, 0.5);
    assert_eq!((outbox.tally().sent, outbox.tally().retries, survivors(&outbox)), (2, 1, 0));
}

#[test]
fn a_silent_backend_keeps_samples_in_memory_for_the_hold_time_only() {
    let folder = TempDir::new().unwrap();
    let mut outbox = outbox(&folder);
    outbox.record(vec![reading(1)], Duration::ZERO);
    let flying = outbox.turn(50 * MS).unwrap();
    outbox.record(vec![reading(2)], 500 * MS);
    outbox.turn(550 * MS);
    assert_eq!((survivors(&outbox), outbox.wake()), (0, Some(1_050 * MS)));
    outbox.turn(1_050 * MS);
    assert_eq!(survivors(&outbox), 2, "the batch on its way as well");
    outbox.settle(&stored(&flying), 1_100 * MS, 0.5);
    assert_eq!(survivors(&outbox), 1, "the late answer acknowledges its record");
    assert_eq!(numbers(&outbox.turn(1_100 * MS).unwrap()), [2]);
}

#[test]
fn memory_overflows_into_the_spool() {
    let folder = TempDir::new().unwrap();
    let mut outbox = outbox(&folder);
    outbox.record((0..10).map(reading).collect(), Duration::ZERO);
    assert!(outbox.turn(MS).is_some());
    outbox.record((10..100).map(reading).collect(), MS);
    outbox.turn(MS);
    assert_eq!(survivors(&outbox), 0, "100 samples fit");
    outbox.record((100..110).map(reading).collect(), MS);
    outbox.turn(MS);
    assert_eq!((survivors(&outbox), outbox.tally().dropped), (110, 0));
}

#[test]
fn a_spool_that_cannot_be_written_costs_the_oldest_beyond_memory_and_is_tried_again() {
    let folder = TempDir::new().unwrap();
    let mut outbox = outbox(&folder);
    std::fs::remove_dir_all(folder.path()).unwrap();
    outbox.record((0..150).map(reading).collect(), Duration::ZERO);
    let flying = outbox.turn(MS).unwrap();
    assert_eq!(numbers(&flying), (50..150).collect::<Vec<_>>());
    outbox.settle(&failed(), MS, 1.0);
    assert_eq!((outbox.tally().dropped, outbox.waiting(), survivors(&outbox)), (50, 100, 0));
    std::fs::create_dir_all(folder.path()).unwrap();
    outbox.turn(1_001 * MS);
    assert_eq!((outbox.tally().dropped, survivors(&outbox)), (50, 100));
}

#[test]
fn the_spools_cap_takes_the_oldest_and_counts_them() {
    let folder = TempDir::new().unwrap();
    let mut outbox = outbox_with_cap(&folder, 4_096);
    for number in 0..200 {
        let now = 100 * MS * u32::try_from(number).unwrap();
        outbox.record(vec![reading(number)], now);
        if outbox.turn(now + 50 * MS).is_some() {
            outbox.settle(&failed(), now + 51 * MS, 0.5);
        }
    }
    let (dropped, left) = (outbox.tally().dropped, survivors(&outbox));
    assert!(dropped > 0 && left > 0, "{dropped} {left}");
    assert_eq!(dropped + left, 200);
    outbox.drain(100_000 * MS);
    let first = numbers(&outbox.turn(100_000 * MS).unwrap())[0];
    assert_eq!(first, i64::try_from(dropped).unwrap());
}

#[test]
fn refused_samples_are_counted_and_not_sent_again() {
    let folder = TempDir::new().unwrap();
    let mut outbox = outbox(&folder);
    outbox.record(vec![reading(1), reading(2)], Duration::ZERO);
    assert!(outbox.turn(50 * MS).is_some());
    let delivery = Delivery { stored: 1, rejected: 1, reasons: vec!["x".into()], retry: None };
    outbox.settle(&delivery, 60 * MS, 0.5);
    assert_eq!((outbox.tally().sent, outbox.tally().rejected, outbox.waiting()), (1, 1, 0));
    assert_eq!(outbox.turn(10_000 * MS), None);
}

#[test]
fn draining_ignores_ages_and_back_off_but_fails_once_only() {
    let folder = TempDir::new().unwrap();
    let mut outbox = outbox(&folder);
    outbox.record(vec![reading(1)], Duration::ZERO);
    assert!(outbox.turn(50 * MS).is_some());
    outbox.settle(&failed(), 60 * MS, 1.0);
    outbox.record(vec![reading(2)], 61 * MS);
    outbox.drain(62 * MS);
    let batch = outbox.turn(62 * MS).unwrap();
    assert_eq!(numbers(&batch), [1], "what failed before is tried again at once");
    assert!(!outbox.is_drained());
    outbox.settle(&failed(), 63 * MS, 0.0);
    assert_eq!(outbox.turn(64 * MS), None);
    assert!(outbox.is_drained());
    assert_eq!(outbox.finish(64 * MS), (2, 0));
}

#[test]
fn a_restart_goes_on_with_the_spool() {
    let folder = TempDir::new().unwrap();
    let mut first = outbox(&folder);
    first.record((0..5).map(reading).collect(), Duration::ZERO);
    assert_eq!(first.finish(MS), (5, 0));
    drop(first);
    let mut second = outbox(&folder);
    second.record(vec![reading(9)], Duration::ZERO);
    let batch = second.turn(Duration::ZERO).unwrap();
    assert_eq!(numbers(&batch), [0, 1, 2, 3, 4]);
    second.settle(&stored(&batch), MS, 0.0);
    assert_eq!(numbers(&second.turn(60 * MS).unwrap()), [9]);
}

proptest! {
    /// Whatever the backend does, and wherever the process is killed: what was closed before the bound of
    /// the promise is stored or in the spool, and nothing is stored out of order the first time.
    #[test]
    fn no_history_of_answers_loses_a_sample(
        steps in prop::collection::vec((1_u32..400, 0_u8..4, any::<bool>()), 1..120),
    ) {
        let folder = TempDir::new().unwrap();
        let mut outbox = outbox(&folder);
        let (mut now, mut flying, mut seen, mut newest) = (Duration::ZERO, None::<Batch>, BTreeSet::new(), -1);
        let mut born = Vec::new();
        for (pause, answer, record) in steps {
            now += pause * MS;
            if record {
                outbox.record(vec![reading(i64::try_from(born.len()).unwrap())], now);
                born.push(now);
            }
            // The alarm rings when it should, as the actor sees to.
            if let Some(batch) = outbox.turn(now) {
                let first_time: Vec<_> = numbers(&batch).into_iter().filter(|n| *n > newest).collect();
                prop_assert!(first_time.is_sorted());
                newest = newest.max(*numbers(&batch).last().unwrap());
                prop_assert!(flying.replace(batch).is_none());
            }
            match (answer, flying.take()) {
                (0, Some(_)) => outbox.settle(&failed(), now, 0.5),
                (1, Some(batch)) => {
                    seen.extend(numbers(&batch));
                    outbox.settle(&stored(&batch), now, 0.5);
                }
                (_, other) => flying = other,
            }
            let safe = seen.len() as u64 + survivors(&outbox);
            // The steps are up to 400 ms apart, and a batch is closed at one and spooled at another.
            let promised = born.iter().filter(|at| **at + 2 * 400 * MS + 1_050 * MS <= now).count() as u64;
            prop_assert!(safe >= promised, "{safe} of {promised} are safe at {now:?}");
        }
        drop(flying);
        outbox.finish(now);
        drop(outbox);
        let mut rest = self::outbox(&folder);
        rest.drain(Duration::ZERO);
        while let Some(batch) = rest.turn(Duration::ZERO) {
            seen.extend(numbers(&batch));
            rest.settle(&stored(&batch), Duration::ZERO, 0.0);
        }
        prop_assert_eq!(seen.len(), born.len());
    }
}
