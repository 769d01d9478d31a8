//! Covering a stretch of time with overlapping sources, the best first.

use crate::time::Span;

/// Which source to use where: each takes what those before it left. In time order; what no source has is left out.
pub(super) fn fill(span: Span, sources: impl IntoIterator<Item = Span>) -> Vec<(Span, usize)> {
    let mut open = vec![span];
    let mut filled = Vec::new();
    for (index, source) in sources.into_iter().enumerate() {
        let mut left = Vec::new();
        for stretch in open {
            let Some(common) = stretch.overlap(source) else {
                left.push(stretch);
                continue;
            };
            filled.push((common, index));
            left.extend(stretch.overlap(Span { from: i64::MIN, to: common.from }));
            left.extend(stretch.overlap(Span { from: common.to, to: i64::MAX }));
        }
        open = left;
    }
    filled.sort_unstable_by_key(|(span, _)| span.from);
    filled
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(from: i64, to: i64) -> Span {
        Span { from, to }
    }

    #[test]
    fn the_best_takes_what_it_can_and_the_others_the_rest() {
        let filled = fill(span(0, 100), [span(40, 60), span(20, 80), span(70, 200)]);
        let expected = [(span(20, 40), 1), (span(40, 60), 0), (span(60, 80), 1), (span(80, 100), 2)];
        assert_eq!(filled, expected);
    }

    proptest! {
        #[test]
        fn every_instant_has_the_first_source_that_has_it(
            sources in prop::collection::vec((0i64..100, 0i64..60), 0..8),
        ) {
            let sources: Vec<Span> = sources.into_iter().map(|(from, width)| span(from, from + width)).collect();
            let filled = fill(span(10, 90), sources.iter().copied());
            prop_assert!(filled.windows(2).all(|pair| pair[0].0.to <= pair[1].0.from));
            for instant in 0..100 {
                let expected = sources.iter().position(|s| s.contains(instant) && (10..90).contains(&instant));
                let found = filled.iter().find(|(span, _)| span.contains(instant)).map(|(_, index)| *index);
                prop_assert_eq!(found, expected);
            }
        }
    }
}
