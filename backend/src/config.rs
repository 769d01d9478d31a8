//! Typed arguments, environment and file, merged into one validated [`Config`], read once at the edge.

mod retention;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use crate::store::{Retention, StoreConfig};
use retention::{Age, Override, Size, policy};

const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 5001);
const DATABASE: &str = "./data/afterglow.db";
const READERS: u32 = 4;
const SIGNALS: usize = 100_000;
const LIVE_CLIENTS: usize = 10_000;
const LIVE_CLIENTS_PER_ADDRESS: usize = 2_000;
const PING_SECONDS: u64 = 10;
const SLOW_SECONDS: u64 = 10;
const BODY_SECONDS: u64 = 30;
const QUERY_SECONDS: u64 = 30;

/// What a user may set, on the command line, in the environment, or as a key of the file. Everything is optional: the
/// first of these that says something wins, in this order.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:5001]
    #[arg(long, env = "AFTERGLOW_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,

    /// The SQLite file, made when it does not exist [default: ./data/afterglow.db]
    #[arg(long, env = "AFTERGLOW_DATABASE", value_name = "FILE")]
    database: Option<PathBuf>,

    /// Listen on an address that other machines can reach, although nothing asks them for a key
    #[arg(long, env = "AFTERGLOW_INSECURE", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    insecure: Option<bool>,

    /// Serve the dashboard from this folder instead of the one in the binary (for its developers)
    #[arg(long, env = "AFTERGLOW_DASHBOARD_DIR", value_name = "FOLDER")]
    dashboard_dir: Option<PathBuf>,

    /// Origins whose pages may show single panels in a frame, separated by blanks, such as https://wiki.example.org; `*`
    /// for all [default: only this server's own]
    #[arg(long, env = "AFTERGLOW_EMBED_FROM", value_name = "ORIGINS")]
    embed_from: Option<String>,

    /// The address of the page as its readers see it, such as https://telemetry.example.org, when a proxy stands between
    #[arg(long, env = "AFTERGLOW_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,

    /// More hosts under which the server may be asked, separated by blanks, such as telemetry.example.org or
    /// localhost:8080; without a port, with any [default: loopback names; with --insecure also IP addresses, names
    /// without a dot and names under .local]
    #[arg(long, env = "AFTERGLOW_ALLOWED_HOSTS", value_name = "HOSTS")]
    allowed_hosts: Option<String>,

    /// Queries that may run at once, 1 to 64 [default: 4]
    #[arg(long, env = "AFTERGLOW_READERS", value_name = "N")]
    readers: Option<u32>,

    /// Signals that are kept; samples of further ones are rejected, 1 to 10000000 [default: 100000]
    #[arg(long, env = "AFTERGLOW_SIGNAL_LIMIT", value_name = "N")]
    signal_limit: Option<usize>,

    /// Live clients that may be connected at once, 1 to 1000000 [default: 10000]
    #[arg(long, env = "AFTERGLOW_LIVE_CLIENTS", value_name = "N")]
    live_clients: Option<usize>,

    /// Live clients that may be connected from one address, 1 to 1000000 [default: 2000]
    #[arg(long, env = "AFTERGLOW_LIVE_CLIENTS_PER_ADDRESS", value_name = "N")]
    live_clients_per_address: Option<usize>,

    /// Seconds between two pings to a live client; silent for three of them, it is closed; 1 to 3600 [default: 10]
    #[arg(long, env = "AFTERGLOW_PING_SECONDS", value_name = "SECONDS")]
    ping_seconds: Option<u64>,

    /// Seconds for which a live client may read too slowly before it is closed with 4008; three times as long after it
    /// has stopped reading its connection is cut; 1 to 3600 [default: 10]
    #[arg(long, env = "AFTERGLOW_SLOW_SECONDS", value_name = "SECONDS")]
    slow_seconds: Option<u64>,

    /// Seconds within which a request's body must have arrived, 1 to 3600 [default: 30]
    #[arg(long, env = "AFTERGLOW_BODY_SECONDS", value_name = "SECONDS")]
    body_seconds: Option<u64>,

    /// Seconds that a query may take to find its next 64 KiB, and a client to read them, 1 to 3600 [default: 30]
    #[arg(long, env = "AFTERGLOW_QUERY_SECONDS", value_name = "SECONDS")]
    query_seconds: Option<u64>,

    /// How long samples are kept as they are, such as 36h, 7d or forever; then a minute's values remain [default: 7d]
    #[arg(long, env = "AFTERGLOW_KEEP_RAW", value_name = "AGE")]
    keep_raw: Option<Age>,

    /// How long a minute's values are kept; then an hour's remain [default: 90d]
    #[arg(long, env = "AFTERGLOW_KEEP_MINUTES", value_name = "AGE")]
    keep_minutes: Option<Age>,

    /// How long an hour's values are kept [default: forever]
    #[arg(long, env = "AFTERGLOW_KEEP_HOURS", value_name = "AGE")]
    keep_hours: Option<Age>,

    /// Size of the database beyond which the oldest samples expire before their time, such as 500MB or 20GB
    #[arg(long, env = "AFTERGLOW_MAX_SIZE", value_name = "SIZE")]
    max_size: Option<Size>,

    #[arg(skip)]
    #[serde(default, rename = "retention")]
    overrides: Vec<Override>,
}

