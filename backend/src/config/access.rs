//! `[access]`: who may do what.

use clap::{Args, ValueEnum};

/// The settings of `[access]`.
#[derive(Args, Clone, Debug, PartialEq)]
#[command(next_help_heading = "Access")]
pub struct Access {
    /// Who must bring a key: with auto everyone, unless the server listens on a loopback address or with --insecure; with
    /// required everyone
    #[arg(long, env = "AFTERGLOW_AUTH", value_name = "WHEN", default_value = "auto", value_parser = auth)]
    pub auth: Auth,
}

/// When requests must bring a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Auth {
    /// Where others than this machine's users can reach the server.
    Auto,
    /// Always.
    Required,
}

fn auth(text: &str) -> Result<Auth, &'static str> {
    Auth::from_str(text, false).map_err(|_| "auto or required")
}
