//! Logging in with an account of an identity provider: OpenID Connect, the authorization code flow with PKCE (RFC 7636).
//!
//! What must come back from the provider is bound to the browser that began, by a cookie: `state`, `nonce` and the verifier of PKCE are
//! derived from a secret in it, with a key of this process, so that nothing is kept of those who begin.
//!
//! **Bound.** [`THREADS`] requests to providers, and [`WAITING`] logins that wait for one. **Overload.** 429.

mod begun;

use std::net::IpAddr;
use std::sync::Arc;

use afterglow_wire::Timestamp;
use afterglow_wire::people::Provider;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::account::{Account, LoginError};
use super::issuers::{Exchange, Issuer, Issuers, LoggedOut};
use crate::pool::Pool;
use crate::shares::Shares;
use begun::{Begun, Sealer};

/// How long somebody may take to log in there, in seconds.
pub const SECONDS: i64 = 600;

/// Requests to providers at once.
const THREADS: usize = 4;

/// Logins that may wait for that, a half of them from one address.
const WAITING: usize = 64;

/// What providers ask people for: who they are, and what to call them.
const SCOPE: &str = "openid profile";

/// Logins with accounts of providers. Cloning shares them.
#[derive(Clone)]
pub struct Logins(Arc<Inner>);

struct Inner {
    issuers: Issuers,
    /// Where providers send people back to.
    callback: String,
    sealer: Sealer,
    pool: Pool,
    waiting: Shares,
}

/// A login that has begun.
pub struct Start {
    /// What the browser keeps meanwhile.
    pub cookie: String,
    /// Where it goes.
    pub url: String,
}

/// What a provider sends back through the browser.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// What stands for the account, once.
    pub code: Option<String>,
    /// What was sent there.
    pub state: Option<String>,
    /// Who answers (RFC 9207).
    pub iss: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
}

/// A login that has ended well.
#[derive(Debug)]
pub struct Verified {
    /// Whose account it is.
    pub account: Account,
    /// The member whose account it is to become.
    pub connects: Option<String>,
    /// Where to go on: a path of this server's.
    pub next: String,
}

impl Logins {
    /// Logins with accounts of `issuers`, which send people back to a path of `origin`.
    pub fn new(issuers: Issuers, origin: &str) -> Self {
        Self(Arc::new(Inner {
            issuers,
            callback: format!("{origin}/api/login/oidc/callback"),
            sealer: Sealer::new(),
            pool: Pool::new(THREADS),
            waiting: Shares::halves(WAITING),
        }))
    }

    /// With whose accounts one can log in.
    pub fn providers(&self) -> Vec<Provider> {
        let all = self.0.issuers.all();
        let offered = all.filter_map(|issuer| Some((issuer.name(), issuer.login()?)));
        offered.map(|(name, login)| Provider { name: name.to_owned(), title: login.title.clone() }).collect()
    }

