//! Numbers and ages as people read them.

use crate::values::resolution::Resolution;
use crate::values::unit::{Prefixes, Unit, prefix};

/// The significant digits of a value of which nothing else is known.
const SIGNIFICANT: i32 = 4;
/// The significant digits that a double has.
const EXACT: i32 = 15;
/// With more decimals than this after a prefix, the number in full is easier to read.
const MOST_SCALED: i32 = 4;
/// Values that need more decimals than this to differ from zero are written with an exponent.
const MOST_ZEROS: i32 = 6;

/// Smaller numbers are written with an exponent.
const SMALLEST: f64 = 1e-7;

/// What is known of a signal's values when one of them is written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Digits {
    /// In how many decimals the values are given; none when they are continuous.
    pub resolution: Option<usize>,
    /// How far the largest of them is from the smallest; 0 when that is not known.
    pub spread: f64,
}

/// A value with its unit, of whose signal nothing is known.
pub fn value(number: f64, unit: &Unit) -> String {
    Digits { resolution: Resolution::of(number).decimals(), spread: 0.0 }.text(number, unit)
}

impl Digits {
    /// A value of the signal with its unit: in full where the resolution is known, and otherwise with as many digits as
    /// tell it from the others. It is never written as zero unless it is zero.
    pub fn text(self, number: f64, unit: &Unit) -> String {
        if !number.is_finite() {
            return "–".into();
        }
        // Without a unit a prefix would only hide digits.
        let prefixes = Some(unit.prefixes()).filter(|prefixes| *prefixes != Prefixes::Large);
        let (factor, name) = prefix(number.abs(), prefixes.unwrap_or(Prefixes::None));
        let decimals = self.decimals(number, factor);
        let (factor, name, decimals) = if factor > 1.0 && decimals > MOST_SCALED {
            (1.0, "", self.decimals(number, 1.0))
        } else {
            (factor, name, decimals)
        };
        let scaled = number / factor;
        let is_hidden =
            number != 0.0 && (scaled.abs() < SMALLEST || scaled.abs() * 10f64.powi(decimals) < 0.5);
        if is_hidden || scaled.abs() >= 1e15 {
            return format!("{number:.3e}{}", unit.suffix(""));
        }
        format!("{}{}", grouped(scaled, decimals), unit.suffix(name))
    }

    /// How many decimals `number` gets, divided by `factor`.
    fn decimals(self, number: f64, factor: f64) -> i32 {
        let scaled = (number / factor).abs();
        if number == 0.0 {
            return self.resolution.map_or(0, |known| known as i32);
        }
        let magnitude = if scaled > 0.0 { scaled.log10().floor() as i32 } else { 0 };
        let significant = SIGNIFICANT - 1 - magnitude;
        let spread = self.spread / factor;
        let apart = if spread > 0.0 && spread.is_finite() {
            SIGNIFICANT - 1 - spread.log10().floor() as i32
        } else {
            significant
        };
        let wanted = match self.resolution {
            Some(known) if factor == 1.0 => known as i32,
            Some(known) => {
                let all = known as i32 + factor.log10().ceil() as i32;
                significant.max(apart).min(all)
            }
            // A value near zero among larger ones: enough decimals that it is not shown as zero.
            None => apart.max(significant.min(SIGNIFICANT - 1)).max(if magnitude >= -MOST_ZEROS {
                -magnitude
            } else {
                0
            }),
        };
        wanted.clamp(0, (EXACT - 1 - magnitude.max(0)).max(0))
    }
}

/// A number with its thousands apart, from five digits on.
pub fn grouped(number: f64, decimals: i32) -> String {
    let text = format!("{number:.0$}", decimals.max(0) as usize);
    // "-0" is zero to a reader.
    let negative = text.starts_with('-') && text.contains(|c: char| ('1'..='9').contains(&c));
    let text = text.trim_start_matches('-');
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let sign = if negative { "-" } else { "" };
    if whole.len() < 5 { format!("{sign}{text}") } else { format!("{sign}{}{rest}", thousands(whole)) }
}

/// How often something happens: with tenths where these say something.
pub fn rate(number: f64) -> String {
    if number < 100.0 { format!("{number:.1}") } else { count(number.round() as usize) }
}

/// A count with its thousands apart.
pub fn count(number: usize) -> String {
    thousands(&number.to_string())
}

fn thousands(digits: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_alone_is_written_as_it_is_given() {
        let check = |number, unit, expected| assert_eq!(value(number, &Unit::named(unit)), expected);
        check(1.5, "", "1.5");
        check(-0.0001, "", "-0.0001");
        check(0.0, "", "0");
        check(0.0, "B/s", "0 B/s");
        check(42.123, "%", "42.123 %");
        check(1_234.0, "", "1234");
        check(1_234_567.0, "", "1,234,567");
        check(1_234_567.0, "B/s", "1.235 MB/s");
        check(512.0, "B", "512 B");
        check(1_610_612_736.0, "B", "1.500 GiB");
        check(0.005, "V", "5 mV");
        check(21.5, "°C", "21.5 °C");
        check(1.0 / 3.0, "", "0.3333");
        check(1e300, "", "1.000e300");
        check(f64::INFINITY, "", "–");
    }

    #[test]
    fn an_offset_never_hides_the_number() {
        let full = Digits { resolution: Some(0), spread: 61.0 };
        assert_eq!(full.text(1_000_000_013.0, &Unit::none()), "1,000,000,013");
        let counter = Digits { resolution: Some(2), spread: 0.6 };
        assert_eq!(counter.text(1_234_567_890.12, &Unit::none()), "1,234,567,890.12");
        let continuous = Digits { resolution: None, spread: 61.0 };
        assert_eq!(continuous.text(1_000_000_013.1 + 1.0 / 3.0, &Unit::none()), "1,000,000,013.43");
        let bytes = Digits { resolution: Some(0), spread: 10.0 };
        assert_eq!(bytes.text(1_500_000_003.0, &Unit::named("B/s")), "1,500,000,003 B/s");
    }

    #[test]
    fn a_value_has_the_decimals_of_its_signal() {
        let text = |resolution, spread, number| Digits { resolution, spread }.text(number, &Unit::none());
        assert_eq!(text(Some(0), 1.0, 1.0), "1");
        assert_eq!(text(Some(1), 4.0, 75.0), "75.0");
        assert_eq!(text(None, 20.0, 9.87654), "9.877");
        assert_eq!(text(None, 452.0, 47.11), "47.11");
        assert_eq!(text(None, 2.0, 0.123_456), "0.123");
        assert_eq!(text(Some(1), 4.0, 0.0), "0.0");
    }

    #[test]
    fn only_zero_is_written_as_zero() {
        let check = |number, spread, expected| {
            assert_eq!(Digits { resolution: None, spread }.text(number, &Unit::none()), expected);
        };
        check(1.141e-7, 2.0, "1.141e-7");
        check(-1.141e-7, 2.0, "-1.141e-7");
        check(0.000_3, 2.0, "0.0003");
        check(0.001, 2.0, "0.001");
        check(1.141e-7, 2e-7, "0.0000001141");
        check(1.141e-7, 0.0, "0.0000001141");
        check(1.141e-9, 0.0, "1.141e-9");
        check(0.0, 2.0, "0");
        check(1.0 / 3.0 * 15.0 + 1e-12, f64::INFINITY, "5.000");
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
