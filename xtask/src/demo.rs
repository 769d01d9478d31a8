//! `cargo xtask demo`: the main job on the embedded default, from nothing to moving lines.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::run::{command, release_binary, root, say, stop};
use crate::{build, dashboard, prerequisites};

#[derive(Args)]
pub(crate) struct Options {
    /// Where the backend listens; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:5001")]
    listen: String,
    /// The database; made when it does not exist
    #[arg(long, default_value = "./data/afterglow.db")]
    database: String,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    prerequisites::check()?;
    dashboard::build()?;
    build::binaries()?;

    let (interrupt, interrupted) = channel();
    ctrlc::set_handler(move || {
        let _ = interrupt.send(());
    })?;
    let (mut backend, address) = start_backend(options)?;
    let mut producer = match start_producer(&address) {
        Ok(producer) => producer,
        Err(error) => {
            stop("the backend", &mut backend)?;
            return Err(error);
        }
    };
    say(&format!("\n    Afterglow is at {address} - Ctrl-C stops it\n"));
    let ended = watch(&interrupted, &mut backend, &mut producer);
    // The producer first, so that its last samples still find the backend.
    let stopped = stop("the producer", &mut producer).and(stop("the backend", &mut backend));
    ended.and(stopped)
}

/// In its own process group: Ctrl-C reaches only xtask, which then stops the children in order.
fn start_backend(options: &Options) -> Result<(Child, String)> {
    let backend = release_binary("afterglow");
    let arguments = ["serve", "--listen", &options.listen, "--database", &options.database];
    let mut child = command(&backend.to_string_lossy(), arguments, &root())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .context("cannot start the backend")?;
    let address = child.stdout.take().map(address).unwrap_or_default();
    if address.is_empty() {
        bail!("the backend ended with {}; the line above says why", child.wait()?);
    }
    Ok((child, address))
}

/// The address from the backend's first line.
fn address(out: ChildStdout) -> String {
    let mut line = String::new();
    let _ = BufReader::new(out).read_line(&mut line);
    line.trim().strip_prefix("listening on ").unwrap_or_default().to_owned()
}

fn start_producer(address: &str) -> Result<Child> {
    let producer = release_binary("afterglow-producer");
    command(
        &producer.to_string_lossy(),
        ["--config", "producer/producer.toml", "--backend", address, "--spool", "data/spool"],
        &root(),
    )
    .process_group(0)
    .spawn()
    .context("cannot start the producer")
}

/// Returns when interrupted, or with an error when a child ends by itself.
fn watch(interrupted: &Receiver<()>, backend: &mut Child, producer: &mut Child) -> Result<()> {
    while interrupted.recv_timeout(Duration::from_millis(200)).is_err() {
        for (name, child) in [("backend", &mut *backend), ("producer", &mut *producer)] {
            if let Some(status) = child.try_wait()? {
                bail!("the {name} ended by itself with {status}");
            }
        }
    }
    Ok(())
}
