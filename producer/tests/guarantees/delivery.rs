//! The real binary against a real listener: each sample arrives at least once, whatever the backend does.

use std::collections::BTreeSet;

use crate::harness::{Backend, Mode, Producer, poll, seconds};

/// Lines that a producer reads from a program: deterministic, and finite.
fn counting(samples: u32) -> String {
    format!(
        "[[exec]]\ncommand = ['sh', '-c', 'seq 1 {samples} | while read i; do echo \"n=$i timestamp=$((1700000000 + i))\"; done']\n"
    )
}

fn all(samples: u32) -> BTreeSet<u32> {
    (1..=samples).collect()
}

#[test]
fn ticks_share_their_timestamp_and_the_first_comes_at_once() {
    let backend = Backend::start();
    let producer = Producer::start(
        &backend,
        "[[signal]]\nname = 'a'\nshape = 'sine'\nperiod_ms = 3600000\n[[signal]]\nname = 'b'\nshape = 'noise'\nperiod_ms = 3600000\n",
    );
    // A period is an hour, so only the samples of the start can arrive.
    backend.wait_for("two signals", |seen| seen.signals.len() == 2);
    assert_eq!(backend.seen().timestamps.len(), 1, "one instant, one object");
    producer.terminate();
}

#[test]
fn a_finite_source_ends_the_producer_with_everything_sent() {
    let backend = Backend::start();
    let mut producer = Producer::start(&backend, &counting(2_000));
    assert_eq!(producer.exit_code(), Some(0));
    assert_eq!(backend.seen().numbers, all(2_000));
    assert_eq!(producer.spooled_files(), 0);
}

#[test]
fn retry_after_is_honoured() {
    let backend = Backend::start();
    backend.set(Mode::Busy { retry_after: 1 });
    let producer = Producer::start(&backend, "[[signal]]\nname = 'a'\nshape = 'sine'\nperiod_ms = 50\n");
    backend.wait_for("three refusals", |seen| seen.refusals.len() >= 3);
    let refusals = backend.seen().refusals;
    for pair in refusals.windows(2) {
        assert!(pair[1] - pair[0] >= seconds(1), "{:?} apart", pair[1] - pair[0]);
    }
    backend.set(Mode::Store);
    backend.wait_for("samples", |seen| seen.samples > 0);
    producer.terminate();
}

#[test]
fn a_backend_that_goes_away_and_returns_gets_everything() {
    let mut backend = Backend::start();
    backend.set(Mode::Busy { retry_after: 0 });
    let mut producer = Producer::start(&backend, &counting(500));
    backend.wait_for("a refusal", |seen| !seen.refusals.is_empty());
    backend.go_away();
    producer.wait_for_spool();
    backend.set(Mode::Store);
    backend.come_back();
    // The source has ended, so the producer may end while the backend is away: then the next one delivers.
    if producer.exit_code() == Some(0) && backend.seen().numbers != all(500) {
        producer.restart(&backend, "[[host]]\nperiod_ms = 3600000\n");
    }
    backend.wait_for("all numbers", |seen| seen.numbers == all(500));
}

#[test]
fn termination_flushes_what_is_still_in_memory() {
    let backend = Backend::start();
    // The batch would wait for a minute and the next tick for an hour; the signal sends the first sample.
    let slow =
        "[uplink]\nbatch_age_ms = 60000\n[[signal]]\nname = 'a'\nshape = 'sine'\nperiod_ms = 3600000\n";
    let mut producer = Producer::start(&backend, slow);
    producer.wait_for_log("simulated signals start");
    assert_eq!(producer.signal("-TERM"), Some(0));
    assert_eq!(backend.seen().samples, 1);
    assert_eq!(producer.spooled_files(), 0);
}

#[test]
fn termination_while_the_backend_is_down_spools_and_the_next_start_sends() {
    let mut backend = Backend::start();
    backend.go_away();
    let mut producer = Producer::start(&backend, &format!("{}[[host]]\n", counting(300)));
    producer.wait_for_spool();
    // The generator's words, once it has handed on all lines; the program's own end is logged with its exit status.
    producer.wait_for_log("has ended\n");
    assert_eq!(producer.signal("-INT"), Some(0));
    assert!(producer.spooled_files() > 0);
    backend.come_back();
    producer.restart(&backend, "[[host]]\n");
    backend.wait_for("all numbers", |seen| seen.numbers == all(300));
    assert_eq!(producer.signal("-TERM"), Some(0));
    assert_eq!(producer.spooled_files(), 0);
}

