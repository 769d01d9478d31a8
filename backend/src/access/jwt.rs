//! Signed tokens (RFC 7519) of others: whether one is signed with one of their keys, and what it says.
//!
//! A key takes one algorithm, which its kind decides and never the token. What a token's header says of where its key is (`jku`,
//! `x5u`, `jwk`, `x5c`) is not looked at.

mod provider;

use afterglow_wire::Timestamp;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, Header, Validation};
use serde_json::{Map, Value};

pub(super) use provider::install;

/// The longest token, in bytes.
pub(super) const LONGEST: usize = 8 * 1_024;

/// The longest `sub`, in bytes.
const SUBJECT_BYTES: usize = 255;

/// How far clocks may be apart, in seconds.
const LEEWAY: f64 = 30.0;

/// The longest that a token may still be valid, in seconds: what is longer should be a key, which can be revoked.
const LONGEST_VALID: f64 = 86_400.0;

/// A key that tokens are signed with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    /// What tokens call it.
    pub(super) id: Option<String>,
    algorithm: Algorithm,
    key: Material,
}

/// What verifies signatures. Compared by what it is made of.
#[derive(Clone, Debug)]
struct Material(DecodingKey);

impl PartialEq for Material {
    fn eq(&self, other: &Self) -> bool {
        match (self.0.kind(), other.0.kind()) {
            (DecodingKeyKind::SecretOrDer(own), DecodingKeyKind::SecretOrDer(other)) => own == other,
            (
                DecodingKeyKind::RsaModulusExponent { n, e },
                DecodingKeyKind::RsaModulusExponent { n: other_n, e: other_e },
            ) => n == other_n && e == other_e,
            _ => false,
        }
    }
}

/// What a token says of its holder, once all that every token must say is right.
#[derive(Debug)]
pub(super) struct Claims {
    /// Who it is, for the issuer.
    pub(super) subject: String,
    /// Until when it counts.
    pub(super) until: Timestamp,
    /// All claims.
    pub(super) all: Map<String, Value>,
}

/// Why a token does not count.
pub(super) type Why = &'static str;

impl Key {
    /// A secret of both sides.
    pub(super) fn of_secret(secret: &[u8]) -> Self {
        Self { id: None, algorithm: Algorithm::HS256, key: Material(DecodingKey::from_secret(secret)) }
    }

    /// A public key, if tokens may be signed with one of its kind; never a secret.
    pub(super) fn of_jwk(jwk: &Jwk) -> Option<Self> {
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => Algorithm::RS256,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
            _ => return None,
        };
        let is_for_signatures =
            jwk.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
        let is_for_this =
            jwk.common.key_algorithm.is_none_or(|named| named.to_string().parse() == Ok(algorithm));
        if !is_for_signatures || !is_for_this {
            return None;
        }
        Some(Self {
            id: jwk.common.key_id.clone(),
            algorithm,
            key: Material(DecodingKey::from_jwk(jwk).ok()?),
        })
    }

    /// Whether a token that names its key by `id`, or not at all, may be signed with it.
    pub(super) fn is_meant(&self, id: Option<&str>) -> bool {
        id.is_none() || self.id.is_none() || self.id.as_deref() == id
    }

    /// What `token` says, if this key has signed it.
    fn open(&self, token: &str) -> Option<Map<String, Value>> {
        let mut validation = Validation::new(self.algorithm);
        // Times are compared with the server's clock, below; and claims by their types.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        jsonwebtoken::decode(token, &self.key.0, &validation).ok().map(|token| token.claims)
    }
}

/// Whether a text has the form of a token, and not that of a key of ours.
pub(super) fn is_token(text: &str) -> bool {
    text.starts_with("eyJ") && text.split('.').count() == 3
}

/// The `iss` and the header of a token, whose signature is not verified.
pub(super) fn peek(token: &str) -> Option<(String, Header)> {
    if token.len() > LONGEST {
        return None;
    }
    let claims: Map<String, Value> = jsonwebtoken::dangerous::insecure_decode(token).ok()?.claims;
    Some((claims.get("iss")?.as_str()?.to_owned(), jsonwebtoken::decode_header(token).ok()?))
}

