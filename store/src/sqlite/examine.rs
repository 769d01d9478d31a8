//! Examines a whole database without changing it: what is in it, how much room that takes, and what is damaged.
//!
//! Every row is read by itself, so that a damaged page costs only what is on it.

mod access;
mod bundles;
mod check;
mod documents;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use afterglow_wire::Timestamp;
use diesel::connection::{DefaultLoadingMode, SimpleConnection};
use diesel::prelude::*;
use diesel::query_dsl::methods::LoadQuery;
use diesel::sql_types::{BigInt, Text};

use super::open::TextRow;
use super::{IntegerRow, guard, log_path, number, numbering, open, special};
use crate::journal::Part;
use crate::statements::schema::{block as blocks, rollup as rollups, signal};
use crate::{OpenError, Span};
use check::{BlockRow, JournalRow, RollupRow};

const MISSING: &str = "it is listed and not there";

/// What a database holds and what of it is damaged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examination {
    /// Bytes of the database file.
    pub file_bytes: u64,
    /// Bytes of the write-ahead log beside it.
    pub log_bytes: u64,
    /// Bytes of the file that are free.
    pub free_bytes: u64,
    /// What was committed and is in no block yet.
    pub journal: Tier,
    /// Compressed samples.
    pub blocks: Tier,
    /// What remains of expired samples; they count as the samples that they stand for.
    pub rollups: Tier,
    /// What each signal has in blocks, the largest first.
    pub signals: Vec<SignalSize>,
    /// What cannot be read or contradicts itself.
    pub damage: Vec<Damage>,
}

/// Rows of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tier {
    /// Rows.
    pub rows: u64,
    /// Samples in them.
    pub samples: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
}

/// What a signal has in blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignalSize {
    /// Its name; its number where the name cannot be read.
    pub name: String,
    /// Its blocks.
    pub blocks: Tier,
}

/// Something that cannot be read or contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What: `file`, or the table.
    pub place: &'static str,
    /// The number of the row, or a board's address, if it is one row.
    pub id: Option<String>,
    /// The signal's name, if it is one signal's.
    pub signal: Option<String>,
    /// The instants that the row claims to cover.
    pub span: Option<Span>,
    /// What is wrong.
    pub reason: String,
}

impl Tier {
    fn add(&mut self, samples: i64, bytes: usize) {
        self.rows += 1;
        // A damaged count may be anything.
        self.samples = self.samples.saturating_add(u64::try_from(samples).unwrap_or(0));
        self.bytes += bytes as u64;
    }
}

/// Where a row is: its number, signal, and the instants that it covers according to its index.
#[derive(Clone, Copy, Debug, Queryable)]
struct Place {
    id: i64,
    signal: i32,
    first: i64,
    last: i64,
}

/// Verifies everything in the database at `path`; `progress` gets the number of rows verified and of all rows.
pub(crate) fn examine(path: &Path, progress: &mut dyn FnMut(usize, usize)) -> Result<Examination, OpenError> {
    let mut found =
        Examination { file_bytes: bytes(path), log_bytes: bytes(&log_path(path)), ..Default::default() };
    let connection = match open::connect_read_only(path) {
        // Ours, but not even its schema can be read.
        Err(OpenError::Unusable { why, .. }) if why.contains("malformed") => {
            found.damage.push(Damage::of_file(format!("nothing can be read: {why}")));
            return Ok(found);
        }
        connection => connection?,
    };
    let mut examiner = Examiner { connection, names: BTreeMap::new(), sizes: BTreeMap::new(), found };
    // One snapshot of everything: a server may be writing.
    if let Err(error) = examiner.connection.batch_execute("BEGIN") {
        examiner.damaged(Damage::of_file(error.to_string()));
    }
    examiner.file();
    examiner.signals();
    let blocks = examiner.block_places();
    let bundles = examiner.bundle_places();
    let rollups = examiner.rollup_places();
    let journals = [Part::A, Part::B].map(|part| (part, examiner.sequences(part)));
    let total = blocks.len()
        + bundles.len()
        + rollups.len()
        + journals.iter().map(|(_, rows)| rows.len()).sum::<usize>();
    let mut verified = 0;
    let mut step = || {
        verified += 1;
        progress(verified, total);
    };
    examiner.documents();
    examiner.alerts();
    examiner.access();
    examiner.numbering();
    examiner.overlaps(&blocks);
    blocks.iter().for_each(|place| (examiner.block(*place), step()).1);
    bundles.iter().for_each(|place| (examiner.bundle(*place), step()).1);
    rollups.iter().for_each(|place| (examiner.rollup(*place), step()).1);
    for (part, sequences) in journals {
        sequences.iter().for_each(|sequence| (examiner.journal(part, *sequence), step()).1);
    }
    Ok(examiner.finish())
}

