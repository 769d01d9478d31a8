//! The names under which the server may be asked.
//!
//! A page whose name was rebound to this server's address (DNS rebinding) has an origin equal to the host that it asks:
//! only the name itself tells. Such an attack needs a name that its author can give to an address, so on networks that
//! others reach by `--insecure`, IP addresses and names that the public DNS does not give away are harmless.

use std::net::SocketAddr;

use crate::authority::Authority;

/// The names under which this server may be asked.
#[derive(Clone, Debug)]
pub(super) struct Authorities {
    /// Where the server listens.
    listen: SocketAddr,
    /// The port that clients leave out.
    default_port: u16,
    /// `public_url`'s and `allowed_hosts`, as they were given.
    named: Vec<String>,
}

impl Authorities {
    /// Those of a server that listens at `listen`, in TLS or not, and `named` ones; without a port these may have any.
    pub(super) fn new(listen: SocketAddr, is_tls: bool, named: impl IntoIterator<Item = String>) -> Self {
        Self { listen, default_port: if is_tls { 443 } else { 80 }, named: named.into_iter().collect() }
    }

    /// Whether a request for this authority is one for this server.
    pub(super) fn contains(&self, authority: &Authority<'_>) -> bool {
        self.is_named(authority)
            || if self.listen.ip().is_loopback() {
                self.is_loopback(authority)
            } else {
                is_private(authority)
            }
    }

    fn is_named(&self, authority: &Authority<'_>) -> bool {
        self.named.iter().filter_map(|named| Authority::parse(named)).any(|named| {
            named.host.eq_ignore_ascii_case(authority.host)
                && (named.port.is_none() || named.port == authority.port)
        })
    }

    /// A loopback name or address with our port.
    fn is_loopback(&self, authority: &Authority<'_>) -> bool {
        let loopback = authority.host.eq_ignore_ascii_case("localhost")
            || authority.ip().is_some_and(|ip| ip.is_loopback());
        loopback && authority.port.unwrap_or(self.default_port) == self.listen.port()
    }
}

/// Whether nobody can have the public DNS give this name to an address of his choice. The port may be that of a tunnel.
fn is_private(authority: &Authority<'_>) -> bool {
    let host = authority.host;
    let local = host.len() > 6 && host[host.len() - 6..].eq_ignore_ascii_case(".local");
    authority.ip().is_some() || !host.contains('.') || local
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(listen: &str, named: &[&str], authority: &str) -> bool {
        let authorities =
            Authorities::new(listen.parse().unwrap(), false, named.iter().map(ToString::to_string));
        Authority::parse(authority).is_some_and(|authority| authorities.contains(&authority))
    }

    #[test]
    fn loopback_names_with_our_port_are_known() {
        for known in ["127.0.0.1:5001", "127.9.9.9:5001", "localhost:5001", "LocalHost:5001", "[::1]:5001"] {
            assert!(check("127.0.0.1:5001", &[], known), "{known}");
        }
        for unknown in [
            "rebind.evil.example:5001",
            "rebind.evil.example",
            "localhost",
            "localhost:5002",
            "127.0.0.1",
            "10.0.0.1:5001",
            "localhost.evil.example:5001",
            "127.0.0.1.evil.example:5001",
            "localhost:5001@evil.example",
            "x@localhost:5001",
            "[::1]",
            "[::1]5001",
            "[::2]:5001",
            "[localhost]:5001",
            "::1:5001",
            "localhost:",
            "localhost:5001x",
            "localhost:+5001",
            "",
            ":5001",
            "local host:5001",
            "127.0.0.1:5001,evil",
            "2130706433:5001",
            "0x7f.1:5001",
            "127.1:5001",
        ] {
            assert!(!check("127.0.0.1:5001", &[], unknown), "{unknown}");
        }
        assert!(check("127.0.0.1:80", &[], "localhost"), "a port that is left out is 80");
    }

    #[test]
    fn names_that_are_set_are_known() {
        let named = ["telemetry.example.org", "other.example:8443"];
        for known in
            ["telemetry.example.org", "TELEMETRY.example.org:99", "other.example:8443", "localhost:5001"]
        {
            assert!(check("127.0.0.1:5001", &named, known), "{known}");
        }
        for unknown in ["other.example", "other.example:443", "a.telemetry.example.org", "example.org"] {
            assert!(!check("127.0.0.1:5001", &named, unknown), "{unknown}");
        }
    }

    #[test]
    fn addresses_and_private_names_are_known_on_other_networks() {
        for known in [
            "192.168.1.5:5001",
            "192.168.1.5",
            "[fe80::1]:5001",
            "localhost:8080",
            "afterglow:5001",
            "pi.local:5001",
        ] {
            assert!(check("0.0.0.0:5001", &[], known), "{known}");
        }
        for unknown in [
            "rebind.evil.example:5001",
            "evil.example",
            "local.evil.example",
            ".local",
            "192.168.1.5.nip.io:5001",
        ] {
            assert!(!check("0.0.0.0:5001", &[], unknown), "{unknown}");
        }
    }
}
