//! `afterglow rules import`: the alerting rules of a file for Prometheus.

use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use afterglow_cli::access::Access;
use afterglow_wire::limits::{RULES_ADDED, SAVED_BODY_BYTES};
use afterglow_wire::rule::Rule;
use clap::Args;
use serde::{Deserialize, Serialize};

use super::super::{ToolError, say, tell};
use super::prometheus::{self, Imported};

/// How long a server may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The largest answer that is read.
const ANSWER_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// The file, in YAML: groups of rules, as Prometheus reads them
    file: PathBuf,

    /// Print the rules as JSON, which `POST /api/rules` takes, and add none
    #[arg(long)]
    dry_run: bool,

    /// The server
    #[arg(long, env = "AFTERGLOW_BACKEND", default_value = "http://127.0.0.1:5001", value_name = "URL")]
    backend: String,

    #[command(flatten)]
    access: Access,
}

/// What the server takes.
#[derive(Serialize)]
struct Rules<'r> {
    rules: &'r [Rule],
}

pub(super) fn run(options: &Options) -> Result<(), ToolError> {
    let Options { file, dry_run, .. } = options;
    let refused = |why: String| ToolError::Refused(format!("{}: {why}", file.display()));
    let text = String::from_utf8(super::bytes(file)?).map_err(|error| refused(error.to_string()))?;
    let Imported { rules, refused: others, notes } = prometheus::import(&text).map_err(refused)?;
    for (name, note) in &notes {
        tell(&format!("{name}: {note}"));
    }
    for (name, reason) in &others {
        tell(&format!("{name} is left out: {reason}"));
    }
    if rules.is_empty() {
        return Err(refused(match others.len() {
            0 => "it has no rules".to_owned(),
            count => format!("none of its {count} rules can be added"),
        }));
    }
    let body = serde_json::to_string_pretty(&Rules { rules: &rules })
        .map_err(|error| ToolError::Refused(error.to_string()))?;
    if *dry_run {
        say(&body)?;
    } else {
        post_all(options, &rules)?;
    }
    let verb = if *dry_run { "can be added" } else { "were added" };
    tell(&format!("{} rules {verb}, {} are left out", rules.len(), others.len()));
    Ok(())
}

/// Adds all, in requests of as many as one may have, or none: when one is refused, those that the requests before have added are deleted again.
fn post_all(options: &Options, rules: &[Rule]) -> Result<(), ToolError> {
    let server = Server::new(options)?;
    let mut added: Vec<Added> = Vec::new();
    while let Some(rest) = rules.get(added.len()..).filter(|rest| !rest.is_empty()) {
        let mut bytes = r#"{"rules":[]}"#.len();
        let fits = |rule: &&Rule| {
            bytes += serde_json::to_string(rule).map_or(0, |text| text.len() + 1);
            bytes <= SAVED_BODY_BYTES
        };
        // One that is too large by itself is for the server to refuse.
        let count = rest.iter().take(RULES_ADDED).take_while(fits).count().max(1);
        match server.post(&rest[..count]) {
            Ok(more) => added.extend(more),
            Err(error) => {
                server.take_back(&added);
                return Err(error);
            }
        }
    }
    Ok(())
}

/// A rule that was added.
#[derive(Deserialize)]
struct Added {
    id: String,
}

/// Where rules are added.
struct Server {
    agent: ureq::Agent,
    /// The address of all rules.
    url: String,
    authorization: Option<String>,
}

impl Server {
    fn new(options: &Options) -> Result<Self, ToolError> {
        let access = options.access.open().map_err(|error| ToolError::Refused(error.to_string()))?;
        Ok(Self {
            agent: afterglow_client::publish::courier::agent(&options.backend, PATIENCE, &access),
            url: format!("{}/api/rules", options.backend.trim_end_matches('/')),
            authorization: access.authorization(),
        })
    }

    fn failed(&self, why: impl Display) -> ToolError {
        ToolError::Refused(format!("{}: {why}", self.url))
    }

    /// Adds all of a request, or none.
    fn post(&self, rules: &[Rule]) -> Result<Vec<Added>, ToolError> {
        let body = serde_json::to_string(&Rules { rules }).map_err(|error| self.failed(error))?;
        let mut request = self.agent.post(&self.url).header("content-type", "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let unknown = |error| {
            let (first, last) = (rules.first().map(|rule| &rule.title), rules.last().map(|rule| &rule.title));
            let (first, last) = (first.map_or("", |title| title), last.map_or("", |title| title));
            tell(&format!(
                "whether the {} rules from {first:?} to {last:?} were added is not known, as the server did not answer",
                rules.len()
            ));
            self.failed(error)
        };
        let mut answer = request.send(body).map_err(unknown)?;
        let status = answer.status();
        let read = answer.body_mut().with_config().limit(ANSWER_BYTES).read_to_string();
        if !status.is_success() {
            return Err(self.failed(format!("{status}: {}", read.unwrap_or_default().trim())));
        }
        let read = read.map_err(unknown)?;
        serde_json::from_str(&read).map_err(|error| self.failed(error))
    }

    /// Deletes what was added, and says so.
    fn take_back(&self, added: &[Added]) {
        if added.is_empty() {
            return;
        }
        let stay: Vec<&str> =
            added.iter().filter(|rule| !self.delete(&rule.id)).map(|rule| &*rule.id).collect();
        tell(&match stay.len() {
            0 => format!("the {} rules that were added before that are deleted again", added.len()),
            count => format!(
                "{count} of the {} rules that were added before that could not be deleted again: {}",
                added.len(),
                stay.join(", ")
            ),
        });
    }

    fn delete(&self, id: &str) -> bool {
        let mut request = self.agent.delete(format!("{}/{id}", self.url));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        request.call().is_ok_and(|answer| answer.status().is_success())
    }
}
