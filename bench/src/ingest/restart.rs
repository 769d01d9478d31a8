//! How long our backend takes to come back after it was killed, at several fills of the hot tier.

use anyhow::Result;

use crate::figures::{float, median, millis, print_table, progress, show};
use crate::lab::Lab;
use crate::load::{self, Plan};
use crate::samples::{Shape, Source};
use crate::systems::OURS;

/// The hot tier is emptied now and then; with steps smaller than what it holds, one of the kills meets it nearly full.
const STEP: u64 = 250_000;

const STEPS: usize = 8;

pub(super) fn run(lab: &Lab) -> Result<()> {
    progress("restarts");
    let plan = Plan::bulk(5, lab.scaled(STEP));
    let mut source = Source::new(Shape::Walk, plan.signals);
    let folder = lab.folder()?;
    let empty = lab.start(OURS, folder.path())?;
    let empty_took = millis(empty.ready_after);
    let mut server = empty;
    let mut took = Vec::new();
    for _ in 0..STEPS {
        load::run(OURS, &server, &mut source, plan)?;
        server.kill();
        server = lab.start(OURS, folder.path())?;
        took.push(millis(server.ready_after));
    }
    let worst = took.iter().copied().fold(0.0, f64::max);
    print_table(
        &format!(
            "Afterglow killed {STEPS} times, each after {} more samples: ms from start to the first good /health",
            show(float(plan.samples()))
        ),
        ["nothing stored", "median", "worst"],
        &[[show(empty_took), show(median(took)), show(worst)]],
    );
    Ok(())
}
