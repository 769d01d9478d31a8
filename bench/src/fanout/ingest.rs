//! Whether subscribers that want other signals make samples dearer.

use anyhow::Result;

use super::crowd::Crowd;
use super::hubs::OURS;
use super::hubs::afterglow::subscription;
use crate::figures::{median, print_table, progress, ratio, show};
use crate::lab::Lab;
use crate::load::{self, Plan};
use crate::samples::{Shape, Source};
use crate::systems;

const SUBSCRIBERS: [usize; 2] = [0, 200];

const SAMPLES: u64 = 5_000_000;

const ROUNDS: usize = 5;

pub(super) fn run(lab: &Lab) -> Result<()> {
    let [_, hub] = OURS;
    let plan = Plan::bulk(5, lab.scaled(SAMPLES));
    let mut figures = SUBSCRIBERS.map(|_| Vec::new());
    for round in 1..=ROUNDS {
        for (subscribers, figures) in SUBSCRIBERS.into_iter().zip(&mut figures) {
            progress(&format!("ingest beside {subscribers} subscribers, round {round} of {ROUNDS}"));
            let running = super::start(lab, hub)?;
            let server = &running.server;
            let crowd = Crowd::join(hub, &server.address, subscribers, &subscription("other.*"))?;
            let mut source = Source::new(Shape::Walk, plan.signals);
            figures.push(load::run(systems::OURS, server, &mut source, plan)?.cpu_per_sample());
            drop(crowd);
        }
    }
    let [without, with] = figures.map(median);
    print_table(
        &format!(
            "Ingest of 5 signals in bodies of 5,000 samples, CPU us/sample, median of {ROUNDS} rounds in turns"
        ),
        ["no subscribers", "200 subscribers to other signals", "ratio"],
        &[[show(without), show(with), ratio(with, without)]],
    );
    Ok(())
}
