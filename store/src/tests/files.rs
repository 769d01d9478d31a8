//! What only a database in a file does.

use super::*;

fn path(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("made/for/it/test.db")
}

fn config(folder: &tempfile::TempDir) -> StoreConfig {
    StoreConfig {
        database: path(folder).into(),
        readers: 2,
        signal_limit: 10,
        read_limit: None,
        head_samples: HEAD_SAMPLES,
    }
}

fn open(folder: &tempfile::TempDir) -> Store {
    Store::open(&config(folder), Clock::manual(NOW)).unwrap()
}

#[test]
fn a_file_in_use_is_refused_until_its_owner_lets_go() {
    let folder = tempfile::tempdir().unwrap();
    let owner = open(&folder);
    let error = Store::open(&config(&folder), Clock::real()).err().unwrap();
    assert!(matches!(error, OpenError::InUse(_)), "{error}");
    drop(owner);
    open(&folder);
}

#[test]
fn the_telemetry_view_shows_what_is_not_sealed_in_the_inherited_columns() {
    use diesel::prelude::*;
    #[derive(QueryableByName, Debug, PartialEq)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        row: String,
    }
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let samples = [("a", 1_700_000_000_000_001, 9.0), ("b", -1, 2.0), ("a", 1_700_000_000_000_001, 1.5)];
    store.commit(&[batch(&store, &samples)]).unwrap();
    let rows = || {
        let mut connection = diesel::SqliteConnection::establish(path(&folder).to_str().unwrap()).unwrap();
        let sql = "SELECT timestamp || ' ' || signal_name || ' ' || value || ' ' || created_at || ' ' || typeof(id) \
                   AS row FROM telemetry ORDER BY id DESC";
        let rows: Vec<Row> = diesel::sql_query(sql).load(&mut connection).unwrap();
        rows.into_iter().map(|row| row.row).collect::<Vec<_>>()
    };
    assert_eq!(
        rows(),
        [
            "2023-11-14T22:13:20.000001Z a 1.5 2023-11-14T22:13:20.000000Z integer",
            "1969-12-31T23:59:59.999999Z b 2.0 2023-11-14T22:13:20.000000Z integer",
        ]
    );
    store.seal().unwrap();
    assert_eq!(rows(), [""; 0]);
}

#[test]
fn a_file_that_is_not_ours_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let text = "not a database at all, but long enough to have a header ".repeat(40);
    std::fs::write(&path, &text).unwrap();
    let config = StoreConfig { database: path.clone().into(), ..config(&folder) };
    let error = Store::open(&config, Clock::real()).err().unwrap();
    assert!(matches!(error, OpenError::NotOurs { .. }), "{error}");
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
    let error =
        Store::open(&StoreConfig { database: path.into(), ..config(&folder) }, Clock::real()).err().unwrap();
    assert!(error.to_string().contains("another program"), "{error}");
}

#[test]
fn a_copy_numbers_its_commits_in_an_epoch_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.commit(&[batch(&store, &[("a", 1, 0.5)])]).unwrap();
    let to = folder.path().join("copy.db");
    copy(&path(&folder), &to, true).unwrap();
    assert_eq!(logs(&to), [""; 0].map(PathBuf::from), "nothing is left beside the copy");
    let later = Clock::manual(Timestamp::from_micros(NOW.micros() + 1));
    let copied = Store::open(&StoreConfig { database: to.into(), ..config(&folder) }, later).unwrap();
    assert_ne!(copied.epoch(), store.epoch());
    assert_eq!(copied.sequence(), store.sequence());
}

/// Makes a database and changes it behind the store's back.
fn changed(folder: &tempfile::TempDir, statements: &str) -> PathBuf {
    use diesel::connection::SimpleConnection as _;
    use diesel::prelude::*;
    drop(open(folder));
    let path = path(folder);
    let mut other = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    other.batch_execute(statements).unwrap();
    path
}

#[test]
fn a_database_with_another_schema_is_refused_before_it_is_read() {
    const ENDLESS: &str = "WITH RECURSIVE endless (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM endless)";
    for (statements, difference) in [
        (
            format!(
                "DROP TABLE journal_a; CREATE VIEW journal_a (sequence, committed_at, count, samples, checksum) \
                 AS {ENDLESS} SELECT n, 0, 0, '[]', 0 FROM endless WHERE n < 0"
            ),
            "its view \"journal_a\" is another",
        ),
        (
            format!(
                "DROP TABLE __diesel_schema_migrations; CREATE VIEW __diesel_schema_migrations (version, run_on) \
                 AS {ENDLESS} SELECT n, 0 FROM endless WHERE n < 0"
            ),
            "its view \"__diesel_schema_migrations\" is another",
        ),
        (
            "CREATE TRIGGER more AFTER INSERT ON journal_b BEGIN DELETE FROM block; END".into(),
            "it has the trigger \"more\"",
        ),
        (
            "DROP TABLE Board; CREATE TABLE Board (id, version, title, document, updated_at)".into(),
            "its table \"board\" is another",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = changed(&folder, &statements);
        let clock = Clock::manual(NOW);
        let refusals = [
            Store::open(&config(&folder), clock.clone()).err(),
            Store::open_read_only(&path.clone().into(), clock).err(),
            examine(&path, &mut |_, _| ()).err(),
            copy(&path, &folder.path().join("copy.db"), true).err(),
        ];
        for refusal in refusals {
            let why = refusal.unwrap().to_string();
            assert!(why.contains("its schema is not Afterglow's") && why.contains(difference), "{why}");
        }
    }
}

#[test]
fn comments_and_additions_to_the_schema_are_no_difference() {
    let folder = tempfile::tempdir().unwrap();
    changed(&folder, "CREATE VIEW mine AS SELECT * FROM telemetry; CREATE INDEX my_index ON block (max)");
    open(&folder);
}

#[test]
fn a_journal_is_read_in_pieces_and_a_row_that_is_too_long_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    for number in 0..100_u32 {
        store.commit(&[batch(&store, &[("a", i64::from(number), f64::from(number))])]).unwrap();
    }
    let sequence = store.sequence();
    drop(store);
    let store = open(&folder);
    let a = &store.details().unwrap()[0];
    assert_eq!((store.sequence(), a.count, a.last_value), (sequence, 100, 99.0));
    drop(store);
    let long = "INSERT INTO journal_b (sequence, committed_at, count, samples, checksum) \
        VALUES (1000, 0, 1, hex(zeroblob(9000000)), 0)";
    let path = changed(&folder, long);
    for refusal in [
        Store::open(&config(&folder), Clock::manual(NOW)).err(),
        Store::open_read_only(&path.clone().into(), Clock::manual(NOW)).err(),
    ] {
        let why = refusal.unwrap().to_string();
        assert!(why.contains("row 1000 of journal_b is damaged: it is too long"), "{why}");
    }
}

