//! Where a server is, and how connections to it are encrypted.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// What makes encrypted connections.
pub(super) type Tls = MakeRustlsConnect;

/// How long a host may take to answer.
const CONNECT: Duration = Duration::from_secs(5);

/// How long what was sent may stay without an answer of the other system.
const SILENCE: Duration = Duration::from_secs(10);

/// PostgreSQL's usual port.
const PORT: u16 = 5432;

/// A database of a PostgreSQL server, by its URL.
///
/// Connections to other machines are encrypted unless the URL says `sslmode=disable`, and then the server's certificate is verified:
/// against the authorities that browsers trust, or those in the file that `sslrootcert` names.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    config: Box<Config>,
    /// Certificates of authorities, in PEM.
    authorities: Option<PathBuf>,
    /// The schema, where it is another one than the URL says.
    schema: Option<String>,
}

impl Server {
    /// The server at `url`.
    ///
    /// # Errors
    /// What is wrong with the URL, without what may be a password.
    pub fn new(url: &str) -> Result<Self, String> {
        let (url, authorities) = without_authorities(url);
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            let why =
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            format!("it is no URL of a PostgreSQL database, as in postgres://user@host/database: {why}")
        })?;
        if config.get_hosts().is_empty() || config.get_dbname().is_none_or(str::is_empty) {
            return Err("it names no host or no database; write postgres://user@host/database".into());
        }
        if !url.contains("sslmode=") && !config.get_hosts().iter().all(is_here) {
            config.ssl_mode(SslMode::Require);
        }
        if !url.contains("connect_timeout=") {
            config.connect_timeout(CONNECT);
        }
        config.tcp_user_timeout(SILENCE).keepalives_idle(SILENCE);
        config.keepalives_interval(SILENCE / 4).keepalives_retries(3);
        if config.get_application_name().is_none() {
            config.application_name("afterglow");
        }
        Ok(Self { config: Box::new(config), authorities, schema: None })
    }

    /// Another schema of the same database; its name is of letters, digits and `_`, `-`, `.`.
    pub(crate) fn in_schema(&self, schema: &str) -> Self {
        let mut server = self.clone();
        // The last one counts.
        let before = self.config.get_options().unwrap_or_default();
        server.config.options(format!("{before} -c search_path=\"{schema}\"").trim_start());
        server.schema = Some(schema.to_owned());
        server
    }

    /// Another schema of the same database, of which PostgreSQL hears nothing, as through a pooler that ignores `options`.
    #[cfg(test)]
    pub(crate) fn unheard_in_schema(&self, schema: &str) -> Self {
        Self { schema: Some(schema.to_owned()), ..self.clone() }
    }

    /// The schema, where it is another one than the URL says.
    pub(super) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Where it is, without user and password.
    pub(crate) fn address(&self) -> String {
        format!("postgres://{}", self.place())
    }

    /// Hosts, ports and the database's name.
    fn place(&self) -> String {
        let ports = self.config.get_ports();
        let hosts = self.config.get_hosts().iter().enumerate().map(|(index, host)| {
            let port = ports.get(index).or(ports.first()).copied().unwrap_or(PORT);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                Host::Unix(folder) => format!("{}:{port}", folder.display()),
            }
        });
        let hosts: Vec<_> = hosts.collect();
        format!("{}/{}", hosts.join(","), self.config.get_dbname().unwrap_or_default())
    }

    /// What encrypts its connections.
    ///
    /// # Errors
    /// When the file of authorities has none.
    pub(super) fn tls(&self) -> Result<Tls, String> {
        let mut roots = RootCertStore::empty();
        match &self.authorities {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(path) => {
                let unread = |why: &dyn fmt::Display| {
                    format!("the certificates of authorities {} cannot be read: {why}", path.display())
                };
                for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unread(&error))? {
                    let certificate = certificate.map_err(|error| unread(&error))?;
                    roots.add(certificate).map_err(|error| unread(&error))?;
                }
                if roots.is_empty() {
                    return Err(unread(&"it has no certificate"));
                }
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = versions.map_err(|error| error.to_string())?;
        Ok(Tls::new(builder.with_root_certificates(roots).with_no_client_auth()))
    }
}

/// Whether a host is this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
    }
}

/// Takes the parameter `sslrootcert` out of a URL: the client does not know it.
fn without_authorities(url: &str) -> (String, Option<PathBuf>) {
    const NAME: &str = "sslrootcert=";
    let Some((address, parameters)) = url.split_once('?') else { return (url.to_owned(), None) };
    let (ours, theirs): (Vec<&str>, Vec<&str>) =
        parameters.split('&').partition(|part| part.starts_with(NAME));
    let path = ours.first().map(|part| PathBuf::from(&part[NAME.len()..]));
    let url = if theirs.is_empty() { address.to_owned() } else { format!("{address}?{}", theirs.join("&")) };
    (url, path)
}

/// Without the password.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place();
        match self.config.get_user() {
            Some(user) => write!(f, "postgres://{user}@{place}")?,
            None => write!(f, "postgres://{place}")?,
        }
        self.schema.iter().try_for_each(|schema| write!(f, ", schema {schema}"))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_to_other_machines_are_encrypted_unless_the_url_says_otherwise() {
        let mode = |url: &str| Server::new(url).unwrap().config.get_ssl_mode();
        assert_eq!(mode("postgres://db.example/a"), SslMode::Require);
        assert_eq!(mode("postgres://127.0.0.1,db.example/a"), SslMode::Require);
        assert_eq!(mode("postgres://db.example/a?sslmode=disable"), SslMode::Disable);
        for here in ["localhost", "127.0.0.1", "[::1]", "%2Fvar%2Frun%2Fpostgresql"] {
            assert_eq!(mode(&format!("postgres://{here}/a")), SslMode::Prefer, "{here}");
        }
    }

    #[test]
    fn authorities_are_a_parameter_of_the_url() {
        let server = Server::new("postgres://a/b?sslrootcert=/etc/ca.pem&sslmode=require").unwrap();
        assert_eq!(server.authorities.as_deref(), Some("/etc/ca.pem".as_ref()));
        let refused = server.tls().err().unwrap();
        assert!(refused.contains("/etc/ca.pem"), "{refused}");
        assert!(Server::new("postgres://a/b").unwrap().tls().is_ok());
    }

    #[test]
    fn a_schema_is_added_to_the_options_of_the_url() {
        let server = Server::new("postgres://me:s3cret@a/b?options=-c%20work_mem%3D8MB").unwrap();
        let schema = server.in_schema("tenant_x_1");
        assert_eq!(schema.config.get_options(), Some("-c work_mem=8MB -c search_path=\"tenant_x_1\""));
        assert_eq!(schema.to_string(), "postgres://me@a:5432/b, schema tenant_x_1");
        assert_ne!(schema, server);
        let plain = Server::new("postgres://a/b").unwrap().in_schema("x");
        assert_eq!(plain.config.get_options(), Some("-c search_path=\"x\""));
    }

    #[test]
    fn urls_without_host_or_database_are_refused() {
        for url in ["postgres://", "postgres:///a", "postgres://a", "postgres://a/", "postgres://a:x/b"] {
            assert!(Server::new(url).is_err(), "{url}");
        }
    }
}
