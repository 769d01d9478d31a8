//! The command line, the log and the exit codes.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use afterglow_client::clock;
use clap::{CommandFactory as _, Parser};

use crate::config::{Config, File, Settings};
use crate::fleet;
use crate::status::REWRITE;

/// The configuration, or the command line, is wrong; clap uses the same code.
const EXIT_CONFIG: u8 = 2;
/// The producer could not start, or lost a part of itself.
const EXIT_FAILURE: u8 = 1;

/// Sends simulated and real signals to Afterglow.
///
/// Exit codes: 0 after SIGINT, SIGTERM or the end of all sources; 1 when the producer cannot start (its spool
/// is in use, for example), loses a part of itself, or can use nothing of a source; 2 when the configuration or
/// the command line is wrong.
/// AFTERGLOW_LOG (or RUST_LOG) sets what is logged (default: info).
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110)]
struct Arguments {
    /// The configuration file; its settings come after arguments and environment variables
    #[arg(long, value_name = "FILE", env = "AFTERGLOW_PRODUCER_CONFIG", default_value = "producer.toml")]
    config: PathBuf,
    /// Check the configuration, print what would run, and exit
    #[arg(long)]
    check: bool,
    /// Write manual pages and completions for bash, fish and zsh into a folder, as they lie below /usr/share, and exit
    #[arg(long, value_name = "FOLDER", exclusive = true)]
    manual: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

/// Does what the command line says.
pub fn run() -> ExitCode {
    // Reports wrong arguments before the file is read.
    let Arguments { config: path, manual, .. } = Arguments::parse();
    if let Some(folder) = manual {
        return write_manual(&folder);
    }
    clock::uptime();
    let read = File::read(&path).and_then(|file| {
        let arguments: Arguments = file.parse_arguments(std::env::args_os());
        Ok((arguments.check, file.configure(arguments.settings)?))
    });
    let (is_check, config) = match read {
        Ok(read) => read,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    if is_check {
        return check(&config);
    }
    // On a terminal every log line first erases the status line, which is written again below it.
    afterglow_cli::log::start(if std::io::stderr().is_terminal() { REWRITE } else { "" });
    match actix_rt::System::new().block_on(fleet::run(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

fn write_manual(folder: &Path) -> ExitCode {
    match afterglow_cli::manual::write(&Arguments::command(), folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}: {error}", folder.display());
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

/// Prints what would run. A reader that has gone away needs no more lines.
fn check(config: &Config) -> ExitCode {
    let _ = writeln!(std::io::stdout(), "{}", config.describe().join("\n"));
    ExitCode::SUCCESS
}
