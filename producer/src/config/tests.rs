use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use expect_test::{Expect, expect};

use super::*;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

/// What `arguments` and the file result in.
fn configured(file: File, arguments: &[&str]) -> Config {
    let arguments = ["producer"].iter().chain(arguments).map(Into::into);
    let settings = file.parse_arguments::<Arguments>(arguments).settings;
    file.configure(settings).unwrap()
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    File::parse(text, "p.toml", Path::new("/etc/p")).map(|file| configured(file, &[]))
}

fn committed() -> Config {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/producer.toml"));
    configured(File::read(path).unwrap(), &[])
}

fn refuse(text: &str, expected: &Expect) {
    expected.assert_eq(&parse(text).unwrap_err().to_string());
}

#[test]
fn the_committed_file_is_valid_and_runs_all_shapes_and_the_host() {
    let config = committed();
    let labels: Vec<_> = config.inputs.iter().map(Input::label).collect();
    assert_eq!(labels, ["sine", "cosine", "noise", "random_walk", "damped", "host"]);
}

#[test]
fn the_committed_file_says_the_defaults() {
    let bare = "
        [[signal]]\nname = 'sine'\nshape = 'sine'
        [[signal]]\nname = 'cosine'\nshape = 'cosine'
        [[signal]]\nname = 'noise'\nshape = 'noise'
        [[signal]]\nname = 'random_walk'\nshape = 'random_walk'
        [[signal]]\nname = 'damped'\nshape = 'damped'
        [[host]]";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(committed(), configured(File::parse(bare, "bare", folder).unwrap(), &[]));
}

#[test]
fn a_key_that_cannot_be_read_is_an_error_that_names_its_file() {
    let file = File::parse("key_file = 'none'\n[[host]]", "p.toml", Path::new("/etc/p")).unwrap();
    let settings = file.parse_arguments::<Arguments>(["producer".into()]).settings;
    let error = file.configure(settings).unwrap_err().to_string();
    assert!(error.starts_with("/etc/p/none: "), "{error}");
}

#[test]
fn paths_count_from_the_file() {
    let config = parse("[spool]\nfolder = 'kept'\n[[host]]").unwrap();
    assert_eq!(config.spool, Path::new("/etc/p/kept"));
    let config = parse("[spool]\nfolder = '/var/kept'\n[[host]]").unwrap();
    assert_eq!(config.spool, Path::new("/var/kept"));
    assert_eq!(parse("[[host]]").unwrap().spool, Path::new("/etc/p/spool"));
}

#[test]
fn arguments_win_over_the_file_and_the_file_over_defaults() {
    let text = "backend = 'http://a:1'\nseed = 7\n[uplink]\nhold_ms = 5\n[[host]]";
    let file = File::parse(text, "p.toml", Path::new("")).unwrap();
    let config = configured(file, &["--backend", "http://b:2/", "--spool", "here"]);
    assert_eq!(
        (&*config.backend, config.seed, config.limits.hold),
        ("http://b:2", 7, Duration::from_millis(5))
    );
    assert_eq!((config.spool, config.timeout), (PathBuf::from("here"), Duration::from_secs(10)));
}

#[test]
fn the_programs_of_the_outbox_and_of_the_file_have_the_same_defaults() {
    assert_eq!(parse("[[host]]").unwrap().limits, Limits::default());
}

