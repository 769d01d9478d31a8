//! Alerts: how long after a sample was accepted its webhook arrives, beside Prometheus with Alertmanager; what rules cost ingest; a storm; back-tests.

mod backtest;
mod busy;
mod cost;
mod crossing;
mod delay;
mod peer;
mod receiver;
mod storm;

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::Common;
use crate::http::{self, Connection};
use crate::lab::Lab;

/// What `cargo xtask bench alerts` can be told.
#[derive(Args)]
pub(crate) struct Options {
    /// Only these parts, separated by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Measure only our backend
    #[arg(long)]
    alone: bool,
    /// Turns of the loads, 1 to 99
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..100))]
    rounds: u8,
    /// Part of the samples and crossings, for trying things out
    #[arg(long, default_value_t = 1.0, value_parser = crate::scale)]
    scale: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// From the acceptance of a sample to its webhook
    Delay,
    /// The same while the server seals, exports and tests rules
    Busy,
    /// CPU per sample with rules that do not fire
    Cost,
    /// 10,000 signals that cross in one batch
    Storm,
    /// A month of a sample a second
    Backtest,
}

impl Options {
    /// The other measurements' options; the peers of these are not those of samples.
    pub(crate) fn common(&self) -> Common {
        Common { alone: true, scale: self.scale }
    }
}

pub(crate) fn run(lab: &Lab, options: &Options) -> Result<()> {
    let is_wanted = |part| options.only.is_empty() || options.only.contains(&part);
    if is_wanted(Part::Delay) {
        delay::run(lab, options.alone)?;
    }
    if is_wanted(Part::Busy) {
        delay::run_busy(lab)?;
    }
    if is_wanted(Part::Cost) {
        cost::run(lab, options.rounds)?;
    }
    if is_wanted(Part::Storm) {
        storm::run(lab)?;
    }
    if is_wanted(Part::Backtest) {
        backtest::run(lab)?;
    }
    Ok(())
}

/// POSTs JSON to a connection that stays open.
fn tell(connection: &mut Connection, path: &str, body: &str) -> Result<()> {
    connection.send(&http::post(path, body.as_bytes()))
}

/// A channel of ours that gets everything, and `rules`, in few requests.
fn set_up(address: &str, receiver: &receiver::Receiver, rules: &[String]) -> Result<Connection> {
    let mut connection = Connection::open(address)?;
    let url = receiver.url();
    let channel = format!(r#"{{"id":"ops","kind":"webhook","url":"{url}","default":true}}"#);
    tell(&mut connection, "/api/channels", &channel)?;
    add_rules(&mut connection, rules)?;
    Ok(connection)
}

fn add_rules(connection: &mut Connection, rules: &[String]) -> Result<()> {
    for some in rules.chunks(500) {
        tell(connection, "/api/rules", &format!(r#"{{"rules":[{}]}}"#, some.join(",")))?;
    }
    Ok(())
}

/// A rule of ours with one limit.
fn rule(id: &str, signals: &str, limit: f64) -> String {
    format!(
        r#"{{"id":"{id}","title":"{id}","signals":["{signals}"],"is":"above","levels":[{{"limit":{limit}}}],"min_interval":0}}"#
    )
}

/// Waits until `condition` holds, or for `patience`; whether it held.
fn until(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < patience {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    condition()
}