    /// Begins a login at the provider `name`, which goes on at `next`, if that is a path of this server's; or, with a member, makes
    /// the account there the member's own.
    ///
    /// # Errors
    /// When there is no such provider, or nothing is known of it for now.
    pub fn start(
        &self,
        name: &str,
        next: &str,
        member: Option<&str>,
        now: Timestamp,
    ) -> Result<Start, LoginError> {
        let issuer = self.find(name)?;
        let endpoint = issuer.endpoint("authorization_endpoint").map_err(LoginError::Down)?;
        let begun = Begun {
            secret: rand::random(),
            expires: now.micros() / 1_000_000 + SECONDS,
            issuer: name.to_owned(),
            member: member.unwrap_or_default().to_owned(),
            next: path(next).to_owned(),
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.sealer.verifier(&begun)));
        let client_id = issuer.login().map(|login| &*login.client_id).unwrap_or_default();
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("response_type", "code"),
                ("client_id", client_id),
                ("redirect_uri", &self.0.callback),
                ("scope", SCOPE),
                ("state", &self.0.sealer.state(&begun)),
                ("nonce", &self.0.sealer.nonce(&begun)),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
            ])
            .finish();
        let sign = if endpoint.contains('?') { '&' } else { '?' };
        Ok(Start { cookie: self.0.sealer.seal(&begun), url: format!("{endpoint}{sign}{query}") })
    }

    /// Ends a login: who has logged in there, by what the browser, at `address`, brings back with the cookie.
    ///
    /// # Errors
    /// When something is not what it was when the login began, or the provider does not confirm it.
    pub async fn finish(
        &self,
        cookie: &str,
        reply: Reply,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Verified, LoginError> {
        let over =
            LoginError::Denied("the login took too long, or was begun in another browser; begin again");
        let begun = self.0.sealer.open(cookie, now.micros() / 1_000_000).ok_or(over)?;
        let state = self.0.sealer.state(&begun);
        if !bool::from(subtle::ConstantTimeEq::ct_eq(
            state.as_bytes(),
            reply.state.unwrap_or_default().as_bytes(),
        )) {
            return Err(LoginError::Denied("this is the answer to another login; begin again"));
        }
        let issuer = self.find(&begun.issuer)?;
        let is_named = issuer.names_itself();
        if reply.iss.as_deref().map_or(is_named, |iss| iss != issuer.url()) {
            return Err(LoginError::Denied("this is the answer of another provider; begin again"));
        }
        if reply.error.is_some() {
            return Err(LoginError::Denied("the identity provider did not let this account in"));
        }
        let code = reply.code.ok_or(LoginError::Denied("the identity provider sent no code"))?;
        let exchange = Exchange {
            code,
            redirect_uri: self.0.callback.clone(),
            verifier: self.0.sealer.verifier(&begun),
            nonce: self.0.sealer.nonce(&begun),
        };
        let _waits = self.0.waiting.take(address, 1).map_err(|_| LoginError::Busy)?;
        let issuers = self.0.issuers.clone();
        let work = move || issuers.account(&issuer, &exchange, now);
        let account = self.0.pool.run(address, work).await;
        let account = account.unwrap_or_else(|_| Err(LoginError::Down("a thread panicked".to_owned())))?;
        let connects = Some(begun.member).filter(|member| !member.is_empty());
        Ok(Verified { account, connects, next: begun.next })
    }

    /// Who has logged out elsewhere, as a logout token from `address` says it: the provider's address, and its name for the account.
    ///
    /// # Errors
    /// When the token is not right, or too many wait.
    pub async fn logged_out(
        &self,
        token: String,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<(String, String), LoginError> {
        let _waits = self.0.waiting.take(address, 1).map_err(|_| LoginError::Busy)?;
        let issuers = self.0.issuers.clone();
        let verified = self.0.pool.run(address, move || issuers.logged_out(&token, now)).await;
        let LoggedOut { issuer, subject } =
            verified.unwrap_or_else(|_| Err(LoginError::Down("a thread panicked".to_owned())))?;
        Ok((issuer, subject))
    }

    /// The address of the provider `name`.
    ///
    /// # Errors
    /// When there is no such provider.
    pub fn address_of(&self, name: &str) -> Result<String, LoginError> {
        self.find(name).map(|issuer| issuer.url().to_owned())
    }

    /// The names of the providers at these addresses.
    pub fn names_of(&self, addresses: &[String]) -> Vec<String> {
        let known =
            self.0.issuers.all().filter(|issuer| addresses.iter().any(|address| address == issuer.url()));
        known.map(|issuer| issuer.name().to_owned()).collect()
    }

    fn find(&self, name: &str) -> Result<Arc<Issuer>, LoginError> {
        let mut all = self.0.issuers.all();
        let found = all.find(|issuer| issuer.name() == name && issuer.login().is_some());
        found.cloned().ok_or(LoginError::Unknown)
    }
}

/// `next`, if it is a path of this server's; else the first page.
fn path(next: &str) -> &str {
    const LONGEST: usize = 1_000;
    let is_path = next.starts_with('/') && !next.starts_with("//") && next.len() <= LONGEST;
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_path && is_plain { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_this_server_is_gone_on_to() {
        for good in ["/", "/boards/x", "/boards/x?from=-1h&signals=a%20b", "/%09/e", "/a:b"] {
            assert_eq!(path(good), good);
        }
        for bad in [
            "",
            "//e",
            "/\\e",
            "\\e",
            "https:e",
            "https://e",
            "e",
            "/\t/e",
            "/a\r\nb",
            "/ä",
            &"/a".repeat(501),
        ] {
            assert_eq!(path(bad), "/", "{bad:?}");
        }
    }
}
