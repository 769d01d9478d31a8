//! Alerting rules of Prometheus as rules of ours, as far as these can say the same.

mod expression;
mod selector;

use std::collections::{BTreeMap, BTreeSet};

use afterglow_wire::rule::{Level, Rule, Severity};
use afterglow_wire::slug;
use serde::Deserialize;
use serde::de::IgnoredAny;

use expression::Condition;

/// What became of the rules in a file.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Imported {
    /// Those that can be saved.
    pub(super) rules: Vec<Rule>,
    /// The others, by name, each with the reason.
    pub(super) refused: Vec<(String, String)>,
    /// What a rule that can be saved does not say of what it was made of.
    pub(super) notes: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    rules: Vec<Alerting>,
}

/// A rule of a group; what is not listed decides nothing here.
#[derive(Deserialize)]
struct Alerting {
    alert: Option<String>,
    record: Option<String>,
    #[serde(default)]
    expr: Text,
    #[serde(default, rename = "for")]
    for_time: Text,
    #[serde(default)]
    keep_firing_for: Text,
    #[serde(default)]
    labels: BTreeMap<String, Text>,
    #[serde(default)]
    annotations: BTreeMap<String, Text>,
    #[serde(flatten)]
    _other: BTreeMap<String, IgnoredAny>,
}

/// A text, which YAML may take for a number.
#[derive(Default, Deserialize)]
#[serde(from = "serde_json::Value")]
struct Text(String);

impl From<serde_json::Value> for Text {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::String(text) => Self(text),
            serde_json::Value::Null => Self::default(),
            other => Self(other.to_string()),
        }
    }
}

/// The alerting rules of a file, each either as a rule or with the reason why not.
///
/// # Errors
/// When it is no file of rules.
pub(super) fn import(text: &str) -> Result<Imported, String> {
    let file: File = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let mut imported = Imported::default();
    let mut ids = BTreeSet::new();
    for alerting in file.groups.into_iter().flat_map(|group| group.rules) {
        let name = alerting.alert.clone().or_else(|| alerting.record.clone());
        let name = name.unwrap_or_else(|| "a rule without a name".into());
        let mut notes = Vec::new();
        match rule(alerting, &mut notes) {
            Ok(mut rule) => {
                rule.id = unused(&rule.id, &mut ids);
                imported.rules.push(rule);
                imported.notes.extend(notes.into_iter().map(|note| (name.clone(), note)));
            }
            Err(reason) => imported.refused.push((name, reason)),
        }
    }
    Ok(imported)
}

/// A name that no other rule of the file has.
fn unused(id: &str, ids: &mut BTreeSet<String>) -> String {
    let numbered = (2_u32..).map(|number| format!("{id}-{number}"));
    let mut free = std::iter::once(id.to_owned()).chain(numbered).filter(|id| !ids.contains(id));
    let id = free.next().unwrap_or_default();
    ids.insert(id.clone());
    id
}

fn rule(alerting: Alerting, notes: &mut Vec<String>) -> Result<Rule, String> {
    let Alerting { alert, expr, for_time, keep_firing_for, mut labels, mut annotations, .. } = alerting;
    let Some(title) = alert else { return Err("it records a series, and is no alert".into()) };
    let seconds = |field: &str, time: &Text| match &*time.0 {
        "" | "0" => Ok(0),
        time => expression::seconds(time).ok_or_else(|| format!("{field} is {time:?}, which is no duration")),
    };
    let mut for_seconds = seconds("for", &for_time)?;
    let Condition { signals, except, each, value, is, mut limit, upper } = expression::read(&expr.0)?;
    if value.of == afterglow_wire::rule::Of::Silence {
        // How long a silence lasts is its limit.
        limit += f64::from(std::mem::take(&mut for_seconds));
    }
    let severity = labels.remove("severity").map(|severity| severity.0);
    let known = severity.as_deref().map(severity_of);
    if let (Some(word), Some(None)) = (&severity, known) {
        notes.push(format!("severity {word:?} is warning, and a label"));
        labels.insert("severity".into(), Text(word.clone()));
    }
    let severity = known.flatten().unwrap_or_default();
    labels.retain(|label, value| {
        let is_constant = !value.0.contains("{{");
        if !is_constant {
            notes.push(format!("the label {label} is left out: labels are constants"));
        }
        is_constant
    });
    let text = ["summary", "description", "message"].iter().find_map(|name| annotations.remove(*name));
    let text = text.map_or_else(String::new, |text| {
        sentence(&text.0).unwrap_or_else(|template| {
            notes.push(format!("it gets the default text: the template {template} has no equivalent"));
            String::new()
        })
    });
    let link = annotations.remove("runbook_url").map(|link| link.0).unwrap_or_default();
    let link = if link.contains("{{") { String::new() } else { link };
    let rule = Rule {
        id: slug::of(&title, "rule"),
        title,
        enabled: true,
        signals,
        except,
        each,
        value,
        is,
        levels: vec![Level {
            severity,
            limit: afterglow_wire::rule::Limit::Number(limit),
            upper,
            ..Level::default()
        }],
        for_seconds,
        keep: seconds("keep_firing_for", &keep_firing_for)?,
        text,
        link,
        labels: labels.into_iter().map(|(label, value)| (label, value.0)).collect(),
        ..Rule::with_defaults()
    };
    rule.check().map_err(|invalid| invalid.to_string())?;
    Ok(rule)
}

fn severity_of(word: &str) -> Option<Severity> {
    match word {
        "critical" | "page" | "error" | "high" => Some(Severity::Critical),
        "warning" | "warn" | "medium" | "ticket" => Some(Severity::Warning),
        "info" | "none" | "low" | "notice" => Some(Severity::Info),
        _ => None,
    }
}

/// A text with our placeholders in place of templates; or the template for which there is none.
fn sentence(text: &str) -> Result<String, String> {
    let plain = |text: &str| text.replace('{', "{{").replace('}', "}}");
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("{{") {
        let (template, after) = after.split_once("}}").ok_or_else(|| format!("{{{{{after}"))?;
        let placeholder = match template.split('|').next().unwrap_or_default().trim().trim_matches('-').trim()
        {
            "$value" | ".Value" => "{value}",
            name if name.starts_with("$labels.") || name.starts_with(".Labels.") => "{name}",
            _ => return Err(format!("{{{{{template}}}}}")),
        };
        filled += &plain(before);
        filled += placeholder;
        rest = after;
    }
    Ok((filled + &plain(rest)).split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests;
