//! This machine: processor, memory, load, network and disk.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sysinfo::{DiskRefreshKind, Disks, MINIMUM_CPU_UPDATE_INTERVAL, NetworkData, Networks, System};

/// Reads this machine's values.
///
/// Percentages are of the whole machine, from 0 to 100. Rates are means since the last sample, so they and
/// the processor's load are known from the second sample on. What the system does not tell is left out.
#[derive(Debug)]
pub struct Host {
    prefix: String,
    system: Option<System>,
    networks: Option<Networks>,
    disks: Option<Disks>,
    /// When the counters behind the rates were last read.
    read: Duration,
}

impl Host {
    /// Starts counting at `now`, a monotonic time. Names start with `prefix` and a dot.
    pub fn new(prefix: &str, now: Duration) -> Self {
        let mut system = told("processor and memory", System::new());
        if let Some(system) = &mut system {
            system.refresh_cpu_usage();
        }
        let networks = told("network", Networks::new_with_refreshed_list());
        let kind = DiskRefreshKind::everything();
        let disks = told("disk", Disks::new_with_refreshed_list_specifics(kind));
        Self { prefix: prefix.to_owned(), system, networks, disks, read: now }
    }

    /// The values at `now`, a monotonic time.
    pub fn sample(&mut self, now: Duration) -> BTreeMap<String, f64> {
        let mut values = Vec::new();
        self.memory(&mut values);
        if let Ok(load) = System::load_average() {
            values.extend([("load1", load.one), ("load5", load.five), ("load15", load.fifteen)]);
        }
        let elapsed = now.saturating_sub(self.read);
        // Counters read again too soon give no rate.
        if elapsed >= MINIMUM_CPU_UPDATE_INTERVAL {
            self.read = now;
            self.rates(&mut values, elapsed.as_secs_f64());
        }
        self.disk_space(&mut values);
        let named = values.into_iter().filter(|(_, value)| value.is_finite());
        named.map(|(name, value)| (format!("{}.{name}", self.prefix), value)).collect()
    }

    fn memory(&mut self, values: &mut Vec<(&'static str, f64)>) {
        let Some(system) = &mut self.system else { return };
        system.refresh_memory();
        values.push(("memory_used_bytes", float(system.used_memory())));
        values.extend(percent(system.used_memory(), system.total_memory()).map(|p| ("memory_percent", p)));
        values.extend(percent(system.used_swap(), system.total_swap()).map(|p| ("swap_percent", p)));
    }

    fn rates(&mut self, values: &mut Vec<(&'static str, f64)>, seconds: f64) {
        if let Some(system) = &mut self.system {
            system.refresh_cpu_usage();
            values.push(("cpu_percent", f64::from(system.global_cpu_usage())));
        }
        if let Some(networks) = &mut self.networks {
            networks.refresh(true);
            // What this machine sends to itself is no traffic.
            let real = || networks.iter().filter(|(name, _)| *name != "lo").map(|(_, data)| data);
            let (rx, tx) =
                (real().map(NetworkData::received).sum(), real().map(NetworkData::transmitted).sum());
            values.push(("network_rx_bytes_per_second", float(rx) / seconds));
            values.push(("network_tx_bytes_per_second", float(tx) / seconds));
        }
        if let Some(disks) = &mut self.disks {
            disks.refresh_specifics(true, DiskRefreshKind::everything());
            // A device mounted twice counts once.
            let mut seen = BTreeSet::new();
            let usages: Vec<_> =
                disks.iter().filter(|disk| seen.insert(disk.name())).map(sysinfo::Disk::usage).collect();
            let read = usages.iter().map(|usage| usage.read_bytes).sum();
            let written = usages.iter().map(|usage| usage.written_bytes).sum();
            values.push(("disk_read_bytes_per_second", float(read) / seconds));
            values.push(("disk_write_bytes_per_second", float(written) / seconds));
        }
    }

    /// Of the disk mounted at the root, or else of the largest.
    fn disk_space(&self, values: &mut Vec<(&'static str, f64)>) {
        let Some(disks) = &self.disks else { return };
        let rank = |disk: &&sysinfo::Disk| (disk.mount_point().as_os_str() == "/", disk.total_space());
        let Some(disk) = disks.iter().max_by_key(rank) else { return };
        let used = disk.total_space().saturating_sub(disk.available_space());
        values.extend(percent(used, disk.total_space()).map(|p| ("disk_percent", p)));
    }
}

fn told<T>(what: &str, result: Result<T, impl std::fmt::Display>) -> Option<T> {
    result.inspect_err(|error| log::warn!("this machine does not tell its {what} values: {error}")).ok()
}

fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| 100.0 * float(part) / float(whole))
}

fn float(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sample_has_what_needs_no_history_and_the_second_the_rest() {
        let mut host = Host::new("h", Duration::ZERO);
        let first = host.sample(Duration::from_millis(1));
        assert!(first.contains_key("h.memory_percent") && first.contains_key("h.load1"), "{first:?}");
        assert!(!first.contains_key("h.cpu_percent"), "{first:?}");
        let second = host.sample(Duration::from_secs(1));
        assert!(second.contains_key("h.cpu_percent"), "{second:?}");
        assert!(second.contains_key("h.network_rx_bytes_per_second"), "{second:?}");
        for (name, value) in &second {
            assert!(*value >= 0.0 && (!name.ends_with("_percent") || *value <= 100.0), "{name} = {value}");
        }
    }
}
