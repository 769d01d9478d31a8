//! What a browser keeps while somebody logs in elsewhere, and what is derived from it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

/// A login that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Begun {
    pub(super) secret: [u8; 32],
    /// Until when it may end, in seconds since 1970.
    pub(super) expires: i64,
    /// The provider's name.
    pub(super) issuer: String,
    /// The member whose account it is to become; empty for a login.
    pub(super) member: String,
    /// Where it goes on.
    pub(super) next: String,
}

/// Makes cookies that only it can make, and what is derived from their secrets. A new process has a new key: who is away
/// meanwhile begins again.
pub(super) struct Sealer(hmac::Key);

impl Sealer {
    pub(super) fn new() -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &rand::random::<[u8; 32]>()))
    }

    /// The value of the cookie.
    pub(super) fn seal(&self, begun: &Begun) -> String {
        let Begun { secret, expires, issuer, member, next } = begun;
        let secret = URL_SAFE_NO_PAD.encode(secret);
        let text = URL_SAFE_NO_PAD.encode(format!("{secret}\n{expires}\n{issuer}\n{member}\n{next}"));
        let tag = self.tag("cookie", text.as_bytes());
        format!("{text}.{tag}")
    }

    /// What a cookie says, if it is one of these and not over at `now`, in seconds.
    pub(super) fn open(&self, cookie: &str, now: i64) -> Option<Begun> {
        let (text, tag) = cookie.split_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(&self.0, &[b"cookie\0", text.as_bytes()].concat(), &tag).ok()?;
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let [secret, expires, issuer, member, next] = text.split('\n').collect::<Vec<_>>()[..] else {
            return None;
        };
        let begun = Begun {
            secret: URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?,
            expires: expires.parse().ok()?,
            issuer: issuer.to_owned(),
            member: member.to_owned(),
            next: next.to_owned(),
        };
        (now < begun.expires).then_some(begun)
    }

    /// What comes back with the code.
    pub(super) fn state(&self, begun: &Begun) -> String {
        self.tag("state", &begun.secret)
    }

    /// What comes back in the ID token.
    pub(super) fn nonce(&self, begun: &Begun) -> String {
        self.tag("nonce", &begun.secret)
    }

    /// What PKCE shows the provider in the end: 43 characters, as few as there may be.
    pub(super) fn verifier(&self, begun: &Begun) -> String {
        self.tag("verifier", &begun.secret)
    }

    fn tag(&self, use_: &str, text: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, &[use_.as_bytes(), b"\0", text].concat()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_opened_by_its_maker_unchanged_and_in_time() {
        let begun = Begun {
            secret: [7; 32],
            expires: 100,
            issuer: "company".to_owned(),
            member: String::new(),
            next: "/boards/x?a=b".to_owned(),
        };
        let sealer = Sealer::new();
        let cookie = sealer.seal(&begun);
        assert_eq!(sealer.open(&cookie, 99), Some(begun.clone()));
        assert_eq!(sealer.open(&cookie, 100), None, "it is over");
        assert_eq!(Sealer::new().open(&cookie, 99), None, "of another process");
        for index in 0..cookie.len() {
            let mut bytes = cookie.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            // The last character of a text in base64 has bits that mean nothing.
            let is_last = index + 1 == cookie.len();
            assert!(is_last || sealer.open(&changed, 99).is_none(), "{index}");
        }
        let derived = [sealer.state(&begun), sealer.nonce(&begun), sealer.verifier(&begun)];
        assert!(derived.iter().all(|text| text.len() == 43));
        assert!(derived[0] != derived[1] && derived[1] != derived[2] && derived[0] != derived[2]);
        assert_ne!(sealer.state(&Begun { secret: [8; 32], ..begun }), derived[0]);
    }
}
