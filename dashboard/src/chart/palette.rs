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
/// Beyond eight lines the hues repeat with other dashes, so that no line is distinguished by its colour alone.
pub fn look(index: usize) -> (usize, usize) {
    (index % LIGHT.len(), index / LIGHT.len() % DASHES.len())
}

/// The hue that a colour somebody chose is a shade of, so that it suits light and dark; none for a colour of their own.
pub fn hue_of(colour: &str) -> Option<usize> {
    (0..LIGHT.len())
        .find(|hue| [LIGHT[*hue], DARK[*hue]].iter().any(|shade| shade.eq_ignore_ascii_case(colour)))
}

/// The colour of line number `index`, on a dark background or a light one; `own` is what somebody chose for it.
pub fn colour(index: usize, own: Option<&str>, dark: bool) -> &str {
    let hue = own.map_or(Some(look(index).0), hue_of);
    hue.map_or(own.unwrap_or_default(), |hue| if dark { DARK[hue] } else { LIGHT[hue] })
}

/// The class that gives an element the hue of line number `index`, and besides it the colour where it is somebody's own.
pub fn tint(index: usize, own: Option<&str>) -> (String, Option<&str>) {
    let hue = own.map_or(Some(look(index).0), hue_of);
    hue.map_or((String::new(), own), |hue| (format!("hue-{hue}"), None))
}

/// The class that gives a colour key the dashes of line number `index`.
pub fn dash_class(index: usize) -> &'static str {
    ["", "dashed", "dotted"].get(look(index).1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_sheet_has_the_same_colours() {
        let sheet = include_str!("../../static/style/base.css");
        for (hue, (light, dark)) in LIGHT.iter().zip(DARK).enumerate() {
            let token = format!("--line-{hue}: light-dark({light}, {dark});");
            assert!(sheet.contains(&token), "base.css lacks {token}");
        }
    }

    #[test]
    fn chosen_shades_of_the_palette_suit_both_backgrounds() {
        assert_eq!(
            (colour(3, Some("#C2410C"), true), colour(3, Some("#c2410c"), false)),
            (DARK[1], LIGHT[1])
        );
        assert_eq!((colour(9, None, true), colour(9, Some("#123456"), true)), (DARK[1], "#123456"));
        assert_eq!(tint(9, None), ("hue-1".into(), None));
        assert_eq!(tint(9, Some("#123456")), (String::new(), Some("#123456")));
    }

    #[test]
    fn hues_repeat_dashed() {
        assert_eq!([look(0), look(7), look(8), look(16), look(24)], [(0, 0), (7, 0), (0, 1), (0, 2), (0, 0)]);
    }
}
