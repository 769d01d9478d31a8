//! `afterglow rules`: rules in files, checked, tested on what is stored, and taken over from Prometheus.

mod import;
mod prometheus;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use afterglow_wire::Timestamp;
use afterglow_wire::backtest::{Backtest, BacktestRequest, ScopeBacktest};
use afterglow_wire::rule::Rule;
use clap::{Args, Subcommand};
use serde::Deserialize;

use super::database::TenantDatabase;
use super::{ToolError, say, tell};
use crate::backtest;
use crate::clock::Clock;
use crate::store::Store;

/// The largest file that is read: tens of thousands of rules fit.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// What a user may set.
#[derive(Args, Debug)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether the rules in a file can be saved: one rule, an array, or {"rules": [...]}, in JSON
    Check {
        /// The file
        file: PathBuf,
    },
    /// Say what the rules in a file would have found, as JSON, also while a server runs
    Test(TestOptions),
    /// Add the alerting rules of a file for Prometheus to a server, and say of each other one why it cannot be expressed
    Import(import::Options),
}

#[derive(Args, Debug)]
struct TestOptions {
    #[command(flatten)]
    database: TenantDatabase,

    /// The file: one rule, an array, or {"rules": [...]}
    file: PathBuf,

    /// First instant, ISO 8601 or an integer epoch
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Timestamp,

    /// Last instant
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Timestamp,

    /// What must be found: a file with what an earlier test said; where its episodes differ, the exit code is 1
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
}

/// What tests found, by the rules' ids.
type Found = BTreeMap<String, Backtest>;

/// Does what the arguments ask for.
///
/// # Errors
/// When the file or a rule in it is not what it should be, the database cannot be read, or something else was found than was expected.
pub fn run(options: &Options) -> Result<(), ToolError> {
    match &options.command {
        Command::Check { file } => {
            let rules = read(file)?;
            say(&format!("{}: {} rules can be saved", file.display(), rules.len()))
        }
        Command::Test(options) => test(options),
        Command::Import(options) => import::run(options),
    }
}

fn test(options: &TestOptions) -> Result<(), ToolError> {
    let TestOptions { from, to, .. } = *options;
    let rules = read(&options.file)?;
    if from >= to {
        return Err(ToolError::Refused(format!("--from {from} does not lie before --to {to}")));
    }
    let expected = options.expect.as_ref().map(|file| parse::<Found>(file)).transpose()?;
    let store = Store::open_read_only(&options.database.path()?, Clock::real())?;
    let mut found = Found::new();
    for (id, rule) in rules {
        let request = BacktestRequest { rule, from, to, signals: Vec::new() };
        found.insert(id, backtest::run(&store, &request, None)?);
    }
    let Some(expected) = expected else {
        return say(&serde_json::to_string_pretty(&found).unwrap_or_default());
    };
    let differences = differences(&expected, &found);
    differences.iter().for_each(|difference| tell(difference));
    match differences.len() {
        0 => say(&format!("{} rules found what was expected", found.len())),
        count => Err(ToolError::Different(format!("{count} differences"))),
    }
}

/// A line for each episode that only one of both has.
fn differences(expected: &Found, found: &Found) -> Vec<String> {
    let mut lines = Vec::new();
    let nothing = Backtest::default();
    for rule in expected.keys().chain(found.keys().filter(|rule| !expected.contains_key(*rule))) {
        let episodes = |of: &Found| -> Vec<String> {
            let scopes = of.get(rule).unwrap_or(&nothing).scopes.iter();
            scopes.flat_map(|scope| scope.episodes.iter().map(|episode| line(rule, scope, episode))).collect()
        };
        let (old, new) = (episodes(expected), episodes(found));
        lines.extend(old.iter().filter(|line| !new.contains(line)).map(|line| format!("- {line}")));
        lines.extend(new.iter().filter(|line| !old.contains(line)).map(|line| format!("+ {line}")));
    }
    lines
}

fn line(rule: &str, scope: &ScopeBacktest, episode: &afterglow_wire::backtest::EpisodeBacktest) -> String {
    let ended = episode.resolved.map_or_else(|| "still fires".into(), |at| format!("resolved {at}"));
    let (scope, fired, severity) = (&scope.scope, episode.fired, episode.severity.name());
    format!("{rule}: {scope} fired {fired} ({severity}), {ended}")
}

/// One rule, several, or what the server exports.
#[derive(Deserialize)]
#[serde(untagged)]
enum Rules {
    Many(Vec<serde_json::Value>),
    Export { rules: Vec<serde_json::Value> },
    One(serde_json::Value),
}

/// The rules in a file by their ids, or titles where they have none; each can be saved.
fn read(file: &Path) -> Result<Vec<(String, Rule)>, ToolError> {
    let rules = match parse(file)? {
        Rules::Many(rules) | Rules::Export { rules } => rules,
        Rules::One(rule) => vec![rule],
    };
    let mut read = Vec::new();
    for (index, rule) in rules.into_iter().enumerate() {
        let refused =
            |message: String| ToolError::Refused(format!("{}: rule {index}: {message}", file.display()));
        let rule: Rule = serde_path_to_error::deserialize(rule)
            .map_err(|error| refused(format!("{}: {}", error.path(), error.inner())))?;
        rule.check().map_err(|invalid| refused(invalid.to_string()))?;
        let id = if rule.id.is_empty() { rule.title.clone() } else { rule.id.clone() };
        if read.iter().any(|(other, _)| *other == id) {
            return Err(refused(format!("id: another rule of the file has {id:?}")));
        }
        read.push((id, rule));
    }
    Ok(read)
}

fn parse<T: for<'de> Deserialize<'de>>(file: &Path) -> Result<T, ToolError> {
    let text = bytes(file)?;
    serde_json::from_slice(&text).map_err(|error| ToolError::Refused(format!("{}: {error}", file.display())))
}

/// All of a file, which may be a device or a pipe.
fn bytes(file: &Path) -> Result<Vec<u8>, ToolError> {
    let failed = || ToolError::file(file);
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .map_err(failed())?
        .take(FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed())?;
    if bytes.len() as u64 > FILE_BYTES {
        let why =
            format!("{}: it has more than {FILE_BYTES} bytes, which is as much as is read", file.display());
        return Err(ToolError::Refused(why));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_the_episodes_that_one_has() {
        let found = |fired: i64| -> Found {
            let episode = afterglow_wire::backtest::EpisodeBacktest {
                fired: Timestamp::from_micros(fired),
                ..afterglow_wire::backtest::EpisodeBacktest::default()
            };
            let scope =
                ScopeBacktest { scope: "s".into(), episodes: vec![episode], ..ScopeBacktest::default() };
            BTreeMap::from([("r".into(), Backtest { scopes: vec![scope], ..Backtest::default() })])
        };
        assert!(differences(&found(1), &found(1)).is_empty());
        let lines = differences(&found(1), &found(2));
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("- r: s fired 1970-01-01T00:00:00.000001Z (warning)"), "{lines:?}");
        assert_eq!(differences(&Found::new(), &found(2)).len(), 1);
    }
}
