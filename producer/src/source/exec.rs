//! Reads lines from a program or from the standard input.

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use super::line::Line;
use super::{AHEAD, Item, Stream};
use afterglow_client::clock;
use afterglow_client::throttle::Throttle;

/// The longest line; a longer one is skipped and logged.
const LINE_BYTES: u64 = 64 * 1024;
/// How often unusable lines are logged.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// A program, or the standard input, that gives lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Exec {
    /// Where the lines come from.
    pub program: Program,
    /// What the names of its signals start with, literally.
    pub prefix: String,
}

/// Where lines come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Program {
    /// The producer's standard input.
    Stdin,
    /// A command with its arguments, run without a shell.
    Command {
        /// The program and its arguments.
        words: Vec<String>,
        /// How long after its end it is run again; once when absent.
        restart: Option<Duration>,
    },
}

/// Starts a thread that reads the lines, and the program if there is one. Lines without a timestamp get the
/// time at which they are read.
///
/// # Errors
/// When the system gives no thread, or the program cannot be started.
pub fn stream(config: &Exec, label: &str) -> Result<Stream, String> {
    let (sender, items) = mpsc::channel(AHEAD);
    let mut lines = Lines {
        sender,
        prefix: config.prefix.clone(),
        label: label.to_owned(),
        log: Throttle::new(LOG_INTERVAL),
    };
    let builder = std::thread::Builder::new().name("exec".into());
    let child = match &config.program {
        Program::Stdin => {
            let read = move || drop(lines.forward(io::stdin().lock()));
            builder.spawn(read).map_err(|error| error.to_string())?;
            None
        }
        Program::Command { words, restart } => {
            let reaper = Reaper::default();
            // The first start tells whether there is such a program; later failures are only logged.
            let first = reaper.start(words).map_err(|error| format!("cannot run {label}: {error}"))?;
            let (words, restart, keeper) = (words.clone(), *restart, reaper.clone());
            builder
                .spawn(move || lines.repeat(first, &words, restart, &keeper))
                .map_err(|error| error.to_string())?;
            Some(Leash(reaper))
        }
    };
    Ok(Stream { items, patient: false, _child: child })
}

struct Lines {
    sender: mpsc::Sender<Item>,
    prefix: String,
    label: String,
    log: Throttle,
}

impl Lines {
    /// Reads runs of the program, one after the other, until there is no next one.
    fn repeat(
        &mut self,
        first: Option<Output>,
        words: &[String],
        restart: Option<Duration>,
        reaper: &Reaper,
    ) {
        let mut output = first;
        loop {
            if let Some(output) = output.take()
                && self.forward(BufReader::new(output)).is_err()
            {
                return;
            }
            let ended = reaper.wait();
            match restart {
                None => return log::info!("{} has ended ({ended})", self.label),
                Some(pause) if reaper.pause(pause) => return,
                Some(_) => log::debug!("{} has ended ({ended}) and is run again", self.label),
            }
            match reaper.start(words) {
                Ok(next) => output = next,
                Err(error) => log::error!("cannot run {}: {error}", self.label),
            }
        }
    }

    /// Sends lines until the input ends. An error means that nobody listens any more.
    fn forward(&mut self, mut input: impl BufRead) -> Result<(), mpsc::error::SendError<Item>> {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let read = input.by_ref().take(LINE_BYTES).read_until(b'\n', &mut bytes);
            let whole = bytes.ends_with(b"\n");
            match read {
                Ok(0) => return Ok(()),
                Ok(_) if !whole && bytes.len() as u64 == LINE_BYTES => {
                    self.complain(&format!("a line has more than {LINE_BYTES} bytes and is skipped"));
                    if input.skip_until(b'\n').is_err() {
                        return Ok(());
                    }
                }
                Ok(_) => self.line(&bytes)?,
                Err(error) => {
                    self.complain(&error.to_string());
                    return Ok(());
                }
            }
        }
    }

    fn line(&mut self, bytes: &[u8]) -> Result<(), mpsc::error::SendError<Item>> {
        let line = Line::parse(&String::from_utf8_lossy(bytes), &self.prefix);
        if !line.problems.is_empty() {
            self.complain(&line.problems.join("; "));
        }
        match line.reading(clock::now()) {
            Some(reading) => self.sender.blocking_send(Item { due: None, reading }),
            None => Ok(()),
        }
    }

    fn complain(&mut self, problem: &str) {
        if let Some(held) = self.log.pass(clock::uptime()) {
            log::warn!("{}: {problem} (and {held} more lines)", self.label);
        }
    }
}

type Output = std::process::ChildStdout;

/// Ends the program when its stream is dropped.
#[derive(Debug)]
pub struct Leash(Reaper);

impl Drop for Leash {
    fn drop(&mut self) {
        self.0.kill();
    }
}

/// The running program, shared between the thread that reads it and the stream that ends it.
#[derive(Clone, Debug, Default)]
struct Reaper {
    shared: Arc<(Mutex<Running>, Condvar)>,
}

#[derive(Debug, Default)]
struct Running {
    child: Option<Child>,
    over: bool,
}

impl Reaper {
    fn lock(&self) -> std::sync::MutexGuard<'_, Running> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, words: &[String]) -> io::Result<Option<Output>> {
        let mut running = self.lock();
        let Some((program, arguments)) = words.split_first().filter(|_| !running.over) else {
            return Ok(None);
        };
        let mut child =
            Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take();
        running.child = Some(child);
        Ok(output)
    }

    /// Waits for the program, whose output has ended, and says how it did.
    fn wait(&self) -> String {
        let child = self.lock().child.take();
        match child.map(|mut child| child.wait()) {
            Some(Ok(status)) => status.to_string(),
            Some(Err(error)) => error.to_string(),
            None => "not started".to_owned(),
        }
    }

    /// Waits for `pause`; true when the stream is dropped meanwhile.
    fn pause(&self, pause: Duration) -> bool {
        let waited = self.shared.1.wait_timeout_while(self.lock(), pause, |running| !running.over);
        waited.map_or_else(|poisoned| poisoned.into_inner().0.over, |(running, _)| running.over)
    }

    /// Ends the program for good, and wakes the thread that waits to run it again.
    fn kill(&self) {
        let mut running = self.lock();
        running.over = true;
        if let Some(child) = &mut running.child {
            // One that has already ended cannot be killed, which is as well.
            let _ = child.kill();
        }
        self.shared.1.notify_all();
    }
}
