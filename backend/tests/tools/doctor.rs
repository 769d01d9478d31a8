//! What is damaged is found and named, and nothing that happens to a file makes the doctor panic.

use rand::RngExt as _;
use rand::SeedableRng as _;

use super::*;
use crate::harness::sql;

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

#[test]
fn damage_of_keys_members_and_the_audit_log_is_found_and_quotes_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("a.db");
    crate::keys::key(&database, &["--scopes", "read"]);
    crate::keys::key(&database, &["--scopes", "write"]);
    done("doctor", &database, &[]);
    for (change, place, reason) in [
        (
            "UPDATE access_key SET hash = x'00' WHERE document LIKE '%read%'",
            "access_key",
            "its hash has 1 bytes",
        ),
        (
            "UPDATE access_key SET document = '{' WHERE document LIKE '%write%'",
            "access_key",
            "cannot be read",
        ),
        (
            "INSERT INTO member VALUES ('ada', 'king', 'plain', NULL, 0, x'', 0)",
            "member ada",
            "there is no role \"king\"",
        ),
        ("UPDATE member SET role = 'admin'", "member ada", "is no hash"),
        ("INSERT INTO invitation VALUES (x'00', 'ada', 0)", "invitation ada", "its hash has 1 bytes"),
        ("UPDATE audit SET who = 'nobody' WHERE id = 1", "audit 1", "it was changed"),
    ] {
        sql(&database, &format!("{change} RETURNING 'done' AS value"));
        let ended = run("doctor", &database, &[]);
        assert_eq!(ended.code, Some(5), "{change}: {}", ended.err);
        let found = ended.out.lines().any(|line| line.contains(place) && line.contains(reason));
        assert!(found, "{change}: {}", ended.out);
        assert!(!ended.out.contains("plain"), "{}", ended.out);
    }
}
