//! Why the server closes a WebSocket: the codes of its close frames.

/// The server is stopping, or does not reach its database; connect again after a moment.
pub const GOING_AWAY: u16 = 1001;
/// The bytes were not valid WebSocket frames (RFC 6455).
pub const PROTOCOL_ERROR: u16 = 1002;
/// The socket speaks a protocol on which clients send no messages of this kind.
pub const UNSUPPORTED: u16 = 1003;
/// A text message was not UTF-8, or a message did not follow its protocol.
pub const INVALID_DATA: u16 = 1007;
/// The client sent more messages than [`crate::limits::CLIENT_MESSAGES`].
pub const TOO_MANY_MESSAGES: u16 = 1008;
/// The message was larger than [`crate::limits::CLIENT_MESSAGE_BYTES`].
pub const TOO_BIG: u16 = 1009;
/// The server has no room for what this client watches; connect again later.
pub const TRY_AGAIN_LATER: u16 = 1013;
/// The client did not answer a ping in time.
pub const PING_TIMEOUT: u16 = 4007;
/// The client read too slowly for too long.
pub const TOO_SLOW: u16 = 4008;
/// What the client has identified itself with is no longer valid: it was revoked, has expired, or was changed. Do not connect
/// again with it.
pub const UNAUTHENTICATED: u16 = 4401;
