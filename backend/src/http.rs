//! HTTP: the route table, the gate before it, one file per resource, one error body.

mod address;
mod alerts;
mod annotations;
mod answer;
mod audit;
mod backtest;
mod boards;
mod body;
mod channels;
mod codes;
mod compressed;
mod conditional;
mod connection;
mod context;
mod dashboard;
mod deletion;
mod documents;
#[cfg(test)]
mod fuzz;
mod gate;
mod history;
mod inbox;
mod ingest_report;
mod keys;
mod live;
mod members;
mod oidc;
mod openapi;
mod parameters;
mod people;
mod permission;
mod problem;
mod redirect;
mod rules;
mod schemas;
mod selection;
mod server;
mod shares;
mod signals;
mod silences;
mod socketio;
mod state;
mod stream;
mod summary;
mod table;
mod telemetry;
mod tenancy;
mod tenants;
mod unread;
mod usage;

use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::rt::net::TcpStream;
use actix_web::{App, middleware, web};
use gate::Gate;

use crate::config::Config;
use crate::shares::{Share, Shares};
use crate::tls::Certificate;
pub use body::Bodies;
pub use context::Context;
pub use redirect::redirect;
pub use tenancy::{Task, Tenancy};

/// How much longer than a live client may be slow the kernel keeps data for a peer that acknowledges nothing, before it
/// ends the connection. A session whose client stopped reading stands still and cannot end itself.
const SILENT_TIMES: u32 = 3;

/// Bytes the kernel may hold for one peer; without it a stalled peer pins megabytes.
const SEND_BUFFER: usize = 128 * 1024;

/// Files that the process needs beside connections.
const OTHER_FILES: usize = 128;

/// The contract for programs, as `GET /api/openapi.json` answers it.
pub fn contract() -> String {
    table::DOCUMENT.text()
}

/// Serves `listener`, in TLS where there is a certificate; the server runs while it is polled and ends through its handle.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(
    context: Context,
    tenancy: Tenancy,
    listener: TcpListener,
    certificate: Option<&Certificate>,
    shutdown_seconds: u64,
) -> std::io::Result<Server> {
    let assets = web::Data::new(dashboard::Assets::new(
        context.config.server.dashboard_dir.clone(),
        &context.config.server.embed_from.0,
    ));
    let silent = peer_silent(&context.config);
    let connections = connections();
    let gate = web::Data::new(Gate::new(context, tenancy, listener.local_addr()?, certificate.is_some()));
    let tls = certificate.map(Certificate::server_config).transpose().map_err(std::io::Error::other)?;
    server::run(
        listener,
        server::Options { workers: None, shutdown_seconds, tls },
        move |socket, kept| {
            limit_peer(socket, silent);
            if let Some(place) = admit(socket, &connections) {
                kept.insert(place);
            }
        },
        move || {
            App::new()
                .app_data(gate.clone())
                .app_data(assets.clone())
                .wrap(middleware::from_fn(gate::judge))
                .configure(table::routes)
        },
    )
}

/// How long the kernel keeps data for a peer that acknowledges nothing.
fn peer_silent(config: &Config) -> Duration {
    SILENT_TIMES * config.live.slow_seconds.duration()
}

fn limit_peer(socket: &TcpStream, silent: Duration) {
    let socket = socket2::SockRef::from(socket);
    // Best effort: a system without these options only frees stalled peers later.
    let _ = socket.set_send_buffer_size(SEND_BUFFER);
    let _ = socket.set_tcp_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(silent));
}

/// How many connections there may be: as many as files may be open, less those that the database and the rest need. An address
/// may have a half of them. A connection beyond it is closed at once.
fn connections() -> Shares {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let files = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    Shares::halves(files.saturating_sub(OTHER_FILES).max(OTHER_FILES))
}

/// A place for a connection; it is closed when there is none.
fn admit(socket: &TcpStream, connections: &Shares) -> Option<Share> {
    let address = socket.peer_addr().ok()?.ip();
    connections
        .take(address, 1)
        .inspect_err(|_| {
            log::debug!("a connection from {address} is closed: there are too many");
            let _ = socket2::SockRef::from(socket).shutdown(std::net::Shutdown::Both);
        })
        .ok()
}
