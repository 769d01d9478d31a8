//! The value axis: where its ticks are, and what is written at them.

use crate::values::format::grouped;
use crate::values::unit::{Prefixes, Unit, prefix};

/// How high the labels' font is, in pixels of the screen.
pub const FONT: f64 = 11.0;
/// How wide a label may be, in pixels of the screen: `+0.00800` and `-0.00800` fit.
pub const ROOM: f64 = 55.0;

/// What is written at the ticks of one axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels {
    /// What is to be added to, or multiplied with, every tick: `1,000,000,000 +`, `× 1e-298`, `52.5200 + 1e-6 ×`. Empty for
    /// nothing.
    pub base: String,
    /// A text for each tick.
    pub ticks: Vec<String>,
}

/// How far apart ticks are on an axis from `low` to `high` that has room for `most`: 1, 2, 2.5 or 5 times a power of
/// ten, or a power of two for bytes.
pub fn step(low: f64, high: f64, most: usize, unit: &Unit) -> f64 {
    let least = (high - low) / most.max(1) as f64;
    if !(least.is_finite() && least > 0.0) {
        return f64::INFINITY;
    }
    if unit.prefixes() == Prefixes::Iec && least >= 1.0 {
        return 2f64.powf(least.log2().ceil());
    }
    let power = 10f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|step| *step >= least * 0.999_999).unwrap_or(least)
}

/// The multiples of `step` from `low` to `high`.
pub fn ticks(low: f64, high: f64, step: f64) -> Vec<f64> {
    const MOST: usize = 100;
    if !(step.is_finite() && step > 0.0 && low < high) {
        return Vec::new();
    }
    let first = (low / step - 1e-6).ceil();
    let tick = |n: usize| (first + n as f64) * step;
    (0..MOST).map(tick).take_while(|tick| *tick <= high + step * 1e-6).collect()
}

/// What is written at `ticks`, which are `step` apart: as many digits as tell them apart, the same prefix on all of
/// them, and what they have in common once.
pub fn labels(ticks: &[f64], step: f64, unit: &Unit) -> Labels {
    let largest = ticks.iter().fold(0.0, |largest: f64, tick| largest.max(tick.abs()));
    let percent = if unit.symbol() == "%" { "%" } else { "" };
    let (factor, name) = prefix(largest, unit.prefixes());
    let plain = write(ticks, step, factor, name, percent);
    if largest == 0.0 || (fits(&plain) && step / factor > 1e-7) {
        return Labels { base: String::new(), ticks: plain };
    }
    let (low, high) =
        ticks.iter().fold((f64::MAX, f64::MIN), |(low, high), tick| (low.min(*tick), high.max(*tick)));
    // One tick alone has no distance to another.
    let room = 10f64.powf((high - low).max(step).log10().ceil());
    // A multiple of `room` may be a little below what it is on paper.
    let base = ((low + step / 2.0) / room).floor() * room;
    if base != 0.0 && base.abs() > room {
        let rest: Vec<f64> = ticks.iter().map(|tick| tick - base).collect();
        let (factor, name) = prefix(room, unit.prefixes());
        let ticks = write(&rest, step, factor, name, percent);
        let ticks: Vec<_> = ticks.into_iter().map(|tick| format!("+{tick}")).collect();
        let written = in_full(base, room);
        if fits(&ticks) {
            return Labels { base: format!("{written} +"), ticks };
        }
        let power = step.log10().floor();
        let factor = 10f64.powf(power);
        let scaled: Vec<f64> = rest.iter().map(|tick| tick / factor).collect();
        return Labels {
            base: format!("{written} + 1e{power} ×"),
            ticks: write(&scaled, step / factor, 1.0, "", percent),
        };
    }
    let power = largest.log10().floor();
    let factor = 10f64.powf(power);
    let scaled: Vec<f64> = ticks.iter().map(|tick| tick / factor).collect();
    Labels { base: format!("× 1e{power}"), ticks: write(&scaled, step / factor, 1.0, "", percent) }
}

