//! `afterglow`: parse, log, dispatch.

use std::process::ExitCode;

use afterglow_backend::cli::{self, Cli};
use clap::Parser;

fn main() -> ExitCode {
    let cli = Cli::parse();
    env_logger::Builder::from_env(env_logger::Env::new().filter_or("AFTERGLOW_LOG", "info")).init();
    cli::run(cli)
}
