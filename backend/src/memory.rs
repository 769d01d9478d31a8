//! How the process treats the memory that it no longer needs.

/// Bytes from which on an allocation is returned to the system when it is freed: glibc's own first choice.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 128 * 1024;

/// Lets large allocations be returned to the system as soon as they are freed; must be called before any is made.
///
/// glibc begins like that, but raises the threshold to the size of each large allocation that is freed (mallopt(3),
/// `M_MMAP_THRESHOLD`), so that much of what a burst or a sealing needs for a moment would never be returned.
#[cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "a setting of the allocator; it is called before there is a second thread")
)]
pub fn return_large_frees_to_system() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt takes two numbers and no pointers.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
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
