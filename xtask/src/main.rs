//! Every chore of this repository: `cargo xtask demo | test | dist | dashboard | bench`.

mod bench;
mod build;
mod dashboard;
mod demo;
mod dist;
mod policy;
mod prerequisites;
mod run;
mod test;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Every chore of this repository", max_term_width = 110)]
enum Chore {
    /// Build everything, start backend and producer, print the address; Ctrl-C stops both
    Demo(demo::Options),
    /// Check formatting and lints, run all Rust and browser tests, end with a summary
    Test,
    /// Write a release, as a folder and an archive: binaries, configurations, units, manual pages, completions
    Dist(dist::Options),
    /// Build only the dashboard, into dashboard/dist
    Dashboard,
    /// Measure, beside peers where there are any, and print a table
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let done = match Chore::parse() {
        Chore::Demo(options) => demo::run(&options),
        Chore::Test => test::run(),
        Chore::Dist(options) => dist::run(&options),
        Chore::Dashboard => dashboard::build(),
        Chore::Bench(bench) => bench::run(&bench),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            run::say(&format!("xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
