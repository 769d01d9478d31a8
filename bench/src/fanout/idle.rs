//! What a client costs that only waits.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::crowd::Crowd;
use super::hubs::Hub;
use crate::figures::{float, megabytes, print_table, progress, ratio, show};
use crate::lab::Lab;

const CLIENTS: u64 = 5_000;

/// For what is put off, such as collecting garbage.
const SETTLE: Duration = Duration::from_secs(2);

pub(super) fn run(lab: &Lab, hubs: &[&dyn Hub]) -> Result<()> {
    let clients = lab.scaled(CLIENTS);
    let mut all = Vec::new();
    for hub in hubs {
        progress(&format!("{clients} idle clients: {}", hub.name()));
        let running = super::start(lab, *hub)?;
        let server = &running.server;
        // What only the first few make the server do is no client's.
        drop(Crowd::join(*hub, &server.address, 50, &hub.subscription())?);
        thread::sleep(SETTLE);
        let before = server.memory("VmRSS")?;
        let crowd = Crowd::join(*hub, &server.address, usize::try_from(clients)?, &hub.subscription())?;
        thread::sleep(SETTLE);
        let after = server.memory("VmRSS")?;
        drop(crowd);
        all.push((before, after, float(after.saturating_sub(before)) / float(clients) / 1e3));
    }
    let each = |place: usize| all.get(place).map_or(f64::NAN, |(_, _, each)| *each);
    let row = |(hub, (before, after, this)): (&&dyn Hub, &(u64, u64, f64))| {
        [
            hub.name().into(),
            megabytes(*before),
            megabytes(*after),
            show(*this),
            ratio(each(0), *this),
            ratio(each(1), *this),
        ]
    };
    print_table(
        &format!("Resident memory with {clients} idle clients (the kernel's for sockets is not in it)"),
        ["system", "MB without", "MB with", "KB/client", "our text / this", "our v1 / this"],
        &hubs.iter().zip(&all).map(row).collect::<Vec<_>>(),
    );
    Ok(())
}
