//! Whether a build depends on what it is built of alone: the same commit built again, in a folder with another path.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::run::{cargo, command, output, root, run as run_command, say, target};

/// Fails while there are changes: what is built again is a clone, which would not have them.
pub(super) fn check_that_all_is_committed() -> Result<()> {
    let changes = output(&mut command("git", ["status", "--porcelain"], &root()))?;
    ensure!(changes.is_empty(), "what is built twice is a commit; these are changes:\n{changes}");
    Ok(())
}

/// Builds and packs the commit again, with nothing that was compiled before, and compares what came out with `dist`.
pub(super) fn run(dist: &Path, modified: i64) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("again-").tempdir_in(target())?;
    let source = folder.path().join("in/another/folder");
    run_command(command("git", ["clone", "--quiet"], &root()).arg(root()).arg(&source))?;
    let mut again = cargo(["xtask", "dist"]);
    again.current_dir(&source).env("CARGO_TARGET_DIR", folder.path().join("target"));
    run_command(again.env("SOURCE_DATE_EPOCH", modified.to_string()))?;
    let [first, second] = [dist, &source.join("dist")]
        .map(|dist| fs::read_to_string(dist.join("SHA256SUMS")).with_context(|| dist.display().to_string()));
    let (first, second) = (first?, second?);
    if first == second {
        say("==> built twice: the same bytes");
        return Ok(());
    }
    // To look at.
    let kept = target().join("dist-again");
    if kept.exists() {
        fs::remove_dir_all(&kept)?;
    }
    run_command(command("cp", ["-r"], &root()).arg(source.join("dist")).arg(&kept))?;
    let differ: Vec<_> = second.lines().filter(|line| !first.lines().any(|other| other == *line)).collect();
    bail!("built twice, and not the same bytes ({} has the second):\n{}", kept.display(), differ.join("\n"))
}
