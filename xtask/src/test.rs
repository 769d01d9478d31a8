//! `cargo xtask test`: everything, with a summary of what ran.

mod clients;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::run::{self, cargo, command, release_binary, root, say, show};
use crate::{build, dashboard, policy, prerequisites};

/// What the steps came to.
#[derive(Default)]
struct Summary {
    lines: Vec<String>,
    passed: u64,
    failed: u64,
    skipped: u64,
}

pub(crate) fn run() -> Result<()> {
    prerequisites::check()?;
    prerequisites::wasm_target()?;
    let mut summary = Summary::default();
    let warnings = ["--", "-D", "warnings"];
    let clippy = ["clippy", "--workspace", "--all-targets"];
    let wasm_clippy = ["clippy", "--package=afterglow-dashboard", "--target=wasm32-unknown-unknown"];
    summary.step("formatting", |_| run::run(&mut cargo(["fmt", "--all", "--check"])));
    summary.step("lints", |_| run::run(&mut cargo(clippy.iter().chain(&warnings))));
    summary.step("lints of the dashboard's edges", |_| {
        run::run(&mut cargo(wasm_clippy.iter().chain(&warnings)))
    });
    summary.step("licences, bans and sources of dependencies", |_| policy::check());
    match policy::no_advisories() {
        None => drop(summary.step("advisories", |_| policy::advisories())),
        Some(why) => summary.skip(&format!("advisories: {why}")),
    }
    if !prerequisites::postgres() {
        summary.skip("tests on PostgreSQL: it is not installed (apt-get install postgresql)");
    }
    if prerequisites::haproxy().is_none() {
        summary.skip("tests of servers behind haproxy: it is not installed (apt-get install haproxy)");
    }
    if prerequisites::nats().is_none() {
        summary.skip("tests of several servers with NATS: it is not installed (apt-get install nats-server)");
    }
    if !matches!(prerequisites::python(&root().join("e2e")), Ok(Some(_))) {
        summary.skip(
            "tests with S3-compatible storage: moto cannot be installed (apt-get install python3-venv)",
        );
    }
    summary
        .step("Rust tests", |summary| summary.count(&mut cargo(["test", "--workspace", "--no-fail-fast"])));
    let built = summary.step("release build", |_| {
        dashboard::build()?;
        build::binaries()
    });
    if built {
        summary.step("browser tests", browser_tests);
        clients::run_all(&mut summary);
    } else {
        summary.skip("tests of browser and clients: the release build failed");
    }
    summary.close()
}

fn browser_tests(summary: &mut Summary) -> Result<()> {
    let chromium = prerequisites::chromium()?;
    let folder = root().join("e2e");
    prerequisites::npm_packages(&folder)?;
    let mut tests = command("npm", ["test"], &folder);
    tests
        .env("CHROMIUM", chromium)
        .env("AFTERGLOW_BIN", release_binary("afterglow"))
        .env("AFTERGLOW_PRODUCER_BIN", release_binary("afterglow-producer"));
    // Tests of clients in Python are skipped without it, and say so.
    if let Some(python) = prerequisites::python(&folder)? {
        tests.env("AFTERGLOW_PYTHON", python);
    }
    summary.count(&mut tests)
}

impl Summary {
    /// Runs a step whatever became of those before it, so that one run shows all that is wrong.
    #[expect(clippy::disallowed_methods, reason = "a chore's duration is for people only")]
    fn step(&mut self, name: &str, step: impl FnOnce(&mut Self) -> Result<()>) -> bool {
        let start = Instant::now();
        let (failures, passes) = (self.failed, self.passed);
        let result = step(self);
        let seconds = start.elapsed().as_secs();
        match &result {
            Ok(()) => {
                let tests = match self.passed - passes {
                    0 => String::new(),
                    tests => format!("{tests} tests, "),
                };
                self.lines.push(format!("  passed   {name} ({tests}{seconds} s)"));
            }
            Err(error) => {
                self.lines.push(format!("  FAILED   {name} ({seconds} s): {error:#}"));
                // A step without tests of its own counts as one.
                self.failed = self.failed.max(failures + 1);
            }
        }
        result.is_ok()
    }

    fn skip(&mut self, what: &str) {
        self.lines.push(format!("  skipped  {what}"));
        self.skipped += 1;
    }

    /// Runs a test command, shows its output, and adds up its result lines.
    fn count(&mut self, command: &mut Command) -> Result<()> {
        say(&format!("==> {}", show(command)));
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().context("the output was asked for")?;
        for line in BufReader::new(out).lines() {
            let line = line?;
            say(&line);
            self.add(&line);
        }
        let status = child.wait()?;
        if !status.success() {
            bail!("{} ended with {status}", show(command));
        }
        Ok(())
    }

    /// Adds a line such as `test result: ok. 3 passed; 0 failed; 1 ignored` or node's `# pass 3`.
    fn add(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            for (number, word) in counts.split([';', '.']).filter_map(|part| part.trim().split_once(' ')) {
                self.add_to(word, number);
            }
        } else if let Some((word, number)) = line.trim_start_matches(['#', 'ℹ']).trim().split_once(' ')
            && line.starts_with(['#', 'ℹ'])
        {
            self.add_to(word, number);
        }
    }

    fn add_to(&mut self, word: &str, number: &str) {
        let sum = match word {
            "passed" | "pass" => &mut self.passed,
            "failed" | "fail" => &mut self.failed,
            "ignored" | "skipped" => &mut self.skipped,
            _ => return,
        };
        *sum += number.parse::<u64>().unwrap_or(0);
    }

    fn close(self) -> Result<()> {
        say("\nSummary");
        self.lines.iter().for_each(|line| say(line));
        say(&format!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped));
        if self.failed > 0 { bail!("not everything passed") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_added_up() {
        let mut summary = Summary::default();
        for line in [
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.1s",
            "test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured",
            "# pass 5",
            "ℹ fail 1",
            "pass 100",
        ] {
            summary.add(line);
        }
        assert_eq!((summary.passed, summary.failed, summary.skipped), (10, 5, 1));
    }
}
