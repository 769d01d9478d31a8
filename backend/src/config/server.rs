//! `[server]`: where the backend listens and what requests may do.

use std::net::SocketAddr;
use std::path::PathBuf;

use afterglow_cli::settings::{Seconds, within};
use clap::Args;

use super::retention::Size;
use super::{ConfigError, Networks, ProxyHeader, parse};
use crate::authority::Authority;
use crate::tls::Files;

/// The settings of `[server]`.
#[derive(Args, Clone, Debug, PartialEq)]
#[command(next_help_heading = "Server")]
pub struct Server {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(
        long,
        env = "AFTERGLOW_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:5001",
        value_parser = parse::<SocketAddr>("an address and a port, such as 127.0.0.1:5001")
    )]
    pub listen: SocketAddr,

    /// Let everyone who reaches the server read and write without a key, also from other machines
    #[arg(
        long,
        env = "AFTERGLOW_INSECURE",
        num_args = 0..=1,
        default_value_t = false,
        default_missing_value = "true",
        value_name = "BOOL"
    )]
    pub insecure: bool,

    /// Listen on an address that other machines can reach without TLS: keys, passwords and samples travel in plain text
    #[arg(
        long,
        env = "AFTERGLOW_PLAIN_HTTP",
        num_args = 0..=1,
        default_value_t = false,
        default_missing_value = "true",
        value_name = "BOOL"
    )]
    pub plain_http: bool,

    /// The certificate that is shown in TLS, and those that lead to its authority (PEM); with tls-key. Read again when it
    /// changes and on SIGHUP
    #[arg(long, env = "AFTERGLOW_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// The certificate's private key (PEM), which nobody else may read
    #[arg(long, env = "AFTERGLOW_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Address and port, such as 0.0.0.0:80, that lead readers to public-url; nothing else is served there
    #[arg(
        long,
        env = "AFTERGLOW_REDIRECT_LISTEN",
        value_name = "ADDRESS:PORT",
        value_parser = parse::<SocketAddr>("an address and a port, such as 0.0.0.0:80")
    )]
    pub redirect_listen: Option<SocketAddr>,

    /// Addresses or networks, separated by blanks, of the proxies that may say where a request comes from, such as 127.0.0.1
    /// for one on this machine
    #[arg(
        long,
        env = "AFTERGLOW_TRUSTED_PROXIES",
        value_name = "NETWORKS",
        default_value = "",
        value_parser = parse::<Networks>("addresses or networks, such as 127.0.0.1 or 10.0.0.0/8, separated by blanks")
    )]
    pub trusted_proxies: Networks,

    /// The one header in which they say so; the proxy must replace or extend what a client sends in it
    #[arg(
        long,
        env = "AFTERGLOW_PROXY_HEADER",
        value_name = "HEADER",
        default_value = "x-forwarded-for",
        value_enum
    )]
    pub proxy_header: ProxyHeader,

    /// Serve the dashboard from this folder instead of the one in the binary (for its developers)
    #[arg(long, env = "AFTERGLOW_DASHBOARD_DIR", value_name = "FOLDER")]
    pub dashboard_dir: Option<PathBuf>,

    /// Origins whose pages may show single panels in a frame, separated by blanks, such as https://wiki.example.org; `*`
    /// for all; none means only this server's own
    #[arg(long, env = "AFTERGLOW_EMBED_FROM", value_name = "ORIGINS", default_value = "", value_parser = origins)]
    pub embed_from: Words,

    /// The address of the page as its readers see it, such as https://telemetry.example.org, when a proxy stands between
    #[arg(long, env = "AFTERGLOW_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    pub public_url: Option<String>,

    /// More hosts under which the server may be asked, separated by blanks, such as telemetry.example.org or
    /// localhost:8080; without a port, with any. Loopback names are always allowed; with --insecure also IP addresses,
    /// names without a dot and names under .local
    #[arg(long, env = "AFTERGLOW_ALLOWED_HOSTS", value_name = "HOSTS", default_value = "", value_parser = hosts)]
    pub allowed_hosts: Words,

    /// Memory that bounds are computed for, such as 64MB; what the machine or its control group has when absent. From 512MB
    /// on all bounds are full
    #[arg(long, env = "AFTERGLOW_MEMORY", value_name = "SIZE")]
    pub memory: Option<Size>,

    /// Seconds within which a request's body must have arrived, 1 to 3600
    #[arg(
        long,
        env = "AFTERGLOW_BODY_SECONDS",
        value_name = "SECONDS",
        default_value_t = Seconds(30),
        value_parser = within(Seconds(1)..=Seconds(3_600))
    )]
    pub body_seconds: Seconds,

    /// Seconds, 0 to 60, for which all is served as before while `/ready` says that the server stops: a balancer needs the first
    /// half to notice, and in the second live clients leave one after another
    #[arg(
        long,
        env = "AFTERGLOW_DRAIN_DELAY",
        value_name = "SECONDS",
        default_value_t = Seconds(0),
        value_parser = within(Seconds(0)..=Seconds(60))
    )]
    pub drain_delay: Seconds,
}

