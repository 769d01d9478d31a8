//! What rules that do not fire cost ingest.

use anyhow::Result;

use super::{add_rules, rule};
use crate::figures::{median, megabytes, print_table, progress, ratio, show};
use crate::http::Connection;
use crate::lab::Lab;
use crate::load::{self, Outcome, Plan};
use crate::samples::Shape;

/// In each round of a load.
const SAMPLES: u64 = 5_000_000;

/// A load: its signals, and its rules.
struct Load {
    name: &'static str,
    signals: u64,
    rules: u64,
    /// A rule is about one signal, or about all.
    pattern: fn(u64) -> String,
}

const LOADS: [Load; 4] = [
    Load { name: "500 signals, no rule", signals: 500, rules: 0, pattern: |_| String::new() },
    Load {
        name: "500 signals, 1,000 rules about one each",
        signals: 500,
        rules: 1_000,
        pattern: |number| format!("signal{}", number % 500),
    },
    Load { name: "1,000 signals, no rule", signals: 1_000, rules: 0, pattern: |_| String::new() },
    Load {
        name: "1,000 signals, 10,000 rules about all of them",
        signals: 1_000,
        rules: 10_000,
        pattern: |_| "signal*".to_owned(),
    },
];

pub(super) fn run(lab: &Lab, rounds: u8) -> Result<()> {
    let mut outcomes: Vec<Vec<(Outcome, u64)>> = LOADS.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        for (load, outcomes) in LOADS.iter().zip(&mut outcomes) {
            progress(&format!("cost: {}, round {round} of {rounds}", load.name));
            let (folder, system) = (lab.folder()?, lab.systems[0]);
            let server = lab.start(system, folder.path())?;
            let rules: Vec<String> = (0..load.rules)
                .map(|number| rule(&format!("r{number}"), &(load.pattern)(number), 1e9 + number as f64))
                .collect();
            add_rules(&mut Connection::open(&server.address)?, &rules)?;
            let plan = Plan::bulk(load.signals, lab.scaled(SAMPLES));
            let outcome = load::store(lab, system, &server, Shape::Walk, plan)?;
            outcomes.push((outcome, server.memory("VmHWM")?));
        }
    }
    let median_of = |load: usize, figure: fn(&Outcome) -> f64| {
        median(outcomes[load].iter().map(|(outcome, _)| figure(outcome)).collect())
    };
    let rows: Vec<[String; 6]> = LOADS
        .iter()
        .enumerate()
        .map(|(number, load)| {
            let without = number / 2 * 2;
            let [cpu, cpu_without] = [number, without].map(|load| median_of(load, Outcome::cpu_per_sample));
            let [idle, idle_without] =
                [number, without].map(|load| median_of(load, Outcome::cpu_until_idle_per_sample));
            let memory = outcomes[number].iter().map(|(_, memory)| *memory).max().unwrap_or(0);
            [
                load.name.to_owned(),
                show(cpu),
                ratio(cpu, cpu_without),
                show(idle),
                ratio(idle, idle_without),
                megabytes(memory),
            ]
        })
        .collect();
    print_table(
        &format!(
            "What rules that do not fire cost, median of {rounds} rounds, arrays of 5,000 samples on 4 connections"
        ),
        ["load", "CPU us/sample", "to without rules", "the same until idle", "to without rules", "peak MB"],
        &rows,
    );
    Ok(())
}
