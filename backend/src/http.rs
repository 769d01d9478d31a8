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

use std::any::Any;
use std::net::TcpListener;
use std::time::Duration;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::Server;
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpServer, middleware, web};
use gate::Gate;

use crate::config::Config;
use crate::shares::{Share, Shares};
use crate::tls::Certificate;
pub use body::Bodies;
pub use context::Context;
pub use redirect::redirect;
pub use tenancy::{Task, Tenancy};

/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may take to agree on the keys of a TLS connection.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Handshakes that one worker has under way; further connections wait. Each is some ten kilobytes for at most
/// [`HANDSHAKE_TIMEOUT`], and clients that never finish theirs should not keep others from beginning.
const HANDSHAKES: usize = 4_096;

/// How long an idle connection stays open. Longer than the pause between two batches of a slow producer.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

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
    let server = HttpServer::new(move || {
        App::new()
            .app_data(gate.clone())
            .app_data(assets.clone())
            .wrap(middleware::from_fn(gate::judge))
            .configure(table::routes)
    })
    .on_connect(move |connection, kept| {
        limit_peer(connection, silent);
        kept.insert(gate::turns::Turns::default());
        if let Some(place) = admit(connection, &connections) {
            kept.insert(place);
        }
    })
    .client_request_timeout(HEAD_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(shutdown_seconds)
    .disable_signals();
    let server = match certificate {
        None => server.listen(listener)?,
        Some(certificate) => server
            .tls_handshake_timeout(HANDSHAKE_TIMEOUT)
            .max_connection_rate(HANDSHAKES)
            .listen_rustls_0_23(listener, certificate.server_config().map_err(std::io::Error::other)?)?,
    };
    Ok(server.run())
}

/// How long the kernel keeps data for a peer that acknowledges nothing.
fn peer_silent(config: &Config) -> Duration {
    SILENT_TIMES * config.live.slow_seconds.duration()
}

/// The socket of a connection, in TLS or not.
fn socket(connection: &dyn Any) -> Option<&TcpStream> {
    let tls = || Some(connection.downcast_ref::<TlsStream<TcpStream>>()?.get_ref().0);
    connection.downcast_ref().or_else(tls)
}

fn limit_peer(connection: &dyn Any, silent: Duration) {
    if let Some(tcp) = socket(connection) {
        let socket = socket2::SockRef::from(tcp);
        // Best effort: a system without these options only frees stalled peers later.
        let _ = socket.set_send_buffer_size(SEND_BUFFER);
        let _ = socket.set_tcp_nodelay(true);
        #[cfg(target_os = "linux")]
        let _ = socket.set_tcp_user_timeout(Some(silent));
    }
}

/// How many connections there may be: as many as files may be open, less those that the database and the rest need. An address
/// may have a half of them. A connection beyond it is closed at once.
fn connections() -> Shares {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let files = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    Shares::halves(files.saturating_sub(OTHER_FILES).max(OTHER_FILES))
}

/// A place for a connection; it is closed when there is none.
fn admit(connection: &dyn Any, connections: &Shares) -> Option<Share> {
    let tcp = socket(connection)?;
    let address = tcp.peer_addr().ok()?.ip();
    connections
        .take(address, 1)
        .inspect_err(|_| {
            log::debug!("a connection from {address} is closed: there are too many");
            let _ = socket2::SockRef::from(tcp).shutdown(std::net::Shutdown::Both);
        })
        .ok()
}
