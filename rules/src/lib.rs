//! What rules mean: samples in, alerts that begin and end out.
//!
//! No clock, no input or output, no actors: the same rules and samples give the same alerts, live, when the journal is read again after
//! a crash, in a back-test, and in the browser. Rules are [`afterglow_wire::rule::Rule`]; signals are numbers with names, as the store has them;
//! instants are microseconds since 1970.
//!
//! # How a host drives it
//!
//! ```
//! use afterglow_rules::{Engine, Kind, Sample};
//! # let rule = serde_json::from_str(r#"{"id":"hot","title":"Hot","signals":["oven.*"],"is":"above","levels":[{"limit":80}],"for":30}"#).unwrap();
//! let mut engine = Engine::default();
//! engine.put(&rule, 0);                       // when the rule was made is part of its episodes' ids
//! engine.learn(0, "oven.1", None);            // every signal of the dictionary, once, before its first sample
//! let mut transitions = Vec::new();
//! let second = 1_000_000;
//! for at in 0..=40 {
//!     let sample = Sample { signal: 0, at: at * second, value: 90.0 };
//!     engine.step(sample.at, [sample], &mut transitions); // one commit, with the time of the commit
//! }
//! assert_eq!(transitions[0].kind, Kind::Pending);
//! assert_eq!((transitions[1].kind, transitions[1].at), (Kind::Fired, 30 * second));
//! assert_eq!(transitions[1].episode(), Some("hot@0/oven.1/30000000".into()));
//! ```
//!
//! - **Live**: [`Engine::step`] for each commit, in order, with `committed_at`; between commits [`Engine::advance_to`] when
//!   [`Engine::deadline`] is due. Transitions are appended to the vector that is passed. [`Engine::take_changed`] then says which states differ from
//!   what was last taken: what a host stores in the transaction that stores the transitions. A state that is `None` is that of an alert that no longer exists.
//! - **At a start**: [`Engine::put`] every rule, [`Engine::learn`] every signal, [`Engine::warm`] each signal that
//!   [`Engine::memory`] names a time for, with its samples of that time before the stored cursor, and where these are fewer than it asks for with its last
//!   ones, however old; [`Engine::restore`] every stored state; [`Engine::listen`]; then `step` for each commit after the cursor. Transitions come out as they did the first time.
//! - **A rule is added or changes what it evaluates**: make a second engine with that rule alone, give it the samples of [`Engine::memory`] up to the commit that was
//!   evaluated last by `step`, with the samples' own times, let time pass in it as it did, and [`Engine::adopt`] it. A text-only change ([`Rule::evaluates_as`]) needs `put` alone.
//!   [`Engine::remove`] ends what fires, with the reason.
//! - **The clock is set**: [`Engine::reset_clock`].
//! - **Listening**: [`Engine::listen`] when commits are taken, [`Engine::deaf`] when they no longer are. Silence is counted only in between.
//!
//! # What is defined
//!
//! 1. A sample later than its signal's newest is evaluated at its own time, or at the commit's time if that is earlier.
//! 2. One of the newest's time replaces it; an equal value changes nothing.
//! 3. An earlier one is late: it decides nothing, and is counted in [`Counts::late`]. A window that it lies in has it from its next slot on, by
//!    [`Engine::step_with`].
//! 4. A `for` or `keep` that ends at E is stamped E. It is decided by the first sample at or after E; a sample that breaks it counts
//!    up to E + grace, where grace is 1.5 times what nine in ten of the last 32 intervals stay below, at most a minute, and a second when that is no
//!    shorter than the `for` or `keep` or no interval is known. Without a sample it is decided at E + grace + the signal's lag.
//! 5. A window of W seconds is the sixty last complete sixtieths of W, on a grid that begins in 1970, and the running one. It has a value once the signal
//!    has been known for W.
//! 6. With `against`, the value at a sample is what 5 or the sample says, less or divided by the last value that the other signal has at that instant. It
//!    is not known without such a value, with one older than `within`, and where it is no finite number: then the state stays as it is.
//! 7. With `"limit": "usual"` the limits at a sample are `k` deviations from the middle of what the signal had in the same hour of the week, in the
//!    four weeks before, as [`Past::minutes`] says. They are not known before two of these weeks have three minutes with samples between them: then the
//!    state stays as it is.
//! 8. Silence is measured from the last sample that was in order and fresh, or from when listening began if that is later.
//!
//! Therefore live equals back-test, whatever the batches, the calls of `advance_to` and the restarts, for samples that arrive in order with
//! constant lag, as long as the samples of one instant arrive in one commit.
//!
//! [`Rule::evaluates_as`]: afterglow_wire::rule::Rule::evaluates_as

mod backtest;
mod band;
mod by_rule;
mod cadence;
mod compile;
mod engine;
mod join;
mod machine;
mod past;
#[cfg(test)]
mod reference;
mod signal;
mod silence;
mod state;
mod transition;
mod window;

pub use backtest::{Backtest, Presence, Wants};
pub use engine::{Engine, Memory};
pub use join::counterpart;
pub use past::Past;
pub use signal::Sample;
pub use state::{Phase, State};
pub use transition::{Changed, Counts, Kind, Reason, Transition};

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;

#[cfg(test)]
mod tests;
