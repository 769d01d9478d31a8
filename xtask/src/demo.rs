//! `cargo xtask demo`: the main job on the embedded default, from nothing to moving lines; or on several servers.

mod cluster;

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::run::{command, release_binary, root, say, stop};
use crate::{build, dashboard, prerequisites};

#[derive(Args)]
pub(crate) struct Options {
    /// Where the backend, or haproxy, listens; for the backend port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:5001")]
    listen: String,
    /// The database; made when it does not exist
    #[arg(long, default_value = "./data/afterglow.db")]
    database: String,
    /// Three servers on one PostgreSQL database behind haproxy; the key k kills one of them
    #[arg(long, conflicts_with = "database")]
    cluster: bool,
    /// Start the binaries in target/release as they are, without building them
    #[arg(long)]
    as_built: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if !options.as_built {
        prerequisites::check()?;
        dashboard::build()?;
        build::binaries()?;
    }
    let (interrupt, interrupted) = channel();
    ctrlc::set_handler(move || {
        let _ = interrupt.send(());
    })?;
    if options.cluster {
        cluster::run(&options.listen, &interrupted)
    } else {
        embedded(options, &interrupted)
    }
}

fn embedded(options: &Options, interrupted: &Receiver<()>) -> Result<()> {
    let (mut backend, address) = start_backend(&options.listen, &options.database)?;
    let mut producer = match start_producer(&address, "data/spool") {
        Ok(producer) => producer,
        Err(error) => {
            stop("the backend", &mut backend)?;
            return Err(error);
        }
    };
    say(&format!("\n    Afterglow is at {address} - Ctrl-C stops it\n"));
    let ended = watch(interrupted, &mut backend, &mut producer);
    // The producer first, so that its last samples still find the backend.
    let stopped = stop("the producer", &mut producer).and(stop("the backend", &mut backend));
    ended.and(stopped)
}

/// Starts a server and waits until it says where it is.
fn start_backend(listen: &str, database: &str) -> Result<(Child, String)> {
    let mut serve = ours("afterglow");
    serve.args(["serve", "--listen", listen]).env("AFTERGLOW_DATABASE", database);
    start(serve)
}

fn start(mut serve: Command) -> Result<(Child, String)> {
    let mut child = serve.stdout(Stdio::piped()).spawn().context("cannot start the backend")?;
    let address = child.stdout.take().map(address).unwrap_or_default();
    if address.is_empty() {
        bail!("the backend ended with {}; the line above says why", child.wait()?);
    }
    Ok((child, address))
}

/// One of our programs, in its own process group: Ctrl-C reaches only xtask, which then stops the children in order.
fn ours(program: &str) -> Command {
    let none: [&str; 0] = [];
    let mut command = command(&release_binary(program).to_string_lossy(), none, &root());
    command.process_group(0);
    command
}

/// The address from the backend's first line.
fn address(out: ChildStdout) -> String {
    let mut line = String::new();
    let _ = BufReader::new(out).read_line(&mut line);
    line.trim().strip_prefix("listening on ").unwrap_or_default().to_owned()
}

fn start_producer(address: &str, spool: &str) -> Result<Child> {
    let mut producer = ours("afterglow-producer");
    producer.args(["--config", "producer/producer.toml", "--backend", address, "--spool", spool]);
    producer.spawn().context("cannot start the producer")
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
