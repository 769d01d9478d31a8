//! Keys of issuers: as they publish them, and in files.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use jsonwebtoken::jwk::Jwk;
use serde_json::Value;

use super::Key;
use crate::config::ConfigError;

/// Keys of one issuer that are taken; real ones have two or three.
const MOST: usize = 100;

/// The shortest secret, in bytes: as many as HS256 gives (RFC 7518, 3.2).
const SECRET_LEAST: usize = 32;

/// The longest file with a secret or a key, in bytes.
const FILE_BYTES: u64 = 16 * 1_024;

/// The keys of a set (RFC 7517) with which tokens may be signed; others are left out.
pub(super) fn of_set(set: &Value) -> Result<Vec<Key>, String> {
    let keys = set.get("keys").and_then(Value::as_array).ok_or("its keys are not an array `keys`")?;
    let keys = keys.iter().take(MOST).filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok());
    let keys: Vec<_> = keys.filter_map(|jwk| Key::of_jwk(&jwk)).collect();
    if keys.is_empty() {
        return Err("it publishes no key for RS256, ES256 or EdDSA".to_owned());
    }
    Ok(keys)
}

/// The secret in a file, to sign with.
pub(super) fn secret(file: &Path) -> Result<Key, ConfigError> {
    let text = secret_text(file)?;
    if text.len() < SECRET_LEAST {
        let what = "the secret has less than 32 bytes; `openssl rand -base64 48` makes one";
        return Err(ConfigError::new(format!("{}: {what}", file.display())));
    }
    Ok(Key::of_secret(text.as_bytes()))
}

/// The secret in a file, which nobody else may read; a line's end after it does not count.
pub(super) fn secret_text(file: &Path) -> Result<String, ConfigError> {
    let wrong = |what: &str| ConfigError::new(format!("{}: {what}", file.display()));
    let about = file.metadata().map_err(|error| wrong(&error.to_string()))?;
    if about.permissions().mode() & 0o007 != 0 {
        return Err(wrong("everybody may read this secret; take that right away (chmod o=)"));
    }
    Ok(read(file)?.trim_end_matches(['\r', '\n']).to_owned())
}

/// The public key, or the set of them, in a file.
pub(super) fn public(file: &Path) -> Result<Vec<Key>, ConfigError> {
    let wrong = |what: &str| ConfigError::new(format!("{}: {what}", file.display()));
    let value: Value =
        serde_json::from_str(&read(file)?).map_err(|error| wrong(&format!("not JSON: {error}")))?;
    let set = if value.get("keys").is_some() { value } else { serde_json::json!({ "keys": [value] }) };
    of_set(&set).map_err(|_| wrong("there is no JSON Web Key for RS256, ES256 or EdDSA in it"))
}

fn read(file: &Path) -> Result<String, ConfigError> {
    use std::io::Read as _;
    let wrong = |error: std::io::Error| ConfigError::new(format!("{}: {error}", file.display()));
    let mut text = String::new();
    std::fs::File::open(file).map_err(wrong)?.take(FILE_BYTES).read_to_string(&mut text).map_err(wrong)?;
    Ok(text)
}
