//! The settings of `producer.toml` outside its inputs, each an argument and an environment variable too.

use std::path::PathBuf;

use afterglow_cli::access::Access;
use afterglow_cli::settings::{Millis, within};
use afterglow_client::publish::outbox::Limits;
use afterglow_wire::Timestamp;
use clap::Args;
use ureq::http::Uri;

/// The spool's folder unless another one is given.
pub(super) const FOLDER: &str = "spool";

/// What stands above all tables.
#[derive(Args, Clone, Debug, PartialEq)]
pub(super) struct General {
    /// The backend's address
    #[arg(
        long,
        value_name = "URL",
        env = "AFTERGLOW_BACKEND",
        default_value = "http://127.0.0.1:5001",
        value_parser = backend
    )]
    pub(super) backend: String,

    #[command(flatten)]
    pub(super) access: Access,

    /// The seed of all simulated signals
    #[arg(
        long,
        value_name = "N",
        env = "AFTERGLOW_SEED",
        default_value_t = 0,
        value_parser = within(0..=i64::MAX.unsigned_abs())
    )]
    pub(super) seed: u64,

    /// When simulated signals start, ISO 8601; without it, when the producer does
    #[arg(long, value_name = "TIME", env = "AFTERGLOW_ORIGIN")]
    pub(super) origin: Option<Timestamp>,
}

/// `[uplink]`: how samples are grouped, held and retried.
#[derive(Args, Clone, Debug, PartialEq)]
#[command(next_help_heading = "Uplink")]
pub(super) struct Uplink {
    /// Samples that close a batch, 1 to 5000
    #[arg(
        long,
        value_name = "N",
        env = "AFTERGLOW_BATCH_SAMPLES",
        default_value_t = 500,
        value_parser = within(1_usize..=5_000)
    )]
    batch_samples: usize,

    /// The age that closes a batch, 0 to 60000
    #[arg(
        long,
        value_name = "MS",
        env = "AFTERGLOW_BATCH_AGE_MS",
        default_value_t = Millis(50),
        value_parser = within(Millis(0)..=Millis(60_000))
    )]
    batch_age_ms: Millis,

    /// Samples held in memory, 1 to 10000000; beyond it, they go to the spool
    #[arg(
        long,
        value_name = "N",
        env = "AFTERGLOW_MEMORY_SAMPLES",
        default_value_t = 50_000,
        value_parser = within(1_usize..=10_000_000)
    )]
    memory_samples: usize,

    /// How long a batch that is not acknowledged stays in memory only, 0 to 60000
    #[arg(
        long,
        value_name = "MS",
        env = "AFTERGLOW_HOLD_MS",
        default_value_t = Millis(1_000),
        value_parser = within(Millis(0)..=Millis(60_000))
    )]
    hold_ms: Millis,

    /// The longest wait after the first failure, doubled with each further one, 1 to 60000
    #[arg(
        long,
        value_name = "MS",
        env = "AFTERGLOW_RETRY_BASE_MS",
        default_value_t = Millis(250),
        value_parser = within(Millis(1)..=Millis(60_000))
    )]
    retry_base_ms: Millis,

    /// The longest wait after many failures, 1 to 3600000
    #[arg(
        long,
        value_name = "MS",
        env = "AFTERGLOW_RETRY_CAP_MS",
        default_value_t = Millis(5_000),
        value_parser = within(Millis(1)..=Millis(3_600_000))
    )]
    retry_cap_ms: Millis,

    /// The longest that one request may take, 10 to 300000
    #[arg(
        long,
        value_name = "MS",
        env = "AFTERGLOW_TIMEOUT_MS",
        default_value_t = Millis(10_000),
        value_parser = within(Millis(10)..=Millis(300_000))
    )]
    pub(super) timeout_ms: Millis,

    /// The longest that the last flush may take, 0 to 300000
    #[arg(
        long,
        value_name = "MS",
        env = "AFTERGLOW_DRAIN_MS",
        default_value_t = Millis(5_000),
        value_parser = within(Millis(0)..=Millis(300_000))
    )]
    pub(super) drain_ms: Millis,
}

impl Uplink {
    pub(super) const fn limits(&self) -> Limits {
        Limits {
            batch_samples: self.batch_samples,
            batch_age: self.batch_age_ms.duration(),
            memory_samples: self.memory_samples,
            hold: self.hold_ms.duration(),
            retry_base: self.retry_base_ms.duration(),
            retry_cap: self.retry_cap_ms.duration(),
        }
    }
}

/// `[spool]`: what the backend does not take, on the disk.
#[derive(Args, Clone, Debug, PartialEq)]
#[command(next_help_heading = "Spool")]
pub(super) struct Spool {
    /// The folder, for one producer; relative to the configuration file's folder when that file gives it or by default
    #[arg(long = "spool", value_name = "FOLDER", env = "AFTERGLOW_SPOOL", default_value = FOLDER)]
    pub(super) folder: PathBuf,

    /// The most MiB it may hold, 1 to 1048576; beyond it the oldest samples are dropped, counted and logged
    #[arg(
        long = "spool-max-mib",
        value_name = "MIB",
        env = "AFTERGLOW_SPOOL_MAX_MIB",
        default_value_t = 256,
        value_parser = within(1_u64..=1_048_576)
    )]
    pub(super) max_mib: u64,
}

/// Checks a backend's address and cuts a slash at its end.
fn backend(address: &str) -> Result<String, String> {
    let uri = address.parse::<Uri>().ok();
    let is_usable = |uri: &Uri| {
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        known && uri.host().is_some_and(|host| !host.is_empty()) && uri.query().is_none()
    };
    match uri.filter(is_usable) {
        Some(_) => Ok(address.trim_end_matches('/').to_owned()),
        None => Err("an http:// or https:// address such as http://127.0.0.1:5001".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_backends() {
        assert_eq!(backend("http://localhost:8080/").as_deref(), Ok("http://localhost:8080"));
        assert_eq!(backend("https://example.org/afterglow").as_deref(), Ok("https://example.org/afterglow"));
        for wrong in ["", "localhost", "localhost:8080", "http://", "http://x?y", "/api"] {
            assert!(backend(wrong).is_err(), "{wrong}");
        }
    }
}
