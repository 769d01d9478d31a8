//! `cargo xtask bench`: builds what is measured, then runs the package `bench`.

use std::path::Path;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::run::{self, cargo, command, release_binary, root};
use crate::{build, dashboard, prerequisites};

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// CPU per sample, samples and requests per second, memory, time to restart
    Ingest(Options),
    /// Bytes per sample once everything is in its final form
    Disk(Options),
    /// 2 M samples of one signal: reduced to a chart, and exported whole
    Query(Options),
    /// 10 M samples of one signal: 200 random windows, each in a random number of points
    Windows(Options),
    /// The live path: CPU per delivery, latency, memory per client, clients that never read
    Fanout(Options),
    /// Several servers on one PostgreSQL database: what each part of the work costs, and what follows for more of them
    Scale(Options),
    /// Alerts: delay to the webhook beside Prometheus and Alertmanager, cost of rules, a storm, back-tests
    Alerts(Options),
    /// What a client elsewhere notices of attacks, and what they leave behind
    Bounds(Options),
    /// Keys: what checking one costs, small posts with and without, and what a tenant notices of a flood by another
    Access(Options),
    /// Main-thread time of a live update in a browser, beside uPlot alone, Chart.js and Recharts
    Chart,
    /// The page in a browser: bytes, first paint, first data, a sample's way to the screen, frames while zooming
    Page,
    /// The page with 318 signals: first line, bytes of a board, a slow network, frames while they move, memory
    Hundreds,
    /// The page's memory over three hours of 50 signals at 10 Hz, which pass in five minutes (needs Debian's faketime)
    Soak,
}

#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// The measurement's own options; `--help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

pub(crate) fn run(bench: &Bench) -> Result<()> {
    if !matches!(bench, Bench::Chart) {
        build::binaries()?;
    }
    let hubs = root().join("bench/hubs");
    let (name, Options { options }) = match bench {
        Bench::Ingest(options) => ("ingest", options),
        Bench::Disk(options) => ("disk", options),
        Bench::Query(options) => ("query", options),
        Bench::Windows(options) => ("windows", options),
        Bench::Fanout(options) => {
            prerequisites::npm_packages(&hubs)?;
            ("fanout", options)
        }
        Bench::Scale(options) => {
            prerequisites::postgres();
            ("scale", options)
        }
        Bench::Alerts(options) => ("alerts", options),
        Bench::Bounds(options) => ("bounds", options),
        Bench::Access(options) => ("access", options),
        Bench::Chart => return in_browser("chart.js", "AFTERGLOW_BENCH_CHART", &dashboard::build_chart()?),
        Bench::Page | Bench::Hundreds | Bench::Soak => {
            dashboard::build()?;
            let script = match bench {
                Bench::Hundreds => "hundreds.js",
                Bench::Soak => "soak.js",
                _ => "page.js",
            };
            return in_browser(script, "AFTERGLOW_BIN", &release_binary("afterglow"));
        }
    };
    let mut command = cargo(["run", "--release", "--package=afterglow-bench", "--", name]);
    command.args(options).env("AFTERGLOW_BIN", release_binary("afterglow")).env("AFTERGLOW_BENCH_HUBS", hubs);
    run::run(&mut command)
}

/// Runs a measurement in Chromium; `variable` tells it where to find what it measures.
fn in_browser(script: &str, variable: &str, measured: &Path) -> Result<()> {
    let folder = root().join("bench/web");
    let chromium = prerequisites::chromium()?;
    prerequisites::npm_packages(&folder)?;
    run::run(command("node", [script], &folder).env("CHROMIUM", chromium).env(variable, measured))
}
