//! The command line. Nothing else sees the arguments; the exit codes are decided here.

mod serve;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::access::issuers::Issuers;
use crate::clock::Clock;
use crate::config::{Config, ConfigError, File};
use crate::http::contract;
use crate::pipeline::PipelineError;
use crate::store::{OpenError, Store};
use crate::tls::{Certificate, TlsError};
use crate::tools::{
    ToolError, access, advice, backup, delete, doctor, export, import, migrate, push, ready, rules, tail,
    tenants, upgrade,
};

/// Send a number, see it move at once, keep it for years.
#[derive(Debug, Parser)]
#[command(name = "afterglow", version, about, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,

    /// A TOML file: the long options with underscores, in tables as in the shipped afterglow.toml
    #[arg(long, env = "AFTERGLOW_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take samples in, keep them, serve the dashboard
    Serve(Box<Config>),
    /// Make the database or bring it up to date, or copy everything in it to another one, then end
    Migrate {
        #[command(flatten)]
        config: Box<Config>,

        #[command(flatten)]
        transfer: migrate::Options,

        /// Keep no copy of the database as it was before
        #[arg(long, conflicts_with = "to")]
        no_copy: bool,
    },
    /// Say whether the configuration is valid, then end
    CheckConfig(Box<Config>),
    /// Say whether this version can take over the configuration and the database, also while another one serves; changes nothing
    UpgradeCheck(Box<Config>),
    /// Write samples as csv, ndjson or parquet, also while a server runs
    Export(export::Options),
    /// Take samples in from such a file, while no server runs
    Import(import::Options),
    /// Delete samples, or signals as a whole, while no server runs
    Delete(delete::Options),
    /// Copy the database, also while a server runs
    Backup(backup::Options),
    /// Verify everything in the database and say what is there, also while a server runs
    Doctor(doctor::Options),
    /// Check rules in a file, or test them on what is stored
    Rules(rules::Options),
    /// Follow signals of a running server: values in place, or lines of JSON when piped
    Tail(tail::Options),
    /// Send the numbers that another program prints, one a line, to a running server
    Push(push::Options),
    /// Say who may do what: keys, and links for those who cannot log in
    #[command(subcommand)]
    Access(access::Command),
    /// Let others use the same server, who know nothing of each other
    #[command(subcommand)]
    Tenant(tenants::Command),
    /// Examine the log of what was done
    #[command(subcommand)]
    Audit(access::AuditCommand),
    /// Say whether a running server can store samples: exit code 0 or 1, for health checks
    Ready(ready::Options),
    /// Write manual pages, completions for bash, fish and zsh, and the API's OpenAPI document
    Manual {
        /// Where to; below it they lie as below /usr/share
        folder: PathBuf,
    },
}

impl Cli {
    /// Reads the arguments, and the file that they or the environment name. Wrong arguments end the process.
    fn read() -> Result<Self, ConfigError> {
        let cli = Self::parse();
        let Some(path) = &cli.config else { return Ok(cli) };
        let file = File::read(path)?;
        let matches = file.values.into_defaults(Self::command()).get_matches();
        let mut cli = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        if let Command::Serve(config)
        | Command::Migrate { config, .. }
        | Command::CheckConfig(config)
        | Command::UpgradeCheck(config) = &mut cli.command
        {
            config.take_tables(file.tables);
        }
        Ok(cli)
    }
}

/// What ended the program, other than success.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{}{}", .0, advice(.0))]
    Open(#[from] OpenError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot listen on {address}: {error}; choose another with --listen")]
    Listen { address: std::net::SocketAddr, error: std::io::Error },
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error("the system refused: {0}")]
    System(#[from] std::io::Error),
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Pipeline(_)
            | Self::System(_)
            | Self::Tool(ToolError::File { .. } | ToolError::NotReady(_) | ToolError::Different(_)) => 1,
            Self::Config(_) | Self::Tls(_) | Self::Tool(ToolError::Config(_) | ToolError::Refused(_)) => 2,
            Self::Open(_) | Self::Tool(ToolError::Open(_) | ToolError::Store(_)) => 3,
            Self::Listen { .. } => 4,
            Self::Tool(ToolError::Damaged(_)) => 5,
        }
    }
}

/// Does what the arguments ask for. Exit codes: 0 done, 1 failed while running, 2 wrong arguments, configuration or input
/// file, 3 the database cannot be used, 4 the address cannot be listened on, 5 something in the database is damaged.
pub fn run() -> ExitCode {
    match Cli::read().map_err(Failure::from).and_then(dispatch) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // It may quote a server or a file; only its lines are ours.
            for line in format!("afterglow: {failure}").lines() {
                let _ = writeln!(std::io::stderr(), "{}", afterglow_wire::printable(line));
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Serve(config) => serve::run(checked(*config)?),
        Command::Migrate { config, transfer, no_copy } => {
            let store = checked(*config)?.store.open();
            if let Some(to) = transfer.target() {
                return Ok(migrate::run(&store.database, to, &transfer)?);
            }
            let open = if no_copy { Store::open_without_copy } else { Store::open };
            open(&store, Clock::real())?;
            say(&format!("the database {} is up to date", store.database))
        }
        Command::CheckConfig(config) => {
            let config = usable(*config)?;
            say(&format!("valid: {config:#?}"))
        }
        Command::UpgradeCheck(config) => Ok(upgrade::run(&usable(*config)?.store.database)?),
        Command::Export(options) => Ok(export::run(&options)?),
        Command::Import(options) => Ok(import::run(&options)?),
        Command::Delete(options) => Ok(delete::run(&options)?),
        Command::Backup(options) => Ok(backup::run(&options)?),
        Command::Doctor(options) => Ok(doctor::run(&options)?),
        Command::Rules(options) => Ok(rules::run(&options)?),
        Command::Tail(options) => Ok(tail::run(&options)?),
        Command::Push(options) => Ok(push::run(&options)?),
        Command::Access(command) => Ok(access::run(&command)?),
        Command::Tenant(command) => Ok(tenants::run(&command)?),
        Command::Audit(command) => Ok(access::audit(&command)?),
        Command::Ready(options) => Ok(ready::run(&options)?),
        Command::Manual { folder } => {
            afterglow_cli::manual::write(&Cli::command(), &folder)?;
            let documents = folder.join("doc/afterglow");
            std::fs::create_dir_all(&documents)?;
            Ok(std::fs::write(documents.join("openapi.json"), contract())?)
        }
    }
}

fn checked(config: Config) -> Result<Config, ConfigError> {
    config.check().map(|()| config)
}

/// The configuration, with the files that it names.
fn usable(config: Config) -> Result<Config, Failure> {
    let config = checked(config)?;
    config.server.tls_files()?.map(Certificate::load).transpose()?;
    Issuers::open(&config.issuers, config.access.requests_per_key)?;
    Ok(config)
}

/// A line on standard output, at once, for people and for scripts that wait for it.
fn say(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
