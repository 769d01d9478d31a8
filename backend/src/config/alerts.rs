//! `[alerts]` and `[[alert_command]]`: whom alerts may be sent to.

use std::collections::BTreeMap;

use afterglow_cli::Section;
use afterglow_cli::process::Program;
use clap::Args;

use super::ConfigError;
use crate::alerts::target::Targets;

/// The settings of `[alerts]`.
#[derive(Args, Clone, Debug, PartialEq)]
#[command(next_help_heading = "Alerts")]
pub struct Alerts {
    /// Where alerts may be sent: `public`, `private` (also private networks and this machine), or hosts and networks
    /// separated by blanks, such as "ntfy.lan 192.168.0.0/16"; by default private while only this machine reaches the
    /// server, else public
    #[arg(long, env = "AFTERGLOW_ALERT_TARGETS", value_name = "TARGETS", value_parser = targets)]
    pub alert_targets: Option<Targets>,

    /// The programs that channels may run, by name: only the file can name them
    #[arg(skip)]
    pub commands: BTreeMap<String, Program>,
}

fn targets(text: &str) -> Result<Targets, String> {
    match text.parse() {
        Ok(Targets::Listed(targets)) if targets.is_empty() => {
            Err("public, private, or hosts and networks separated by blanks".into())
        }
        parsed => parsed,
    }
}

impl Alerts {
    /// Where alerts may be sent by a server that only this machine reaches, or others too.
    pub fn targets(&self, is_local: bool) -> Targets {
        let usual = if is_local { Targets::Private } else { Targets::Public };
        self.alert_targets.clone().unwrap_or(usual)
    }
}

/// Reads a table `[[alert_command]]`: a name, and the program with its arguments and environment.
pub(super) fn command(mut section: Section) -> Result<(String, Program), ConfigError> {
    let name = section.required("name", "what channels call the command")?;
    let allowed = "the program and its arguments, such as [\"/usr/local/bin/page\", \"ops\"]";
    let run = section.texts("run")?;
    let words = run.ok_or_else(|| {
        ConfigError::new(format!("[[alert_command]] {name}: `run` is missing; it takes {allowed}"))
    })?;
    let environment = section.texts("environment")?.unwrap_or_default();
    section.finish()?;
    Ok((name, Program { words, environment }))
}
