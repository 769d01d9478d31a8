//! The one error body and the codes it carries.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The body of every error answer: `{"error": {"code", "message", "details"?}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorInfo,
}

/// What went wrong, for programs (`code`) and for people (`message`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ErrorInfo {
    /// One of [`Code`], as its snake-case name.
    #[cfg_attr(feature = "schema", schema(value_type = Code))]
    pub code: Cow<'static, str>,
    /// What was wrong, where, and what is allowed.
    pub message: String,
    /// More of the same for programs, where there is more to say.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Value>,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident => $name:literal, $status:literal;)+) => {
        /// Every code an error answer or a rejected sample can carry.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $variant,)+ }

        impl Code {
            /// All codes, in the order in which they are documented.
            pub const ALL: &[Code] = &[$(Code::$variant,)+];

            /// The name used on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)+ }
            }

            /// The HTTP status that an answer with this code has.
            pub const fn status(self) -> u16 {
                match self { $(Code::$variant => $status,)+ }
            }
        }
    };
}

codes! {
    /// The body has no bytes, or nothing but white space.
    EmptyBody => "empty_body", 400;
    /// The body ended before the length its headers announced, or its chunks were not well formed.
    BrokenBody => "broken_body", 400;
    /// The body is not JSON.
    MalformedJson => "malformed_json", 400;
    /// A row of a table cannot be read, or its header does not say which column is the time.
    MalformedCsv => "malformed_csv", 400;
    /// The body, an element of it or a line of it is JSON but not an object.
    NotAnObject => "not_an_object", 400;
    /// An object has no `signals`, or they are not an object.
    BadSignals => "bad_signals", 400;
    /// An object has no timestamp but a time under another name.
    UnknownMember => "unknown_member", 400;
    /// An object's `signals`, or the array itself, has nothing in it.
    EmptySignals => "empty_signals", 400;
    /// A signal's name is empty, too long or has control characters.
    BadSignalName => "bad_signal_name", 400;
    /// A value is neither a number nor `true` nor `false`.
    NotANumber => "not_a_number", 400;
    /// A value is NaN, infinite, or too large for a 64-bit float.
    NotFinite => "not_finite", 400;
    /// A timestamp is neither ISO 8601 nor an epoch.
    BadTimestamp => "bad_timestamp", 400;
    /// A timestamp lies more than five minutes ahead of the server's clock.
    TimestampAhead => "timestamp_ahead", 400;
    /// A timestamp lies before the earliest one that the server is configured to take: the sender's clock is not set.
    TimestampEarly => "timestamp_early", 400;
    /// The server keeps as many signals as it is configured to.
    TooManySignals => "too_many_signals", 400;
    /// A query parameter does not parse or is out of range.
    BadParameter => "bad_parameter", 400;
    /// A compressed body does not decompress.
    BadEncoding => "bad_encoding", 400;
    /// The request comes from a page of another site.
    ForeignOrigin => "foreign_origin", 403;
    /// Samples and keys are taken only in TLS, at another address of this server.
    HttpsRequired => "https_required", 403;
    /// The request came through a proxy, and the server is not configured to trust one.
    ProxyNotTrusted => "proxy_not_trusted", 403;
    /// The request brings no key, or one that is not valid.
    Unauthenticated => "unauthenticated", 401;
    /// The request lacks the permission that its route needs.
    Forbidden => "forbidden", 403;
    /// The key may not write this signal.
    ForbiddenSignal => "forbidden_signal", 403;
    /// The request is for a host that the server is not known as.
    UnknownHost => "unknown_host", 421;
    /// There is nothing at this address.
    NotFound => "not_found", 404;
    /// The address exists but not for this method.
    MethodNotAllowed => "method_not_allowed", 405;
    /// What is to be saved has a field that is not allowed; `details` names it.
    Invalid => "invalid", 422;
    /// It was changed since the version that this change replaces; `details` has it as it is.
    Conflict => "conflict", 409;
    /// As many of this kind are kept as may be; delete one first.
    LimitReached => "limit_reached", 422;
    /// The body did not arrive in time.
    BodyTimeout => "body_timeout", 408;
    /// The body is too large, as sent or after decompression.
    BodyTooLarge => "body_too_large", 413;
    /// The content type or content encoding is not one the server reads.
    UnsupportedMediaType => "unsupported_media_type", 415;
    /// The request is not a WebSocket handshake.
    NotAWebSocket => "not_a_websocket", 400;
    /// A WebSocket handshake asks only for subprotocols that the server does not speak.
    UnknownProtocol => "unknown_protocol", 400;
    /// Requests with this key, or from this address, come faster than they may; try again later.
    RateLimited => "rate_limited", 429;
    /// Samples come faster than may be written with this key; send them again later.
    QuotaExceeded => "quota_exceeded", 429;
    /// Something broke in the server; its log says what.
    Internal => "internal", 500;
    /// Samples arrive faster than they can be stored; send again later.
    QueueFull => "queue_full", 503;
    /// The disk has no room; send again later.
    DiskFull => "disk_full", 503;
    /// The database does not answer; send again later.
    StoreDown => "store_down", 503;
    /// The keys of the issuer of a token cannot be fetched; send again later.
    IssuerDown => "issuer_down", 503;
    /// A query took longer than its deadline.
    QueryTimeout => "query_timeout", 503;
    /// As many live clients are connected as may be; try again later.
    TooManyClients => "too_many_clients", 503;
    /// The server is stopping; send again later.
    Draining => "draining", 503;
}

impl Code {
    /// The code with this name.
    pub fn named(name: &str) -> Option<Code> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }

    /// Whether the same request may succeed later: true for 429 and 503 only.
    pub const fn may_retry(self) -> bool {
        matches!(self.status(), 429 | 503)
    }

    /// The error body with this code.
    pub fn body(self, message: impl Into<String>) -> ErrorBody {
        ErrorBody {
            error: ErrorInfo { code: Cow::Borrowed(self.name()), message: message.into(), details: None },
        }
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
    }

    #[test]
    fn the_body_has_the_agreed_shape() {
        let text = serde_json::to_string(&Code::QueueFull.body("later")).unwrap();
        assert_eq!(text, r#"{"error":{"code":"queue_full","message":"later"}}"#);
    }
}
