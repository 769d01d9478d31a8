//! Integers in as many bytes or bits as they need.

/// Adds an integer in LEB128: seven bits a byte, the lowest first.
pub(super) fn put_integer(bytes: &mut Vec<u8>, mut integer: u64) {
    while integer >= 0x80 {
        bytes.push(integer as u8 | 0x80);
        integer >>= 7;
    }
    bytes.push(integer as u8);
}

/// Takes what [`put_integer`] added; `None` when there is no such integer.
pub(super) fn take_integer(bytes: &mut &[u8]) -> Option<u64> {
    let mut integer = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        integer |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(integer);
        }
    }
    None
}

/// As [`put_integer`], for integers that may be negative.
pub(super) fn put_signed(bytes: &mut Vec<u8>, integer: i64) {
    put_integer(bytes, zigzag(integer));
}

/// Takes what [`put_signed`] added.
pub(super) fn take_signed(bytes: &mut &[u8]) -> Option<i64> {
    take_integer(bytes).map(unzigzag)
}

/// Small integers of either sign as small ones without.
pub(super) fn zigzag(integer: i64) -> u64 {
    (integer << 1 ^ integer >> 63).cast_unsigned()
}

/// The inverse of [`zigzag`].
pub(super) fn unzigzag(integer: u64) -> i64 {
    (integer >> 1).cast_signed() ^ -(integer & 1).cast_signed()
}

/// How many bits `most` and everything below it need.
pub(super) fn width(most: u64) -> u8 {
    (64 - most.leading_zeros()) as u8
}

/// Adds integers of at most `width` bits each, the lowest bits first.
pub(super) fn pack(bytes: &mut Vec<u8>, integers: impl Iterator<Item = u64>, width: u8) {
    if width == 0 {
        return;
    }
    let (mut held, mut bits) = (0_u128, 0_u32);
    for integer in integers {
        held |= u128::from(integer) << bits;
        bits += u32::from(width);
        if bits >= 64 {
            bytes.extend_from_slice(&(held as u64).to_le_bytes());
            held >>= 64;
            bits -= 64;
        }
    }
    bytes.extend_from_slice(&held.to_le_bytes()[..bits.div_ceil(8) as usize]);
}

/// Passes `count` integers on that [`pack`] added; `None` when there are not as many.
pub(super) fn unpack(bytes: &[u8], width: u8, count: usize, mut pass: impl FnMut(u64)) -> Option<()> {
    let width = u32::from(width);
    if width == 0 {
        (0..count).for_each(|_| pass(0));
        return Some(());
    }
    if width > 64 || bytes.len() < (count.checked_mul(width as usize)?).div_ceil(8) {
        return None;
    }
    let mask = u64::MAX >> (64 - width);
    let (mut held, mut bits, mut rest) = (0_u128, 0_u32, bytes);
    for _ in 0..count {
        if bits < width {
            let (word, after) = match rest.split_first_chunk::<8>() {
                Some((word, after)) => (u64::from_le_bytes(*word), after),
                None => (rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)), &[][..]),
            };
            held |= u128::from(word) << bits;
            bits += 64;
            rest = after;
        }
        pass(held as u64 & mask);
        held >>= width;
        bits -= width;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn integers_come_back(integers in proptest::collection::vec((any::<u64>(), 0..64_u32), 0..200)) {
            let integers: Vec<_> = integers.into_iter().map(|(integer, shift)| integer >> shift).collect();
            let mut bytes = Vec::new();
            integers.iter().for_each(|integer| put_integer(&mut bytes, *integer));
            let mut rest = bytes.as_slice();
            let read: Vec<_> = integers.iter().map_while(|_| take_integer(&mut rest)).collect();
            prop_assert_eq!((&read, rest), (&integers, &[][..]));

            let (mut packed, bits) = (Vec::new(), width(integers.iter().fold(0, |all, integer| all | integer)));
            pack(&mut packed, integers.iter().copied(), bits);
            let mut read = Vec::new();
            prop_assert_eq!(unpack(&packed, bits, integers.len(), |integer| read.push(integer)), Some(()));
            prop_assert_eq!(&read, &integers);
            let missing = unpack(&packed[..packed.len().saturating_sub(1)], bits, integers.len(), |_| ());
            prop_assert!(missing.is_none() || packed.is_empty());
            for integer in integers {
                prop_assert_eq!(zigzag(unzigzag(integer)), integer);
            }
        }
    }
}
