//! What is imported: all that is good in a file, once, also when the import was killed on the way.

use std::io::Write as _;
use std::process::Stdio;

use super::*;
use crate::harness::eventually;

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
        assert!(ended.err.contains("starting over"), "{}", ended.err);
        assert_eq!(done("export", &database, &[]).lines().count(), 300_001);
    }
    half_done();
    if note.exists() {
        fs::OpenOptions::new().append(true).open(&source).unwrap().write_all(b"1,more,1\n").unwrap();
        let ended = run("import", &database, &[text(&source)]);
        assert!(ended.err.contains("starting over"), "{}", ended.err);
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
        b"{\"timestamp\":1,\"signals\":{\"a\":1,\"b\":\"x\",\"c\":null}}\n{]\n\n7\n{\"timestamp\":null,\"signals\":{\"now\":1}}\n{\"timestamp\":2,\"signals\":{\"a\":tr",
        1,
        &[
            "line 5: the object has no time; in a file each must have a timestamp",
            "line 1: b: the value is a text; a number is expected (and 1 more of the line's samples)",
            "line 6: the text is not JSON at column 31",
            "line 2: the text is not JSON at column 2",
            "line 4: this is a number",
        ][..],
    );
}

#[test]
fn a_file_of_which_nothing_is_stored_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("none.db");
    for (name, content, said) in [
        ("header.csv", "timestamp,a,b\n", "it has no samples"),
        ("return.csv", "timestamp,a,b\r", "it has no samples"),
        ("cells.csv", "timestamp,a,b\n2026-01-01,,\n2026-01-02,,\n", "it has no samples"),
        ("empty.ndjson", "", "it has no samples"),
        ("blank.ndjson", "\n[\n]\n", "it has no samples"),
        ("times.ndjson", "{\"signals\":{\"a\":1}}\n", "nothing in it can be used"),
        ("words.csv", "timestamp,a\n2026-01-01,x\n", "nothing in it can be used"),
    ] {
        let file = folder.path().join(name);
        fs::write(&file, content).unwrap();
        for options in [&["--dry-run", text(&file)][..], &[text(&file)]] {
            let ended = run("import", &database, options);
            assert!(
                ended.code != Some(0) && ended.err.contains(said),
                "{name}: {:?} {}",
                ended.code,
                ended.err
            );
        }
    }
    let file = folder.path().join("returns.csv");
    fs::write(&file, "timestamp,a\r2026-01-01,1\r2026-01-02,2\r").unwrap();
    assert!(done("import", &database, &[text(&file)]).contains("2 samples imported, 0 lines refused"));
}

#[test]
fn a_damaged_parquet_file_ends_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (database, file) = (difficult(folder.path()), folder.path().join("all.parquet"));
    done("export", &database, &["--output", text(&file)]);
    let bytes = fs::read(&file).unwrap();
    let (damaged, target) = (folder.path().join("damaged.parquet"), folder.path().join("b.db"));
    let mut refused = 0;
    for at in (4..bytes.len()).step_by(7) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0xff;
        fs::write(&damaged, bytes).unwrap();
        let ended = run("import", &target, &["--dry-run", text(&damaged)]);
        assert!(matches!(ended.code, Some(0..=2)) && !ended.err.contains("panicked"), "{at}: {}", ended.err);
        refused += usize::from(ended.code != Some(0));
    }
    assert!(refused > 0, "nothing was damaged");
}

/// In requests and in files alike.
#[test]
fn dates_without_an_order_and_names_of_two_series_are_refused_by_the_option_that_helps() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start(&folder.path().join("served.db"));
    let headers = [("content-type", "text/csv")];
    let post = |query: &str, body: &str| {
        let answer = backend.send_with("POST", &format!("/api/telemetry?{query}"), body, &headers);
        (answer.status, answer.text)
    };
    let (database, file) = (folder.path().join("a.db"), folder.path().join("dates.csv"));
    let dates = "time,a\n03/04/2026 8:15 PM,1\n";
    fs::write(&file, dates).unwrap();
    for (option, expected) in [("dmy", "2026-04-03T20:15"), ("mdy", "2026-03-04T20:15")] {
        assert_eq!(post(&format!("dates={option}"), dates).0, 200);
        done("import", &database, &[text(&file), "--dates", option]);
        assert!(done("export", &database, &[]).contains(expected), "{option}");
        assert!(backend.get("/api/telemetry?from=2026-01-01&format=csv").text.contains(expected), "{option}");
    }
    let (status, said) = post("", dates);
    assert!(status == 400 && said.contains("`dates` says which, dmy or mdy"), "{said}");
    refused("import", &database, &[text(&file)], 2, "`dates` says which, dmy or mdy");
    let (status, said) = post("dates=ymd", dates);
    assert!(status == 400 && said.contains("dates") && said.contains("bad_parameter"), "{said}");
    refused("import", &database, &[text(&file), "--dates", "ymd"], 2, "--dates");

    let line = "{\"timestamp\":\"03/04/2026 08:00\",\"signals\":{\"b\":1}}";
    assert_eq!(backend.send("POST", "/api/telemetry?dates=dmy", line).status, 200);
    let stored = backend.get("/api/telemetry?from=2026-01-01&signals=b&format=csv").text;
    assert!(stored.contains("2026-04-03T08:00"), "{stored}");
    assert_eq!(backend.send("POST", "/api/telemetry", line).status, 400);

    let tagged = ",_time,_value,_field,_measurement,host,rack\n,2026-01-02T00:00:00Z,1,v,m,x,\n,2026-01-03T00:00:00Z,2,v,m,,x\n";
    let file = folder.path().join("tagged.csv");
    fs::write(&file, tagged).unwrap();
    let (status, said) = post("", tagged);
    assert!(status == 200 && said.contains("rack=") && said.contains("`tags`, if it is pairs"), "{said}");
    assert_eq!(post("tags=pairs", tagged).0, 200);
    let ended = run("import", &database, &[text(&file)]);
    assert!(ended.err.contains("`tags`, if it is pairs"), "{}", ended.err);
    done("import", &database, &[text(&file), "--tags", "pairs"]);
    let exported = done("export", &database, &[]);
    for stored in [backend.get("/api/telemetry?from=2026-01-01&format=csv").text, exported] {
        for name in ["m.host=x.v,1", "m.rack=x.v,2"] {
            assert!(stored.contains(name), "{stored}");
        }
    }
    let (status, said) = post("tags=all", tagged);
    assert!(status == 400 && said.contains("tags"), "{said}");
    backend.close();
}
