//! Which rules can be saved.

use super::{Against, And, Each, Escalation, Found, Is, Level, Limit, Of, Rule};
use crate::invalid::{self, Invalid};
use crate::limits::{
    LONGEST_RULE_SECONDS, PERCENTILE_WINDOW_SECONDS, PROSE_BYTES, RULE_ANDS, RULE_CHANNELS, RULE_ESCALATIONS,
    RULE_LEVELS, RULE_SIGNALS, RULE_UNLESS, TAG_BYTES, TAGS, TITLE_BYTES, WINDOW_SECONDS,
};
use crate::{name, placeholder, slug};

const YEAR_SECONDS: u32 = 366 * 86_400;

impl Rule {
    /// Checks everything but the version, and whether the channels and rules that it names exist; a rule that passes can be saved.
    ///
    /// # Errors
    /// The first field that is not allowed, in reading order.
    pub fn check(&self) -> Result<(), Invalid> {
        if !self.id.is_empty() {
            slug::check("id", &self.id)?;
            if self.id == "test" {
                return Err(Invalid::new("id", "rules are tested at this address; choose another"));
            }
        }
        invalid::filled_line("title", &self.title, TITLE_BYTES)?;
        if self.signals.is_empty() {
            return Err(Invalid::new("signals", "it is empty; at least one name or pattern is needed"));
        }
        patterns("signals", &self.signals)?;
        patterns("except", &self.except)?;
        self.check_each()?;
        self.check_value()?;
        if let Some(against) = &self.against {
            self.check_against(against).map_err(|error| error.within("against"))?;
        }
        self.check_levels()?;
        seconds("for", self.for_seconds, 0, LONGEST_RULE_SECONDS)?;
        if self.for_seconds > 0 && self.value.of == Of::Silence {
            return Err(Invalid::new("for", "the limit of a silence says how long it lasts; leave it out"));
        }
        seconds("keep", self.keep, 0, LONGEST_RULE_SECONDS)?;
        invalid::count("and", self.and.len(), RULE_ANDS)?;
        for (index, and) in self.and.iter().enumerate() {
            self.check_and(and).map_err(|error| error.within(format_args!("and[{index}]")))?;
        }
        invalid::count("unless", self.unless.len(), RULE_UNLESS)?;
        for (index, unless) in self.unless.iter().enumerate() {
            let field = format!("unless[{index}].rule");
            slug::check(&field, &unless.rule)?;
            if unless.rule == self.id {
                return Err(Invalid::new(field, "it is this rule itself"));
            }
        }
        invalid::prose("text", &self.text, PROSE_BYTES)?;
        placeholder::check("text", &self.text)?;
        check_link("link", &self.link)?;
        check_labels(&self.labels)?;
        invalid::count("to", self.to.len(), RULE_CHANNELS)?;
        for (index, channel) in self.to.iter().enumerate() {
            slug::check(&format!("to[{index}]"), channel)?;
        }
        self.check_escalate()?;
        if self.repeat > 0 {
            seconds("repeat", self.repeat, 60, LONGEST_RULE_SECONDS)?;
        }
        seconds("min_interval", self.min_interval, 0, 86_400)?;
        seconds("fresh", self.fresh, 1, LONGEST_RULE_SECONDS)?;
        seconds("forget", self.forget, 60, YEAR_SECONDS)
    }

    fn check_escalate(&self) -> Result<(), Invalid> {
        invalid::count("escalate", self.escalate.len(), RULE_ESCALATIONS)?;
        let mut before = 0;
        for (index, Escalation { after, to }) in self.escalate.iter().enumerate() {
            let field = format!("escalate[{index}]");
            seconds(&format!("{field}.after"), *after, before + 1, LONGEST_RULE_SECONDS)?;
            before = *after;
            if to.is_empty() {
                return Err(Invalid::new(
                    format!("{field}.to"),
                    "it is empty; at least one channel is needed",
                ));
            }
            invalid::count(&format!("{field}.to"), to.len(), RULE_CHANNELS)?;
            for (place, channel) in to.iter().enumerate() {
                slug::check(&format!("{field}.to[{place}]"), channel)?;
            }
        }
        Ok(())
    }

