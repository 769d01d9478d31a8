use proptest::prelude::*;

use super::query::reduce;
use super::*;
use crate::batch::{Sample, SignalId};
use crate::decode::Intern;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn config(folder: &tempfile::TempDir) -> StoreConfig {
    StoreConfig { database: folder.path().join("made/for/it/test.db"), readers: 2, signal_limit: 10 }
}

fn open(folder: &tempfile::TempDir) -> Store {
    Store::open(&config(folder), Clock::manual(NOW)).unwrap()
}

fn batch(store: &Store, samples: &[(&str, i64, f64)]) -> Batch {
    let mut batch = Batch::default();
    for (name, micros, value) in samples {
        let signal = store.signals().clone().intern(name).unwrap();
        batch.push(Sample { signal, timestamp: Timestamp::from_micros(*micros), value: *value });
    }
    batch
}

/// Every sample of the store as (name, microseconds, value).
fn contents(store: &Store) -> Vec<(String, i64, f64)> {
    let query =
        Query { span: Span { from: Timestamp::MIN, to: Timestamp::MAX }, signals: vec![], max_points: None };
    let series = store.query(&query).unwrap();
    series.iter().flat_map(|s| s.points.iter().map(|(t, v)| (s.name.to_string(), t.micros(), *v))).collect()
}

#[test]
fn what_is_committed_is_there_after_opening_again_and_the_last_write_wins() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let first = batch(&store, &[("a", 1, 1.0), ("b", -5, f64::MIN_POSITIVE), ("a", 1, 2.0)]);
    let second = batch(&store, &[("c", 1, -0.0), ("b", -5, 7.5)]);
    store.commit(&[first, second]).unwrap();
    drop(store);
    let store = open(&folder);
    assert_eq!(contents(&store), [("a".into(), 1, 2.0), ("b".into(), -5, 7.5), ("c".into(), 1, -0.0)]);
    assert_eq!(store.signal_names().unwrap(), ["a", "b", "c"]);
    assert_eq!(store.signals().find("c"), Some(SignalId(2)));
}

#[test]
fn every_size_of_commit_stores_every_sample() {
    for size in [1, 15, 16, 17, 255, 256, 257, 600] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        let samples: Vec<_> = (0..size).map(|i| ("a", i, i as f64)).collect();
        store.commit(&[batch(&store, &samples)]).unwrap();
        assert_eq!(contents(&store).len(), size as usize);
    }
}

#[test]
fn a_signal_without_a_committed_sample_is_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let _never_committed = batch(&store, &[("ghost", 1, 1.0)]);
    store.commit(&[batch(&store, &[("real", 1, 1.0)])]).unwrap();
    assert_eq!(store.signal_names().unwrap(), ["real"]);
}

#[test]
fn signals_beyond_the_limit_get_no_number() {
    let folder = tempfile::tempdir().unwrap();
    let mut signals = open(&folder).signals().clone();
    for i in 0..10 {
        assert!(signals.intern(&i.to_string()).is_some());
    }
    assert_eq!(signals.intern("one more"), None);
    assert!(signals.intern("3").is_some());
}

#[test]
fn the_telemetry_view_shows_the_inherited_columns() {
    use diesel::prelude::*;
    #[derive(QueryableByName, Debug, PartialEq)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        row: String,
    }
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.commit(&[batch(&store, &[("a", 1_700_000_000_000_001, 1.5), ("b", -1, 2.0)])]).unwrap();
    let mut connection =
        diesel::SqliteConnection::establish(config(&folder).database.to_str().unwrap()).unwrap();
    let sql = "SELECT id || ' ' || timestamp || ' ' || signal_name || ' ' || value || ' ' || created_at AS row \
               FROM telemetry ORDER BY id";
    let rows: Vec<Row> = diesel::sql_query(sql).load(&mut connection).unwrap();
    assert_eq!(rows[0].row, "1 2023-11-14T22:13:20.000001Z a 1.5 2023-11-14T22:13:20.000000Z");
    assert_eq!(rows[1].row, "2 1969-12-31T23:59:59.999999Z b 2.0 2023-11-14T22:13:20.000000Z");
}

#[test]
fn a_file_that_is_not_ours_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let text = "not a database at all, but long enough to have a header ".repeat(40);
    std::fs::write(&path, &text).unwrap();
    let config = StoreConfig { database: path.clone(), ..config(&folder) };
    let error = Store::open(&config, Clock::real()).err().unwrap();
    assert!(matches!(error, StoreError::NotOurs { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn another_programs_database_is_refused() {
    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let mut other = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    other.batch_execute("CREATE TABLE invoice (id INTEGER)").unwrap();
    let error = Store::open(&StoreConfig { database: path, ..config(&folder) }, Clock::real()).err().unwrap();
    assert!(error.to_string().contains("another program"), "{error}");
}

#[test]
fn a_database_in_use_is_refused_until_its_owner_lets_go() {
    let folder = tempfile::tempdir().unwrap();
    let owner = open(&folder);
    let error = Store::open(&config(&folder), Clock::real()).err().unwrap();
    assert!(matches!(error, StoreError::InUse(_)), "{error}");
    drop(owner);
    open(&folder);
}

#[test]
fn queries_choose_by_span_name_and_pattern() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let samples = [("host.cpu", 1, 1.0), ("host.cpu", 2, 2.0), ("host.memory", 2, 3.0), ("sine", 3, 4.0)];
    store.commit(&[batch(&store, &samples)]).unwrap();
    let ask = |from, to, signals: &[&str]| {
        let span = Span { from: Timestamp::from_micros(from), to: Timestamp::from_micros(to) };
        let signals = signals.iter().map(|s| (*s).to_owned()).collect();
        let series = store.query(&Query { span, signals, max_points: None }).unwrap();
        series.iter().map(|s| format!("{}:{}", s.name, s.points.len())).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ask(0, 9, &[]), "host.cpu:2 host.memory:1 sine:1");
    assert_eq!(ask(2, 2, &[]), "host.cpu:1 host.memory:1");
    assert_eq!(ask(0, 9, &["host.*"]), "host.cpu:2 host.memory:1");
    assert_eq!(ask(0, 9, &["sine", "*cpu"]), "host.cpu:2 sine:1");
    assert_eq!(ask(9, 0, &[]), "");
    assert_eq!(ask(0, 9, &["nothing"]), "");
}

proptest! {
    #[test]
    fn a_reduction_keeps_the_extremes_and_the_order_within_its_limit(
        mut values in proptest::collection::vec((0_i64..10_000_000, -1e6..1e6_f64), 1..500),
        max_points in 4..200_u32,
    ) {
        values.sort_by_key(|(micros, _)| *micros);
        values.dedup_by_key(|(micros, _)| *micros);
        let points: Vec<_> = values.iter().map(|(t, v)| (Timestamp::from_micros(*t), *v)).collect();
        let span = Span { from: Timestamp::from_micros(0), to: Timestamp::from_micros(10_000_000) };
        let reduced = reduce(points.clone(), span, max_points);
        let extremes = |points: &[(Timestamp, f64)]| {
            let values = points.iter().map(|p| p.1);
            (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max))
        };
        prop_assert!(reduced.len() <= max_points as usize, "{} > {max_points}", reduced.len());
        prop_assert!(reduced.is_sorted_by(|a, b| a.0 < b.0));
        prop_assert!(reduced.iter().all(|point| points.contains(point)));
        prop_assert_eq!(extremes(&reduced), extremes(&points));
    }
}
