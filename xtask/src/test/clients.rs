//! The clients in other languages, each by a runner of its own language, against the release build.

use std::process::Command;

use anyhow::{Result, ensure};

use super::Summary;
use crate::prerequisites::runs;
use crate::run::{command, release_binary, root, run, target};

pub(super) fn run_all(summary: &mut Summary) {
    if runs("python3") {
        summary.step("client in Python", |summary| {
            // Nothing is written beside the sources.
            counted(summary, command("python3", ["-B", "tests"], &root().join("clients/python")))
        });
    } else {
        summary.skip("client in Python: there is no python3");
    }
    summary.step("client in JavaScript", |summary| {
        counted(summary, command("npm", ["test"], &root().join("clients/javascript")))
    });
    summary.step("client in C", c);
}

fn c(summary: &mut Summary) -> Result<()> {
    let (folder, program) = (root().join("clients/c"), target().join("client-c-tests"));
    let strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1", "-o"];
    run(command("cc", strict, &folder).arg(&program).arg("tests.c"))?;
    counted(summary, Command::new(&program))
}

/// Fails also when no test ran.
fn counted(summary: &mut Summary, mut tests: Command) -> Result<()> {
    let before = summary.passed;
    summary.count(tests.env("AFTERGLOW_BIN", release_binary("afterglow")))?;
    ensure!(summary.passed > before, "no test ran");
    Ok(())
}
