//! Numbers and times as people read them.

/// What a signal's name says its values are measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// Percent.
    Percent,
    /// Nothing that the name tells.
    Plain,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
}

impl Unit {
    /// The unit that a name's ending tells.
    pub fn of(name: &str) -> Self {
        let units = [Self::BytesPerSecond, Self::Bytes, Self::Percent];
        units.into_iter().find(|unit| name.ends_with(unit.ending())).unwrap_or(Self::Plain)
    }

    /// How names of signals with this unit end.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Percent => "_percent",
            Self::Bytes => "_bytes",
            Self::BytesPerSecond => "_bytes_per_second",
        }
    }

    /// A short word for identifiers.
    pub fn key(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Percent => "percent",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "rate",
        }
    }

    /// What a panel's heading shows, empty for none.
    pub fn label(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Percent => "percent",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "bytes per second",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Percent => " %",
            Self::Bytes => "B",
            Self::BytesPerSecond => "B/s",
        }
    }
}

/// A value with its unit, at about four significant digits.
pub fn value(number: f64, unit: Unit) -> String {
    let size = number.abs();
    let by_thousands = matches!(unit, Unit::Bytes | Unit::BytesPerSecond) || size >= 1e5;
    if by_thousands && size < 1e18 {
        let (scaled, prefix) = prefixed(number);
        let space = if prefix.is_empty() && unit.suffix().is_empty() { "" } else { " " };
        return format!("{}{space}{prefix}{}", digits(scaled), unit.suffix());
    }
    let text =
        if size >= 1e18 || (size > 0.0 && size < 1e-3) { format!("{number:.3e}") } else { digits(number) };
    format!("{text}{}", unit.suffix())
}

/// A tick on an axis whose ticks are `step` apart and at most `largest`: as many digits as tell ticks apart,
/// and the same prefix on all of them.
pub fn tick(number: f64, step: f64, largest: f64, unit: Unit) -> String {
    let percent = if unit == Unit::Percent { "%" } else { "" };
    if number == 0.0 {
        return format!("0{percent}");
    }
    if largest >= 1e18 || step < 1e-6 {
        return format!("{number:.1e}{percent}");
    }
    let (divisor, prefix) = match unit {
        Unit::Plain | Unit::Percent if largest < 1e5 => (1.0, ""),
        _ => scale_of(largest),
    };
    let step = step / divisor;
    let decimals = (-(step.log10() + 1e-9).floor()).clamp(0.0, 9.0);
    // 2.5 has a digit more than its magnitude says.
    let shifted = step * 10f64.powf(decimals);
    let decimals = decimals as usize + usize::from((shifted - shifted.round()).abs() > 1e-6);
    let space = if prefix.is_empty() { "" } else { "\u{202f}" };
    format!("{:.decimals$}{space}{prefix}{percent}", number / divisor)
}

/// A count with its thousands apart.
pub fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How old something is, from microseconds, in its largest unit.
pub fn age(micros: i64) -> String {
    match micros / 1_000_000 {
        ..2 => "now".into(),
        seconds @ 2..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// A duration in seconds, in its two largest units.
pub fn duration(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{} s", seconds.max(0)),
        60..3_600 if seconds % 60 == 0 => format!("{} min", seconds / 60),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

fn scale_of(size: f64) -> (f64, &'static str) {
    match size {
        size if size >= 1e15 => (1e15, "P"),
        size if size >= 1e12 => (1e12, "T"),
        size if size >= 1e9 => (1e9, "G"),
        size if size >= 1e6 => (1e6, "M"),
        size if size >= 1e3 => (1e3, "k"),
        _ => (1.0, ""),
    }
}

fn prefixed(number: f64) -> (f64, &'static str) {
    let (divisor, prefix) = scale_of(number.abs());
    (number / divisor, prefix)
}

fn digits(number: f64) -> String {
    let decimals = match number.abs() {
        size if size >= 1_000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        _ => 3,
    };
    let text = format!("{number:.decimals$}");
    // "-0.000" is zero to a reader.
    if text.trim_start_matches(['-', '0', '.']).is_empty() {
        text.trim_start_matches('-').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let check = |number, unit, expected| assert_eq!(value(number, unit), expected);
        check(1.5, Unit::Plain, "1.500");
        check(-0.0001, Unit::Plain, "-1.000e-4");
        check(0.0, Unit::Plain, "0.000");
        check(42.123, Unit::Percent, "42.12 %");
        check(1_234.0, Unit::Plain, "1234");
        check(1_234_567.0, Unit::Plain, "1.235 M");
        check(1_234_567.0, Unit::BytesPerSecond, "1.235 MB/s");
        check(512.0, Unit::Bytes, "512.0 B");
        check(1e300, Unit::Plain, "1.000e300");
    }

    #[test]
    fn ticks_have_the_digits_that_tell_them_apart() {
        let check = |number, step, largest, unit, expected| {
            assert_eq!(tick(number, step, largest, unit), expected);
        };
        check(10.0, 5.0, 20.0, Unit::Plain, "10");
        check(0.25, 0.05, 0.5, Unit::Plain, "0.25");
        check(2.5, 2.5, 10.0, Unit::Plain, "2.5");
        check(50.0, 25.0, 100.0, Unit::Percent, "50%");
        check(500_000.0, 500_000.0, 2_000_000.0, Unit::BytesPerSecond, "0.5\u{202f}M");
        check(0.0, 500_000.0, 2_000_000.0, Unit::BytesPerSecond, "0");
    }

    #[test]
    fn units_from_names() {
        let check = |name, unit| assert_eq!(Unit::of(name), unit, "{name}");
        check("host.cpu_percent", Unit::Percent);
        check("host.mem_used_bytes", Unit::Bytes);
        check("host.net_bytes_per_second", Unit::BytesPerSecond);
        check("percent", Unit::Plain);
    }

    #[test]
    fn ages_and_counts() {
        assert_eq!(age(900_000), "now");
        assert_eq!(age(-5), "now");
        assert_eq!(age(61_000_000), "1 min");
        assert_eq!(duration(61), "1 min 01 s");
        assert_eq!(duration(3_600), "1 h 00 min");
        assert_eq!(duration(90_000), "1 d 1 h");
        assert_eq!((count(999), count(1_234_567)), ("999".into(), "1,234,567".into()));
    }
}
