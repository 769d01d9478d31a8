//! The doors: every route on one screen, one file per resource, one error body.

mod activity;
mod annotations;
mod boards;
mod body;
mod conditional;
mod context;
mod dashboard;
mod history;
mod live;
mod openapi;
mod origin;
mod parameters;
mod problem;
mod saved;
mod signals;
mod state;
mod stream;
mod telemetry;

use std::any::Any;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::DefaultHeaders;
use actix_web::{App, HttpServer, web};

pub use context::Context;

/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an idle connection stays open. Longer than the pause between two batches of a slow producer.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How much longer than a live client may be slow the kernel keeps data for a peer that acknowledges nothing, before it
/// ends the connection. A session whose client stopped reading stands still and cannot end itself.
const SILENT_TIMES: u32 = 3;

/// Bytes the kernel may hold for one peer; without it a stalled peer pins megabytes.
const SEND_BUFFER: usize = 128 * 1024;

/// Serves `listener`; the server runs while it is polled and ends through its handle.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(context: Context, listener: TcpListener, shutdown_seconds: u64) -> std::io::Result<Server> {
    let assets = web::Data::new(dashboard::Assets::new(
        context.config.dashboard_dir.clone(),
        &context.config.embed_from,
    ));
    let peer_silent = SILENT_TIMES * context.config.slow_timeout;
    let context = web::Data::new(context);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(context.clone())
            .app_data(assets.clone())
            .wrap(security_headers())
            .configure(routes)
            .default_service(web::to(dashboard::page))
    })
    .on_connect(move |connection, _| limit_peer(connection, peer_silent))
    .client_request_timeout(HEAD_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(shutdown_seconds)
    .disable_signals()
    .listen(listener)?;
    Ok(server.run())
}

fn routes(app: &mut web::ServiceConfig) {
    app.service(
        resource("/api/telemetry").route(web::post().to(telemetry::post)).route(web::get().to(history::get)),
    )
    .service(resource("/api/signals").route(web::get().to(signals::list)))
    .service(resource("/api/signals/{name:.+}").route(web::patch().to(signals::patch)))
    .service(resource("/api/boards").route(web::get().to(boards::list)).route(web::post().to(boards::post)))
    .service(
        resource("/api/boards/{id}")
            .route(web::get().to(boards::get))
            .route(web::put().to(boards::put))
            .route(web::delete().to(boards::delete)),
    )
    .service(
        resource("/api/annotations")
            .route(web::get().to(annotations::list))
            .route(web::post().to(annotations::post)),
    )
    .service(resource("/api/annotations/{id}").route(web::delete().to(annotations::delete)))
    .service(resource("/api/ingest").route(web::get().to(activity::get)))
    .service(resource("/api/revision").route(web::get().to(saved::revision)))
    .service(resource("/api/openapi.json").route(web::get().to(openapi::get)))
    .service(resource("/api/stream").route(web::get().to(stream::get)))
    .service(resource("/ws").route(web::get().to(live::get)))
    .service(resource("/health").route(web::get().to(state::health)))
    .service(resource("/metrics").route(web::get().to(state::metrics)));
}

/// A resource that answers other methods with 405 instead of actix's bare 404.
fn resource(path: &str) -> actix_web::Resource {
    web::resource(path).default_service(web::to(problem::method_not_allowed))
}

/// For every answer; the page's own policy stands in dashboard.rs.
fn security_headers() -> DefaultHeaders {
    DefaultHeaders::new().add(("X-Content-Type-Options", "nosniff")).add(("Referrer-Policy", "same-origin"))
}

fn limit_peer(connection: &dyn Any, silent: Duration) {
    if let Some(tcp) = connection.downcast_ref::<actix_web::rt::net::TcpStream>() {
        let socket = socket2::SockRef::from(tcp);
        // Best effort: a system without these options only frees stalled peers later.
        let _ = socket.set_send_buffer_size(SEND_BUFFER);
        let _ = socket.set_tcp_nodelay(true);
        #[cfg(target_os = "linux")]
        let _ = socket.set_tcp_user_timeout(Some(silent));
    }
}
