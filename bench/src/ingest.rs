//! What taking samples costs: CPU, throughput, memory, and the time to come back.

mod growth;
mod many;
mod memory;
mod restart;
mod sealing;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::Common;
use crate::figures::{float, median, print_table, progress, ratio, show};
use crate::lab::Lab;
use crate::load::{self, Outcome, Plan};
use crate::samples::Shape;
use crate::systems::{System, flask};

/// What `cargo xtask bench ingest` can be told.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Only these parts, separated by commas; those that are not measured otherwise have to be named
    #[arg(long, value_delimiter = ',', default_value = "bulk,small,many,memory,restart,sealing")]
    only: Vec<Part>,
    /// Turns of each load, 1 to 99
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..100))]
    rounds: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Bodies of 5,000 samples
    Bulk,
    /// Bodies of one object
    Small,
    /// Bodies of one sample each of 1,000 to 100,000 signals
    Many,
    /// Resident memory after 10 M samples
    Memory,
    /// Time from a kill to ready
    Restart,
    /// Time to an answer while samples are sealed
    Sealing,
    /// What a sample costs us when 1, 10 and 100 million are stored
    Growth,
    /// One-object posts to the design this project replaces, Flask on SQLite (needs python3-venv, and pip's index)
    Flask,
}

/// In each round of a load with big bodies.
const BULK_SAMPLES: u64 = 5_000_000;

/// In each round of one-object posts.
const SMALL_REQUESTS: u64 = 60_000;

const SMALL: &str = "one object of 5 samples";

pub(crate) fn run(lab: &Lab, options: &Options) -> Result<()> {
    let bulk = |signals| Plan::bulk(signals, lab.scaled(BULK_SAMPLES));
    let small = Plan { signals: 5, instants: 1, requests: lab.scaled(SMALL_REQUESTS), connections: 8 };
    let is_wanted = |part| options.only.contains(&part);
    let mut rows = Vec::new();
    if is_wanted(Part::Bulk) {
        rows.extend(compare(lab, options.rounds, "1,000 instants x 5 signals", bulk(5))?);
        rows.extend(compare(lab, options.rounds, "10 instants x 500 signals", bulk(500))?);
    }
    if is_wanted(Part::Small) {
        rows.extend(compare(lab, options.rounds, SMALL, small)?);
    }
    if is_wanted(Part::Flask) {
        rows.push(flask_row(lab)?);
    }
    if !rows.is_empty() {
        print_loads(options.rounds, &rows);
    }
    if is_wanted(Part::Many) {
        many::run(lab, options.rounds)?;
    }
    let others: [(Part, Measurement); 4] = [
        (Part::Memory, memory::run),
        (Part::Restart, restart::run),
        (Part::Sealing, sealing::run),
        (Part::Growth, growth::run),
    ];
    others.into_iter().filter(|(part, _)| is_wanted(*part)).try_for_each(|(_, run)| run(lab))
}

/// Prints its own table.
type Measurement = fn(&Lab) -> Result<()>;

fn print_loads(rounds: u8, rows: &[Row]) {
    print_table(
        &format!("Ingest, median of {rounds} rounds in turns, the same samples for all"),
        [
            "body",
            "connections",
            "system",
            "an answer means",
            "requests/s",
            "samples/s",
            "CPU us/sample",
            "the same until idle",
            "ours / this: samples/s",
            "ours / this: CPU",
            "ours / this: CPU until idle",
        ],
        rows,
    );
}

/// The medians of a system's rounds.
struct Medians {
    requests: f64,
    samples: f64,
    cpu: f64,
    cpu_until_idle: f64,
}

impl Medians {
    fn of(rounds: &[Outcome]) -> Self {
        let over = |figure: fn(&Outcome) -> f64| median(rounds.iter().map(figure).collect());
        Self {
            requests: over(Outcome::requests_per_second),
            samples: over(Outcome::samples_per_second),
            cpu: over(Outcome::cpu_per_sample),
            cpu_until_idle: over(Outcome::cpu_until_idle_per_sample),
        }
    }
}

type Row = [String; 11];

/// The systems take turns, since the machine's own speed drifts; each turn begins with nothing stored.
fn compare(lab: &Lab, rounds: u8, name: &str, plan: Plan) -> Result<Vec<Row>> {
    let mut outcomes: Vec<_> = lab.systems.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        for (system, outcomes) in lab.systems.iter().zip(&mut outcomes) {
            progress(&format!("{name}, round {round} of {rounds}: {}", system.name()));
            let folder = lab.folder()?;
            let server = lab.start(*system, folder.path())?;
            outcomes.push(load::store(lab, *system, &server, Shape::Walk, plan)?);
        }
    }
    let medians: Vec<_> = outcomes.iter().map(|outcomes| Medians::of(outcomes)).collect();
    let ours = medians.first();
    let ratio = |of: fn(&Medians) -> f64, this: &Medians| {
        ours.map_or_else(String::new, |ours| ratio(of(ours), of(this)))
    };
    let row = |(system, this): (&&dyn System, &Medians)| {
        [
            name.into(),
            plan.connections.to_string(),
            system.name().into(),
            system.promise().into(),
            show(this.requests),
            show(this.samples),
            show(this.cpu),
            show(this.cpu_until_idle),
            ratio(|medians| medians.samples, this),
            ratio(|medians| medians.cpu, this),
            ratio(|medians| medians.cpu_until_idle, this),
        ]
    };
    Ok(lab.systems.iter().zip(&medians).map(row).collect())
}

/// A reference, not a peer: one round, and few requests because each takes long.
fn flask_row(lab: &Lab) -> Result<Row> {
    progress("one-object posts: Flask");
    let requests = lab.scaled(SMALL_REQUESTS / 20);
    let this = Medians::of(&[flask::measure(lab, requests, 8)?]);
    let name = format!("{SMALL} ({} only)", show(float(requests)));
    let figures = [this.requests, this.samples, this.cpu, this.cpu_until_idle].map(show);
    let [requests, samples, cpu, cpu_until_idle] = figures;
    let (system, promise) = ("Flask on SQLite".into(), "on the disk".into());
    let none = String::new;
    Ok([name, "8".into(), system, promise, requests, samples, cpu, cpu_until_idle, none(), none(), none()])
}
