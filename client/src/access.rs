//! What a client shows of itself, and which servers it believes.

use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// The longest key that is read, in bytes; a server's own have some 70.
const LONGEST_KEY: usize = 4_096;

/// The key that a client shows, and the authorities whose certificates it accepts. Without either it shows none, and trusts the
/// public authorities that Mozilla trusts. Debug texts do not have the key.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Access {
    key: Option<Arc<str>>,
    key_file: Option<PathBuf>,
    authorities: Option<Arc<[CertificateDer<'static>]>>,
}

/// Why a key or an authority's certificates cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessError(String);

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AccessError {}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("key", &self.key.as_ref().map(|_| "***"))
            .field("key_file", &self.key_file)
            .field("authorities", &self.authorities.as_ref().map(|all| all.len()))
            .finish()
    }
}

impl Access {
    /// Shows `key`.
    ///
    /// # Errors
    /// When it is empty, or has characters that no key has.
    pub fn with_key(self, key: &str) -> Result<Self, AccessError> {
        Ok(Self { key: Some(checked(key, "the key")?), ..self })
    }

    /// Shows the key in `file`, which nobody else may read; blanks around it do not count. A publisher reads the file again when
    /// its key is refused.
    ///
    /// # Errors
    /// When the file cannot be read, everybody may read it, or it has no key.
    pub fn with_key_file(self, file: &Path) -> Result<Self, AccessError> {
        Ok(Self { key: Some(read_key(file)?), key_file: Some(file.to_owned()), ..self })
    }

    /// Trusts the authorities whose certificates (PEM) are in `file`, and no others.
    ///
    /// # Errors
    /// When the file cannot be read or has no certificate.
    pub fn with_authorities(self, file: &Path) -> Result<Self, AccessError> {
        let wrong = |what: &str| AccessError(format!("{}: {what}", file.display()));
        let all: Vec<_> = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect)
            .map_err(|error| wrong(&error.to_string()))?;
        if all.is_empty() {
            return Err(wrong("there is no certificate in it; it takes PEM"));
        }
        Ok(Self { authorities: Some(all.into()), ..self })
    }

    /// The value of the header `Authorization`, where there is a key.
    pub fn authorization(&self) -> Option<String> {
        self.key.as_ref().map(|key| format!("Bearer {key}"))
    }

    /// The authorities that are trusted instead of the public ones.
    pub(crate) fn authorities(&self) -> Option<&[CertificateDer<'static>]> {
        self.authorities.as_deref()
    }

    /// Reads the key's file again; what cannot be used leaves the key as it is. Whether it is another key now.
    #[cfg(feature = "publish")]
    pub(crate) fn refresh(&mut self) -> bool {
        let Some(file) = &self.key_file else { return false };
        match read_key(file) {
            Ok(key) if self.key.as_ref() != Some(&key) => {
                self.key = Some(key);
                true
            }
            Ok(_) => false,
            Err(error) => {
                log::warn!("the key stays as it was: {error}");
                false
            }
        }
    }
}

fn read_key(file: &Path) -> Result<Arc<str>, AccessError> {
    let wrong = |what: &str| AccessError(format!("{}: {what}", file.display()));
    let about = file.metadata().map_err(|error| wrong(&error.to_string()))?;
    if about.permissions().mode() & 0o007 != 0 {
        return Err(wrong("everybody may use this key; take that right away (chmod o=)"));
    }
    if about.len() > LONGEST_KEY as u64 {
        return Err(wrong("it is too long for a key"));
    }
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error.to_string()))?;
    checked(&text, &file.display().to_string())
}

fn checked(text: &str, place: &str) -> Result<Arc<str>, AccessError> {
    let key = text.trim();
    if key.is_empty() || key.len() > LONGEST_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(AccessError(format!("{place}: a key is one word of visible ASCII characters")));
    }
    Ok(key.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(file: &Path, text: &str, mode: u32) {
        std::fs::write(file, text).unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_key_comes_from_a_file_that_only_its_owner_reads() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        assert!(Access::default().with_key_file(&file).is_err());
        for (text, mode) in [("k", 0o644), ("", 0o600), ("two words", 0o600), ("a\r\nb: c", 0o600)] {
            write(&file, text, mode);
            assert!(Access::default().with_key_file(&file).is_err(), "{text:?} {mode:o}");
        }
        write(&file, "agk_1\n", 0o640);
        let access = Access::default().with_key_file(&file).unwrap();
        assert_eq!(access.authorization().as_deref(), Some("Bearer agk_1"));
        assert!(!format!("{access:?}").contains("agk_1"));
    }

    #[cfg(feature = "publish")]
    #[test]
    fn a_new_key_in_the_file_is_noticed_and_a_broken_file_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        write(&file, "one", 0o600);
        let mut access = Access::default().with_key_file(&file).unwrap();
        assert!(!access.refresh());
        write(&file, "", 0o600);
        assert!(!access.refresh());
        assert_eq!(access.authorization().as_deref(), Some("Bearer one"));
        write(&file, "two", 0o600);
        assert!(access.refresh());
        assert_eq!(access.authorization().as_deref(), Some("Bearer two"));
    }

    #[test]
    fn authorities_are_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        write(&file, "nothing", 0o644);
        assert!(Access::default().with_authorities(&file).is_err());
        write(&file, "-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----\n", 0o644);
        assert_eq!(Access::default().with_authorities(&file).unwrap().authorities().map(<[_]>::len), Some(1));
    }
}
