//! What log lines call a request.

use std::fmt;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

/// The header in which a client or a proxy names its request, and in which an answer repeats the name.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest name that is taken over, in bytes.
const LONGEST: usize = 64;

/// The number of the next request without a name; it begins anywhere, so that two runs of the server share none.
static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(rand::random()));

/// The name of a request: its header `X-Request-Id`, if that has 1 to 64 visible ASCII characters, or a number of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) enum RequestId {
    Given(Arc<str>),
    Own(u64),
}

impl RequestId {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
        match given.filter(|id| (1..=LONGEST).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()))
        {
            Some(id) => Self::Given(id.into()),
            None => Self::Own(NEXT.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// Whether the client named the request.
    pub(super) fn is_given(&self) -> bool {
        matches!(self, Self::Given(_))
    }

    pub(super) fn value(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(self.to_string()).ok()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(id) => f.write_str(id),
            Self::Own(number) => write!(f, "{number:016x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> RequestId {
        RequestId::of(&HeaderMap::from_iter([(HEADER, HeaderValue::from_bytes(value.as_bytes()).unwrap())]))
    }

    #[test]
    fn a_usable_name_is_kept_and_any_other_request_gets_a_number() {
        assert_eq!(of("abc-1").to_string(), "abc-1");
        for unusable in ["", "two words", "é"] {
            assert!(!of(unusable).is_given(), "{unusable}");
        }
        let long =
            RequestId::of(&HeaderMap::from_iter([(HEADER, HeaderValue::try_from("x".repeat(65)).unwrap())]));
        assert!(!long.is_given());
        let [first, second] = [RequestId::of(&HeaderMap::new()), RequestId::of(&HeaderMap::new())];
        assert_ne!(first, second);
        assert_eq!(first.to_string().len(), 16);
    }
}
