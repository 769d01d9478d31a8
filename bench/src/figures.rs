//! Numbers into tables.

use std::time::Duration;

/// The middle of `figures`, or the mean of the middle two; NaN of none.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    match figures.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => figures[count / 2],
        count => f64::midpoint(figures[count / 2 - 1], figures[count / 2]),
    }
}

/// The value that `percent` percent of `sorted` do not exceed; NaN when it is empty.
pub(crate) fn percentile(sorted: &[u32], percent: usize) -> f64 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).map_or(f64::NAN, |figure| f64::from(*figure))
}

// Counts far below 2^53.
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.1}", float(bytes) / 1e6)
}

/// Three significant digits, thousands separated.
pub(crate) fn show(figure: f64) -> String {
    match figure {
        figure if !figure.is_finite() => "-".into(),
        figure if figure >= 99.5 => thousands(&format!("{figure:.0}")),
        figure if figure >= 9.95 => format!("{figure:.1}"),
        figure if figure >= 0.0995 => format!("{figure:.2}"),
        figure => format!("{figure:.3}"),
    }
}

/// `ours / theirs`.
pub(crate) fn ratio(ours: f64, theirs: f64) -> String {
    show(ours / theirs)
}

fn thousands(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Prints a Markdown table under a heading.
pub(crate) fn print_table<const N: usize>(heading: &str, columns: [&str; N], rows: &[[String; N]]) {
    println!("\n**{heading}**\n\n| {} |\n|{}", columns.join(" | "), "---|".repeat(N));
    rows.iter().for_each(|row| println!("| {} |", row.join(" | ")));
}

/// Writes a line of progress to standard error; standard output is for the tables alone.
pub(crate) fn progress(line: &str) {
    eprintln!("... {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-12);
        assert!(median(vec![]).is_nan());
    }

    #[test]
    fn percentiles() {
        let hundred: Vec<u32> = (1..=100).collect();
        assert_eq!([50, 99, 100].map(|percent| percentile(&hundred, percent)), [50.0, 99.0, 100.0]);
        assert_eq!(percentile(&[7], 99), 7.0);
        assert!(percentile(&[], 50).is_nan());
    }

    #[test]
    fn figures_have_three_digits() {
        let shown = [0.0123, 0.456, 1.234, 12.34, 123.4, 1_234_567.8, f64::NAN].map(show);
        assert_eq!(shown, ["0.012", "0.46", "1.23", "12.3", "123", "1,234,568", "-"]);
        assert_eq!(ratio(1.0, 4.0), "0.25");
    }
}
