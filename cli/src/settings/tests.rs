use clap::{Args, FromArgMatches as _, Parser};
use expect_test::{Expect, expect};

use super::*;
use crate::Section;

#[derive(Args, Debug, PartialEq)]
struct Server {
    #[arg(long, default_value = "127.0.0.1:1", value_name = "ADDRESS:PORT")]
    listen: std::net::SocketAddr,
    #[arg(long, default_value_t = false, num_args = 0..=1, default_missing_value = "true")]
    insecure: bool,
}

#[derive(Args, Debug, PartialEq)]
struct Live {
    #[arg(long, default_value_t = Seconds(10), value_parser = within(Seconds(1)..=Seconds(3_600)))]
    slow_seconds: Seconds,
    #[arg(long, default_value_t = 4, value_parser = within(1_u32..=64))]
    readers: u32,
    #[arg(long)]
    names: Vec<String>,
}

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, clap::Subcommand)]
enum Sub {
    Serve {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        live: Live,
    },
    Other,
}

fn values(toml: &str) -> Result<Values, crate::ConfigError> {
    let mut file = Section::parse(toml, "a.toml".into())?;
    let mut values = Values::default();
    file.settings::<Server>("server", &mut values)?;
    file.settings::<Live>("live", &mut values)?;
    file.finish()?;
    Ok(values)
}

fn serve(toml: &str, arguments: &[&str]) -> (Server, Live) {
    let command = values(toml).unwrap().into_defaults(<Cli as clap::CommandFactory>::command());
    let matches = command.try_get_matches_from(["x", "serve"].iter().chain(arguments)).unwrap();
    match Cli::from_arg_matches(&matches).unwrap().command {
        Sub::Serve { server, live } => (server, live),
        Sub::Other => panic!("serve is a command"),
    }
}

#[test]
fn arguments_win_over_the_file_and_the_file_over_defaults() {
    let toml = "[server]\ninsecure = true\n[live]\nslow_seconds = 7\nreaders = 8\nnames = ['a', 'b']";
    let (server, live) = serve(toml, &["--readers", "9"]);
    assert_eq!(server, Server { listen: "127.0.0.1:1".parse().unwrap(), insecure: true });
    assert_eq!(live, Live { slow_seconds: Seconds(7), readers: 9, names: vec!["a".into(), "b".into()] });
    assert!(!serve(toml, &["--insecure=false"]).0.insecure);
}

#[test]
fn errors_name_file_table_key_and_what_is_allowed() {
    let check = |toml: &str, expected: Expect| expected.assert_eq(&values(toml).unwrap_err().to_string());
    check(
        "[live]\nreaders = 65",
        expect!["a.toml: [live]: `readers = 65` is not allowed; it takes a whole number from 1 to 64"],
    );
    check(
        "[live]\nslow_seconds = 1.5",
        expect![
            "a.toml: [live]: `slow_seconds = 1.5` is not allowed; it takes a whole number from 1 to 3600"
        ],
    );
    check(
        "[server]\ninsecure = 'maybe'",
        expect![[r#"a.toml: [server]: `insecure = "maybe"` is not allowed; it takes true or false"#]],
    );
    check(
        "[server]\nlisten = { port = 1 }",
        expect!["a.toml: [server]: `listen = {...}` is not allowed; it takes ADDRESS:PORT"],
    );
    check(
        "[live]\nslow_second = 1",
        expect![
            "a.toml: [live]: `slow_second` is not a key here; did you mean `slow_seconds`? allowed are slow_seconds, readers, names"
        ],
    );
    check("readers = 4", expect!["a.toml: `readers` belongs in the table [live]"]);
    check(
        "[sever]\nlisten = 1",
        expect!["a.toml: `sever` is not a key here; did you mean `server`? allowed are server, live"],
    );
    check("x = 1", expect!["a.toml: `x` is not a key here; allowed are server, live"]);
}
