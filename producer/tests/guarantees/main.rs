//! What the producer promises, shown on the real binary against a real listener.

#![allow(unreachable_pub, reason = "a test has no public interface")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "a test waits for a process, with a deadline")]

mod command_line;
mod delivery;
mod harness;
