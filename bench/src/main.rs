//! Side-by-side measurements on loopback. Start them through `cargo xtask bench ...`, which builds what they measure.
#![expect(clippy::disallowed_methods, reason = "measuring time is what this program is for")]

mod disk;
mod ingest;
mod load;
mod server;

use std::process::ExitCode;

use anyhow::{Result, bail};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("ingest") => ingest::run(),
        other => bail!("{other:?} is not a measurement; there is: ingest"),
    }
}
