//! Faults that tests ask for, to prove that they would notice. Only debug builds can have one.
//!
//! `AFTERGLOW_FAULT` names the fault: `acknowledge_before_commit`, `late_queries`, `split_fold`, `hide_rules`, `hold_rules`, `skip_sync`,
//! `ignore_before`, `ignore_signatures`, or `crash:POINT` for a process that dies at a point.
//! `AFTERGLOW_SEAL_SAMPLES` and `AFTERGLOW_LOOK_MILLIS` make sealing and retention, which are rare, frequent;
//! `AFTERGLOW_CLOCK_FILE` names a file that says by how many seconds the wall clock is wrong, and may change.
//! `AFTERGLOW_FALLBACK_MILLIS` says how long a channel must fail before its fallback is notified.
//! `AFTERGLOW_WAITING_NOTICES` is how many notices may wait for a channel.
//! `AFTERGLOW_HEAD_SAMPLES` makes the head small, `AFTERGLOW_BLOCK_SAMPLES` gives signals with few samples blocks.
//! The fault `lose_row` is one of copies to another database.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Whether requests are answered when their commit begins instead of when it is on the disk.
pub fn acknowledges_before_commit() -> bool {
    asked_for("acknowledge_before_commit")
}

/// Keeps a commit whose requests have been answered too early from following at once: a process that is killed loses
/// nothing that it has written, so the lie must last longer than a write to be seen.
pub fn linger() {
    std::thread::park_timeout(std::time::Duration::from_millis(10));
}

/// Whether every query takes longer than it may.
pub fn makes_queries_late() -> bool {
    asked_for("late_queries")
}

/// Whether a copy of a database leaves a row of samples out.
pub fn loses_a_row() -> bool {
    asked_for("lose_row")
}

/// Whether rules cannot be read this time, which is every other time.
pub fn hides_rules() -> bool {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    asked_for("hide_rules") && ASKED.fetch_add(1, Ordering::Relaxed) % 2 == 1
}

/// Lets changed rules wait until `is_over`, at most for ten seconds: a test makes what happens meanwhile.
pub fn hold_rules(is_over: impl Fn() -> bool) {
    if asked_for("hold_rules") {
        (0..1_000).take_while(|_| !is_over()).for_each(|_| linger());
    }
}

/// Whether what is to be told is written in another transaction than what has happened.
pub fn splits_the_fold() -> bool {
    asked_for("split_fold")
}

/// Whether a process answers without a look at what others have committed.
pub fn skips_sync() -> bool {
    asked_for("skip_sync")
}

/// Whether a commit that another process brings is taken over although others come before it.
pub fn ignores_before() -> bool {
    asked_for("ignore_before")
}

/// Whether what comes over the bus is believed without a signature.
pub fn ignores_signatures() -> bool {
    asked_for("ignore_signatures")
}

/// A place in the code at which a test may want the process to die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Blocks are made but not written.
    SealPlanned,
    /// Blocks are written, the journal is not emptied, nothing is committed.
    SealWritten,
    /// The sealing is committed, the head does not know yet.
    SealCommitted,
    /// Bundles are merged, nothing is committed.
    MergeWritten,
    /// Rollups are written and expired blocks deleted, nothing is committed.
    ExpireWritten,
    /// A deletion is written down, nothing is deleted.
    DeletionBegun,
    /// A part of a deletion is committed.
    DeletionPart,
    /// All is deleted, the deletion is still written down.
    DeletionDone,
    /// Some of the first schema's rows have become blocks.
    ConvertPart,
    /// A backup's copy is made and has not its name.
    BackupCopied,
    /// Commits are evaluated, nothing of it is written.
    AlertsEvaluated,
    /// What evaluating has changed is written.
    AlertsWritten,
    /// A message is stored and not sent.
    MessageComposed,
    /// A message is sent and taken, the store does not know.
    MessageSent,
    /// The database of a new tenant is there, the tenant is not.
    TenantMade,
    /// A tenant is marked for deletion, its files are there.
    TenantMarked,
    /// The files of a tenant are gone, the mark is there.
    TenantRemoved,
    /// Some rows are copied to another database.
    TransferBatch,
    /// All rows that there were are copied.
    TransferPassed,
    /// No server runs and all rows are copied, they are not compared.
    TransferCopied,
    /// The copy is compared, and not yet free to be served.
    TransferCompared,
}

/// Dies here, like `kill -9` would, if a test asked for it.
pub fn crash_point(point: Point) {
    let name = match point {
        Point::SealPlanned => "crash:seal_planned",
        Point::SealWritten => "crash:seal_written",
        Point::SealCommitted => "crash:seal_committed",
        Point::MergeWritten => "crash:merge_written",
        Point::ExpireWritten => "crash:expire_written",
        Point::DeletionBegun => "crash:deletion_begun",
        Point::DeletionPart => "crash:deletion_part",
        Point::DeletionDone => "crash:deletion_done",
        Point::ConvertPart => "crash:convert_part",
        Point::BackupCopied => "crash:backup_copied",
        Point::AlertsEvaluated => "crash:alerts_evaluated",
        Point::AlertsWritten => "crash:alerts_written",
        Point::MessageComposed => "crash:message_composed",
        Point::MessageSent => "crash:message_sent",
        Point::TenantMade => "crash:tenant_made",
        Point::TenantMarked => "crash:tenant_marked",
        Point::TenantRemoved => "crash:tenant_removed",
        Point::TransferBatch => "crash:transfer_batch",
        Point::TransferPassed => "crash:transfer_passed",
        Point::TransferCopied => "crash:transfer_copied",
        Point::TransferCompared => "crash:transfer_compared",
    };
    if asked_for(name) {
        std::process::abort();
    }
}

/// How many unsealed samples are enough for a sealing.
pub fn seal_samples() -> Option<usize> {
    number("AFTERGLOW_SEAL_SAMPLES")
}

/// How many unsealed samples are too many.
pub fn head_samples() -> Option<usize> {
    number("AFTERGLOW_HEAD_SAMPLES")
}

/// How many samples of a signal are enough for a block.
pub fn block_samples() -> Option<usize> {
    number("AFTERGLOW_BLOCK_SAMPLES")
}

/// How often sealing and retention check whether they have something to do.
pub fn look_interval() -> Option<Duration> {
    number("AFTERGLOW_LOOK_MILLIS").map(Duration::from_millis)
}

/// How long a channel must have failed before its fallback is notified.
pub fn fallback_after() -> Option<Duration> {
    number("AFTERGLOW_FALLBACK_MILLIS").map(Duration::from_millis)
}

/// How many notices may wait for a channel.
pub fn waiting_notices() -> Option<u64> {
    number("AFTERGLOW_WAITING_NOTICES")
}

/// By how many microseconds the wall clock is wrong.
pub fn clock_offset() -> i64 {
    static FILE: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        if cfg!(debug_assertions) {
            std::env::var_os("AFTERGLOW_CLOCK_FILE").map(PathBuf::from)
        } else {
            None
        }
    });
    let Some(file) = &*FILE else { return 0 };
    let seconds = std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse::<i64>().ok());
    seconds.unwrap_or_default() * 1_000_000
}

fn number<T: FromStr>(variable: &str) -> Option<T> {
    if cfg!(debug_assertions) { std::env::var(variable).ok()?.parse().ok() } else { None }
}

fn asked_for(name: &str) -> bool {
    cfg!(debug_assertions) && std::env::var("AFTERGLOW_FAULT").is_ok_and(|fault| fault == name)
}
