//! Two million samples of one signal: reduced to a chart, and exported whole.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::figures::{float, median, megabytes, millis, print_table, progress, ratio, show};
use crate::http::{download, fetch};
use crate::lab::Lab;
use crate::load::{self, Plan};
use crate::samples::{STEP_MILLISECONDS, Shape, Span};
use crate::server::Server;
use crate::systems::System;

const SAMPLES: u64 = 2_000_000;

/// Each becomes two points, its lowest and its highest value.
const STRETCHES: u64 = 900;

const ROUNDS: u32 = 10;
const EXPORT_ROUNDS: u32 = 3;

pub(crate) fn run(lab: &Lab) -> Result<()> {
    let plan = Plan::bulk(1, lab.scaled(SAMPLES));
    let span = Span::first(plan.instants_in_all());
    let folders = lab.systems.iter().map(|_| lab.folder()).collect::<Result<Vec<_>>>()?;
    for (system, folder) in lab.systems.iter().zip(&folders) {
        progress(&format!("filling {}", system.name()));
        let server = lab.start(*system, folder.path())?;
        load::store(lab, *system, &server, Shape::Walk, plan)?;
        lab.seal(*system, server)?;
    }
    let cold = if drop_page_cache() {
        lab.note("echo 1 > /proc/sys/vm/drop_caches");
        "first after a restart, nothing cached"
    } else {
        "first after a restart"
    };
    let mut subjects = Vec::new();
    for (system, folder) in lab.systems.iter().zip(&folders) {
        let server = lab.start(*system, folder.path())?;
        let first = time_reduced(*system, &server, span)?.wall;
        subjects.push(Subject { system: *system, server, first, warm: Vec::new(), exports: Vec::new() });
    }
    measure(&mut subjects, span)?;
    print(lab, &subjects, span, cold)
}

/// A system with its data, and what was measured on it.
struct Subject {
    system: &'static dyn System,
    server: Server,
    first: Duration,
    warm: Vec<Took>,
    exports: Vec<Export>,
}

struct Took {
    wall: Duration,
    cpu: Duration,
    points: usize,
}

struct Export {
    content_type: &'static str,
    path: String,
    bytes: u64,
    took: Vec<Took>,
}

/// In turns, since the machine's own speed drifts.
fn measure(subjects: &mut [Subject], span: Span) -> Result<()> {
    for round in 0..ROUNDS {
        progress(&format!("round {} of {ROUNDS}", round + 1));
        for subject in &mut *subjects {
            let took = time_reduced(subject.system, &subject.server, span)?;
            subject.warm.push(took);
        }
    }
    for subject in &mut *subjects {
        subject.exports = offered_exports(subject, span)?;
    }
    for round in 0..EXPORT_ROUNDS {
        progress(&format!("exports, round {} of {EXPORT_ROUNDS}", round + 1));
        for subject in &mut *subjects {
            for export in &mut subject.exports {
                let cpu = subject.server.cpu()?;
                let took = download(&subject.server.address, &export.path)?.took;
                let cpu = subject.server.cpu()?.saturating_sub(cpu);
                export.took.push(Took { wall: took, cpu, points: 0 });
            }
        }
    }
    Ok(())
}

fn time_reduced(system: &dyn System, server: &Server, span: Span) -> Result<Took> {
    let path = system.reduced(span, STRETCHES);
    let (start, cpu) = (Instant::now(), server.cpu()?);
    let answer = fetch(&server.address, "GET", &path).with_context(|| system.name().to_owned())?;
    let (wall, cpu) = (start.elapsed(), server.cpu()?.saturating_sub(cpu));
    let points = system.count_points(&String::from_utf8(answer)?);
    // An empty answer would give a misleadingly good figure.
    if points.abs_diff(usize::try_from(2 * STRETCHES)?) > 20 {
        bail!("{} answered with {points} points", system.name());
    }
    Ok(Took { wall, cpu, points })
}

/// Those whose answer has the expected content type: a server that does not know a format sends another.
fn offered_exports(subject: &Subject, span: Span) -> Result<Vec<Export>> {
    let mut exports = Vec::new();
    for (content_type, path) in subject.system.exports(span) {
        let Ok(seen) = download(&subject.server.address, &path) else { continue };
        if seen.content_type.starts_with(content_type) {
            exports.push(Export { content_type, path, bytes: seen.bytes, took: Vec::new() });
        }
    }
    // Value and separator of a sample take more than this, whatever the format.
    let least = (span.to - span.from) / STEP_MILLISECONDS * 8;
    match exports.iter().find(|export| export.bytes < least) {
        Some(export) => bail!("{} exported only {} bytes", subject.system.name(), export.bytes),
        None if exports.is_empty() => bail!("{} exports nothing", subject.system.name()),
        None => Ok(exports),
    }
}

fn print(lab: &Lab, subjects: &[Subject], span: Span, cold: &str) -> Result<()> {
    let wall = |took: &[Took]| median(took.iter().map(|took| millis(took.wall)).collect());
    // The clock of CPU time ticks every 10 ms: a mean over all rounds sees finer than a median.
    let cpu = |took: &[Took]| {
        show(took.iter().map(|took| millis(took.cpu)).sum::<f64>() / float(took.len() as u64))
    };
    let ours = subjects.first().context("no systems")?;
    let our_export = ours.exports.iter().map(|export| wall(&export.took)).fold(f64::NAN, f64::min);
    let (mut reduced, mut exported) = (Vec::new(), Vec::new());
    for Subject { system, first, warm, exports, .. } in subjects {
        lab.note(&format!("{}: GET {}", system.name(), system.reduced(span, STRETCHES)));
        reduced.push([
            system.name().into(),
            warm.first().map_or(0, |took| took.points).to_string(),
            show(millis(*first)),
            show(wall(warm)),
            cpu(warm),
            ratio(millis(ours.first), millis(*first)),
            ratio(wall(&ours.warm), wall(warm)),
        ]);
        for export in exports {
            lab.note(&format!("{}: GET {}", system.name(), export.path));
            let took = wall(&export.took);
            exported.push([
                system.name().into(),
                export.content_type.into(),
                megabytes(export.bytes),
                show(took),
                cpu(&export.took),
                ratio(our_export, took),
            ]);
        }
    }
    let samples = show(float((span.to - span.from) / STEP_MILLISECONDS + 1));
    print_table(
        &format!(
            "{samples} samples of one signal to the lowest and highest of {STRETCHES} stretches; warm: median of \
             {ROUNDS}"
        ),
        [
            "system",
            "points",
            &format!("ms, {cold}"),
            "ms, warm",
            "CPU ms, warm",
            "ours / this, first",
            "ours / this, warm",
        ],
        &reduced,
    );
    print_table(
        &format!(
            "{samples} samples of one signal exported, to the last byte; median of {EXPORT_ROUNDS}; ratios are to \
             our fastest format"
        ),
        ["system", "format", "MB", "ms", "CPU ms", "ours / this"],
        &exported,
    );
    Ok(())
}

/// False where the machine does not allow it.
fn drop_page_cache() -> bool {
    rustix::fs::sync();
    fs::write("/proc/sys/vm/drop_caches", "1").is_ok()
}
