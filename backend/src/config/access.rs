//! `[access]`: who may do what.

use std::num::NonZeroU32;

use afterglow_cli::settings::within;
use afterglow_wire::people::SecondFactor;
use clap::{Args, ValueEnum};

use super::parse;
use super::server::{Words, public_url};

/// The settings of `[access]`.
#[derive(Args, Clone, Debug, PartialEq)]
#[command(next_help_heading = "Access")]
pub struct Access {
    /// Who must bring a key: with auto everyone, unless the server listens on a loopback address without trusted proxies, or
    /// with --insecure; with required everyone
    #[arg(long, env = "AFTERGLOW_AUTH", value_name = "WHEN", default_value = "auto", value_parser = auth)]
    pub auth: Auth,

    /// Requests a second that may come with one key, 1 to 1000000; beyond it they are refused with 429
    #[arg(
        long,
        env = "AFTERGLOW_REQUESTS_PER_KEY",
        value_name = "N",
        default_value_t = MOST_REQUESTS,
        value_parser = within(NonZeroU32::MIN..=MOST_REQUESTS)
    )]
    pub requests_per_key: NonZeroU32,

    /// Which members must have one-time codes beside their password: nobody, admins or everyone. Those who have none can only set them up
    #[arg(
        long,
        env = "AFTERGLOW_REQUIRE_SECOND_FACTOR",
        value_name = "WHO",
        default_value = "nobody",
        value_parser = parse::<SecondFactor>("nobody, admins or everyone")
    )]
    pub require_second_factor: SecondFactor,

    /// Other origins whose pages may use the API with a key, separated by blanks, such as https://app.example.org; no patterns.
    /// On a server that asks for no key these pages may do everything
    #[arg(long, env = "AFTERGLOW_CORS_ORIGINS", value_name = "ORIGINS", default_value = "", value_parser = exact_origins)]
    pub cors_origins: Words,
}

/// Origins as browsers write them.
fn exact_origins(text: &str) -> Result<Words, String> {
    if text.contains('*') {
        return Err("each origin must be written out: * would let every page in".to_owned());
    }
    let written = text.split_whitespace().map(public_url).collect::<Result<Vec<_>, _>>()?;
    Ok(Words(written))
}

/// More than one server answers in a second.
const MOST_REQUESTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(999_999);

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
