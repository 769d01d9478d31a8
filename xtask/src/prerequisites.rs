//! What must be on the machine, and the line that puts it there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::run::{command, output, root, run, target};

const WASM: &str = "wasm32-unknown-unknown";

/// Fails with the missing tools and how to install each.
pub(crate) fn check() -> Result<()> {
    let needed = [
        ("cc", "a C compiler: apt-get install build-essential, or xcode-select --install"),
        ("node", "Node 20 or later: https://nodejs.org, or apt-get install nodejs"),
        ("npm", "npm: it comes with Node, or apt-get install npm"),
    ];
    let missing: Vec<_> =
        needed.iter().filter(|(tool, _)| !runs(tool)).map(|(_, how)| format!("  {how}")).collect();
    if missing.is_empty() { Ok(()) } else { bail!("missing:\n{}", missing.join("\n")) }
}

/// Adds Rust's WebAssembly target where it is missing.
pub(crate) fn wasm_target() -> Result<()> {
    let sysroot = output(&mut command("rustc", ["--print", "sysroot"], &root()))?;
    if Path::new(&sysroot).join("lib/rustlib").join(WASM).is_dir() {
        return Ok(());
    }
    run(&mut command("rustup", ["target", "add", WASM], &root())).with_context(|| {
        format!("the target {WASM} is missing; install Rust through https://rustup.rs, which can add it")
    })
}

/// Installs a folder's locked npm packages, unless they are there.
pub(crate) fn npm_packages(folder: &Path) -> Result<()> {
    let modified = |path: &str| folder.join(path).metadata().and_then(|meta| meta.modified()).ok();
    let installed = modified("node_modules/.package-lock.json");
    if installed.is_some() && installed >= modified("package-lock.json") {
        return Ok(());
    }
    // No package of ours needs to run anything to be installed.
    run(&mut command("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], folder))
}

/// Python with the packages of a folder's `requirements.txt`, in a virtual environment below `target/`; none where there is no
/// Python 3 that can make one.
pub(crate) fn python(folder: &Path) -> Result<Option<PathBuf>> {
    let environment = target().join("python");
    let python = environment.join("bin/python");
    let (required, installed) = (folder.join("requirements.txt"), environment.join("requirements.txt"));
    let has_all = || std::fs::read(&installed).ok() == std::fs::read(&required).ok();
    if python.is_file() && has_all() {
        return Ok(Some(python));
    }
    let made = command("python3", ["-m", "venv", "--clear"], &root()).arg(&environment).status();
    if !made.is_ok_and(|status| status.success()) {
        return Ok(None);
    }
    let mut install =
        command(&python.to_string_lossy(), ["-m", "pip", "install", "--quiet", "--requirement"], folder);
    run(install.arg(&required))?;
    std::fs::copy(&required, &installed)?;
    Ok(Some(python))
}

/// Chromium's path; installs it where that takes no questions: as root, from Debian's packages.
pub(crate) fn chromium() -> Result<String> {
    if let Ok(path) = std::env::var("CHROMIUM") {
        return Ok(path);
    }
    let find = || ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(which);
    if let Some(path) = find() {
        return Ok(path);
    }
    if rustix::process::geteuid().is_root() && Path::new("/etc/debian_version").exists() {
        eprintln!(
            "no Chromium was found; installing Debian's package (set CHROMIUM to the path of one to avoid that)"
        );
        run(&mut command("apt-get", ["update", "-q"], &root()))?;
        let mut install =
            command("apt-get", ["install", "-y", "-q", "--no-install-recommends", "chromium"], &root());
        run(install.env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    find().context("no Chromium for the browser tests; install it (apt-get install chromium) or set CHROMIUM to its path")
}

/// Whether PostgreSQL is there, for the store's tests; installs it where that takes no questions, as [`chromium`] does.
pub(crate) fn postgres() -> bool {
    let is_there = || {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        which("initdb").is_some()
            || versions.into_iter().any(|version| {
                let number = version.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
                number.is_some_and(|number| number >= 14) && version.path().join("bin/initdb").is_file()
            })
    };
    if is_there() || std::env::var_os("AFTERGLOW_POSTGRES").is_some() {
        return true;
    }
    if rustix::process::geteuid().is_root() && Path::new("/etc/debian_version").exists() {
        eprintln!("no PostgreSQL was found; installing Debian's package");
        // A cluster that the package made would be started: the tests have their own.
        let script = "conf=/etc/postgresql-common/createcluster.conf; mkdir -p ${conf%/*} \
            && { [ -e $conf ] || echo 'create_main_cluster = false' > $conf; } && apt-get update -q \
            && apt-get install -y -q --no-install-recommends postgresql";
        let mut install = command("sh", ["-c", script], &root());
        if let Err(error) = run(install.env("DEBIAN_FRONTEND", "noninteractive")) {
            eprintln!("{error:#}");
        }
    }
    is_there()
}

/// haproxy's path, for several servers; installs it as [`postgres`] is.
pub(crate) fn haproxy() -> Option<PathBuf> {
    program_of_debian("haproxy", "haproxy")
}

/// The path of NATS, for the bus between several servers; installs it as [`postgres`] is.
pub(crate) fn nats() -> Option<PathBuf> {
    program_of_debian("nats-server", "nats-server")
}

/// A program's path; installs Debian's package where that takes no questions. The package starts nothing: tests have servers of
/// their own.
fn program_of_debian(program: &str, package: &str) -> Option<PathBuf> {
    // Debian has some where only administrators look.
    let system = || Some(Path::new("/usr/sbin").join(program)).filter(|path| path.is_file());
    let find = || which(program).map(PathBuf::from).or_else(system);
    if find().is_none() && rustix::process::geteuid().is_root() && Path::new("/etc/debian_version").exists() {
        eprintln!("no {program} was found; installing Debian's package");
        let script = format!(
            "trap 'rm -f /usr/sbin/policy-rc.d' EXIT; [ -e /usr/sbin/policy-rc.d ] && trap - EXIT \
             || {{ printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d; }}; \
             apt-get update -q && apt-get install -y -q --no-install-recommends {package}"
        );
        let mut install = command("sh", ["-c", script.as_str()], &root());
        if let Err(error) = run(install.env("DEBIAN_FRONTEND", "noninteractive")) {
            eprintln!("{error:#}");
        }
    }
    find()
}

/// Whether there is such a program.
pub(crate) fn runs(tool: &str) -> bool {
    let status = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn which(tool: &str) -> Option<String> {
    let folders = std::env::var_os("PATH")?;
    let path = std::env::split_paths(&folders).map(|folder| folder.join(tool)).find(|path| path.is_file())?;
    Some(path.to_string_lossy().into_owned())
}
