//! What a signal has of each rule.

/// One thing of each of some rules, in the order of the rules' numbers. Most signals have one rule of which there is something to keep,
/// some have hundreds, and one that is put between others moves these.
#[derive(Clone, Debug)]
pub(crate) struct ByRule<T>(Vec<(u32, Box<T>)>);

impl<T> Default for ByRule<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> ByRule<T> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, rule: u32) -> Option<&T> {
        self.place(rule).ok().map(|place| &*self.0[place].1)
    }

    pub(crate) fn get_mut(&mut self, rule: u32) -> Option<&mut T> {
        self.place(rule).ok().map(|place| &mut *self.0[place].1)
    }

    /// Puts what belongs to `rule` in the place of what did before.
    pub(crate) fn insert(&mut self, rule: u32, value: T) -> &mut T {
        let place = match self.place(rule) {
            Ok(place) => {
                *self.0[place].1 = value;
                place
            }
            Err(place) => {
                if self.0.is_empty() {
                    self.0.reserve_exact(1);
                }
                self.0.insert(place, (rule, Box::new(value)));
                place
            }
        };
        &mut self.0[place].1
    }

    pub(crate) fn remove(&mut self, rule: u32) -> Option<T> {
        self.place(rule).ok().map(|place| *self.0.remove(place).1)
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The rules' numbers, in order.
    pub(crate) fn rules(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|(rule, _)| *rule)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().map(|(_, value)| &mut **value)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        self.0.iter_mut().map(|(rule, value)| (*rule, &mut **value))
    }

    pub(crate) fn retain_mut(&mut self, mut keep: impl FnMut(u32, &mut T) -> bool) {
        self.0.retain_mut(|(rule, value)| keep(*rule, value));
    }

    fn place(&self, rule: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&rule, |(of, _)| *of)
    }
}
