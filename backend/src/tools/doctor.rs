//! `afterglow doctor`: what is in a database, how much room it takes, whether anything is damaged, and what of that can be mended.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use super::database::TenantDatabase;
use super::partial::Partial;
use super::progress::{self, Progress, bytes, number};
use super::{ToolError, say, tell};
use crate::store::{self, Damage, Examination, Tier};

/// Signals that are listed unless all are asked for.
const LARGEST: usize = 20;

/// What a user may set.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    database: TenantDatabase,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// List all signals, not only the 20 largest
    #[arg(long)]
    all: bool,

    /// Mend what can be mended, while no server runs: build indexes again, give up samples that cannot be read. The file as it was is kept
    /// as DATABASE.before-repair
    #[arg(long)]
    repair: bool,
}

/// Verifies everything in the database and prints what is there.
///
/// # Errors
/// When the database cannot be opened, and [`ToolError::Damaged`] when something in it is damaged.
pub fn run(options: &Options) -> Result<(), ToolError> {
    let database = options
        .database
        .file("only files are examined; each block of a database is verified when it is read")?;
    let mut found = examine(&database)?;
    if options.repair && !found.damage.is_empty() {
        repair(&database, &found)?;
        found = examine(&database)?;
    }
    let listed = if options.all { usize::MAX } else { LARGEST };
    let text = if options.json {
        as_json(&found, listed).to_string()
    } else {
        // Names of a hostile database may steer a terminal.
        as_text(&found, listed).lines().map(afterglow_wire::printable).collect::<Vec<_>>().join("\n")
    };
    say(text.trim_end())?;
    match found.damage.len() {
        0 => Ok(()),
        1 => Err(ToolError::Damaged(format!("the database {} is damaged in one place", database.display()))),
        places => Err(ToolError::Damaged(format!(
            "the database {} is damaged in {places} places",
            database.display()
        ))),
    }
}

fn examine(database: &Path) -> Result<Examination, ToolError> {
    let mut progress = Progress::start();
    let found = store::examine(database, &mut |done, total| {
        progress.show(|elapsed| {
            let rate = progress::rate(done as u64, elapsed);
            format!("{} of {} rows, {}/s", number(done as u64), number(total as u64), number(rate))
        });
    })?;
    progress.clear();
    Ok(found)
}

/// Mends what was found, and says what for.
fn repair(database: &Path, found: &Examination) -> Result<(), ToolError> {
    let kept = store::with_suffix(database, ".before-repair");
    if fs::symlink_metadata(&kept).is_ok() {
        let message = format!("{} is left of an earlier repair; move it away first", kept.display());
        return Err(ToolError::Refused(message));
    }
    for damage in &found.damage {
        tell(&format!("damaged: {}", damage_text(damage)));
    }
    let mut keep = || copy_to(&kept, database).map_err(|error| io::Error::other(error.to_string()));
    let given_up = store::repair(database, &found.damage, &mut keep)?;
    tell(&format!(
        "mended: indexes are built again, {given_up} rows are given up; the file as it was is {}",
        kept.display()
    ));
    Ok(())
}

/// Copies a file to a name that no file has.
fn copy_to(kept: &Path, database: &Path) -> Result<(), ToolError> {
    let partial = Partial::begin(kept, false)?;
    let mut file = fs::File::open(database).map_err(ToolError::file(database))?;
    io::copy(&mut file, &mut partial.file()).map_err(ToolError::file(partial.path()))?;
    partial.finish(false).map(drop)
}

fn as_text(found: &Examination, listed: usize) -> String {
    let mut text = String::new();
    // Writing into a text cannot fail.
    let _ = writeln!(
        text,
        "file      {}, {} of it free; write-ahead log {}",
        bytes(found.file_bytes),
        bytes(found.free_bytes),
        bytes(found.log_bytes)
    );
    let tiers = [("journal", found.journal), ("blocks", found.blocks), ("rollups", found.rollups)];
    let _ = writeln!(text, "{:<8}{:>12}{:>18}{:>12}{:>14}", "", "rows", "samples", "payload", "B/sample");
    for (name, tier) in tiers {
        let _ = writeln!(text, "{name:<8}{}", tier_text(tier));
    }
    if !found.signals.is_empty() {
        let shown = found.signals.len().min(listed);
        let _ = writeln!(text, "\nblocks of the {shown} largest of {} signals", found.signals.len());
        for signal in found.signals.iter().take(listed) {
            let _ = writeln!(text, "{:<8}{}  {}", "", tier_text(signal.blocks), signal.name);
        }
    }
    let _ = match found.damage.len() {
        0 => writeln!(text, "\nsound: every row was read and verified"),
        places => writeln!(text, "\ndamaged in {places} places:"),
    };
    for damage in &found.damage {
        let _ = writeln!(text, "  {}", damage_text(damage));
    }
    text
}

fn tier_text(tier: Tier) -> String {
    let each = per_sample(tier).map_or_else(|| "-".into(), |each| format!("{each:.2}"));
    format!("{:>12}{:>18}{:>12}{each:>14}", number(tier.rows), number(tier.samples), bytes(tier.bytes))
}

fn per_sample(tier: Tier) -> Option<f64> {
    let each = tier.bytes as f64 / tier.samples as f64;
    (tier.samples > 0).then_some(each)
}

fn damage_text(damage: &Damage) -> String {
    let mut text = damage.place.to_owned();
    if let Some(id) = &damage.id {
        let _ = write!(text, " {id}");
    }
    if let Some(signal) = &damage.signal {
        let _ = write!(text, " of {signal}");
    }
    if let Some(span) = damage.span {
        let _ = write!(text, ", {} to {}", span.from, span.to);
    }
    let _ = write!(text, ": {}", damage.reason);
    text
}

fn as_json(found: &Examination, listed: usize) -> Value {
    let tier = |tier: Tier| {
        json!({
            "rows": tier.rows, "samples": tier.samples, "bytes": tier.bytes, "bytes_per_sample": per_sample(tier),
        })
    };
    let signals = found.signals.iter().take(listed).map(|signal| {
        json!({
            "signal": signal.name, "samples": signal.blocks.samples, "blocks": signal.blocks.rows,
            "bytes": signal.blocks.bytes, "bytes_per_sample": per_sample(signal.blocks),
        })
    });
    let damage = found.damage.iter().map(|damage| {
        json!({
            "place": damage.place, "id": damage.id, "signal": damage.signal,
            "from": damage.span.map(|span| span.from.to_string()),
            "to": damage.span.map(|span| span.to.to_string()), "reason": damage.reason,
        })
    });
    json!({
        "sound": found.damage.is_empty(), "file_bytes": found.file_bytes, "free_bytes": found.free_bytes,
        "log_bytes": found.log_bytes, "journal": tier(found.journal), "blocks": tier(found.blocks),
        "rollups": tier(found.rollups), "signal_count": found.signals.len(), "signals": signals.collect::<Vec<_>>(), "damage": damage.collect::<Vec<_>>(),
    })
}
