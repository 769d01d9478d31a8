//! What the measurements share: a scratch folder, the systems, and the commands that made the figures.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::server::Server;
use crate::systems::{self, System};
use crate::{Common, cleanup, fdatasync, packages};

pub(crate) struct Lab {
    /// Ours first.
    pub(crate) systems: Vec<&'static dyn System>,
    scratch: TempDir,
    scale: f64,
    commands: RefCell<Vec<String>>,
}

impl Lab {
    /// Prints what the disk can do: no figure about durable writes means anything without it.
    pub(crate) fn open(common: &Common) -> Result<Self> {
        let peers = if common.alone { [].as_slice() } else { systems::PEERS.as_slice() };
        cleanup::on_interrupt()?;
        packages::install_missing(&peers.iter().filter_map(|peer| peer.package()).collect::<Vec<_>>())?;
        let systems: Vec<_> = std::iter::once(systems::OURS).chain(peers.iter().copied()).collect();
        // Not /tmp, which many systems keep in memory.
        let disk = std::env::var_os("TMPDIR").map_or_else(|| "/var/tmp".into(), PathBuf::from);
        let scratch = tempfile::Builder::new().prefix("afterglow-bench-").tempdir_in(disk)?;
        cleanup::watch_path(scratch.path());
        let (median, p99) = fdatasync::latency(scratch.path())?;
        println!("- disk: fdatasync of 4 KiB takes {median:.0?} (median), {p99:.0?} (99th percentile)");
        println!("- processors: {}, shared by server and client", std::thread::available_parallelism()?);
        for system in &systems {
            println!("- {}: {}", system.name(), system.version()?);
        }
        if common.scale < 1.0 {
            println!("- only {} of the samples: not figures to quote", common.scale);
        }
        Ok(Self { systems, scratch, scale: common.scale, commands: RefCell::default() })
    }

    /// An empty folder, gone when dropped.
    pub(crate) fn folder(&self) -> Result<TempDir> {
        Ok(TempDir::new_in(self.scratch.path())?)
    }

    /// Starts `system` on the data in `folder` and returns once it answers.
    pub(crate) fn start(&self, system: &dyn System, folder: &Path) -> Result<Server> {
        let server = systems::start(system, folder).with_context(|| system.name().to_owned())?;
        self.note(&server.command);
        Ok(server)
    }

    /// Stops `system` with all its data in its final form.
    pub(crate) fn seal(&self, system: &dyn System, server: Server) -> Result<()> {
        system.seal(server)?.iter().for_each(|command| self.note(command));
        Ok(())
    }

    /// Keeps a command or request for the footer.
    pub(crate) fn note(&self, command: &str) {
        let mut commands = self.commands.borrow_mut();
        if !commands.iter().any(|noted| noted == command) {
            commands.push(command.to_owned());
        }
    }

    pub(crate) fn print_commands(&self) {
        println!("\nCommands ($DATA and $PORT are fresh for each server):\n\n```");
        let words: Vec<_> = std::env::args().skip(1).collect();
        println!("cargo xtask bench {}", words.join(" "));
        self.commands.borrow().iter().for_each(|command| println!("{command}"));
        println!("```");
    }

    /// `count` at the scale that was asked for.
    pub(crate) fn scaled(&self, count: u64) -> u64 {
        (count as f64 * self.scale).ceil() as u64
    }
}
