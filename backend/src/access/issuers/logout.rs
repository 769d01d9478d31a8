//! What an issuer says of somebody who has logged out there (OpenID Connect Back-Channel Logout 1.0).
//!
//! **Bound.** [`SEEN`] tokens are remembered until they expire. **Overload.** Further ones are refused; the sessions here end by
//! themselves.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use afterglow_wire::Timestamp;
use serde_json::Value;

use super::Issuers;
use crate::access::account::LoginError;
use crate::access::jwt;

/// Logout tokens that were taken and have not expired.
const SEEN: usize = 10_000;

/// The claim that says what happened.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Who has logged out, and where.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::access) struct LoggedOut {
    /// The provider's address.
    pub(in crate::access) issuer: String,
    /// What it calls the account.
    pub(in crate::access) subject: String,
}

/// Tokens that were taken, until when each is valid.
#[derive(Default)]
pub(super) struct Seen(Mutex<HashMap<String, Timestamp>>);

impl Seen {
    /// Whether a token was not taken before.
    fn is_new(&self, id: String, until: Timestamp, now: Timestamp) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= SEEN {
            seen.retain(|_, until| *until > now);
        }
        seen.len() < SEEN && seen.insert(id, until).is_none()
    }
}

impl Issuers {
    /// Who has logged out, as a logout token says it. Blocks.
    ///
    /// # Errors
    /// When the token is not right, or was taken before.
    pub(in crate::access) fn logged_out(&self, token: &str, now: Timestamp) -> Result<LoggedOut, LoginError> {
        let denied = LoginError::Denied;
        let (url, header) = jwt::peek(token).ok_or(denied("the logout token cannot be read"))?;
        let issuer = self.find(&url).ok_or(denied("this is no issuer that counts here"))?;
        let login = issuer.login().ok_or(denied("nobody logs in with accounts of this issuer"))?;
        jwt::check_logout_header(&header).map_err(denied)?;
        let is_meant = |key: &&jwt::Key| key.is_meant(header.kid.as_deref());
        let keys = issuer.keys.load();
        let verified = jwt::verify(token, keys.iter().filter(is_meant), &url, &login.client_id, now);
        let (claims, _) = verified.map_err(denied)?;
        let is_logout =
            claims.all.get("events").and_then(|events| events.get(EVENT)).is_some_and(Value::is_object);
        if !is_logout || claims.all.contains_key("nonce") {
            return Err(denied("this is no logout token: it has a nonce, or no event"));
        }
        let id =
            claims.all.get("jti").and_then(Value::as_str).ok_or(denied("the logout token has no jti"))?;
        if !self.0.logouts.is_new(format!("{url} {id}"), claims.until, now) {
            return Err(denied("this logout token was taken before"));
        }
        Ok(LoggedOut { issuer: url, subject: claims.subject })
    }
}
