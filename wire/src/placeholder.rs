//! Placeholders in the texts that alerts are told with: a closed set of names in braces, so that no text can fail when it is sent.
//!
//! `{value}` stands for the value; `{{` and `}}` for a brace.

use crate::invalid::Invalid;

/// Every placeholder but `{label.x}`, which stands for the rule's label x.
pub const PLACEHOLDERS: [&str; 14] = [
    "name", "signal", "capture", "other", "value", "limit", "usual", "unit", "severity", "since", "duration",
    "age", "title", "url",
];

/// Checks that `text` has no other placeholder than there are.
///
/// # Errors
/// The first that is not known, or a brace without its twin.
pub fn check(field: &str, text: &str) -> Result<(), Invalid> {
    let mut wrong = None;
    fill(text, |name| {
        let known = PLACEHOLDERS.contains(&name)
            || name.strip_prefix("label.").is_some_and(|label| !label.is_empty());
        if !known && wrong.is_none() {
            wrong = Some(name.to_owned());
        }
        String::new()
    })
    .map_err(|message| Invalid::new(field, message))?;
    match wrong {
        None => Ok(()),
        Some(name) => {
            let all = PLACEHOLDERS.map(|name| format!("{{{name}}}")).join(" ");
            Err(Invalid::new(
                field,
                format!("{{{name}}} stands for nothing; allowed are {all} and {{label.x}}"),
            ))
        }
    }
}

/// The text with what `find` says of each placeholder in its place.
///
/// # Errors
/// What is wrong with a brace that belongs to no placeholder; no error for a text that [`check`] allows.
pub fn fill(text: &str, mut find: impl FnMut(&str) -> String) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        filled.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            filled.push_str(brace);
            rest = after;
        } else if brace == "}" {
            return Err("it has a } without a {; }} stands for a }".into());
        } else {
            let Some((name, after)) = rest.split_once('}').filter(|(name, _)| !name.contains('{')) else {
                return Err("it has a { without a }; {{ stands for a {".into());
            };
            filled.push_str(&find(name));
            rest = after;
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_braces_stay() {
        let filled = fill("{name} is {{at}} {value}{unit}", str::to_uppercase);
        assert_eq!(filled.as_deref(), Ok("NAME is {at} VALUEUNIT"));
        assert_eq!(fill("", |_| unreachable!()).as_deref(), Ok(""));
    }

    #[test]
    fn what_stands_for_nothing_is_refused_when_it_is_saved() {
        for good in ["", "{name} {label.team}", "{{x}}", "é{title}"] {
            assert_eq!(check("text", good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("{nam}", "{nam} stands"),
            ("{", "without a }"),
            ("a } b", "without a {"),
            ("{a{b}", "without"),
            ("{label.}", "stands"),
        ] {
            let refused = check("text", bad).unwrap_err();
            assert!(refused.field == "text" && refused.message.contains(why), "{bad}: {refused}");
        }
    }
}
