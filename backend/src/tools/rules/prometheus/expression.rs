//! The condition of an alerting rule: one value, compared with a number.

use afterglow_wire::rule::{Each, Is, Of, Per, Value};

use super::selector::{Matcher, Operator, patterns};

/// Seconds after its last sample in which Prometheus takes a series for present.
const LOOKBACK: f64 = 300.0;

/// The longest expression that is read, in bytes: messages repeat parts of it.
const LONGEST: usize = 16 * 1024;

/// How deep parentheses may be within each other.
const DEEPEST: usize = 64;

/// What a rule of ours says of it.
#[derive(Debug, PartialEq)]
pub(super) struct Condition {
    pub(super) signals: Vec<String>,
    pub(super) except: Vec<String>,
    pub(super) each: Each,
    pub(super) value: Value,
    pub(super) is: Is,
    pub(super) limit: f64,
    pub(super) upper: Option<f64>,
}

/// Reads an expression; or says which part of it cannot be expressed, and why.
pub(super) fn read(text: &str) -> Result<Condition, String> {
    if text.len() > LONGEST {
        return Err(format!("its expression has {} bytes; at most {LONGEST} are read", text.len()));
    }
    let mut reader = Reader { text, at: 0, depth: 0 };
    let condition = reader.condition()?;
    match reader.word() {
        _ if reader.rest().is_empty() => Ok(condition),
        Some(word @ ("and" | "or" | "unless")) => Err(format!(
            "`{word}` joins several conditions; a rule has one: make it by hand, with `and` or `unless`"
        )),
        _ => Err(format!("`{}` after the comparison cannot be expressed", reader.rest())),
    }
}

