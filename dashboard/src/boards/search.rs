//! Finding signals and boards by what a reader types.

use std::cmp::Ordering;

use afterglow_wire::board::BoardSummary;

use crate::order;

/// Most names that are suggested at once.
const SUGGESTED: usize = 200;

/// Whether a signal that is called `label` is among those that `typed` is about: every word of it is part of the name or
/// the label, in any case.
pub fn finds(typed: &str, name: &str, label: &str) -> bool {
    let names = format!("{label} {name}").to_lowercase();
    typed.to_lowercase().split_whitespace().all(|word| names.contains(word))
}

/// The names to suggest when this much is `typed` of a name or a pattern: those that begin with it first.
pub fn suggested<'a>(names: &'a [String], typed: &str) -> Vec<&'a str> {
    let typed = typed.trim().to_lowercase();
    let parts: Vec<&str> = typed.split('*').filter(|part| !part.is_empty()).collect();
    let mut found: Vec<(bool, &str)> = names
        .iter()
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let matches = parts.iter().all(|part| lower.contains(part));
            matches.then(|| (!lower.starts_with(parts.first().copied().unwrap_or_default()), name.as_str()))
        })
        .collect();
    // Stable: names stay in their order otherwise.
    order::sort_by_key(&mut found, |(is_later, _)| *is_later);
    found.into_iter().take(SUGGESTED).map(|(_, name)| name).collect()
}

/// The boards whose title or address has every word of what is `typed`: by title, or those of `recent` first, the latest of
/// them at the beginning.
pub fn boards<'a>(boards: &'a [BoardSummary], typed: &str, recent: &[String]) -> Vec<&'a BoardSummary> {
    let mut found: Vec<&BoardSummary> =
        boards.iter().filter(|board| finds(typed, &board.id, &board.title)).collect();
    let age = |board: &BoardSummary| recent.iter().position(|id| *id == board.id).unwrap_or(recent.len());
    order::sort_by(&mut found, |a, b| age(a).cmp(&age(b)).then_with(|| by_title(a, b)));
    found
}

/// In any case, and numbers by their size: line 2 before line 10.
pub fn by_title(a: &BoardSummary, b: &BoardSummary) -> Ordering {
    let key = |board: &BoardSummary| {
        let mut parts: Vec<(u64, String)> = Vec::new();
        for c in board.title.to_lowercase().chars() {
            match (parts.last_mut(), c.to_digit(10)) {
                (Some((number, text)), Some(digit)) if text.is_empty() => {
                    *number = number.saturating_mul(10).saturating_add(digit.into());
                }
                (_, Some(digit)) => parts.push((digit.into(), String::new())),
                (Some((_, text)), None) if !text.is_empty() => text.push(c),
                (_, None) => parts.push((0, c.to_string())),
            }
        }
        parts
    };
    key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boards_are_found_and_sorted() {
        let board = |id: &str, title: &str| BoardSummary { id: id.into(), version: 1, title: title.into() };
        let all =
            [board("b", "Line 10"), board("c", "line 2"), board("a", "Ovens"), board("oven-2", "Bakery")];
        let ids = |typed: &str, recent: &[&str]| {
            let recent: Vec<String> = recent.iter().map(|id| (*id).to_owned()).collect();
            boards(&all, typed, &recent).iter().map(|board| board.id.as_str()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(ids("", &[]), "oven-2 c b a");
        assert_eq!(ids("", &["a", "gone", "b"]), "a b oven-2 c");
        assert_eq!(ids("OVEN", &[]), "oven-2 a");
        assert_eq!(ids("10 line", &[]), "b");
    }

    #[test]
    fn suggestions_follow_what_is_typed() {
        let mut names: Vec<String> = (0..300).map(|n| format!("a.{n:03}")).collect();
        names.extend(["main.tank".to_owned(), "tank.level".to_owned(), "Valve.1".to_owned()]);
        assert_eq!(suggested(&names, " tank"), ["tank.level", "main.tank"]);
        assert_eq!(suggested(&names, "valve.*"), ["Valve.1"]);
        assert_eq!(suggested(&names, "").len(), SUGGESTED);
        assert!(suggested(&names, "nothing").is_empty());
    }

    #[test]
    fn every_word_is_found_in_the_name_or_the_label() {
        assert!(finds("OVEN t1", "t1", "Oven"));
        assert!(finds("", "t1", "t1"));
        assert!(!finds("oven door", "t1", "Oven"));
    }
}
