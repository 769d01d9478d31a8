//! `cargo xtask dist`: what a user needs, for the machine's own platform: a folder, an archive of it, a Debian package, and a bill of
//! materials.

mod archive;
mod deb;
mod sbom;
mod twice;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use clap::Args;
use sha2::{Digest as _, Sha256};

use crate::build::{self, PROGRAMS, packed};
use crate::run::{command, output, root, run as run_command, say};
use crate::{dashboard, prerequisites};
use archive::Entry;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The most bytes of a program.
const LARGEST: usize = 25_000_000;

/// Files of the repository, and where they are in the archive.
const FILES: [(&str, &str); 9] = [
    ("backend/afterglow.toml", "etc/afterglow.toml"),
    ("producer/producer.toml", "etc/producer.toml"),
    ("deploy/systemd/afterglow.service", "lib/systemd/system/afterglow.service"),
    ("deploy/systemd/afterglow-producer.service", "lib/systemd/system/afterglow-producer.service"),
    ("deploy/systemd/afterglow-backup.service", "lib/systemd/system/afterglow-backup.service"),
    ("deploy/systemd/afterglow-backup.timer", "lib/systemd/system/afterglow-backup.timer"),
    ("LICENSE-MIT", "LICENSE-MIT"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("CHANGELOG.md", "CHANGELOG.md"),
];

const README: &str = "\
# Afterglow

    bin/afterglow serve
    bin/afterglow-producer --config etc/producer.toml

Then open http://127.0.0.1:5001. `bin/afterglow serve --help` lists the options; etc/afterglow.toml shows them as a file.
share/ has manual pages and completions, lib/ the units for systemd.
";

#[derive(Args)]
pub(crate) struct Options {
    /// Pack the binaries in target/dist as they are, without building them
    #[arg(long)]
    as_built: bool,

    /// Then build and pack the same commit again, in another folder, and fail unless every byte is the same
    #[arg(long, conflicts_with = "as_built")]
    twice: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if options.twice {
        twice::check_that_all_is_committed()?;
    }
    if !options.as_built {
        prerequisites::check()?;
        dashboard::build()?;
        build::to_pack()?;
    }
    let (platform, modified) = (platform()?, modified());
    let name = format!("afterglow-{VERSION}-{platform}");
    let dist = root().join("dist");
    if dist.exists() {
        fs::remove_dir_all(&dist).context("the old dist/")?;
    }
    let entries = entries(&dist.join("parts"))?;
    fs::remove_dir_all(dist.join("parts"))?;
    archive::write_folder(&entries, &dist.join(&name))?;
    let mut files = vec![(format!("{name}.tar.gz"), archive::tar_gz(&name, &entries, modified)?)];
    if let Some((name, package)) = debian(&platform, &entries, modified)? {
        files.push((name, package));
    }
    let time = jiff::Timestamp::from_second(modified)?.to_string();
    files.push((format!("{name}.cdx.json"), sbom::write(&platform, &time)?));
    let mut sums = String::new();
    for (name, bytes) in &files {
        fs::write(dist.join(name), bytes)?;
        sums.push_str(&format!("{}  {name}\n", hex(&Sha256::digest(bytes))));
        say(&format!("==> {}, {:.1} MB", dist.join(name).display(), bytes.len() as f64 / 1e6));
    }
    fs::write(dist.join("SHA256SUMS"), sums)?;
    if options.twice { twice::run(&dist, modified) } else { Ok(()) }
}

/// The Debian package and its name, where there are packages for this platform.
fn debian(platform: &str, entries: &[Entry], modified: i64) -> Result<Option<(String, Vec<u8>)>> {
    let Some(architecture) = deb::architecture(platform) else { return Ok(None) };
    let libc = entries.iter().filter_map(|entry| deb::libc(entry.bytes()));
    // Of versions of one length the greater text is the later.
    let libc = libc
        .max_by_key(|version| (version.len(), version.clone()))
        .context("a program that names its libc")?;
    let scripts = deb::scripts()?;
    let package = deb::Package { version: VERSION, architecture, libc: &libc, scripts: &scripts };
    let name = format!("afterglow_{VERSION}_{architecture}.deb");
    Ok(Some((name, deb::pack(&package, entries, modified)?)))
}

/// Everything in the archive; what must be made first is made below `parts`.
fn entries(parts: &Path) -> Result<Vec<Entry>> {
    let share = parts.join("share");
    fs::create_dir_all(&share)?;
    let mut entries = vec![Entry::file("README.md", README.into())];
    for binary in PROGRAMS {
        let (built, stripped) = (packed(binary), parts.join(binary));
        let words = [Path::new("-o"), &stripped, &built];
        run_command(&mut command("strip", words, &root()))?;
        let program = fs::read(&stripped)?;
        say(&format!("==> {binary}: {:.1} MB", program.len() as f64 / 1e6));
        ensure!(program.len() <= LARGEST, "{binary} has {} bytes, of {LARGEST} at most", program.len());
        for (folder, _) in build::folders()? {
            let folder = folder.display().to_string();
            let is_there = program.windows(folder.len()).any(|part| part == folder.as_bytes());
            ensure!(!is_there, "{binary} has the path {folder} of this machine in it");
        }
        entries.push(Entry::program(&format!("bin/{binary}"), program));
    }
    for (program, word) in [("afterglow", "manual"), ("afterglow-producer", "--manual")] {
        run_command(command(&packed(program).to_string_lossy(), [word], &root()).arg(&share))?;
    }
    entries.extend(archive::read_folder(&share, "share")?);
    for (file, place) in FILES {
        entries.push(Entry::file(place, fs::read(root().join(file)).context(file)?));
    }
    Ok(entries)
}

/// The platform that is built for, such as `x86_64-unknown-linux-gnu`.
fn platform() -> Result<String> {
    let about = output(&mut command("rustc", ["-vV"], &root()))?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc names no host")
}

/// The time of every file in the archive, in seconds since 1970: what `SOURCE_DATE_EPOCH` says, the commit's, or 0.
fn modified() -> i64 {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok();
    let of_commit = || output(&mut command("git", ["log", "-1", "--format=%ct"], &root())).ok();
    given.or_else(of_commit).and_then(|seconds| seconds.parse().ok()).unwrap_or(0)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
