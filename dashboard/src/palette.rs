//! The colours of lines.
//!
//! Eight hues that stay apart with the common colour vision deficiencies, each in a shade for a light and one for a dark
//! background. The style sheet has the same colours for the legend's keys; a test compares them.

/// Shades for a light background.
pub const LIGHT: [&str; 8] =
    ["#0b62b8", "#c2410c", "#0b7a5a", "#a21caf", "#8a6d00", "#0e7c9e", "#b91c3c", "#5b4bd6"];

/// Shades for a dark background.
pub const DARK: [&str; 8] =
    ["#5aa9f8", "#fb9256", "#3ecf9f", "#e07bea", "#e0c04c", "#4cc9e6", "#fb7b8e", "#a79bff"];

/// The dashes of lines: none, long, short. In pixels drawn and left out.
pub const DASHES: [&[f64]; 3] = [&[], &[7.0, 4.0], &[2.0, 3.0]];

/// How line number `index` of a chart looks: its hue's number, and its dashes' number.
///
/// Beyond eight lines the hues repeat with other dashes, so that no line is told by its colour alone.
pub fn look(index: usize) -> (usize, usize) {
    (index % LIGHT.len(), index / LIGHT.len() % DASHES.len())
}

/// The classes of a colour key that looks like line number `index`.
pub fn key_class(index: usize) -> String {
    let (hue, dash) = look(index);
    format!("key hue-{hue}{}", ["", " dashed", " dotted"].get(dash).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_sheet_has_the_same_colours() {
        let sheet = include_str!("../static/style.css");
        for (hue, (light, dark)) in LIGHT.iter().zip(DARK).enumerate() {
            let token = format!("--line-{hue}: light-dark({light}, {dark});");
            assert!(sheet.contains(&token), "style.css lacks {token}");
        }
    }

    #[test]
    fn hues_repeat_dashed() {
        assert_eq!([look(0), look(7), look(8), look(16), look(24)], [(0, 0), (7, 0), (0, 1), (0, 2), (0, 0)]);
    }
}
