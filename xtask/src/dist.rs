//! `cargo xtask dist`: what a user needs, in one folder.

use std::fs;

use anyhow::Result;

use crate::run::{release_binary, root, say};
use crate::{build, dashboard, prerequisites};

const README: &str = "\
# Afterglow

    ./afterglow serve
    ./afterglow-producer --config producer.toml

Then open http://127.0.0.1:5001. `./afterglow serve --help` lists the options; afterglow.toml shows them as a file.
";

pub(crate) fn run() -> Result<()> {
    prerequisites::check()?;
    dashboard::build()?;
    build::binaries()?;
    let dist = root().join("dist");
    fs::create_dir_all(&dist)?;
    for binary in ["afterglow", "afterglow-producer"] {
        fs::copy(release_binary(binary), dist.join(binary))?;
    }
    for file in ["producer/producer.toml", "backend/afterglow.toml", "LICENSE-MIT", "LICENSE-APACHE"] {
        let source = root().join(file);
        fs::copy(&source, dist.join(source.file_name().unwrap_or_default()))?;
    }
    fs::write(dist.join("README.md"), README)?;
    say(&format!("==> {}", dist.display()));
    Ok(())
}
