//! Two instants that the reader set to measure between them.

/// The first is set, then the second; a third starts over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursors {
    /// The one called A, in microseconds.
    pub a: Option<i64>,
    /// The one called B.
    pub b: Option<i64>,
}

impl Cursors {
    /// Sets the next one.
    pub fn set(&mut self, at: i64) {
        *self = match (self.a, self.b) {
            (Some(a), None) => Self { a: Some(a), b: Some(at) },
            _ => Self { a: Some(at), b: None },
        };
    }

    /// Takes both away.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// From A to B in microseconds; negative when B is earlier.
    pub fn distance(self) -> Option<i64> {
        Some(self.b? - self.a?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_cursor_replaces_both() {
        let mut cursors = Cursors::default();
        cursors.set(10);
        assert_eq!(cursors.distance(), None);
        cursors.set(4);
        assert_eq!(cursors.distance(), Some(-6));
        cursors.set(7);
        assert_eq!(cursors, Cursors { a: Some(7), b: None });
        cursors.clear();
        assert_eq!(cursors, Cursors::default());
    }
}
