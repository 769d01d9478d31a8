//! `afterglow delete`: samples, or signals as a whole, away from a database that no server has open. A running server does the same
//! by `DELETE /api/telemetry`.

use afterglow_wire::{Timestamp, name};
use clap::Args;

use super::database::TenantDatabase;
use super::progress::number;
use super::{Patterns, ToolError, say};
use crate::clock::Clock;
use crate::signals::Selector;
use crate::store::{Deleted, HEAD_SAMPLES, Span, Store, StoreConfig};

/// What a user may set.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    database: TenantDatabase,

    /// Names separated by commas; `*` stands for any characters, `\,` for a comma in a name
    #[arg(long, value_name = "NAMES", required = true)]
    signals: Vec<Patterns>,

    /// First instant, ISO 8601 or an integer epoch [default: the earliest sample]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<Timestamp>,

    /// Last instant, inclusive [default: the latest sample]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<Timestamp>,

    /// Say what would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,
}

/// Deletes the samples that are named; without a span also the metadata of the signals.
///
/// # Errors
/// When the database cannot be used.
pub fn run(options: &Options) -> Result<(), ToolError> {
    let (from, to) = (options.from.unwrap_or(Timestamp::MIN), options.to.unwrap_or(Timestamp::MAX));
    if from > to {
        return Err(ToolError::Refused(format!("--from {from} lies after --to {to}")));
    }
    let patterns = Patterns::all(&options.signals);
    name::check_patterns(&patterns)
        .map_err(|(pattern, message)| ToolError::Refused(format!("--signals {pattern}: {message}")))?;
    let signals = Selector::new(&patterns);
    let database = options.database.path()?;
    // Opening makes a database that does not exist.
    if database.file().is_some_and(|file| !file.exists()) {
        return Err(ToolError::Refused(format!("there is no database {database}")));
    }
    let config = StoreConfig {
        database,
        readers: 1,
        signal_limit: usize::MAX,
        read_limit: None,
        head_samples: HEAD_SAMPLES,
    };
    let store = Store::open(&config, Clock::real())?;
    if options.dry_run {
        return say(&report(&store.would_delete(&signals, Span { from, to })?, "would be deleted"));
    }
    let deleted = store.delete(&signals, Span { from, to })?;
    if options.from.is_none() && options.to.is_none() {
        store.delete_metadata(&signals)?;
    }
    store.compact_and_checkpoint()?;
    say(&report(&deleted, "deleted"))
}

fn report(deleted: &Deleted, done: &str) -> String {
    let Deleted { signals, samples, expired, damaged, .. } = *deleted;
    let mut report = format!("{done}: {} samples of {} signals", number(samples), number(signals));
    if expired > 0 {
        report += &format!(", and the minutes and hours of {} expired samples", number(expired));
    }
    if damaged > 0 {
        report += &format!("; {} damaged rows stay, see `afterglow doctor`", number(damaged));
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_there_was() {
        let mut deleted = Deleted { signals: 2, samples: 4_711, ..Deleted::default() };
        assert_eq!(report(&deleted, "deleted"), "deleted: 4,711 samples of 2 signals");
        (deleted.expired, deleted.damaged) = (60, 1);
        assert_eq!(
            report(&deleted, "would be deleted"),
            "would be deleted: 4,711 samples of 2 signals, and the minutes and hours of 60 expired samples; \
             1 damaged rows stay, see `afterglow doctor`"
        );
    }
}
