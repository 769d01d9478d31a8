//! The command line: what it prints and how it exits.

use crate::harness::{Backend, Producer};

#[test]
fn check_prints_what_would_run() {
    let producer = Producer::prepare();
    producer.write("p.toml", "[[signal]]\nname = 'a'\nshape = 'noise'\n");
    let output = producer.run(&["--check", "--config", "p.toml"]);
    assert_eq!(output.code, Some(0));
    assert!(output.stdout.starts_with("signal a: "), "{}", output.stdout);
    assert!(!producer.exists("spool"), "a check starts nothing");
}

#[test]
fn a_wrong_configuration_exits_with_2_and_says_where() {
    let producer = Producer::prepare();
    producer.write("p.toml", "[[signal]]\nname = 'a'\nshape = 'noise'\nperiod_ms = 0\n");
    let output = producer.run(&["--check", "--config", "p.toml"]);
    assert_eq!(output.code, Some(2));
    assert_eq!(
        output.stderr,
        "error: p.toml: [[signal]] \"a\": `period_ms = 0` is not allowed; it takes a whole number from 1 to 86400000\n"
    );
    let output = producer.run(&["--config", "nowhere.toml"]);
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.starts_with("error: nowhere.toml: the file cannot be read"), "{}", output.stderr);
    assert_eq!(producer.run(&["--config", "p.toml", "--backend", "nonsense"]).code, Some(2));
}

#[test]
fn two_producers_do_not_share_a_spool() {
    let backend = Backend::start();
    let producer = Producer::start(&backend, "[[host]]\n");
    producer.wait_for_log("simulated signals start");
    let second = producer.run(&["--config", "p.toml", "--backend", &backend.address()]);
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("in use by another producer"), "{}", second.stderr);
    producer.terminate();
}
