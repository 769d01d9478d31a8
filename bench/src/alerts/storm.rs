//! 10,000 signals that cross in one batch.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::receiver::Receiver;
use super::{rule, set_up, tell};
use crate::figures::{megabytes, print_table, progress, show};
use crate::http::{Connection, post};
use crate::lab::Lab;

const SIGNALS: u64 = 10_000;

/// How long the ordinary client is watched before the storm, and after it.
const CALM: Duration = Duration::from_secs(10);
const AFTER: Duration = Duration::from_secs(20);

/// What a storm did to others.
struct Watched {
    /// An ordinary client's requests before it, and after it began: when each began, and how long it took.
    calm: Vec<(Instant, Duration)>,
    during: Vec<(Instant, Duration)>,
    /// When it began.
    storm: Instant,
    /// Bytes of resident memory.
    before: u64,
    peak: u64,
}

pub(super) fn run(lab: &Lab) -> Result<()> {
    progress("storm");
    let (folder, receiver) = (lab.folder()?, Receiver::new("rule")?);
    let server = lab.start(lab.systems[0], folder.path())?;
    let mut connection = set_up(&server.address, &receiver, &[rule("hot", "storm*", 80.0)])?;
    let all = |value: u32| {
        let values: Vec<String> = (0..SIGNALS).map(|number| format!("\"storm{number}\":{value}")).collect();
        format!("{{\"signals\":{{{}}}}}", values.join(","))
    };
    tell(&mut connection, "/api/telemetry", &all(20))?;
    server.wait_until_idle()?;
    let stopping = AtomicBool::new(false);
    let Watched { calm, during, storm, before, peak } = thread::scope(|scope| -> Result<Watched> {
        let ordinary = scope.spawn(|| ordinary(&server.address, &stopping));
        thread::sleep(CALM);
        let before = server.memory("VmRSS")?;
        let storm = Instant::now();
        tell(&mut connection, "/api/telemetry", &all(90))?;
        let mut peak = before;
        while storm.elapsed() < AFTER {
            peak = peak.max(server.memory("VmRSS")?);
            thread::sleep(Duration::from_millis(10));
        }
        stopping.store(true, Ordering::Relaxed);
        let took = ordinary.join().unwrap_or_else(|_| bail!("the client broke"))?;
        let (calm, during) = took.into_iter().partition(|(at, _)| *at < storm);
        Ok(Watched { calm, during, storm, before, peak })
    })?;
    let messages = receiver.messages();
    let first = messages.first().context("no message came")?;
    let p99 = |times: &[(Instant, Duration)]| {
        let mut times: Vec<f64> = times.iter().map(|(_, took)| took.as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        times.get((times.len() * 99).div_ceil(100).saturating_sub(1)).copied().unwrap_or(f64::NAN)
    };
    let named: u64 = messages.iter().map(|message| message.firing).sum();
    print_table(
        "10,000 signals cross in one batch; a client sends one sample every 10 ms",
        [
            "first message after, ms",
            "alerts in it",
            "messages in 20 s",
            "alerts in them",
            "resident MB before",
            "MB more at most",
            "ingest p99 before, ms",
            "in the 20 s, ms",
        ],
        &[[
            show(first.at.saturating_duration_since(storm).as_secs_f64() * 1e3),
            first.firing.to_string(),
            messages.len().to_string(),
            named.to_string(),
            megabytes(before),
            megabytes(peak.saturating_sub(before)),
            show(p99(&calm)),
            show(p99(&during)),
        ]],
    );
    Ok(())
}

/// When each of an ordinary client's requests began, and how long it took.
fn ordinary(address: &str, stopping: &AtomicBool) -> Result<Vec<(Instant, Duration)>> {
    let mut connection = Connection::open(address)?;
    let request = post("/api/telemetry", br#"{"signals":{"ordinary":1}}"#);
    let mut took = Vec::new();
    while !stopping.load(Ordering::Relaxed) {
        let start = Instant::now();
        connection.send(&request)?;
        took.push((start, start.elapsed()));
        thread::sleep(Duration::from_millis(10));
    }
    Ok(took)
}
