//! A program with everything that it starts: one process group, one end.
//!
//! The group's leader is a shell that waits until this process has ended, however it ends, and then ends the group. Where
//! there is no shell, as in the image, the program leads its own group.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

const SHELL: &str = "/bin/sh";

/// What the leader of a group does: its standard input ends when this process does, because nobody else has the other end.
const LEADER: &str = "read -r _; kill -9 0";

/// A process group, which ends when this is dropped. Its number may be another's after its program was waited for: drop it
/// before that.
#[derive(Debug)]
pub struct Group {
    id: Pid,
    /// It is not reaped yet, so the group's number belongs to nobody else.
    leader: Option<Child>,
}

impl Group {
    /// Ends every process of the group. One that has ended cannot be ended again, which does no harm.
    pub fn kill(&self) {
        let _ = rustix::process::kill_process_group(self.id, Signal::KILL);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        if let Some(leader) = &mut self.leader {
            let _ = leader.wait();
        }
    }
}

/// Starts `command` in a group of its own.
///
/// # Errors
/// When it cannot be started.
pub fn start(command: &mut Command) -> io::Result<(Child, Group)> {
    start_led(SHELL, command)
}

fn start_led(shell: &str, command: &mut Command) -> io::Result<(Child, Group)> {
    let leader = match lead(shell) {
        Ok(leader) => leader,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let child = command.process_group(0).spawn()?;
            let id = Pid::from_child(&child);
            return Ok((child, Group { id, leader: None }));
        }
        Err(error) => return Err(error),
    };
    let group = Group { id: Pid::from_child(&leader), leader: Some(leader) };
    let child = command.process_group(group.id.as_raw_nonzero().get()).spawn()?;
    Ok((child, group))
}

/// Starts the leader of a new group.
fn lead(shell: &str) -> io::Result<Child> {
    let mut leader = Command::new(shell);
    leader.args(["-c", LEADER]).env_clear().process_group(0);
    leader.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

/// Waits until a program has ended. It is still to be waited for, so its number belongs to nobody else.
///
/// # Errors
/// When the system says so.
pub fn until_ended(child: &Child) -> io::Result<()> {
    ended(child, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).map(drop)
}

/// Whether a program has ended, as [`until_ended`].
///
/// # Errors
/// When the system says so.
pub fn has_ended(child: &Child) -> io::Result<bool> {
    ended(child, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG)
}

fn ended(child: &Child, how: WaitIdOptions) -> io::Result<bool> {
    let id = Pid::from_child(child);
    Ok(rustix::io::retry_on_intr(|| rustix::process::waitid(WaitId::Pid(id), how))?.is_some())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};

    use super::*;

    /// The other end of a pipe is closed when every process that has it has ended.
    fn ends_all(shell: &str) {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 1000 & echo ready; read -r _"]);
        let (mut child, group) =
            start_led(shell, command.stdin(Stdio::piped()).stdout(Stdio::piped())).unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert!(!has_ended(&child).unwrap(), "it waits for its input");
        drop(child.stdin.take());
        until_ended(&child).unwrap();
        assert!(has_ended(&child).unwrap());
        drop(group);
        assert!(child.wait().unwrap().code().is_some(), "the program ended by itself");
        assert_eq!(output.read_line(&mut line).unwrap(), 0, "what it has left behind is ended");
    }

    #[test]
    fn a_group_ends_with_what_its_program_leaves_behind() {
        ends_all(SHELL);
    }

    #[test]
    fn a_group_ends_where_there_is_no_shell() {
        ends_all("/nowhere/sh");
    }
}
