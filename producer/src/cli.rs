//! The command line, the log and the exit codes.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use afterglow_client::clock;
use clap::Parser;

use crate::config::{self, Config};
use crate::fleet;
use crate::status::REWRITE;

/// The configuration, or the command line, is wrong; clap uses the same code.
const EXIT_CONFIG: u8 = 2;
/// The producer could not start, or lost a part of itself.
const EXIT_FAILURE: u8 = 1;

/// Sends simulated and real signals to Afterglow.
///
/// Exit codes: 0 after SIGINT, SIGTERM or the end of all sources; 1 when the producer cannot start (its spool
/// is in use, for example) or loses a part of itself; 2 when the configuration or the command line is wrong.
/// RUST_LOG sets what is logged (default: info).
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE", env = "AFTERGLOW_PRODUCER_CONFIG", default_value = "producer.toml")]
    config: PathBuf,
    /// The backend's address; comes before the file's `backend`.
    #[arg(long, value_name = "URL", env = "AFTERGLOW_BACKEND", value_parser = config::check_backend)]
    backend: Option<String>,
    /// The spool's folder; comes before the file's `spool.folder`.
    #[arg(long, value_name = "FOLDER", env = "AFTERGLOW_SPOOL")]
    spool: Option<PathBuf>,
    /// Checks the configuration, prints what would run, and exits.
    #[arg(long)]
    check: bool,
}

/// Does what the command line says.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    clock::uptime();
    let mut config = match Config::load(&arguments.config) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    config.backend = arguments.backend.unwrap_or(config.backend);
    config.spool = arguments.spool.unwrap_or(config.spool);
    if arguments.check {
        return check(&config);
    }
    log_to_stderr();
    match actix_rt::System::new().block_on(fleet::run(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

/// Prints what would run. A reader that has gone away needs no more lines.
fn check(config: &Config) -> ExitCode {
    let _ = writeln!(std::io::stdout(), "{}", config.describe().join("\n"));
    ExitCode::SUCCESS
}

/// On a terminal every log line first erases the status line, which is written again below it.
fn log_to_stderr() {
    let mut builder = env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info"));
    let erase = if std::io::stderr().is_terminal() { REWRITE } else { "" };
    builder.format(move |out, record| {
        writeln!(out, "{erase}{} {:<5} {}", clock::now(), record.level(), record.args())
    });
    builder.init();
}
