//! The design this project replaces, as a reference: Flask, SQLite, a commit for each request.

use std::process::Command;

use anyhow::{Context, Result, bail};

use super::OURS;
use crate::figures::progress;
use crate::lab::Lab;
use crate::load::{self, Outcome, Plan};
use crate::samples::{Shape, Source};
use crate::server::{Server, free_port};

const SCRIPT: &str = include_str!("original.py");

/// One-object posts of 5 samples, one round.
pub(crate) fn measure(lab: &Lab, requests: u64, connections: usize) -> Result<Outcome> {
    let folder = lab.folder()?;
    let python = folder.path().join("venv/bin/python");
    run(Command::new("python3").args(["-m", "venv"]).arg(folder.path().join("venv")))?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "flask"]))?;
    std::fs::write(folder.path().join("server.py"), SCRIPT)?;
    let port = free_port()?;
    let mut command = Command::new(&python);
    command.arg(folder.path().join("server.py")).arg(folder.path().join("bench.db")).arg(port.to_string());
    let server = Server::launch(command, folder.path(), port, "/health")?;
    lab.note("python3 -m venv $DATA/venv && $DATA/venv/bin/python -m pip install flask");
    lab.note(&server.command);

    // Ours kept its contract: the same body goes to the same path.
    let plan = Plan { signals: 5, instants: 1, requests, connections };
    load::run(OURS, &server, &mut Source::new(Shape::Walk, plan.signals), plan)
}

/// Its output goes where progress goes.
fn run(command: &mut Command) -> Result<()> {
    progress(&format!("{command:?}"));
    let status = command.stdout(std::io::stderr()).status().with_context(|| format!("{command:?}"))?;
    if status.success() { Ok(()) } else { bail!("{command:?} ended with {status}") }
}
