//! Passwords: argon2id with 19 MiB, two passes and one lane, as OWASP's Password Storage Cheat Sheet recommends. The parameters
//! stand in each hash, so that later ones can be stronger.

use std::sync::LazyLock;

use afterglow_wire::Invalid;
use afterglow_wire::people::check_password;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use zxcvbn::{Score, zxcvbn};

/// KiB of memory that one hash takes.
const MEMORY: u32 = 19 * 1024;

/// What the password of nobody is compared with, so that it takes as long as that of a member.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash("the password of nobody").unwrap_or_default());

/// Checks a password that the member called `name`, of this tenant, wants to have: its length, and that those who try what many people
/// choose (words, names, dates, rows of keys, and what is usually changed in them) do not find it within 100 million guesses.
///
/// # Errors
/// Names the field and what is allowed.
pub(super) fn check(password: &str, name: &str, tenant: Option<&str>) -> Result<(), Invalid> {
    check_password(password, name)?;
    let known = [name, "afterglow", tenant.unwrap_or("afterglow")];
    if zxcvbn(password, &known).score() < Score::Three {
        let message =
            "something that is harder to guess, such as four words that have nothing to do with each other";
        return Err(Invalid::new("password", message));
    }
    Ok(())
}

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
    fn what_many_people_choose_is_refused() {
        for common in [
            "password1234",
            "P@ssw0rd2024!",
            "qwertyuiop123",
            "1q2w3e4r5t6y",
            "123456789012",
            "iloveyou2024",
            "abcdefghijkl",
            "zaq12wsxcde3",
            "ada.lovelace",
            "Afterglow2026!",
            "acme-acme-2026",
            "elevenbytes",
        ] {
            assert!(check(common, "ada.lovelace", Some("acme")).is_err(), "{common}");
        }
        for good in ["correct horse battery", "пароль пароль лошадь", "Xk3#9fQz!m2L", "to be or 7 to bees"]
        {
            assert!(check(good, "ada", None).is_ok(), "{good}");
        }
        // Also those that are as long as they may be.
        assert!(check(&"Xk3#9fQz!m2L kettle".repeat(50), "ada", None).is_ok());
    }

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
