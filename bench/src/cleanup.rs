//! What must be gone when this program ends, also when it is interrupted: its servers and its files.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process};

static LEFT: Mutex<Left> = Mutex::new(Left { servers: Vec::new(), paths: Vec::new() });

struct Left {
    servers: Vec<Pid>,
    paths: Vec<PathBuf>,
}

/// On an interrupt, ends and removes what is watched then. In all other cases its owners do so when they are dropped.
pub(crate) fn on_interrupt() -> Result<()> {
    ctrlc::set_handler(|| {
        with(|left| {
            for server in &left.servers {
                let _ = kill_process(*server, Signal::KILL);
            }
            for path in &left.paths {
                let _ =
                    if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
            }
            std::process::exit(130);
        });
    })?;
    Ok(())
}

pub(crate) fn watch_path(path: &Path) {
    with(|left| left.paths.push(path.to_owned()));
}

pub(crate) fn watch(server: &Child) {
    with(|left| left.servers.push(Pid::from_child(server)));
}

/// To be called before its end is collected: from then on its number may belong to another process.
pub(crate) fn forget(server: &Child) {
    let server = Pid::from_child(server);
    with(|left| left.servers.retain(|watched| *watched != server));
}

fn with(change: impl FnOnce(&mut Left)) {
    change(&mut LEFT.lock().unwrap_or_else(PoisonError::into_inner));
}
