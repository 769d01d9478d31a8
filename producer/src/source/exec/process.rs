//! The program that is running, with everything that it starts: one process group, one end.
//!
//! The group's leader is a shell that waits until the producer has ended, however it ends, and then ends the group.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal};

/// The environment variables that a program gets besides those that its configuration names: where programs and the user's
/// files are, and how to write text and times. The producer's own, a key among them, are not for it.
const ENVIRONMENT: [&str; 10] =
    ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LC_ALL", "LC_NUMERIC"];

/// What the leader of a group does: its standard input ends when the producer does, because nobody else has the other end.
const LEADER: &str = "read -r _; kill -9 0";

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
    words: Vec<String>,
    /// Further environment variables that it gets.
    environment: Vec<String>,
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    /// The leader of the run under way. It is not reaped yet, so the group's number belongs to nobody else.
    leader: Option<Child>,
    /// No run begins any more.
    over: bool,
}

impl Process {
    /// The command `words`, not yet running.
    pub(super) fn new(words: Vec<String>, environment: Vec<String>) -> Self {
        Self { words, environment, shared: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the program and gives what it writes; nothing once it is over.
    pub(super) fn start(&self) -> io::Result<Option<Run>> {
        let mut state = self.lock();
        let Some((program, arguments)) = self.words.split_first().filter(|_| !state.over) else {
            return Ok(None);
        };
        let names = ENVIRONMENT.iter().copied().chain(self.environment.iter().map(String::as_str));
        let variables = names.filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(variables).stdin(Stdio::null()).stdout(Stdio::piped());
        let leader = lead()?;
        // A process number is always positive.
        let started = command.process_group(leader.id().cast_signed()).spawn();
        match started {
            Ok(mut child) => {
                state.leader = Some(leader);
                Ok(child.stdout.take().map(|output| Run { output, child }))
            }
            Err(error) => {
                end(leader);
                Err(error)
            }
        }
    }

    /// Waits for a run to end, ends what it has left behind, and says how it ended.
    pub(super) fn wait(&self, mut child: Child) -> String {
        let status = child.wait();
        if let Some(leader) = self.lock().leader.take() {
            end(leader);
        }
        status.map_or_else(|error| error.to_string(), |status| status.to_string())
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
        if let Some(leader) = &state.leader {
            kill(leader);
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

/// Starts the leader of a new group.
fn lead() -> io::Result<Child> {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", LEADER]).env_clear().process_group(0);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

/// Ends every process of the group. One that has ended cannot be ended again, which does no harm.
fn kill(leader: &Child) {
    let _ = rustix::process::kill_process_group(Pid::from_child(leader), Signal::KILL);
}

/// Ends every process of the group and waits for its leader.
fn end(mut leader: Child) {
    kill(&leader);
    let _ = leader.wait();
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
