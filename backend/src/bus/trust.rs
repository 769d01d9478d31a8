//! How much of what others commit the bus brings, and so how often the database is asked.

/// Looks in a row that find what the bus did not bring, after which it is not relied on.
const MISSES: u32 = 2;

/// What the bus brings.
#[derive(Debug, Default)]
pub struct Trust {
    /// The highest number that it brought.
    brought: u64,
    /// Whether it brought something since the last look.
    brings: bool,
    /// The highest number that the last look knew from the database alone.
    read: u64,
    /// Whether what it brought had a hole that was filled from the database, since the last look.
    filled: bool,
    /// Looks in a row.
    misses: u32,
}

impl Trust {
    /// It brought the commit with this number.
    pub fn brought(&mut self, number: u64) {
        self.brought = self.brought.max(number);
        self.brings = true;
    }

    /// It did not bring what comes before something that it brought.
    pub fn has_hole(&mut self) {
        self.filled = true;
    }

    /// It has been connected.
    pub fn begin(&mut self) {
        self.misses = 0;
    }

    /// A look knows others' commits up to the number `read` from the database. What it has found only now may be on its way still;
    /// what the look before had found is not.
    pub fn looked(&mut self, read: u64) {
        let is_missed = self.filled || self.read > self.brought;
        if is_missed {
            self.misses = self.misses.saturating_add(1);
        } else if self.brings {
            self.misses = 0;
        }
        // Once is enough: a look that finds nothing more must not count the same again.
        self.brought = self.brought.max(self.read);
        (self.read, self.filled, self.brings) = (read, false, false);
    }

    /// Whether it brings what there is, as far as can be said.
    pub fn is_deserved(&self) -> bool {
        self.misses < MISSES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_that_brings_everything_is_relied_on() {
        let mut trust = Trust::default();
        for number in 1..100 {
            if number % 3 == 0 {
                // A look was faster, and the frame came after it.
                trust.looked(number);
            }
            trust.brought(number);
        }
        trust.looked(99);
        assert!(trust.is_deserved());
        (0..9).for_each(|_| trust.looked(99));
        assert!(trust.is_deserved(), "silence is no failure");
    }

    #[test]
    fn two_looks_that_find_more_than_it_brought_are_enough() {
        let mut trust = Trust::default();
        trust.looked(1);
        assert!(trust.is_deserved(), "it may come still");
        trust.looked(2);
        assert!(trust.is_deserved());
        trust.looked(2);
        assert!(!trust.is_deserved());
        (0..9).for_each(|_| trust.looked(2));
        assert!(!trust.is_deserved(), "it has brought nothing since");
        trust.brought(3);
        trust.looked(2);
        assert!(trust.is_deserved());
    }

    #[test]
    fn holes_count_too() {
        let mut trust = Trust::default();
        for number in [2, 4] {
            trust.brought(number);
            trust.has_hole();
            trust.looked(number - 1);
        }
        assert!(!trust.is_deserved());
        trust.begin();
        assert!(trust.is_deserved());
    }
}
