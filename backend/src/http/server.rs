//! How a listener is served: actix-http on [`Connection`]s, in TLS or not.

use std::future::ready;
use std::io;
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::time::Duration;

use actix_http::{Extensions, HttpService, Request};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config,
};
use actix_tls::accept::rustls_0_23::{Acceptor, TlsStream};
use actix_tls::accept::{TlsError, max_concurrent_tls_connect};
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Response, Server};
use actix_web::rt::net::TcpStream;
use rustls::ServerConfig;

use super::connection::Connection;

/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may take to agree on the keys of a TLS connection.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Handshakes that one worker has under way; further connections wait. Each is some ten kilobytes for at most
/// [`HANDSHAKE_TIMEOUT`], and clients that never finish theirs should not keep others from beginning.
const HANDSHAKES: usize = 4_096;

/// How long an idle connection stays open. Longer than the pause between two batches of a slow producer.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a connection that the server ends waits for its client to end it, too.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// What is different between listeners.
pub(super) struct Options {
    /// Threads; as many as cores when absent.
    pub(super) workers: Option<NonZeroUsize>,
    pub(super) shutdown_seconds: u64,
    pub(super) tls: Option<ServerConfig>,
}

/// Serves `listener` with the services that `app` makes, one for each thread. `on_connect` sees each connection first, and what it
/// keeps requests find with `conn_data`, beside the connection's `Rc<Turn>`.
pub(super) fn run<F, C, I, S, B>(
    listener: TcpListener,
    options: Options,
    on_connect: C,
    app: F,
) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    C: Fn(&TcpStream, &mut Extensions) + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: std::fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    let address = listener.local_addr()?;
    let mut builder = Server::build().disable_signals().shutdown_timeout(options.shutdown_seconds);
    if let Some(workers) = options.workers {
        builder = builder.workers(workers.get());
    }
    let signal = builder.graceful_shutdown_signal();
    // For each kind of stream, because the types of their services differ.
    macro_rules! service {
        ($socket:expr) => {{
            let (signal, on_connect) = (signal.clone(), on_connect.clone());
            HttpService::build()
                .graceful_shutdown_signal(move || {
                    let signal = signal.clone();
                    async move { signal.notified().await }
                })
                .keep_alive(KEEP_ALIVE)
                .client_request_timeout(HEAD_TIMEOUT)
                .client_disconnect_timeout(DISCONNECT_TIMEOUT)
                .local_addr(address)
                .on_connect_ext(move |connection: &Connection<_>, kept: &mut Extensions| {
                    kept.insert(std::rc::Rc::clone(connection.turn()));
                    on_connect($socket(connection.io()), kept);
                })
                .h1(map_config(app().into_factory().map_err(|error| error.into().error_response()), |()| {
                    AppConfig::default()
                }))
        }};
    }
    let builder = match options.tls {
        None => builder.listen("http", listener, move || {
            fn_service(|socket: TcpStream| {
                let peer = socket.peer_addr().ok();
                ready(Ok((Connection::new(socket), peer)))
            })
            .and_then(service!(|socket| socket))
        })?,
        Some(mut config) => {
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            let mut acceptor = Acceptor::new(config);
            acceptor.set_handshake_timeout(HANDSHAKE_TIMEOUT);
            max_concurrent_tls_connect(HANDSHAKES);
            builder.listen("https", listener, move || {
                acceptor
                    .clone()
                    .map_err(TlsError::into_service_error)
                    .map(|stream: TlsStream<TcpStream>| {
                        let peer = stream.get_ref().0.peer_addr().ok();
                        (Connection::new(stream), peer)
                    })
                    .and_then(service!(socket_of).map_err(TlsError::Service))
            })?
        }
    };
    Ok(builder.run())
}

fn socket_of(stream: &TlsStream<TcpStream>) -> &TcpStream {
    stream.get_ref().0
}
