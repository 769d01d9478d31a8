//! Access: what checking a key costs, what small posts with a key are beside those to an open server, this program beside an earlier one,
//! what a tenant notices of a flood by another, how soon a revoked key ends, and whether a login tells who exists.

mod check;
mod flood;
mod login;
mod posts;
mod revoke;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};

use crate::Common;
use crate::commands::first_line;
use crate::figures::{print_table, show};
use crate::lab::Lab;
use crate::server::{Server, free_port};
use crate::systems::OURS;

/// What `cargo xtask bench access` can be told.
#[derive(Args)]
pub(crate) struct Options {
    /// Only these parts, separated by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Rounds of those parts that take turns, 1 to 99
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..100))]
    rounds: u8,
    /// An earlier `afterglow` to compare open servers with
    #[arg(long, value_name = "PROGRAM")]
    before: Option<PathBuf>,
    /// Part of the checks, requests and seconds, for trying things out; no bar is applied below 1
    #[arg(long, default_value_t = 1.0, value_parser = crate::scale)]
    scale: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// From the text of a key to what may be done with it
    Check,
    /// Small posts with a key, and to an open server
    Posts,
    /// Small posts to an open server, and to an earlier one
    Before,
    /// Posts of a tenant while another sends ten times what it may
    Flood,
    /// Live clients of a key that is revoked
    Revoke,
    /// Refused logins of a member and of nobody
    Login,
}

impl Options {
    /// The other measurements' options.
    pub(crate) fn common(&self) -> Common {
        Common { alone: true, scale: self.scale }
    }
}

/// A figure, and what it should be.
struct Judged {
    what: String,
    figure: f64,
    unit: &'static str,
    bar: Bar,
}

/// What a figure should be.
#[derive(Clone, Copy)]
enum Bar {
    Below(f64),
    AtLeast(f64),
}

impl Judged {
    fn holds(&self) -> bool {
        match self.bar {
            Bar::Below(most) => self.figure < most,
            Bar::AtLeast(least) => self.figure >= least,
        }
    }

    fn row(&self) -> [String; 4] {
        let bar = match self.bar {
            Bar::Below(most) => format!("< {most}{}", self.unit),
            Bar::AtLeast(least) => format!(">= {least}{}", self.unit),
        };
        let holds = if self.holds() { "yes" } else { "no" };
        [self.what.clone(), format!("{}{}", show(self.figure), self.unit), bar, holds.into()]
    }
}

pub(crate) fn run(lab: &Lab, options: &Options) -> Result<()> {
    let is_wanted = |part| options.only.is_empty() || options.only.contains(&part);
    let mut judged = Vec::new();
    if is_wanted(Part::Check) {
        judged.extend(check::run(lab)?);
    }
    if is_wanted(Part::Posts) {
        judged.push(posts::with_a_key(lab, options.rounds)?);
    }
    if is_wanted(Part::Before) {
        match &options.before {
            Some(program) => judged.push(posts::beside_earlier(lab, options.rounds, program)?),
            None => println!("\nNo earlier program was compared: none was given with --before."),
        }
    }
    if is_wanted(Part::Flood) {
        judged.push(flood::run(lab, options.rounds)?);
    }
    if is_wanted(Part::Revoke) {
        judged.push(revoke::run(lab)?);
    }
    if is_wanted(Part::Login) {
        judged.push(login::run(lab)?);
    }
    let rows: Vec<_> = judged.iter().map(Judged::row).collect();
    print_table("Beside the bars", ["", "measured", "bar", "holds"], &rows);
    let missed: Vec<_> = judged.iter().filter(|judged| !judged.holds()).map(|judged| &*judged.what).collect();
    ensure!(missed.is_empty() || options.scale < 1.0, "missed: {}", missed.join("; "));
    Ok(())
}

/// Our server on the data in `folder`: this program, or an earlier one.
fn serve(lab: &Lab, folder: &Path, earlier: Option<&Path>, settings: &[(&str, &str)]) -> Result<Server> {
    let port = free_port()?;
    let ours = OURS.command(folder, port)?;
    let mut command = Command::new(earlier.map_or(ours.get_program(), Path::as_os_str));
    command.args(ours.get_args());
    command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.envs(settings.iter().copied());
    let server = Server::launch(command, folder, port, OURS.ready_path())?;
    lab.note(&server.command);
    Ok(server)
}

/// The first line that our program prints when it is asked to do `words` with the database in `folder`.
fn ask(folder: &Path, words: &str) -> Result<String> {
    let mut command = Command::new(OURS.command(folder, 0)?.get_program());
    command.args(words.split(' ')).arg("--database").arg(folder.join("data/bench.db"));
    let line = first_line(&mut command)?;
    let answers = ["agk_", "/setup#"];
    let is_good = answers.iter().any(|beginning| line.starts_with(beginning));
    ensure!(is_good, "afterglow {words} printed {line:?}");
    Ok(line)
}

/// A new key of a tenant, or of the default one, to write with.
fn make_key(folder: &Path, tenant: Option<&str>) -> Result<String> {
    let tenant = tenant.map(|name| format!(" --tenant {name}")).unwrap_or_default();
    ask(folder, &format!("access key create --label bench --scopes write{tenant}")).context("a key")
}
