//! A server under measurement: started on a free port, watched through /proc, ended when dropped.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::{cleanup, http};

/// A server that does not answer by then never will.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// Stopping includes writing everything that was only in memory.
const STOP_DEADLINE: Duration = Duration::from_secs(180);

/// A server that is still busy by then is taken as it is.
const IDLE_DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    /// What holds its data and its log.
    pub(crate) folder: PathBuf,
    /// From the start of the process to its first good answer.
    pub(crate) ready_after: Duration,
    /// As one would type it.
    pub(crate) command: String,
}

impl Server {
    /// Runs `command`, which is to listen on `port`, and waits until `ready_path` answers well.
    pub(crate) fn launch(command: Command, folder: &Path, port: u16, ready_path: &str) -> Result<Self> {
        Self::launch_until(command, folder, port, |address| http::fetch(address, "GET", ready_path).is_ok())
    }

    /// Runs `command`, which is to listen on `port`, and waits until `is_ready` says so of its address.
    pub(crate) fn launch_until(
        mut command: Command,
        folder: &Path,
        port: u16,
        is_ready: impl Fn(&str) -> bool,
    ) -> Result<Self> {
        let log = folder.join("log");
        let start = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(File::options().create(true).append(true).open(&log)?)
            .stderr(File::options().create(true).append(true).open(&log)?)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        cleanup::watch(&child);
        let mut server = Self {
            child,
            address: format!("127.0.0.1:{port}"),
            folder: folder.to_owned(),
            ready_after: Duration::ZERO,
            command: show(&command, folder, port),
        };
        while !is_ready(&server.address) {
            if server.child.try_wait()?.is_some() || start.elapsed() > START_DEADLINE {
                bail!("{} does not answer; it said:\n{}", server.command, std::fs::read_to_string(&log)?);
            }
            thread::sleep(Duration::from_millis(1));
        }
        server.ready_after = start.elapsed();
        Ok(server)
    }

    /// CPU time used so far by all its threads, in user and kernel mode.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The program's name may hold anything, also spaces; it ends at the last bracket.
        let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
        let ticks: u64 =
            fields.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
        Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?)
    }

    /// Bytes of a kind of memory: `VmRSS` (resident), `RssAnon` (of it, what no file backs), `VmHWM` (the peak).
    pub(crate) fn memory(&self, kind: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(kind)?.strip_prefix(':'));
        let kilobytes = line.with_context(|| format!("no {kind}"))?.trim().trim_end_matches(" kB");
        Ok(kilobytes.parse::<u64>()? * 1024)
    }

    /// How many files and sockets it has open.
    pub(crate) fn files(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }

    /// Bytes that it has caused to be written to the disk so far.
    pub(crate) fn written(&self) -> Result<u64> {
        let io = std::fs::read_to_string(format!("/proc/{}/io", self.child.id()))?;
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
        Ok(written.context("no write_bytes")?.parse()?)
    }

    /// Waits until what the server put off, such as merging, is done: it uses less than a thirtieth of a processor.
    pub(crate) fn wait_until_idle(&self) -> Result<()> {
        const WINDOW: Duration = Duration::from_secs(1);
        let start = Instant::now();
        while start.elapsed() < IDLE_DEADLINE {
            let before = self.cpu()?;
            thread::sleep(WINDOW);
            if self.cpu()?.saturating_sub(before) < WINDOW / 30 {
                break;
            }
        }
        Ok(())
    }

    /// Asks it to end and waits until it has.
    pub(crate) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let start = Instant::now();
        while start.elapsed() < STOP_DEADLINE {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        bail!("{} did not stop in {STOP_DEADLINE:?}", self.command)
    }

    /// Ends it as a lost power line would.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        cleanup::forget(&self.child);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The command as one would type it, without what differs between two runs.
fn show(command: &Command, folder: &Path, port: u16) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let settings = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_string_lossy(), value?.to_string_lossy())));
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    let words: Vec<_> = settings.chain([program.to_string_lossy().into_owned()]).chain(arguments).collect();
    words.join(" ").replace(&*folder.to_string_lossy(), "$DATA").replace(&format!(":{port}"), ":$PORT")
}
