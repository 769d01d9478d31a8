//! Memory once ten million samples have been taken in and asked for.

use anyhow::Result;

use crate::figures::{float, megabytes, print_table, progress, ratio, show};
use crate::http::{download, fetch};
use crate::lab::Lab;
use crate::load::{self, Plan};
use crate::samples::{Shape, Span};

const SAMPLES: u64 = 10_000_000;

pub(super) fn run(lab: &Lab) -> Result<()> {
    let plan = Plan::bulk(5, lab.scaled(SAMPLES));
    let span = Span::first(plan.instants_in_all());
    let mut memory = Vec::new();
    for system in &lab.systems {
        progress(&format!("memory: {}", system.name()));
        let folder = lab.folder()?;
        let server = lab.start(*system, folder.path())?;
        load::store(lab, *system, &server, Shape::Walk, plan)?;
        let after_ingest = server.memory("VmRSS")?;
        for _ in 0..10 {
            fetch(&server.address, "GET", &system.reduced(span, 900))?;
        }
        let after_charts = server.memory("VmRSS")?;
        if let Some((_, path)) = system.exports(span).first() {
            download(&server.address, path)?;
        }
        server.wait_until_idle()?;
        memory.push([
            after_ingest,
            after_charts,
            server.memory("VmRSS")?,
            server.memory("RssAnon")?,
            server.memory("VmHWM")?,
        ]);
    }
    let ours = memory.first().copied().unwrap_or_default();
    let row = |(system, this): (&&dyn crate::systems::System, &[u64; 5])| {
        let [ingest, charts, export, anonymous, peak] = this.map(megabytes);
        let ratio = ratio(float(ours[2]), float(this[2]));
        [system.name().into(), ingest, charts, export, anonymous, peak, ratio]
    };
    print_table(
        &format!(
            "Resident memory in MB after {} samples of 5 signals, then 10 charts of 1,800 points from one of them, \
             then its export",
            show(float(plan.samples()))
        ),
        [
            "system",
            "samples in",
            "charts out",
            "export out",
            "of it not files",
            "peak",
            "ours / this, at the end",
        ],
        &lab.systems.iter().zip(&memory).map(row).collect::<Vec<_>>(),
    );
    Ok(())
}
