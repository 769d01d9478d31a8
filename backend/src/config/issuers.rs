//! `[[issuer]]`: whose signed tokens count, and what those who have them may do.

use std::collections::BTreeSet;
use std::path::PathBuf;

use afterglow_cli::Section;
use afterglow_wire::access::{Scope, Scopes};
use afterglow_wire::people::{Role, check_name};

use super::ConfigError;
use crate::authority::Authority;

/// Somebody whose tokens count.
#[derive(Clone, Debug, PartialEq)]
pub struct Issuer {
    /// What the audit log calls it.
    pub name: String,
    /// What its tokens have as `iss`. For an identity provider the address below which it describes itself.
    pub issuer: String,
    /// What they must have as, or among, `aud`.
    pub audience: String,
    /// What they are signed with.
    pub signed: Signed,
    /// Where in a token the values of `grants` are: names, one below the other.
    pub grants_claim: Vec<String>,
    /// What those may do whose token has a value: the value, and a role or scopes.
    pub grants: Vec<(String, Grants)>,
    /// The claim with the signals that exist for who has the token; it must be there then. All exist when absent.
    pub signals_claim: Option<String>,
    /// How people log in with their accounts there; not at all when absent.
    pub login: Option<Login>,
}

/// How people log in with an account of an issuer (OpenID Connect).
#[derive(Clone, Debug, PartialEq)]
pub struct Login {
    /// What the issuer calls this server.
    pub client_id: String,
    /// Where the secret is that the issuer gave this server, if it did.
    pub secret: Option<PathBuf>,
    /// What the page calls the issuer.
    pub title: String,
    /// Whether somebody whom nobody has added becomes a member at the first login.
    pub creates: bool,
    /// Whether a bearer token counts that is for nobody but the client.
    pub takes_client_tokens: bool,
}

/// What a token may be signed with.
#[derive(Clone, Debug, PartialEq)]
pub enum Signed {
    /// The keys that the issuer publishes. It names their address itself, below its own, unless `address` does; on `hosts`,
    /// or where it is itself.
    Published {
        /// Where the keys are.
        address: Option<String>,
        /// Further hosts that the issuer may name.
        hosts: Vec<String>,
    },
    /// A secret that the issuer has too, in a file: HS256.
    Secret(PathBuf),
    /// The issuer's public key in a file, as a JSON Web Key.
    PublicKey(PathBuf),
}

/// What a value in a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grants {
    /// What members of this role may do.
    Role(Role),
    /// These operations.
    Scopes(Scopes),
}

const GRANTS: &str = "a table such as { \"telemetry-admins\" = \"admin\" }, of roles (viewer, editor, admin) or scopes (\"read,write\")";

/// Reads the tables.
pub(super) fn read(sections: Vec<Section>) -> Result<Vec<Issuer>, ConfigError> {
    let issuers = sections.into_iter().map(issuer).collect::<Result<Vec<_>, _>>()?;
    let mut names = BTreeSet::new();
    let mut urls = BTreeSet::new();
    for Issuer { name, issuer, .. } in &issuers {
        if !names.insert(name) || !urls.insert(issuer) {
            let message = format!(
                "[[issuer]] {name}: there are two of this `name` or `issuer`; each must be the only one"
            );
            return Err(ConfigError::new(message));
        }
    }
    Ok(issuers)
}

