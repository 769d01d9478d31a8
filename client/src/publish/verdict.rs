//! What the backend's answer means for the batch that was sent: the retry table.

use std::time::Duration;

use afterglow_wire::telemetry::{Receipt, Rejection};
use afterglow_wire::{ErrorBody, Timestamp};

/// The shortest wait after an answer that denies access: only a person can change that.
const DENIED: Duration = Duration::from_secs(60);

/// What becomes of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It is stored durably, except for the samples that the backend refused one by one.
    Stored {
        /// How many samples were refused.
        rejected: usize,
        /// The refusals the backend listed.
        listed: Vec<Rejection>,
    },
    /// It will never be accepted; sending it again is useless.
    Refused {
        /// The status and what the backend said.
        reason: String,
    },
    /// It is too large; its halves may fit.
    TooLarge,
    /// It may be accepted later, and sending it again is safe.
    Retry {
        /// What went wrong.
        reason: String,
        /// How long the backend asked to wait.
        after: Option<Duration>,
    },
}

/// Reads an answer. `retry_after` is that header's text, `now` resolves a date in it.
///
/// | status | verdict |
/// |---|---|
/// | 2xx whose body says `"status":"success"` | stored |
/// | 413 | too large: split |
/// | 401, 403 | retry, a minute later at the earliest: the key can be replaced, the samples cannot |
/// | 421 | retry, as late: the backend can be configured to know its name |
/// | 408, 429, 5xx | retry |
/// | 3xx, or 2xx from something that is not a backend | retry, so that a wrong address loses nothing |
/// | any other 4xx | refused |
pub fn judge(status: u16, retry_after: Option<&str>, body: &[u8], now: Timestamp) -> Verdict {
    let after = retry_after.and_then(|text| delay(text, now));
    match status {
        200..=299 => receipt(status, body),
        413 => Verdict::TooLarge,
        401 | 403 => Verdict::Retry {
            reason: format!("access is denied, check the key: {}", reason(status, body)),
            after: after.max(Some(DENIED)),
        },
        421 => Verdict::Retry {
            reason: format!("the backend does not know this address as its own: {}", reason(status, body)),
            after: after.max(Some(DENIED)),
        },
        408 | 429 | 500..=599 => Verdict::Retry { reason: reason(status, body), after },
        400..=499 => Verdict::Refused { reason: reason(status, body) },
        _ => Verdict::Retry {
            reason: format!("status {status}, which no backend answers; check the backend's address"),
            after,
        },
    }
}

/// A backend of the original contract, the Flask demo, answers only `{"status":"success"}`: all samples are stored then.
fn receipt(status: u16, body: &[u8]) -> Verdict {
    #[derive(serde::Deserialize)]
    struct Status {
        status: String,
    }
    if let Ok(receipt) = serde_json::from_slice::<Receipt>(body)
        && receipt.status == "success"
    {
        let rejected = receipt.rejected_count.max(receipt.rejected.len());
        return Verdict::Stored { rejected, listed: receipt.rejected };
    }
    match serde_json::from_slice::<Status>(body) {
        Ok(said) if said.status == "success" => Verdict::Stored { rejected: 0, listed: Vec::new() },
        _ => Verdict::Retry {
            reason: format!("status {status} without a receipt; check the backend's address"),
            after: None,
        },
    }
}

/// The status with the error body's code and message, or with the start of whatever was said instead.
fn reason(status: u16, body: &[u8]) -> String {
    match serde_json::from_slice::<ErrorBody>(body) {
        Ok(body) => format!("status {status}, {}: {}", body.error.code, body.error.message),
        Err(_) if body.is_empty() => format!("status {status}"),
        Err(_) => {
            let said: String = String::from_utf8_lossy(body).chars().take(200).collect();
            format!("status {status}: {}", said.escape_debug())
        }
    }
}

/// `Retry-After`: whole seconds, or an HTTP date such as `Wed, 21 Oct 2026 07:28:00 GMT`.
fn delay(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let [_, day, month, year, time, "GMT"] = text.split_whitespace().collect::<Vec<_>>()[..] else {
        return None;
    };
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months.iter().position(|name| *name == month)? + 1;
    let until = Timestamp::parse(&format!("{year}-{month:02}-{day}T{time}Z")).ok()?;
    Some(Duration::from_micros(u64::try_from(until.micros() - now.micros()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, body: &str) -> Verdict {
        judge(status, None, body.as_bytes(), Timestamp::default())
    }

    #[test]
    fn the_retry_table() {
        for status in [400, 404, 405, 415, 422] {
            assert!(matches!(verdict(status, ""), Verdict::Refused { .. }), "{status}");
        }
        for status in [301, 307, 401, 403, 408, 421, 429, 500, 502, 503, 504] {
            assert!(matches!(verdict(status, ""), Verdict::Retry { .. }), "{status}");
        }
        assert_eq!(verdict(413, ""), Verdict::TooLarge);
    }

    #[test]
    fn denied_access_is_tried_again_slowly_and_says_to_check_the_key() {
        let denied = |retry_after| judge(401, retry_after, b"no token", Timestamp::default());
        let retry = |seconds| Verdict::Retry {
            reason: "access is denied, check the key: status 401: no token".into(),
            after: Some(Duration::from_secs(seconds)),
        };
        assert_eq!([denied(None), denied(Some("1")), denied(Some("90"))], [retry(60), retry(60), retry(90)]);
    }

    #[test]
    fn receipts_old_and_new() {
        let none = Verdict::Stored { rejected: 0, listed: vec![] };
        assert_eq!(verdict(200, r#"{"status":"success"}"#), none);
        assert_eq!(verdict(200, r#"{"status":"success","accepted":5}"#), none);
        let some = r#"{"status":"success","accepted":1,"rejected_count":7,"rejected":[
            {"index":0,"signal":"x","code":"not_finite","message":"no"}]}"#;
        assert!(matches!(verdict(200, some), Verdict::Stored { rejected: 7, listed } if listed.len() == 1));
    }

    #[test]
    fn a_stranger_who_says_200_has_stored_nothing() {
        for body in ["", "<html>", r#"{"status":"ok"}"#, "null"] {
            assert!(matches!(verdict(200, body), Verdict::Retry { .. }), "{body}");
        }
    }

    #[test]
    fn reasons_carry_what_the_backend_said() {
        let Verdict::Refused { reason } =
            verdict(400, r#"{"error":{"code":"empty_body","message":"nothing"}}"#)
        else {
            panic!("not refused");
        };
        assert_eq!(reason, "status 400, empty_body: nothing");
    }

    #[test]
    fn retry_after_in_both_forms() {
        let now = Timestamp::parse("2026-10-21T07:27:00Z").unwrap();
        let check = |text, seconds: Option<u64>| {
            assert_eq!(delay(text, now), seconds.map(Duration::from_secs), "{text}");
        };
        check("120", Some(120));
        check("Wed, 21 Oct 2026 07:28:00 GMT", Some(60));
        check("Wed, 21 Oct 2026 07:00:00 GMT", Some(0));
        check("soon", None);
        check("-1", None);
    }
}