/// Everything the backend needs to know, valid.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Where samples are kept.
    pub store: StoreConfig,
    /// A folder to serve the dashboard from; the binary's own copy when absent.
    pub dashboard_dir: Option<PathBuf>,
    /// Origins whose pages may show single panels in a frame, besides this server's own; `*` for all.
    pub embed_from: Vec<String>,
    /// The origin of the page as its readers see it, such as `https://telemetry.example.org`, when a proxy stands between.
    pub public_url: Option<String>,
    /// More hosts, with or without a port, under which the server may be asked.
    pub allowed_hosts: Vec<String>,
    /// Live clients that may be connected at once.
    pub live_clients: usize,
    /// Live clients that may be connected from one address.
    pub live_clients_per_address: usize,
    /// How often a live client is pinged.
    pub ping_interval: Duration,
    /// How long a live client may read too slowly before it is closed.
    pub slow_timeout: Duration,
    /// How long a request's body may take to arrive.
    pub body_timeout: Duration,
    /// How long a query may go on without a piece of its answer being made and taken.
    pub query_timeout: Duration,
    /// How long samples are kept.
    pub retention: Retention,
}

/// Settings that cannot be used: where, what was given, what is allowed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {error}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file has an unknown key or a value of a wrong type.
    #[error("{}: {error}", file.display())]
    BadFile {
        /// The file.
        file: PathBuf,
        /// Which line, and what is allowed there.
        error: Box<toml::de::Error>,
    },
    /// A value is out of range.
    #[error("{key} = {value} is not allowed: {allowed}")]
    BadValue {
        /// Which setting.
        key: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        allowed: String,
    },
}

impl Config {
    /// Merges `given` (arguments and environment) with the file, if one is named, and with the defaults.
    ///
    /// # Errors
    /// When the file or a value cannot be used.
    pub fn load(given: Settings, file: Option<&Path>) -> Result<Self, ConfigError> {
        let from_file = file.map_or_else(|| Ok(Settings::default()), Settings::read)?;
        given.or(from_file).validate()
    }

    /// Where samples are kept, for programs that need to know nothing else.
    ///
    /// # Errors
    /// When the file or a value cannot be used.
    pub fn load_store(
        database: Option<PathBuf>,
        signal_limit: Option<usize>,
        file: Option<&Path>,
    ) -> Result<StoreConfig, ConfigError> {
        let from_file = file.map_or_else(|| Ok(Settings::default()), Settings::read)?;
        Settings { database, signal_limit, ..Settings::default() }.or(from_file).store()
    }
}

impl Settings {
    fn read(file: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(file)
            .map_err(|error| ConfigError::Unreadable { file: file.to_owned(), error })?;
        toml::from_str(&text)
            .map_err(|error| ConfigError::BadFile { file: file.to_owned(), error: Box::new(error) })
    }

