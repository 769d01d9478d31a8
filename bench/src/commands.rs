//! Programs that are asked for a line, such as their version.

use std::process::Command;

use anyhow::{Context, Result};

/// The first line that `command` prints.
pub(crate) fn first_line(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or("version unknown").trim().to_owned())
}
