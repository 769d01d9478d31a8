//! The release binaries, for every chore that runs or packs them.

use anyhow::Result;

use crate::run::{cargo, run};

/// Both binaries, optimised; the backend embeds the dashboard as it is now.
pub(crate) fn binaries() -> Result<()> {
    run(&mut cargo([
        "build",
        "--release",
        "--bins",
        "--package=afterglow-backend",
        "--package=afterglow-producer",
    ]))
}