/// A multiple of `room` with all its digits.
fn in_full(base: f64, room: f64) -> String {
    // More digits than a double has would be made up.
    if base.abs() >= 1e17 { format!("{base:e}") } else { grouped(base, (-room.log10() - 1e-9).ceil() as i32) }
}

fn fits(ticks: &[String]) -> bool {
    ticks.iter().all(|tick| width(tick) <= ROOM)
}

/// How wide a label is at most, in pixels of the screen: as in DejaVu Sans or Verdana, which are wider than other fonts.
pub fn width(label: &str) -> f64 {
    let share = |character| match character {
        '0'..='9' | 'n' | 'µ' => 0.64,
        '.' | ',' | 'i' | '\u{202f}' => 0.32,
        '-' => 0.37,
        '+' | '−' => 0.84,
        'k' | 'K' | 'P' | 'T' => 0.66,
        _ => 1.0,
    };
    label.chars().map(share).sum::<f64>() * FONT
}

fn write(ticks: &[f64], step: f64, factor: f64, name: &str, percent: &str) -> Vec<String> {
    let step = step / factor;
    let decimals = (-(step.log10() + 1e-9).floor()).clamp(0.0, 9.0);
    // 2.5 has a digit more than its magnitude says.
    let shifted = step * 10f64.powf(decimals);
    let decimals = decimals as usize + usize::from((shifted - shifted.round()).abs() > 1e-6);
    let space = if name.is_empty() { "" } else { "\u{202f}" };
    let label = |tick: &f64| {
        if tick.abs() < step * factor / 1e3 {
            format!("0{percent}")
        } else {
            format!("{:.decimals$}{space}{name}{percent}", tick / factor)
        }
    };
    ticks.iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(low: f64, high: f64, unit: &str) -> (String, Vec<String>) {
        let unit = Unit::named(unit);
        let step = step(low, high, 4, &unit);
        let labels = labels(&ticks(low, high, step), step, &unit);
        (labels.base, labels.ticks)
    }

    fn plain(low: f64, high: f64, unit: &str) -> String {
        let (base, ticks) = written(low, high, unit);
        assert_eq!(base, "");
        ticks.join(" ")
    }

    #[test]
    fn ticks_have_the_digits_that_tell_them_apart() {
        assert_eq!(plain(0.0, 20.0, ""), "0 5 10 15 20");
        assert_eq!(plain(0.0, 10.0, ""), "0 2.5 5.0 7.5 10.0");
        assert_eq!(plain(0.0, 100.0, "%"), "0% 25% 50% 75% 100%");
        assert_eq!(plain(0.0, 2_000_000.0, "B/s"), "0 0.5\u{202f}M 1.0\u{202f}M 1.5\u{202f}M 2.0\u{202f}M");
        assert_eq!(plain(0.0, 0.004, "V"), "0 1\u{202f}m 2\u{202f}m 3\u{202f}m 4\u{202f}m");
        assert_eq!(plain(-0.1, 0.1, ""), "-0.10 -0.05 0 0.05 0.10");
        assert_eq!(plain(0.0, 3e9, "B"), "0 1\u{202f}Gi 2\u{202f}Gi");
    }

    #[test]
    fn what_large_values_have_in_common_is_written_once() {
        assert_eq!(
            written(1_000_000_000.0, 1_000_000_080.0, ""),
            ("1,000,000,000 +".into(), ["+0", "+20", "+40", "+60", "+80"].map(String::from).to_vec())
        );
        let (base, ticks) = written(1_234_567_890.0, 1_234_567_890.4, "");
        assert_eq!((base.as_str(), ticks.first().map(String::as_str)), ("1,234,567,890 +", Some("+0")));
        let (base, ticks) = written(-1_000_000_080.0, -1_000_000_000.0, "");
        assert_eq!((base.as_str(), ticks[0].as_str()), ("-1,000,000,100 +", "+20"));
    }

    #[test]
    fn the_smallest_and_the_largest_numbers_have_ticks() {
        let (base, ticks) = written(0.0, 4e-298, "");
        assert_eq!((base.as_str(), ticks.join(" ").as_str()), ("× 1e-298", "0 1 2 3 4"));
        let (base, ticks) = written(-8e307, 8e307, "");
        assert_eq!((base.as_str(), ticks.len()), ("× 1e307", 3));
        assert_eq!(step(f64::MIN, f64::MAX, 4, &Unit::none()), f64::INFINITY);
    }

    #[test]
    fn a_small_change_of_a_number_with_many_digits_has_labels_that_fit() {
        let (base, ticks) = written(52.519_998, 52.520_018, "");
        assert_eq!((base.as_str(), ticks.join(" ").as_str()), ("52.5200 + 1e-6 ×", "0 5 10 15"));
        let (base, ticks) = written(52.520_001, 52.520_019, "");
        assert_eq!((base.as_str(), ticks.join(" ").as_str()), ("52.52000 + 1e-6 ×", "5 10 15"));
    }

    proptest::proptest! {
        /// With any unit, sign and magnitude, and as many ticks as a high chart has.
        #[test]
        fn labels_are_never_wider_than_the_axis(
            low in -9.99..9.99f64, power in -300..300, share in 0.0..12.0f64, most in 1..40usize,
            unit in proptest::sample::select(vec!["", "%", "V", "s", "B", "B/s", "°C", "km"]),
        ) {
            let low = low * 10f64.powi(power);
            let high = low + low.abs().max(1e-300) * 10f64.powf(2.0 - share);
            let unit = Unit::named(unit);
            let step = step(low, high, most, &unit);
            let labels = labels(&ticks(low, high, step), step, &unit);
            let widest = labels.ticks.iter().map(|label| width(label)).fold(0.0, f64::max);
            proptest::prop_assert!(widest <= ROOM, "{widest} for {labels:?}");
        }

        #[test]
        fn labels_fit_and_say_the_value(
            low in -1e12..1e12f64, power in -9..3, share in 1.0..9.99f64, negative: bool,
        ) {
            let low = if negative { -low.abs().powf(0.5) } else { low };
            let high = low + share * 10f64.powi(power);
            // What doubles cannot tell apart has no axis of its own: charts widen such ranges.
            proptest::prop_assume!((high - low) / low.abs().max(1e-9) > 1e-10);
            let step = step(low, high, 4, &Unit::none());
            let at = ticks(low, high, step);
            let labels = labels(&at, step, &Unit::none());
            for (label, tick) in labels.ticks.iter().zip(&at) {
                proptest::prop_assert!(width(label) <= ROOM, "{labels:?}");
                if labels.base.is_empty() { continue; }
                let number = |text: &str| text.replace(',', "").parse::<f64>();
                let (base, factor) = match labels.base.split_once(" +") {
                    None => (0.0, number(labels.base.trim_start_matches("× ")).unwrap()),
                    Some((base, "")) => (number(base).unwrap(), 1.0),
                    Some((base, factor)) => (number(base).unwrap(), number(factor.trim_matches([' ', '×'])).unwrap()),
                };
                // With a prefix the label is not a plain number.
                let Ok(shown) = number(label.trim_start_matches('+')) else { continue };
                proptest::prop_assert!((base + shown * factor - tick).abs() <= step * 0.011, "{labels:?} for {tick}");
            }
        }
    }

    #[test]
    fn labels_of_one_axis_differ_and_fit() {
        for (low, high) in
            [(1e9, 1e9 + 1.0), (0.0, 1e-9), (123.456, 123.457), (-5e6, 5e6), (1e15, 1e15 + 8.0)]
        {
            let (_, labels) = written(low, high, "");
            let different: std::collections::BTreeSet<&String> = labels.iter().collect();
            assert!(labels.len() >= 2 && different.len() == labels.len(), "{labels:?}");
            assert!(labels.iter().all(|label| width(label) <= ROOM), "{labels:?}");
        }
    }
}
