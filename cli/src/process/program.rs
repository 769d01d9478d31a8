//! Programs that a configuration names.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ConfigError;

/// The environment variables that a program gets besides those that its configuration names: where programs and the user's
/// files are, and how to write text and times. This process's own, a key among them, are not for it.
const ENVIRONMENT: [&str; 10] =
    ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LC_ALL", "LC_NUMERIC"];

/// A program that a configuration names. It runs without a shell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// Further environment variables that it gets.
    pub environment: Vec<String>,
}

impl Program {
    /// The file or the name of what is run.
    pub fn name(&self) -> Option<&str> {
        self.words.first().map(String::as_str)
    }

    /// The command that runs it with a listed environment. Nothing where it has no words.
    pub fn command(&self) -> Option<Command> {
        let (program, arguments) = self.words.split_first()?;
        let names = ENVIRONMENT.iter().copied().chain(self.environment.iter().map(String::as_str));
        let variables = names.filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(variables);
        Some(command)
    }
}

/// Checks that not everybody may change what the configuration at `path` runs.
///
/// # Errors
/// When it names a program, and everybody may write it or one of them.
pub fn check_programs<'a>(path: &Path, names: impl IntoIterator<Item = &'a str>) -> Result<(), ConfigError> {
    let mut names = names.into_iter().peekable();
    if names.peek().is_some() && is_open(path) {
        return Err(ConfigError::new(format!(
            "{}: everybody may write this file, and it runs programs; take that right away (chmod o-w)",
            path.display()
        )));
    }
    match names.filter_map(find).find(|program| is_open(program)) {
        Some(program) => Err(ConfigError::new(format!(
            "{}: it runs {}, which everybody may write; take that right away (chmod o-w)",
            path.display(),
            program.display()
        ))),
        None => Ok(()),
    }
}

/// The file that running `program` starts, found as the system finds it: a name without a slash in the folders of `PATH`.
/// Nothing when there is none.
fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program));
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Whether everybody may write the file at `path`, links followed.
fn is_open(path: &Path) -> bool {
    path.metadata().is_ok_and(|about| about.permissions().mode() & 0o002 != 0)
}
