//! What proxies say of the requests that they pass on, and which of them are believed.
//!
//! Everybody can send the headers in question, so they count only when the connection comes from an address that is trusted, and
//! only as far to the left as trusted proxies have written: the first address from the right that is not trusted is the
//! client's. One family of headers is read; of the other a proxy would pass on whatever the client has written.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::{FORWARDED, HeaderMap};

use crate::config::{Networks, ProxyHeader};

/// The proxies that are believed.
#[derive(Clone, Debug)]
pub(super) struct Proxies {
    trusted: Networks,
    header: ProxyHeader,
}

/// Where a request comes from, and what it was when it reached the first trusted proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sender {
    /// The client; without a port where a proxy does not say it.
    pub(super) address: SocketAddr,
    /// Whether the client's own connection is in TLS; unknown where no proxy says it.
    pub(super) is_secure: Option<bool>,
    /// The host that the client asked for, where a proxy says so.
    pub(super) host: Option<String>,
}

impl Proxies {
    pub(super) const fn new(trusted: Networks, header: ProxyHeader) -> Self {
        Self { trusted, header }
    }

    /// Whether a connection comes from one of them.
    pub(super) fn trusts(&self, peer: Option<SocketAddr>) -> bool {
        peer.is_some_and(|peer| self.trusted.contains(peer.ip()))
    }

    /// Who sent a request whose connection comes from `peer`.
    pub(super) fn sender(&self, peer: SocketAddr, headers: &HeaderMap) -> Sender {
        let direct = Sender { address: peer, is_secure: None, host: None };
        if !self.trusted.contains(peer.ip()) {
            return direct;
        }
        match self.header {
            ProxyHeader::XForwardedFor => {
                let hops = list(headers, "x-forwarded-for");
                let last = |name| list(headers, name).pop();
                Sender {
                    address: self.first_untrusted(peer, hops.iter().map(|hop| node(hop))).1,
                    is_secure: last("x-forwarded-proto").map(|scheme| scheme.eq_ignore_ascii_case("https")),
                    host: last("x-forwarded-host"),
                }
            }
            ProxyHeader::Forwarded => {
                let hops = list(headers, FORWARDED.as_str());
                let named = |hop: &str, name| pair(hop, name).map(str::to_owned);
                let nodes = hops.iter().map(|hop| node(pair(hop, "for")?));
                let (hop, address) = self.first_untrusted(peer, nodes);
                let Some(hop) = hop.and_then(|index| hops.get(index)) else { return direct };
                Sender {
                    address,
                    is_secure: named(hop, "proto").map(|scheme| scheme.eq_ignore_ascii_case("https")),
                    host: named(hop, "host"),
                }
            }
        }
    }

    /// The first address from the right that is not trusted, and its place; the last that can be read where there is none.
    fn first_untrusted(
        &self,
        peer: SocketAddr,
        nodes: impl DoubleEndedIterator<Item = Option<SocketAddr>> + ExactSizeIterator,
    ) -> (Option<usize>, SocketAddr) {
        let mut client = (None, peer);
        for (index, node) in nodes.enumerate().rev() {
            let Some(node) = node else { break };
            client = (Some(index), node);
            if !self.trusted.contains(node.ip()) {
                break;
            }
        }
        client
    }
}

/// A header that only proxies send, if the request has one.
pub(super) fn mark(headers: &HeaderMap) -> Option<&str> {
    let is_mark =
        |name: &&str| matches!(*name, "forwarded" | "via" | "x-real-ip") || name.starts_with("x-forwarded-");
    headers.keys().map(actix_web::http::header::HeaderName::as_str).find(is_mark)
}

/// The elements of a list that may be in several lines; commas in quotes belong to their element.
fn list(headers: &HeaderMap, name: &str) -> Vec<String> {
    let lines = headers.get_all(name).map(|line| line.to_str().unwrap_or_default());
    lines.flat_map(|line| split(line, ',')).map(str::to_owned).collect()
}

fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |character| {
        is_quoted ^= character == '"';
        character == separator && !is_quoted
    })
    .map(str::trim)
}

/// A value of an element of `Forwarded` (RFC 7239).
fn pair<'e>(element: &'e str, name: &str) -> Option<&'e str> {
    split(element, ';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = value.trim();
        let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        key.trim().eq_ignore_ascii_case(name).then_some(unquoted)
    })
}

