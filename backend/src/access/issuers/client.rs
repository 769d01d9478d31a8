//! Asks an issuer, and nobody else: the addresses that it names must be on its own host or on those that the configuration lists.
//! Redirects are not followed, answers are bounded in bytes and time. Blocks.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::{Serializer, byte_serialize};
use serde_json::Value;
use ureq::http::{Response, Uri};

use super::{Exchange, keys};
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
    /// Whether people log in there, for which its description is needed in any case.
    has_logins: bool,
    /// What it said of itself last.
    description: ArcSwapOption<Value>,
}

impl Client {
    /// Asks `issuer`, whose keys are at the address `keys` or where it says, and which may name `hosts` beside its own. With
    /// `has_logins` people log in there.
    pub(super) fn new(issuer: &str, keys: Option<String>, hosts: Vec<String>, has_logins: bool) -> Self {
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
        let (issuer, description) = (issuer.to_owned(), ArcSwapOption::empty());
        Self { agent: config.into(), issuer, keys, hosts, has_logins, description }
    }

    /// The keys with which its tokens may be signed.
    ///
    /// # Errors
    /// What is wrong with its answer.
    pub(super) fn keys(&self) -> Result<Vec<Key>, String> {
        if self.has_logins || self.keys.is_none() {
            self.description.store(Some(Arc::new(self.description()?)));
        }
        let address = self.keys.clone().map_or_else(|| self.endpoint("jwks_uri"), Ok)?;
        keys::of_set(&self.get(&address)?)
    }

    /// An address that it named last.
    ///
    /// # Errors
    /// When it has not answered yet, or may not name that one.
    pub(super) fn endpoint(&self, name: &str) -> Result<String, String> {
        let description = self.description.load();
        self.address(description.as_ref().ok_or("it has not answered yet")?, name)
    }

    /// Whether it says who it is when it sends somebody back.
    pub(super) fn names_itself(&self) -> bool {
        let description = self.description.load();
        description
            .as_ref()
            .is_some_and(|known| known["authorization_response_iss_parameter_supported"] == true)
    }

    /// What it gives for a code; none when it refuses that.
    ///
    /// # Errors
    /// What is wrong with its answer.
    pub(super) fn exchange(
        &self,
        exchange: &Exchange,
        client_id: &str,
        secret: Option<&str>,
    ) -> Result<Option<Value>, String> {
        let address = self.endpoint("token_endpoint")?;
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("code", &exchange.code),
            ("redirect_uri", &exchange.redirect_uri),
            ("code_verifier", &exchange.verifier),
        ];
        let mut request = self.agent.post(&address).header("Accept", "application/json");
        match secret {
            // RFC 6749, 2.3.1: both are escaped as in a form.
            Some(secret) if self.takes_basic() => {
                let escaped = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let pair = STANDARD.encode(format!("{}:{}", escaped(client_id), escaped(secret)));
                request = request.header("Authorization", format!("Basic {pair}"));
            }
            Some(secret) => pairs.extend([("client_id", client_id), ("client_secret", secret)]),
            None => pairs.push(("client_id", client_id)),
        }
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let response = request
            .send(Serializer::new(String::new()).extend_pairs(pairs).finish())
            .map_err(|error| format!("{address}: {error}"))?;
        if response.status() == 400 || response.status() == 401 {
            // What it says may be the user's fault or the configuration's: it is not secret.
            let said = answer(&address, response, 0).unwrap_or_default();
            log::warn!("{address} refuses a code: {}", afterglow_wire::printable(&said["error"].to_string()));
            return Ok(None);
        }
        answer(&address, response, 200).map(Some)
    }

    /// Whether it takes a secret in a header; all do that do not say otherwise.
    fn takes_basic(&self) -> bool {
        let description = self.description.load();
        let methods =
            description.as_ref().and_then(|known| known["token_endpoint_auth_methods_supported"].as_array());
        methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"))
    }

    /// What it says of itself.
    fn description(&self) -> Result<Value, String> {
        let description = self.get(&format!("{}{DISCOVERY}", self.issuer.trim_end_matches('/')))?;
        if description.get("issuer").and_then(Value::as_str) != Some(&self.issuer) {
            return Err(format!("it calls itself something other than {}", self.issuer));
        }
        Ok(description)
    }

    /// An address that it names, if it may be asked for.
    fn address(&self, description: &Value, name: &str) -> Result<String, String> {
        let address = description.get(name).and_then(Value::as_str);
        let address = address.ok_or_else(|| format!("it does not say what its {name} is"))?;
        let named = split(address).ok_or_else(|| format!("its {name} is not an address"))?;
        let is_own = split(&self.issuer).is_some_and(|own| own == named);
        let (scheme, host) = named;
        if is_own || (scheme == "https" && self.hosts.contains(&host)) {
            return Ok(address.to_owned());
        }
        Err(format!("its {name} is on {host:?}, which is neither its own host nor one of `hosts`"))
    }

    fn get(&self, address: &str) -> Result<Value, String> {
        let response = self.agent.get(address).header("Accept", "application/json").call();
        answer(address, response.map_err(|error| format!("{address}: {error}"))?, 200)
    }
}

/// The JSON of an answer, which must have this status; any with 0.
fn answer(address: &str, mut response: Response<ureq::Body>, expected: u16) -> Result<Value, String> {
    let status = response.status();
    if expected != 0 && status != expected {
        return Err(format!("{address}: the answer is {status}; redirects are not followed"));
    }
    let text = response.body_mut().with_config().limit(ANSWER).read_to_string();
    let text = text.map_err(|error| format!("{address}: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("{address}: the answer is not JSON: {error}"))
}

/// The scheme, and the host with its port, as they are read when the address is asked.
fn split(address: &str) -> Option<(String, String)> {
    let uri: Uri = address.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
    (!authority.contains('@')).then(|| (scheme.to_owned(), authority.to_owned()))
}
