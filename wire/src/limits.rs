//! The limits that every endpoint enforces. Each says what happens beyond it.

/// Longest signal name in bytes of UTF-8; beyond it a sample is rejected with `bad_signal_name`.
pub const SIGNAL_NAME_BYTES: usize = 256;

/// How far ahead of the server's clock a timestamp may lie, in microseconds (5 minutes);
/// beyond it a sample is rejected with `timestamp_ahead`.
pub const AHEAD_MICROS: i64 = 5 * 60 * 1_000_000;

/// Largest request body in bytes, both as sent and after decompression; beyond it the request is
/// refused with `body_too_large`.
pub const BODY_BYTES: usize = 8 * 1024 * 1024;

/// Bytes of request bodies that are read at once, in all; an address may have half of them. Beyond it a request is refused with
/// `queue_full`.
pub const BODIES_BYTES: usize = 128 * 1024 * 1024;

/// Most members of gzip, or frames of zstd, of a request body; beyond it the request is refused with `body_too_large`.
pub const BODY_MEMBERS: usize = 8;

/// How many times its size a compressed body may have after decompression, when that is more than [`BODY_RATIO_BYTES`];
/// beyond it the request is refused with `body_too_large`.
pub const BODY_RATIO: usize = 200;

/// Size after decompression up to which a body may have been compressed to anything, in bytes.
pub const BODY_RATIO_BYTES: usize = 1024 * 1024;

/// Most samples of a request, the rejected ones included; beyond it the request is refused with `body_too_large`.
pub const REQUEST_SAMPLES: usize = 250_000;

/// Most query parameters of a request; beyond it the request is refused with `bad_parameter`.
pub const QUERY_PARAMETERS: usize = 20;

/// Deepest nesting of JSON arrays and objects; beyond it the text is `malformed_json`.
pub const JSON_DEPTH: usize = 64;

/// How many rejected samples an answer lists one by one; the rest are only counted.
pub const REJECTIONS_LISTED: usize = 1_000;

/// Widest reduction a query may ask for, in points per signal; beyond it the query is refused.
pub const MAX_POINTS: u32 = 100_000;

/// Most slices that a summary may ask for; beyond it the query is refused.
pub const SUMMARY_SLICES: u32 = 1_000;

/// Largest WebSocket message accepted from a client, in bytes; beyond it the socket is closed with 1009.
pub const CLIENT_MESSAGE_BYTES: usize = 64 * 1024;

// Documents: beyond any of these the request is refused with `invalid`, which names the field, and beyond a number of
// documents that are kept with `limit_reached`.

/// Boards that are kept.
pub const BOARDS: usize = 500;

/// Keys that are kept.
pub const KEYS: usize = 10_000;

/// Patterns of signals of a key.
pub const KEY_SIGNALS: usize = 100;

/// Networks of a key.
pub const KEY_ADDRESSES: usize = 100;

/// As many origins as may show what a link shows in a frame.
pub const SHARE_ORIGINS: usize = 16;

/// Longest label of a key, in bytes.
pub const KEY_LABEL_BYTES: usize = 200;

/// Annotations that are kept.
pub const ANNOTATIONS: usize = 100_000;

/// Annotations that one answer lists: the newest; the others are only counted.
pub const ANNOTATIONS_LISTED: usize = 1_000;

/// Largest body of a request that saves something, in bytes; beyond it the request is refused with `body_too_large`.
pub const SAVED_BODY_BYTES: usize = 512 * 1024;

/// Panels of a board.
pub const BOARD_PANELS: usize = 100;

/// Names and patterns of a panel or an annotation.
pub const PANEL_SIGNALS: usize = 100;

/// Thresholds of a panel.
pub const PANEL_THRESHOLDS: usize = 20;

/// Columns of a board's grid.
pub const COLUMNS: u8 = 12;

/// Rows of a board's grid that a panel may be high.
pub const PANEL_ROWS: u8 = 12;

/// Longest address of a board or panel, in bytes.
pub const SLUG_BYTES: usize = 64;

/// Longest title, label or display name, in bytes of UTF-8.
pub const TITLE_BYTES: usize = 256;

/// Longest unit, in bytes of UTF-8.
pub const UNIT_BYTES: usize = 32;

/// Longest text of an annotation or description of a signal, in bytes of UTF-8.
pub const PROSE_BYTES: usize = 2_048;

/// Tags of an annotation.
pub const TAGS: usize = 20;

/// Longest tag, in bytes of UTF-8.
pub const TAG_BYTES: usize = 64;

/// Longest expected period of a signal, in seconds (31 days).
pub const LONGEST_PERIOD_SECONDS: f64 = 31.0 * 86_400.0;

/// Columns of a table of comma-separated values, and cells of a row. Each is a name that may be a signal's.
pub const TABLE_COLUMNS: usize = 20_000;

/// Bytes of all rules together, as they are kept; as many of all channels, of all silences, and of all keys. An answer that lists one kind
/// must have room in what may wait for the clients of one address.
pub const KIND_BYTES: usize = 16 * 1024 * 1024;

