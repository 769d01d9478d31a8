//! What a client at one address notices while others attack the server, and what that leaves behind: latencies, refusals,
//! memory, open files.

mod attack;
mod crowd;
mod findings;
mod ordinary;
mod peer;

pub(crate) use self::crowd::nobody;

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use clap::{Args, ValueEnum};

use self::crowd::Who;
use self::findings::{Finding, Random};
use self::ordinary::Seen;
use crate::Common;
use crate::fanout::allow_many_sockets;
use crate::figures::{megabytes, print_table, progress, show};
use crate::lab::Lab;
use crate::server::Server;

/// No 99th percentile should exceed it, in milliseconds.
const BAR: f64 = 100.0;

/// Resident memory that should never be exceeded, and how much more than at the start it may be a minute later, in bytes.
const MOST_MEMORY: u64 = 400 << 20;
const LEFT_MEMORY: u64 = 32 << 20;

/// Files that may be open beside those that were open before.
const LEFT_FILES: usize = 8;

/// How long an attack that takes memory goes on, and how long after it the memory is looked at.
const ATTACK: Duration = Duration::from_secs(15);
const MINUTE: Duration = Duration::from_secs(60);

/// How long a crowd stays, and the longest that its connections may be open after the last one was made.
const CROWD: Duration = Duration::from_secs(20);
const GONE: Duration = Duration::from_secs(120);

/// What `cargo xtask bench bounds` can be told.
#[derive(Args)]
pub(crate) struct Options {
    /// Only these parts, separated by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Variations of each attack that makes others wait, a second each
    #[arg(long, default_value_t = 50)]
    variations: usize,
    /// Only these kinds of the crowd, separated by commas
    #[arg(long, value_delimiter = ',')]
    crowd: Vec<Who>,
    /// Part of the connections of the crowd, for trying things out
    #[arg(long, default_value_t = 1.0, value_parser = crate::scale)]
    scale: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Requests that cost much
    Slow,
    /// Requests that take memory
    Memory,
    /// 11,000 connections that do next to nothing
    Crowd,
}

impl Options {
    /// The other measurements' options.
    pub(crate) fn common(&self) -> Common {
        Common { alone: true, scale: self.scale }
    }
}

pub(crate) fn run(lab: &Lab, options: &Options) -> Result<()> {
    allow_many_sockets()?;
    let is_wanted = |part| options.only.is_empty() || options.only.contains(&part);
    if is_wanted(Part::Slow) {
        slow(lab, options.variations)?;
    }
    if is_wanted(Part::Memory) {
        memory(lab)?;
    }
    if is_wanted(Part::Crowd) {
        crowd(lab, &options.crowd)?;
    }
    Ok(())
}

/// A server with long names, a history, annotations and a board, and the folder it has.
fn start(lab: &Lab) -> Result<(Server, tempfile::TempDir)> {
    let folder = lab.folder()?;
    let server = lab.start(lab.systems[0], folder.path())?;
    let post = |target: &str, kind: &str, body: &str| -> Result<()> {
        let head = format!("POST {target}\nContent-Type: {kind}");
        match ordinary::PLACE.ask(&server.address, &head, body.as_bytes())?.0 {
            200 | 201 => Ok(()),
            status => bail!("{target} answers {status}"),
        }
    };
    let names: Vec<_> = (0..20_000).map(|number| format!("\"{}{number}\":1", "a".repeat(245))).collect();
    post("/api/telemetry", "application/json", &format!("{{\"signals\":{{{}}}}}", names.join(",")))?;
    for part in 0..9_u64 {
        let line = |i: u64| {
            let time = 1_750_000_000_000_000 + (part * 50_000 + i) * 1_000;
            format!("{{\"timestamp\":{time},\"signals\":{{\"old\":{i}.25}}}}\n")
        };
        post("/api/telemetry", "application/x-ndjson", &(0..50_000).map(line).collect::<String>())?;
    }
    let tags: Vec<_> = (0..19).map(|number| format!("\"t{number}\"")).collect();
    let annotation = format!("{{\"text\":\"x\",\"tags\":[\"a\",{}]}}", tags.join(","));
    for _ in 0..2_000 {
        post("/api/annotations", "application/json", &annotation)?;
    }
    post("/api/boards", "application/json", "{\"title\":\"Board\",\"panels\":[]}")?;
    server.wait_until_idle()?;
    Ok((server, folder))
}

/// What the ordinary client sees while `deed` is done.
fn attacked(server: &Server, deed: &attack::Deed, time: Duration) -> Result<Seen> {
    let until = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| deed.run(&server.address, &until));
        let seen = ordinary::go_on(server, time);
        until.store(true, Ordering::Relaxed);
        seen
    })
}

fn slow(lab: &Lab, variations: usize) -> Result<()> {
    let (server, _folder) = start(lab)?;
    let mut rows = vec![row("none", ordinary::go_on(&server, Duration::from_secs(10))?)];
    for Finding { name, vary } in &findings::SLOW {
        progress(name);
        let (mut all, mut random) = (Seen::default(), Random(0x9e37_79b9_7f4a_7c15));
        for _ in 0..variations {
            let deed = vary(&mut random);
            let mut seen = attacked(&server, &deed, Duration::from_secs(1))?;
            progress(&format!("{} ms: {}", seen.cells().join(" "), deed.about()));
            all.add(seen);
        }
        rows.push(row(name, all));
    }
    let heading = format!(
        "What a client elsewhere waits for during {variations} variations of an attack, 99th percentile in ms; the bar is {BAR}"
    );
    print_table(
        &heading,
        ["attack", "posts", "/health", "boards", "live", "refused", "peak, MB", "holds"],
        &rows,
    );
    Ok(())
}

