//! What is exported is what was acknowledged, bit for bit, and what the server answers.

use super::*;

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

#[test]
fn the_list_of_signals_may_come_in_parts_and_has_no_empty_names() {
    let folder = tempfile::tempdir().unwrap();
    let database = difficult(folder.path());
    let export = |arguments: &[&str]| {
        let exported = done("export", &database, arguments);
        assert_eq!(exported.lines().count() - 1, 2_000 * arguments.len().div_ceil(2), "{arguments:?}");
        exported
    };
    let (quoted, accented) = (r#"a\,"b""#, r"température \\ x");
    let in_parts = export(&["--signals", quoted, "--signals", "c"]);
    assert_eq!(in_parts, done("export", &database, &["--signals", &format!("{quoted},c")]));
    assert!(in_parts.contains(r#","a,""b""","#), "a comma after a backslash is one of the name");
    assert!(export(&["--signals", accented]).contains(r",température \ x,"));
    for list in ["", " ", "c,", ",c", "c,,c"] {
        refused(
            "export",
            &database,
            &["--signals", list],
            2,
            "--signals <NAMES>': the signal's name is empty",
        );
        refused("export", &database, &["--signals", "c", "--signals", list], 2, "the signal's name is empty");
    }
}
