//! Reads lines from a program or from the standard input.

mod process;

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::time::Duration;

use afterglow_formats::records;
use afterglow_formats::series::Tags;
use tokio::sync::mpsc;

use super::line::{Problem, Reader};
use super::losses::{Counts, Losses};
use super::{AHEAD, Item, Stream};
use afterglow_client::clock;

pub use process::EndOnDrop;
use process::{Process, Run};

/// The longest line; a longer one is skipped and logged.
const LINE_BYTES: u64 = 64 * 1024;

/// A program, or the standard input, that gives lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Exec {
    /// Where the lines come from.
    pub program: Program,
    /// What the names of its signals start with, literally.
    pub prefix: String,
    /// What of the tags of line protocol goes into names.
    pub tags: Tags,
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
        /// Environment variables that it gets besides those that every program gets.
        environment: Vec<String>,
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
    let counts = Arc::new(Counts::default());
    let mut lines = Lines {
        sender,
        reader: Reader::new(config.prefix.clone(), config.tags),
        label: label.to_owned(),
        number: 0,
        losses: Losses::new(label.to_owned(), "lines", counts.clone()),
    };
    let builder = std::thread::Builder::new().name("exec".into());
    let child = match &config.program {
        Program::Stdin => {
            let read = move || drop(lines.forward(io::stdin().lock()));
            builder.spawn(read).map_err(|error| error.to_string())?;
            None
        }
        Program::Command { words, environment, restart } => {
            let process = Process::new(words.clone(), environment.clone());
            // The first start shows whether there is such a program; later failures are only logged.
            let first = process.start().map_err(|error| format!("cannot run {label}: {error}"))?;
            let (restart, running) = (*restart, process.clone());
            builder
                .spawn(move || lines.repeat(first, restart, &running))
                .map_err(|error| error.to_string())?;
            Some(EndOnDrop(process))
        }
    };
    Ok(Stream { items, patient: false, counts, _child: child })
}

struct Lines {
    sender: mpsc::Sender<Item>,
    reader: Reader,
    label: String,
    /// The number of the last line, from 1.
    number: u64,
    losses: Losses,
}

impl Lines {
    /// Reads runs of the program, one after the other, until there is no next one.
    fn repeat(&mut self, first: Option<Run>, restart: Option<Duration>, process: &Process) {
        let mut run = first;
        loop {
            if let Some(Run { output, child }) = run.take() {
                let listened = self.forward(BufReader::new(output));
                let ended = process.wait(child);
                if listened.is_err() {
                    return;
                }
                match restart {
                    None => return log::info!("{} has ended ({ended})", self.label),
                    Some(_) => log::debug!("{} has ended ({ended}) and is run again", self.label),
                }
            }
            if restart.is_none_or(|pause| process.pause(pause)) {
                return;
            }
            match process.start() {
                Ok(next) => run = next,
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
            self.number += 1;
            match read {
                Ok(0) => return Ok(()),
                Ok(_) if !whole && bytes.len() as u64 == LINE_BYTES => {
                    self.refuse("length", &format!("it has more than {LINE_BYTES} bytes and is skipped"));
                    if input.skip_until(b'\n').is_err() {
                        return Ok(());
                    }
                }
                Ok(_) => self.line(&bytes)?,
                Err(error) => {
                    self.refuse("error", &error.to_string());
                    return Ok(());
                }
            }
        }
    }

    fn line(&mut self, bytes: &[u8]) -> Result<(), mpsc::error::SendError<Item>> {
        let line = self.reader.read(&records::text(bytes), clock::now());
        for Problem { signal, message } in &line.problems {
            match signal {
                Some(signal) => self.losses.value(format_args!("line {}", self.number), signal, message),
                None => self.refuse("line", message),
            }
        }
        match line.reading(clock::now()) {
            Some(reading) => {
                self.losses.used(reading.signals.len());
                self.sender.blocking_send(Item { due: None, reading })
            }
            None => Ok(()),
        }
    }

    fn refuse(&mut self, kind: &str, problem: &str) {
        self.losses.row(format_args!("line {}", self.number), kind, problem);
    }
}
