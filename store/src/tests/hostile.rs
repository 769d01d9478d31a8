//! Files that are almost a database of ours: whatever is in them, reading and writing end, with an answer or an error.
//!
//! `AFTERGLOW_FUZZ_FILES` sets how many are tried; a few hundred by default.

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// How a sound file is changed, at a place in it.
#[derive(Clone, Debug)]
enum Change {
    /// One bit is another.
    Flip(u8),
    /// Bytes are overwritten by one that counts and lengths are made of.
    Fill(u8, usize),
    /// Bytes from another place are there.
    Copy(Index, usize),
    /// The file ends.
    Cut,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        8 => (0..8_u8).prop_map(Change::Flip),
        4 => (prop_oneof![Just(0), Just(1), Just(0x7f), Just(0x80), Just(0xff)], 1..9_usize)
            .prop_map(|(byte, length)| Change::Fill(byte, length)),
        4 => (any::<Index>(), prop_oneof![1..64_usize, Just(4_096)]).prop_map(|(from, length)| Change::Copy(from, length)),
        1 => Just(Change::Cut),
    ]
}

/// Places in a file of pages: anywhere, or where a page says what is in it.
fn place() -> impl Strategy<Value = (Index, bool)> {
    (any::<Index>(), any::<bool>())
}

fn apply(bytes: &mut Vec<u8>, (at, in_header): (Index, bool), change: &Change) {
    let mut at = at.index(bytes.len());
    if in_header {
        at = at / 4_096 * 4_096 + at % 128;
    }
    let end = |length: usize| (at + length).min(bytes.len());
    match change {
        Change::Flip(bit) => bytes[at] ^= 1 << bit,
        Change::Fill(byte, length) => {
            let end = end(*length);
            bytes[at..end].fill(*byte);
        }
        Change::Copy(from, length) => {
            let from = from.index(bytes.len());
            let length = (*length).min(bytes.len() - at).min(bytes.len() - from);
            bytes.copy_within(from..from + length, at);
        }
        Change::Cut => bytes.truncate(at.max(1)),
    }
}

fn config(database: &Path) -> StoreConfig {
    StoreConfig {
        database: database.to_owned().into(),
        readers: 2,
        signal_limit: 10,
        read_limit: None,
        head_samples: HEAD_SAMPLES,
    }
}

/// A database that has blocks, bundles, rollups, an open journal and documents.
fn sound() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let store = Store::open(&config(&path), Clock::manual(NOW)).unwrap();
    let first = NOW.micros() - 30 * DAY;
    for part in 0..6 {
        let samples: Vec<_> = (0..30)
            .flat_map(|i| {
                let time = first + (part * 30 + i) * DAY / 8;
                [("a", time, (i % 7) as f64), ("b", time + i, 0.1 * i as f64)]
            })
            .chain([("rare", first + part * DAY, part as f64)])
            .collect();
        store.commit(&[batch(&store, &samples)]).unwrap();
        if part < 5 {
            store.seal().unwrap();
        }
    }
    store.expire(&RetentionPolicy::default(), NOW).unwrap();
    store.commit(&[batch(&store, &[("c", NOW.micros(), 1.5)])]).unwrap();
    store.compact_and_checkpoint().unwrap();
    store.commit(&[batch(&store, &[("c", NOW.micros() + 1, 2.5)])]).unwrap();
    drop(store);
    std::fs::read(path).unwrap()
}

/// Everything that a server and the tools do with a file. Errors are answers.
fn use_it(path: &Path) {
    let _ = examine(path, &mut |_, _| ());
    if let Ok(store) = Store::open_read_only(&path.to_owned().into(), Clock::manual(NOW)) {
        read(&store);
    }
    let Ok(store) = Store::open(&config(path), Clock::manual(NOW)) else { return };
    read(&store);
    let _ = store.committed_since(0, 100);
    let mut late = Batch::default();
    for name in ["a", "new"] {
        if let Some(signal) = store.signals().number(&mut late, name) {
            late.push(Sample {
                signal,
                timestamp: Timestamp::from_micros(NOW.micros() - 20 * DAY),
                value: 4.0,
            });
        }
    }
    let _ = store.commit(&[late]);
    let _ = store.seal();
    let _ = store.merge();
    let _ = store.expire(&RetentionPolicy::default(), Timestamp::from_micros(NOW.micros() + 400 * DAY));
    read(&store);
    let _ = store.compact_and_checkpoint();
}

fn read(store: &Store) {
    let _ = store.query(&Query::everything(), &mut Collected::default());
    let few = Query { detail: Detail::at_most(Some(10)), ..Query::everything() };
    let _ = store.query_in_pieces(&few, &mut Collected::default());
    let _ = store.details();
    let _ = store.latest();
}

fn inputs() -> u32 {
    std::env::var("AFTERGLOW_FUZZ_FILES").ok().and_then(|inputs| inputs.parse().ok()).unwrap_or(300)
}

#[test]
fn no_file_breaks_what_reads_it() {
    let sound = sound();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let changes = proptest::collection::vec((place(), change()), 1..6);
    let config = ProptestConfig { cases: inputs(), max_shrink_iters: 200, ..ProptestConfig::default() };
    proptest!(config, |(changes in changes)| {
        let mut bytes = sound.clone();
        for (place, change) in &changes {
            apply(&mut bytes, *place, change);
        }
        for log in logs(&path) {
            let _ = std::fs::remove_file(log);
        }
        std::fs::write(&path, &bytes).unwrap();
        use_it(&path);
    });
}

/// Values that counts, times, numbers and lengths are made of, and others than a column has.
const VALUES: [&str; 7] =
    ["-1", "4294967295", "9223372036854775807", "-9223372036854775808", "1e308", "'text'", "zeroblob(9)"];

#[test]
fn no_value_in_a_row_breaks_what_reads_it() {
    use diesel::connection::SimpleConnection as _;
    use diesel::prelude::*;
    #[derive(QueryableByName)]
    struct Column {
        #[diesel(sql_type = diesel::sql_types::Text)]
        of: String,
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
    }
    const COLUMNS: &str = "SELECT tables.name AS of, columns.name AS name \
        FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns \
        WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite%'";
    let sound = sound();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let open = || diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let restore = || {
        for log in logs(&path) {
            let _ = std::fs::remove_file(log);
        }
        std::fs::write(&path, &sound).unwrap();
    };
    restore();
    let columns: Vec<Column> = diesel::sql_query(COLUMNS).load(&mut open()).unwrap();
    let tried = columns.iter().flat_map(|column| VALUES.map(|value| (column, value)));
    // As many as the suite has time for.
    let step = (columns.len() * VALUES.len()).div_ceil(inputs() as usize).max(1);
    for (Column { of, name }, value) in tried.step_by(step) {
        restore();
        // Some are refused by the table itself.
        if open()
            .batch_execute(&format!("PRAGMA foreign_keys = OFF; UPDATE {of} SET {name} = {value}"))
            .is_ok()
        {
            eprintln!("{of}.{name} = {value}");
            use_it(&path);
        }
    }
}
