//! What the tools give back is what was acknowledged, also while a server writes; what is damaged is named.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use rand::RngExt as _;
use rand::SeedableRng as _;

use crate::harness::{Backend, client, eventually, sql, try_post};

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

#[test]
fn what_is_exported_comes_back_bit_for_bit_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let database = difficult(folder.path());
    let expected = done("export", &database, &[]);
    assert_eq!(expected.lines().count(), 6_001);
    for name in ["a.csv", "a.ndjson", "a.parquet"] {
        let (file, copy) = (folder.path().join(name), folder.path().join(name).with_extension("db"));
        done("export", &database, &["--output", text(&file)]);
        for _ in 0..2 {
            // Twice, because once more changes nothing.
            let said = done("import", &copy, &[text(&file)]);
            assert!(said.contains("6,000 samples imported, 0"), "{said}");
            assert_eq!(done("export", &copy, &[]), expected, "{name}");
        }
        assert!(!folder.path().join(format!("{name}.afterglow-import")).exists());
        fs::remove_file(&copy).unwrap();
    }
}

#[test]
fn exports_are_what_the_server_answers() {
    let folder = tempfile::tempdir().unwrap();
    let database = difficult(folder.path());
    let backend = Backend::start(&database);
    for (arguments, query) in [
        (vec!["--signals", "c,t*"], "from=0001-01-01&signals=c,t*"),
        (vec!["--signals", r"a\,*"], "from=0001-01-01&signals=a%5C,*"),
        (vec!["--from", "0300-01-01", "--to", "500-01-01T00:00:00Z"], ""),
        (vec!["--max-points", "100"], "from=0001-01-01&max_points=100"),
        (
            vec!["--from", "0300-01-01", "--to", "0500-01-01", "--signals", "c"],
            "from=0300-01-01&to=0500-01-01&signals=c",
        ),
    ] {
        let ended = run("export", &database, &arguments);
        if query.is_empty() {
            assert_eq!(ended.code, Some(2), "a year of three digits: {}", ended.err);
            continue;
        }
        assert_eq!(
            ended.out,
            backend.get(&format!("/api/telemetry?{query}&format=csv")).text,
            "{arguments:?}"
        );
    }
    refused("export", &database, &["--from", "2", "--to", "1"], 2, "lies after");
    refused("import", &database, &[text(&folder.path().join("none.csv"))], 2, "No such file");
    backend.close();
}

