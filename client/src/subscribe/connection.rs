//! One WebSocket.

use std::fmt;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use afterglow_wire::v1::{PROTOCOL, Request, SILENCE, Subscribe};
use rustls::{ClientConfig, RootCertStore};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::http::HeaderValue;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Bytes, Connector, HandshakeError, Message, WebSocket};

use super::Interrupted;
use crate::access::Access;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// Where a backend listens.
#[derive(Clone, Debug)]
pub(super) struct Address {
    /// The host, and the port where it is named.
    authority: String,
    /// Whether it speaks TLS.
    secure: bool,
}

impl Address {
    /// Reads `http://HOST:PORT` or `https://HOST:PORT`; without a scheme it is the former.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (rest, secure) = match text.strip_prefix("https://") {
            Some(rest) => (rest, true),
            None => (text.strip_prefix("http://").unwrap_or(text), false),
        };
        let authority = rest.trim_end_matches('/').to_owned();
        let is_usable = !authority.is_empty() && !authority.contains(['/', '?', '#', '@', ' ']);
        is_usable.then_some(Self { authority, secure })
    }

    fn with_port(&self) -> String {
        let has_port = self.authority.rsplit(']').next().is_some_and(|rest| rest.contains(':'));
        let port = if self.secure { 443 } else { 80 };
        if has_port { self.authority.clone() } else { format!("{}:{port}", self.authority) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.authority)
    }
}

/// A connection that speaks the binary protocol.
#[derive(Debug)]
pub(super) struct Connection(WebSocket<MaybeTlsStream<TcpStream>>);

impl Connection {
    pub(super) fn open(address: &Address, access: &Access) -> Result<Self, Interrupted> {
        let broken = |error: std::io::Error| Interrupted::Broken(format!("{address}: {error}"));
        let target = address.with_port().to_socket_addrs().map_err(broken)?.next();
        let target = target.ok_or_else(|| Interrupted::Broken(format!("{address}: no such host")))?;
        let stream = TcpStream::connect_timeout(&target, CONNECT).map_err(broken)?;
        stream.set_read_timeout(Some(SILENCE)).map_err(broken)?;
        stream.set_write_timeout(Some(SILENCE)).map_err(broken)?;
        stream.set_nodelay(true).map_err(broken)?;
        shake_hands(address, access, stream).map(Self)
    }

    /// Asks for a subscription.
    pub(super) fn send(&mut self, subscribe: Subscribe) -> Result<(), Interrupted> {
        let request = serde_json::to_string(&Request::Subscribe(subscribe))
            .map_err(|error| Interrupted::Refused(error.to_string()))?;
        self.0.send(Message::text(request)).map_err(interrupted)
    }

    /// The next frame.
    pub(super) fn read(&mut self) -> Result<Bytes, Interrupted> {
        loop {
            match self.0.read().map_err(interrupted)? {
                Message::Binary(bytes) => return Ok(bytes),
                Message::Close(Some(frame)) => {
                    let code = u16::from(frame.code);
                    return Err(Interrupted::Broken(format!("closed with {code}: {}", frame.reason)));
                }
                Message::Close(None) => return Err(Interrupted::Broken("closed".into())),
                Message::Ping(_) | Message::Pong(_) | Message::Text(_) | Message::Frame(_) => {}
            }
        }
    }
}

fn shake_hands(
    address: &Address,
    access: &Access,
    stream: TcpStream,
) -> Result<WebSocket<MaybeTlsStream<TcpStream>>, Interrupted> {
    let scheme = if address.secure { "wss" } else { "ws" };
    let mut request = format!("{scheme}://{address}/ws")
        .into_client_request()
        .map_err(|error| Interrupted::Refused(format!("{address}: {error}")))?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(PROTOCOL));
    if let Some(authorization) = access.authorization() {
        let value = HeaderValue::try_from(authorization)
            .map_err(|_| Interrupted::Refused("the key cannot be sent".to_owned()))?;
        request.headers_mut().insert("Authorization", value);
    }
    let connector = if address.secure { tls(access)? } else { Connector::Plain };
    match tungstenite::client_tls_with_config(request, stream, None, Some(connector)) {
        Ok((socket, _)) => Ok(socket),
        Err(HandshakeError::Failure(tungstenite::Error::Http(response))) if response.status() == 400 => {
            Err(Interrupted::Refused(format!("{address} does not speak {PROTOCOL}")))
        }
        Err(HandshakeError::Failure(tungstenite::Error::Http(response)))
            if matches!(response.status().as_u16(), 401 | 403) =>
        {
            let status = response.status().as_u16();
            Err(Interrupted::Refused(format!("{address} denies access (status {status}); check the key")))
        }
        Err(HandshakeError::Failure(tungstenite::Error::Http(response))) if response.status() == 421 => {
            Err(Interrupted::Refused(format!(
                "the server does not know {address} as its own; see its --allowed-hosts"
            )))
        }
        Err(HandshakeError::Failure(error)) => Err(Interrupted::Broken(error.to_string())),
        Err(HandshakeError::Interrupted(_)) => Err(Interrupted::Broken("no answer".into())),
    }
}

fn tls(access: &Access) -> Result<Connector, Interrupted> {
    let mut roots = RootCertStore::empty();
    match access.authorities() {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(authorities) => {
            for authority in authorities {
                roots.add(authority.clone()).map_err(|error| {
                    Interrupted::Refused(format!("an authority's certificate cannot be used: {error}"))
                })?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Interrupted::Refused(error.to_string()))?;
    Ok(Connector::Rustls(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
}

fn interrupted(error: tungstenite::Error) -> Interrupted {
    let reason = match error {
        tungstenite::Error::Io(error)
            if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
        {
            format!("silent for {} s", SILENCE.as_secs())
        }
        other => other.to_string(),
    };
    Interrupted::Broken(reason)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// What becomes of a handshake that is answered with `status`.
    fn answered(status: u16) -> Interrupted {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        #[expect(clippy::disallowed_methods, reason = "the server of a test")]
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            write!(stream, "HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n").unwrap();
        });
        let interrupted =
            Connection::open(&Address::parse(&address).unwrap(), &Access::default()).unwrap_err();
        server.join().unwrap();
        interrupted
    }

    #[test]
    fn denied_access_ends_the_subscription_and_a_busy_server_does_not() {
        for status in [401, 403] {
            let interrupted = answered(status);
            assert!(
                matches!(&interrupted, Interrupted::Refused(why) if why.contains("check the key")),
                "{interrupted:?}"
            );
        }
        let unknown = answered(421);
        assert!(
            matches!(&unknown, Interrupted::Refused(why) if why.contains("--allowed-hosts")),
            "{unknown:?}"
        );
        assert!(matches!(answered(503), Interrupted::Broken(_)));
    }

    #[test]
    fn an_https_address_is_spoken_to_in_tls() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        #[expect(clippy::disallowed_methods, reason = "the server of a test")]
        let server = std::thread::spawn(move || {
            let mut record = [0; 3];
            listener.accept().unwrap().0.read_exact(&mut record).unwrap();
            record
        });
        let opened = Connection::open(&Address::parse(&address).unwrap(), &Access::default());
        assert!(matches!(opened, Err(Interrupted::Broken(_))));
        assert_eq!(server.join().unwrap(), [0x16, 3, 1], "a handshake record, not a request in plain text");
    }
}