/// An address with or without a port, brackets or a zone; none for names such as `unknown`.
fn node(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(SocketAddr::new(address.to_canonical(), 0));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host, if port.is_empty() { "0" } else { port.strip_prefix(':')? })
        }
        // With more than one colon it is an address without brackets, so without a port.
        None => text.split_once(':').filter(|(_, rest)| !rest.contains(':')).unwrap_or((text, "0")),
    };
    let host = host.split_once('%').map_or(host, |(host, _)| host);
    Some(SocketAddr::new(host.parse::<IpAddr>().ok()?.to_canonical(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        headers
    }

    fn sender(header: ProxyHeader, peer: &str, lines: &[(&str, &str)]) -> Sender {
        let trusted = "10.0.0.0/8 127.0.0.1 fd00::/8".parse().unwrap();
        Proxies::new(trusted, header).sender(SocketAddr::new(peer.parse().unwrap(), 9), &headers(lines))
    }

    fn address(header: ProxyHeader, peer: &str, lines: &[(&str, &str)]) -> String {
        let address = sender(header, peer, lines).address;
        if address.port() == 0 { address.ip().to_string() } else { address.to_string() }
    }

    #[test]
    fn the_first_untrusted_address_from_the_right_is_the_client() {
        use ProxyHeader::XForwardedFor;
        for (peer, lines, client) in [
            ("10.0.0.1", &["1.2.3.4"][..], "1.2.3.4"),
            // What the client has written itself stands further left.
            ("10.0.0.1", &["127.0.0.1, 6.6.6.6, 1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6", "1.2.3.4, 10.0.0.7"], "1.2.3.4"),
            ("::ffff:10.0.0.1", &["1.2.3.4:777"], "1.2.3.4:777"),
            ("fd00::1", &["2001:db8::1"], "2001:db8::1"),
            ("fd00::1", &["[2001:db8::1]:80, [fd00::2%eth0]"], "[2001:db8::1]:80"),
            // Nobody but proxies.
            ("127.0.0.1", &["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
            ("127.0.0.1", &[], "127.0.0.1:9"),
            // What cannot be read ends what is believed.
            ("10.0.0.1", &["1.2.3.4, nonsense"], "10.0.0.1:9"),
            ("10.0.0.1", &["1.2.3.4, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["1.2.3.4,"], "10.0.0.1:9"),
            ("10.0.0.1", &["1.2.3.4:99999"], "10.0.0.1:9"),
            // Not a proxy of ours.
            ("9.9.9.9", &["1.2.3.4"], "9.9.9.9:9"),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
            assert_eq!(address(XForwardedFor, peer, &lines), client, "{peer} {lines:?}");
        }
        let other = [("forwarded", "for=1.2.3.4"), ("x-real-ip", "1.2.3.4")];
        assert_eq!(address(XForwardedFor, "10.0.0.1", &other), "10.0.0.1:9", "one family alone is read");
    }

    #[test]
    fn forwarded_is_read_as_its_standard_says() {
        use ProxyHeader::Forwarded;
        for (line, client) in [
            ("for=1.2.3.4", "1.2.3.4"),
            (r#"For="[2001:db8::1]:80";proto=https, for=10.0.0.3"#, "[2001:db8::1]:80"),
            (r#"for=6.6.6.6, for="1.2.3.4:5" ; by=10.0.0.9"#, "1.2.3.4:5"),
            (r#"for="a,b", for=_hidden"#, "10.0.0.1:9"),
            ("proto=https", "10.0.0.1:9"),
        ] {
            assert_eq!(address(Forwarded, "10.0.0.1", &[("forwarded", line)]), client, "{line}");
        }
        assert_eq!(address(Forwarded, "10.0.0.1", &[("x-forwarded-for", "1.2.3.4")]), "10.0.0.1:9");
        let lines =
            [("forwarded", "for=6.6.6.6;host=evil;proto=http, for=1.2.3.4;host=a.example;proto=https")];
        let known = sender(Forwarded, "10.0.0.1", &lines);
        assert_eq!((known.is_secure, known.host.as_deref()), (Some(true), Some("a.example")));
    }

    #[test]
    fn scheme_and_host_are_a_trusted_proxys_alone() {
        let lines = [
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-proto", "http, HTTPS"),
            ("x-forwarded-host", "evil, a.example"),
        ];
        let known = sender(ProxyHeader::XForwardedFor, "10.0.0.1", &lines);
        assert_eq!((known.is_secure, known.host.as_deref()), (Some(true), Some("a.example")));
        let unknown = sender(ProxyHeader::XForwardedFor, "9.9.9.9", &lines);
        assert_eq!((unknown.is_secure, unknown.host), (None, None));
    }

    #[test]
    fn marks_of_proxies() {
        for name in ["Forwarded", "Via", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Server"] {
            assert_eq!(mark(&headers(&[(name, "x")])), Some(&*name.to_lowercase()));
        }
        assert_eq!(mark(&headers(&[("x-request-id", "1"), ("user-agent", "x")])), None);
    }
}
