//! What must be gone when this program ends, also when it is interrupted: its servers and its scratch folder.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process};

static SCRATCH: OnceLock<PathBuf> = OnceLock::new();
static SERVERS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// Removes `scratch` and ends the watched servers when this program is interrupted. In all other cases their owners
/// do so when they are dropped.
pub(crate) fn on_interrupt(scratch: &Path) -> Result<()> {
    let _ = SCRATCH.set(scratch.to_owned());
    ctrlc::set_handler(|| {
        for server in std::mem::take(&mut *SERVERS.lock().unwrap_or_else(PoisonError::into_inner)) {
            let _ = kill_process(server, Signal::KILL);
        }
        if let Some(scratch) = SCRATCH.get() {
            let _ = std::fs::remove_dir_all(scratch);
        }
        std::process::exit(130);
    })?;
    Ok(())
}

/// From its start until [`forget`], a server is ended with this program.
pub(crate) fn watch(server: &Child) {
    SERVERS.lock().unwrap_or_else(PoisonError::into_inner).push(Pid::from_child(server));
}

/// To be called before its end is collected: from then on its number may belong to another process.
pub(crate) fn forget(server: &Child) {
    let server = Pid::from_child(server);
    SERVERS.lock().unwrap_or_else(PoisonError::into_inner).retain(|watched| *watched != server);
}
