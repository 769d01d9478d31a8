//! Several servers on one PostgreSQL database: what each part of the work costs, measured one after another; what follows from that by
//! [`simulate`], checked against three servers with viewers; and the same for numbers of servers and viewers that do not fit here.

/// The database that tests use, too: it ends with this process, and so does its folder.
#[path = "../../../store/src/tests/cluster.rs"]
#[expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "it belongs to the tests, which fail by panicking"
)]
mod postgres;
mod simulate;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use tempfile::TempDir;

use self::simulate::{Costs, Load, Prediction, simulate};
use super::crowd::{Crowd, Tally};
use super::hubs;
use super::publisher::{self, Timetable};
use crate::Common;
use crate::figures::{float, percentile, print_table, progress, show};
use crate::lab::Lab;
use crate::server::{Server, free_port};
use crate::systems::OURS;

const SERVERS: usize = 3;

/// Updates a second while costs are measured: so few that none are gathered.
const RATE: u64 = 20;

/// Viewers of one server while the cost of a delivery is measured.
const VIEWERS: usize = 200;

/// What the prediction is checked with: viewers in all, and updates a second.
const CHECKED: (usize, u64) = (600, 40);

/// How far processor time may be from what was predicted. Measured on a machine that does nothing else.
const TOLERANCE: f64 = 0.3;

/// Of each measurement.
const SECONDS: u64 = 10;

const WARM_UP: Duration = Duration::from_secs(1);

/// How often a server looks at the database: 20 ms lie between two looks.
const LOOKS: f64 = 50.0;

/// What `cargo xtask bench scale` can be told.
#[derive(Args)]
pub(crate) struct Options {
    /// A fifth of the time, for trying things out; not figures to quote
    #[arg(long)]
    quick: bool,
}

impl Options {
    pub(crate) fn common(&self) -> Common {
        Common { alone: true, scale: if self.quick { 0.2 } else { 1.0 } }
    }
}

pub(crate) fn run(lab: &Lab, options: &Options) -> Result<()> {
    ensure!(postgres::is_here(), "PostgreSQL is needed: apt-get install postgresql");
    super::allow_many_sockets()?;
    let mut cluster = Cluster { lab, servers: Vec::new(), seconds: lab.scaled(SECONDS) };
    let costs = cluster.costs()?;
    print_costs(&costs);
    let seen = cluster.check(&costs)?;
    print_paper(&costs);
    if !options.quick {
        seen.judge()?;
    }
    Ok(())
}

struct Cluster<'a> {
    lab: &'a Lab,
    servers: Vec<(Server, TempDir)>,
    seconds: u64,
}

/// Processor time used so far, in seconds.
struct Used {
    database: f64,
    servers: Vec<f64>,
}

impl Used {
    fn since(&self, before: &Self, seconds: f64) -> Self {
        let servers = self.servers.iter().zip(&before.servers);
        Self {
            database: (self.database - before.database) / seconds,
            servers: servers.map(|(now, before)| (now - before) / seconds).collect(),
        }
    }
}

/// What was seen for some time: processors kept busy, and what viewers got.
struct Seen {
    used: Used,
    /// Mean seconds from a post to its answer.
    answer: f64,
    deliveries: u64,
    tally: Tally,
}

