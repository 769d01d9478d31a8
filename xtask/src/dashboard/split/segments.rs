//! The order of a module's segments. The splitter has them in the order of a hash map, which is another one with each run; they do not
//! overlap, so any order means the same.

use anyhow::{Context, Result, ensure};

/// Bytes before the first section.
const HEADER: usize = 8;
/// Section numbers of the specification.
const ELEMENTS: u8 = 9;
const DATA: u8 = 11;
/// `i32.const`, and the end of an expression.
const CONSTANT: u8 = 0x41;
const END: u8 = 0x0b;

/// The module with the segments of its table and of its memory in the order of their places.
pub(super) fn in_order(module: &[u8]) -> Result<Vec<u8>> {
    let mut ordered = module.get(..HEADER).context("it is too short for a module")?.to_vec();
    let mut rest = Reader(&module[HEADER..]);
    while let Some(section) = rest.byte() {
        let length = rest.number()?;
        let content = rest.take(length)?;
        ordered.push(section);
        write_number(&mut ordered, length);
        match section {
            ELEMENTS => ordered.extend(sorted(content, |reader, count| {
                (0..count).try_for_each(|_| reader.number().map(drop))
            })?),
            DATA => ordered.extend(sorted(content, |reader, count| reader.take(count).map(drop))?),
            _ => ordered.extend(content),
        }
    }
    // A number may be written in more bytes than it needs, and so may a section's length; it must not have become another one.
    ensure!(ordered.len() <= module.len(), "the segments have grown");
    Ok(ordered)
}

/// The segments of a section, each of which `skip` passes over after the number of its items.
fn sorted(content: &[u8], skip: impl Fn(&mut Reader<'_>, usize) -> Result<()>) -> Result<Vec<u8>> {
    let mut reader = Reader(content);
    let count = reader.number()?;
    let mut begun = content.len() - reader.0.len();
    let mut ordered = content[..begun].to_vec();
    let mut segments = Vec::new();
    for _ in 0..count {
        ensure!(
            reader.byte() == Some(0) && reader.byte() == Some(CONSTANT),
            "a segment has no constant place"
        );
        let place = reader.number()?;
        ensure!(reader.byte() == Some(END), "a segment's place is not a constant alone");
        let items = reader.number()?;
        skip(&mut reader, items)?;
        let end = content.len() - reader.0.len();
        segments.push((place, &content[begun..end]));
        begun = end;
    }
    ensure!(reader.0.is_empty(), "a section has more than its segments");
    segments.sort_unstable_by_key(|(place, _)| *place);
    segments.iter().for_each(|(_, segment)| ordered.extend(*segment));
    Ok(ordered)
}

/// Reads what a module consists of.
struct Reader<'m>(&'m [u8]);

impl<'m> Reader<'m> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, length: usize) -> Result<&'m [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).context("the module ends early")?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number in LEB128; a signed one keeps its order where it is not negative.
    fn number(&mut self) -> Result<usize> {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte().context("the module ends early")?;
            number |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        anyhow::bail!("a number is longer than 32 bits");
    }
}

/// Writes a number in LEB128.
fn write_number(bytes: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with other sections around these segments, each a place and its bytes.
    fn module(section: u8, segments: &[(u8, &[u8])]) -> Vec<u8> {
        let mut content = vec![segments.len() as u8];
        for (place, items) in segments {
            content.extend([0, CONSTANT, *place, END, items.len() as u8]);
            content.extend(*items);
        }
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend([1, 1, 0, section, content.len() as u8]);
        module.extend(content);
        module.extend([0, 2, 1, b'n']);
        module
    }

    #[test]
    fn segments_are_in_the_order_of_their_places_and_all_else_stays() {
        for section in [ELEMENTS, DATA] {
            let [low, high]: [(u8, &[u8]); 2] = [(3, &[1, 2]), (40, &[7])];
            let expected = module(section, &[low, high]);
            assert_eq!(in_order(&module(section, &[high, low])).unwrap(), expected);
            assert_eq!(in_order(&expected).unwrap(), expected);
        }
        assert!(in_order(&module(DATA, &[(1, &[2])])[..12]).is_err());
    }
}
