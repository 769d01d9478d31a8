//! The binary `afterglow-producer`; everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    afterglow_cli::process::keep_files_private();
    afterglow_producer::cli::run()
}
