//! What only a database on a server does.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::schema::Schema;
use super::*;

/// Runs a test where there is a server.
macro_rules! on_a_server {
    ($(fn $test:ident() $body:block)*) => {
        $(#[test] fn $test() {
            if cluster::is_here() $body
        })*
    };
}

const PASS: u8 = 0;
const LOSE_ANSWER: u8 = 1;
const LOSE_QUESTION: u8 = 2;
const SILENT: u8 = 3;

/// Between the store and the server: it may lose the next COMMIT, or the answer to it, and with it the connection; or keep all that it is sent.
struct Proxy {
    folder: tempfile::TempDir,
    fault: Arc<AtomicU8>,
}

impl Proxy {
    fn new() -> Self {
        let proxy = Self { folder: tempfile::tempdir().unwrap(), fault: Arc::default() };
        let listener = UnixListener::bind(proxy.folder.path().join(".s.PGSQL.5432")).unwrap();
        let fault = Arc::clone(&proxy.fault);
        std::thread::Builder::new()
            .spawn(move || {
                for client in listener.incoming() {
                    Self::join(client.unwrap(), &fault);
                }
            })
            .unwrap();
        proxy
    }

    fn config(&self, schema: &Schema) -> StoreConfig {
        let folder = self.folder.path().to_str().unwrap().replace('/', "%2F");
        let url = schema.url().replace(&cluster::folder().replace('/', "%2F"), &folder);
        StoreConfig { database: url.parse().unwrap(), ..schema.config() }
    }

    fn join(client: UnixStream, fault: &Arc<AtomicU8>) {
        let server = UnixStream::connect(PathBuf::from(cluster::folder()).join(".s.PGSQL.5432")).unwrap();
        let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let fault = Arc::clone(fault);
        let lost = Arc::new(AtomicU8::new(PASS));
        let answers = Arc::clone(&lost);
        let ask = move || {
            pump(from, to, |bytes| {
                while fault.load(Ordering::SeqCst) == SILENT {
                    std::thread::park_timeout(Duration::from_millis(10));
                }
                if bytes.windows(6).any(|window| window == b"COMMIT") {
                    lost.store(fault.swap(PASS, Ordering::SeqCst), Ordering::SeqCst);
                }
                lost.load(Ordering::SeqCst) != LOSE_QUESTION
            });
        };
        std::thread::Builder::new().spawn(ask).unwrap();
        let answer = move || pump(server, client, |_| answers.load(Ordering::SeqCst) != LOSE_ANSWER);
        std::thread::Builder::new().spawn(answer).unwrap();
    }
}

/// Passes on what comes until one side ends, or `is_passed` does not want it to be; then both end.
fn pump(mut from: UnixStream, mut to: UnixStream, mut is_passed: impl FnMut(&[u8]) -> bool) {
    let mut bytes = [0; 16_384];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if !is_passed(&bytes[..count]) || to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    for end in [from, to] {
        let _ = end.shutdown(std::net::Shutdown::Both);
    }
}

/// Ends the connection that holds the schema's lock.
const END_ALL: &str = "SELECT pg_terminate_backend(pid) FROM pg_locks \
    WHERE locktype = 'advisory' AND classid = 1097297015 AND pid <> pg_backend_pid() \
    AND objid = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())";

#[test]
fn both_databases_have_the_same_versions() {
    let names = |folder: &str| {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../migrations").join(folder);
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect::<BTreeSet<_>>()
    };
    assert_eq!(names("postgres"), names("sqlite"));
}

