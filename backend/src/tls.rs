//! The certificate that the server shows in TLS, and its replacement while connections go on.
//!
//! The versions and suites are rustls' safe ones: TLS 1.2 and 1.3, with forward secrecy and authenticated encryption. A
//! connection keeps the certificate that its handshake had; a new one gets the newest.

use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Where the certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// PEM: the server's certificate, then those that lead to its authority.
    pub certificate: PathBuf,
    /// PEM: the private key.
    pub key: PathBuf,
}

/// Why a pair of files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or has nothing of the kind in it.
    #[error("{}: {what}", .file.display())]
    File {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The two do not belong together, or are of a kind that is not known.
    #[error("{} and {} cannot be used together: {error}", .files.certificate.display(), .files.key.display())]
    Pair {
        /// Which files.
        files: Files,
        /// What is wrong.
        error: rustls::Error,
    },
}

/// What changes when a file is written or replaced.
type Stamp = [Option<(u64, u64, i64, i64)>; 2];

/// The certificate that is shown, and the files that it comes from. Cloning shares it.
#[derive(Clone)]
pub struct Certificate(Arc<Shown>);

struct Shown {
    files: Files,
    provider: Arc<CryptoProvider>,
    pair: RwLock<Arc<CertifiedKey>>,
    /// The files when they were last read, whatever came of it.
    stamp: Mutex<Stamp>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// Says which file cannot be used, and why.
    pub fn load(files: Files) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let stamp = Mutex::new(stamp(&files));
        let pair = RwLock::new(Arc::new(read(&files, &provider)?));
        Ok(Self(Arc::new(Shown { files, provider, pair, stamp })))
    }

    /// Reads the files again; a pair that cannot be used leaves the one that is shown.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn reload(&self) -> Result<(), TlsError> {
        *self.0.stamp.lock().unwrap_or_else(PoisonError::into_inner) = stamp(&self.0.files);
        let pair = Arc::new(read(&self.0.files, &self.0.provider)?);
        *self.0.pair.write().unwrap_or_else(PoisonError::into_inner) = pair;
        Ok(())
    }

    /// Whether a file was written or replaced since they were last read.
    pub fn is_outdated(&self) -> bool {
        *self.0.stamp.lock().unwrap_or_else(PoisonError::into_inner) != stamp(&self.0.files)
    }

    /// How connections are made that show it.
    ///
    /// # Errors
    /// When the cryptography has no suite of a safe version.
    pub fn server_config(&self) -> Result<ServerConfig, rustls::Error> {
        Ok(ServerConfig::builder_with_provider(Arc::clone(&self.0.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.clone())))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificate").field(&self.0.files).finish()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.pair.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn read(files: &Files, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let wrong = |file: &Path, what: String| TlsError::File { file: file.to_owned(), what };
    let chain: Vec<_> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(&files.certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(&files.certificate, "there is no certificate in it; it takes PEM".to_owned()));
    }
    let about = files.key.metadata().map_err(|error| wrong(&files.key, error.to_string()))?;
    if about.permissions().mode() & 0o007 != 0 {
        let what = "everybody may use this private key; take that right away (chmod o=)".to_owned();
        return Err(wrong(&files.key, what));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| wrong(&files.key, format!("no private key can be read from it: {error}")))?;
    CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| TlsError::Pair { files: files.clone(), error })
}

fn stamp(files: &Files) -> Stamp {
    let of = |about: Metadata| (about.ino(), about.len(), about.mtime(), about.mtime_nsec());
    [&files.certificate, &files.key].map(|file| file.metadata().ok().map(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a pair that signs itself for `name`.
    fn write(files: &Files, name: &str) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        std::fs::write(&files.certificate, made.cert.pem()).unwrap();
        std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o640)).unwrap();
    }

    fn shown(certificate: &Certificate) -> Vec<u8> {
        certificate.0.pair.read().unwrap().cert[0].to_vec()
    }

    #[test]
    fn a_pair_that_cannot_be_used_leaves_the_one_that_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
        assert!(matches!(Certificate::load(files.clone()), Err(TlsError::File { .. })));
        write(&files, "one.example");
        let certificate = Certificate::load(files.clone()).unwrap();
        let first = shown(&certificate);
        assert!(!certificate.is_outdated());

        let [one, key] = [&files.certificate, &files.key].map(|file| std::fs::read(file).unwrap());
        write(&files, "two.example");
        assert!(certificate.is_outdated());
        let two = std::fs::read(&files.certificate).unwrap();
        // Only the certificate is new, as between the two steps of a replacement.
        std::fs::write(&files.key, &key).unwrap();
        assert!(matches!(certificate.reload(), Err(TlsError::Pair { .. })));
        assert!(!certificate.is_outdated(), "it is not tried again until something changes");
        assert_eq!(shown(&certificate), first);
        std::fs::write(&files.certificate, &one[..one.len() / 2]).unwrap();
        assert!(certificate.is_outdated());
        assert!(matches!(certificate.reload(), Err(TlsError::File { .. })));
        std::fs::remove_file(&files.key).unwrap();
        assert!(certificate.is_outdated() && certificate.reload().is_err());
        assert_eq!(shown(&certificate), first);

        write(&files, "three.example");
        certificate.reload().unwrap();
        assert_ne!(shown(&certificate), first);
        assert_ne!(std::fs::read(&files.certificate).unwrap(), two);
    }

    #[test]
    fn a_key_that_everybody_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
        write(&files, "one.example");
        std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = Certificate::load(files).unwrap_err().to_string();
        assert!(error.contains("chmod o="), "{error}");
    }
}
