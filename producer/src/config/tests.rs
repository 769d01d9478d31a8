use std::path::Path;

use expect_test::{Expect, expect};

use super::*;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, "p.toml", Path::new("/etc/p"))
}

fn refuse(text: &str, expected: &Expect) {
    expected.assert_eq(&parse(text).unwrap_err().to_string());
}

#[test]
fn the_committed_file_is_valid_and_runs_all_shapes_and_the_host() {
    let config = Config::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/producer.toml"))).unwrap();
    let labels: Vec<_> = config.inputs.iter().map(Input::label).collect();
    assert_eq!(labels, ["sine", "cosine", "noise", "random_walk", "damped", "host"]);
}

#[test]
fn the_committed_file_says_the_defaults() {
    let committed = Config::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/producer.toml"))).unwrap();
    let bare = "
        [[signal]]\nname = 'sine'\nshape = 'sine'
        [[signal]]\nname = 'cosine'\nshape = 'cosine'
        [[signal]]\nname = 'noise'\nshape = 'noise'
        [[signal]]\nname = 'random_walk'\nshape = 'random_walk'
        [[signal]]\nname = 'damped'\nshape = 'damped'
        [[host]]";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(committed, Config::parse(bare, "bare", folder).unwrap());
}

#[test]
fn paths_count_from_the_file() {
    let config = parse("[spool]\nfolder = 'kept'\n[[host]]").unwrap();
    assert_eq!(config.spool, Path::new("/etc/p/kept"));
    let config = parse("[spool]\nfolder = '/var/kept'\n[[host]]").unwrap();
    assert_eq!(config.spool, Path::new("/var/kept"));
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
            "p.toml: [uplink]: `batch_age` is not a key here; allowed are batch_samples, batch_age_ms, memory_samples, hold_ms, retry_base_ms, retry_cap_ms, timeout_ms, drain_ms"
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
fn addresses() {
    assert_eq!(check_backend("http://localhost:8080/").as_deref(), Ok("http://localhost:8080"));
    assert_eq!(
        check_backend("https://example.org/afterglow").as_deref(),
        Ok("https://example.org/afterglow")
    );
    for wrong in ["", "localhost", "localhost:8080", "http://", "http://x?y", "/api"] {
        assert!(check_backend(wrong).is_err(), "{wrong}");
    }
}
