//! Which colour and dashes each line has: the same for as long as the page is open, whichever lines come and go.

use std::collections::HashMap;

use super::panels::Panel;

use crate::order;

/// The numbers of lines' looks, by panel and signal.
#[derive(Debug, Default)]
pub struct Looks {
    given: HashMap<(String, String), usize>,
    /// What a signal was given last, on any panel.
    last: HashMap<String, usize>,
}

impl Looks {
    /// Gives each line of `panel` a look that no other has: the one that it had, or else that of the same signal on another
    /// panel, or else the first that is free.
    pub fn give(&mut self, panel: &mut Panel) {
        let key = panel.definition.id.clone();
        let mut free = vec![true; panel.signals.len()];
        let mut take = |look: usize| free.get_mut(look).is_none_or(|free| std::mem::replace(free, false));
        let mut new = Vec::new();
        for (place, name) in panel.signals.iter().enumerate() {
            match self.given.get(&(key.clone(), name.clone())) {
                Some(look) => {
                    take(*look);
                    panel.entries[place].look = *look;
                }
                None => new.push(place),
            }
        }
        // Those that are known elsewhere choose first.
        order::sort_by_key(&mut new, |place| !self.last.contains_key(&panel.signals[*place]));
        for place in new {
            let name = &panel.signals[place];
            let known = self.last.get(name).copied().filter(|look| *look < panel.signals.len());
            let look = known.filter(|look| take(*look));
            let look = look.or_else(|| (0..panel.signals.len()).find(|look| take(*look))).unwrap_or(place);
            self.given.insert((key.clone(), name.clone()), look);
            self.last.insert(name.clone(), look);
            panel.entries[place].look = look;
        }
    }
}

#[cfg(test)]
mod tests {
    use afterglow_wire::board;

    use super::*;
    use crate::boards::metadata::SignalMetadata;

    fn looks(looks: &mut Looks, id: &str, names: &[&str]) -> Vec<usize> {
        let definition = board::Panel { id: id.into(), ..board::Panel::of(vec!["*".into()]) };
        let mut panel = Panel::new(definition, names.iter().copied(), &SignalMetadata::default());
        looks.give(&mut panel);
        panel.entries.iter().map(|entry| entry.look).collect()
    }

    #[test]
    fn lines_keep_their_looks_when_others_come_and_go() {
        let mut known = Looks::default();
        assert_eq!(looks(&mut known, "1", &["cosine", "sine"]), [0, 1]);
        assert_eq!(looks(&mut known, "1", &["a b", "cosine", "sine"]), [2, 0, 1]);
        assert_eq!(looks(&mut known, "1", &["sine"]), [1]);
        assert_eq!(looks(&mut known, "1", &["a b", "cosine", "sine", "tan"]), [2, 0, 1, 3]);
    }

    #[test]
    fn a_signal_looks_the_same_on_other_panels_where_that_is_free() {
        let mut known = Looks::default();
        looks(&mut known, "1", &["a", "b", "c"]);
        assert_eq!(looks(&mut known, "2", &["b", "x"]), [1, 0]);
        assert_eq!(looks(&mut known, "3", &["c"]), [0], "as few colours as there are lines");
    }
}
