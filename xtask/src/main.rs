//! Every chore of this repository: `cargo xtask demo | test | dist | release | docs | dashboard | bench`.

mod bench;
mod build;
mod dashboard;
mod demo;
mod dist;
mod docs;
mod policy;
mod prerequisites;
mod release;
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
    /// Write a folder, an archive and a package: binaries, configurations, units, manual pages, completions; and what is in them
    Dist(dist::Options),
    /// Make everything that a tag becomes, in a folder, and start it
    Release(release::Options),
    /// Write the documentation as a site that needs no network
    Docs(docs::Options),
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
        Chore::Release(options) => release::run_all(&options),
        Chore::Docs(options) => docs::run(&options),
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn chores_in_documents_and_workflows_exist() {
        let root = run::root();
        let listed = ["docs", ".github/workflows"].map(|folder| fs::read_dir(root.join(folder)).unwrap());
        let files = listed.into_iter().flatten().map(|entry| entry.unwrap().path());
        let mut seen = 0;
        for path in files.chain([root.join("README.md"), root.join("CONTRIBUTING.md")]) {
            let Ok(text) = fs::read_to_string(&path) else { continue };
            for line in text
                .lines()
                .filter_map(|line| line.trim().trim_start_matches("- run: ").strip_prefix("cargo xtask "))
            {
                let words = line.split(" #").next().unwrap_or(line).split_whitespace();
                let parsed = Chore::try_parse_from(["xtask"].into_iter().chain(words));
                assert!(parsed.is_ok(), "{}: {line}", path.display());
                seen += 1;
            }
        }
        assert!(seen > 8, "{seen}");
    }
}
