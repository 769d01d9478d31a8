//! Backups are kept and deleted as they should, and a server that is started from one has every sample that was in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::harness::storage::{self, Storage};
use crate::harness::{Backend, execute, sql};

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

    // Links where the copy is written, and what a start that was killed has left.
    let kept = folder.path().join("a.db.before-20261124000001");
    let beside = |suffix: &str| folder.path().join(format!("a.db.before-20261124000001{suffix}"));
    fs::write(folder.path().join("victim"), "precious").unwrap();
    fs::write(beside(".bbbbbb.partial"), "half").unwrap();
    for link in ["", ".partial"] {
        std::os::unix::fs::symlink(folder.path().join("victim"), beside(link)).unwrap();
    }
    Backend::start(&database).close();
    assert_eq!(fs::read_to_string(folder.path().join("victim")).unwrap(), "precious");
    assert!(fs::symlink_metadata(&kept).unwrap().is_file(), "the link is replaced, not followed");
    assert!(beside(".partial").is_symlink(), "names are random");
    assert!(!beside(".bbbbbb.partial").exists());
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

    // A link to a place where there is nothing yet.
    let (kept, elsewhere) = (folder.path().join("a.db.before-repair"), folder.path().join("elsewhere"));
    std::os::unix::fs::symlink(&elsewhere, &kept).unwrap();
    assert!(!tool(&["doctor", "--repair"], &database, 0).status.success());
    assert!(!elsewhere.exists(), "the link is not followed");
    fs::remove_file(&kept).unwrap();
    let repaired = tool(&["doctor", "--repair"], &database, 0);
    let said = String::from_utf8_lossy(&repaired.stderr).into_owned();
    assert!(repaired.status.success() && said.contains("2 rows are given up"), "{said}");
    assert!(kept.exists());
    let backend = Backend::start(&database);
    assert_eq!(backend.samples().into_keys().collect::<Vec<_>>(), ["good", "late"]);
    backend.close();
}

#[test]
fn a_copy_that_is_not_whole_replaces_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let (database, copies) = (folder.path().join("a.db"), folder.path().join("copies"));
    let backend = Backend::start(&database);
    assert_eq!(backend.post(r#"{"signals":{"n":1}}"#).status, 200);
    let expected = backend.samples();
    backend.close();
    assert!(tool(&["backup", "--into", copies.to_str().unwrap()], &database, 0).status.success());
    let whole = fs::read(fs::read_dir(&copies).unwrap().next().unwrap().unwrap().path()).unwrap();
    let other = folder.path().join("other.db");
    execute(&other, "CREATE TABLE a (b)");
    let newest = copies.join("afterglow-20990101T000000Z.db");
    let restore =
        ["backup", "--from", copies.to_str().unwrap(), "--to", database.to_str().unwrap(), "--force"];
    for bytes in [&[][..], b"no database", &whole[..whole.len() / 2], &fs::read(&other).unwrap()] {
        fs::write(&newest, bytes).unwrap();
        // As after a crash: what is replaced has logs, which are removed with it.
        fs::write(folder.path().join("a.db-wal"), "").unwrap();
        let done = tool(&restore, &database, 0);
        assert!(!done.status.success() && !done.stderr.is_empty(), "{} bytes", bytes.len());
        let backend = Backend::start(&database);
        assert_eq!(backend.samples(), expected, "{} bytes", bytes.len());
        backend.close();
    }
    fs::remove_file(&newest).unwrap();
    let done = tool(&restore, &database, 0);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let backend = Backend::start(&database);
    assert_eq!(backend.samples(), expected);
    backend.close();
}

#[test]
fn places_that_are_none_and_storage_that_anybody_can_listen_to_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    Backend::start(&database).close();
    let elsewhere = "http://storage.example.org";
    for (words, why) in [
        (&["backup", "--into", "gs://bucket/a"][..], "s3://BUCKET/PREFIX"),
        (&["backup", "--into", "s3://bucket/a", "--s3-endpoint", elsewhere], "http:// only"),
    ] {
        let done = tool(words, &database, 0);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.code() == Some(2) && said.contains(why), "{said}");
    }
    assert!(!Path::new("gs:").exists());
}

#[test]
fn copies_are_found_among_more_files_than_a_list_has() {
    let Some(storage) = Storage::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    Backend::start(&database).close();
    let place = format!("s3://{}", storage.bucket());
    // A list has 1,000 names; these come before all copies.
    (0..1_001).for_each(|number| storage.put(&format!("afterglow-!{number}"), b""));
    let mut newest = String::new();
    for seconds in [0, 60] {
        let done = storage.run(&["backup", "--into", &place, "--keep", "1"], &database, seconds);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        newest = String::from_utf8(done.stdout).unwrap().split_once(": ").unwrap().0.to_owned();
    }
    let copy = folder.path().join("b.db");
    let done = storage.run(&["backup", "--from", &place, "--to", copy.to_str().unwrap()], &database, 0);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() && said.contains(&format!("from {newest}: ")), "{said}, not {newest}");
}

