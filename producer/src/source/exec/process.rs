//! The program that is running, with everything that it starts.

use std::io;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use afterglow_cli::process::{self, Group, Program};

/// Ends the program and what it has started when its stream is dropped.
#[derive(Debug)]
pub struct EndOnDrop(pub(super) Process);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The program, shared between the thread that reads it and the stream that ends it.
#[derive(Clone, Debug)]
pub(super) struct Process {
    program: Program,
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    /// The group of the run under way, whose program was not waited for.
    group: Option<Group>,
    /// No run begins any more.
    over: bool,
}

impl Process {
    /// The command `words`, not yet running.
    pub(super) fn new(words: Vec<String>, environment: Vec<String>) -> Self {
        Self { program: Program { words, environment }, shared: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the program and gives what it writes; nothing once it is over.
    pub(super) fn start(&self) -> io::Result<Option<Run>> {
        let mut state = self.lock();
        let Some(mut command) = self.program.command().filter(|_| !state.over) else {
            return Ok(None);
        };
        let (mut child, group) = process::start(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
        state.group = Some(group);
        Ok(child.stdout.take().map(|output| Run { output, child }))
    }

    /// Waits for a run to end, ends what it has left behind, and says how it ended.
    pub(super) fn wait(&self, mut child: Child) -> String {
        let ended = process::until_ended(&child);
        // Under the lock: nobody else ends this group once its number may be another's.
        drop(self.lock().group.take());
        ended.and_then(|()| child.wait()).map_or_else(|error| error.to_string(), |status| status.to_string())
    }

    /// Waits for `pause`; true when the stream is dropped meanwhile.
    pub(super) fn pause(&self, pause: Duration) -> bool {
        let waited = self.shared.1.wait_timeout_while(self.lock(), pause, |state| !state.over);
        waited.map_or_else(|poisoned| poisoned.into_inner().0.over, |(state, _)| state.over)
    }

    /// Ends the program for good, and wakes the thread that waits to run it again.
    fn end(&self) {
        let mut state = self.lock();
        state.over = true;
        if let Some(group) = &state.group {
            group.kill();
        }
        self.shared.1.notify_all();
    }
}

/// One run of the program.
#[derive(Debug)]
pub(super) struct Run {
    /// What it writes.
    pub(super) output: ChildStdout,
    pub(super) child: Child,
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _};

    use super::*;

    fn shell(script: &str, environment: &[&str]) -> Process {
        let words = ["sh", "-c", script].map(str::to_owned).to_vec();
        Process::new(words, environment.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn a_program_gets_a_listed_environment_only() {
        // Cargo sets these two for tests.
        let process = shell("echo \"$PATH|$CARGO_PKG_NAME|$CARGO_PKG_VERSION\"", &["CARGO_PKG_VERSION"]);
        let Run { mut output, child } = process.start().unwrap().unwrap();
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        let expected = format!("{}||{}\n", std::env::var("PATH").unwrap(), env!("CARGO_PKG_VERSION"));
        assert_eq!(text, expected);
        assert!(process.wait(child).contains('0'));
    }

    /// The other end of a pipe is closed when every process that has it has ended.
    #[test]
    fn a_program_ends_with_what_it_has_started() {
        let process = shell("sleep 1000 & echo ready; wait", &[]);
        let Run { output, child } = process.start().unwrap().unwrap();
        let mut output = BufReader::new(output);
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        drop(EndOnDrop(process.clone()));
        assert_eq!(output.read_line(&mut line).unwrap(), 0);
        process.wait(child);
        assert!(process.start().unwrap().is_none(), "it does not run again");
    }

    #[test]
    fn what_a_program_leaves_behind_ends_when_it_does() {
        let process = shell("sleep 1000 & echo ready", &[]);
        let Run { mut output, child } = process.start().unwrap().unwrap();
        let mut line = [0; 6];
        output.read_exact(&mut line).unwrap();
        process.wait(child);
        assert_eq!(output.read(&mut line).unwrap(), 0);
    }

    /// One that has closed its output and goes on is ended too.
    #[test]
    fn a_silent_program_ends_with_its_stream() {
        let process = shell("exec >/dev/null; sleep 1000", &[]);
        let Run { mut output, child } = process.start().unwrap().unwrap();
        assert_eq!(output.read(&mut [0]).unwrap(), 0);
        drop(EndOnDrop(process.clone()));
        assert!(process.wait(child).contains("signal"));
    }
}