/// Checks a header of a token for this server. Other kinds of tokens, such as `logout+jwt`, are none.
pub(super) fn check_header(header: &Header) -> Result<(), Why> {
    if !matches!(&*kind(header), "jwt" | "at+jwt") {
        return Err("this kind of token does not count here: its `typ` is neither JWT nor at+jwt");
    }
    check_extensions(header)
}

/// Whether a token says that it is an access token (RFC 9068).
pub(super) fn is_access_token(header: &Header) -> bool {
    kind(header) == "at+jwt"
}

/// Checks a header of a token that says that somebody has logged out.
pub(super) fn check_logout_header(header: &Header) -> Result<(), Why> {
    if !matches!(&*kind(header), "jwt" | "logout+jwt") {
        return Err("this is no logout token: its `typ` is neither logout+jwt nor JWT");
    }
    check_extensions(header)
}

fn kind(header: &Header) -> String {
    let kind = header.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
    kind.trim_start_matches("application/").to_owned()
}

fn check_extensions(header: &Header) -> Result<(), Why> {
    // Extensions that must be understood; none is.
    if header.crit.is_some() {
        return Err("this token has extensions (`crit`), which are not supported");
    }
    Ok(())
}

/// What `token` says, if one of `keys` has signed it and it is of `issuer`, for `audience`, and valid at `now`.
///
/// # Errors
/// What is wrong; who has not the key learns only that.
pub(super) fn verify<'k>(
    token: &str,
    mut keys: impl Iterator<Item = &'k Key>,
    issuer: &str,
    audience: &str,
    now: Timestamp,
) -> Result<(Claims, &'k Key), Why> {
    let opened = keys.find_map(|key| Some((key.open(token)?, key)));
    let (all, key) = opened.ok_or("this token is not signed with a key of its issuer")?;
    Ok((check(all, issuer, audience, now)?, key))
}

fn check(all: Map<String, Value>, issuer: &str, audience: &str, now: Timestamp) -> Result<Claims, Why> {
    let now = now.micros() as f64 / 1e6;
    let time = |name, missing: Option<Why>, wrong: Why| match all.get(name) {
        None => missing.map_or(Ok(None), Err),
        Some(value) => value.as_f64().filter(|_| value.is_number()).map(Some).ok_or(wrong),
    };
    if all.get("iss").and_then(Value::as_str) != Some(issuer) {
        return Err("this token is of another issuer");
    }
    let is_meant = match all.get("aud") {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(several)) => several.iter().any(|one| one == audience),
        _ => false,
    };
    if !is_meant {
        return Err("this token is for somebody else: its `aud` is not the audience of this server");
    }
    let expires = time("exp", Some("this token has no `exp`"), "the `exp` of this token is not a number")?;
    let expires = expires.unwrap_or(f64::NEG_INFINITY);
    if expires + LEEWAY <= now {
        return Err("this token has expired");
    }
    if expires - now > LONGEST_VALID + LEEWAY {
        return Err("this token is valid for more than 24 hours, which none may be");
    }
    let not_before = time("nbf", None, "the `nbf` of this token is not a number")?;
    if not_before.is_some_and(|from| from - LEEWAY > now) {
        return Err("this token is not valid yet");
    }
    let issued = time("iat", None, "the `iat` of this token is not a number")?;
    if issued.is_some_and(|from| from - LEEWAY > now) {
        return Err("this token is from the future");
    }
    let subject = all.get("sub").and_then(Value::as_str).unwrap_or_default();
    if subject.is_empty() || subject.len() > SUBJECT_BYTES || subject.chars().any(char::is_control) {
        return Err("the `sub` of this token is not a text of 1 to 255 bytes");
    }
    Ok(Claims {
        subject: subject.to_owned(),
        until: Timestamp::from_micros(((expires + LEEWAY) * 1e6) as i64),
        all,
    })
}
