//! `afterglow migrate --to`: everything in a database, copied to another one while its server runs; the gap is what is left when that
//! server is stopped.

use std::time::Duration;

use afterglow_wire::tenant::DEFAULT;
use clap::Args;

use super::progress::{self, Progress};
use super::{ToolError, say, tell};
use crate::clock::{Clock, Stopwatch};
use crate::store::{self, Copied, Location, OpenError, Transfer, TransferError};

/// A pass that takes less is short: what is left for the last one takes no longer.
const SHORT: Duration = Duration::from_secs(2);

/// How often it is looked whether the server has stopped, and what it has written meanwhile is copied.
const LOOK: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_secs(10);

/// What a user may set.
#[derive(Args, Debug)]
pub struct Options {
    /// Copy everything to another database, a file or a PostgreSQL database, which is empty or not there yet; its server may run until all
    /// but the last moments is copied (docs/scale.md)
    #[arg(long, value_name = "FILE|URL")]
    to: Option<Location>,

    /// The tenant whose database is copied; needed where there are tenants, for each has its own
    #[arg(long, value_name = "NAME", requires = "to")]
    tenant: Option<String>,
}

impl Options {
    /// Where to, when the database is to be copied.
    pub fn target(&self) -> Option<&Location> {
        self.to.as_ref()
    }
}

/// Copies the database `from` to `to`, waits for the end of the server that has it open, copies the rest and compares everything.
///
/// # Errors
/// When one of the databases cannot be used, or what is in them is not the same in the end. The source is as it was, and the target is not served.
pub fn run(from: &Location, to: &Location, options: &Options) -> Result<(), ToolError> {
    let tenant = options.tenant.as_deref();
    let from = &match tenant.filter(|name| *name != DEFAULT) {
        Some(name) => tenant_database(from, name)?,
        None => from.clone(),
    };
    let tenants = store::tenants_of(from, Clock::real())?;
    if tenant.is_none() && !tenants.is_empty() {
        let names: Vec<_> = tenants.into_iter().map(|tenant| tenant.name).collect();
        return Err(ToolError::Refused(format!(
            "{from} has tenants, each with a database of its own: copy one at a time with --tenant ({DEFAULT}, {}), each to another database",
            names.join(", ")
        )));
    }
    let mut copy = Transfer::begin(from, to, Clock::real())?;
    let how = if copy.is_resumed() { "going on with the copy" } else { "copying" };
    say(&format!("{how} of {from} to {to}"))?;
    let mut is_ready = false;
    while !copy.claim()? {
        let watch = Stopwatch::start();
        let copied = shown(|heard| copy.pass(heard))?;
        tell(&described(&copied, watch.elapsed()));
        if !is_ready && watch.elapsed() < SHORT {
            is_ready = true;
            say(&format!("ready: stop the server of {from}; what it takes until then is copied, too"))?;
        }
        let watch = Stopwatch::start();
        while is_ready && watch.elapsed() < PAUSE && !copy.claim()? {
            std::thread::park_timeout(LOOK);
        }
    }
    say(&format!(
        "no server has {from} open, and none can until this ends; the rest is copied and everything compared"
    ))?;
    let watch = Stopwatch::start();
    let compared = shown(|heard| copy.finish(heard))?;
    say(&described(&compared.last, watch.elapsed()))?;
    for (table, rows) in &compared.tables {
        say(&format!("same      {:<16}{:>12} rows", table, progress::number(*rows)))?;
    }
    say(&format!(
        "same      {} signals, {} samples: first, last, count, min, max and sum of each",
        progress::number(compared.signals),
        progress::number(compared.samples)
    ))?;
    if compared.damaged > 0 {
        say(&format!(
            "damaged   {} rows, which were so before and are copied as they are; `afterglow doctor` lists them",
            progress::number(compared.damaged)
        ))?;
    }
    say(&format!("done: start the server with --database {to}; {from} is as it was"))
}

/// Where the database of a tenant is, which is not the default one.
fn tenant_database(database: &Location, name: &str) -> Result<Location, ToolError> {
    let found = store::tenants_of(database, Clock::real())?
        .into_iter()
        .find(|tenant| tenant.name == name && !tenant.is_deleting);
    match found {
        Some(tenant) => Ok(tenant.location(database)),
        None => Err(ToolError::Refused(format!(
            "there is no tenant {name:?} in {database}; `afterglow tenant list` lists those there are"
        ))),
    }
}

/// Does `work` with a line that says how far it is.
fn shown<T>(
    work: impl FnOnce(&mut dyn FnMut(u64, u64)) -> Result<T, TransferError>,
) -> Result<T, TransferError> {
    let mut line = Progress::start();
    let done = work(&mut |done, total| {
        line.show(|_| format!("{} of {} rows", progress::number(done), progress::number(total)));
    });
    line.clear();
    done
}

fn described(copied: &Copied, elapsed: Duration) -> String {
    format!(
        "copied    {} rows, {}, in {}; removed {}",
        progress::number(copied.rows),
        progress::bytes(copied.bytes),
        progress::duration(elapsed),
        progress::number(copied.removed)
    )
}

/// The exit code is that of what went wrong.
impl From<TransferError> for ToolError {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Open(OpenError::InUse(path)) => Self::Refused(format!(
                "the database {} is in use by another afterglow; stop it, or choose another database",
                path.display()
            )),
            TransferError::Open(error) => Self::Open(error),
            TransferError::Refused(why) => Self::Refused(why),
            error @ (TransferError::Store { .. } | TransferError::Different(_)) => {
                Self::Different(error.to_string())
            }
        }
    }
}