fn row(name: &str, mut seen: Seen) -> [String; 8] {
    let holds = seen.refused == 0 && seen.p99().iter().all(|millis| *millis <= BAR);
    let [posts, health, boards, live] = seen.cells();
    let refused = seen.refused.to_string();
    [name.into(), posts, health, boards, live, refused, megabytes(seen.peak), yes(holds)]
}

fn yes(holds: bool) -> String {
    if holds { "yes" } else { "no" }.into()
}

fn memory(lab: &Lab) -> Result<()> {
    let mut rows = Vec::new();
    for Finding { name, vary } in &findings::LARGE {
        progress(name);
        let (server, _folder) = start(lab)?;
        ordinary::go_on(&server, Duration::from_secs(2))?;
        let before = server.memory("VmRSS")?;
        let (mut seen, mut random) = (Seen::default(), Random(0x9e37_79b9_7f4a_7c15));
        for _ in 0..3 {
            seen.add(attacked(&server, &vary(&mut random), ATTACK / 3)?);
        }
        thread::sleep(MINUTE);
        let after = server.memory("VmRSS")?;
        let holds = seen.peak <= MOST_MEMORY && after <= before + LEFT_MEMORY;
        let [posts, health, boards, live] = seen.cells();
        rows.push([
            (*name).into(),
            megabytes(before),
            megabytes(seen.peak),
            megabytes(after),
            posts,
            health,
            boards,
            live,
            seen.refused.to_string(),
            yes(holds),
        ]);
    }
    print_table(
        "Resident memory in MB before, at most, and a minute after an attack; the bars are 419 MB (400 MiB) and 34 MB (32 MiB) more \
         than before. 99th percentiles in ms",
        ["attack", "before", "most", "after", "posts", "/health", "boards", "live", "refused", "holds"],
        &rows,
    );
    Ok(())
}

/// What the ordinary client sees while a crowd stays at `address`, and then for as long as `goes_on`; also the CPU time of the crowd's
/// own program.
fn crowded(
    server: &Server,
    address: &str,
    counts: &[u64],
    goes_on: impl Fn() -> Result<bool>,
) -> Result<(Seen, Duration)> {
    let until = AtomicBool::new(false);
    thread::scope(|scope| {
        let crowd = scope.spawn(|| crowd::stay(counts, address, &until));
        let stop = Stop(&until);
        let seen = ordinary::go_on(server, CROWD)?;
        while goes_on()? {
            // What is to be stalled must have something to read.
            ordinary::go_on(server, Duration::from_secs(1))?;
        }
        drop(stop);
        let cpu = crowd.join().map_err(|_| anyhow!("the crowd broke"))?;
        Ok((seen, cpu))
    })
}

fn crowd(lab: &Lab, only: &[Who]) -> Result<()> {
    let (server, folder) = start(lab)?;
    let count = |kind: &crowd::Kind| {
        if only.is_empty() || only.contains(&kind.who) { lab.scaled(kind.count) } else { 0 }
    };
    let counts: Vec<_> = crowd::KINDS.iter().map(count).collect();
    let mut calm = ordinary::go_on(&server, CROWD)?;
    progress("the crowd, elsewhere");
    let elsewhere = crowd::elsewhere(folder.path())?;
    let (mut beside, own_beside) = crowded(&server, &elsewhere.address, &counts, || Ok(false))?;
    elsewhere.kill();
    server.wait_until_idle()?;
    let (files, before, used) = (server.files()?, server.memory("VmRSS")?, server.cpu()?);
    progress("the crowd");
    let (start, spent) = (Instant::now(), Cell::new(Duration::ZERO));
    let (mut seen, own) = crowded(&server, &server.address, &counts, || {
        if spent.get().is_zero() {
            spent.set(server.cpu()?.saturating_sub(used));
        }
        Ok(server.files()? > files + LEFT_FILES && start.elapsed() < GONE)
    })?;
    let gone = start.elapsed();
    let [calm, beside, during] = [&mut calm, &mut beside, &mut seen].map(Seen::p99);
    let rows: Vec<_> = (0..4)
        .map(|kind| {
            let [calm, beside, during] = [calm, beside, during].map(|p99| p99[kind]);
            let holds = yes(during / calm <= 2.0);
            let [none, elsewhere, here, ratio, more] =
                [calm, beside, during, during / calm, during / beside].map(show);
            [ordinary::KINDS[kind].to_owned(), none, elsewhere, here, ratio, more, holds]
        })
        .collect();
    let names: Vec<_> =
        crowd::KINDS.iter().zip(&counts).map(|(kind, count)| format!("{count} {}", kind.name)).collect();
    print_table(
        &format!(
            "{} at once, who come within {} s, one after another: 99th percentiles in ms, without them, while they are at another \
             program that never reads, and while they are here",
            names.join(", "),
            crowd::JOINING.as_secs()
        ),
        ["", "none", "elsewhere", "here", "here / none, bar 2", "here / elsewhere", "holds"],
        &rows,
    );
    let left = server.files()?;
    println!(
        "\nOpen files: {files} before, {} at most, {left} after {:.0} s although no client had closed any. Refused: {}. Resident \
         memory: {} MB before, {} MB at most, {} MB then. CPU: {:.1} s of the server in {:.0} s, {:.1} s of the crowd's own program \
         in all, {:.1} s elsewhere.",
        seen.files,
        gone.as_secs_f64(),
        seen.refused,
        megabytes(before),
        megabytes(seen.peak),
        megabytes(server.memory("VmRSS")?),
        spent.get().as_secs_f64(),
        CROWD.as_secs_f64(),
        own.as_secs_f64(),
        own_beside.as_secs_f64(),
    );
    Ok(())
}

/// Ends the crowd, also on an error.
struct Stop<'u>(&'u AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