    fn check_each(&self) -> Result<(), Invalid> {
        match self.each {
            Each::Signal => Ok(()),
            Each::Prefix(_) | Each::All if self.value.of != Of::Silence => Err(Invalid::new(
                "each",
                "only silence is measured over several signals; \"signal\" is allowed",
            )),
            Each::Prefix(segments) if !(1..=8).contains(&segments) => {
                Err(Invalid::new("each.prefix", format!("it is {segments}; 1 to 8 is allowed")))
            }
            Each::Prefix(_) | Each::All => Ok(()),
        }
    }

    fn check_value(&self) -> Result<(), Invalid> {
        let of = self.value.of;
        let longest =
            if matches!(of, Of::Percentile(_)) { PERCENTILE_WINDOW_SECONDS } else { WINDOW_SECONDS };
        match self.value.window {
            Some(window) if of.has_window() => seconds("value.window", window, 1, longest)?,
            None if of.has_window() => {
                let message = format!(
                    "{} is computed of a window; 1 to {longest} seconds are needed",
                    String::from(of)
                );
                return Err(Invalid::new("value.window", message));
            }
            Some(_) => {
                return Err(Invalid::new(
                    "value.window",
                    format!("{} has no window; leave it out", String::from(of)),
                ));
            }
            None => {}
        }
        if self.value.per.is_some() && of != Of::Rate {
            return Err(Invalid::new("value.per", "only a rate is counted per time; leave it out"));
        }
        if self.value.counter && of != Of::Rate {
            return Err(Invalid::new("value.counter", "only a rate is counted; leave it out"));
        }
        Ok(())
    }

    fn check_levels(&self) -> Result<(), Invalid> {
        if self.value.of == Of::Silence && self.is != Is::Above {
            return Err(Invalid::new("is", "a silence is wrong when it is long; \"above\" is allowed"));
        }
        if self.levels.is_empty() {
            return Err(Invalid::new("levels", "it is empty; at least one level is needed"));
        }
        invalid::count("levels", self.levels.len(), RULE_LEVELS)?;
        for (index, level) in self.levels.iter().enumerate() {
            let milder = index.checked_sub(1).and_then(|index| self.levels.get(index));
            self.check_level(level, milder).map_err(|error| error.within(format_args!("levels[{index}]")))?;
        }
        Ok(())
    }

