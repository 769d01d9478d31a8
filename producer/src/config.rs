//! The configuration: a TOML file, read once, checked completely before anything starts.
//!
//! Every key has a default except where there is none to give (a signal's name and shape, a file, a command).
//! Relative paths count from the configuration file's folder.

mod input;
mod section;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use afterglow_wire::Timestamp;
use ureq::http::Uri;

pub use input::{Csv, Exec, Host, Input, Program, Simulated};
pub use section::ConfigError;
use section::Section;

use afterglow_client::publish::outbox::Limits;

/// Where a backend listens unless told otherwise.
const BACKEND: &str = "http://127.0.0.1:5001";
/// What a backend's address looks like.
const BACKEND_ALLOWED: &str = "an http:// or https:// address such as http://127.0.0.1:5001";

/// Everything a producer is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The backend's address, without the path of the door.
    pub backend: String,
    /// The seed of all simulated signals.
    pub seed: u64,
    /// The instant at which simulated signals start; the producer's own start when absent.
    pub origin: Option<Timestamp>,
    /// How samples are grouped, held and retried.
    pub limits: Limits,
    /// The longest a request may take.
    pub timeout: Duration,
    /// The longest the last flush may take.
    pub drain: Duration,
    /// The folder that keeps what the backend does not take.
    pub spool: PathBuf,
    /// The most bytes that folder may hold.
    pub spool_bytes: u64,
    /// What is sampled, at least one.
    pub inputs: Vec<Input>,
}

impl Config {
    /// Reads and checks the file at `path`, and the headers of the CSV files it names.
    ///
    /// # Errors
    /// When the file cannot be read or says something that is not allowed.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::new(format!("{file}: the file cannot be read: {error}")))?;
        Self::parse(&text, &file, path.parent().unwrap_or(Path::new("")))
    }

    /// Reads and checks `text`. Messages call it `file`; relative paths count from `folder`.
    ///
    /// # Errors
    /// When the text says something that is not allowed.
    pub fn parse(text: &str, file: &str, folder: &Path) -> Result<Self, ConfigError> {
        let table = text
            .parse()
            .map_err(|error| ConfigError::new(format!("{file}: {}", format!("{error}").trim_end())))?;
        let mut top = Section::new(file.to_owned(), table);
        let backend = top.parsed("backend", check_backend)?.unwrap_or_else(|| BACKEND.to_owned());
        let seed = top.whole("seed", 0..=i64::MAX.unsigned_abs(), 0)?;
        let origin = top.parsed("origin", |text| text.parse::<Timestamp>().map_err(|e| e.to_string()))?;

        let mut uplink = top.section("uplink")?;
        let limits = Limits {
            batch_samples: size(uplink.whole("batch_samples", 1..=5_000, 500)?),
            batch_age: uplink.millis("batch_age_ms", 0..=60_000, 50)?,
            memory_samples: size(uplink.whole("memory_samples", 1..=10_000_000, 50_000)?),
            hold: uplink.millis("hold_ms", 0..=60_000, 1_000)?,
            retry_base: uplink.millis("retry_base_ms", 1..=60_000, 250)?,
            retry_cap: uplink.millis("retry_cap_ms", 1..=3_600_000, 5_000)?,
        };
        let timeout = uplink.millis("timeout_ms", 10..=300_000, 10_000)?;
        let drain = uplink.millis("drain_ms", 0..=300_000, 5_000)?;
        uplink.finish()?;

        let mut spool = top.section("spool")?;
        let folder_of_spool = folder.join(spool.text("folder")?.unwrap_or_else(|| "spool".to_owned()));
        let spool_bytes = spool.whole("max_mib", 1..=1_048_576, 256)? * 1024 * 1024;
        spool.finish()?;

        let inputs = input::read(&mut top, folder)?;
        if inputs.is_empty() {
            return Err(top.error(
                "there is nothing to send; it takes at least one of [[signal]], [[host]], [[csv]], [[exec]]",
            ));
        }
        top.finish()?;
        let spool = folder_of_spool;
        Ok(Self { backend, seed, origin, limits, timeout, drain, spool, spool_bytes, inputs })
    }

    /// What would run, one line each.
    pub fn describe(&self) -> Vec<String> {
        let limits = &self.limits;
        let mut lines: Vec<_> = self.inputs.iter().map(Input::describe).collect();
        lines.push(format!(
            "uplink to {}: batches of {} samples or {} ms, {} samples in memory for {} ms at most",
            self.backend,
            limits.batch_samples,
            limits.batch_age.as_millis(),
            limits.memory_samples,
            limits.hold.as_millis()
        ));
        lines.push(format!("spool {}: at most {} MiB", self.spool.display(), self.spool_bytes / 1024 / 1024));
        lines
    }
}

/// Checks a backend's address and cuts a slash at its end.
///
/// # Errors
/// A text that says what is allowed.
pub fn check_backend(address: &str) -> Result<String, String> {
    let uri = address.parse::<Uri>().map_err(|_| BACKEND_ALLOWED.to_owned())?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    if known && uri.host().is_some_and(|host| !host.is_empty()) && uri.query().is_none() {
        Ok(address.trim_end_matches('/').to_owned())
    } else {
        Err(BACKEND_ALLOWED.to_owned())
    }
}

/// A checked number as a size; the ranges above fit any machine.
fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
