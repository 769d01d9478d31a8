//! The cookie of a session.

use actix_web::http::header::{COOKIE, HeaderMap};

/// How long browsers keep it; the server ends sessions by itself.
const SECONDS: u32 = 30 * 86_400;

/// Its name. With the prefix browsers take it only in TLS, for this host alone and all of its paths.
const fn name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-ag" } else { "ag" }
}

/// The value that a request brings; none when it brings several.
pub(super) fn value(headers: &HeaderMap, is_secure: bool) -> Option<&str> {
    named(headers, name(is_secure))
}

fn named<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let pairs =
        headers.get_all(COOKIE).filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    let mut values = pairs.filter_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    });
    values.next().filter(|_| values.next().is_none())
}

/// The name of the cookie of a link to a board.
const fn share_name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-ag-share" } else { "ag-share" }
}

/// The link to a board that was opened here.
pub(super) fn share(headers: &HeaderMap, is_secure: bool) -> Option<&str> {
    named(headers, share_name(is_secure))
}

/// The header's value that gives a browser the cookie of a link to a board, until the browser is closed. It is sent after links
/// from other sites too.
pub(in crate::http) fn set_share(value: &str, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}", share_name(is_secure))
}

/// The name of the cookie of a login at an identity provider.
const fn login_name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-ag-login" } else { "ag-login" }
}

/// The login at an identity provider that was begun here.
pub(in crate::http) fn login(headers: &HeaderMap, is_secure: bool) -> Option<&str> {
    named(headers, login_name(is_secure))
}

/// The header's value that gives a browser the cookie of such a login for some seconds; with 0, that takes it away. It is sent when
/// the provider leads the browser back.
pub(in crate::http) fn set_login(value: &str, seconds: i64, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    let name = login_name(is_secure);
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}")
}

/// The header's value that gives a browser the cookie of a session; with an empty `value`, that takes it away.
pub(in crate::http) fn set(value: &str, is_secure: bool) -> String {
    let seconds = if value.is_empty() { 0 } else { SECONDS };
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}", name(is_secure))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn one_value_of_the_right_name_counts() {
        let value = |line: &'static str, is_secure| {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(line))]);
            super::value(&headers, is_secure).map(str::to_owned)
        };
        assert_eq!(value("a=b; ag=1; x", false).as_deref(), Some("1"));
        assert_eq!(value("__Host-ag=1", true).as_deref(), Some("1"));
        // One that anybody in the network could have set.
        assert_eq!(value("ag=1", true), None);
        assert_eq!(value("ag=1; ag=2", false), None);
        assert_eq!(value("tag=1", false), None);
    }
}
