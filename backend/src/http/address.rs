//! Where requests come from.

use std::net::IpAddr;

use actix_web::HttpRequest;

use crate::admission::network;

/// Where a request comes from, as limits count it.
pub(super) fn address(request: &HttpRequest) -> IpAddr {
    network(request.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.ip()))
}
