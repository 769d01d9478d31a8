//! The live path: what it costs to hand every update to many clients, beside peers that do only that.

mod crowd;
mod hubs;
mod idle;
mod ingest;
mod publisher;
mod rates;
pub(crate) mod scale;
mod stalled;

use std::net::TcpStream;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;

use crate::Common;
use crate::lab::Lab;
use crate::packages;
use crate::server::{Server, free_port};
use crate::websocket;
use hubs::Hub;
pub(crate) use hubs::floor::serve as serve_floor;

/// What `cargo xtask bench fanout` can be told.
#[derive(Args)]
pub(crate) struct Options {
    /// Measure only our backend
    #[arg(long)]
    alone: bool,
    /// A fifth of the time and of the idle clients, for trying things out; not figures to quote
    #[arg(long)]
    quick: bool,
    /// Only these parts, separated by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// CPU per delivery and latency at three rates
    Rates,
    /// Memory per idle client
    Idle,
    /// What 500 clients that never read do to the others
    Stalled,
    /// What subscribers to other signals cost ingest
    Ingest,
}

impl Options {
    /// The other measurements' options: their peers store, these do not.
    pub(crate) fn common(&self) -> Common {
        Common { alone: true, scale: if self.quick { 0.2 } else { 1.0 } }
    }
}

pub(crate) fn run(lab: &Lab, options: &Options) -> Result<()> {
    let peers = if options.alone { [].as_slice() } else { hubs::PEERS.as_slice() };
    packages::install_missing(&peers.iter().filter_map(|peer| peer.package()).collect::<Vec<_>>())?;
    allow_many_sockets()?;
    for peer in peers {
        println!("- {}: {}", peer.name(), peer.version()?);
    }
    let all: Vec<_> = hubs::OURS.into_iter().chain(peers.iter().copied()).collect();
    let is_wanted = |part| options.only.is_empty() || options.only.contains(&part);
    if is_wanted(Part::Rates) {
        rates::run(lab, &all)?;
    }
    if is_wanted(Part::Idle) {
        // The floor keeps nothing for a client.
        let hubs: Vec<_> = all.iter().copied().filter(|hub| hub.name() != hubs::floor::NAME).collect();
        idle::run(lab, &hubs)?;
    }
    if is_wanted(Part::Stalled) {
        stalled::run(lab)?;
    }
    if is_wanted(Part::Ingest) {
        ingest::run(lab)?;
    }
    Ok(())
}

/// Also for the servers, which inherit it.
pub(crate) fn allow_many_sockets() -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// A hub that runs, and the folder it has.
struct Running {
    server: Server,
    _folder: TempDir,
}

fn start(lab: &Lab, hub: &dyn Hub) -> Result<Running> {
    let folder = lab.folder()?;
    let port = free_port()?;
    let accepts = |address: &str| TcpStream::connect(address).is_ok();
    let server = Server::launch_until(hub.command(folder.path(), port)?, folder.path(), port, accepts)
        .with_context(|| hub.name().to_owned())?;
    lab.note(&server.command);
    Ok(Running { server, _folder: folder })
}
