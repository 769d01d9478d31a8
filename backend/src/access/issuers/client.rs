//! Asks an issuer, and nobody else: the addresses that it names must be on its own host or on those that the configuration lists.
//! Redirects are not followed, answers are bounded in bytes and time. Blocks.

use std::time::Duration;

use serde_json::Value;

use super::keys;
use crate::access::jwt::Key;

/// How long one request may take in all.
const LIMIT: Duration = Duration::from_secs(5);

/// The longest answer, in bytes.
const ANSWER: u64 = 1 << 20;

/// What an issuer says of itself below its own address (OpenID Connect Discovery 1.0, 4).
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Asks one issuer.
pub(super) struct Client {
    agent: ureq::Agent,
    issuer: String,
    /// Where its keys are, when it need not be asked for that.
    keys: Option<String>,
    hosts: Vec<String>,
}

impl Client {
    /// Asks `issuer`, whose keys are at the address `keys` or where it says, and which may name `hosts` beside its own.
    pub(super) fn new(issuer: &str, keys: Option<String>, hosts: Vec<String>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // One of the environment would be what is connected to.
            .proxy(None)
            .timeout_global(Some(LIMIT))
            .max_idle_connections(0)
            .user_agent(concat!("afterglow/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into(), issuer: issuer.to_owned(), keys, hosts }
    }

    /// The keys with which its tokens may be signed.
    ///
    /// # Errors
    /// What is wrong with its answer.
    pub(super) fn keys(&self) -> Result<Vec<Key>, String> {
        let address = match &self.keys {
            Some(address) => address.clone(),
            None => self.address(&self.description()?, "jwks_uri")?,
        };
        keys::of_set(&self.get(&address)?)
    }

    /// What it says of itself.
    fn description(&self) -> Result<Value, String> {
        let description = self.get(&format!("{}{DISCOVERY}", self.issuer.trim_end_matches('/')))?;
        if description.get("issuer").and_then(Value::as_str) != Some(&self.issuer) {
            return Err(format!("it calls itself something else than {}", self.issuer));
        }
        Ok(description)
    }

    /// An address that it names, if it may be asked for.
    fn address(&self, description: &Value, name: &str) -> Result<String, String> {
        let address = description.get(name).and_then(Value::as_str);
        let address = address.ok_or_else(|| format!("it does not say what its {name} is"))?;
        let (scheme, host) = split(address).ok_or_else(|| format!("its {name} is not an address"))?;
        let (own_scheme, own_host) = split(&self.issuer).unwrap_or_default();
        let is_own = (scheme, host) == (own_scheme, own_host);
        if is_own || (scheme == "https" && self.hosts.iter().any(|listed| listed == host)) {
            return Ok(address.to_owned());
        }
        Err(format!("its {name} is on {host:?}, which is neither its own host nor one of `hosts`"))
    }

    fn get(&self, address: &str) -> Result<Value, String> {
        let response = self.agent.get(address).header("Accept", "application/json").call();
        let mut response = response.map_err(|error| format!("{address}: {error}"))?;
        let status = response.status();
        if status != 200 {
            return Err(format!("{address}: the answer is {status}; redirects are not followed"));
        }
        let text = response.body_mut().with_config().limit(ANSWER).read_to_string();
        let text = text.map_err(|error| format!("{address}: {error}"))?;
        serde_json::from_str(&text).map_err(|error| format!("{address}: the answer is not JSON: {error}"))
    }
}

/// The scheme, and the host with its port.
fn split(address: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split(['/', '?', '#', '\\']).next()?;
    (!host.is_empty() && !host.contains('@')).then_some((scheme, host))
}
