//! What a channel needs and nobody may read: written, never shown.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::invalid::{self, Invalid};
use crate::limits::SECRET_BYTES;

/// What names of environment variables that hold secrets begin with: a channel cannot send others anywhere.
pub const VARIABLES: &str = "AFTERGLOW_SECRET_";

/// Where files that hold secrets lie: a channel cannot send others anywhere.
pub const FOLDER: &str = "/run/secrets/";

/// A text that is never shown: it is no part of any answer, and prints as `***`.
///
/// Written as the text itself, as `{"env": "AFTERGLOW_SECRET_..."}`, or as `{"file": "/run/secrets/..."}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Source);

/// Where the text of a secret comes from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Source {
    Text(String),
    Environment { env: String },
    File { file: String },
}

/// Where to find a secret's text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place<'s> {
    /// It is this.
    Text(&'s str),
    /// It is the value of this environment variable.
    Environment(&'s str),
    /// It is the first line of this file.
    File(&'s str),
}

impl Secret {
    /// A secret whose text is `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Source::Text(text.into()))
    }

    /// Where its text is: only for the code that sends it where it belongs.
    pub fn place(&self) -> Place<'_> {
        match &self.0 {
            Source::Text(text) => Place::Text(text),
            Source::Environment { env } => Place::Environment(env),
            Source::File { file } => Place::File(file),
        }
    }

    /// As it is stored: only for the store.
    pub fn to_stored(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// The secret that [`Secret::to_stored`] wrote.
    ///
    /// # Errors
    /// When the text is not of this form.
    pub fn from_stored(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self)
    }

    /// Checks what may be kept.
    ///
    /// # Errors
    /// Says what is allowed, and nothing of the text.
    pub fn check(&self, field: &str) -> Result<(), Invalid> {
        match &self.0 {
            Source::Text(text) if text.is_empty() => Err(Invalid::new(field, "it is empty")),
            Source::Text(text) => invalid::line(field, text, SECRET_BYTES),
            Source::Environment { env } => {
                let rest = env.strip_prefix(VARIABLES).unwrap_or_default();
                let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                if !rest.is_empty() && rest.bytes().all(allowed) {
                    return Ok(());
                }
                Err(Invalid::new(
                    field,
                    format!("the name of a variable that begins with {VARIABLES} is expected"),
                ))
            }
            Source::File { file } => {
                let rest = file.strip_prefix(FOLDER).unwrap_or_default();
                let parts = || rest.split('/');
                if parts().all(|part| !part.is_empty() && part != "." && part != "..") {
                    return invalid::line(field, file, SECRET_BYTES);
                }
                Err(Invalid::new(field, format!("the name of a file in {FOLDER} is expected")))
            }
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Never quotes what it could not read.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a text, {\"env\": name} or {\"file\": path} is expected";
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self::new(text)),
            Value::Object(object) if object.len() == 1 => {
                let text = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
                match (text("env"), text("file")) {
                    (Some(env), None) => Ok(Self(Source::Environment { env })),
                    (None, Some(file)) => Ok(Self(Source::File { file })),
                    _ => Err(serde::de::Error::custom(expected)),
                }
            }
            _ => Err(serde::de::Error::custom(expected)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed_and_comes_back_from_the_store() {
        for text in [r#""s3cret""#, r#"{"env":"AFTERGLOW_SECRET_A"}"#, r#"{"file":"/run/secrets/a"}"#] {
            let secret: Secret = serde_json::from_str(text).unwrap();
            assert_eq!(format!("{secret:?}"), "***");
            assert_eq!(secret.check("secret"), Ok(()));
            assert!(Secret::from_stored(&secret.to_stored()).unwrap() == secret);
        }
        let error = serde_json::from_str::<Secret>(r#"{"value":"s3cret"}"#).unwrap_err().to_string();
        assert!(!error.contains("s3cret"), "{error}");
    }

    #[test]
    fn only_variables_and_files_that_are_meant_for_it_are_read() {
        for text in [
            r#""""#,
            r#"{"env":"PATH"}"#,
            r#"{"env":"AFTERGLOW_SECRET_"}"#,
            r#"{"file":"/etc/passwd"}"#,
            r#"{"file":"/run/secrets/"}"#,
            r#"{"file":"/run/secrets/../../etc/passwd"}"#,
        ] {
            let secret: Secret = serde_json::from_str(text).unwrap();
            assert!(secret.check("secret").is_err(), "{text}");
        }
    }
}
