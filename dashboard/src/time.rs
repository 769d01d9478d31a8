//! Which stretch of time the page shows, how readers name it, and how an axis marks it.
//!
//! Instants are microseconds since 1970 in UTC. Nothing here reads a clock or asks the browser: both come in as
//! parameters, so that midnights, leap days and daylight saving are tested natively.

mod calendar;
pub mod expression;
pub mod permalink;
pub mod presets;
pub mod span;
pub mod text;
pub mod ticks;
pub mod timeline;
pub mod zone;

pub use span::Span;
pub use timeline::{Follow, Range, Timeline};
pub use zone::{Utc, Zone};

/// Microseconds of a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds of a minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Microseconds of an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Microseconds of a day without a change of daylight saving.
pub const DAY: i64 = 24 * HOUR;