/// Posts numbers from 1 on in two signals until told to stop; `acknowledged` is the highest that was.
fn write(url: &str, acknowledged: &AtomicU64, stop: &AtomicBool) {
    let agent = client();
    let mut next = 1;
    while !stop.load(Ordering::Relaxed) {
        let object = |number: u64| {
            let time = 1_700_000_000_000_000 + number;
            format!(r#"{{"timestamp":{time},"signals":{{"up":{number},"down":-{number}}}}}"#)
        };
        let objects: Vec<_> = (next..next + 20).map(object).collect();
        let answer = try_post(url, &agent, &format!("[{}]", objects.join(","))).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        next += 20;
        acknowledged.store(next - 1, Ordering::Release);
    }
}

/// How many numbers a csv has; each signal has them all from 1 on.
fn numbers(csv: &str) -> [u64; 2] {
    ["down", "up"].map(|signal| {
        let lines = csv.lines().filter_map(|line| line.split_once(&format!(",{signal},")));
        let mut count = 0_u32;
        for (_, value) in lines {
            count += 1;
            assert_eq!(value.trim_start_matches('-').parse(), Ok(f64::from(count)), "{signal}");
        }
        count.into()
    })
}

#[test]
fn exports_backups_and_examinations_go_on_while_a_server_writes() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    // Seals all the time.
    let environment = [("AFTERGLOW_SEAL_SAMPLES", "400"), ("AFTERGLOW_LOOK_MILLIS", "5")];
    let backend = Backend::start_with(&database, "127.0.0.1:0", &environment);
    let url = backend.url("");
    let (acknowledged, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| write(&url, &acknowledged, &stop));
        for round in 0..8 {
            let before = acknowledged.load(Ordering::Acquire);
            eventually("more is written", || acknowledged.load(Ordering::Acquire) > before + 100);
            let before = acknowledged.load(Ordering::Acquire);
            let exported = numbers(&done("export", &database, &[]));
            assert!(exported.iter().all(|count| *count >= before), "{exported:?}, {before} acknowledged");

            let before = acknowledged.load(Ordering::Acquire);
            let copy = folder.path().join(format!("{round}.db"));
            done("backup", &database, &["--to", text(&copy)]);
            let copied = numbers(&done("export", &copy, &[]));
            assert!(copied[0] == copied[1] && copied[0] >= before, "{copied:?}, {before} acknowledged");
            done("doctor", &database, &[]);
            done("doctor", &copy, &[]);
        }
        stop.store(true, Ordering::Relaxed);
    });
    refused("import", &database, &[text(&source(folder.path(), 1))], 3, "in use by another afterglow");
    backend.close();
    assert!(
        sql(&database, "SELECT CAST(count(*) AS TEXT) AS value FROM block")[0] != "0",
        "nothing was sealed"
    );

    let copy = folder.path().join("7.db");
    let copied = numbers(&done("export", &copy, &[]));
    let server = Backend::start(&copy);
    assert_eq!(server.samples().values().map(|samples| samples.len() as u64).collect::<Vec<_>>(), copied);
    assert_eq!(server.post(r#"{"signals":{"more":1}}"#).status, 200);
    server.close();
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
fn an_import_that_is_killed_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (database, source) = (folder.path().join("a.db"), source(folder.path(), 400_000));
    let note = folder.path().join("source.csv.afterglow-import");
    let mut child = afterglow("import", &database, &[text(&source)]).stdout(Stdio::null()).spawn().unwrap();
    eventually("a batch is committed", || {
        let text = fs::read_to_string(&note).unwrap_or_default();
        text.contains("\"position\"") && !text.contains("\"position\":0,")
    });
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "it had ended before it was killed");

    let ended = run("import", &database, &[text(&source)]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("going on after"), "{}", ended.err);
    assert!(ended.out.contains("400,000 samples imported, 0 lines refused"), "{}", ended.out);
    assert!(!note.exists());
    let exported = done("export", &database, &["--format", "ndjson"]);
    assert_eq!(exported.lines().count(), 400_000);
    let mut lines: Vec<&str> = exported.lines().collect();
    lines.sort_unstable();
    for (number, line) in lines.iter().enumerate() {
        assert!(line.ends_with(&format!("{{\"s{}\":{number}.25}}}}", number % 7)), "{number}: {line}");
    }
    done("doctor", &database, &[]);
}

#[test]
fn a_note_counts_only_for_the_same_file_and_database() {
    let folder = tempfile::tempdir().unwrap();
    let (database, source) = (folder.path().join("a.db"), source(folder.path(), 300_000));
    let note = folder.path().join("source.csv.afterglow-import");
    let half_done = || {
        let mut child =
            afterglow("import", &database, &[text(&source)]).stdout(Stdio::null()).spawn().unwrap();
        eventually("it has begun", || {
            fs::read_to_string(&note).is_ok_and(|text| text.contains("samples\":1"))
        });
        let _ = child.kill();
        child.wait().unwrap();
    };
    half_done();
    if note.exists() {
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(folder.path().join(format!("a.db{end}")));
        }
        let ended = run("import", &database, &[text(&source)]);
        assert!(ended.err.contains("beginning anew"), "{}", ended.err);
        assert_eq!(done("export", &database, &[]).lines().count(), 300_001);
    }
    half_done();
    if note.exists() {
        fs::OpenOptions::new().append(true).open(&source).unwrap().write_all(b"1,more,1\n").unwrap();
        let ended = run("import", &database, &[text(&source)]);
        assert!(ended.err.contains("beginning anew"), "{}", ended.err);
        assert_eq!(done("export", &database, &[]).lines().count(), 300_002);
    }
}

