//! Rows below a header that say units or types: which ones they are.

/// Types of columns, which some programs write below their names.
const TYPES: &[&str] = &[
    "float",
    "float32",
    "float64",
    "f32",
    "f64",
    "double",
    "real",
    "decimal",
    "numeric",
    "number",
    "int",
    "int32",
    "int64",
    "integer",
    "long",
    "bigint",
    "unsigned",
    "unsignedlong",
    "bool",
    "boolean",
    "string",
    "str",
    "text",
    "varchar",
];

/// Units that are written as words.
const UNITS: &[&str] = &[
    "degc",
    "degf",
    "deg c",
    "deg f",
    "celsius",
    "fahrenheit",
    "kelvin",
    "percent",
    "mbar",
    "volt",
    "volts",
    "amp",
    "amps",
    "watt",
    "watts",
    "ohm",
    "ohms",
    "count",
    "counts",
];

/// Whether a row may say units: nothing in it is a time or a value, however these are written.
pub(super) fn may_be_one(texts: &[String], time: &[usize]) -> bool {
    let has_digit =
        |index: &usize| texts.get(*index).is_some_and(|text| text.bytes().any(|byte| byte.is_ascii_digit()));
    let begins_number = |text: &String| {
        let unsigned = text.trim_start().trim_start_matches(['+', '-', '−', '.', ',']);
        unsigned.starts_with(|first: char| first.is_ascii_digit())
    };
    !time.iter().any(has_digit) && !texts.iter().any(begins_number)
}

/// Whether a row that may also be a header is one of units or types for certain: nothing in it can be the name of a signal.
pub(super) fn is_one_for_certain(texts: &[String], time: &[usize]) -> bool {
    let lower: Vec<_> = texts.iter().map(|text| text.trim().to_lowercase()).collect();
    let (times, others): (Vec<_>, Vec<_>) = (0..lower.len()).partition(|index| time.contains(index));
    // In a row of units that of the time is called so; other names of times may be those of a header.
    let has_unit_of_time = times.iter().all(|index| matches!(&*lower[*index], "utc" | "ts"));
    others
        .iter()
        .map(|index| &*lower[*index])
        .all(|text| text.is_empty() || TYPES.contains(&text) || has_unit_of_time && is_unit(text))
}

/// Whether a text in lower case looks like a unit.
fn is_unit(text: &str) -> bool {
    let is_sign = |c: char| !c.is_alphanumeric() && c != '_' && c != ' ';
    text.chars().count() <= 3 || UNITS.contains(&text) || text.contains(is_sign)
}