impl Cluster<'_> {
    fn start_one(&mut self) -> Result<()> {
        let (folder, port) = (self.lab.folder()?, free_port()?);
        let host = postgres::folder().replace('/', "%2F");
        let mut serve = Command::new(OURS.command(folder.path(), port)?.get_program());
        serve.args(["serve", "--listen", &format!("127.0.0.1:{port}")]).current_dir(folder.path());
        serve.env("AFTERGLOW_DATABASE", format!("postgres://afterglow@{host}/postgres"));
        // The names that the clients of these measurements use, which come from one address.
        serve.env("AFTERGLOW_ALLOWED_HOSTS", "bench 127.0.0.1").env("AFTERGLOW_LOG", "warn");
        serve.env("AFTERGLOW_LIVE_CLIENTS_PER_ADDRESS", "20000");
        let server = Server::launch(serve, folder.path(), port, "/ready")?;
        self.lab.note(&server.command);
        self.servers.push((server, folder));
        Ok(())
    }

    fn used(&self) -> Result<Used> {
        let servers = self.servers.iter().map(|(server, _)| Ok(server.cpu()?.as_secs_f64()));
        Ok(Used { database: database_cpu()?, servers: servers.collect::<Result<_>>()? })
    }

    /// Posts `rate` updates a second to the first server while each of `viewers` listens at one of the servers, those at `at`.
    fn watch(&self, rate: u64, viewers: usize, at: &[usize]) -> Result<Seen> {
        let hub = hubs::OURS[1];
        let first = &self.servers.first().context("a server")?.0;
        let each = viewers.checked_div(at.len()).unwrap_or(0);
        let join =
            |server: &usize| Crowd::join(hub, &self.servers[*server].0.address, each, &hub.subscription());
        let mut crowds = at.iter().map(join).collect::<Result<Vec<_>>>()?;
        let timetable = Timetable::new(rate * (self.seconds + WARM_UP.as_secs()));
        let mut publish = hub.publisher(&first.address)?;
        let answered = std::sync::Arc::new(std::sync::Mutex::new((0_u32, Duration::ZERO)));
        let noted = std::sync::Arc::clone(&answered);
        let timed = Box::new(move |update: &[u8]| {
            let began = Instant::now();
            publish(update)?;
            if let Ok(mut noted) = noted.lock() {
                *noted = (noted.0 + 1, noted.1 + began.elapsed());
            }
            Ok(())
        });
        thread::scope(|scope| {
            let (begin, seconds) = (Instant::now() + WARM_UP, Duration::from_secs(self.seconds));
            let publisher = publisher::start(scope, &timetable, timed, rate);
            let listeners: Vec<_> = crowds
                .iter_mut()
                .map(|crowd| {
                    let timetable = &timetable;
                    scope.spawn(move || {
                        crowd.listen(begin, timetable)?;
                        crowd.take_tally();
                        crowd.listen(begin + seconds, timetable)?;
                        anyhow::Ok(crowd.take_tally())
                    })
                })
                .collect();
            thread::sleep(begin.saturating_duration_since(Instant::now()));
            let (before, measured) = (self.used()?, Instant::now());
            thread::sleep((begin + seconds).saturating_duration_since(Instant::now()));
            let used = self.used()?.since(&before, measured.elapsed().as_secs_f64());
            publisher::finish(publisher)?;
            let mut tally = Tally::default();
            for listener in listeners {
                tally.add_all(listener.join().unwrap_or_else(|_| bail!("a listener broke"))?);
            }
            tally.micros.sort_unstable();
            let (count, sum) = answered.lock().map(|answered| *answered).unwrap_or_default();
            let answer = sum.as_secs_f64() / f64::from(count.max(1));
            Ok(Seen { used, answer, deliveries: tally.deliveries, tally })
        })
    }

    /// Looks only.
    fn idle(&self) -> Result<Used> {
        let (before, began) = (self.used()?, Instant::now());
        thread::sleep(Duration::from_secs(self.seconds));
        Ok(self.used()?.since(&before, began.elapsed().as_secs_f64()))
    }

    /// Measures one part of the work after another: each is what is used beyond what the parts before it use.
    fn costs(&mut self) -> Result<Costs> {
        let rate = RATE as f64;
        self.start_one()?;
        progress("one server: looks, commits, deliveries");
        let idle = self.idle()?;
        let alone = self.watch(RATE, 0, &[])?;
        let watched = self.watch(RATE, VIEWERS, &[0])?;
        for _ in 1..SERVERS {
            self.start_one()?;
        }
        progress("three servers: looks, and commits of another");
        let idle_all = self.idle()?;
        let all = self.watch(RATE, 0, &[])?;
        let others = (SERVERS - 1) as f64;
        let other = |used: &Used| used.servers[1..].iter().sum::<f64>() / others;
        let (looks, commits) = (idle.database, alone.used.database - idle.database);
        Ok(Costs {
            commit: alone.answer,
            commit_database: commits / rate,
            // Each of the other servers reads each commit.
            follow_database: positive(all.used.database - idle_all.database - commits) / rate / others,
            commit_server: positive(alone.used.servers[0] - idle.servers[0]) / rate,
            follow_server: positive(other(&all.used) - other(&idle_all)) / rate,
            look_database: looks / LOOKS,
            look_server: idle.servers[0] / LOOKS,
            delivery: positive(watched.used.servers[0] - alone.used.servers[0])
                / (float(watched.deliveries) / self.seconds as f64),
        })
    }

    /// Three servers with viewers, as they are and as they were predicted.
    fn check(&self, costs: &Costs) -> Result<Checked> {
        let (viewers, rate) = CHECKED;
        progress(&format!("three servers, {viewers} viewers, {rate} updates a second"));
        let load = Load { servers: SERVERS, viewers, rate: rate as f64, at_one: true };
        let predicted = simulate(costs, load, 60.0);
        let seen = self.watch(rate, viewers, &[0, 1, 2])?;
        ensure!(seen.tally.missed + seen.tally.doubled == 0, "viewers missed updates, or got some twice");
        let checked = Checked {
            database: (predicted.database, seen.used.database),
            servers: (predicted.servers, seen.used.servers.iter().sum()),
            p50: (predicted.p50 * 1e3, percentile(&seen.tally.micros, 50) / 1e3),
            p99: (predicted.p99 * 1e3, percentile(&seen.tally.micros, 99) / 1e3),
        };
        checked.print(viewers, rate);
        Ok(checked)
    }
}