#[test]
fn a_read_ends_at_its_limit_or_when_it_is_not_wanted_any_more() {
    use afterglow_wire::annotation::Annotation;
    let folder = tempfile::tempdir().unwrap();
    let everything = span(i64::MIN, i64::MAX);
    let store = open(&folder);
    for number in 0..200 {
        let at = Timestamp::from_micros(number);
        let (tags, signals) = (vec!["a".into()], Vec::new());
        store
            .add_annotation(Annotation { id: 0, from: at, to: None, text: "x".into(), tags, signals })
            .unwrap();
    }
    let ask = |store: &Store| store.annotations(everything, &["a".into(), "a".into()]);
    for _ in 0..5 {
        let error = while_wanted(|| true, || ask(&store)).unwrap_err();
        assert!(matches!(error, StoreError::Stopped(Stopped::Cancelled)), "{error}");
    }
    assert_eq!(ask(&store).unwrap().total, 200, "the readers are free");
    drop(store);
    let limited = StoreConfig { read_limit: Some(Duration::ZERO), ..config(&folder) };
    let store = Store::open(&limited, Clock::manual(NOW)).unwrap();
    let error = ask(&store).unwrap_err();
    assert!(matches!(error, StoreError::Stopped(Stopped::Timeout(Duration::ZERO))), "{error}");
    store.commit(&[batch(&store, &[("a", 1, 0.5)])]).unwrap();
}

/// Does its work while its query holds a reader.
struct Inside<'a> {
    checks: u32,
    work: &'a mut dyn FnMut(),
}

impl Sink for Inside<'_> {
    fn series(&mut self, _: &str) -> Result<(), Stopped> {
        Ok(())
    }

    fn points(&mut self, _: &[i64], _: &[f64]) -> Result<(), Stopped> {
        Ok(())
    }

    fn check(&mut self) -> Result<(), Stopped> {
        self.checks += 1;
        // Those of the selection and of the start come before there is a reader.
        if self.checks == 3 {
            (self.work)();
        }
        Ok(())
    }
}

#[test]
fn documents_are_read_while_queries_hold_all_readers() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.commit(&[batch(&store, &[("a", 1, 0.5)])]).unwrap();
    let hold = |work: &mut dyn FnMut()| {
        store.query(&Query::everything(), &mut Inside { checks: 0, work }).unwrap();
    };
    let mut worked = false;
    let [first, second, third] = [1, 2, 3].map(|last| std::net::IpAddr::from([127, 0, 0, last]));
    let mut innermost = || {
        let refused = |asker| {
            let query = || store.query(&Query::everything(), &mut Collected::default());
            matches!(crate::asked_by(asker, query), Err(StoreError::Busy))
        };
        assert!(refused(first) && refused(third), "all readers are held");
        assert_eq!(store.boards().unwrap(), []);
        assert_eq!(store.annotations(span(i64::MIN, i64::MAX), &[]).unwrap().total, 0);
        assert!(store.metadata().next().is_none());
        worked = true;
    };
    crate::asked_by(first, || {
        hold(&mut || {
            hold(&mut || {
                let refused = store.query(&Query::everything(), &mut Collected::default());
                assert!(matches!(refused, Err(StoreError::Busy)), "both readers of this address are held");
                crate::asked_by(second, || hold(&mut || hold(&mut innermost)));
            });
        });
    });
    assert!(worked);
}

/// Asks again from within: no reader may be held while points are handed on.
struct Asking<'a>(&'a Store, usize);

impl Sink for Asking<'_> {
    fn series(&mut self, _: &str) -> Result<(), Stopped> {
        Ok(())
    }

    fn points(&mut self, times: &[i64], _: &[f64]) -> Result<(), Stopped> {
        self.1 += times.len();
        assert_eq!(contents(self.0).len(), 20);
        Ok(())
    }
}

#[test]
fn no_reader_is_held_while_an_answer_is_handed_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&StoreConfig { readers: 1, ..config(&folder) }, Clock::manual(NOW)).unwrap();
    for time in 0..20 {
        store.commit(&[batch(&store, &[("a", time, 0.5)])]).unwrap();
        if time == 10 {
            store.seal().unwrap();
        }
    }
    // An address has one of the two readers.
    let mut asking = Asking(&store, 0);
    let query = || store.query_in_pieces(&Query::everything(), &mut asking);
    crate::asked_by([127, 0, 0, 1].into(), query).unwrap();
    assert_eq!(asking.1, 20);
}
