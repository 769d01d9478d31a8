//! The configuration: a TOML file, read once, checked completely before anything starts.
//!
//! Settings are arguments, environment variables and keys of the file; what is sampled stands in the file alone. Every key
//! has a default except where there is none to give (a signal's name and shape, a file, a command).
//! Relative paths count from the configuration file's folder.

mod input;
mod settings;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use afterglow_cli::Section;
use afterglow_cli::process::check_programs;
use afterglow_cli::settings::Values;
use afterglow_wire::Timestamp;
use clap::Parser;

pub use afterglow_cli::ConfigError;
pub use input::{Host, Input, Simulated};
use settings::{General, Spool, Uplink};

use afterglow_client::access::Access;
use afterglow_client::publish::outbox::Limits;

/// The settings, in their sections.
#[derive(Clone, Debug, PartialEq, clap::Args)]
pub struct Settings {
    #[command(flatten)]
    general: General,
    #[command(flatten)]
    uplink: Uplink,
    #[command(flatten)]
    spool: Spool,
}

/// Everything a producer needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The backend's address, without the path of the endpoint.
    pub backend: String,
    /// What is shown to the backend, and whose certificates are accepted.
    pub access: Access,
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

/// What the file gives: values for arguments, and what no argument can say.
#[derive(Clone, Debug)]
pub struct File {
    values: Values,
    inputs: Vec<Input>,
}

impl File {
    /// Reads and checks the file at `path`, and the headers of the CSV files it names.
    ///
    /// # Errors
    /// When the file cannot be read, says something that is not allowed, or runs programs and can be written by everybody, as
    /// when everybody can write one of these programs.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let file = Self::take(Section::read(path)?, path.parent().unwrap_or(Path::new("")))?;
        check_programs(path, file.inputs.iter().filter_map(Input::program))?;
        Ok(file)
    }

    /// As [`Self::read`], of a `text` that messages call `file`; relative paths count from `folder`.
    ///
    /// # Errors
    /// When the text says something that is not allowed.
    pub fn parse(text: &str, file: &str, folder: &Path) -> Result<Self, ConfigError> {
        Self::take(Section::parse(text, file.to_owned())?, folder)
    }

    fn take(mut top: Section, folder: &Path) -> Result<Self, ConfigError> {
        let mut values = Values::default();
        top.settings::<General>("", &mut values)?;
        top.settings::<Uplink>("uplink", &mut values)?;
        top.settings::<Spool>("spool", &mut values)?;
        let spool = folder.join(values.get("folder").unwrap_or(settings::FOLDER));
        values.set("folder", vec![spool.display().to_string()]);
        for key in ["key_file", "ca_file"] {
            if let Some(file) = values.get(key).map(|file| folder.join(file)) {
                values.set(key, vec![file.display().to_string()]);
            }
        }
        let inputs = input::read(&mut top, folder)?;
        if inputs.is_empty() {
            return Err(top.error(
                "there is nothing to send; it takes at least one of [[signal]], [[host]], [[csv]], [[exec]]",
            ));
        }
        top.finish()?;
        Ok(Self { values, inputs })
    }

    /// What `arguments` (the program's name first), the environment and the file result in. Wrong arguments and `--help`
    /// end the process.
    pub fn parse_arguments<P: Parser>(&self, arguments: impl IntoIterator<Item = OsString>) -> P {
        let command = self.values.clone().into_defaults(P::command());
        let matches = command.get_matches_from(arguments);
        P::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// The configuration with these settings.
    ///
    /// # Errors
    /// When the key or the authorities' certificates cannot be read.
    pub fn configure(self, Settings { general, uplink, spool }: Settings) -> Result<Config, ConfigError> {
        Ok(Config {
            access: general.access.open()?,
            backend: general.backend,
            seed: general.seed,
            origin: general.origin,
            limits: uplink.limits(),
            timeout: uplink.timeout_ms.duration(),
            drain: uplink.drain_ms.duration(),
            spool: spool.folder,
            spool_bytes: spool.max_mib * 1024 * 1024,
            inputs: self.inputs,
        })
    }
}

impl Config {
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