impl Server {
    /// Whether only this machine reaches the server: behind a proxy, others do.
    pub fn is_local(&self) -> bool {
        self.listen.ip().is_loopback() && self.trusted_proxies.0.is_empty()
    }

    /// Checks what no setting can decide alone.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.tls_files()?;
        if self.redirect_listen.is_some()
            && !self.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
        {
            return Err(ConfigError::new(
                "redirect_listen needs public_url, the https:// address that readers are led to",
            ));
        }
        let is_protected = self.tls_cert.is_some() || !self.trusted_proxies.0.is_empty();
        if self.listen.ip().is_loopback() || is_protected || self.plain_http || self.insecure {
            return Ok(());
        }
        Err(ConfigError::new(format!(
            "listen = {} is not allowed: other machines could reach it, and keys and passwords would travel in plain text; use \
             a loopback address such as 127.0.0.1:5001, or give it a certificate (tls_cert, tls_key), or name the proxy \
             before it (trusted_proxies), or add --plain-http, or --insecure if everyone on that network may read and write \
             without a key",
            self.listen
        )))
    }
}

impl Server {
    /// The files of the certificate; none without TLS.
    ///
    /// # Errors
    /// When there is one of them without the other.
    pub fn tls_files(&self) -> Result<Option<Files>, ConfigError> {
        match (self.tls_cert.clone(), self.tls_key.clone()) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(Files { certificate, key })),
            _ => Err(ConfigError::new("tls_cert and tls_key belong together: one of them is missing")),
        }
    }
}

/// Words of one kind, separated by blanks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

fn words(text: &str, is_one: impl Fn(&str) -> bool, allowed: &str) -> Result<Words, String> {
    if text.split_whitespace().all(is_one) {
        return Ok(Words(text.split_whitespace().map(str::to_owned).collect()));
    }
    Err(allowed.to_owned())
}

/// Origins as the page's policy takes them: nothing in them can end the policy's line or begin another.
fn origins(text: &str) -> Result<Words, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:*[]".contains(&byte);
    let is_origin = |text: &str| {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        text == "*" || host.is_some_and(|host| !host.is_empty() && host.bytes().all(allowed))
    };
    words(
        text,
        is_origin,
        "origins such as https://wiki.example.org or http://127.0.0.1:8080, without a path, or *",
    )
}

fn hosts(text: &str) -> Result<Words, String> {
    words(text, is_host, "hosts such as telemetry.example.org or localhost:8080, without a scheme or a path")
}

/// The origin of an address without a path, as browsers write it: without the scheme's own port.
pub(super) fn public_url(text: &str) -> Result<String, String> {
    let url = text.strip_suffix('/').unwrap_or(text);
    for (scheme, port) in [("https://", ":443"), ("http://", ":80")] {
        if let Some(host) = url.strip_prefix(scheme)
            && is_host(host)
        {
            return Ok(url.strip_suffix(port).unwrap_or(url).to_owned());
        }
    }
    Err("an address such as https://telemetry.example.org, without a path".to_owned())
}

fn is_host(text: &str) -> bool {
    Authority::parse(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_those_that_requests_can_name() {
        for text in ["telemetry.example.org", "localhost:8080", "[::1]:8080", "a b:1"] {
            assert!(hosts(text).is_ok(), "{text}");
        }
        for text in ["localhost:99999", "fe80::1", "a:b:c", "a:", "user@a"] {
            assert!(hosts(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_public_address_is_the_origin_that_browsers_send() {
        for (given, origin) in [
            ("https://a.example:443/", "https://a.example"),
            ("http://a.example:80", "http://a.example"),
            ("https://a.example:80", "https://a.example:80"),
            ("https://[::1]:443", "https://[::1]"),
            ("http://a.example:8080", "http://a.example:8080"),
        ] {
            assert_eq!(public_url(given), Ok(origin.to_owned()), "{given}");
        }
        assert!(public_url("https://a.example:99999").is_err());
        assert!(public_url("a.example").is_err());
    }
}
