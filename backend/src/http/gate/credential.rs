//! What a request identifies itself with. The first of these that it brings counts: `Authorization`, `X-Api-Key`.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, SEC_WEBSOCKET_PROTOCOL};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::access::TicketUse;

/// What a request brings. A session's cookie will be a further variant.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credential<'h> {
    /// Nothing.
    None,
    /// A text that should be a key.
    Key(Cow<'h, str>),
    /// Something that can be none; why.
    Malformed(&'static str),
}

impl<'h> Credential<'h> {
    pub(super) fn of(headers: &'h HeaderMap) -> Self {
        const NOT_TEXT: Credential<'static> = Credential::Malformed("the key is not plain text");
        const TWICE: Credential<'static> = Credential::Malformed("Authorization is there twice");
        let mut authorizations = headers.get_all(AUTHORIZATION);
        match (authorizations.next(), authorizations.next()) {
            (Some(value), None) => value.to_str().map_or(NOT_TEXT, authorization),
            (Some(_), Some(_)) => TWICE,
            (None, _) => match headers.get("x-api-key") {
                Some(value) => value.to_str().map_or(NOT_TEXT, |key| Self::Key(key.trim().into())),
                None => Self::None,
            },
        }
    }
}

/// What a ticket is offered as by a WebSocket, which chooses another subprotocol.
const TICKET: &str = "ag.ticket.";

/// The ticket of a request that opens a live connection: among the subprotocols of a WebSocket, or the parameter of an event stream or
/// of Socket.IO.
pub(super) fn ticket(request: &HttpRequest) -> Option<(&str, TicketUse)> {
    let parameter =
        |name: &'static str| request.query_string().split('&').find_map(|pair| pair.strip_prefix(name));
    match request.path() {
        "/ws" => {
            let lines = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
            let mut offered = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
            Some((offered.find_map(|name| name.trim().strip_prefix(TICKET))?, TicketUse::Once))
        }
        "/api/stream" => Some((parameter("ticket=")?, TicketUse::Once)),
        "/socket.io/" => {
            let is_known = parameter("sid=").is_some();
            Some((parameter("ticket=")?, if is_known { TicketUse::Further } else { TicketUse::First }))
        }
        _ => None,
    }
}

/// `Bearer KEY`, or `Basic` with the key as the password.
fn authorization(value: &str) -> Credential<'_> {
    let (scheme, rest) = value.trim().split_once(' ').unwrap_or((value, ""));
    if scheme.eq_ignore_ascii_case("bearer") {
        return Credential::Key(rest.trim().into());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = STANDARD.decode(rest.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let password = decoded.and_then(|pair| Some(pair.split_once(':')?.1.to_owned()));
        return password.map_or(
            Credential::Malformed("Authorization: Basic has no name and password in base64"),
            |password| Credential::Key(password.into()),
        );
    }
    Credential::Malformed("Authorization takes Bearer with a key, or Basic with a key as the password")
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn check(headers: &[(&str, &str)], expected: &str) {
        let headers = headers.iter().map(|(name, value)| {
            (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
        });
        let headers = HeaderMap::from_iter(headers);
        let found = match Credential::of(&headers) {
            Credential::Key(key) => key.into_owned(),
            Credential::None => "none".to_owned(),
            Credential::Malformed(_) => "malformed".to_owned(),
        };
        assert_eq!(found, expected, "{headers:?}");
    }

    #[test]
    fn a_key_comes_in_three_ways() {
        check(&[], "none");
        check(&[("authorization", "Bearer abc")], "abc");
        check(&[("authorization", "bearer  abc ")], "abc");
        check(&[("authorization", "Basic dXNlcjphYmM=")], "abc");
        check(&[("authorization", "Basic OmE6Yg==")], "a:b");
        check(&[("x-api-key", "abc")], "abc");
        check(&[("x-api-key", "abc"), ("authorization", "Bearer def")], "def");
        check(&[("authorization", "Bearer")], "");
        for malformed in ["Basic abc:def", "Basic dXNlcg==", "Digest x", "abc", "Negotiate"] {
            check(&[("authorization", malformed), ("x-api-key", "abc")], "malformed");
        }
        check(&[("authorization", "Bearer a"), ("authorization", "Bearer b")], "malformed");
    }
}