    fn or(self, other: Self) -> Self {
        Self {
            listen: self.listen.or(other.listen),
            database: self.database.or(other.database),
            insecure: self.insecure.or(other.insecure),
            dashboard_dir: self.dashboard_dir.or(other.dashboard_dir),
            embed_from: self.embed_from.or(other.embed_from),
            public_url: self.public_url.or(other.public_url),
            allowed_hosts: self.allowed_hosts.or(other.allowed_hosts),
            readers: self.readers.or(other.readers),
            signal_limit: self.signal_limit.or(other.signal_limit),
            live_clients: self.live_clients.or(other.live_clients),
            live_clients_per_address: self.live_clients_per_address.or(other.live_clients_per_address),
            ping_seconds: self.ping_seconds.or(other.ping_seconds),
            slow_seconds: self.slow_seconds.or(other.slow_seconds),
            body_seconds: self.body_seconds.or(other.body_seconds),
            query_seconds: self.query_seconds.or(other.query_seconds),
            keep_raw: self.keep_raw.or(other.keep_raw),
            keep_minutes: self.keep_minutes.or(other.keep_minutes),
            keep_hours: self.keep_hours.or(other.keep_hours),
            max_size: self.max_size.or(other.max_size),
            overrides: if self.overrides.is_empty() { other.overrides } else { self.overrides },
        }
    }

    fn store(&self) -> Result<StoreConfig, ConfigError> {
        Ok(StoreConfig {
            database: self.database.clone().unwrap_or_else(|| DATABASE.into()),
            readers: within("readers", self.readers.unwrap_or(READERS), 1, 64)?,
            signal_limit: within("signal_limit", self.signal_limit.unwrap_or(SIGNALS), 1, 10_000_000)?,
        })
    }

    fn validate(self) -> Result<Config, ConfigError> {
        let listen = self.listen.unwrap_or(LISTEN);
        if !listen.ip().is_loopback() && self.insecure != Some(true) {
            return Err(ConfigError::BadValue {
                key: "listen",
                value: listen.to_string(),
                allowed: "other machines could reach it, and nothing asks them for a key yet; use a loopback address \
                          such as 127.0.0.1:5001, or add --insecure if everyone on that network may read and write"
                    .into(),
            });
        }
        Ok(Config {
            listen,
            store: self.store()?,
            dashboard_dir: self.dashboard_dir,
            embed_from: self
                .embed_from
                .unwrap_or_default()
                .split_whitespace()
                .map(origin)
                .collect::<Result<_, _>>()?,
            public_url: self.public_url.as_deref().map(public_url).transpose()?,
            allowed_hosts: self
                .allowed_hosts
                .unwrap_or_default()
                .split_whitespace()
                .map(host)
                .collect::<Result<_, _>>()?,
            live_clients: within("live_clients", self.live_clients.unwrap_or(LIVE_CLIENTS), 1, 1_000_000)?,
            live_clients_per_address: within(
                "live_clients_per_address",
                self.live_clients_per_address.unwrap_or(LIVE_CLIENTS_PER_ADDRESS),
                1,
                1_000_000,
            )?,
            ping_interval: seconds("ping_seconds", self.ping_seconds.unwrap_or(PING_SECONDS))?,
            slow_timeout: seconds("slow_seconds", self.slow_seconds.unwrap_or(SLOW_SECONDS))?,
            body_timeout: seconds("body_seconds", self.body_seconds.unwrap_or(BODY_SECONDS))?,
            query_timeout: seconds("query_seconds", self.query_seconds.unwrap_or(QUERY_SECONDS))?,
            retention: policy(
                self.keep_raw,
                self.keep_minutes,
                self.keep_hours,
                self.max_size,
                &self.overrides,
            ),
        })
    }
}

/// One origin, as the page's policy takes it: nothing in it can end the policy's line or begin another.
fn origin(text: &str) -> Result<String, ConfigError> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:*[]".contains(&byte);
    if text == "*" || host.is_some_and(|host| !host.is_empty() && host.bytes().all(allowed)) {
        return Ok(text.to_owned());
    }
    Err(ConfigError::BadValue {
        key: "embed_from",
        value: text.to_owned(),
        allowed: "origins such as https://wiki.example.org or http://127.0.0.1:8080, without a path, or *"
            .into(),
    })
}

