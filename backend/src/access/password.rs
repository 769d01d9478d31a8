//! Passwords: argon2id with 19 MiB, two passes and one lane, as OWASP's Password Storage Cheat Sheet recommends. The parameters
//! stand in each hash, so that later ones can be stronger.

use std::sync::LazyLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};

/// KiB of memory that one hash takes.
const MEMORY: u32 = 19 * 1024;

/// What the password of nobody is compared with, so that it takes as long as that of a member.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash("the password of nobody").unwrap_or_default());

/// The hash of a password, with its parameters and a salt of its own; none when the system gives no random numbers. Takes
/// some 20 ms.
pub(super) fn hash(password: &str) -> Option<String> {
    Some(argon2()?.hash_password(password.as_bytes()).ok()?.to_string())
}

/// Whether `hash` is of this password; takes as long where there is none.
pub(super) fn matches(password: &str, hash: Option<&str>) -> bool {
    let hash = hash.filter(|hash| !hash.is_empty());
    let compared = hash.unwrap_or_else(|| NOBODY.as_str());
    let is_same = PasswordHash::new(compared).is_ok_and(|parsed| {
        argon2().is_some_and(|argon2| argon2.verify_password(password.as_bytes(), &parsed).is_ok())
    });
    is_same && hash.is_some()
}

fn argon2() -> Option<Argon2<'static>> {
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(MEMORY, 2, 1, None).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_its_password_alone_and_says_how_it_was_made() {
        let hashed = hash("correct horse battery").unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert_ne!(hash("correct horse battery").unwrap(), hashed, "each has a salt");
        assert!(matches("correct horse battery", Some(&hashed)));
        for wrong in ["Correct horse battery", "", "correct horse battery "] {
            assert!(!matches(wrong, Some(&hashed)), "{wrong}");
        }
        for none in [None, Some(""), Some("nonsense"), Some("$argon2id$v=19$m=19456,t=2,p=1$")] {
            assert!(!matches("the password of nobody", none) && !matches("", none), "{none:?}");
        }
    }
}
