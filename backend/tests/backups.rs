//! Backups are kept and deleted as they should, and a server that is started from one has every sample that was in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::harness::{Backend, sql};

/// Runs a tool whose clock is `seconds` ahead.
fn tool(words: &[&str], database: &Path, seconds: u32) -> Output {
    let clock = database.with_extension("clock");
    fs::write(&clock, seconds.to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_afterglow"));
    command.args(words).arg("--database").arg(database).env("AFTERGLOW_CLOCK_FILE", clock);
    command.output().unwrap()
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_server_goes_on_from_the_newest_of_the_backups_that_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (database, backups) = (folder.path().join("a.db"), folder.path().join("backups"));
    let backup = ["backup", "--into", backups.to_str().unwrap(), "--keep", "2"];
    let backend = Backend::start(&database);
    let mut seen = Vec::new();
    for round in 0..4_u32 {
        assert_eq!(backend.post(&format!("{{\"signals\":{{\"n\":{round}}}}}")).status, 200);
        let done = tool(&backup, &database, 60 * round);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        if round == 0 {
            // What is nobody's copy is nobody's to delete.
            fs::write(backups.join("afterglow-mine.db"), "mine").unwrap();
        }
        seen.extend(names(&backups).into_iter().filter(|name| name.ends_with("Z.db")));
    }
    let expected = backend.samples();
    assert_eq!(expected["n"].len(), 4);
    // After the last copy: lost when it is restored.
    assert_eq!(backend.post(r#"{"signals":{"later":1}}"#).status, 200);
    backend.kill_nine();

    let all: BTreeSet<_> = seen.into_iter().collect();
    let kept: Vec<_> = names(&backups).into_iter().filter(|name| name.ends_with("Z.db")).collect();
    assert_eq!(kept, all.into_iter().skip(2).collect::<Vec<_>>(), "the two newest of four");
    assert_eq!(fs::read(backups.join("afterglow-mine.db")).unwrap(), b"mine");

    // As docs/operate.md says.
    for log in ["-wal", "-shm"] {
        let _ = fs::remove_file(folder.path().join(format!("a.db{log}")));
    }
    fs::copy(backups.join(&kept[1]), &database).unwrap();
    let examined = tool(&["doctor"], &database, 0);
    assert!(examined.status.success(), "{}", String::from_utf8_lossy(&examined.stdout));
    let backend = Backend::start(&database);
    assert_eq!(backend.samples(), expected);
    backend.close();
}

#[test]
fn an_upgrade_says_what_it_will_do_and_keeps_the_database_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/schema-1.db");
    fs::copy(&golden, &database).unwrap();
    let said = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let check = tool(&["upgrade-check"], &database, 0);
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    assert!(said(&check).contains("to be changed by 20261124000001"), "{}", said(&check));
    assert_eq!(fs::read(&database).unwrap(), fs::read(&golden).unwrap(), "it changes nothing");

    Backend::start(&database).close();
    let kept = folder.path().join("a.db.before-20261124000001");
    let rows = "SELECT CAST(count(*) AS TEXT) AS value FROM sample";
    // Opening a database may write beside it.
    let first = folder.path().join("first.db");
    fs::copy(&golden, &first).unwrap();
    assert_eq!(sql(&kept, rows), sql(&first, rows), "the copy has the rows of the first schema");
    let check = tool(&["upgrade-check"], &database, 0);
    assert!(check.status.success() && said(&check).contains("as this version has it"), "{}", said(&check));

    // A step that this version does not know.
    let insert = "INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000001') RETURNING version AS value";
    sql(&database, insert);
    let check = tool(&["upgrade-check"], &database, 0);
    assert_eq!(check.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&check.stderr).contains("a later version"));
}

#[test]
fn a_migration_without_room_for_its_copy_is_refused_and_can_do_without() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/schema-1.db"), &database).unwrap();
    // A folder in the copy's place: as good as a full disk.
    let place = folder.path().join("a.db.before-20261124000001");
    fs::create_dir_all(place.join("inside")).unwrap();
    let refused = tool(&["migrate"], &database, 0);
    assert_eq!(refused.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--no-copy"));
    let after = sql(&database, "SELECT name AS value FROM sqlite_schema WHERE name = 'sample'");
    assert_eq!(after, ["sample"], "still of the first schema");
    assert!(tool(&["migrate", "--no-copy"], &database, 0).status.success());
}

#[test]
fn a_repair_gives_up_what_cannot_be_read_and_keeps_everything_else() {
    let folder = tempfile::tempdir().unwrap();
    let (database, errors) = (folder.path().join("a.db"), folder.path().join("errors"));
    let backend = Backend::start_with(&database, "127.0.0.1:0", &[("AFTERGLOW_BLOCK_SAMPLES", "1")]);
    let post = |backend: &Backend, signal: &str| {
        let body = format!("{{\"timestamp\":1700000000,\"signals\":{{\"{signal}\":1}}}}");
        assert_eq!(backend.post(&body).status, 200);
    };
    for signal in ["bad", "good"] {
        post(&backend, signal);
    }
    let in_use = tool(&["doctor", "--repair"], &database, 0);
    assert!(in_use.status.success(), "nothing is damaged, so nothing is mended");
    // Stopping seals what was taken; what comes then stays in the journal.
    backend.close();
    let backend = Backend::start(&database);
    for signal in ["late", "lost"] {
        post(&backend, signal);
    }
    backend.kill_nine();
    let damage = [
        "UPDATE block SET payload = zeroblob(length(payload)) WHERE signal_id = 0 RETURNING 'changed' AS value".to_owned(),
        ["a", "b"].map(|part| format!("SELECT CAST(max(sequence) AS TEXT) AS value FROM journal_{part} HAVING max(sequence) > 0")).join(" UNION "),
    ];
    assert_eq!(sql(&database, &damage[0]), ["changed"]);
    let newest = sql(&database, &damage[1]).pop().expect("the journal has rows");
    for part in ["a", "b"] {
        sql(
            &database,
            &format!(
                "UPDATE journal_{part} SET checksum = checksum + 1 WHERE sequence = {newest} RETURNING '' AS value"
            ),
        );
    }
    assert_eq!(Backend::try_start(&database, &[], &errors).err(), Some(Some(3)), "a journal that is damaged");

    let repaired = tool(&["doctor", "--repair"], &database, 0);
    let said = String::from_utf8_lossy(&repaired.stderr).into_owned();
    assert!(repaired.status.success() && said.contains("2 rows are given up"), "{said}");
    assert!(folder.path().join("a.db.before-repair").exists());
    let backend = Backend::start(&database);
    assert_eq!(backend.samples().into_keys().collect::<Vec<_>>(), ["good", "late"]);
    backend.close();
}
