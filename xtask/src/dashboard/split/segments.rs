//! The order of a module's segments. The splitter has them in the order of a hash map, which is another one with each run; they do not
//! overlap, so any order means the same.

use std::ops::Range;

use anyhow::{Result, bail, ensure};
use wasmparser::{ConstExpr, DataKind, ElementKind, Operator, Parser, Payload};

/// The module with the segments of its table and of its memory in the order of their places.
///
/// # Errors
/// When it is no module, or has segments without a constant place.
pub(super) fn in_order(module: &[u8]) -> Result<Vec<u8>> {
    let mut ordered = module.to_vec();
    for payload in Parser::new(0).parse_all(module) {
        let mut segments = match payload? {
            Payload::ElementSection(section) => section
                .into_iter()
                .map(|element| {
                    let element = element?;
                    let ElementKind::Active { offset_expr, .. } = element.kind else {
                        bail!("an element segment has no place");
                    };
                    Ok((place(&offset_expr)?, element.range))
                })
                .collect::<Result<Vec<_>>>()?,
            Payload::DataSection(section) => section
                .into_iter()
                .map(|data| {
                    let data = data?;
                    let DataKind::Active { offset_expr, .. } = data.kind else {
                        bail!("a data segment has no place");
                    };
                    Ok((place(&offset_expr)?, data.range))
                })
                .collect::<Result<Vec<_>>>()?,
            _ => continue,
        };
        let Some(mut at) = segments.first().map(|(_, range)| range.start) else { continue };
        let end = segments.last().map(|(_, range)| range.end);
        segments.sort_unstable_by_key(|(place, _)| *place);
        for (_, Range { start, end }) in segments {
            ordered[at..at + end - start].copy_from_slice(&module[start..end]);
            at += end - start;
        }
        ensure!(Some(at) == end, "there is something between segments");
    }
    Ok(ordered)
}

fn place(expression: &ConstExpr<'_>) -> Result<i32> {
    match expression.get_operators_reader().read()? {
        Operator::I32Const { value } => Ok(value),
        other => bail!("a segment's place is {other:?}, not a constant"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ELEMENTS: u8 = 9;
    const DATA: u8 = 11;

    /// A module with other sections around these segments, each a place and its items.
    fn module(section: u8, segments: &[(u8, &[u8])]) -> Vec<u8> {
        let mut content = vec![segments.len() as u8];
        for (place, items) in segments {
            // Active, `i32.const`, the place, the end of the expression.
            content.extend([0, 0x41, *place, 0x0b, items.len() as u8]);
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