#[test]
fn errors_say_where_what_and_what_is_allowed() {
    refuse(
        "[[signal]]\nname = 'a'\nshape = 'sine'\nperiod_ms = 0",
        &expect![[
            r#"p.toml: [[signal]] "a": `period_ms = 0` is not allowed; it takes a whole number from 1 to 86400000"#
        ]],
    );
    refuse(
        "[[signal]]\nname = 'a'\nshape = 'square'",
        &expect![[
            r#"p.toml: [[signal]] "a": `shape = "square"` is not allowed; it takes one of sine, cosine, noise, random_walk, damped"#
        ]],
    );
    refuse(
        "[[signal]]\nshape = 'sine'",
        &expect![
            "p.toml: [[signal]] number 1: `name` is missing; it takes the signal's name, a text of 1 to 256 bytes"
        ],
    );
    refuse(
        "[[signal]]\nname = 'a'\nshape = 'noise'\nstep = 1",
        &expect![[
            r#"p.toml: [[signal]] "a": `step` is not a key here; allowed are name, period_ms, shape, amplitude"#
        ]],
    );
    refuse(
        "[[signal]]\nname = 'a'\nshape = 'noise'\n[[signal]]\nname = 'a'\nshape = 'sine'",
        &expect![[r#"p.toml: [[signal]] "a": a is there twice; each may be there once"#]],
    );
    refuse(
        "[[signal]]\nname = 'a'\nshape = 'sine'\namplitude = 'big'",
        &expect![[
            r#"p.toml: [[signal]] "a": `amplitude = "big"` is not allowed; it takes a number from 0 to 1000000000000"#
        ]],
    );
    refuse(
        "backend = 'ftp://x'\n[[host]]",
        &expect![[
            r#"p.toml: `backend = "ftp://x"` is not allowed; it takes an http:// or https:// address such as http://127.0.0.1:5001"#
        ]],
    );
    refuse(
        "[uplink]\nbatch_age = 5\n[[host]]",
        &expect![
            "p.toml: [uplink]: `batch_age` is not a key here; did you mean `batch_age_ms`? allowed are batch_samples, batch_age_ms, memory_samples, hold_ms, retry_base_ms, retry_cap_ms, timeout_ms, drain_ms"
        ],
    );
    refuse(
        "[[host]]\nperiod_ms = 1.5",
        &expect![
            "p.toml: [[host]] number 1: `period_ms = 1.5` is not allowed; it takes a whole number from 200 to 86400000"
        ],
    );
    refuse(
        "[[exec]]\ncommand = 'ls'",
        &expect![[
            r#"p.toml: [[exec]] number 1: `command = "ls"` is not allowed; it takes an array of at least one text, such as ["program", "argument"]"#
        ]],
    );
    refuse(
        "[[exec]]\ncommand = ['ls']\nstdin = true",
        &expect!["p.toml: [[exec]] number 1: it takes either `command = [...]` or `stdin = true`"],
    );
    refuse(
        "[[csv]]\nfile = 'x.csv'\ntimestamps = 'now'",
        &expect![[
            r#"p.toml: [[csv]] "x.csv": `timestamps = "now"` is not allowed; it takes original or rebased"#
        ]],
    );
    refuse(
        "[[csv]]\nfile = 'x.csv'\ndates = 'ymd'",
        &expect![[
            r#"p.toml: [[csv]] "x.csv": `dates = "ymd"` is not allowed; it takes dmy (31/01/2026) or mdy (01/31/2026)"#
        ]],
    );
    refuse(
        "[[exec]]\nstdin = true\ntags = 'all'",
        &expect!["p.toml: [[exec]] number 1: `tags = \"all\"` is not allowed; it takes values or pairs"],
    );
    refuse("signal = 5", &expect!["p.toml: `signal = 5` is not allowed; it takes tables [[signal]]"]);
    refuse(
        "",
        &expect![
            "p.toml: there is nothing to send; it takes at least one of [[signal]], [[host]], [[csv]], [[exec]]"
        ],
    );
}

#[test]
fn wrong_syntax_is_shown_in_place() {
    let error = parse("seed = = 1").unwrap_err().to_string();
    assert!(error.starts_with("p.toml: TOML parse error at line 1, column 8"), "{error}");
}

#[test]
fn a_file_that_runs_programs_must_not_be_writable_by_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("producer.toml");
    let read = |text: &str, mode| {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        File::read(&path)
    };
    assert!(read("[[exec]]\ncommand = ['true']", 0o664).is_ok());
    assert!(read("[[exec]]\nstdin = true", 0o666).is_ok());
    let error = read("[[exec]]\ncommand = ['true']", 0o666).unwrap_err().to_string();
    assert!(error.contains("everybody may write"), "{error}");
}

#[test]
fn a_program_that_is_run_must_not_be_writable_by_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let (file, program) = (folder.path().join("producer.toml"), folder.path().join("program"));
    std::fs::write(&file, format!("[[exec]]\ncommand = ['{}']", program.display())).unwrap();
    std::fs::write(&program, "#!/bin/sh\n").unwrap();
    let read = |mode| {
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(mode)).unwrap();
        File::read(&file)
    };
    assert!(read(0o755).is_ok());
    let error = read(0o757).unwrap_err().to_string();
    assert!(error.contains("program, which everybody may write"), "{error}");
}
