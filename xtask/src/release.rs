//! `cargo xtask release`: everything that a tag becomes, in a folder. What a workflow then publishes can be looked at before.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::run::{cargo, command, output, root, run, say, stop, target};

#[derive(Args)]
pub(crate) struct Options {
    /// The tag, such as v1.2.3; the version in Cargo.toml must be the same
    tag: String,

    /// The folder, which must not exist
    #[arg(long, value_name = "FOLDER", default_value = "release")]
    to: PathBuf,

    /// Pack the binaries in target/dist as they are, without building them
    #[arg(long)]
    as_built: bool,
}

/// Clones the repository at the tag, builds there, and verifies what came out by starting it.
pub(crate) fn run_all(options: &Options) -> Result<()> {
    ensure!(!options.to.exists(), "{} exists", options.to.display());
    let folder = tempfile::tempdir_in(target())?;
    let source = folder.path().join("source");
    let clone = ["clone", "--quiet", "--branch", &options.tag];
    run(command("git", clone, &root()).arg(root()).arg(&source))
        .with_context(|| format!("the tag {}", options.tag))?;
    let manifest = fs::read_to_string(source.join("Cargo.toml"))?;
    let version = options.tag.strip_prefix('v').unwrap_or(&options.tag);
    let is_version = manifest.lines().any(|line| line == format!("version = \"{version}\""));
    ensure!(is_version, "the tag {} is not the version in Cargo.toml", options.tag);
    for (chore, as_built) in [("dist", options.as_built), ("docs", true)] {
        let mut chore = cargo(["xtask", chore]);
        if as_built {
            chore.arg("--as-built");
        }
        run(chore.current_dir(&source).env("CARGO_TARGET_DIR", target()))?;
    }
    let dist = source.join("dist");
    run(&mut command("sha256sum", ["--check", "--quiet", "SHA256SUMS"], &dist))?;
    start(&dist, version)?;
    // Another file system may not take a rename.
    run(command("cp", ["-r"], &root()).arg(&dist).arg(&options.to))?;
    say(&format!("==> {}", options.to.display()));
    Ok(())
}

/// Unpacks the archive as a user does, asks its programs who they are, and uses the server.
#[expect(clippy::disallowed_methods, reason = "how long a release takes to start is for people only")]
fn start(dist: &Path, version: &str) -> Result<()> {
    let (unpacked, begun) = (tempfile::tempdir()?, Instant::now());
    let archives = fs::read_dir(dist)?.filter_map(|entry| Some(entry.ok()?.path()));
    let archive = archives.filter(|path| path.to_string_lossy().ends_with(".tar.gz")).min();
    let archive = archive.context("an archive in dist/")?;
    run(command("tar", ["--strip-components=1", "-xf"], unpacked.path()).arg(&archive))?;
    for program in ["afterglow", "afterglow-producer"] {
        let path = unpacked.path().join("bin").join(program);
        let said = output(&mut command(&path.to_string_lossy(), ["--version"], unpacked.path()))?;
        ensure!(said == format!("{program} {version}"), "{program} says that it is {said}");
    }
    serve(&unpacked.path().join("bin/afterglow"))?;
    let seconds = begun.elapsed().as_secs_f64();
    say(&format!("==> a sample was sent and read back {seconds:.1} s after unpacking began"));
    Ok(())
}

/// Starts the server and uses it.
fn serve(program: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut serve = command(&program.to_string_lossy(), ["serve", "--listen", "127.0.0.1:0"], folder.path());
    let mut server = serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let used = use_server(&mut server);
    stop("the server", &mut server)?;
    used
}

/// Asks for the page, without which a binary is no release, and sends a sample and reads it back.
fn use_server(server: &mut Child) -> Result<()> {
    let mut line = String::new();
    BufReader::new(server.stdout.take().context("its output")?).read_line(&mut line)?;
    let address = line.trim().rsplit('/').next().context("an address")?;
    let page = answer(address, "GET /", "")?;
    ensure!(page.to_lowercase().contains("<!doctype html>"), "the server has no page");
    let stored = answer(address, "POST /api/telemetry", r#"{"signals": {"release": 21.5}}"#)?;
    ensure!(stored.starts_with("HTTP/1.1 200"), "a sample was not stored: {stored}");
    let samples = answer(address, "GET /api/telemetry?signals=release", "")?;
    ensure!(samples.contains(r#""value":21.5"#), "a sample cannot be read back: {samples}");
    Ok(())
}

/// What the server at `address` answers to a request, of which `line` is the method and the path.
fn answer(address: &str, line: &str, body: &str) -> Result<String> {
    let mut connection = TcpStream::connect(address).with_context(|| format!("the server at {address:?}"))?;
    let length = body.len();
    write!(
        connection,
        "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
