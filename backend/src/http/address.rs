//! Where requests come from.

use std::net::{IpAddr, SocketAddr};

use actix_web::{HttpMessage as _, HttpRequest};

use crate::admission::network;

/// Where the gate found that a request comes from: its connection's other end, or what a trusted proxy says of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client(pub(super) SocketAddr);

/// Where a request comes from; unknown when its connection is gone.
pub(super) fn client(request: &HttpRequest) -> Option<SocketAddr> {
    let seen = request.extensions().get::<Client>().map(|client| client.0);
    seen.or_else(|| request.peer_addr())
}

/// Where a request comes from, as limits count it.
pub(super) fn address(request: &HttpRequest) -> IpAddr {
    network(client(request).map_or(IpAddr::from([0, 0, 0, 0]), |client| client.ip()))
}

/// What the addresses with keys begin with.
pub(super) const INBOX: &str = "/in/";

/// The path of a request, without the key that it may have.
pub(super) fn shown_path(request: &HttpRequest) -> &str {
    if request.path().starts_with(INBOX) { "/in/***" } else { request.path() }
}
