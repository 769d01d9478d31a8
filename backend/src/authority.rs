//! Hosts with ports, as requests and settings name them.

use std::net::{IpAddr, Ipv6Addr};

/// A host and a port, as in the `Host` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority<'t> {
    /// A name or an address without brackets.
    pub host: &'t str,
    /// The port, where one is named.
    pub port: Option<u16>,
}

impl<'t> Authority<'t> {
    /// Reads `HOST`, `HOST:PORT` or `[IPV6]:PORT`; `None` for everything else, user names included.
    pub fn parse(text: &'t str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                host.parse::<Ipv6Addr>().ok()?;
                (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
        if host.is_empty() || !host.bytes().all(allowed) {
            return None;
        }
        // A number of Rust's may have a sign.
        if port.is_some_and(|port| !port.bytes().all(|byte| byte.is_ascii_digit())) {
            return None;
        }
        Some(Self { host, port: port.map(str::parse).transpose().ok()? })
    }

    /// The host as an address, where it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}