/// Copies the database at `path`, as it is at this moment, into the file `to`, which is empty or does not exist; the secrets of channels only
/// `with_secrets`.
pub(crate) fn copy(path: &Path, to: &Path, with_secrets: bool) -> Result<(), OpenError> {
    let mut connection = open::connect_read_only(path)?;
    let to = std::path::absolute(to).map_err(|error| open::unusable(to, error))?;
    let Some(target) = to.to_str() else { return Err(open::unusable(&to, "its name is not UTF-8")) };
    let failed = |error: diesel::result::Error| open::unusable(path, format!("it cannot be copied: {error}"));
    diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(target).execute(&mut connection).map_err(failed)?;
    let mut copy = guard::establish(target).map_err(|error| open::unusable(&to, error))?;
    // A copy that is interrupted is never used: it needs no journal of its own beside it.
    let forgotten =
        copy.batch_execute("PRAGMA journal_mode = MEMORY").and_then(|()| special::forget_epoch(&mut copy));
    forgotten.map_err(failed)?;
    if !with_secrets {
        // Not even in pages that are free.
        copy.batch_execute("PRAGMA secure_delete = ON; DELETE FROM alert_secret").map_err(failed)?;
    }
    Ok(())
}

struct Examiner {
    connection: SqliteConnection,
    names: BTreeMap<i32, String>,
    sizes: BTreeMap<i32, Tier>,
    found: Examination,
}

impl Examiner {
    /// The file as SQLite sees it.
    fn file(&mut self) {
        const FREE: &str = "SELECT free.freelist_count * size.page_size AS value \
            FROM pragma_freelist_count AS free, pragma_page_size AS size";
        match number(&mut self.connection, FREE) {
            Ok(free) => self.found.free_bytes = u64::try_from(free).unwrap_or(0),
            Err(error) => self.damaged(Damage::of_file(format!("its free space is not known: {error}"))),
        }
        let check = diesel::sql_query("SELECT integrity_check AS value FROM pragma_integrity_check");
        match check.load::<TextRow>(&mut self.connection) {
            Ok(rows) => {
                let bad = rows.into_iter().filter(|row| row.value != "ok");
                self.found.damage.extend(bad.map(|row| Damage::of_file(row.value)));
            }
            Err(error) => self.damaged(Damage::of_file(format!("its integrity cannot be checked: {error}"))),
        }
    }

    fn signals(&mut self) {
        let query = signal::table.order(signal::id).select((signal::id, signal::name));
        let rows: Vec<(i32, String)> = self.list("signal", |connection| load_until_error(query, connection));
        let holes = rows.iter().zip(0..).find(|((id, _), number)| id != number);
        if let Some(((id, name), number)) = holes {
            let reason = format!("it should be {number}: signals are numbered from 0 without holes");
            let signal = Some(name.clone());
            self.damaged(Damage { place: "signal", id: Some(id.to_string()), signal, span: None, reason });
        }
        self.names = rows.into_iter().collect();
    }

    /// How the commits are numbered.
    fn numbering(&mut self) {
        if let Err(reason) = numbering::sealed_sequence(&mut self.connection) {
            self.damaged(Damage { place: "numbering", id: None, signal: None, span: None, reason });
        }
    }

    /// Every block, by signal and time: from the index, and where that cannot be read from the table as well.
    fn block_places(&mut self) -> Vec<Place> {
        let columns = (blocks::id, blocks::signal_id, blocks::first_timestamp, blocks::last_timestamp);
        let order = (blocks::signal_id, blocks::last_timestamp, blocks::first_timestamp);
        let indexed = blocks::table.order(order).select(columns);
        let plain = blocks::table.order(blocks::id).select(columns);
        self.places("block", |c| load_until_error(indexed, c), |c| load_until_error(plain, c))
    }

    fn rollup_places(&mut self) -> Vec<Place> {
        let columns = (rollups::id, rollups::signal_id, rollups::first_bucket, rollups::last_bucket);
        let order = (rollups::signal_id, rollups::resolution, rollups::last_bucket, rollups::first_bucket);
        let indexed = rollups::table.order(order).select(columns);
        let plain = rollups::table.order(rollups::id).select(columns);
        self.places("rollup", |c| load_until_error(indexed, c), |c| load_until_error(plain, c))
    }

    fn places(
        &mut self,
        table: &'static str,
        indexed: impl FnOnce(&mut SqliteConnection) -> (Vec<Place>, Option<String>),
        plain: impl FnOnce(&mut SqliteConnection) -> (Vec<Place>, Option<String>),
    ) -> Vec<Place> {
        let before = self.found.damage.len();
        let mut places = self.list(table, indexed);
        if self.found.damage.len() > before {
            let known: BTreeSet<i64> = places.iter().map(|place| place.id).collect();
            let others = self.list(table, plain);
            places.extend(others.into_iter().filter(|place| !known.contains(&place.id)));
            places.sort_by_key(|place| (place.signal, place.last, place.first));
        }
        places
    }

    fn sequences(&mut self, part: Part) -> Vec<i64> {
        let sql = format!("SELECT sequence AS value FROM {} ORDER BY sequence", part.table());
        let query = diesel::sql_query(sql);
        let rows: Vec<IntegerRow> = self.list(part.table(), |connection| load_until_error(query, connection));
        rows.into_iter().map(|row| row.value).collect()
    }

