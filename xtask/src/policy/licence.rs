//! SPDX expressions: `MIT OR (Apache-2.0 AND ISC)`, with the older `/` for OR.

/// Whether `allowed` licences satisfy the expression. An exception (`WITH`) only permits more than its licence.
pub(super) fn allows(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = &words[..];
    any(&mut rest, allowed).is_some_and(|satisfied| satisfied && rest.is_empty())
}

fn any(words: &mut &[&str], allowed: &[String]) -> Option<bool> {
    let mut satisfied = all(words, allowed)?;
    while let Some(("OR", rest)) = words.split_first().map(|(word, rest)| (*word, rest)) {
        *words = rest;
        satisfied |= all(words, allowed)?;
    }
    Some(satisfied)
}

fn all(words: &mut &[&str], allowed: &[String]) -> Option<bool> {
    let mut satisfied = one(words, allowed)?;
    while let Some(("AND", rest)) = words.split_first().map(|(word, rest)| (*word, rest)) {
        *words = rest;
        satisfied &= one(words, allowed)?;
    }
    Some(satisfied)
}

fn one(words: &mut &[&str], allowed: &[String]) -> Option<bool> {
    let (word, rest) = words.split_first()?;
    *words = rest;
    if *word == "(" {
        let satisfied = any(words, allowed)?;
        let (close, rest) = words.split_first()?;
        *words = rest;
        return (*close == ")").then_some(satisfied);
    }
    if let ["WITH", _, rest @ ..] = *words {
        *words = rest;
    }
    Some(allowed.iter().any(|allowed| allowed == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_evaluated() {
        let allowed = ["MIT".to_owned(), "Apache-2.0".to_owned()];
        for good in [
            "MIT",
            "MIT OR GPL-3.0",
            "Unlicense/MIT",
            "GPL-3.0 OR MIT AND Apache-2.0",
            "(GPL-3.0 OR MIT) AND Apache-2.0",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(allows(good, &allowed), "{good}");
        }
        for bad in
            ["", "GPL-3.0", "MIT AND GPL-3.0", "MIT OR", "(MIT", "MIT)", "MIT MIT", "(MIT OR GPL) AND ISC"]
        {
            assert!(!allows(bad, &allowed), "{bad}");
        }
    }
}
