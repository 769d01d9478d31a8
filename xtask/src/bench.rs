//! `cargo xtask bench`: builds what is measured, then hands over to the package `bench`.

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::demo::build_binaries;
use crate::run::{self, cargo, release_binary};

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// CPU per sample, samples and requests per second, memory, time to restart
    Ingest(Options),
    /// Bytes per sample once everything is in its final form
    Disk(Options),
    /// 2 M samples of one signal: reduced to a chart, and exported whole
    Query(Options),
}

#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// The measurement's own options; `--help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

pub(crate) fn run(bench: &Bench) -> Result<()> {
    build_binaries()?;
    let (name, Options { options }) = match bench {
        Bench::Ingest(options) => ("ingest", options),
        Bench::Disk(options) => ("disk", options),
        Bench::Query(options) => ("query", options),
    };
    let mut command = cargo(["run", "--release", "--package=afterglow-bench", "--", name]);
    run::run(command.args(options).env("AFTERGLOW_BIN", release_binary("afterglow")))
}
