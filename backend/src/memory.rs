//! How much memory the process plans with, and how it treats what it no longer needs.

use std::sync::atomic::{AtomicU64, Ordering};

use sysinfo::{MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, System};

/// Bytes from which on every bound is as large as it is meant to be.
const ENOUGH: u64 = 512_000_000;

static PLANNED: AtomicU64 = AtomicU64::new(ENOUGH);

/// Sets what [`bound`] computes with: `bytes`, or else what the machine and the control groups of the process allow. To be called
/// before anything asks for a bound.
pub fn plan_with(bytes: Option<u64>) {
    let bytes = bytes.or_else(available).unwrap_or(ENOUGH);
    PLANNED.store(bytes, Ordering::Relaxed);
    return_large_frees_to_system();
    if bytes < ENOUGH {
        log::info!("memory: bounds are those of a machine with {} MB", bytes / 1_000_000);
    }
}

/// The part of `normal` that there is memory for: all of it with 512 MB, an eighth with 64 MB. For what takes memory in
/// proportion: samples, bytes.
pub fn bound(normal: usize) -> usize {
    part(normal, PLANNED.load(Ordering::Relaxed))
}

fn part(normal: usize, bytes: u64) -> usize {
    let part = normal as u128 * u128::from(bytes.min(ENOUGH)) / u128::from(ENOUGH);
    usize::try_from(part).unwrap_or(normal)
}

/// What the machine has, or the control groups of the process allow if that is less.
fn available() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let machine = Some(system.total_memory()).filter(|bytes| *bytes > 0);
    let own = sysinfo::get_current_pid().ok()?;
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), false, ProcessRefreshKind::nothing());
    let group = system.process(own)?.cgroup_limits().map(|limits| limits.total_memory);
    machine.into_iter().chain(group).min()
}

/// Bytes from which on an allocation is returned to the system when it is freed, and half of those that may lie free at the end of
/// the heap.
///
/// With glibc's own 128 KB a read of many blocks spends most of its time on page faults: each block is decoded into memory that was
/// returned after the one before.
const LARGE: usize = 4 << 20;

/// Lets allocations of 4 MB, or less where memory is short, be returned to the system as soon as they are freed. To be called before
/// any is made; [`plan_with`] calls it again.
///
/// glibc by itself raises the threshold to the size of each large allocation that is freed (mallopt(3), `M_MMAP_THRESHOLD`), so that
/// much of what a burst or a sealing needs for a moment would never be returned. What is smaller is returned by
/// [`spawn_malloc_trim`].
#[cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "two settings of the allocator")
)]
pub fn return_large_frees_to_system() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let large = libc::c_int::try_from(bound(LARGE)).unwrap_or(libc::c_int::MAX / 2);
        // SAFETY: mallopt takes two numbers and no pointers, and takes the allocator's lock.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, large);
            libc::mallopt(libc::M_TRIM_THRESHOLD, 2 * large);
        }
    }
}

/// Starts a thread that returns to the system, twice a minute, what lies free between allocations that are still in use: when many live clients have
/// gone, their small pieces are scattered. The pause between two rounds is long because each holds up allocations for a moment.
pub fn spawn_malloc_trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if let Err(error) = std::thread::Builder::new().name("memory".into()).spawn(trim_for_ever) {
        log::warn!("memory that a burst needed will be kept: {error}");
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(clippy::disallowed_methods, reason = "this thread does nothing but wait")]
#[expect(unsafe_code, reason = "a request to the allocator")]
fn trim_for_ever() {
    const PAUSE: std::time::Duration = std::time::Duration::from_secs(30);
    loop {
        std::thread::sleep(PAUSE);
        // SAFETY: malloc_trim takes a number and no pointers, and may be called by any thread (malloc_trim(3)).
        unsafe {
            libc::malloc_trim(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_follows_the_memory_up_to_what_is_enough() {
        assert_eq!(part(4_000_000, 64_000_000), 500_000);
        assert_eq!(part(4_000_000, ENOUGH), 4_000_000);
        assert_eq!(part(4_000_000, u64::MAX), 4_000_000);
        assert_eq!(part(usize::MAX, 256_000_000), usize::MAX / 2);
    }

    #[test]
    fn what_the_machine_has_is_known() {
        assert!(available().is_some_and(|bytes| bytes > 16_000_000));
    }
}
