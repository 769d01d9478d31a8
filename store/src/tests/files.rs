//! What only a database in a file does.

use super::*;

fn config(folder: &tempfile::TempDir) -> StoreConfig {
    StoreConfig { database: folder.path().join("made/for/it/test.db"), readers: 2, signal_limit: 10 }
}

fn open(folder: &tempfile::TempDir) -> Store {
    Store::open(&config(folder), Clock::manual(NOW)).unwrap()
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
        let mut connection =
            diesel::SqliteConnection::establish(config(&folder).database.to_str().unwrap()).unwrap();
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
    let config = StoreConfig { database: path.clone(), ..config(&folder) };
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
    let error = Store::open(&StoreConfig { database: path, ..config(&folder) }, Clock::real()).err().unwrap();
    assert!(error.to_string().contains("another program"), "{error}");
}

#[test]
fn a_copy_numbers_its_commits_in_an_epoch_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.commit(&[batch(&store, &[("a", 1, 0.5)])]).unwrap();
    let to = folder.path().join("copy.db");
    copy(&config(&folder).database, &to).unwrap();
    assert_eq!(logs(&to), [""; 0].map(PathBuf::from), "nothing is left beside the copy");
    let later = Clock::manual(Timestamp::from_micros(NOW.micros() + 1));
    let copied = Store::open(&StoreConfig { database: to, ..config(&folder) }, later).unwrap();
    assert_ne!(copied.epoch(), store.epoch());
    assert_eq!(copied.sequence(), store.sequence());
}
