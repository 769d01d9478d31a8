//! `afterglow backup`: a copy of the database as it is at one moment, while samples come in; or one after another into a folder or a
//! bucket, from where the newest can be fetched.

mod bucket;

use std::fmt::Display;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use afterglow_wire::{Timestamp, tenant};
use clap::Args;

use super::database::TenantDatabase;
use super::partial::Partial;
use super::{ToolError, progress, say, tell};
use crate::clock::{Clock, Stopwatch};
use crate::config::Age;
use crate::fault::{self, Point};
use crate::store::{self, OpenError};
use bucket::{Address, Connection, Storage};

/// What a user may set.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    database: TenantDatabase,

    /// The copy, which must not exist unless --force is there; it opens with `afterglow serve --database`
    #[arg(long, value_name = "FILE", required_unless_present = "into")]
    to: Option<PathBuf>,

    /// Replace the database that --to names, with its logs
    #[arg(long, requires = "to")]
    force: bool,

    /// A folder, made when it does not exist, or s3://BUCKET/PREFIX, where each copy has the time in its name
    #[arg(long, value_name = "PLACE", conflicts_with = "to", value_parser = Place::parse)]
    into: Option<Place>,

    /// Fetch the newest copy from this folder or bucket, instead of making one
    #[arg(long, value_name = "PLACE", requires = "to", conflicts_with = "without_secrets", value_parser = Place::parse)]
    from: Option<Place>,

    #[command(flatten)]
    connection: Connection,

    /// Copies of this name that stay in that place; older ones are deleted once a new one is whole. Each server needs a place of its own
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    keep: u32,

    /// Make a copy at this interval, such as 1d, until the program is ended
    #[arg(long, value_name = "AGE", requires = "into", value_parser = period)]
    every: Option<Duration>,

    /// Leave out the secrets of channels: addresses of webhooks, tokens, passwords
    #[arg(long)]
    without_secrets: bool,
}

impl Options {
    /// What the names of this database's copies begin with.
    fn prefix(&self) -> String {
        format!("{}-", self.database.tenant().unwrap_or(tenant::PROGRAM))
    }
}

/// Where copies are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Folder(PathBuf),
    Bucket(Address),
}

impl Place {
    fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("s3://") {
            Some(address) => Address::parse(address).map(Self::Bucket),
            None if text.contains("://") => Err("a folder, or s3://BUCKET/PREFIX".into()),
            None => Ok(Self::Folder(text.into())),
        }
    }
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
    let Some(place) = &options.into else {
        let to = options.to.as_deref().unwrap_or(Path::new(""));
        return match &options.from {
            Some(place) => fetch(options, place, to),
            None => made(to.display(), || copy(options, to)),
        };
    };
    copy_into(options, place)?;
    while let Some(period) = options.every {
        let since = Stopwatch::start();
        while let Some(rest) = period.checked_sub(since.elapsed()).filter(|rest| !rest.is_zero()) {
            std::thread::park_timeout(rest);
        }
        if let Err(error) = copy_into(options, place) {
            tell(&format!("no copy this time: {error}"));
        }
    }
    Ok(())
}

/// Does `copy`, which gives its size, and says how large `what` is and how long that took.
fn made(what: impl Display, copy: impl FnOnce() -> Result<u64, ToolError>) -> Result<(), ToolError> {
    let watch = Stopwatch::start();
    let size = progress::bytes(copy()?);
    say(&format!("{what}: {size} in {}", progress::duration(watch.elapsed())))
}

/// Adds a copy to the place, then removes those that are too many.
fn copy_into(options: &Options, place: &Place) -> Result<(), ToolError> {
    let prefix = options.prefix();
    let name = file_name(&prefix, Clock::real().now());
    match place {
        Place::Folder(folder) => {
            fs::create_dir_all(folder).map_err(ToolError::file(folder))?;
            // Of one that was killed.
            store::remove_abandoned(folder, prefix.as_ref());
            let to = folder.join(name);
            made(to.display(), || copy(options, &to))?;
            for name in surplus(names(folder)?, &prefix, options.keep) {
                let path = folder.join(name);
                fs::remove_file(&path).map_err(ToolError::file(&path))?;
            }
        }
        Place::Bucket(address) => {
            let storage = Storage::new(address, &options.connection)?;
            let folder = tempfile::tempdir().map_err(ToolError::file(&std::env::temp_dir()))?;
            made(format_args!("{address}{name}"), || {
                let path = folder.path().join(&name);
                copy(options, &path)?;
                let file = File::open(&path).map_err(ToolError::file(&path))?;
                // From here on nothing is left of it, whatever ends this program.
                fs::remove_file(&path).map_err(ToolError::file(&path))?;
                storage.store(&name, &file)
            })?;
            for name in surplus(storage.names(&prefix)?, &prefix, options.keep) {
                storage.delete(&name)?;
            }
        }
    }
    Ok(())
}

