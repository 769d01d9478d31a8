//! Minima, maxima and sums of blocks of samples, blocks of blocks and so on, over a [`Ring`].
//!
//! The extent of any run of samples then costs a few dozen look-ups, however many samples there are.
//! Blocks are aligned to positions, which never change, so evicting and appending touch only the ends.

use std::collections::VecDeque;

use super::ring::Ring;

/// Each level has blocks of 16 times as many samples as the one below: 16, 256, 4,096, 65,536.
const SHIFT: u32 = 4;
const FAN: u64 = 1 << SHIFT;
const LEVELS: usize = 4;

/// The smallest and the largest of some values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}

impl Extent {
    /// The extent of one value.
    pub fn of(value: f64) -> Self {
        Self { min: value, max: value }
    }

    /// The extent of both.
    pub fn union(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}

/// The statistics of some samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stats {
    /// The smallest and the largest.
    pub extent: Extent,
    /// The sum of all.
    pub sum: f64,
    /// How many there are.
    pub count: u64,
}

impl Stats {
    /// Of both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            extent: self.extent.union(other.extent),
            sum: self.sum + other.sum,
            count: self.count + other.count,
        }
    }

    /// Their mean.
    pub fn mean(self) -> f64 {
        self.sum / self.count as f64
    }
}

/// What is kept of a block; how many samples it has follows from its position.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Block {
    extent: Extent,
    sum: f64,
}

impl Block {
    fn of(value: f64) -> Self {
        Self { extent: Extent::of(value), sum: value }
    }

    fn union(self, other: Self) -> Self {
        Self { extent: self.extent.union(other.extent), sum: self.sum + other.sum }
    }
}

#[derive(Debug, Default)]
struct Level {
    /// The number of the first block; block `n` covers the positions from `n` times its size.
    first: u64,
    blocks: VecDeque<Block>,
}

impl Level {
    fn end(&self) -> u64 {
        self.first + self.blocks.len() as u64
    }

    fn get(&self, block: u64) -> Option<Block> {
        self.blocks.get(usize::try_from(block.checked_sub(self.first)?).ok()?).copied()
    }

    fn include(&mut self, number: u64, block: Block) {
        if self.blocks.is_empty() {
            self.first = number;
        }
        let open = self.end() == number + 1;
        match self.blocks.back_mut().filter(|_| open) {
            Some(last) => *last = last.union(block),
            None => self.blocks.push_back(block),
        }
    }
}

/// The pyramid of one ring. Code that changes the ring calls the method of the same name here afterwards.
#[derive(Debug, Default)]
pub struct Pyramid {
    levels: [Level; LEVELS],
}

impl Pyramid {
    /// A sample was appended at `position`.
    pub fn push(&mut self, position: u64, value: f64) {
        let mut block = position;
        for level in &mut self.levels {
            block >>= SHIFT;
            level.include(block, Block::of(value));
        }
    }

    /// The samples from `position` on were removed.
    ///
    /// The last block of each level is built again from the level below. It may include blocks whose samples
    /// have partly been evicted; such a block is never looked up as a whole.
    pub fn truncate(&mut self, position: u64, ring: &Ring) {
        // The first block of each level that has lost samples, and the end of what is left of the level below.
        let (mut last, mut end) = (position, position);
        for k in 0..LEVELS {
            let (below, from_here) = self.levels.split_at_mut(k);
            let (Some(level), below) = (from_here.first_mut(), below.last()) else { return };
            last >>= SHIFT;
            let keep = usize::try_from(last.saturating_sub(level.first)).unwrap_or(usize::MAX);
            level.blocks.truncate(keep);
            for item in (last << SHIFT)..end {
                let block = match below {
                    Some(below) => below.get(item),
                    None => (item >= ring.first() && item < ring.end()).then(|| Block::of(ring.value(item))),
                };
                if let Some(block) = block {
                    level.include(last, block);
                }
            }
            end = end.div_ceil(FAN);
        }
    }

    /// The samples before `position` were dropped.
    pub fn evict(&mut self, position: u64) {
        let mut first = position;
        for level in &mut self.levels {
            first >>= SHIFT;
            let gone = first.saturating_sub(level.first).min(level.blocks.len() as u64);
            level.blocks.drain(..usize::try_from(gone).unwrap_or(0));
            level.first += gone;
        }
    }

    /// The extent of the samples at `from..to`, which must lie within the ring.
    pub fn extent(&self, ring: &Ring, from: u64, to: u64) -> Option<Extent> {
        self.total(ring, from, to).map(|block| block.extent)
    }

    /// The statistics of the samples at `from..to`, which must lie within the ring.
    pub fn stats(&self, ring: &Ring, from: u64, to: u64) -> Option<Stats> {
        let Block { extent, sum } = self.total(ring, from, to)?;
        Some(Stats { extent, sum, count: to - from })
    }

    fn total(&self, ring: &Ring, from: u64, to: u64) -> Option<Block> {
        let (mut from, mut to) = (from, to);
        let mut found: Option<Block> = None;
        let mut add = |block: Option<Block>| {
            found = match (found, block) {
                (Some(a), Some(b)) => Some(a.union(b)),
                (a, b) => a.or(b),
            };
        };
        for k in 0..=LEVELS {
            let item = |i: u64| match k.checked_sub(1) {
                None => Some(Block::of(ring.value(i))),
                Some(level) => self.levels.get(level).filter(|level| i < level.end())?.get(i),
            };
            let top = k == LEVELS;
            while from < to && (top || from % FAN != 0) {
                add(item(from));
                from += 1;
            }
            while from < to && to % FAN != 0 {
                to -= 1;
                add(item(to));
            }
            from >>= SHIFT;
            to >>= SHIFT;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Push(Vec<i16>),
        Truncate(u16),
        Evict(u16),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => prop::collection::vec(any::<i16>(), 1..700).prop_map(Step::Push),
            1 => any::<u16>().prop_map(Step::Truncate),
            1 => any::<u16>().prop_map(Step::Evict),
        ]
    }

    fn raw(ring: &Ring, from: u64, to: u64) -> Option<Stats> {
        let one = |i| Stats { extent: Extent::of(ring.value(i)), sum: ring.value(i), count: 1 };
        (from..to).map(one).reduce(Stats::union)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_block_is_what_the_raw_samples_come_to(
            steps in prop::collection::vec(step(), 1..12),
            cuts in prop::collection::vec((any::<u16>(), any::<u16>()), 24),
        ) {
            let (mut ring, mut pyramid, mut time) = (Ring::default(), Pyramid::default(), 0);
            for step in steps {
                match step {
                    Step::Push(values) => for value in values {
                        time += 1;
                        pyramid.push(ring.end(), f64::from(value));
                        ring.push(time, f64::from(value));
                    },
                    Step::Truncate(at) => {
                        let at = ring.first() + u64::from(at) % (ring.len() as u64 + 1);
                        drop(ring.split_off(at));
                        pyramid.truncate(at, &ring);
                    }
                    Step::Evict(at) => {
                        let at = ring.first() + u64::from(at) % (ring.len() as u64 + 1);
                        ring.evict(at);
                        pyramid.evict(at);
                    }
                }
                for (a, b) in &cuts {
                    let position = |n: &u16| ring.first() + u64::from(*n) % (ring.len() as u64 + 1);
                    let (from, to) = (position(a).min(position(b)), position(a).max(position(b)));
                    // Small integers: their sums are exact in any order.
                    prop_assert_eq!(pyramid.stats(&ring, from, to), raw(&ring, from, to));
                }
            }
        }
    }
}
