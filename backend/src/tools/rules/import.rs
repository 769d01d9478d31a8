//! `afterglow rules import`: the alerting rules of a file for Prometheus.

use std::path::PathBuf;
use std::time::Duration;

use afterglow_cli::access::Access;
use afterglow_wire::limits::{RULES_ADDED, SAVED_BODY_BYTES};
use afterglow_wire::rule::Rule;
use clap::Args;
use serde::Serialize;

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

/// Adds all, in requests of as many as one may have.
fn post_all(options: &Options, rules: &[Rule]) -> Result<(), ToolError> {
    let mut added = 0;
    while let Some(rest) = rules.get(added..).filter(|rest| !rest.is_empty()) {
        let mut bytes = r#"{"rules":[]}"#.len();
        let fits = |rule: &&Rule| {
            bytes += serde_json::to_string(rule).map_or(0, |text| text.len() + 1);
            bytes <= SAVED_BODY_BYTES
        };
        // One that is too large by itself is for the server to refuse.
        let count = rest.iter().take(RULES_ADDED).take_while(fits).count().max(1);
        let body = serde_json::to_string(&Rules { rules: &rest[..count] })
            .map_err(|error| ToolError::Refused(error.to_string()))?;
        if let Err(error) = post(options, &body) {
            if added > 0 {
                tell(&format!("the first {added} rules were added, the others were not"));
            }
            return Err(error);
        }
        added += count;
    }
    Ok(())
}

/// Adds all of a request, or none.
fn post(options: &Options, body: &str) -> Result<(), ToolError> {
    let access = options.access.open().map_err(|error| ToolError::Refused(error.to_string()))?;
    let url = format!("{}/api/rules", options.backend.trim_end_matches('/'));
    let failed = |why: String| ToolError::Refused(format!("{url}: {why}"));
    let agent = afterglow_client::publish::courier::agent(&options.backend, PATIENCE, &access);
    let mut request = agent.post(&url).header("content-type", "application/json");
    if let Some(authorization) = access.authorization() {
        request = request.header("authorization", authorization);
    }
    let mut answer = request.send(body).map_err(|error| failed(error.to_string()))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let read = answer.body_mut().with_config().limit(ANSWER_BYTES).read_to_string();
    Err(failed(format!("{status}: {}", read.unwrap_or_default().trim())))
}
