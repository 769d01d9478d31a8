//! `cargo xtask bench`: builds what is measured, then hands over to the package `bench`.

use anyhow::Result;
use clap::Subcommand;

use crate::demo::build_binaries;
use crate::run::{self, cargo, release_binary};

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Requests per second and CPU per sample, durable on acknowledgement
    Ingest,
}

pub(crate) fn run(bench: &Bench) -> Result<()> {
    build_binaries()?;
    let name = match bench {
        Bench::Ingest => "ingest",
    };
    let mut command = cargo(["run", "--release", "--package=afterglow-bench", "--", name]);
    run::run(command.env("AFTERGLOW_BIN", release_binary("afterglow")))
}
