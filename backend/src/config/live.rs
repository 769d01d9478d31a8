//! `[live]`: clients that follow signals.

use afterglow_cli::settings::{Seconds, within};
use clap::Args;

/// The settings of `[live]`.
#[derive(Args, Clone, Debug, PartialEq)]
#[command(next_help_heading = "Live clients")]
pub struct Live {
    /// Live clients that may be connected at once, 1 to 1000000
    #[arg(
        long,
        env = "AFTERGLOW_LIVE_CLIENTS",
        value_name = "N",
        default_value_t = 10_000,
        value_parser = within(1_usize..=1_000_000)
    )]
    pub live_clients: usize,

    /// Live clients that may be connected from one address, 1 to 1000000
    #[arg(
        long,
        env = "AFTERGLOW_LIVE_CLIENTS_PER_ADDRESS",
        value_name = "N",
        default_value_t = 2_000,
        value_parser = within(1_usize..=1_000_000)
    )]
    pub live_clients_per_address: usize,

    /// Seconds between two pings to a live client; silent for three of them, it is closed; 1 to 3600
    #[arg(
        long,
        env = "AFTERGLOW_PING_SECONDS",
        value_name = "SECONDS",
        default_value_t = Seconds(10),
        value_parser = within(Seconds(1)..=Seconds(3_600))
    )]
    pub ping_seconds: Seconds,

    /// Seconds for which a live client may read too slowly before it is closed with 4008; three times as long after it
    /// has stopped reading its connection is cut; 1 to 3600
    #[arg(
        long,
        env = "AFTERGLOW_SLOW_SECONDS",
        value_name = "SECONDS",
        default_value_t = Seconds(10),
        value_parser = within(Seconds(1)..=Seconds(3_600))
    )]
    pub slow_seconds: Seconds,
}
