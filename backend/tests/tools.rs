//! What the tools give back is what was acknowledged, also while a server writes; what is damaged is named.

mod backup;
mod doctor;
mod export;
mod import;
mod meanwhile;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::Backend;

/// What a tool ended with.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A tool, ready to run.
pub(crate) fn afterglow(tool: &str, database: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_afterglow"));
    command.args([tool, "--database"]).arg(database).args(arguments).env("AFTERGLOW_LOG", "warn");
    command
}

/// Runs a tool to its end.
pub(crate) fn run(tool: &str, database: &Path, arguments: &[&str]) -> Ended {
    let output = afterglow(tool, database, arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs a tool that should succeed; what it printed.
pub(crate) fn done(tool: &str, database: &Path, arguments: &[&str]) -> String {
    let ended = run(tool, database, arguments);
    assert_eq!(ended.code, Some(0), "{tool} {arguments:?}: {}", ended.err);
    ended.out
}

/// Runs a tool that should refuse with `code` and say `why`.
fn refused(tool: &str, database: &Path, arguments: &[&str], code: i32, why: &str) {
    let ended = run(tool, database, arguments);
    assert_eq!(ended.code, Some(code), "{tool} {arguments:?}: {}", ended.err);
    assert!(ended.err.contains(why), "{tool} {arguments:?}: {}", ended.err);
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A closed database with everything that is hard to write down.
fn difficult(folder: &Path) -> PathBuf {
    let database = folder.join("difficult.db");
    let backend = Backend::start(&database);
    let values =
        ["-0.0", "0", "5e-324", "2.2250738585072014e-308", "1.7976931348623157e308", "0.1", "-1e-7", "42"];
    let mut objects = Vec::new();
    for (number, value) in (0_i64..).zip(values.iter().cycle().take(2_000)) {
        let time = -62_135_596_800_000_000 + number * 12_345_678_901_234;
        objects.push(format!(
            r#"{{"timestamp":{time},"signals":{{"a,\"b\"":{value},"température \\ x":{number}.5,"c":{value}}}}}"#
        ));
    }
    let answer = backend.post(&format!("[{}]", objects.join(",")));
    assert_eq!((answer.status, answer.json()["accepted"].as_u64()), (200, Some(6_000)), "{}", answer.text);
    backend.close();
    database
}

/// A csv of `count` samples of a few signals, in order of time.
fn source(folder: &Path, count: u64) -> PathBuf {
    let path = folder.join("source.csv");
    let mut text = String::from("timestamp,signal,value\n");
    for number in 0..count {
        text.push_str(&format!("{},s{},{number}.25\n", 1_600_000_000_000_000 + number, number % 7));
    }
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn files_that_are_something_else_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let database = folder.path().join("a.db");
    let import = |path: &Path, code, why| refused("import", &database, &[text(path)], code, why);
    import(&file("a.csv", "a,b,c\n1,a,1\n"), 2, "timestamp,signal,value is expected");
    import(&file("empty.csv", ""), 2, "timestamp,signal,value is expected");
    import(&file("a.parquet", "timestamp,signal,value\n"), 2, "cannot be read as Parquet");
    import(&file("a.txt", "timestamp,signal,value\n"), 2, "add --format");
    import(folder.path(), 2, "--format");
    assert!(!database.exists(), "a database was made for nothing");
    import(&file("b.csv", "timestamp,signal,value\nx\n"), 2, "nothing in");

    let other = file("other.db", &"no database at all ".repeat(100));
    let copy = folder.path().join("copy.db");
    for (tool, arguments) in [("export", vec![]), ("doctor", vec![]), ("backup", vec!["--to", text(&copy)])] {
        refused(tool, &folder.path().join("none.db"), &arguments, 3, "No such file");
        refused(tool, &other, &arguments, 3, "not a database of Afterglow");
        refused(tool, folder.path(), &arguments, 3, "not a file");
        assert!(!copy.exists() && !folder.path().join("none.db").exists());
    }
    assert_eq!(
        fs::read_dir(&folder)
            .unwrap()
            .filter(|e| text(&e.as_ref().unwrap().path()).ends_with(".partial"))
            .count(),
        0
    );
}

#[test]
fn an_older_schema_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/schema-1.db");
    fs::copy(golden, &database).unwrap();
    let before = fs::read(&database).unwrap();
    let copy = folder.path().join("copy.db");
    for (tool, arguments) in [("export", vec![]), ("doctor", vec![]), ("backup", vec!["--to", text(&copy)])] {
        refused(tool, &database, &arguments, 3, "afterglow migrate");
    }
    assert!(fs::read(&database).unwrap() == before);
    let migrated = Command::new(env!("CARGO_BIN_EXE_afterglow"))
        .args(["migrate", "--database"])
        .arg(&database)
        .output()
        .unwrap();
    assert!(migrated.status.success());
    done("doctor", &database, &[]);
}

#[test]
fn nothing_is_overwritten_unless_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let database = difficult(folder.path());
    let target = folder.path().join("target.csv");
    fs::write(&target, "precious").unwrap();
    for (tool, option) in [("export", "--output"), ("backup", "--to")] {
        refused(tool, &database, &[option, text(&target)], 2, "exists and is left as it is");
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        refused(tool, &database, &[option, text(folder.path()), "--force"], 2, "is a folder");
    }
    done("export", &database, &["--output", text(&target), "--force"]);
    assert_eq!(fs::read_to_string(&target).unwrap(), done("export", &database, &[]));
}
