//! Finding signals by what a reader types.

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
    found.sort_by_key(|(is_later, _)| *is_later);
    found.into_iter().take(SUGGESTED).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