#[test]
fn bad_lines_are_shown_and_do_not_sink_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, content: &[u8], good: usize, said: &[&str]| {
        let (database, file) = (folder.path().join("bad.db"), folder.path().join(name));
        fs::write(&file, content).unwrap();
        let ended = run("import", &database, &[text(&file)]);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        for said in said {
            assert!(ended.err.contains(said), "{said}: {}", ended.err);
        }
        assert!(
            ended.out.contains(&format!("{good} samples imported, {} lines refused", said.len())),
            "{}",
            ended.out
        );
        assert_eq!(done("export", &database, &[]).lines().count(), good + 1);
        fs::remove_file(&database).unwrap();
    };
    check(
        "a.csv",
        b"timestamp,signal,value\r\n1,a,1\r\n\n1,a\nx,a,1\n2,a,NaN\n3,\"a,1\n4,a\xff,1\n4,,1\n2999-01-01,a,1\n5,\"a\",2",
        2,
        &[
            "line 4: it has fewer",
            "line 5: the timestamp",
            "line 6: the value NaN is not finite",
            "line 7: a quoted field",
            "line 8: it is not UTF-8 at byte 3",
            "line 9: the signal's name is empty",
            "line 10: 2999-01-01T00:00:00.000000Z is more than 5 minutes ahead",
        ],
    );
    check(
        "a.ndjson",
        b"{\"timestamp\":1,\"signals\":{\"a\":1,\"b\":\"x\",\"c\":null}}\n{]\n\n7\n{\"signals\":{\"now\":1}}\n{\"timestamp\":2,\"signals\":{\"a\":tr",
        2,
        &[
            "line 1: b: the value is a text; a number is expected (and 1 more of the line's samples)",
            "line 6: the text is not JSON at column 31",
            "line 2: the text is not JSON at column 2",
            "line 4: this is a number",
        ][..],
    );
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
    import(&file("a.csv", "time,name,value\n1,a,1\n"), 2, "timestamp,signal,value is expected");
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