/// Each as it was predicted, and as it was.
struct Checked {
    database: (f64, f64),
    servers: (f64, f64),
    p50: (f64, f64),
    p99: (f64, f64),
}

impl Checked {
    fn rows(&self) -> [(&'static str, (f64, f64)); 4] {
        [
            ("processors, database", self.database),
            ("processors, all servers", self.servers),
            ("posted to received, ms p50", self.p50),
            ("the same, ms p99", self.p99),
        ]
    }

    fn print(&self, viewers: usize, rate: u64) {
        let rows = self.rows().map(|(name, (predicted, seen))| {
            [
                name.to_owned(),
                show(predicted),
                show(seen),
                format!("{:+.0} %", 100.0 * (predicted / seen - 1.0)),
            ]
        });
        let heading = format!("{SERVERS} servers, {viewers} viewers, {rate} updates a second to one of them");
        print_table(&heading, ["", "predicted", "measured", "apart"], &rows);
    }

    /// # Errors
    /// When the prediction is too far from what was measured: then the table that follows from it is worthless.
    fn judge(&self) -> Result<()> {
        for (name, (predicted, seen)) in self.rows() {
            let apart = (predicted / seen - 1.0).abs();
            ensure!(apart <= TOLERANCE, "{name}: {predicted:.3} was predicted, {seen:.3} was measured");
        }
        Ok(())
    }
}

fn positive(figure: f64) -> f64 {
    figure.max(0.0)
}

fn print_costs(costs: &Costs) {
    let micros = |seconds: f64| show(seconds * 1e6);
    let rows = [
        ["a look that finds nothing".into(), micros(costs.look_database), micros(costs.look_server)],
        [
            "a commit of one update, at the server that takes it".into(),
            micros(costs.commit_database),
            micros(costs.commit_server),
        ],
        ["the same, at each other server".into(), micros(costs.follow_database), micros(costs.follow_server)],
        ["an update that one viewer gets".into(), "0".into(), micros(costs.delivery)],
    ];
    print_table("Processor time, us", ["", "database", "server"], &rows);
    println!("\nA post has its answer after {} ms.", show(costs.commit * 1e3));
}

/// What follows from the costs elsewhere, each server and the database on a machine of its own.
fn print_paper(costs: &Costs) {
    let mut rows = Vec::new();
    for (servers, viewers) in
        [(1, 1_000), (3, 1_000), (3, 10_000), (10, 10_000), (10, 100_000), (30, 100_000)]
    {
        for rate in [10.0, 100.0, 1_000.0] {
            let Prediction { database, server, p50, p99, is_too_much, .. } =
                simulate(costs, Load { servers, viewers, rate, at_one: false }, 20.0);
            let time = |seconds: f64| if is_too_much { "-".into() } else { show(seconds * 1e3) };
            let row = [
                servers.to_string(),
                viewers.to_string(),
                show(rate),
                show(database),
                show(server),
                time(p50),
                time(p99),
            ];
            rows.push(row);
        }
    }
    print_table(
        "On paper: posts of one update to every server in turn, each of which every viewer gets (-: too much)",
        [
            "servers",
            "viewers",
            "posts a second",
            "processors, database",
            "processors, busiest server",
            "ms p50",
            "p99",
        ],
        &rows,
    );
}

/// Processor time that the database's processes have used so far, in seconds.
fn database_cpu() -> Result<f64> {
    let main = fs::read_to_string(Path::new(postgres::folder()).join("data/postmaster.pid"))?;
    let main: u32 = main.lines().next().context("a number in postmaster.pid")?.parse()?;
    let mut ticks = 0;
    for entry in fs::read_dir("/proc")?.flatten() {
        // Others end meanwhile.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let number: u32 = entry.file_name().to_string_lossy().parse().unwrap_or_default();
        let Some((_, fields)) = stat.rsplit_once(')') else { continue };
        let fields: Vec<u64> = fields.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
        // Of itself, or of those that have ended, too.
        let counted = if number == main { 4 } else { 2 };
        if number == main || fields.get(1) == Some(&u64::from(main)) {
            ticks += fields.iter().skip(11).take(counted).sum::<u64>();
        }
    }
    Ok(float(ticks) / float(rustix::param::clock_ticks_per_second()))
}
