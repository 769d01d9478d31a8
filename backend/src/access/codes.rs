//! One-time codes (TOTP, RFC 6238: six digits, thirty seconds), and the recovery codes that stand for a lost device.

use sha2::{Digest as _, Sha256};
use totp_rs::{Builder, Secret, Totp};

use crate::store::people::Hash;

/// Recovery codes of a member.
const RECOVERY_CODES: usize = 10;

/// A new secret: 160 bits, as the standard recommends.
pub(super) fn new_secret() -> Vec<u8> {
    rand::random::<[u8; 20]>().to_vec()
}

/// The secret as apps take it by hand.
pub(super) fn as_text(secret: &[u8]) -> String {
    Secret::from(secret.to_vec()).to_base32()
}

/// The period whose code this is, if it is one of now, of the period before, or of the next.
pub(super) fn period_of(secret: &[u8], code: &str, unix_seconds: i64) -> Option<i64> {
    let code: String = code.chars().filter(|character| !character.is_whitespace()).collect();
    let time = u64::try_from(unix_seconds).ok()?;
    totp(secret)?.check(&code, time).and_then(|period| i64::try_from(period).ok())
}

/// New recovery codes and what is kept of them.
pub(super) fn recovery() -> (Vec<String>, Vec<Hash>) {
    let code = || {
        let text = as_text(&rand::random::<[u8; 10]>()).to_lowercase();
        format!("{}-{}", &text[..8], &text[8..])
    };
    let codes: Vec<String> = std::iter::repeat_with(code).take(RECOVERY_CODES).collect();
    let hashes = codes.iter().map(|code| recovery_hash(code)).collect();
    (codes, hashes)
}

/// What is kept of a recovery code: it has 80 random bits, so a slow hash would add nothing.
pub(super) fn recovery_hash(code: &str) -> Hash {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    Sha256::digest(plain.to_ascii_lowercase()).into()
}

fn totp(secret: &[u8]) -> Option<Totp> {
    Builder::new().with_secret(Secret::from(secret.to_vec())).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B, with SHA-1; the last six of its eight digits.
        let secret = b"12345678901234567890";
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            let period = period_of(secret, code, time).unwrap();
            assert_eq!(period, time / 30, "{code}");
            assert_eq!(period_of(secret, code, time + 30), Some(period), "a slow clock");
            assert_eq!(period_of(secret, code, time + 90), None);
        }
        assert_eq!(period_of(secret, " 287 082", 59), Some(1));
        for wrong in ["287083", "", "28708", "0287082", "einszw"] {
            assert_eq!(period_of(secret, wrong, 59), None, "{wrong}");
        }
        assert_eq!(as_text(secret), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn a_recovery_code_is_known_however_it_is_written() {
        let (codes, hashes) = recovery();
        assert_eq!((codes.len(), hashes.len()), (10, 10));
        for (code, hash) in codes.iter().zip(&hashes) {
            assert_eq!(code.len(), 17);
            assert_eq!(recovery_hash(&code.to_uppercase().replace('-', " ")), *hash);
        }
        assert_ne!(hashes[0], hashes[1]);
    }
}