    fn check_level(&self, level: &Level, milder: Option<&Level>) -> Result<(), Invalid> {
        if milder.is_some_and(|milder| level.severity <= milder.severity) {
            return Err(Invalid::new("severity", "it is not worse than that of the level before"));
        }
        let silence = self.value.of == Of::Silence;
        if self.is_usual() {
            return self.check_usual(level, milder);
        }
        if level.k.is_some() {
            return Err(Invalid::new("k", "only the limit \"usual\" is so far from a middle; leave it out"));
        }
        let Limit::Number(limit) = level.limit else {
            if !silence {
                return Err(Invalid::new(
                    "limit",
                    "only the limit of a silence can be learned; a number or \"usual\" is expected",
                ));
            }
            if self.each != Each::Signal {
                return Err(Invalid::new(
                    "limit",
                    "a limit is learned for each signal; a number is expected",
                ));
            }
            if self.levels.len() > 1 {
                return Err(Invalid::new("limit", "a learned limit must be that of the only level"));
            }
            absent("upper", level.upper)?;
            return absent("recover", level.recover);
        };
        finite("limit", limit)?;
        if silence && !(1.0..=f64::from(LONGEST_RULE_SECONDS)).contains(&limit) {
            return Err(Invalid::new(
                "limit",
                format!("it is {limit}; 1 to {LONGEST_RULE_SECONDS} seconds are allowed"),
            ));
        }
        check_upper(self.is, limit, level.upper)?;
        let upper = level.upper.unwrap_or(f64::INFINITY);
        if let Some(milder) = milder
            && let Some(milder_limit) = milder.limit.number()
        {
            let milder_upper = milder.upper.unwrap_or(f64::INFINITY);
            let (allowed, side) = match self.is {
                Is::Above => (limit > milder_limit, "above"),
                Is::Below => (limit < milder_limit, "below"),
                Is::Inside => (limit >= milder_limit && upper <= milder_upper, "inside"),
                Is::Outside => (limit <= milder_limit && upper >= milder_upper, "outside"),
            };
            if !allowed {
                return Err(Invalid::new("limit", format!("it is not {side} that of the level before")));
            }
        }
        let Some(recover) = level.recover else { return Ok(()) };
        finite("recover", recover)?;
        if silence {
            return absent("recover", level.recover);
        }
        match self.is {
            Is::Above if recover > limit => Err(Invalid::new("recover", "it is above the limit")),
            Is::Below if recover < limit => Err(Invalid::new("recover", "it is below the limit")),
            Is::Inside | Is::Outside if recover < 0.0 => Err(Invalid::new(
                "recover",
                "it is how far beyond a limit the value must be; 0 or more is allowed",
            )),
            Is::Outside if recover * 2.0 > upper - limit => Err(Invalid::new(
                "recover",
                "it is more than half of what lies between the limits: nothing would be over",
            )),
            _ => Ok(()),
        }
    }

    /// A level of a rule about what is usual.
    fn check_usual(&self, level: &Level, milder: Option<&Level>) -> Result<(), Invalid> {
        if level.limit != Limit::Found(Found::Usual) {
            return Err(Invalid::new("limit", "\"usual\" is expected, as another level of the rule has it"));
        }
        let is_own =
            matches!(self.value.of, Of::Last | Of::Mean | Of::Min | Of::Max | Of::First | Of::Percentile(_));
        if !is_own || self.against.is_some() {
            return Err(Invalid::new(
                "limit",
                "what is usual is known of a signal's own values: last, mean, min, max, first and p50 to p99, without `against`; a number is expected",
            ));
        }
        if self.is == Is::Inside {
            return Err(Invalid::new(
                "limit",
                "nothing is wrong inside what is usual; \"above\", \"below\" and \"outside\" are allowed",
            ));
        }
        if level.upper.is_some() {
            return Err(Invalid::new("upper", "\"usual\" is on both sides of its middle; leave it out"));
        }
        let k = level.deviations();
        if !(1.0..=100.0).contains(&k) {
            return Err(Invalid::new("k", format!("it is {k}; 1 to 100 deviations are allowed")));
        }
        if milder.is_some_and(|milder| k <= milder.deviations()) {
            return Err(Invalid::new("k", "it is not higher than that of the level before"));
        }
        match level.recover {
            Some(recover) if !(recover > 0.0 && recover <= k) => Err(Invalid::new(
                "recover",
                format!("it is {recover}; more than 0 and up to the {k} deviations of the limit are allowed"),
            )),
            _ => Ok(()),
        }
    }

    fn check_and(&self, and: &And) -> Result<(), Invalid> {
        if self.value.of == Of::Silence {
            return Err(Invalid::new("signals", "nothing is compared in a silence; leave `and` out"));
        }
        invalid::count("signals", and.signals.len(), 1)?;
        patterns("signals", &and.signals)?;
        if let Some(other) = and.signals.first() {
            self.check_counterpart("signals[0]", other)?;
        }
        finite("limit", and.limit)?;
        check_upper(and.is, and.limit, and.upper)?;
        seconds("within", and.within, 1, LONGEST_RULE_SECONDS)
    }

