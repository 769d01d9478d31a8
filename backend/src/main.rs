//! `afterglow`: parse, log, dispatch.

use std::process::ExitCode;

use afterglow_backend::cli::{self, Cli};
use afterglow_backend::memory;
use clap::Parser;

fn main() -> ExitCode {
    memory::return_what_is_freed();
    let cli = Cli::parse();
    env_logger::Builder::from_env(env_logger::Env::new().filter_or("AFTERGLOW_LOG", "info")).init();
    cli::run(cli)
}
