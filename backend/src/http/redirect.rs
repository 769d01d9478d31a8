//! The plain port beside TLS: it leads readers to the page's address, and serves nothing.
//!
//! Only pages are redirected. A program that sent its key in plain text and was redirected would go on doing so.

use std::net::TcpListener;
use std::num::NonZeroUsize;

use actix_web::body::BoxBody;
use actix_web::dev::{ResourceDef, Server, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode, header};
use actix_web::middleware::{self, Next};
use actix_web::{App, Error, HttpResponse, ResponseError as _};
use afterglow_wire::Code;

use super::problem::Problem;
use super::table::PAGES;
use super::{limit_peer, peer_silent, server};
use crate::config::Config;

/// Serves `listener`; the server runs while it is polled and ends through its handle.
///
/// # Errors
/// When the listener cannot be used.
pub fn redirect(config: &Config, listener: TcpListener) -> std::io::Result<Server> {
    let target = config.server.public_url.clone().unwrap_or_default();
    let silent = peer_silent(config);
    server::run(
        listener,
        server::Options { workers: Some(NonZeroUsize::MIN), shutdown_seconds: 0, tls: None },
        move |socket, _| limit_peer(socket, silent),
        move || {
            let target = target.clone();
            App::new().wrap(middleware::from_fn(move |request: ServiceRequest, _: Next<BoxBody>| {
                let answer = answer(&request, &target);
                async move { Ok::<ServiceResponse, Error>(request.into_response(answer)) }
            }))
        },
    )
}

fn answer(request: &ServiceRequest, target: &str) -> HttpResponse {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_page = PAGES.iter().any(|page| ResourceDef::new(*page).is_match(request.path()));
    let mut answer = if is_read && is_page {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let mut answer = HttpResponse::build(StatusCode::PERMANENT_REDIRECT);
        answer.insert_header((header::LOCATION, format!("{target}{path}"))).finish()
    } else {
        let message = format!("this port only leads readers to {target}; use that address, with https://");
        Problem::new(Code::HttpsRequired, message).error_response()
    };
    answer.head_mut().set_connection_type(actix_web::http::ConnectionType::Close);
    answer
}
