//! Ten million samples of one signal, asked for in windows of random place, length and number of points: what a page asks for
//! while somebody drags and zooms.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::figures::{millis, print_table, progress, ratio, show};
use crate::http::fetch;
use crate::lab::Lab;
use crate::load::{self, Plan};
use crate::samples::{Random, STEP_MILLISECONDS, Shape, Span};
use crate::server::Server;
use crate::systems::System;

const SAMPLES: u64 = 10_000_000;

/// How many windows; each is asked for twice, so that the second time is warm.
const WINDOWS: usize = 200;

/// Half the points that are asked for: each stretch becomes two, its lowest and its highest value.
const STRETCHES: (i64, i64) = (50, 2_000);

/// Samples in a stretch at the least, so that every system has something to reduce.
const SAMPLES_IN_STRETCH: i64 = 4;

/// A question.
#[derive(Clone, Copy)]
struct Window {
    span: Span,
    stretches: u64,
}

pub(crate) fn run(lab: &Lab) -> Result<()> {
    let plan = Plan::bulk(1, lab.scaled(SAMPLES));
    let windows = windows(plan.instants_in_all())?;
    let mut subjects = Vec::new();
    // Kept until the end: the folders live as long as the servers.
    let folders = lab.systems.iter().map(|_| lab.folder()).collect::<Result<Vec<_>>>()?;
    for (system, folder) in lab.systems.iter().zip(&folders) {
        progress(&format!("filling {}", system.name()));
        let server = lab.start(*system, folder.path())?;
        load::store(lab, *system, &server, Shape::Walk, plan)?;
        lab.seal(*system, server)?;
        let server = lab.start(*system, folder.path())?;
        subjects.push((*system, server, [Vec::new(), Vec::new()]));
    }
    for round in 0..2 {
        for (number, window) in windows.iter().enumerate() {
            if number % 50 == 0 {
                progress(&format!("round {} of 2, window {number} of {WINDOWS}", round + 1));
            }
            for (system, server, took) in &mut subjects {
                took[round].push(time(*system, server, *window)?);
            }
        }
    }
    let mut rows = Vec::new();
    let figures: Vec<_> = subjects
        .iter_mut()
        .map(|(system, _, took)| (system.name(), took.each_mut().map(|took| percentiles(took))))
        .collect();
    let ours = figures.first().context("no systems")?.1;
    for (name, [first, warm]) in figures {
        rows.push([
            name.into(),
            show(first[0]),
            show(first[1]),
            show(warm[0]),
            show(warm[1]),
            show(warm[2]),
            ratio(ours[1][1], warm[1]),
        ]);
    }
    print_table(
        &format!(
            "{WINDOWS} random windows over {} samples of one signal, each in {} to {} points; milliseconds",
            show(plan.samples() as f64),
            2 * STRETCHES.0,
            2 * STRETCHES.1
        ),
        [
            "system",
            "first p50",
            "first p99",
            "again p50",
            "again p99",
            "again longest",
            "ours / this, again p99",
        ],
        &rows,
    );
    Ok(())
}

/// Windows of any length that has samples enough for the points.
fn windows(instants: u64) -> Result<Vec<Window>> {
    let all = i64::try_from(instants)?;
    let start = Span::first(instants).from;
    let mut random = Random(14);
    (0..WINDOWS)
        .map(|_| {
            let stretches = random.within(STRETCHES.0, STRETCHES.1);
            let length = random.within((stretches * SAMPLES_IN_STRETCH).min(all), all);
            let first = u64::try_from(random.within(0, all - length))?;
            let from = start + first * STEP_MILLISECONDS;
            let to = from + (u64::try_from(length)? - 1) * STEP_MILLISECONDS;
            Ok(Window { span: Span { from, to }, stretches: u64::try_from(stretches)? })
        })
        .collect()
}

fn time(system: &dyn System, server: &Server, window: Window) -> Result<Duration> {
    let path = system.reduced(window.span, window.stretches);
    let start = Instant::now();
    let answer = fetch(&server.address, "GET", &path).with_context(|| system.name().to_owned())?;
    let took = start.elapsed();
    let points = system.count_points(&String::from_utf8(answer)?);
    // An empty answer would give a misleadingly good figure.
    if points.abs_diff(usize::try_from(2 * window.stretches)?) > 40 {
        bail!("{} answered {path} with {points} points", system.name());
    }
    Ok(took)
}

/// p50, p99 and the longest, in milliseconds.
fn percentiles(took: &mut [Duration]) -> [f64; 3] {
    took.sort_unstable();
    let at = |percent: usize| took.get((took.len() * percent / 100).min(took.len() - 1)).copied();
    [at(50), at(99), at(100)].map(|took| millis(took.unwrap_or_default()))
}
