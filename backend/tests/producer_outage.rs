//! The real producer against a backend that goes away: every sample arrives, once.

use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::harness::{Backend, eventually, producer};

/// How long the backend is away.
const OUTAGE: Duration = Duration::from_secs(20);

/// Two signals at 500 samples a second each, for longer than the outage.
const ROWS: usize = 15_000;

/// A producer, killed when dropped.
struct Producer(Child);

impl Drop for Producer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn every_sample_of_an_outage_is_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let mut rows = String::from("timestamp,a,b\n");
    for row in 0..ROWS {
        writeln!(rows, "{},{row},-{row}", 1_700_000_000_000 + 2 * row).unwrap();
    }
    std::fs::write(folder.path().join("recorded.csv"), rows).unwrap();
    let config = folder.path().join("producer.toml");
    std::fs::write(&config, "[[csv]]\nfile = \"recorded.csv\"\ntimestamps = \"original\"\n").unwrap();

    let backend = Backend::start(&database);
    let address = backend.address().to_owned();
    let command = Command::new(producer())
        .arg("--config")
        .arg(&config)
        .args(["--backend", &format!("http://{address}")])
        .stdin(Stdio::null())
        .spawn();
    let _producer = Producer(command.unwrap());
    eventually("there is load", || backend.metric("afterglow_samples_committed_total") > 1_000.0);
    backend.kill_nine();
    std::thread::park_timeout(OUTAGE);

    let backend = Backend::start_with(&database, &address, &[]);
    eventually("every sample has arrived", || {
        let samples = backend.samples();
        samples.len() == 2 && samples.values().all(|samples| samples.len() == ROWS)
    });
    for (signal, sign) in [("a", 1.0), ("b", -1.0)] {
        let samples = &backend.samples()[signal];
        assert!(
            samples.iter().zip(0_u32..).all(|((_, value), row)| *value == sign * f64::from(row)),
            "{signal}"
        );
        assert!(samples.is_sorted_by(|a, b| a.0 < b.0), "{signal}");
    }
    backend.close();
}