/// The origin of an address without a path.
fn public_url(text: &str) -> Result<String, ConfigError> {
    let url = text.strip_suffix('/').unwrap_or(text);
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if host.is_some_and(is_host) {
        return Ok(url.to_owned());
    }
    let allowed = "an address such as https://telemetry.example.org, without a path".into();
    Err(ConfigError::BadValue { key: "public_url", value: text.to_owned(), allowed })
}

fn host(text: &str) -> Result<String, ConfigError> {
    if is_host(text) {
        return Ok(text.to_owned());
    }
    let allowed = "hosts such as telemetry.example.org or localhost:8080, without a scheme or a path".into();
    Err(ConfigError::BadValue { key: "allowed_hosts", value: text.to_owned(), allowed })
}

/// Whether it looks like `HOST` or `HOST:PORT`.
fn is_host(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

fn seconds(key: &'static str, value: u64) -> Result<Duration, ConfigError> {
    within(key, value, 1, 3_600).map(Duration::from_secs)
}

fn within<T: Copy + Ord + std::fmt::Display>(
    key: &'static str,
    value: T,
    least: T,
    most: T,
) -> Result<T, ConfigError> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(ConfigError::BadValue { key, value: value.to_string(), allowed: format!("{least} to {most}") })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(toml: &str, expected: Expect) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("afterglow.toml");
        fs::write(&file, toml).unwrap();
        let error = Config::load(Settings::default(), Some(&file)).unwrap_err().to_string();
        expected.assert_eq(&error.replace(&folder.path().display().to_string(), "."));
    }

    #[test]
    fn errors_say_where_what_and_what_is_allowed() {
        check(
            "listn = \"127.0.0.1:1\"",
            expect![[r#"
                ./afterglow.toml: TOML parse error at line 1, column 1
                  |
                1 | listn = "127.0.0.1:1"
                  | ^^^^^
                unknown field `listn`, expected one of `listen`, `database`, `insecure`, `dashboard_dir`, `embed_from`, `public_url`, `allowed_hosts`, `readers`, `signal_limit`, `live_clients`, `live_clients_per_address`, `ping_seconds`, `slow_seconds`, `body_seconds`, `query_seconds`, `keep_raw`, `keep_minutes`, `keep_hours`, `max_size`, `retention`
            "#]],
        );
        check(
            "listen = 5001",
            expect![[r#"
            ./afterglow.toml: TOML parse error at line 1, column 10
              |
            1 | listen = 5001
              |          ^^^^
            invalid type: integer `5001`, expected socket address
        "#]],
        );
        check(
            "listen = \"0.0.0.0:5001\"",
            expect![
                "listen = 0.0.0.0:5001 is not allowed: other machines could reach it, and nothing asks them for a key yet; use a loopback address such as 127.0.0.1:5001, or add --insecure if everyone on that network may read and write"
            ],
        );
        check(
            "embed_from = \"https://a.example https://b.example/x;\"",
            expect![
                "embed_from = https://b.example/x; is not allowed: origins such as https://wiki.example.org or http://127.0.0.1:8080, without a path, or *"
            ],
        );
        check(
            "public_url = \"https://a.example/x\"",
            expect![
                "public_url = https://a.example/x is not allowed: an address such as https://telemetry.example.org, without a path"
            ],
        );
        check(
            "allowed_hosts = \"a.example *\"",
            expect![
                "allowed_hosts = * is not allowed: hosts such as telemetry.example.org or localhost:8080, without a scheme or a path"
            ],
        );
        check("readers = 0", expect!["readers = 0 is not allowed: 1 to 64"]);
        check(
            "ping_seconds = -1",
            expect![[r#"
            ./afterglow.toml: TOML parse error at line 1, column 16
              |
            1 | ping_seconds = -1
              |                ^^
            invalid value: integer `-1`, expected u64
        "#]],
        );
    }

    #[test]
    fn what_is_given_wins_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("afterglow.toml");
        fs::write(&file, "listen = \"127.0.0.1:1\"\nreaders = 9\ninsecure = true").unwrap();
        let given = Settings { listen: "0.0.0.0:2".parse().ok(), ..Settings::default() };
        let config = Config::load(given, Some(&file)).unwrap();
        assert_eq!((config.listen.port(), config.store.readers), (2, 9));
        assert_eq!(config.store.database, Path::new(DATABASE));
    }
}
