//! A copy stands alone: what lies beside its name is not mixed into it, and nobody's open database is replaced.

use super::*;

/// What a server leaves that is killed: its database, with commits that are only in the log.
fn killed(database: &Path) {
    let backend = Backend::start(database);
    assert_eq!(backend.post(r#"{"signals":{"other":1}}"#).status, 200);
    backend.kill_nine();
}

fn logs(database: &Path) -> Vec<PathBuf> {
    let logs = ["-wal", "-shm", "-journal"].map(|end| PathBuf::from(format!("{}{end}", text(database))));
    logs.into_iter().filter(|log| log.exists()).collect()
}

#[test]
fn logs_of_another_database_are_not_taken_for_the_copys() {
    let folder = tempfile::tempdir().unwrap();
    let database = difficult(folder.path());
    let expected = done("export", &database, &[]);
    let copy = folder.path().join("copy.db");
    // A database was moved away without its log, or was never more than begun by another program.
    let leave_log = || {
        killed(&copy);
        fs::remove_file(&copy).unwrap();
    };
    let leave_journal = || fs::write(folder.path().join("copy.db-journal"), "a journal").unwrap();
    for (leave, log) in [(&leave_log as &dyn Fn(), "copy.db-wal"), (&leave_journal, "copy.db-journal")] {
        leave();
        let before = logs(&copy).iter().map(|log| fs::read(log).unwrap()).collect::<Vec<_>>();
        refused(
            "backup",
            &database,
            &["--to", text(&copy)],
            2,
            &format!("{log} is left of another database"),
        );
        assert!(!copy.exists());
        assert!(logs(&copy).iter().map(|log| fs::read(log).unwrap()).eq(before), "it was changed");

        done("backup", &database, &["--to", text(&copy), "--force"]);
        assert_eq!(logs(&copy), [] as [PathBuf; 0]);
        done("doctor", &copy, &[]);
        assert_eq!(done("export", &copy, &[]), expected);
        let server = Backend::start(&copy);
        assert_eq!(server.get("/api/signals").json().as_array().map(Vec::len), Some(3));
        server.close();
        fs::remove_file(&copy).unwrap();
    }
}

#[test]
fn a_database_that_is_replaced_takes_its_logs_along() {
    let folder = tempfile::tempdir().unwrap();
    let database = difficult(folder.path());
    let copy = folder.path().join("copy.db");
    killed(&copy);
    assert!(!logs(&copy).is_empty());
    done("backup", &database, &["--to", text(&copy), "--force"]);
    assert_eq!(done("export", &copy, &[]), done("export", &database, &[]));
    assert_eq!(logs(&copy), [] as [PathBuf; 0]);
    refused("backup", &copy, &["--to", text(&copy), "--force"], 2, "is the database itself");
}

#[test]
fn a_database_in_use_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let database = difficult(folder.path());
    let used = folder.path().join("used.db");
    let backend = Backend::start(&used);
    assert_eq!(backend.post(r#"{"signals":{"a":1}}"#).status, 200);
    refused(
        "backup",
        &database,
        &["--to", text(&used), "--force"],
        2,
        "used.db is in use by another afterglow",
    );
    assert_eq!(backend.post(r#"{"signals":{"a":2}}"#).status, 200);
    backend.close();
    assert_eq!(done("export", &used, &[]).lines().count(), 3, "what was acknowledged is there");
    done("backup", &database, &["--to", text(&used), "--force"]);
    assert_eq!(done("export", &used, &[]), done("export", &database, &[]));
}
