//! Our backend beside its peers, in one run on loopback, with the same samples. Start it through
//! `cargo xtask bench ...`, which builds what it measures.
//!
//! `systems` is who is measured, `server` one running process of theirs, `samples` what they are fed, `load` and
//! `http` how; `ingest`, `disk`, `query`, `windows`, `fanout`, `alerts`, `bounds` and `access` are the measurements; `lab` is what they share.
#![expect(clippy::disallowed_methods, reason = "measuring time is what this program is for")]

mod access;
mod alerts;
mod bounds;
mod cleanup;
mod commands;
mod disk;
mod fanout;
mod fdatasync;
mod figures;
mod http;
mod ingest;
mod lab;
mod load;
mod packages;
mod query;
mod samples;
mod server;
mod systems;
mod websocket;
mod windows;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser};

use crate::lab::Lab;

#[derive(Parser)]
#[command(name = "cargo xtask bench", about = "Our backend beside its peers", max_term_width = 110)]
enum Bench {
    /// CPU per sample, samples and requests per second, memory, time to restart
    Ingest(ingest::Options),
    /// Bytes per sample once everything is in its final form
    Disk(Common),
    /// 2 M samples of one signal: reduced to a chart, and exported whole
    Query(Common),
    /// 10 M samples of one signal: 200 random windows, each in a random number of points
    Windows(Common),
    /// The live path: CPU per delivery, latency, memory per client, clients that never read
    Fanout(fanout::Options),
    /// Several servers on one PostgreSQL database: what each part of the work costs, and what follows for more of them
    Scale(fanout::scale::Options),
    /// Alerts: delay to the webhook beside Prometheus and Alertmanager, cost of rules, a storm, back-tests
    Alerts(alerts::Options),
    /// What a client elsewhere notices of attacks, and what they leave behind
    Bounds(bounds::Options),
    /// Keys: what checking one costs, small posts with and without, and what a tenant notices of a flood by another
    Access(access::Options),
    /// Used by `fanout`: a server that only writes
    #[command(hide = true)]
    Floor { address: String },
    /// Used by `bounds`: a server that takes connections and never reads
    #[command(hide = true)]
    Nobody { address: String },
}

/// What every measurement can be told.
#[derive(Args)]
struct Common {
    /// Measure only our backend
    #[arg(long)]
    alone: bool,
    /// Part of the samples and requests, for trying things out; figures to quote need 1
    #[arg(long, default_value_t = 1.0, value_parser = scale)]
    scale: f64,
}

fn scale(text: &str) -> Result<f64, String> {
    let scale = text.parse().ok().filter(|scale| (0.001..=100.0).contains(scale));
    scale.ok_or_else(|| "0.001 to 100 is expected".into())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let bench = Bench::parse();
    let lab = match &bench {
        Bench::Ingest(ingest::Options { common, .. })
        | Bench::Disk(common)
        | Bench::Query(common)
        | Bench::Windows(common) => Lab::open(common),
        Bench::Fanout(options) => Lab::open(&options.common()),
        Bench::Scale(options) => Lab::open(&options.common()),
        Bench::Alerts(options) => Lab::open(&options.common()),
        Bench::Bounds(options) => Lab::open(&options.common()),
        Bench::Access(options) => Lab::open(&options.common()),
        Bench::Floor { address } => return fanout::serve_floor(address),
        Bench::Nobody { address } => return bounds::nobody(address),
    }?;
    match &bench {
        Bench::Ingest(options) => ingest::run(&lab, options),
        Bench::Disk(_) => disk::run(&lab),
        Bench::Query(_) => query::run(&lab),
        Bench::Windows(_) => windows::run(&lab),
        Bench::Fanout(options) => fanout::run(&lab, options),
        Bench::Scale(options) => fanout::scale::run(&lab, options),
        Bench::Alerts(options) => alerts::run(&lab, options),
        Bench::Bounds(options) => bounds::run(&lab, options),
        Bench::Access(options) => access::run(&lab, options),
        Bench::Floor { .. } | Bench::Nobody { .. } => Ok(()),
    }?;
    lab.print_commands();
    Ok(())
}