/// Seconds of a duration such as `1h30m`; whole ones.
pub(super) fn seconds(text: &str) -> Option<u32> {
    const UNITS: [(&str, u64); 7] = [
        ("ms", 1),
        ("s", 1_000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
        ("w", 604_800_000),
        ("y", 31_536_000_000),
    ];
    let (mut rest, mut millis) = (text, 0_u64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (_, length) = UNITS.iter().find(|(name, _)| *name == &rest[..unit])?;
        millis = millis.checked_add(number.checked_mul(*length)?)?;
        rest = &rest[unit..];
    }
    let is_whole = !text.is_empty() && millis % 1_000 == 0;
    u32::try_from(millis / 1_000).ok().filter(|_| is_whole)
}

/// A side of a comparison.
enum Side {
    Number(f64),
    Series(Series),
}

/// What is computed of which series.
struct Series {
    metric: String,
    matchers: Vec<Matcher>,
    value: Value,
    each: Each,
    /// What the number that it is compared with is multiplied by.
    factor: f64,
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// Parentheses that are open.
    depth: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text[self.at..].trim()
    }

    /// Reads what is between parentheses; none where they are too deep within each other.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.depth == DEEPEST {
            return None;
        }
        self.depth += 1;
        let inner = read(self);
        self.depth -= 1;
        Some(inner)
    }

    /// Steps over blanks and comments.
    fn skip(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            self.at += rest.len() - rest.trim_start().len();
            if !self.text[self.at..].starts_with('#') {
                return;
            }
            self.at += self.text[self.at..].find('\n').unwrap_or(self.text.len() - self.at);
        }
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip();
        let is_next = self.text[self.at..].starts_with(token);
        if is_next {
            self.at += token.len();
        }
        is_next
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(format!("`{token}` is expected before `{}`", self.rest())) }
    }

    /// The name that comes next, which is left where it is.
    fn word(&mut self) -> Option<&'t str> {
        self.skip();
        let rest = &self.text[self.at..];
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        Some(&rest[..end]).filter(|word| word.starts_with(|c: char| !c.is_ascii_digit()))
    }

    fn condition(&mut self) -> Result<Condition, String> {
        let left = self.side()?;
        self.skip();
        let sign = ["==", "!=", ">=", "<=", ">", "<"].into_iter().find(|sign| self.take(sign));
        let Some(sign) = sign else { return self.without_comparison(left) };
        if self.word() == Some("bool") {
            return Err("`bool` makes a number of a comparison, which is always there".into());
        }
        match (left, self.side()?) {
            (Side::Series(series), Side::Number(number)) => compared(series, sign, number),
            (Side::Number(number), Side::Series(series)) => {
                let mirrored = match sign {
                    ">" => "<",
                    "<" => ">",
                    ">=" => "<=",
                    "<=" => ">=",
                    other => other,
                };
                compared(series, mirrored, number)
            }
            (Side::Series(_), Side::Series(other)) => Err(format!(
                "it compares with the series `{}`, not with a number: make it by hand, with `against`",
                other.metric
            )),
            (Side::Number(_), Side::Number(_)) => Err("it compares two numbers, and no series".into()),
        }
    }

    /// Only the absence of a series is wrong in itself.
    fn without_comparison(&mut self, side: Side) -> Result<Condition, String> {
        match side {
            Side::Series(series) if series.value.of == Of::Silence && self.rest().is_empty() => {
                let (signals, except) = patterns(&series.metric, series.matchers)?;
                let Series { value, each, factor, .. } = series;
                Ok(Condition { signals, except, each, value, is: Is::Above, limit: factor, upper: None })
            }
            _ if self.rest().starts_with(['+', '-', '*', '/', '%', '^']) => {
                Err(format!("`{}`: arithmetic on a series cannot be expressed", self.rest()))
            }
            _ => match self.word() {
                Some(word) if !word.is_empty() => Err(format!("`{word}` cannot be expressed")),
                _ => Err("it has no comparison with a number".into()),
            },
        }
    }

    fn side(&mut self) -> Result<Side, String> {
        let start = self.at;
        if let Some(number) = self.sum() {
            return Ok(Side::Number(number));
        }
        self.at = start;
        if self.take("(") {
            let side = self.nested(Self::side).ok_or_else(too_deep)??;
            if !self.take(")") {
                return Err(format!(
                    "`{}`: more than one value between parentheses cannot be expressed",
                    self.rest()
                ));
            }
            return Ok(side);
        }
        self.series().map(Side::Series)
    }

    /// A constant, also a computed one.
    fn sum(&mut self) -> Option<f64> {
        let mut sum = self.product()?;
        loop {
            sum = if self.take("+") {
                sum + self.product()?
            } else if self.take("-") {
                sum - self.product()?
            } else {
                return Some(sum).filter(|sum| sum.is_finite());
            };
        }
    }

    fn product(&mut self) -> Option<f64> {
        let mut product = self.number()?;
        loop {
            product = if self.take("*") {
                product * self.number()?
            } else if self.take("/") {
                product / self.number()?
            } else {
                return Some(product);
            };
        }
    }

    fn number(&mut self) -> Option<f64> {
        let mut sign = 1.0;
        while self.take("-") {
            sign = -sign;
        }
        if self.take("(") {
            let inner = self.nested(Self::sum)??;
            return self.take(")").then_some(sign * inner);
        }
        self.skip();
        let rest = &self.text[self.at..];
        let is_part = |(at, c): (usize, char)| {
            let after_e = at > 0 && matches!(rest.as_bytes()[at - 1], b'e' | b'E');
            c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E') || (after_e && matches!(c, '+' | '-'))
        };
        let end = rest.char_indices().find(|one| !is_part(*one)).map_or(rest.len(), |(at, _)| at);
        let is_over = !rest[end..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let number = rest[..end]
            .parse::<f64>()
            .ok()
            .filter(|_| is_over && rest.starts_with(|c: char| c.is_ascii_digit() || c == '.'))?;
        self.at += end;
        Some(sign * number)
    }

    fn series(&mut self) -> Result<Series, String> {
        let Some(word) = self.word().filter(|word| !word.is_empty()) else {
            if self.rest().starts_with('{') {
                let (matchers, metric) = self.matchers(String::new())?;
                return self.selector(metric, matchers, Value::default());
            }
            return Err(format!("`{}` cannot be expressed", self.rest()));
        };
        self.at += word.len();
        if self.take("(") {
            return self.nested(|reader| reader.function(word)).ok_or_else(too_deep)?;
        }
        if matches!(self.word(), Some("by" | "without")) {
            return Err(combines(word));
        }
        let (matchers, metric) = self.matchers(word.to_owned())?;
        self.selector(metric, matchers, Value::default())
    }

    /// Everything but its name and parenthesis.
    fn function(&mut self, name: &str) -> Result<Series, String> {
        if matches!(name, "absent" | "absent_over_time") {
            return self.absent(name);
        }
        let mut of = match name {
            "avg_over_time" => Of::Mean,
            "min_over_time" => Of::Min,
            "max_over_time" => Of::Max,
            "sum_over_time" => Of::Sum,
            "count_over_time" => Of::Count,
            "stddev_over_time" => Of::Stddev,
            "quantile_over_time" => Of::Percentile(0),
            "rate" | "increase" | "delta" => Of::Rate,
            "sum" | "avg" | "min" | "max" | "count" | "topk" | "bottomk" | "quantile" | "stddev"
            | "stdvar" | "group" | "count_values" => return Err(combines(name)),
            _ => return Err(format!("the function `{name}` cannot be expressed")),
        };
        if of == Of::Percentile(0) {
            let quantile = self.sum().ok_or("the quantile is no number")?;
            let percent = quantile * 100.0;
            if !(50.0..=99.0).contains(&percent) || percent.fract() != 0.0 {
                return Err(format!(
                    "the quantile {quantile}: 0.5 to 0.99 in steps of 0.01 can be expressed"
                ));
            }
            of = Of::Percentile(percent as u8);
            self.expect(",")?;
        }
        let series = self.series()?;
        let Some(window) = series.value.window else {
            return Err(format!("`{name}` of `{}`, which has no range, cannot be expressed", series.metric));
        };
        self.expect(")")?;
        let per = match window {
            _ if of != Of::Rate => None,
            _ if name == "rate" => Some(Per::Second),
            3_600.. => Some(Per::Hour),
            60.. => Some(Per::Minute),
            _ => Some(Per::Second),
        };
        let counter = matches!(name, "rate" | "increase");
        // A growth in the window's time is a rate.
        let factor = match per {
            Some(per) if name != "rate" => per.seconds() / f64::from(window),
            _ => 1.0,
        };
        let value = Value { of, window: Some(window), per: per.filter(|per| *per != Per::Second), counter };
        Ok(Series { value, factor, ..series })
    }

    fn absent(&mut self, name: &str) -> Result<Series, String> {
        let series = self.series()?;
        let factor = match (name, series.value.window) {
            ("absent", None) => LOOKBACK,
            ("absent_over_time", Some(window)) => f64::from(window),
            _ => return Err(format!("`{name}` of `{}` cannot be expressed", series.metric)),
        };
        self.expect(")")?;
        let value = Value { of: Of::Silence, ..Value::default() };
        Ok(Series { value, each: Each::All, factor, ..series })
    }

    /// What comes after a metric, or stands without one.
    fn matchers(&mut self, mut metric: String) -> Result<(Vec<Matcher>, String), String> {
        let mut matchers = Vec::new();
        if self.take("{") {
            while !self.take("}") {
                let label = self.word().filter(|label| !label.is_empty());
                let Some(label) = label else { return Err(format!("`{}` is no label", self.rest())) };
                self.at += label.len();
                let operators = [
                    ("=~", Operator::Matches),
                    ("!~", Operator::MatchesNot),
                    ("!=", Operator::Different),
                    ("=", Operator::Equal),
                ];
                let operator = operators.into_iter().find(|(sign, _)| self.take(sign));
                let Some((_, operator)) = operator else {
                    return Err(format!("`{label}` is compared with nothing"));
                };
                let value = self.quoted()?;
                if label == "__name__" && operator == Operator::Equal {
                    metric = value;
                } else {
                    matchers.push(Matcher { label: label.to_owned(), operator, value });
                }
                if !self.take(",") {
                    self.expect("}")?;
                    break;
                }
            }
        }
        if metric.is_empty() || matchers.iter().any(|matcher| matcher.label == "__name__") {
            return Err("a selector without the name of one metric cannot be expressed".into());
        }
        Ok((matchers, metric))
    }

    fn selector(
        &mut self,
        metric: String,
        matchers: Vec<Matcher>,
        mut value: Value,
    ) -> Result<Series, String> {
        if self.take("[") {
            let rest = &self.text[self.at..];
            let Some((range, _)) = rest.split_once(']') else { return Err(format!("`[{rest}` has no end")) };
            if range.contains(':') {
                return Err(format!("the subquery `[{range}]` cannot be expressed"));
            }
            let window = seconds(range.trim()).filter(|window| *window > 0);
            value.window =
                Some(window.ok_or_else(|| format!("the range `[{range}]` is no whole number of seconds"))?);
            self.at += range.len() + 1;
        }
        if self.word() == Some("offset") || self.take("@") {
            return Err(format!("`{metric}` at another time (`offset`, `@`) cannot be expressed"));
        }
        Ok(Series { metric, matchers, value, each: Each::Signal, factor: 1.0 })
    }

    fn quoted(&mut self) -> Result<String, String> {
        self.skip();
        let rest = &self.text[self.at..];
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'));
        let Some(quote) = quote else { return Err(format!("`{rest}` is no text between quotation marks")) };
        let (mut value, mut characters) = (String::new(), rest.char_indices().skip(1));
        while let Some((at, character)) = characters.next() {
            match character {
                _ if character == quote => {
                    self.at += at + 1;
                    return Ok(value);
                }
                '\\' if quote != '`' => match characters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, 't')) => value.push('\t'),
                    Some((_, other)) if other.is_ascii_punctuation() => value.push(other),
                    _ => return Err(format!("`{rest}` has an escape that cannot be expressed")),
                },
                other => value.push(other),
            }
        }
        Err(format!("`{rest}` has no end"))
    }
}

fn too_deep() -> String {
    format!("its parentheses are more than {DEEPEST} deep within each other")
}

fn combines(name: &str) -> String {
    format!("`{name}` makes one value of many series; a rule looks at each signal")
}

fn compared(series: Series, sign: &str, number: f64) -> Result<Condition, String> {
    let Series { metric, matchers, value, each, factor } = series;
    if value.of == Of::Silence {
        return Err(format!("`absent` of `{metric}` is compared with a number; leave the comparison out"));
    }
    if value.of == Of::Last && value.window.is_some() {
        return Err(format!("`{metric}` with a range, but without a function"));
    }
    let (signals, except) = patterns(&metric, matchers)?;
    let number = number * factor;
    // A value that equals a limit is not beyond it: the limits are the neighbours of the number.
    let (is, limit, upper) = match sign {
        ">" => (Is::Above, number, None),
        "<" => (Is::Below, number, None),
        ">=" => (Is::Above, number.next_down(), None),
        "<=" => (Is::Below, number.next_up(), None),
        "==" => (Is::Inside, number.next_down(), Some(number.next_up())),
        other => return Err(format!("`{other} {number}`: a rule cannot ask for any other value than one")),
    };
    Ok(Condition { signals, except, each, value, is, limit, upper })
}
