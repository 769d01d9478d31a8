//! `[store]`: what is kept, where and for how long.

use afterglow_cli::settings::{Seconds, within};
use afterglow_wire::Timestamp;
use clap::Args;

use super::retention::{Age, Override, Size};
use super::{Bus, ConfigError, parse};
use crate::bus::Address;
use crate::memory;
use crate::store::{HEAD_SAMPLES, Location, RetentionPolicy, RetentionTiers, StoreConfig};

/// The settings of `[store]`.
#[derive(Args, Clone, Debug, PartialEq)]
#[command(next_help_heading = "Store")]
pub struct Store {
    /// Which database
    #[command(flatten)]
    pub database: Database,

    /// How servers of it tell each other of commits
    #[command(flatten)]
    pub others: Bus,

    /// How many signals
    #[command(flatten)]
    pub signals: SignalLimit,

    /// Queries of one address that may run at once, one of them kept from histories of live clients, 1 to 64; 1 counts as 2.
    /// There are twice as many readers in all
    #[arg(long, env = "AFTERGLOW_READERS", value_name = "N", default_value_t = 4, value_parser = within(1_u32..=64))]
    pub readers: u32,

    /// Seconds that one read of the database may take, that a query may take to find its next 64 KiB, and a client to read
    /// them, 1 to 3600
    #[arg(
        long,
        env = "AFTERGLOW_QUERY_SECONDS",
        value_name = "SECONDS",
        default_value_t = Seconds(30),
        value_parser = within(Seconds(1)..=Seconds(3_600))
    )]
    pub query_seconds: Seconds,

    /// How long samples are kept as they are, such as 36h, 7d or forever; then a minute's values remain
    #[arg(long, env = "AFTERGLOW_KEEP_RAW", value_name = "AGE", default_value_t = Age(RetentionTiers::default().raw))]
    pub keep_raw: Age,

    /// How long a minute's values are kept; then an hour's remain
    #[arg(long, env = "AFTERGLOW_KEEP_MINUTES", value_name = "AGE", default_value_t = Age(RetentionTiers::default().minutes))]
    pub keep_minutes: Age,

    /// How long an hour's values are kept
    #[arg(long, env = "AFTERGLOW_KEEP_HOURS", value_name = "AGE", default_value_t = Age(RetentionTiers::default().hours))]
    pub keep_hours: Age,

    /// Size of the database beyond which the oldest samples expire before their time, such as 500MB or 20GB; no limit
    /// when absent
    #[arg(long, env = "AFTERGLOW_MAX_SIZE", value_name = "SIZE")]
    pub max_size: Option<Size>,

    /// The earliest time of samples that requests bring, ISO 8601; earlier ones are rejected, because they come from
    /// clocks that are not set
    #[arg(
        long,
        env = "AFTERGLOW_NOT_BEFORE",
        value_name = "TIME",
        default_value = "1971-01-01T00:00:00Z",
        value_parser = parse::<Timestamp>("ISO 8601, such as 2000-01-01T00:00:00Z")
    )]
    pub not_before: Timestamp,

    /// What is different for some signals; only in the file, as `[[retention]]`
    #[arg(skip)]
    pub overrides: Vec<Override>,
}

impl Store {
    /// What the store itself needs to know.
    pub fn open(&self) -> StoreConfig {
        StoreConfig {
            database: self.database.database.clone(),
            readers: self.readers(),
            signal_limit: self.signals.signal_limit,
            read_limit: Some(self.query_seconds.duration()),
            head_samples: memory::bound(HEAD_SAMPLES),
        }
    }

    /// Where the bus is that this server shares with others of its database; none when there is to be none.
    ///
    /// # Errors
    /// Says what is wrong, and what is allowed.
    pub fn bus(&self) -> Result<Option<Address>, ConfigError> {
        self.others.address(&self.database.database)
    }

    /// Reads for one address that may run at once.
    pub fn readers(&self) -> u32 {
        self.readers.max(2)
    }

    /// How long samples are kept.
    pub fn retention(&self) -> RetentionPolicy {
        let tiers =
            RetentionTiers { raw: self.keep_raw.0, minutes: self.keep_minutes.0, hours: self.keep_hours.0 };
        RetentionPolicy {
            tiers,
            overrides: self.overrides.iter().map(|special| special.over(tiers)).collect(),
            max_bytes: self.max_size.map(|size| size.0),
        }
    }
}

/// Which database: also a setting of the tools that need no more.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// The SQLite file, made when it does not exist, or a PostgreSQL database: postgres://user@host/database (docs/scale.md)
    #[arg(long, env = "AFTERGLOW_DATABASE", value_name = "FILE|URL", default_value = "./data/afterglow.db")]
    pub database: Location,
}

/// How many signals: also a setting of the import.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct SignalLimit {
    /// Signals that are kept; samples of further ones are rejected, 1 to 10000000
    #[arg(
        long,
        env = "AFTERGLOW_SIGNAL_LIMIT",
        value_name = "N",
        default_value_t = 100_000,
        value_parser = within(1_usize..=10_000_000)
    )]
    pub signal_limit: usize,
}
