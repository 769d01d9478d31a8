//! Numbers and ages as people read them.

use crate::values::unit::{Unit, prefix};

/// A value with its unit, at about four significant digits.
pub fn value(number: f64, unit: &Unit) -> String {
    let size = number.abs();
    let (factor, name) = prefix(size, unit.prefixes());
    let scaled = number / factor;
    let unreadable = scaled.abs() >= 1e7 || (size > 0.0 && scaled.abs() < 1e-3);
    let text = if unreadable { format!("{number:.3e}") } else { digits(scaled) };
    format!("{text}{}", unit.suffix(if unreadable { "" } else { name }))
}

/// A value among others that are up to `spread` apart: one that is nothing beside them is zero.
pub fn value_among(number: f64, spread: f64, unit: &Unit) -> String {
    // Half of the last of four digits.
    let is_nothing = spread.is_finite() && number.abs() * 4e3 < spread;
    value(if is_nothing { 0.0 } else { number }, unit)
}

/// A tick on an axis whose ticks are `step` apart and at most `largest`: as many digits as tell ticks apart,
/// and the same prefix on all of them.
pub fn tick(number: f64, step: f64, largest: f64, unit: &Unit) -> String {
    let percent = if unit.symbol() == "%" { "%" } else { "" };
    if number == 0.0 {
        return format!("0{percent}");
    }
    let (factor, name) = prefix(largest, unit.prefixes());
    let step = step / factor;
    if largest / factor >= 1e7 || step < 1e-6 {
        return format!("{number:.1e}{percent}");
    }
    let decimals = (-(step.log10() + 1e-9).floor()).clamp(0.0, 9.0);
    // 2.5 has a digit more than its magnitude says.
    let shifted = step * 10f64.powf(decimals);
    let decimals = decimals as usize + usize::from((shifted - shifted.round()).abs() > 1e-6);
    let space = if name.is_empty() { "" } else { "\u{202f}" };
    format!("{:.decimals$}{space}{name}{percent}", number / factor)
}

/// How often something happens: with tenths where these say something.
pub fn rate(number: f64) -> String {
    if number < 100.0 { format!("{number:.1}") } else { count(number.round() as usize) }
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
        let check = |number, unit, expected| assert_eq!(value(number, &Unit::named(unit)), expected);
        check(1.5, "", "1.500");
        check(-0.0001, "", "-1.000e-4");
        check(0.0, "", "0.000");
        check(42.123, "%", "42.12 %");
        check(1_234.0, "", "1234");
        check(1_234_567.0, "", "1.235 M");
        check(1_234_567.0, "B/s", "1.235 MB/s");
        check(512.0, "B", "512.0 B");
        check(1_610_612_736.0, "B", "1.500 GiB");
        check(0.005, "V", "5.000 mV");
        check(21.5, "°C", "21.50 °C");
        check(1e300, "", "1.000e300");
    }

    #[test]
    fn a_value_is_nothing_only_beside_large_ones() {
        let check =
            |number, spread, expected| assert_eq!(value_among(number, spread, &Unit::named("")), expected);
        check(1.141e-7, 2.0, "0.000");
        check(-1.141e-7, 2.0, "0.000");
        check(0.001, 2.0, "0.001");
        check(1.141e-7, 2e-7, "1.141e-7");
        check(1.141e-7, 0.0, "1.141e-7");
        check(5.0, f64::INFINITY, "5.000");
    }

    #[test]
    fn ticks_have_the_digits_that_tell_them_apart() {
        let check = |number, step, largest, unit, expected| {
            assert_eq!(tick(number, step, largest, &Unit::named(unit)), expected);
        };
        check(10.0, 5.0, 20.0, "", "10");
        check(0.25, 0.05, 0.5, "", "0.25");
        check(2.5, 2.5, 10.0, "", "2.5");
        check(50.0, 25.0, 100.0, "%", "50%");
        check(500_000.0, 500_000.0, 2_000_000.0, "B/s", "0.5\u{202f}M");
        check(0.0, 500_000.0, 2_000_000.0, "B/s", "0");
        check(0.002, 0.001, 0.005, "V", "2\u{202f}m");
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
        assert_eq!((rate(0.25), rate(99.94), rate(1_650.1)), ("0.2".into(), "99.9".into(), "1,650".into()));
    }
}
