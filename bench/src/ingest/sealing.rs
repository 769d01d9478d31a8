//! Whether clients feel it when our backend seals: the time to an answer with sealings under way, and without any.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::figures::{float, millis, print_table, progress, show};
use crate::http::{self, Connection, fetch};
use crate::lab::Lab;
use crate::samples::{Shape, Source};
use crate::server::Server;
use crate::systems::{OURS, metric};

/// Too few samples for a sealing.
const REQUESTS: u64 = 400;

/// Fresh servers that get so few; then one gets as many as all of them.
const SERVERS: u64 = 10;

const SIGNALS: u64 = 5;

/// Of each signal in a request.
const INSTANTS: u64 = 200;

/// From one request to the next: about an eighth of what a processor can take.
const PAUSE: Duration = Duration::from_millis(1);

pub(super) fn run(lab: &Lab) -> Result<()> {
    progress("sealing");
    let requests = lab.scaled(REQUESTS);
    let mut without = Outcome::default();
    for _ in 0..SERVERS {
        let folder = lab.folder()?;
        let server = lab.start(OURS, folder.path())?;
        without.post(&server, requests)?;
    }
    let folder = lab.folder()?;
    let server = lab.start(OURS, folder.path())?;
    let mut with = Outcome::default();
    with.post(&server, requests * SERVERS)?;
    print_table(
        &format!(
            "Afterglow's answers to {} requests of {} samples, one each ms: ms from request to answer",
            show(float(requests * SERVERS)),
            show(float(SIGNALS * INSTANTS))
        ),
        ["", "sealings meanwhile", "median", "99th percentile", "99.9th percentile", "longest"],
        &[without.row("before the first sealing"), with.row("sealing again and again")],
    );
    Ok(())
}

#[derive(Default)]
struct Outcome {
    /// Milliseconds to each answer.
    took: Vec<f64>,
    sealings: u64,
}

impl Outcome {
    fn post(&mut self, server: &Server, requests: u64) -> Result<()> {
        let mut source = Source::new(Shape::Walk, SIGNALS);
        let mut request = || {
            let mut body = Vec::new();
            OURS.encode(&source.batch(INSTANTS), &mut body);
            http::post(OURS.write_path(), &body)
        };
        let requests: Vec<_> = (0..requests).map(|_| request()).collect();
        let mut connection = Connection::open(&server.address)?;
        let mut due = Instant::now();
        for request in &requests {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let sent = Instant::now();
            connection.send(request)?;
            self.took.push(millis(sent.elapsed()));
            // What was late is not caught up with: the question is about single answers.
            due = sent + PAUSE;
        }
        // Absent until there is one.
        let metrics = fetch(&server.address, "GET", "/metrics")?;
        self.sealings += metric(&metrics, "afterglow_stage_seconds_count{stage=\"seal\"}").unwrap_or(0);
        Ok(())
    }

    fn row(mut self, name: &str) -> [String; 6] {
        self.took.sort_by(f64::total_cmp);
        let last = self.took.len().saturating_sub(1);
        let within =
            |thousandths| show(self.took.get(last * thousandths / 1_000).copied().unwrap_or(f64::NAN));
        let [median, p99, p999, longest] = [500, 990, 999, 1_000].map(within);
        [name.into(), self.sealings.to_string(), median, p99, p999, longest]
    }
}
