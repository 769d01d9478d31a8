//! Where the bus is: URLs of NATS servers.

use std::fmt;
use std::net::IpAddr;

use async_nats::ServerAddr;

/// Servers of one NATS, and what identifies this server there.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    servers: Vec<ServerAddr>,
    credentials: Option<Credentials>,
}

/// What identifies this server to NATS.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A token.
    Token(String),
    /// A user and a password.
    User(String, String),
}

impl Address {
    /// Reads URLs, separated by commas: `nats://` or `tls://`, with `user:password@`, `token@` or nothing before the host. What is special
    /// in URLs is percent-encoded in these.
    ///
    /// # Errors
    /// Says what is wrong with which of them, and what is allowed; it repeats no secret.
    pub fn new(text: &str) -> Result<Self, String> {
        let (mut servers, mut all) = (Vec::new(), Vec::new());
        for (number, url) in text.split(',').map(str::trim).enumerate() {
            let at = |why: &str| format!("URL {} of the bus {why}", number + 1);
            if !(url.starts_with("nats://") || url.starts_with("tls://")) {
                return Err(at(
                    "begins with neither nats:// nor tls://; an example is nats://127.0.0.1:4222",
                ));
            }
            let server: ServerAddr = url
                .parse()
                .map_err(|_| at("cannot be read; an example is nats://user:password@host:4222"))?;
            if server.host().is_empty() {
                return Err(at("names no host; an example is nats://host:4222"));
            }
            let parsed = server.clone().into_inner();
            if !matches!(parsed.path(), "" | "/") || parsed.query().is_some() || parsed.fragment().is_some() {
                return Err(at("has something behind the host and the port, where nothing is allowed"));
            }
            let credentials = match (server.username(), server.password()) {
                (Some(user), Some(password)) => {
                    decoded(user).and_then(|user| Some(Some(Credentials::User(user, decoded(password)?))))
                }
                (Some(token), None) => decoded(token).map(|token| Some(Credentials::Token(token))),
                (None, None) => Some(None),
                (None, Some(_)) => return Err(at("has a password without a user")),
            };
            let credentials = credentials.ok_or_else(|| {
                at("has a % before the host that is not followed by two hexadecimal digits of UTF-8")
            })?;
            if credentials.is_none() && !server.tls_required() && !is_loopback(&server) {
                return Err(at(
                    "is of another machine, in plain text and without user:password@ or token@: everyone who reaches it \
                     reads all samples. Give credentials, use tls://, or an address of this machine",
                ));
            }
            if all.last().is_some_and(|before| *before != credentials) {
                return Err(at("has other credentials than the one before it"));
            }
            all.push(credentials);
            servers.push(server);
        }
        Ok(Self { servers, credentials: all.pop().flatten() })
    }

    /// Whether all connections are encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.servers.iter().all(ServerAddr::tls_required)
    }

    /// The servers, for the client.
    pub fn servers(&self) -> Vec<ServerAddr> {
        self.servers.clone()
    }

    /// What identifies this server there.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }
}

/// What is percent-encoded in `text`; nothing when it is not that.
fn decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

fn is_loopback(server: &ServerAddr) -> bool {
    server.host() == "localhost" || server.host().parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Hosts and ports alone.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, server) in self.servers.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            let host = server.host();
            let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
            write!(f, "{comma}{}://{open}{host}{close}:{}", server.scheme(), server.port())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_show_no_secret() {
        let token = |token: &str| Some(Credentials::Token(token.to_owned()));
        let user = |user: &str, password: &str| Some(Credentials::User(user.to_owned(), password.to_owned()));
        let shown = [
            ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222", None),
            ("nats://localhost", "nats://localhost:4222", None),
            ("nats://[::1]:1", "nats://[::1]:1", None),
            ("nats://me:s3cret@bus.example:4222", "nats://bus.example:4222", user("me", "s3cret")),
            ("nats://m%40e:s3cret%2F%C3%A9@a", "nats://a:4222", user("m@e", "s3cret/é")),
            ("nats://s3cret@a,nats://s3cret@b:1", "nats://a:4222,nats://b:1", token("s3cret")),
            ("tls://bus.example", "tls://bus.example:4222", None),
        ];
        for (text, expected, credentials) in shown {
            let address = Address::new(text).unwrap();
            assert_eq!(address.to_string(), expected);
            assert!(address.credentials() == credentials.as_ref(), "{text}");
            assert!(!format!("{address:?}").contains("s3cret"));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_is_allowed() {
        let refused = [
            ("", "neither nats:// nor tls://"),
            ("localhost:4222", "neither nats:// nor tls://"),
            ("http://a", "neither nats:// nor tls://"),
            ("nats://127.0.0.1,", "URL 2"),
            ("nats://", "URL 1"),
            ("nats://:s3cret@a", "without a user"),
            ("nats://bus.example:4222", "in plain text"),
            ("nats://0.0.0.0", "in plain text"),
            ("nats://a@127.0.0.1,nats://b@127.0.0.1", "other credentials"),
            ("nats://me:s3cret%@127.0.0.1", "hexadecimal"),
            ("nats://127.0.0.1/topic", "behind the host"),
            ("nats://127.0.0.1?s3cret", "behind the host"),
        ];
        for (text, why) in refused {
            let error = Address::new(text).unwrap_err();
            assert!(error.contains(why) && !error.contains("s3cret"), "{text}: {error}");
        }
    }
}
