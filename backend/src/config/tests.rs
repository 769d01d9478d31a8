use expect_test::{Expect, expect};

use super::*;

fn file(toml: &str) -> Result<File, ConfigError> {
    File::take(Section::parse(toml, "./afterglow.toml".into())?)
}

/// What `arguments` and the file result in.
fn load(toml: &str, arguments: &[&str]) -> Result<Config, String> {
    file(toml).and_then(|file| Config::load(arguments, file)).map_err(|error| error.to_string())
}

fn check(toml: &str, expected: Expect) {
    expected.assert_eq(&load(toml, &[]).unwrap_err());
}

#[test]
fn errors_say_where_what_and_what_is_allowed() {
    check(
        "[server]\nlistn = \"127.0.0.1:1\"",
        expect![[
            r#"./afterglow.toml: [server]: `listn` is not a key here; did you mean `listen`? allowed are listen, insecure, plain_http, tls_cert, tls_key, redirect_listen, trusted_proxies, proxy_header, dashboard_dir, embed_from, public_url, allowed_hosts, memory, body_seconds, drain_delay"#
        ]],
    );
    check(
        "[server]\nlisten = 5001",
        expect![[
            r#"./afterglow.toml: [server]: `listen = 5001` is not allowed; it takes an address and a port, such as 127.0.0.1:5001"#
        ]],
    );
    check(
        "[server]\nlisten = \"0.0.0.0:5001\"",
        expect![[
            r#"listen = 0.0.0.0:5001 is not allowed: other machines could reach it, and keys and passwords would travel in plain text; use a loopback address such as 127.0.0.1:5001, or give it a certificate (tls_cert, tls_key), or name the proxy before it (trusted_proxies), or add --plain-http, or --insecure if everyone on that network may read and write without a key"#
        ]],
    );
    check(
        "[server]\nembed_from = \"https://a.example https://b.example/x;\"",
        expect![[
            r#"./afterglow.toml: [server]: `embed_from = "https://a.example https://b.example/x;"` is not allowed; it takes origins such as https://wiki.example.org or http://127.0.0.1:8080, without a path, or *"#
        ]],
    );
    check(
        "[server]\npublic_url = \"https://a.example/x\"",
        expect![[
            r#"./afterglow.toml: [server]: `public_url = "https://a.example/x"` is not allowed; it takes an address such as https://telemetry.example.org, without a path"#
        ]],
    );
    check(
        "[server]\nallowed_hosts = \"a.example *\"",
        expect![[
            r#"./afterglow.toml: [server]: `allowed_hosts = "a.example *"` is not allowed; it takes hosts such as telemetry.example.org or localhost:8080, without a scheme or a path"#
        ]],
    );
    check(
        "[store]\nreaders = 0",
        expect![[
            r#"./afterglow.toml: [store]: `readers = 0` is not allowed; it takes a whole number from 1 to 64"#
        ]],
    );
    check(
        "[live]\nping_seconds = -1",
        expect![[
            r#"./afterglow.toml: [live]: `ping_seconds = -1` is not allowed; it takes a whole number from 1 to 3600"#
        ]],
    );
    check(
        "[store]\nkeep_raw = 7",
        expect![[
            r#"./afterglow.toml: [store]: `keep_raw = 7` is not allowed; it takes an age: a whole number above 0 with s, m, h, d, w or y, such as 36h, or forever"#
        ]],
    );
    check(
        "[store]\nmax_size = \"1MB\"",
        expect![[
            r#"./afterglow.toml: [store]: `max_size = "1MB"` is not allowed; it takes a size: a whole number with MB, GB or TB, at least 64MB, such as 20GB"#
        ]],
    );
    check(
        "[[retention]]\nsignals = \"a.*\"\nkeep_raw = \"x\"",
        expect![[
            r#"./afterglow.toml: [[retention]] "a.*": `keep_raw = "x"` is not allowed; it takes an age: a whole number above 0 with s, m, h, d, w or y, such as 36h, or forever"#
        ]],
    );
    check(
        "[[retention]]\nkeep_raw = \"1d\"",
        expect![[
            r#"./afterglow.toml: [[retention]] number 1: `signals` is missing; it takes a signal's name, in which * stands for any characters"#
        ]],
    );
    check("readers = 4", expect![[r#"./afterglow.toml: `readers` belongs in the table [store]"#]]);
    let error = load("listen = = 1", &[]).unwrap_err();
    assert!(error.starts_with("./afterglow.toml: TOML parse error at line 1, column 10"), "{error}");
}

#[test]
fn what_is_given_wins_over_the_file() {
    let toml = "[server]\nlisten = \"127.0.0.1:1\"\ninsecure = true\n[store]\nreaders = 9";
    let config = load(toml, &["--listen", "0.0.0.0:2"]).unwrap();
    assert_eq!((config.server.listen.port(), config.store.readers), (2, 9));
    assert_eq!(config.store.database.database.file(), Some(Path::new("./data/afterglow.db")));
}

#[test]
fn the_shipped_file_says_the_defaults_and_every_setting() {
    let shipped = include_str!("../../afterglow.toml");
    // A setting is commented out without a blank after the sign, a sentence with one.
    let uncommented: String = shipped
        .lines()
        .map(|line| {
            line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned() + "\n"
        })
        .collect();
    assert!(load(&uncommented, &[]).unwrap_err().starts_with("bus is for several servers"));
    let mut given = load(&uncommented, &["--database", "postgres://db.example/afterglow"]).unwrap();
    given.store.database = load("", &[]).unwrap().store.database;
    // These have no default; the file shows examples.
    assert!(given.store.max_size.take().is_some());
    assert!(given.store.others.bus.take().is_some());
    assert!(given.store.others.bus_ca.take().is_some());
    assert!(given.server.memory.take().is_some());
    assert!(!std::mem::take(&mut given.access.cors_origins).0.is_empty());
    assert!(given.server.dashboard_dir.take().is_some());
    assert!(given.server.public_url.take().is_some());
    assert!(!std::mem::take(&mut given.server.trusted_proxies).0.is_empty());
    assert!(given.server.tls_cert.take().is_some());
    assert!(given.server.tls_key.take().is_some());
    assert!(given.server.redirect_listen.take().is_some());
    assert!(!std::mem::take(&mut given.server.embed_from).0.is_empty());
    assert!(!std::mem::take(&mut given.server.allowed_hosts).0.is_empty());
    assert_eq!(given.store.overrides.drain(..).len(), 1);
    assert!(given.alerts.alert_targets.take().is_some());
    assert_eq!(std::mem::take(&mut given.alerts.commands).len(), 1);
    assert_eq!(given.issuers.drain(..).map(|issuer| issuer.name).collect::<Vec<_>>(), ["company", "app"]);
    assert_eq!(given, load("", &[]).unwrap());
    assert_eq!(file(shipped).unwrap(), File::default(), "nothing is set until it is uncommented");

    let declared = Config::augment_args(Command::new("afterglow"));
    let values = file(&uncommented).unwrap().values;
    for arg in declared.get_arguments() {
        assert!(values.get(arg.get_id().as_str()).is_some(), "{} is not in the file", arg.get_id());
    }
}

#[test]
fn ranges_in_the_help_are_those_that_are_checked() {
    let declared = Config::augment_args(Command::new("afterglow"));
    let mut ranges = 0;
    for arg in declared.get_arguments() {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let words: Vec<&str> = help.split_whitespace().collect();
        let numbers = words.windows(3).find_map(|words| {
            let number = |word: &str| word.trim_matches(';').parse::<u64>().ok();
            Some((number(words[0])?, number(words[2])?)).filter(|_| words[1] == "to")
        });
        let Some((least, most)) = numbers else { continue };
        let long = arg.get_long().unwrap();
        let accepts = |value: u64| load("", &[&format!("--{long}={value}")]).is_ok();
        assert!(accepts(least) && accepts(most) && !accepts(least - 1) && !accepts(most + 1), "{long}");
        ranges += 1;
    }
    assert_eq!(ranges, 9);
}

#[test]
fn a_bus_is_for_servers_of_a_shared_database_and_its_password_is_shown_nowhere() {
    let database = ["--database", "postgres://db.example/afterglow"];
    let refused = |arguments: &[&str]| load("", &[&database, arguments].concat()).unwrap_err();
    let config = load("", &[&database[..], &["--bus", "nats://me:s3cret@bus.example"]].concat()).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
    assert_eq!(config.store.bus().unwrap().unwrap().to_string(), "nats://bus.example:4222");
    assert_eq!(load("", &database).unwrap().store.bus(), Ok(None));
    let file = load("", &["--bus", "nats://127.0.0.1"]).unwrap_err();
    assert!(file.contains("PostgreSQL"), "{file}");
    assert!(refused(&["--bus", "nats://bus.example"]).contains("in plain text and without"));
    assert!(!refused(&["--bus", "nats://me:s3cret@bus.example/x"]).contains("s3cret"));
    assert!(refused(&["--bus-ca", "a.pem"]).contains("there is no bus"));
    assert!(refused(&["--bus", "nats://127.0.0.1", "--bus-ca", "a.pem"]).contains("tls://"));
}

#[test]
fn what_runs_programs_must_not_be_writable_by_everybody() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let (path, program) = (folder.path().join("afterglow.toml"), folder.path().join("page"));
    std::fs::write(&program, "#!/bin/sh\n").unwrap();
    let read = |toml: &str, mode, of_program| {
        std::fs::write(&path, toml).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(of_program)).unwrap();
        File::read(&path).map_err(|error| error.to_string())
    };
    let toml = format!("[[alert_command]]\nname = 'page'\nrun = ['{}', 'ops']", program.display());
    assert!(read(&toml, 0o664, 0o775).is_ok());
    assert!(read("", 0o666, 0o775).is_ok(), "it runs nothing");
    let error = read(&toml, 0o666, 0o775).unwrap_err();
    assert!(error.contains("everybody may write this file"), "{error}");
    let error = read(&toml, 0o664, 0o777).unwrap_err();
    assert!(error.contains("page, which everybody may write"), "{error}");
}