#[test]
fn a_kill_loses_nothing_that_was_spooled() {
    let mut backend = Backend::start();
    backend.go_away();
    let mut producer = Producer::start(&backend, &format!("{}[[host]]\n", counting(300)));
    producer.wait_for_log("has ended");
    producer.wait_for_spooled_second(1700000300);
    assert_eq!(producer.signal("-KILL"), None);
    producer.tear_newest_segment();
    backend.come_back();
    producer.restart(&backend, "[[host]]\n");
    backend.wait_for("all numbers", |seen| seen.numbers == all(300));
    producer.wait_for_log("no whole record");
    producer.terminate();
}

#[test]
fn a_kill_while_the_backend_is_silent_loses_nothing_older_than_the_hold_time() {
    let backend = Backend::start();
    backend.set(Mode::Silent);
    let config = format!("[uplink]\nhold_ms = 100\ntimeout_ms = 300000\n{}[[host]]\n", counting(50));
    let mut producer = Producer::start(&backend, &config);
    producer.wait_for_spooled_second(1700000050);
    assert_eq!(producer.signal("-KILL"), None);
    backend.set(Mode::Store);
    producer.restart(&backend, "[[host]]\n");
    backend.wait_for("all numbers", |seen| seen.numbers == all(50));
    producer.terminate();
}

#[test]
fn too_large_batches_are_split() {
    let backend = Backend::start();
    backend.set(Mode::AtMost { bytes: 1_000 });
    let mut producer = Producer::start(&backend, &counting(200));
    assert_eq!(producer.exit_code(), Some(0));
    assert_eq!(backend.seen().numbers, all(200));
}

#[test]
fn a_refused_batch_is_dropped_and_the_log_says_why() {
    let backend = Backend::start();
    backend.set(Mode::Refuse { status: 422 });
    let mut producer = Producer::start(&backend, &counting(5));
    assert_eq!(producer.exit_code(), Some(0));
    assert!(producer.log().contains("status 422"), "{}", producer.log());
    assert!(producer.log().contains("rejected 5"), "{}", producer.log());
}

#[test]
fn denied_access_loses_nothing_and_the_log_says_to_check_the_key() {
    for status in [401, 403] {
        let backend = Backend::start();
        backend.set(Mode::Refuse { status });
        let mut producer = Producer::start(&backend, &counting(5));
        assert_eq!(producer.exit_code(), Some(0));
        assert!(producer.log().contains(&format!("check the key: status {status}")), "{}", producer.log());
        backend.set(Mode::Store);
        producer.restart(&backend, "[[host]]\n");
        backend.wait_for("all numbers", |seen| seen.numbers == all(5));
        producer.terminate();
    }
}

#[test]
fn a_replayed_file_arrives_with_its_own_timestamps() {
    let backend = Backend::start();
    let rows: String = (1..=1_000).map(|i| format!("{},{i}\n", 1_700_000_000 + i)).collect();
    let mut producer = Producer::prepare();
    producer.write("recorded.csv", &format!("timestamp,n\n{rows}"));
    producer.restart(&backend, "[[csv]]\nfile = 'recorded.csv'\nspeed = 10000\n");
    assert_eq!(producer.exit_code(), Some(0));
    assert_eq!(backend.seen().numbers, all(1_000));
}

#[test]
fn lines_of_the_standard_input_are_sent_and_unusable_ones_logged() {
    let backend = Backend::start();
    let input = r#"{"timestamp": 1700000001, "signals": {"n": 1}}
        n=2 timestamp=1700000002
        nonsense
        {"timestamp": 1700000003, "n": 3, "x": null}"#;
    let mut producer = Producer::start_with_input(&backend, "[[exec]]\nstdin = true\n", input);
    assert_eq!(producer.exit_code(), Some(0));
    assert_eq!(backend.seen().numbers, all(3));
    assert!(producer.log().contains("not name=value"), "{}", producer.log());
}

#[test]
fn a_program_that_ends_is_run_again() {
    let backend = Backend::start();
    let config = "[[exec]]\ncommand = ['sh', '-c', 'echo x=1']\nrestart_ms = 1\n";
    let producer = Producer::start(&backend, config);
    backend.wait_for("three runs", |seen| seen.timestamps.len() >= 3);
    producer.terminate();
}

/// A process that a program has started keeps a file locked as long as it runs.
#[test]
fn a_producer_that_is_killed_leaves_no_process_of_its_programs() {
    let backend = Backend::start();
    let config = "[[exec]]\ncommand = ['flock', 'lock', 'sh', '-c', 'sleep 1000 & echo x=1; wait']\n";
    let mut producer = Producer::start(&backend, config);
    backend.wait_for("a sample", |seen| !seen.timestamps.is_empty());
    assert!(producer.is_locked("lock"));
    producer.signal("-KILL");
    poll("the end of all processes", || (!producer.is_locked("lock")).then_some(()));
}
