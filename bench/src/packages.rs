//! Puts the peers on the machine, where that takes no questions: as root, from Debian's packages.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::cleanup;
use crate::commands::first_line;
use crate::figures::progress;

/// Debian asks this program whether a package may start its services; 101 forbids it.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// What has to be there for a peer to run.
#[derive(Clone, Copy)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) program: &'static str,
    /// Debian's package that holds the program.
    pub(crate) debian: &'static str,
}

impl Package {
    pub(crate) fn version(&self) -> Result<String> {
        first_line(Command::new("dpkg-query").args(["-W", "-f", "${Package} ${Version}", self.debian]))
    }
}

pub(crate) fn install_missing(peers: &[Package]) -> Result<()> {
    let missing = || peers.iter().filter(|peer| which(peer.program).is_none());
    let packages: Vec<_> = missing().map(|peer| peer.debian).collect();
    if packages.is_empty() {
        return Ok(());
    }
    if rustix::process::geteuid().is_root() && Path::new("/etc/debian_version").exists() {
        let _quiet = NoServices::begin()?;
        apt_get(&["update", "-q"])?;
        apt_get(&[&["install", "-y", "-q", "--no-install-recommends"], packages.as_slice()].concat())?;
        if let Some(peer) = peers.iter().find(|peer| runs(peer.program)) {
            bail!(
                "installing {} started it as a service; stop that first: it would disturb the figures",
                peer.name
            );
        }
    }
    let missing: Vec<_> = missing().map(|peer| peer.name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "missing: {}; on Debian: apt-get install --no-install-recommends {}; or measure only ours with --alone",
        missing.join(", "),
        packages.join(" ")
    )
}

/// Where `program` is.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Its output goes where progress goes: standard output is the tables' alone.
fn apt_get(arguments: &[&str]) -> Result<()> {
    progress(&format!("apt-get {}", arguments.join(" ")));
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(std::io::stderr());
    let status = command.status()?;
    if status.success() { Ok(()) } else { bail!("apt-get {} ended with {status}", arguments.join(" ")) }
}

/// Whether any process has this name; the kernel keeps its first 15 bytes.
fn runs(program: &str) -> bool {
    let name = &program[..program.len().min(15)];
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| std::fs::read_to_string(process.path().join("comm")).ok())
        .any(|running| running.trim_end() == name)
}

/// While it lives, packages do not start their services.
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn begin() -> Result<Self> {
        // A policy that is there already is the machine's own: it stays.
        let ours = !Path::new(POLICY).exists();
        if ours {
            cleanup::watch_path(Path::new(POLICY));
            std::fs::write(POLICY, "#!/bin/sh\nexit 101\n")?;
            std::fs::set_permissions(POLICY, Permissions::from_mode(0o755))?;
        }
        Ok(Self { ours })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours {
            let _ = std::fs::remove_file(POLICY);
        }
    }
}