/// Rules that are kept.
pub const RULES: usize = 10_000;

/// Rules that one request saves.
pub const RULES_ADDED: usize = 500;

/// Channels that are kept.
pub const CHANNELS: usize = 100;

/// Longest secret of a channel, in bytes.
pub const SECRET_BYTES: usize = 4_096;

/// Addresses that an e-mail goes to.
pub const CHANNEL_RECIPIENTS: usize = 50;

/// Silences that are kept.
pub const SILENCES: usize = 1_000;

/// Windows of a silence's week.
pub const SILENCE_WINDOWS: usize = 20;

/// Episodes that one answer lists; the others are only counted.
pub const EPISODES_LISTED: usize = 1_000;

/// Episodes that are kept: the newest.
pub const EPISODES: usize = 1_000_000;

/// Attempts to deliver that each channel's log keeps: the last.
pub const DELIVERIES: usize = 50;

/// Alerts that one message lists; the others are only counted.
pub const MESSAGE_ALERTS: usize = 50;

/// A colour, for messages.
pub(crate) const COLOUR_EXAMPLE: &str = "#0b62b8";

/// How old a sample may be when it arrives before it counts as late, in microseconds (1 minute).
pub const LATE_MICROS: i64 = 60 * 1_000_000;

/// Requests that `GET /api/ingest` lists: the latest.
pub const INGEST_REQUESTS: usize = 200;

/// Requests of which something was refused that `GET /api/ingest` lists besides: the latest.
pub const INGEST_REFUSED: usize = 100;

/// Senders that `GET /api/ingest` lists; the one that has been silent longest makes room for a new one.
pub const INGEST_SOURCES: usize = 64;

/// Most names and patterns of one live subscription; beyond it the request is refused.
pub const SUBSCRIPTION_PATTERNS: usize = 1_000;

/// Most patterns with `*` of one query or live subscription; beyond it the request is refused. Names without `*` cost no more than a look-up.
pub const PATTERNS: usize = 100;

/// Most `*` of one pattern; beyond it the request is refused.
pub const PATTERN_STARS: usize = 4;

/// Widest snapshot of a live subscription in pixels; beyond it the request is refused.
pub const SNAPSHOT_WIDTH: u32 = MAX_POINTS / 2;

/// Most samples of a snapshot without a width, all signals together; beyond it the request is refused.
pub const SNAPSHOT_SAMPLES: usize = 2_000_000;

/// Messages that a live client may send at once, and per second after that; beyond it the socket is closed with 1008.
pub const CLIENT_MESSAGES: u32 = 20;

// Rules: beyond any of these a rule is refused with `invalid`, which names the field.

/// Names and patterns of a rule's signals, and of those that are left out.
pub const RULE_SIGNALS: usize = 100;

/// Levels of a rule.
pub const RULE_LEVELS: usize = 3;

/// Conditions of a rule beside its own.
pub const RULE_ANDS: usize = 2;

/// Rules that a rule yields to.
pub const RULE_UNLESS: usize = 10;

/// Channels that a rule names.
pub const RULE_CHANNELS: usize = 20;

/// Escalations of a rule.
pub const RULE_ESCALATIONS: usize = 5;

/// Longest time in a rule (31 days), in seconds.
pub const LONGEST_RULE_SECONDS: u32 = 31 * 86_400;

/// Longest window of a value that is computed of several samples (a day), in seconds.
pub const WINDOW_SECONDS: u32 = 86_400;

/// Longest window of a percentile (an hour), in seconds.
pub const PERCENTILE_WINDOW_SECONDS: u32 = 3_600;

/// Alerts that end between two writes, of whatever rules. Of a rule and a signal that has one of them, further ones that nobody was
/// notified of are not kept: samples of one request may cross a limit a hundred thousand times, and hundreds of rules may look at them.
pub const ENDED_ALERTS_AT_ONCE: usize = 100_000;

/// Alerts that are pending, firing or recovering at once, all rules together; those beyond are counted and not evaluated.
pub const RULE_INSTANCES: usize = 200_000;

/// Notices that wait for a channel; beyond them the oldest become messages, which list some and count the others.
pub const WAITING_NOTICES: u64 = 100_000;

/// Windows that are kept in memory, all rules together; the values of those beyond are not computed, and counted.
pub const RULE_WINDOWS: usize = 20_000;

/// Episodes of one scope that a back-test lists; the others are only counted.
pub const BACKTEST_EPISODES: usize = 1_000;

/// Episodes that a back-test lists, of all scopes together; the others are only counted.
pub const BACKTEST_LISTED: usize = 10_000;

/// Scopes that a back-test lists, the first by name; the others are only counted.
pub const BACKTEST_SCOPES: usize = 1_000;

/// Samples of several signals that a back-test compares at once; a scope with more is left out.
pub const BACKTEST_SAMPLES: usize = 6_000_000;
