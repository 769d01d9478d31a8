//! The programs, for every chore that runs or packs them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::run::{cargo, command, output, root, run, target};

/// The programs that are packed.
pub(crate) const PROGRAMS: [&str; 2] = ["afterglow", "afterglow-producer"];

/// Both programs, optimised, for measurements and tests; the backend embeds the dashboard as it is now.
pub(crate) fn binaries() -> Result<()> {
    run(&mut programs("release"))
}

/// Ways of zstd to compress that are for levels above 3. Parquet is written with 3, and reading needs none of them.
const UNUSED_IN_ZSTD: [&str; 6] = ["GREEDY", "LAZY", "LAZY2", "BTLAZY2", "BTOPT", "BTULTRA"];

/// Both programs as they are given away: small, and the same bytes wherever they are built. It takes three times as long.
pub(crate) fn to_pack() -> Result<()> {
    let given = std::env::var("CFLAGS").ok();
    let left_out = UNUSED_IN_ZSTD.map(|way| format!("-DZSTD_EXCLUDE_{way}_BLOCK_COMPRESSOR"));
    let flags: Vec<_> = given.into_iter().chain(left_out).collect();
    run(without_paths(&mut programs("dist"))?.env("CFLAGS", flags.join(" ")))
}

/// Where [`to_pack`] leaves a program.
pub(crate) fn packed(name: &str) -> PathBuf {
    target().join("dist").join(name)
}

fn programs(profile: &str) -> Command {
    let packages = ["--package=afterglow-backend", "--package=afterglow-producer"];
    cargo(["build", "--bins", &format!("--profile={profile}")].into_iter().chain(packages))
}

/// Folders of this machine that the compiler knows, each with the one that it writes in its place.
pub(crate) fn folders() -> Result<[(PathBuf, String); 4]> {
    let ask = |what: &[&str]| output(&mut command("rustc", what, &root()));
    let (sysroot, about) = (ask(&["--print", "sysroot"])?, ask(&["-vV"])?);
    let commit = about.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or_default();
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo"))).context("a home folder")?;
    Ok([
        (root(), "/afterglow".to_owned()),
        (target(), "/target".to_owned()),
        (home, "/cargo".to_owned()),
        // As the standard library itself, which is compiled already, has it.
        (PathBuf::from(sysroot).join("lib/rustlib/src/rust"), format!("/rustc/{commit}")),
    ])
}

/// Has the compiler write other paths for those of this machine, which are in the messages of panics.
pub(crate) fn without_paths(build: &mut Command) -> Result<&mut Command> {
    let given: Vec<String> = match (std::env::var("CARGO_ENCODED_RUSTFLAGS"), std::env::var("RUSTFLAGS")) {
        (Ok(flags), _) => flags.split('\x1f').map(str::to_owned).collect(),
        (_, Ok(flags)) => flags.split_whitespace().map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let folders = folders()?;
    let mapped = folders.iter().map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    Ok(build.env("CARGO_ENCODED_RUSTFLAGS", given.into_iter().chain(mapped).collect::<Vec<_>>().join("\x1f")))
}
