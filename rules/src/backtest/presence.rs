//! When there were samples, of however many signals, in little memory.

/// Stretches of time in which no two neighbouring samples are further apart than a gap that does not matter.
#[derive(Clone, Debug)]
pub struct Presence {
    gap: i64,
    /// Disjoint, in order, further apart than the gap.
    stretches: Vec<(i64, i64)>,
    samples: u64,
}

impl Presence {
    /// None yet. Gaps of up to `gap` microseconds do not matter.
    pub fn new(gap: i64) -> Self {
        Self { gap: gap.max(1), stretches: Vec::new(), samples: 0 }
    }

    /// How many samples there were.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Adds samples of one signal, in order.
    pub fn add(&mut self, times: &[i64]) {
        self.samples += times.len() as u64;
        let mut all = std::mem::take(&mut self.stretches);
        for at in times {
            match all.last_mut() {
                // Most often the signal goes on.
                Some((from, to)) if *from <= *at && *at <= *to + self.gap => *to = (*to).max(*at),
                _ => all.push((*at, *at)),
            }
        }
        all.sort_unstable();
        for (from, to) in all {
            match self.stretches.last_mut() {
                Some(last) if from <= last.1 + self.gap => last.1 = last.1.max(to),
                _ => self.stretches.push((from, to)),
            }
        }
    }

    /// Instants of samples that have the same gaps longer than the gap that does not matter.
    pub fn points(&self) -> impl Iterator<Item = i64> + '_ {
        let gap = self.gap;
        self.stretches.iter().flat_map(move |(from, to)| {
            let between = (0..).map(move |n| from + n * gap).take_while(move |at| at < to);
            between.chain([*to])
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gaps(times: impl Iterator<Item = i64>, longer_than: i64) -> Vec<(i64, i64)> {
        let times: Vec<_> = times.collect();
        let pairs = times.windows(2).map(|pair| (pair[0], pair[1]));
        pairs.filter(|(from, to)| to - from > longer_than).collect()
    }

    proptest! {
        #[test]
        fn it_has_the_gaps_of_all_samples_together(
            signals in prop::collection::vec(prop::collection::btree_set(0i64..500, 0..20), 1..5),
            gap in 1i64..60,
        ) {
            let mut presence = Presence::new(gap);
            let mut all = std::collections::BTreeSet::new();
            for times in &signals {
                presence.add(&times.iter().copied().collect::<Vec<_>>());
                all.extend(times.iter().copied());
            }
            prop_assert_eq!(presence.points().next(), all.first().copied());
            prop_assert_eq!(presence.points().last(), all.last().copied());
            prop_assert_eq!(gaps(presence.points(), gap), gaps(all.into_iter(), gap));
        }
    }
}
