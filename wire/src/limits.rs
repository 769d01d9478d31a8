//! The limits that every door enforces. Each says what happens beyond it.

/// Longest signal name in bytes of UTF-8; beyond it a sample is rejected with `bad_signal_name`.
pub const SIGNAL_NAME_BYTES: usize = 256;

/// How far ahead of the server's clock a timestamp may lie, in microseconds (5 minutes);
/// beyond it a sample is rejected with `timestamp_ahead`.
pub const AHEAD_MICROS: i64 = 5 * 60 * 1_000_000;

/// Largest request body in bytes, both as sent and after decompression; beyond it the request is
/// refused with `body_too_large`.
pub const BODY_BYTES: usize = 8 * 1024 * 1024;

/// Deepest nesting of JSON arrays and objects; beyond it the text is `malformed_json`.
pub const JSON_DEPTH: usize = 64;

/// How many rejected samples an answer lists one by one; the rest are only counted.
pub const REJECTIONS_LISTED: usize = 1_000;

/// Widest reduction a query may ask for, in points per signal; beyond it the query is refused.
pub const MAX_POINTS: u32 = 100_000;

/// Largest WebSocket message accepted from a client, in bytes; beyond it the socket is closed with 1009.
pub const CLIENT_MESSAGE_BYTES: usize = 64 * 1024;
