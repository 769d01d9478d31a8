//! Bytes per sample once everything is in its final form.

use anyhow::Result;

use crate::figures::{float, print_table, progress, ratio, show};
use crate::lab::Lab;
use crate::load::{self, Plan};
use crate::samples::Shape;
use crate::systems::{System, data_bytes};

/// Of each signal.
const SAMPLES: u64 = 1_000_000;

const SIGNALS: u64 = 5;

pub(crate) fn run(lab: &Lab) -> Result<()> {
    let plan = Plan::bulk(SIGNALS, lab.scaled(SIGNALS * SAMPLES));
    // What an instance takes besides its samples. Some of it is only made for the first of them.
    let one_instant = Plan { requests: 1, instants: 1, connections: 1, signals: SIGNALS };
    let fixed = |system: &&dyn System| bytes(lab, *system, Shape::Constant, one_instant);
    let fixed = lab.systems.iter().map(fixed).collect::<Result<Vec<_>>>()?;
    let mut rows = Vec::new();
    for shape in Shape::ALL {
        let mut sizes = Vec::new();
        for (system, fixed) in lab.systems.iter().zip(&fixed) {
            progress(&format!("{}: {}", shape.name(), system.name()));
            let bytes = bytes(lab, *system, shape, plan)?.saturating_sub(*fixed);
            sizes.push(float(bytes) / float(plan.samples()));
        }
        let ours = sizes.first().copied().unwrap_or(f64::NAN);
        for (system, size) in lab.systems.iter().zip(&sizes) {
            rows.push([shape.name().into(), system.name().into(), show(*size), ratio(ours, *size)]);
        }
    }
    let heading = format!(
        "Disk: {SIGNALS} signals, {} samples in all, 100 ms apart; flushed and merged, less an instance with one \
         instant",
        show(float(plan.samples()))
    );
    print_table(&heading, ["values", "system", "bytes/sample", "ours / this"], &rows);
    Ok(())
}

/// Fills a fresh instance and takes its size.
fn bytes(lab: &Lab, system: &dyn System, shape: Shape, plan: Plan) -> Result<u64> {
    let folder = lab.folder()?;
    let server = lab.start(system, folder.path())?;
    load::store(lab, system, &server, shape, plan)?;
    lab.seal(system, server)?;
    data_bytes(system, folder.path())
}
