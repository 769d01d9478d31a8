//! `afterglow`: log, parse, dispatch.

use std::process::ExitCode;

use afterglow_backend::{cli, memory};

fn main() -> ExitCode {
    afterglow_cli::process::keep_files_private();
    memory::return_large_frees_to_system();
    afterglow_cli::log::start("");
    cli::run()
}
