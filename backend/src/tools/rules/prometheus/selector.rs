//! Which of our signals a selector of series means.
//!
//! The name of a series is that of its metric, and its labels in order: `up{instance="a",job="b"}`; without labels the metric alone.

use afterglow_wire::name::exactly;

/// Patterns of one rule.
const MOST: usize = 100;

/// How a label is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Different,
    Matches,
    MatchesNot,
}

/// What a label must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Matcher {
    pub(super) label: String,
    pub(super) operator: Operator,
    pub(super) value: String,
}

/// Patterns of the names of the series with this metric and these labels, and of those among them that are left out.
pub(super) fn patterns(
    metric: &str,
    mut matchers: Vec<Matcher>,
) -> Result<(Vec<String>, Vec<String>), String> {
    matchers.sort_by(|a, b| a.label.cmp(&b.label));
    let mut wanted: Vec<Vec<String>> = vec![Vec::new()];
    let mut except = Vec::new();
    for Matcher { label, operator, value } in &matchers {
        let values = match operator {
            Operator::Equal | Operator::Different => vec![value.clone()],
            Operator::Matches | Operator::MatchesNot => alternatives(value).ok_or_else(|| {
                format!("{label}=~{value:?}: only names and `|` between them can be expressed")
            })?,
        };
        if values.iter().any(String::is_empty) {
            return Err(format!("{label}: a label that is absent or empty cannot be selected"));
        }
        let pairs = values.iter().map(|value| pair(label, value));
        match operator {
            Operator::Equal | Operator::Matches => {
                let pairs: Vec<String> = pairs.collect();
                let with = |pair: &String| {
                    wanted
                        .iter()
                        .map(|labels| [&labels[..], std::slice::from_ref(pair)].concat())
                        .collect::<Vec<_>>()
                };
                wanted = pairs.iter().flat_map(with).collect();
            }
            Operator::Different | Operator::MatchesNot => {
                except.extend(pairs.flat_map(|pair| with_labels(metric, &[pair])));
            }
        }
        if wanted.len() * 2 > MOST || except.len() > MOST {
            return Err(format!("{label}: it needs more than {MOST} patterns"));
        }
    }
    let signals = wanted.iter().flat_map(|labels| {
        if labels.is_empty() {
            vec![exactly(metric), format!("{}{{*}}", exactly(metric))]
        } else {
            with_labels(metric, labels)
        }
    });
    Ok((signals.collect(), except))
}

/// Those with these labels, which are in order: the first is the first of the series, or stands after a comma. A quotation mark in a value has a
/// backslash before it, so nothing in a value looks like another label.
fn with_labels(metric: &str, labels: &[String]) -> Vec<String> {
    let (metric, labels) = (exactly(metric), labels.join("*,"));
    vec![format!("{metric}{{{labels}*}}"), format!("{metric}{{*,{labels}*}}")]
}

fn pair(label: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    exactly(&format!("{label}=\"{value}\""))
}

/// The texts that a regular expression matches, when it is nothing but such texts.
fn alternatives(expression: &str) -> Option<Vec<String>> {
    let inner = expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(expression);
    inner.split('|').map(literal).collect()
}

fn literal(text: &str) -> Option<String> {
    let (mut plain, mut characters) = (String::new(), text.chars());
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.push(characters.next().filter(char::is_ascii_punctuation)?),
            '.' | '+' | '*' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' => return None,
            other => plain.push(other),
        }
    }
    Some(plain)
}
