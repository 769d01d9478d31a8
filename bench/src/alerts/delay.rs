//! From the acceptance of a sample that crosses a limit to the webhook, while 10,000 samples a second of 500 signals arrive and 1,000 rules are
//! evaluated.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::busy::{self, Done};
use super::crossing::{RULES, SIGNALS, Values, delays};
use super::peer::{self, Wait};
use super::receiver::Receiver;
use super::{rule, set_up, until};
use crate::figures::{print_table, progress, ratio, show};
use crate::http::{Connection, post};
use crate::lab::Lab;

/// Connections that send the values of all signals, each so often.
const CONNECTIONS: usize = 8;
const POSTS_PER_SECOND: u64 = 20;

/// Crossings a second.
const CROSSINGS_PER_SECOND: u64 = 16;

/// A webhook that has not come by then is lost.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn run(lab: &Lab, alone: bool) -> Result<()> {
    let crossings = usize::try_from(lab.scaled(RULES as u64))?.min(RULES);
    progress(&format!("delay: Afterglow, {crossings} crossings"));
    let ours = ours(lab, crossings, None)?;
    let mut rows = vec![row("Afterglow", &ours, &ours)];
    if !alone {
        for wait in [Wait::Zero, Wait::Default] {
            progress(&format!("delay: Prometheus with Alertmanager, {}", wait.name()));
            // A wait of 30 s needs few crossings to show itself.
            let some = if wait == Wait::Zero { crossings / 2 } else { crossings.min(60) };
            let theirs = peer::delays(lab, wait, some)?;
            rows.push(row(
                &format!("Prometheus + Alertmanager, 1 s scrape and evaluation, {}", wait.name()),
                &theirs,
                &ours,
            ));
        }
    }
    print_table(
        "From the acceptance of a sample to the arrival of its webhook, in milliseconds: 500 signals, 1,000 rules; ours with 10,000 samples/s",
        ["system", "crossings", "p50", "p99", "longest", "ours / this: p50"],
        &rows,
    );
    Ok(())
}

/// As Afterglow's row of [`run`], while samples are exported, rules are tested and more is sealed.
pub(super) fn run_busy(lab: &Lab) -> Result<()> {
    let crossings = usize::try_from(lab.scaled(RULES as u64))?.min(RULES);
    progress(&format!("delay: Afterglow, busy, {crossings} crossings"));
    let done = Done::default();
    let [name, crossings, p50, p99, longest, _] = row("Afterglow", &ours(lab, crossings, Some(&done))?, &[]);
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed).to_string();
    print_table(
        "The same while all samples are exported and a rule is tested on the old ones, again and again, and as many are sealed",
        ["system", "crossings", "p50", "p99", "longest", "exports", "tests"],
        &[[name, crossings, p50, p99, longest, count(&done.exports), count(&done.tests)]],
    );
    Ok(())
}

fn row(name: &str, delays: &[f64], ours: &[f64]) -> [String; 6] {
    let at = |delays: &[f64], percent: usize| {
        let place = (delays.len() * percent).div_ceil(100).saturating_sub(1);
        delays.get(place).copied().unwrap_or(f64::NAN)
    };
    [
        name.to_owned(),
        delays.len().to_string(),
        show(at(delays, 50)),
        show(at(delays, 99)),
        show(at(delays, 100)),
        ratio(at(ours, 50), at(delays, 50)),
    ]
}

/// The delays in milliseconds, in order. With `done` the server has more to do.
fn ours(lab: &Lab, crossings: usize, done: Option<&Done>) -> Result<Vec<f64>> {
    let (folder, receiver) = (lab.folder()?, Receiver::new("rule")?);
    let server = lab.start(lab.systems[0], folder.path())?;
    let rules: Vec<String> = (0..RULES)
        .map(|number| {
            rule(
                &format!("r{number}"),
                &format!("signal{}", number % SIGNALS),
                if number < SIGNALS { 80.0 } else { 90.0 },
            )
        })
        .collect();
    let mut connection = set_up(&server.address, &receiver, &rules)?;
    if done.is_some() {
        busy::fill(&mut connection, |samples| lab.scaled(samples))?;
    }
    drop(connection);
    let (values, start) = (Values::new(), Instant::now());
    let (accepted, stopping) = (Mutex::new(Vec::new()), AtomicU64::new(0));
    let feed = |number: u64| -> Result<()> {
        let mut connection = Connection::open(&server.address)?;
        let mut body = String::new();
        for turn in 0.. {
            if stopping.load(Ordering::Relaxed) > 0 {
                break;
            }
            let at =
                Duration::from_micros((turn * CONNECTIONS as u64 + number) * 1_000_000 / POSTS_PER_SECOND);
            thread::sleep(at.saturating_sub(start.elapsed()));
            body.clear();
            body.push_str("{\"signals\":{");
            for signal in 0..SIGNALS {
                let comma = if signal > 0 { "," } else { "" };
                let noise = (turn + signal as u64) % 10;
                write!(body, "{comma}\"signal{signal}\":{}.{noise}", values.get(signal))?;
            }
            body.push_str("}}");
            connection.send(&post("/api/telemetry", body.as_bytes()))?;
        }
        Ok(())
    };
    let cross = || -> Result<()> {
        let mut connection = Connection::open(&server.address)?;
        for number in 0..crossings {
            thread::sleep(Duration::from_micros(1_000_000 / CROSSINGS_PER_SECOND));
            let (signal, value) = (number % SIGNALS, if number < SIGNALS { 85 } else { 95 });
            let body = format!(r#"{{"signals":{{"signal{signal}":{value}}}}}"#);
            connection.send(&post("/api/telemetry", body.as_bytes()))?;
            let answered = Instant::now();
            // From now on the others send it, too: it does not recover.
            values.cross(number);
            if let Ok(mut accepted) = accepted.lock() {
                accepted.push((number, answered));
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let feeds: Vec<_> = (0..CONNECTIONS as u64).map(|number| scope.spawn(move || feed(number))).collect();
        let others = done.map(|done| {
            let (address, stopping) = (&server.address, &stopping);
            [
                scope.spawn(move || busy::export(address, done, stopping)),
                scope.spawn(move || busy::test(address, done, stopping)),
            ]
        });
        let crossed = scope.spawn(cross).join();
        until(PATIENCE, || (0..crossings).all(|number| receiver.named(&format!("r{number}")).is_some()));
        stopping.store(1, Ordering::Relaxed);
        for feed in feeds.into_iter().chain(others.into_iter().flatten()) {
            feed.join().unwrap_or_else(|_| bail!("a client broke"))?;
        }
        crossed.unwrap_or_else(|_| bail!("the client that crosses broke"))
    })?;
    let accepted = accepted.into_inner().unwrap_or_default();
    delays(&receiver, &accepted, |number| format!("r{number}"))
}
