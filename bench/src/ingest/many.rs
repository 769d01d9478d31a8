//! Many signals, each with one sample in a body, as fleets and factories send them. Requests may be refused here: refusals are
//! counted, and what a sample costs is what one that was accepted costs.

use anyhow::Result;

use crate::figures::{float, median, megabytes, print_table, progress, ratio, show};
use crate::lab::Lab;
use crate::load::{self, Outcome, Plan};
use crate::samples::{Shape, Source};
use crate::systems::{OURS, PEERS, System, data_bytes};

const SIGNALS: [u64; 4] = [1_000, 5_000, 20_000, 100_000];

/// In each round.
const SAMPLES: u64 = 10_000_000;

/// What one round came to.
struct Round {
    outcome: Outcome,
    /// Bytes written by the server until it was idle.
    written: u64,
    /// Bytes of its files then.
    kept: u64,
    /// Bytes resident then.
    resident: u64,
}

pub(super) fn run(lab: &Lab, rounds: u8) -> Result<()> {
    let alone = lab.systems.len() == 1;
    // A signal is a field to InfluxDB, which is not made for thousands of them.
    let systems: Vec<&dyn System> = if alone { vec![OURS] } else { vec![OURS, PEERS[0]] };
    let mut rows = Vec::new();
    for signals in SIGNALS {
        let requests = lab.scaled(SAMPLES).div_ceil(signals);
        let plan = Plan { signals, instants: 1, requests, connections: 4 };
        let mut results: Vec<_> = systems.iter().map(|_| Vec::new()).collect();
        for round in 1..=rounds {
            for (system, results) in systems.iter().zip(&mut results) {
                progress(&format!(
                    "{} signals, round {round} of {rounds}: {}",
                    show(float(signals)),
                    system.name()
                ));
                results.push(measure(lab, *system, plan)?);
            }
        }
        let ours = cpu(&results[0]);
        rows.extend(systems.iter().zip(&results).map(|(system, rounds)| row(*system, plan, rounds, ours)));
    }
    print_table(
        &format!(
            "Many signals, one sample of each in a body, 4 connections, {} samples offered, median of {rounds} rounds in turns",
            show(float(lab.scaled(SAMPLES)))
        ),
        [
            "signals",
            "system",
            "requests accepted",
            "refused (503)",
            "samples/s accepted",
            "CPU us/accepted sample, until idle",
            "ours / this",
            "bytes written a sample",
            "bytes kept a sample, running",
            "resident MB",
        ],
        &rows,
    );
    Ok(())
}

fn measure(lab: &Lab, system: &dyn System, plan: Plan) -> Result<Round> {
    let folder = lab.folder()?;
    let server = lab.start(system, folder.path())?;
    lab.note(&format!("{}: POST {}", system.name(), system.write_path()));
    let outcome = load::run(system, &server, &mut Source::new(Shape::Walk, plan.signals), plan)?;
    let (written, resident) = (server.written()?, server.memory("VmRSS")?);
    Ok(Round { outcome, written, kept: data_bytes(system, folder.path())?, resident })
}

fn cpu(rounds: &[Round]) -> f64 {
    median(rounds.iter().map(|round| round.outcome.cpu_until_idle_per_sample()).collect())
}

fn row(system: &dyn System, plan: Plan, rounds: &[Round], ours: f64) -> [String; 10] {
    let over = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let samples = |round: &Round| float(round.outcome.samples);
    [
        show(float(plan.signals)),
        system.name().into(),
        show(over(|round| float(round.outcome.requests))),
        show(over(|round| float(round.outcome.refused))),
        show(over(|round| round.outcome.samples_per_second())),
        show(cpu(rounds)),
        ratio(ours, cpu(rounds)),
        show(median(rounds.iter().map(|round| float(round.written) / samples(round)).collect())),
        show(median(rounds.iter().map(|round| float(round.kept) / samples(round)).collect())),
        megabytes(median(rounds.iter().map(|round| float(round.resident)).collect()) as u64),
    ]
}