#[test]
fn copies_in_a_bucket_are_kept_and_deleted_as_in_a_folder_and_a_server_goes_on_from_one() {
    let Some(storage) = Storage::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let place = format!("s3://{}/copies/here", storage.bucket());
    let run = |words: &[&str], seconds: u32| storage.run(words, &database, seconds);
    let backend = Backend::start(&database);
    let mut newest = Vec::new();
    for round in 0..4_u32 {
        assert_eq!(backend.post(&format!("{{\"signals\":{{\"n\":{round}}}}}")).status, 200);
        let done = run(&["backup", "--into", &place, "--keep", "2"], 60 * round);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let said = String::from_utf8(done.stdout).unwrap();
        newest.push(said.split_once("Z.db").unwrap().0.rsplit('/').next().unwrap().to_owned() + "Z.db");
        if round == 0 {
            // What is nobody's copy is nobody's to delete, nor is one that is elsewhere.
            storage.put("copies/here/afterglow-mine.db", b"mine");
            storage.put("copies/here/deeper/afterglow-20200101T000000Z.db", b"deeper");
            storage.put("copies/afterglow-20200101T000000Z.db", b"above");
        }
    }
    let expected = backend.samples();
    assert_eq!(backend.post(r#"{"signals":{"later":1}}"#).status, 200);
    backend.kill_nine();

    let mut kept: Vec<_> = newest[2..].iter().map(|name| format!("copies/here/{name}")).collect();
    kept.extend(["copies/here/afterglow-mine.db", "copies/afterglow-20200101T000000Z.db"].map(String::from));
    kept.push("copies/here/deeper/afterglow-20200101T000000Z.db".into());
    assert_eq!(storage.keys(), kept.into_iter().collect::<BTreeSet<_>>());

    // As docs/operate.md says.
    for log in ["-wal", "-shm"] {
        let _ = fs::remove_file(folder.path().join(format!("a.db{log}")));
    }
    let restore = ["backup", "--from", &place, "--to", database.to_str().unwrap()];
    assert!(!run(&restore, 0).status.success(), "a database is not replaced without --force");
    let done = run(&[&restore[..], &["--force"]].concat(), 0);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(run(&["doctor"], 0).status.success());
    let backend = Backend::start(&database);
    assert_eq!(backend.samples(), expected);
    backend.close();
}

#[test]
fn a_large_copy_goes_to_a_bucket_in_parts_and_comes_back_the_same() {
    let Some(storage) = Storage::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (database, fetched) = (folder.path().join("a.db"), folder.path().join("b.db"));
    Backend::start(&database).close();
    // A table that is not ours is copied too: 72 MB, in parts of 64 MiB.
    let fill = "CREATE TABLE filler (bytes BLOB) STRICT; INSERT INTO filler SELECT randomblob(8000000) FROM \
        (VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9));";
    execute(&database, fill);
    let place = format!("s3://{}", storage.bucket());
    let done = storage.run(&["backup", "--into", &place], &database, 0);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let keys = storage.keys();
    let name = keys.first().unwrap();
    let (etag, size) = storage.about(name);
    assert!(size > 64 << 20, "{size}");
    assert!(etag.ends_with("-2\""), "two parts: {etag}");
    let words = ["backup", "--from", &place, "--to", fetched.to_str().unwrap()];
    let done = storage.run(&words, &database, 0);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(fs::metadata(&fetched).unwrap().len(), size);
    assert_eq!(sql(&fetched, "SELECT integrity_check AS value FROM pragma_integrity_check"), ["ok"]);
    let ends = "SELECT hex(substr(bytes, 1, 64)) || hex(substr(bytes, -64)) AS value FROM filler ORDER BY 1";
    assert_eq!(sql(&fetched, ends), sql(&database, ends));
}

#[test]
fn a_bucket_that_is_not_there_is_named_and_nothing_secret_is() {
    let Some(storage) = Storage::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    Backend::start(&database).close();
    let done = storage.run(&["backup", "--into", "s3://nowhere/a"], &database, 0);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!done.status.success() && said.contains("404 NoSuchBucket"), "{said}");
    assert!(said.contains("s3://nowhere/a/ at 127.0.0.1"), "{said}");
    for secret in [storage::ID, storage::SECRET, "X-Amz", "Signature"] {
        assert!(!said.contains(secret), "{said}");
    }
    // Without credentials nobody is asked.
    let mut command = Command::new(env!("CARGO_BIN_EXE_afterglow"));
    command.args(["backup", "--into", "s3://nowhere", "--database"]).arg(&database);
    storage::without_credentials(&mut command);
    let done = command.env("HOME", folder.path()).output().unwrap();
    assert!(String::from_utf8_lossy(&done.stderr).contains("AWS_ACCESS_KEY_ID"));
}
