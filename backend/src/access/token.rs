//! The text of a key: `agk_<16 hexadecimal digits: its id>_<43 letters: 256 random bits>_<6 letters: a check sum>`, or `agi_`
//! for the kind that is sent in an address, or `ags_` for a link to a board. Scanners for secrets know it by its beginning and its check sum.

use afterglow_wire::access::Kind;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::store::SecretHash;

const BEGINNING: usize = 4;
const ID: usize = 16;
const SECRET: usize = 43;
const SUM: usize = 6;

/// The length of every key, in bytes of ASCII.
pub const LENGTH: usize = BEGINNING + ID + 1 + SECRET + 1 + SUM;

/// What a key says of itself: nothing of it is checked but its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it must be sent in.
    pub kind: Kind,
    /// Its id.
    pub id: u64,
    /// The SHA-256 of its secret.
    pub hash: SecretHash,
}

/// Makes a key: its text, and what is kept of it.
pub fn create(kind: Kind) -> (String, Token) {
    let (id, secret): (u64, [u8; 32]) = (rand::random(), rand::random());
    let mut text = format!("{}{id:016x}_{}", beginning(kind), URL_SAFE_NO_PAD.encode(secret));
    let sum = sum(&text);
    let hash = hash(&text[BEGINNING + ID + 1..]);
    text.extend(["_", &sum]);
    (text, Token { kind, id, hash })
}

/// The id as texts write it.
pub fn id(id: u64) -> String {
    format!("{id:016x}")
}

/// The id that [`id`] writes as this text.
pub fn parse_id(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok().filter(|parsed| id(*parsed) == text)
}

/// The id in a text that may be a key; nothing else of it is looked at.
pub fn id_in(text: &str) -> Option<u64> {
    u64::from_str_radix(text.get(BEGINNING..BEGINNING + ID)?, 16).ok()
}

impl Token {
    /// Reads a text; `None` when it has not the form of a key, or its check sum is wrong.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != LENGTH || !text.is_ascii() {
            return None;
        }
        let (named, given) = text.split_at(LENGTH - SUM - 1);
        let kind = [Kind::Key, Kind::In, Kind::Share]
            .into_iter()
            .find(|kind| named.starts_with(beginning(*kind)))?;
        let (digits, secret) = named[BEGINNING..].split_once('_')?;
        let is_hex = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
        if digits.len() != ID || !digits.bytes().all(is_hex) || given.strip_prefix('_') != Some(&*sum(named))
        {
            return None;
        }
        Some(Self { kind, id: u64::from_str_radix(digits, 16).ok()?, hash: hash(secret) })
    }
}

fn beginning(kind: Kind) -> &'static str {
    match kind {
        Kind::Key => "agk_",
        Kind::In => "agi_",
        Kind::Share => "ags_",
    }
}

/// CRC-32, which is for typing errors only.
fn sum(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(crc32fast::hash(text.as_bytes()).to_be_bytes())
}

fn hash(secret: &str) -> SecretHash {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_read_and_what_is_changed_is_not() {
        for kind in [Kind::Key, Kind::In, Kind::Share] {
            let (text, token) = create(kind);
            assert_eq!(text.len(), LENGTH);
            assert_eq!(Token::parse(&text), Some(token));
            for place in 0..text.len() {
                let mut changed = text.clone().into_bytes();
                changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
                assert_eq!(Token::parse(&String::from_utf8(changed).unwrap()), None, "{place}");
            }
            assert_eq!(Token::parse(&text[1..]), None);
            assert_eq!(Token::parse(&text.to_ascii_uppercase()), None);
        }
        assert_ne!(create(Kind::Key).1.hash, create(Kind::Key).1.hash);
        for text in ["", "agk_", &"é".repeat(LENGTH), &"_".repeat(LENGTH)] {
            assert_eq!(Token::parse(text), None, "{text}");
        }
    }
}
