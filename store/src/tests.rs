//! The conformance suite: what is general runs on every database.

use std::time::Duration;

use super::*;
use crate::batch::{Sample, SignalId};
use crate::clock::Clock;
use crate::signals::Selector;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const DAY: i64 = 86_400_000_000;

/// A database of an engine that the suite runs on; what it needs is removed when it is dropped.
trait Database {
    /// How many sequences of steps are tried on it unless `PROPTEST_CASES` says so.
    const CASES: u32 = 500;

    /// Whether its engine can be tested on this machine; says so where it cannot.
    fn is_here() -> bool {
        true
    }

    /// A new one.
    fn new() -> Self;

    /// Opens it, which creates it the first time; with room for ten signals.
    fn open_at(&self, clock: Clock) -> Result<Store, OpenError>;

    /// Opens it, at the instant [`NOW`].
    fn open(&self) -> Store {
        self.open_at(Clock::manual(NOW)).unwrap()
    }

    /// Opens it with room for as many samples in memory.
    fn open_with(&self, head_samples: usize) -> Result<Store, OpenError>;

    /// Changes rows of the journal behind the store's back: `UPDATE` of its table, `SET` and this.
    fn update_journal(&self, statement: &str);

    /// Changes rows behind the store's back: `UPDATE` and this.
    fn update(&self, statement: &str);

    /// Overwrites the payloads of the rows of `table` for which `condition` holds.
    fn spoil(&self, table: &str, condition: &str);
}

/// A schema of its own on a server that this process has started.
struct Postgres(schema::Schema);

impl Database for Postgres {
    /// Each takes more than a second.
    const CASES: u32 = 40;

    fn is_here() -> bool {
        cluster::is_here()
    }

    fn new() -> Self {
        Self(schema::Schema::new())
    }

    fn open_at(&self, clock: Clock) -> Result<Store, OpenError> {
        Store::open(&self.0.config(), clock)
    }

    fn open_with(&self, head_samples: usize) -> Result<Store, OpenError> {
        Store::open(&StoreConfig { head_samples, ..self.0.config() }, Clock::manual(NOW))
    }

    fn update_journal(&self, statement: &str) {
        self.update(&format!("journal SET {statement}"));
    }

    fn update(&self, statement: &str) {
        self.0.execute(&format!("UPDATE {statement}"));
    }

    fn spoil(&self, table: &str, condition: &str) {
        self.update(&format!(
            "{table} SET payload = decode(repeat('00', length(payload)), 'hex') WHERE {condition}"
        ));
    }
}

/// A file in a folder of its own.
struct Sqlite(tempfile::TempDir);

impl Sqlite {
    fn config(&self) -> StoreConfig {
        StoreConfig {
            database: self.0.path().join("made/for/it/test.db").into(),
            readers: 2,
            signal_limit: 10,
            read_limit: None,
            head_samples: HEAD_SAMPLES,
        }
    }
}

impl Database for Sqlite {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn open_at(&self, clock: Clock) -> Result<Store, OpenError> {
        Store::open(&self.config(), clock)
    }

    fn open_with(&self, head_samples: usize) -> Result<Store, OpenError> {
        Store::open(&StoreConfig { head_samples, ..self.config() }, Clock::manual(NOW))
    }

    fn update_journal(&self, statement: &str) {
        self.update(&format!("journal_a SET {statement}"));
    }

    fn update(&self, statement: &str) {
        use diesel::connection::SimpleConnection as _;
        use diesel::prelude::*;
        let url = self.config().database.to_string();
        let mut other = diesel::SqliteConnection::establish(&url).unwrap();
        other.batch_execute(&format!("UPDATE {statement}")).unwrap();
    }

    fn spoil(&self, table: &str, condition: &str) {
        self.update(&format!("{table} SET payload = zeroblob(length(payload)) WHERE {condition}"));
    }
}

/// Makes a test of each function, on every database. A second engine is one more line here, and an `impl Database`.
macro_rules! suite {
    ($($test:ident),* $(,)?) => {
        suite!(@on sqlite: crate::tests::Sqlite, $($test),*);
        suite!(@on postgres: crate::tests::Postgres, $($test),*);
    };
    (@on $engine:ident: $database:ty, $($test:ident),*) => {
        mod $engine {
            use crate::tests::Database as _;

            $(#[test] fn $test() {
                if <$database>::is_here() {
                    super::$test::<$database>();
                }
            })*
        }
    };
}

mod alerts;
mod bundles;
mod cluster;
mod conformance;
mod damage;
mod deletion;
mod files;
mod hostile;
mod model;
mod nodes;
mod people;
mod recovery;
mod schema;
mod server;
mod tenants;

fn batch(store: &Store, samples: &[(&str, i64, f64)]) -> Batch {
    let mut batch = Batch::default();
    for (name, micros, value) in samples {
        let signal = store.signals().number(&mut batch, name).unwrap();
        batch.push(Sample { signal, timestamp: Timestamp::from_micros(*micros), value: *value });
    }
    batch
}

/// Collects an answer as (name, microseconds, value).
#[derive(Default)]
struct Collected {
    name: String,
    samples: Vec<(String, i64, f64)>,
    slices: Vec<(String, Bucket)>,
    /// Of each signal that is not whole, microseconds of its slices.
    reduced: Vec<(String, i64)>,
}

impl Sink for Collected {
    fn series(&mut self, name: &str) -> Result<(), Stopped> {
        self.name = name.to_owned();
        Ok(())
    }

    fn points(&mut self, times: &[i64], values: &[f64]) -> Result<(), Stopped> {
        let points = times.iter().zip(values);
        self.samples.extend(points.map(|(time, value)| (self.name.clone(), *time, *value)));
        Ok(())
    }

    fn slices(&mut self, slices: &[Bucket]) -> Result<(), Stopped> {
        self.slices.extend(slices.iter().map(|slice| (self.name.clone(), *slice)));
        Ok(())
    }

    fn reduced(&mut self, slice: i64) -> Result<(), Stopped> {
        self.reduced.push((self.name.clone(), slice));
        Ok(())
    }
}

fn ask(store: &Store, query: &Query) -> Vec<(String, i64, f64)> {
    collect(store, query).samples
}

fn collect(store: &Store, query: &Query) -> Collected {
    let mut collected = Collected::default();
    store.query(query, &mut collected).unwrap();
    let mut pieces = Collected::default();
    store.query_in_pieces(query, &mut pieces).unwrap();
    assert_eq!(pieces.samples, collected.samples, "the same in pieces");
    assert_eq!(pieces.slices, collected.slices, "the same in pieces");
    assert_eq!(pieces.reduced, collected.reduced, "the same in pieces");
    collected
}

/// Every sample of the store.
fn contents(store: &Store) -> Vec<(String, i64, f64)> {
    ask(store, &Query::everything())
}

fn span(from: i64, to: i64) -> Span {
    Span { from: Timestamp::from_micros(from), to: Timestamp::from_micros(to) }
}
