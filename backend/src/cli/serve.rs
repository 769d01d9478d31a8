//! `afterglow serve`: from the configuration to a running pipeline.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, say};
use crate::access::issuers::Issuers;
use crate::clock::Clock;
use crate::config::Config;
use crate::memory;
use crate::pipeline::{self, Entrances, Known};
use crate::store::{OpenError, Store};
use crate::tls::Certificate;

/// Serves until the process gets SIGTERM or SIGINT.
pub(super) fn run(config: Config) -> Result<(), Failure> {
    allow_many_sockets();
    memory::plan_with(config.server.memory.map(|size| size.0));
    memory::spawn_malloc_trim();
    let certificate = config.server.tls_files()?.map(Certificate::load).transpose()?;
    let issuers = Issuers::open(&config.issuers, config.access.requests_per_key)?;
    // One for all: a database on a server corrects it.
    let clock = Clock::real();
    let store = Store::open(&config.store.open(), clock.clone())?;
    let known = Known::load(&config, issuers, &store, &clock).map_err(|error| OpenError::Unusable {
        path: PathBuf::from(config.store.database.database.to_string()),
        why: format!("its keys and members cannot be read: {error}"),
    })?;
    actix::System::new().block_on(async move {
        // Signals first: a process that has read the address may send one.
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let stop = async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        };
        let listener = bind(config.server.listen)?;
        let scheme = if certificate.is_some() { "https" } else { "http" };
        let redirect = config.server.redirect_listen.map(bind).transpose()?;
        say(&format!("listening on {scheme}://{}", listener.local_addr()?))?;
        if let Some(redirect) = &redirect {
            say(&format!("redirecting from http://{}", redirect.local_addr()?))?;
        }
        let entrances = Entrances { listener, certificate, redirect };
        Ok(pipeline::run(config, store, known, clock, entrances, stop).await?)
    })
}

fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(|error| Failure::Listen { address, error })
}

/// Lifts the limit on open files as far as this process may: each live client is one, and most systems begin with 1,024,
/// far below the limit on live clients.
fn allow_many_sockets() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        log::warn!("the limit on open files, and so on live clients, stays as it is: {error}");
    }
}
