//! `afterglow backup`: a copy of the database as it is at one moment, while samples come in; or one after another into a folder.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use afterglow_wire::Timestamp;
use clap::Args;

use super::database::TenantDatabase;
use super::partial::{self, Partial};
use super::{ToolError, progress, say, tell};
use crate::clock::{Clock, Stopwatch};
use crate::config::Age;
use crate::fault::{self, Point};
use crate::store::{self, OpenError};

/// What a user may set.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    database: TenantDatabase,

    /// The copy, which must not exist; it opens with `afterglow serve --database`
    #[arg(long, value_name = "FILE", required_unless_present = "into")]
    to: Option<PathBuf>,

    /// Replace the database that --to names, with its logs
    #[arg(long, requires = "to")]
    force: bool,

    /// A folder, made when it does not exist, in which each copy has the time in its name
    #[arg(long, value_name = "FOLDER", conflicts_with = "to")]
    into: Option<PathBuf>,

    /// Copies of this database that stay in that folder; older ones are deleted once a new one is whole
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    keep: u32,

    /// Make a copy at this interval, such as 1d, until the program is ended
    #[arg(long, value_name = "AGE", requires = "into", value_parser = period)]
    every: Option<Duration>,

    /// Leave out the secrets of channels: addresses of webhooks, tokens, passwords
    #[arg(long)]
    without_secrets: bool,
}

fn period(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(Age(Some(period))) => Ok(period),
        _ => Err("a whole number above 0 with s, m, h, d, w or y, such as 1d".into()),
    }
}

/// Copies the database, and says how large the copy is and how long that took.
///
/// # Errors
/// When the database cannot be read or the copy cannot be written; there is then no copy. With `every`, only the first copy counts:
/// later ones that fail are reported and tried again when the next is due.
pub fn run(options: &Options) -> Result<(), ToolError> {
    let Some(folder) = &options.into else {
        let to = options.to.as_deref().unwrap_or(Path::new(""));
        return copy(options, to);
    };
    copy_into(options, folder)?;
    while let Some(period) = options.every {
        let since = Stopwatch::start();
        while let Some(rest) = period.checked_sub(since.elapsed()).filter(|rest| !rest.is_zero()) {
            std::thread::park_timeout(rest);
        }
        if let Err(error) = copy_into(options, folder) {
            tell(&format!("no copy this time: {error}"));
        }
    }
    Ok(())
}

/// Adds a copy to the folder, then removes those that are too many.
fn copy_into(options: &Options, folder: &Path) -> Result<(), ToolError> {
    fs::create_dir_all(folder).map_err(ToolError::file(folder))?;
    let prefix = format!("{}-", options.database.tenant().unwrap_or("afterglow"));
    // Of one that was killed.
    partial::remove_abandoned(folder, prefix.as_ref());
    copy(options, &folder.join(file_name(&prefix, Clock::real().now())))?;
    let mut copies = Vec::new();
    for entry in fs::read_dir(folder).map_err(ToolError::file(folder))? {
        let name = entry.map_err(ToolError::file(folder))?.file_name();
        copies.extend(name.to_str().filter(|name| is_copy(&prefix, name)).map(str::to_owned));
    }
    copies.sort();
    let many = copies.len().saturating_sub(options.keep as usize);
    for name in &copies[..many] {
        let path = folder.join(name);
        fs::remove_file(&path).map_err(ToolError::file(&path))?;
    }
    Ok(())
}

/// Such as `afterglow-20260131T120000Z.db`: in the order of time, and nothing that a file system refuses.
fn file_name(prefix: &str, time: Timestamp) -> String {
    let time = time.to_string();
    let seconds = time.split('.').next().unwrap_or_default();
    format!("{prefix}{}Z.db", seconds.replace(['-', ':'], ""))
}

/// Whether [`file_name`] makes such a name: no other file is ever removed.
fn is_copy(prefix: &str, name: &str) -> bool {
    let time = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix("Z.db"));
    time.is_some_and(|time| {
        let is_in_place =
            |(at, byte): (usize, u8)| if at == 8 { byte == b'T' } else { byte.is_ascii_digit() };
        time.len() == 15 && time.bytes().enumerate().all(is_in_place)
    })
}

fn copy(options: &Options, to: &Path) -> Result<(), ToolError> {
    let watch = Stopwatch::start();
    let database =
        options.database.file("a server's own tools, such as pg_dump, make a backup of its databases")?;
    if is_same(&database, to) {
        return Err(ToolError::Refused(format!(
            "{} is the database itself; choose another name with --to",
            to.display()
        )));
    }
    let copy = Partial::begin(to, options.force)?;
    let _claim = store::claim(to).map_err(|error| match error {
        OpenError::InUse(path) => ToolError::Refused(format!(
            "{} is in use by another afterglow; stop it, or choose another name with --to",
            path.display()
        )),
        other => other.into(),
    })?;
    if let Some(log) = store::logs(to).first().filter(|_| !options.force) {
        return Err(ToolError::Refused(format!(
            "{} is left of another database and would be taken for a part of the copy; bring its database back, \
             choose another name, or add --force to remove it",
            log.display()
        )));
    }
    store::copy(&database, copy.path(), !options.without_secrets)?;
    fault::crash_point(Point::BackupCopied);
    make_room(to)?;
    let size = copy.finish(options.force)?;
    say(&format!("{}: {} in {}", to.display(), progress::bytes(size), progress::duration(watch.elapsed())))
}

/// Whether two names are those of one file.
fn is_same(one: &Path, other: &Path) -> bool {
    let place = |path| fs::metadata(path).map(|about| (about.dev(), about.ino()));
    place(one).is_ok_and(|one| place(other).is_ok_and(|other| one == other))
}

/// Removes a database that has logs, which a rename would leave beside the new one. The file goes first: logs without a
/// file are refused when it is opened, but a file without its logs would be taken for all there is.
fn make_room(database: &Path) -> Result<(), ToolError> {
    let logs = store::logs(database);
    if logs.is_empty() {
        return Ok(());
    }
    for path in [database].into_iter().chain(logs.iter().map(PathBuf::as_path)) {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(ToolError::file(path)(error)),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_copies_are_taken_for_copies() {
        let name = file_name("a-", Timestamp::from_micros(1_700_000_000_123_456));
        assert_eq!(name, "a-20231114T221320Z.db");
        assert!(is_copy("a-", &name));
        for other in
            ["a.db", "a-20231114T221320Z.db-wal", "a-20231114-221320Z.db", "b-20231114T221320Z.db", "a-Z.db"]
        {
            assert!(!is_copy("a-", other), "{other}");
        }
        assert_eq!(period("2h"), Ok(Duration::from_secs(7_200)));
        assert!(period("forever").is_err() && period("0s").is_err());
    }
}