fn issuer(mut section: Section) -> Result<Issuer, ConfigError> {
    let name = section.required("name", "what the audit log calls the issuer, such as \"company\"")?;
    section.rename(&name);
    check_name(&name).map_err(|error| section.error(&format!("`name` takes {}", error.message)))?;
    let issuer = section.required("issuer", "what its tokens have as `iss`")?;
    let audience = section.required("audience", "what its tokens must have as `aud`")?;
    let address = section.parsed("jwks_url", web_address)?;
    let hosts = section.texts("hosts")?.unwrap_or_default();
    let secret = section.text("secret_file")?.map(PathBuf::from);
    let public_key = section.text("public_key_file")?.map(PathBuf::from);
    let grants_claim = section.texts("grants_claim")?;
    let grants = section.pairs("grants", GRANTS)?;
    let signals_claim = section.text("signals_claim")?;
    let login = login(&mut section, &name)?;
    let signed = match (secret, public_key) {
        (Some(_), Some(_)) => {
            return Err(section.error("`secret_file` and `public_key_file` exclude each other"));
        }
        (Some(secret), None) => Signed::Secret(secret),
        (None, Some(key)) => Signed::PublicKey(key),
        (None, None) => {
            web_address(&issuer).map_err(|allowed| section.error(&format!("`issuer` takes {allowed}")))?;
            Signed::Published { address, hosts }
        }
    };
    let is_published = matches!(signed, Signed::Published { .. });
    if !is_published && (!grants.is_empty() || grants_claim.is_some()) {
        return Err(section.error(
            "`grants` is not for tokens with a key or secret from a file: who has one may read the signals that it names",
        ));
    }
    if login.is_some() && (!is_published || !grants.iter().any(|(_, text)| Role::named(text).is_some())) {
        return Err(
            section.error("`client_id` needs an issuer that publishes its keys, and `grants` with a role")
        );
    }
    let grants = grants.into_iter().map(|(value, text)| {
        let meaning =
            meaning(&text).ok_or_else(|| section.error(&format!("`grants`: {value:?} takes {GRANTS}")))?;
        Ok((value, meaning))
    });
    let grants = grants.collect::<Result<Vec<_>, ConfigError>>()?;
    let is_admin = |(_, grants): &(String, Grants)| match grants {
        Grants::Role(role) => *role == Role::Admin,
        Grants::Scopes(scopes) => scopes.has(Scope::Admin),
    };
    if is_published && signals_claim.is_some() && grants.iter().any(is_admin) {
        return Err(section.error(
            "`signals_claim` cannot be with a grant of `admin`: who can make keys for all signals can be kept from none",
        ));
    }
    section.finish()?;
    Ok(Issuer {
        name,
        issuer,
        audience,
        signed,
        grants_claim: grants_claim.unwrap_or_else(|| vec!["roles".to_owned()]),
        grants,
        signals_claim: signals_claim.or_else(|| (!is_published).then(|| "signals".to_owned())),
        login,
    })
}

fn login(section: &mut Section, name: &str) -> Result<Option<Login>, ConfigError> {
    let client_id = section.text("client_id")?;
    let secret = section.text("client_secret_file")?.map(PathBuf::from);
    let title = section.text("title")?;
    let creates = section.flag("create_members")?;
    let takes_client_tokens = section.flag("client_tokens")?;
    let Some(client_id) = client_id else {
        if secret.is_some() || title.is_some() || creates || takes_client_tokens {
            return Err(section.error(
                "`client_secret_file`, `title`, `create_members` and `client_tokens` need `client_id`",
            ));
        }
        return Ok(None);
    };
    let title = title.unwrap_or_else(|| name.to_owned());
    Ok(Some(Login { client_id, secret, title, creates, takes_client_tokens }))
}

/// What a text in `grants` means.
fn meaning(text: &str) -> Option<Grants> {
    if let Some(role) = Role::named(text) {
        return Some(Grants::Role(role));
    }
    let scopes = text.split(',').map(|scope| scope.trim().parse::<Scope>()).collect::<Result<Scopes, _>>();
    scopes.ok().map(Grants::Scopes)
}

/// An address that keys may be asked for at: nobody between can change the answer.
fn web_address(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let authority = rest.and_then(|rest| Authority::parse(rest.split('/').next().unwrap_or_default()));
    let is_here = authority.as_ref().and_then(Authority::ip).is_some_and(|address| address.is_loopback());
    let is_safe = authority.is_some() && (text.starts_with("https://") || is_here);
    if is_safe
        && !text.contains(['?', '#', '\\'])
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        return Ok(text.to_owned());
    }
    Err("an address such as https://id.example.org/realms/main; http:// only for an address of this machine"
        .to_owned())
}
