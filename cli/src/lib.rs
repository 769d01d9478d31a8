//! What the command lines of Afterglow's programs share.
//!
//! - [`settings`]: one way to declare a setting, as a clap argument that the environment and a file can give too.
//! - [`access`]: the key that a program shows to a server, and whom it trusts.
//! - [`section`]: reads the tables of that file, with messages that say where, what, and what is allowed.
//! - [`manual`]: manual pages and completions, made of the command line itself.
//! - [`log`]: the format of the log.
//! - [`process`]: what comes first in `main`, and the programs of others that are run.

pub mod access;
pub mod log;
pub mod manual;
pub mod process;
pub mod section;
pub mod settings;

pub use section::{ConfigError, Section};