/// Makes `to` the newest copy of the place.
fn fetch(options: &Options, place: &Place, to: &Path) -> Result<(), ToolError> {
    let prefix = options.prefix();
    let newest = |names: Vec<String>, place: &dyn Display| {
        let newest = names.into_iter().filter(|name| is_copy(&prefix, name)).max();
        newest.ok_or_else(|| ToolError::Refused(format!("{place}: there is no copy {prefix}<time>Z.db")))
    };
    match place {
        Place::Folder(folder) => {
            let path = folder.join(newest(names(folder)?, &folder.display())?);
            made(format_args!("{} from {}", to.display(), path.display()), || {
                write(to, options.force, |new| {
                    let mut copy = File::open(&path).map_err(ToolError::file(&path))?;
                    std::io::copy(&mut copy, &mut new.file()).map_err(ToolError::file(to))?;
                    check(new)
                })
            })
        }
        Place::Bucket(address) => {
            let storage = Storage::new(address, &options.connection)?;
            let name = newest(storage.names(&prefix)?, address)?;
            made(format_args!("{} from {address}{name}", to.display()), || {
                write(to, options.force, |new| {
                    storage.fetch(&name, new.file())?;
                    check(new)
                })
            })
        }
    }
}

/// Makes sure that what was fetched is on the disk, and a whole database of ours: it may replace one.
fn check(new: &Partial) -> Result<(), ToolError> {
    new.file().sync_all().map_err(ToolError::file(new.path()))?;
    Ok(store::check(new.path())?)
}

/// The names in a folder.
fn names(folder: &Path) -> Result<Vec<String>, ToolError> {
    let entries = fs::read_dir(folder).map_err(ToolError::file(folder))?;
    let names =
        entries.map(|entry| Ok(entry.map_err(ToolError::file(folder))?.file_name().into_string().ok()));
    names.filter_map(Result::transpose).collect()
}

/// The oldest of the copies among `names`, all but `keep`.
fn surplus(names: Vec<String>, prefix: &str, keep: u32) -> Vec<String> {
    let mut copies: Vec<_> = names.into_iter().filter(|name| is_copy(prefix, name)).collect();
    copies.sort();
    copies.truncate(copies.len().saturating_sub(keep as usize));
    copies
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

/// Copies the database; the copy's size.
fn copy(options: &Options, to: &Path) -> Result<u64, ToolError> {
    let database =
        options.database.file("a server's own tools, such as pg_dump, make a backup of its databases")?;
    if is_same(&database, to) {
        return Err(ToolError::Refused(format!(
            "{} is the database itself; choose another name with --to",
            to.display()
        )));
    }
    write(to, options.force, |copy| {
        store::copy(&database, copy.path(), !options.without_secrets)?;
        fault::crash_point(Point::BackupCopied);
        Ok(())
    })
}

/// Makes the database `to`, as `write` does, where nobody uses one; its size. With `replace` another may be there.
fn write(
    to: &Path,
    replace: bool,
    write: impl FnOnce(&Partial) -> Result<(), ToolError>,
) -> Result<u64, ToolError> {
    let new = Partial::begin(to, replace)?;
    let _claim = store::claim(to).map_err(|error| match error {
        OpenError::InUse(path) => ToolError::Refused(format!(
            "{} is in use by another afterglow; stop it, or choose another name with --to",
            path.display()
        )),
        other => other.into(),
    })?;
    if let Some(log) = store::logs(to).first().filter(|_| !replace) {
        return Err(ToolError::Refused(format!(
            "{} is left of another database and would be taken for a part of the copy; bring its database back, \
             choose another name, or add --force to remove it",
            log.display()
        )));
    }
    write(&new)?;
    make_room(to)?;
    new.finish(replace)
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
