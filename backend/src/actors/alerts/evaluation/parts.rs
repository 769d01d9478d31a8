//! What is to be written, in parts that each go into one transaction.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::vec;

use afterglow_wire::alert::Episode;

use crate::store::alerts::{Fold, NewNotice, StateRow};

/// States that are written in one transaction: commits of samples share the writer.
const STATES_AT_ONCE: usize = 200;

/// Puts what is to be written into the order of its transactions: some states with all that belongs to them, and with the last what belongs to
/// none. How many episodes and how many notices each has.
pub(super) fn sort_into_parts(fold: &mut Fold) -> Vec<(usize, usize)> {
    let Fold { states, episodes, notices, .. } = fold;
    let places: HashMap<(&str, &str), usize> = states
        .iter()
        .enumerate()
        .map(|(number, row)| ((&*row.rule, &*row.scope), number / STATES_AT_ONCE))
        .collect();
    let last = states.len().saturating_sub(1) / STATES_AT_ONCE;
    let place = |rule: &str, scope: &str| places.get(&(rule, scope)).copied().unwrap_or(last);
    let place_of_episode = |episode: &Arc<Episode>| place(&episode.rule, &episode.scope);
    let place_of_notice = |new: &NewNotice| place(&new.notice.rule, &new.notice.signal);
    episodes.sort_by_cached_key(place_of_episode);
    notices.sort_by_cached_key(place_of_notice);
    let mut counts = vec![(0, 0); last + 1];
    episodes.iter().for_each(|episode| counts[place_of_episode(episode)].0 += 1);
    notices.iter().for_each(|new| counts[place_of_notice(new)].1 += 1);
    counts
}

/// What is not written yet of what is written part by part.
pub(super) struct Rest {
    states: vec::IntoIter<StateRow>,
    episodes: vec::IntoIter<Arc<Episode>>,
    notices: vec::IntoIter<NewNotice>,
    /// What goes with the last part, but that what becomes worse goes with its episode.
    end: Fold,
}

impl Rest {
    /// All of it, in the order of its parts.
    pub(super) fn of(mut all: Fold) -> Self {
        Self {
            states: std::mem::take(&mut all.states).into_iter(),
            episodes: std::mem::take(&mut all.episodes).into_iter(),
            notices: std::mem::take(&mut all.notices).into_iter(),
            end: all,
        }
    }

    /// The next transaction's part, with this number of episodes and of notices; the cursor goes with the last.
    pub(super) fn take(&mut self, episodes: usize, notices: usize) -> Fold {
        let states: Vec<_> = self.states.by_ref().take(STATES_AT_ONCE).collect();
        let episodes: Vec<_> = self.episodes.by_ref().take(episodes).collect();
        let notices = self.notices.by_ref().take(notices).collect();
        if self.states.len() == 0 {
            return Fold { states, episodes, notices, ..std::mem::take(&mut self.end) };
        }
        let ids: HashSet<&str> = episodes.iter().map(|episode| &*episode.id).collect();
        let worse = self.end.worse.extract_if(.., |id| ids.contains(&**id)).collect();
        Fold { states, episodes, worse, notices, ..Fold::default() }
    }

    /// The part that was taken last, and after it what is left.
    pub(super) fn behind(self, mut part: Fold) -> Fold {
        part.states.extend(self.states);
        part.episodes.extend(self.episodes);
        part.notices.extend(self.notices);
        part.worse.extend(self.end.worse);
        part.unheard.extend(self.end.unheard);
        (part.cursor, part.heard) = (self.end.cursor.or(part.cursor), self.end.heard.or(part.heard));
        part
    }
}

/// Adds `more` to the end of `all`.
pub(super) fn append<T>(all: &mut Vec<T>, mut more: Vec<T>) {
    if all.is_empty() {
        *all = more;
    } else {
        all.append(&mut more);
    }
}

/// A text without the room in which it was written: a storm has one for each alert.
pub(super) fn exact(mut text: String) -> String {
    text.shrink_to_fit();
    text
}