    fn check_against(&self, against: &Against) -> Result<(), Invalid> {
        if self.value.of == Of::Silence {
            return Err(Invalid::new("signals", "nothing is compared in a silence; leave `against` out"));
        }
        let other = std::slice::from_ref(&against.signals);
        patterns("signals", other).map_err(|error| Invalid { field: "signals".to_owned(), ..error })?;
        self.check_counterpart("signals", &against.signals)?;
        seconds("within", against.within, 1, LONGEST_RULE_SECONDS)
    }

    /// Whether the `*` of a pattern of another signal can stand for what those of the rule's own patterns do.
    fn check_counterpart(&self, field: &str, other: &str) -> Result<(), Invalid> {
        let stars = |pattern: &str| name::pieces(pattern).len() - 1;
        let wanted = stars(other);
        match self.signals.iter().find(|own| stars(own) != wanted) {
            Some(own) if wanted > 0 => Err(Invalid::new(
                field,
                format!(
                    "it has {wanted} *, and {own:?} of the rule's signals another number; each * stands for the same in both"
                ),
            )),
            _ => Ok(()),
        }
    }
}

fn patterns(field: &str, patterns: &[String]) -> Result<(), Invalid> {
    invalid::patterns(field, patterns, RULE_SIGNALS)?;
    name::check_patterns(patterns).map_err(|(pattern, message)| {
        let index = patterns.iter().position(|other| other == pattern).unwrap_or_default();
        Invalid::new(format!("{field}[{index}]"), message)
    })
}

fn check_upper(is: Is, limit: f64, upper: Option<f64>) -> Result<(), Invalid> {
    match (is, upper) {
        (Is::Above | Is::Below, None) => Ok(()),
        (Is::Above | Is::Below, Some(_)) => {
            Err(Invalid::new("upper", "only \"inside\" and \"outside\" have an upper limit; leave it out"))
        }
        (Is::Inside | Is::Outside, None) => {
            Err(Invalid::new("upper", "\"inside\" and \"outside\" need an upper limit"))
        }
        (Is::Inside | Is::Outside, Some(upper)) => {
            finite("upper", upper)?;
            if upper > limit { Ok(()) } else { Err(Invalid::new("upper", "it is not above limit")) }
        }
    }
}

fn absent(field: &str, number: Option<f64>) -> Result<(), Invalid> {
    match number {
        None => Ok(()),
        Some(_) => Err(Invalid::new(field, "a silence is over with the next sample; leave it out")),
    }
}

fn finite(field: &str, number: f64) -> Result<(), Invalid> {
    if number.is_finite() { Ok(()) } else { Err(Invalid::new(field, "a finite number is expected")) }
}

fn seconds(field: &str, seconds: u32, least: u32, most: u32) -> Result<(), Invalid> {
    if (least..=most).contains(&seconds) {
        return Ok(());
    }
    Err(Invalid::new(field, format!("it is {seconds}; {least} to {most} seconds are allowed")))
}

/// Nothing, or an address of http or https.
fn check_link(field: &str, link: &str) -> Result<(), Invalid> {
    invalid::line(field, link, PROSE_BYTES)?;
    let host = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://"));
    if link.is_empty() || host.is_some_and(|host| !host.is_empty() && !link.contains(char::is_whitespace)) {
        return Ok(());
    }
    Err(Invalid::new(field, "it is no address that begins with http:// or https://"))
}

fn check_labels(labels: &std::collections::BTreeMap<String, String>) -> Result<(), Invalid> {
    invalid::count("labels", labels.len(), TAGS)?;
    for (label, text) in labels {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if label.is_empty() || label.len() > TAG_BYTES || !label.bytes().all(allowed) {
            let message = format!(
                "a label's name has 1 to {TAG_BYTES} lower-case letters of a to z, digits and underscores"
            );
            return Err(Invalid::new("labels", message));
        }
        invalid::line(&format!("labels.{label}"), text, TAG_BYTES)?;
    }
    Ok(())
}
