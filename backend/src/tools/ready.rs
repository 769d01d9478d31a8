//! `afterglow ready`: whether a running server can store samples, for health checks where no other client is at hand.

use afterglow_cli::access::Access;
use afterglow_cli::settings::{Seconds, within};
use clap::Args;

use super::{ToolError, say};

/// Whom to ask.
#[derive(Args, Debug)]
pub struct Options {
    /// The server
    #[arg(long, env = "AFTERGLOW_BACKEND", default_value = "http://127.0.0.1:5001", value_name = "URL")]
    backend: String,

    #[command(flatten)]
    access: Access,

    /// Seconds to wait for the answer, 1 to 3600
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = Seconds(5),
        value_parser = within(Seconds(1)..=Seconds(3_600))
    )]
    timeout: Seconds,
}

/// Asks once, and prints `ready`.
///
/// # Errors
/// [`ToolError::NotReady`] when the server cannot store samples or does not answer in time.
pub fn run(options: &Options) -> Result<(), ToolError> {
    let access = options.access.open()?;
    afterglow_client::publish::ready(&options.backend, options.timeout.duration(), &access)
        .map_err(|error| ToolError::NotReady(error.to_string()))?;
    say("ready")
}