    /// Blocks of a signal that cover an instant in common.
    fn overlaps(&mut self, places: &[Place]) {
        for pair in places.windows(2) {
            let [before, place] = pair else { continue };
            if before.signal == place.signal && place.first <= before.last {
                let reason =
                    format!("it overlaps block {}, which ends at {}", before.id, instant(before.last));
                self.damaged_row("block", *place, reason);
            }
        }
    }

    fn block(&mut self, place: Place) {
        match blocks::table.find(place.id).first::<BlockRow>(&mut self.connection).optional() {
            Ok(Some(row)) => {
                self.found.blocks.add(row.samples(), row.payload.len());
                self.sizes.entry(place.signal).or_default().add(row.samples(), row.payload.len());
                let known = self.names.contains_key(&place.signal);
                if let Err(reason) = row.check().and_then(|()| named(known)) {
                    self.damaged_row("block", place, reason);
                }
            }
            Ok(None) => self.damaged_row("block", place, MISSING.into()),
            Err(error) => self.damaged_row("block", place, format!("it cannot be read: {error}")),
        }
    }

    fn rollup(&mut self, place: Place) {
        match rollups::table.find(place.id).first::<RollupRow>(&mut self.connection).optional() {
            Ok(Some(row)) => {
                self.found.rollups.add(row.count, row.payload.len());
                let known = self.names.contains_key(&place.signal);
                if let Err(reason) = row.check().and_then(|()| named(known)) {
                    self.damaged_row("rollup", place, reason);
                }
            }
            Ok(None) => self.damaged_row("rollup", place, MISSING.into()),
            Err(error) => self.damaged_row("rollup", place, format!("it cannot be read: {error}")),
        }
    }

    fn journal(&mut self, part: Part, sequence: i64) {
        let sql = format!("SELECT count, samples, checksum FROM {} WHERE sequence = ?", part.table());
        let query = diesel::sql_query(sql).bind::<BigInt, _>(sequence);
        let reason = match query.get_result::<JournalRow>(&mut self.connection).optional() {
            Ok(Some(row)) => {
                self.found.journal.add(row.count.into(), row.samples.len());
                row.check(|signal| self.names.contains_key(&signal)).err()
            }
            Ok(None) => Some(MISSING.into()),
            Err(error) => Some(format!("it cannot be read: {error}")),
        };
        if let Some(reason) = reason {
            let place = part.table();
            self.damaged(Damage { place, id: Some(sequence.to_string()), signal: None, span: None, reason });
        }
    }

    /// A list of rows, as far as it can be read.
    fn list<T>(
        &mut self,
        place: &'static str,
        load: impl FnOnce(&mut SqliteConnection) -> (Vec<T>, Option<String>),
    ) -> Vec<T> {
        let (rows, error) = load(&mut self.connection);
        if let Some(error) = error {
            let reason = format!("after {} rows the list of them cannot be read: {error}", rows.len());
            self.damaged(Damage { place, id: None, signal: None, span: None, reason });
        }
        rows
    }

    fn damaged_row(&mut self, table: &'static str, place: Place, reason: String) {
        let span = Span { from: instant(place.first), to: instant(place.last) };
        let signal = Some(self.name(place.signal));
        self.damaged(Damage {
            place: table,
            id: Some(place.id.to_string()),
            signal,
            span: Some(span),
            reason,
        });
    }

    fn damaged(&mut self, damage: Damage) {
        self.found.damage.push(damage);
    }

    fn name(&self, signal: i32) -> String {
        self.names.get(&signal).cloned().unwrap_or_else(|| format!("number {signal}"))
    }

    fn finish(mut self) -> Examination {
        let size = |(signal, blocks): (&i32, &Tier)| SignalSize { name: self.name(*signal), blocks: *blocks };
        let mut signals: Vec<SignalSize> = self.sizes.iter().map(size).collect();
        signals.sort_by(|a, b| b.blocks.bytes.cmp(&a.blocks.bytes).then_with(|| a.name.cmp(&b.name)));
        self.found.signals = signals;
        self.found
    }
}

impl Damage {
    fn of_file(reason: String) -> Self {
        Self { place: "file", id: None, signal: None, span: None, reason }
    }
}

/// The rows up to the first that cannot be read, and why it cannot.
fn load_until_error<'q, T, Q>(query: Q, connection: &mut SqliteConnection) -> (Vec<T>, Option<String>)
where
    Q: LoadQuery<'q, SqliteConnection, T, DefaultLoadingMode>,
{
    let mut rows = Vec::new();
    let cursor = match query.load_iter(connection) {
        Ok(cursor) => cursor,
        Err(error) => return (rows, Some(error.to_string())),
    };
    for row in cursor {
        match row {
            Ok(row) => rows.push(row),
            Err(error) => return (rows, Some(error.to_string())),
        }
    }
    (rows, None)
}

fn named(known: bool) -> Result<(), String> {
    if known { Ok(()) } else { Err("its signal has no name".into()) }
}

fn instant(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// Bytes of a file; 0 when there is none.
fn bytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |about| about.len())
}