on_a_server! {
    fn a_commit_whose_answer_is_lost_is_acknowledged_and_stored_once() {
        let (schema, proxy) = (Schema::new(), Proxy::new());
        let store = Store::open(&proxy.config(&schema), Clock::manual(NOW)).unwrap();
        store.commit([batch(&store, &[("a", 1, 1.0)])]).unwrap();
        proxy.fault.store(LOSE_ANSWER, Ordering::SeqCst);
        let commit = store.commit([batch(&store, &[("b", 2, 2.0)])]).unwrap();
        assert_eq!(proxy.fault.load(Ordering::SeqCst), PASS, "the answer was lost");
        assert_eq!(commit.sequences.last, 2);
        assert_eq!(store.commit([batch(&store, &[("a", 3, 3.0)])]).unwrap().sequences.last, 3);
        let expected = [("a".into(), 1, 1.0), ("a".into(), 3, 3.0), ("b".into(), 2, 2.0)];
        assert_eq!(contents(&store), expected);
        drop(store);
        assert_eq!(contents(&Store::open(&schema.config(), Clock::manual(NOW)).unwrap()), expected);
    }

    fn a_commit_that_did_not_arrive_is_refused_and_its_number_is_taken_by_the_next() {
        let (schema, proxy) = (Schema::new(), Proxy::new());
        let store = Store::open(&proxy.config(&schema), Clock::manual(NOW)).unwrap();
        proxy.fault.store(LOSE_QUESTION, Ordering::SeqCst);
        let refused = store.commit([batch(&store, &[("a", 1, 1.0)])]).unwrap_err();
        assert!(matches!(refused, StoreError::Down(_)), "{refused}");
        assert_eq!(store.commit([batch(&store, &[("b", 2, 2.0)])]).unwrap().sequences.last, 1);
        assert_eq!(contents(&store), [("b".into(), 2, 2.0)]);
    }

    fn a_read_ends_where_the_server_does_not_even_begin_it() {
        let (schema, proxy) = (Schema::new(), Proxy::new());
        let store = Store::open(&proxy.config(&schema), Clock::manual(NOW)).unwrap();
        let open = |store: &Store| store.open_episodes().map(|open| open.len());
        assert_eq!(open(&store).unwrap(), 0);
        proxy.fault.store(SILENT, Ordering::SeqCst);
        let (done, is_done) = std::sync::mpsc::channel();
        let silent = store.clone();
        std::thread::Builder::new().spawn(move || done.send(open(&silent))).unwrap();
        let read = is_done.recv_timeout(Duration::from_secs(90)).expect("it waits for ever");
        assert!(matches!(read, Err(StoreError::Down(_))), "{read:?}");
        proxy.fault.store(PASS, Ordering::SeqCst);
        assert_eq!(open(&store).unwrap(), 0, "with another connection");
    }

    fn a_writer_whose_connection_was_ended_goes_on_with_another() {
        let schema = Schema::new();
        let store = Store::open(&schema.config(), Clock::manual(NOW)).unwrap();
        for round in 1..=3 {
            store.commit([batch(&store, &[("a", round, 1.0)])]).unwrap();
            schema.execute(END_ALL);
            // It may be noticed before the next commit, or by it; nothing is lost or doubled.
            let mut tries = 0;
            while store.commit([batch(&store, &[("b", round, 1.0)])]).is_err() {
                tries += 1;
                assert!(tries < 3);
            }
            assert!(!store.is_lost());
        }
        assert_eq!(store.sequence(), 6);
        assert_eq!(contents(&store).len(), 6);
    }

    fn a_process_that_the_database_does_not_know_any_more_does_not_write_again() {
        let schema = Schema::new();
        let store = Store::open(&schema.config(), Clock::manual(NOW)).unwrap();
        store.commit([batch(&store, &[("a", 1, 1.0)])]).unwrap();
        // As if the server had gone back to an earlier state.
        schema.execute("DELETE FROM node");
        schema.execute(END_ALL);
        let since = crate::clock::Stopwatch::start();
        while !store.is_lost() {
            assert!(store.commit([batch(&store, &[("a", 2, 2.0)])]).is_err());
            assert!(since.elapsed() < Duration::from_secs(30), "it still tries");
        }
        assert!(store.commit([batch(&store, &[("a", 2, 2.0)])]).is_err());
        drop(store);
        let store = Store::open(&schema.config(), Clock::manual(NOW)).unwrap();
        assert_eq!(contents(&store), [("a".into(), 1, 1.0)]);
    }

    fn a_server_of_a_version_that_writes_alone_keeps_others_out() {
        let schema = Schema::new();
        drop(Store::open(&schema.config(), Clock::manual(NOW)).unwrap());
        let server = Server::new(&schema.url()).unwrap();
        let alone = crate::postgres::hold(&server, "pg_advisory_lock").unwrap();
        const WAITING: &str = "SELECT count(*) AS value FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
            AND objid = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())";
        let opening = std::thread::scope(|scope| {
            let opening = scope.spawn(|| Store::open(&schema.config(), Clock::manual(NOW)));
            let since = crate::clock::Stopwatch::start();
            while crate::postgres::ask(&server, WAITING).unwrap() == 0 {
                assert!(!opening.is_finished() && since.elapsed() < Duration::from_secs(30), "it does not wait");
            }
            drop(alone);
            opening.join().unwrap()
        });
        assert!(opening.is_ok());
    }

    fn a_schema_that_is_not_there_is_named() {
        let schema = Schema::new();
        let url = format!("{}x", schema.url());
        let config = StoreConfig { database: url.parse().unwrap(), ..schema.config() };
        let error = Store::open(&config, Clock::real()).err().unwrap().to_string();
        assert!(error.contains("CREATE SCHEMA"), "{error}");
    }

    fn a_statement_that_failed_undoes_its_transaction_though_nobody_looked() {
        let schema = Schema::new();
        let store = Store::open(&schema.config(), Clock::manual(NOW)).unwrap();
        store.commit([batch(&store, &[("a", 1, 1.0)])]).unwrap();
        let undone = store.engine.tables().writing(|writer| {
            writer.insert_key("k", b"", "{}")?;
            let _ignored = writer.insert_key("k", b"", "{}");
            Ok::<_, StoreError>(())
        });
        assert!(undone.is_err());
        assert_eq!(store.engine.tables().reading(|reader| reader.count_keys()).unwrap(), 0);
        store.commit([batch(&store, &[("a", 2, 2.0)])]).unwrap();
    }

    fn a_read_that_takes_too_long_is_ended_by_the_server() {
        let schema = Schema::new();
        let config = StoreConfig { read_limit: Some(Duration::from_millis(50)), ..schema.config() };
        let store = Store::open(&config, Clock::manual(NOW)).unwrap();
        store.commit([batch(&store, &[("a", 1, 1.0)])]).unwrap();
        store.seal().unwrap();
        // Names that are found slowly.
        schema.execute("ALTER TABLE bundle RENAME TO stored; CREATE VIEW bundle AS SELECT stored.* FROM stored, pg_sleep(60)");
        let stopped = store.details().err().unwrap();
        assert!(matches!(stopped, StoreError::Stopped(Stopped::Timeout(_))), "{stopped}");
        schema.execute("DROP VIEW bundle; ALTER TABLE stored RENAME TO bundle");
        assert_eq!(store.within(None).engine.newest_arrival().unwrap(), Some(NOW), "and readers are there");
    }

    fn what_is_not_ours_or_not_there_is_refused() {
        let schema = Schema::new();
        schema.execute("CREATE TABLE invoice (id integer)");
        let error = Store::open(&schema.config(), Clock::real()).err().unwrap();
        assert!(matches!(error, OpenError::NotOurs { .. }), "{error}");
        let missing = schema.url().replace("/postgres?", "/missing?");
        let config = StoreConfig { database: missing.parse().unwrap(), ..schema.config() };
        let error = Store::open(&config, Clock::real()).err().unwrap().to_string();
        assert!(error.contains("3D000") && error.contains("createdb"), "{error}");
        let nowhere = StoreConfig { database: "postgres://127.0.0.1:1/a".parse().unwrap(), ..schema.config() };
        let error = Store::open(&nowhere, Clock::real()).err().unwrap().to_string();
        assert!(error.contains("postgres://127.0.0.1:1/a") && error.contains("refused"), "{error}");
    }

    fn keys_may_be_changed_beside_the_process_that_writes() {
        let schema = Schema::new();
        let store = Store::open(&schema.config(), Clock::manual(NOW)).unwrap();
        let beside = Access::open(&schema.config(), Clock::manual(NOW)).unwrap();
        store.commit([batch(&store, &[("a", 1, 1.0)])]).unwrap();
        assert!(beside.keys().unwrap().is_empty());
        let reader = Store::open_read_only(&schema.config().database, Clock::manual(NOW)).unwrap();
        assert_eq!(contents(&reader), [("a".into(), 1, 1.0)]);
        store.commit([batch(&store, &[("a", 2, 1.0)])]).unwrap();
        assert!(!store.is_lost());
    }
}
