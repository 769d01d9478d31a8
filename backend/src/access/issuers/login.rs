//! What an issuer says of somebody who logs in there.

use std::sync::Arc;

use afterglow_wire::Timestamp;
use afterglow_wire::people::Role;
use serde_json::{Map, Value};

use super::{Issuer, Issuers, values};
use crate::access::account::{Account, LoginError};
use crate::access::jwt;
use crate::config::{self, Grants};

/// What is exchanged for an account.
pub(in crate::access) struct Exchange {
    /// What the provider sent through the browser.
    pub(in crate::access) code: String,
    /// Where it sent that.
    pub(in crate::access) redirect_uri: String,
    /// What only who began the login has.
    pub(in crate::access) verifier: String,
    /// What must be in the ID token.
    pub(in crate::access) nonce: String,
}

impl Issuers {
    /// All of them.
    pub(in crate::access) fn all(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        self.0.all.iter()
    }

    /// The account that a code stands for. Blocks.
    pub(in crate::access) fn account(
        &self,
        issuer: &Issuer,
        exchange: &Exchange,
        now: Timestamp,
    ) -> Result<Account, LoginError> {
        let outcome = self.try_account(issuer, exchange, now);
        if let Err(LoginError::Down(why)) = &outcome {
            log::warn!("nobody can log in with the issuer {}: {why}", issuer.name());
        }
        outcome
    }

    fn try_account(
        &self,
        issuer: &Issuer,
        exchange: &Exchange,
        now: Timestamp,
    ) -> Result<Account, LoginError> {
        let (Some(published), Some(login)) = (&issuer.published, issuer.login()) else {
            return Err(LoginError::Unknown);
        };
        let secret = issuer.client_secret.as_deref();
        let answer = published.client.exchange(exchange, &login.client_id, secret);
        let answer = answer.map_err(LoginError::Down)?;
        // The provider refuses a code with a 4xx: it was used, or it is not ours.
        let answer = answer
            .ok_or(LoginError::Denied("the identity provider does not know this login; begin again"))?;
        let token = answer.get("id_token").and_then(Value::as_str);
        let token = token.ok_or_else(|| LoginError::Down("its answer has no id_token".to_owned()))?;
        let denied = LoginError::Denied;
        let (_, header) = jwt::peek(token).ok_or(denied("the ID token cannot be read"))?;
        jwt::check_header(&header).map_err(denied)?;
        let is_meant = |key: &&jwt::Key| key.is_meant(header.kid.as_deref());
        let is_here = || issuer.keys.load().iter().any(|key| is_meant(&key));
        if !is_here() {
            self.fetch_unless(issuer, now, is_here).map_err(LoginError::Down)?;
        }
        let keys = issuer.keys.load();
        let (url, client_id) = (issuer.url(), &login.client_id);
        let (claims, _) =
            jwt::verify(token, keys.iter().filter(is_meant), url, client_id, now).map_err(denied)?;
        let text = |name: &str| claims.all.get(name).and_then(Value::as_str);
        if text("nonce") != Some(&exchange.nonce) {
            return Err(denied("the ID token is of another login"));
        }
        let is_for_several = claims.all.get("aud").and_then(Value::as_array).is_some_and(|aud| aud.len() > 1);
        let party = claims.all.get("azp");
        if party.is_some_and(|party| party != client_id) || party.is_none() && is_for_several {
            return Err(denied("the ID token was made for another program"));
        }
        let called = text("preferred_username").or_else(|| text("name")).unwrap_or(&claims.subject);
        Ok(Account {
            issuer: url.to_owned(),
            called: called.to_owned(),
            role: issuer.role(&claims.all),
            creates: login.creates,
            subject: claims.subject,
        })
    }
}

impl Issuer {
    /// What its tokens have as `iss`.
    pub(in crate::access) fn url(&self) -> &str {
        &self.config.issuer
    }

    /// How people log in there.
    pub(in crate::access) fn login(&self) -> Option<&config::Login> {
        self.config.login.as_ref()
    }

    /// An address that it names.
    ///
    /// # Errors
    /// When it has not answered yet, or may not name that one.
    pub(in crate::access) fn endpoint(&self, name: &str) -> Result<String, String> {
        self.published.as_ref().ok_or("it has no address")?.client.endpoint(name)
    }

    /// Whether it says who it is when it sends somebody back.
    pub(in crate::access) fn names_itself(&self) -> bool {
        self.published.as_ref().is_some_and(|published| published.client.names_itself())
    }

    /// The highest role that somebody has there.
    fn role(&self, claims: &Map<String, Value>) -> Option<Role> {
        let values = values(claims, &self.config.grants_claim);
        let meant = self.config.grants.iter().filter(|(value, _)| values.contains(&value.as_str()));
        let roles = meant.filter_map(|(_, grants)| match grants {
            Grants::Role(role) => Some(*role),
            Grants::Scopes(_) => None,
        });
        roles.max()
    }
}