/// A database with samples in blocks and in the journal, whose server was killed.
fn in_both(folder: &Path) -> PathBuf {
    let database = folder.join("both.db");
    let backend = Backend::start(&database);
    let post = |first: u64, count: u64| {
        let object = |number: u64| {
            format!(r#"{{"timestamp":{},"signals":{{"a":{number},"b":0.5}}}}"#, 1_700_000_000 + number)
        };
        let objects: Vec<_> = (first..first + count).map(object).collect();
        assert_eq!(backend.post(&format!("[{}]", objects.join(","))).status, 200);
    };
    post(0, 20_000);
    backend.close();
    let backend = Backend::start(&database);
    let object = r#"{"timestamp":1800000000,"signals":{"a":1}}"#;
    assert_eq!(backend.post(&object.replace("18", "17")).status, 200);
    backend.kill_nine();
    database
}

#[test]
fn a_flipped_byte_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let database = in_both(folder.path());
    done("doctor", &database, &[]);
    let [row] = &sql(
        &database,
        "SELECT block.id || ' ' || hex(payload) AS value FROM block JOIN signal \
        ON signal.id = signal_id WHERE name = 'b' LIMIT 1",
    )[..] else {
        panic!("no block")
    };
    let (id, payload) = row.split_once(' ').unwrap();
    let at = payload.len() / 2;
    let flipped = if payload.as_bytes()[at] == b'0' { "1" } else { "0" };
    let payload = format!("{}{flipped}{}", &payload[..at], &payload[at + 1..]);
    sql(
        &database,
        &format!("UPDATE block SET payload = x'{payload}' WHERE id = {id} RETURNING 'done' AS value"),
    );

    let ended = run("doctor", &database, &[]);
    assert_eq!(ended.code, Some(5), "{}", ended.err);
    assert!(
        ended.out.contains(&format!("block {id} of b, 2023-11-14T22:13:20.000000Z to ")),
        "{}",
        ended.out
    );
    assert!(ended.out.contains("its checksum is wrong"), "{}", ended.out);
    let ended = run("doctor", &database, &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((ended.code, json["sound"].as_bool()), (Some(5), Some(false)));
    assert_eq!(json["damage"][0]["signal"], "b");
    assert_eq!(json["damage"][0]["id"], id);
    // The rest is still had.
    let ended = run("export", &database, &[]);
    assert_eq!(ended.code, Some(5), "{}", ended.err);
    assert_eq!(ended.out.lines().filter(|line| line.contains(",a,")).count(), 20_000);

    sql(&database, "UPDATE block SET max = max + 1 WHERE signal_id = 0 RETURNING 'done' AS value");
    sql(&database, "UPDATE journal_a SET samples = replace(samples, '1', '2') RETURNING 'done' AS value");
    sql(&database, "UPDATE journal_b SET samples = replace(samples, '1', '2') RETURNING 'done' AS value");
    let found = run("doctor", &database, &[]).out;
    assert!(found.contains("damaged in 3 places"), "{found}");
    assert!(found.contains("its summary is not that of its samples"), "{found}");
    assert!(found.contains("  journal_"), "{found}");
}

#[test]
fn what_people_saved_is_read_row_by_row() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("saved.db");
    let backend = Backend::start(&database);
    assert_eq!(backend.post(r#"{"signals":{"oven":1,"pump":2}}"#).status, 200);
    for title in ["one", "two", "three"] {
        let answer = backend.send("POST", "/api/boards", &format!(r#"{{"title":"{title}","panels":[]}}"#));
        assert_eq!(answer.status, 201, "{}", answer.text);
        let note = format!(r#"{{"text":"{title}","from":1700000000,"to":1700000060,"tags":["a"]}}"#);
        assert_eq!(backend.send("POST", "/api/annotations", &note).status, 201);
    }
    for signal in ["oven", "pump"] {
        assert_eq!(backend.send("PATCH", &format!("/api/signals/{signal}"), r#"{"unit":"K"}"#).status, 200);
    }
    backend.close();
    done("doctor", &database, &[]);

    for damage in [
        "board SET document = replace(document, 'one', 'eno') WHERE id = 'one'",
        "board SET document = substr(document, 2) WHERE id = 'two'",
        "annotation SET tags = '[1]' WHERE id = 1",
        "annotation SET last_timestamp = 0 WHERE id = 2",
        r#"metadata SET document = '{"colour":"red"}' WHERE signal_id = 1"#,
    ] {
        assert_eq!(sql(&database, &format!("UPDATE {damage} RETURNING 'done' AS value")), ["done"]);
    }
    let ended = run("doctor", &database, &[]);
    assert_eq!(ended.code, Some(5), "{}", ended.err);
    for found in [
        "damaged in 5 places",
        "board one: its address, version or title is not that of its document",
        "board two: its document cannot be read",
        "annotation 1, 2023-11-14T22:13:20.000000Z to 2023-11-14T22:14:20.000000Z: its document",
        "annotation 2, 2023-11-14T22:13:20.000000Z to 1970-01-01T00:00:00.000000Z: to",
        "metadata 1 of pump: colour",
    ] {
        assert!(ended.out.contains(found), "{found}: {}", ended.out);
    }
}

#[test]
fn blocks_that_overlap_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let database = in_both(folder.path());
    let columns = "SELECT group_concat(name) AS value FROM pragma_table_info('block') WHERE name <> 'id'";
    let columns = &sql(&database, columns)[0];
    sql(
        &database,
        &format!(
            "INSERT INTO block ({columns}) SELECT {columns} FROM block WHERE signal_id = 0 RETURNING 'x' AS value"
        ),
    );
    let ended = run("doctor", &database, &[]);
    assert_eq!(ended.code, Some(5), "{}", ended.err);
    assert!(ended.out.contains(" of a, ") && ended.out.contains("it overlaps block "), "{}", ended.out);
}

#[test]
fn whatever_happens_to_the_file_the_doctor_does_not_panic() {
    let folder = tempfile::tempdir().unwrap();
    let database = in_both(folder.path());
    // All in one file.
    let sound = folder.path().join("sound.db");
    done("backup", &database, &["--to", text(&sound)]);
    done("doctor", &sound, &[]);
    let (original, damaged) = (fs::read(&sound).unwrap(), folder.path().join("damaged.db"));
    let mut random = rand::rngs::StdRng::seed_from_u64(7);
    let mut found = 0;
    for round in 0..80 {
        let mut bytes = original.clone();
        let what = if round % 4 == 0 {
            bytes.truncate(random.random_range(0..original.len()));
            format!("cut to {}", bytes.len())
        } else {
            let at: Vec<usize> = (0..round).map(|_| random.random_range(0..original.len())).collect();
            at.iter().for_each(|at| bytes[*at] ^= 1 << (at % 8));
            format!("flipped {at:?}")
        };
        fs::write(&damaged, bytes).unwrap();
        let ended = run("doctor", &damaged, &[]);
        assert!(matches!(ended.code, Some(0 | 3 | 5)), "{what}: {:?} {}", ended.code, ended.err);
        assert!(!ended.err.contains("panicked"), "{what}: {}", ended.err);
        found += u32::from(ended.code != Some(0));
        let exported = run("export", &damaged, &[]);
        assert!(exported.code.is_some() && !exported.err.contains("panicked"), "{what}: {}", exported.err);
    }
    assert!(found > 60, "only {found} of 80 damaged files were noticed");
}
