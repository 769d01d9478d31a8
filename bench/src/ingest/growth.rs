//! Whether a sample costs our backend more when many are stored.

use anyhow::Result;

use crate::figures::{float, megabytes, print_table, progress, show};
use crate::lab::Lab;
use crate::load::{self, Plan};
use crate::samples::{Shape, Source};
use crate::systems::{OURS, data_bytes};

/// Stored in all, and how many of the last of them are measured.
const STAGES: [(u64, u64); 3] = [(1_000_000, 1_000_000), (10_000_000, 5_000_000), (100_000_000, 5_000_000)];

pub(super) fn run(lab: &Lab) -> Result<()> {
    let folder = lab.folder()?;
    let server = lab.start(OURS, folder.path())?;
    let mut source = Source::new(Shape::Walk, 5);
    let mut stored = 0;
    let mut rows = Vec::new();
    for (goal, measured) in STAGES.map(|(goal, measured)| (lab.scaled(goal), lab.scaled(measured))) {
        progress(&format!("growth to {} samples", show(float(goal))));
        let before = Plan::bulk(5, goal.saturating_sub(measured).saturating_sub(stored));
        load::run(OURS, &server, &mut source, before)?;
        let outcome = load::run(OURS, &server, &mut source, Plan::bulk(5, measured))?;
        stored += before.samples() + outcome.samples;
        rows.push([
            show(float(stored)),
            show(float(outcome.samples)),
            show(outcome.cpu_per_sample()),
            show(outcome.cpu_until_idle_per_sample()),
            show(outcome.samples_per_second()),
            megabytes(server.memory("VmRSS")?),
            show(float(data_bytes(OURS, folder.path())?) / float(stored)),
        ]);
    }
    print_table(
        "Afterglow as it grows, 5 signals, bodies of 5,000 samples",
        [
            "stored",
            "measured: the last",
            "CPU us/sample",
            "the same until idle",
            "samples/s",
            "resident MB",
            "bytes/sample on disk",
        ],
        &rows,
    );
    Ok(())
}
