//! Values as programs print them.

use afterglow_wire::Code;

use super::{Verdict, shown};

/// What C, Lua, Python, Java, R and MATLAB print for values that are not finite, in lower case and without a sign.
const NOT_FINITE: &[&str] = &["nan", "inf", "infinity", "nanq", "nans", "qnan", "snan", "∞"];

/// What programs print for a value that they do not have, in lower case.
const MISSING: &[&str] = &["null", "none", "nil", "na", "n/a", "undefined", "unknown", "unavailable"];

/// Reads a value: a decimal number, also with a `+`, with leading zeros, or without digits on one side of the point;
/// `true` and `false` are 1 and 0.
///
/// # Errors
/// `not_finite` for what is no finite 64-bit float, `not_a_number` for everything else.
pub fn read(text: &str) -> Result<f64, Verdict> {
    let text = text.trim();
    if is_decimal(text) {
        // Rust reads all of these forms.
        return match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(not_finite(text)),
        };
    }
    match text {
        "true" | "True" | "TRUE" => Ok(1.0),
        "false" | "False" | "FALSE" => Ok(0.0),
        "" => Err((Code::NotANumber, "the value is missing; a number is expected".into())),
        _ if is_not_finite(text) => Err(not_finite(text)),
        _ if MISSING.contains(&&*text.to_ascii_lowercase()) => {
            let message = format!("the value {} says that there is none; a number is expected", shown(text));
            Err((Code::NotANumber, message))
        }
        _ => Err((Code::NotANumber, format!("{:?} is not a number", shown(text)))),
    }
}

/// Says that a value, as it was written, is not finite.
pub fn not_finite(text: &str) -> Verdict {
    (Code::NotFinite, format!("the value {} is not finite; a 64-bit float is expected", shown(text)))
}

/// `[+-] digits [. digits] [e [+-] digits]` with at least one digit before the exponent.
fn is_decimal(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let digits = |at: &mut usize| {
        let start = *at;
        while bytes.get(*at).is_some_and(u8::is_ascii_digit) {
            *at += 1;
        }
        *at - start
    };
    let mut mantissa = digits(&mut at);
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        mantissa += digits(&mut at);
    }
    if mantissa == 0 {
        return false;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        if digits(&mut at) == 0 {
            return false;
        }
    }
    at == bytes.len()
}

/// Whether a text is a spelling of a value that is not finite: with a sign or none, with what C libraries add in brackets
/// (`-nan(ind)`), or in the form of Microsoft's older ones (`1.#INF`, `-1.#IND00`).
fn is_not_finite(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let unsigned = lower.strip_prefix(['+', '-', '−']).unwrap_or(&lower);
    if let Some(rest) = unsigned.strip_prefix("1.#") {
        // Padded as digits would be, such as 1.#INF00e+000.
        let word = rest.trim_end_matches(|c: char| c.is_ascii_digit() || c == '+').trim_end_matches('e');
        let word = word.trim_end_matches('0');
        return ["inf", "ind", "qnan", "snan", "nan", "j", "r", "io", "qo", "so"].contains(&word);
    }
    let word = match unsigned.split_once('(') {
        Some((word, inside)) if inside.ends_with(')') => word,
        _ => unsigned,
    };
    NOT_FINITE.contains(&word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_as_programs_print_them() {
        for (text, value) in [
            ("21.5", 21.5_f64),
            (" 21.5 ", 21.5),
            ("+5", 5.0),
            (".5", 0.5),
            ("-.5", -0.5),
            ("5.", 5.0),
            ("00.254", 0.254),
            ("-007", -7.0),
            ("1.5E+3", 1_500.0),
            ("1e-3", 0.001),
            ("-0", -0.0),
            ("true", 1.0),
            ("False", 0.0),
        ] {
            assert_eq!(read(text).map(f64::to_bits), Ok(value.to_bits()), "{text}");
        }
    }

    #[test]
    fn what_is_not_finite_in_any_language() {
        for text in [
            "nan",
            "NaN",
            "-nan",
            "+NAN",
            "nan(ind)",
            "-nan(ind)",
            "nan(0x8000000000000)",
            "-nan(snan)",
            "NaNQ",
            "inf",
            "Inf",
            "-inf",
            "+inf",
            "Infinity",
            "-Infinity",
            "INFINITY",
            "1.#INF",
            "-1.#INF",
            "1.#QNAN",
            "-1.#IND",
            "-1.#IND00",
            "1.#INF000000e+000",
            "1.#J",
            "∞",
            "−∞",
            "1e999",
            "-1e999",
        ] {
            let Err((code, message)) = read(text) else { panic!("{text} was read") };
            assert_eq!(code, Code::NotFinite, "{text}: {message}");
            assert!(message.contains(text), "{message}");
        }
    }

    #[test]
    fn what_is_no_number() {
        for text in [
            "",
            "-",
            "+",
            ".",
            "e5",
            "1e",
            "1e+",
            "0x1F",
            "1_000",
            "1,5",
            "1.2.3",
            "2l.7",
            "21.5 C",
            "NULL",
            "None",
            "nil",
            "N/A",
            "unavailable",
            "on",
            "--",
            "1 2",
            "nano",
            "infra",
            "inf()x",
            "１",
        ] {
            let verdict = read(text);
            assert_eq!(verdict.as_ref().map_err(|(code, _)| *code), Err(Code::NotANumber), "{text}");
        }
        assert!(read("None").unwrap_err().1.contains("None"));
    }

    proptest! {
        #[test]
        fn every_float_is_read_bit_for_bit(value in proptest::num::f64::NORMAL | proptest::num::f64::ZERO | proptest::num::f64::SUBNORMAL) {
            prop_assert_eq!(read(&format!("{value:?}")).map(f64::to_bits), Ok(value.to_bits()));
            prop_assert_eq!(read(&format!("{value:e}")).map(f64::to_bits), Ok(value.to_bits()));
        }

        #[test]
        fn any_text_is_answered_without_panic(text in "\\PC{0,20}") {
            if let Ok(value) = read(&text) {
                prop_assert!(value.is_finite());
            }
        }
    }
}
