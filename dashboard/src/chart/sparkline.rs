//! A signal's shape in a few pixels.

use crate::samples::history::Trace;
use crate::samples::history::pyramid::Extent;
use crate::time::Span;

/// The drawing's width, which is also its number of columns.
pub const WIDTH: usize = 100;
/// The drawing's height.
pub const HEIGHT: f64 = 30.0;

/// An SVG path of what `trace` does over `span`, broken where it pauses; empty without samples.
pub fn path(trace: &Trace, span: Span) -> String {
    let Some(Extent { min, max }) = trace.extent(span) else { return String::new() };
    let height = if max > min { max - min } else { 1.0 };
    let y = |value: f64| HEIGHT - (value - min) / height * HEIGHT;
    let edge = |column: usize| span.from + (span.width() as f64 * column as f64 / WIDTH as f64) as i64;
    let (mut path, mut drawing) = (String::new(), false);
    for column in 0..WIDTH {
        let part = Span { from: edge(column), to: edge(column + 1) };
        match trace.extent(part) {
            Some(Extent { min, max }) => {
                let command = if drawing { 'L' } else { 'M' };
                path += &format!("{command}{column} {:.1}", y(max));
                // A lone column is a dot: a line of no length with round ends.
                if min < max || !drawing {
                    path += &format!("L{column} {:.1}", y(min));
                }
                drawing = true;
            }
            None => drawing = drawing && trace.held(part.to).is_some(),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::history::Series;
    use crate::time::SECOND;

    fn drawn(samples: impl IntoIterator<Item = (i64, f64)>) -> String {
        let mut series = Series::new("a".into());
        for (time, value) in samples {
            series.record(time * SECOND, value);
        }
        path(&Trace::whole(&series), Span { from: 0, to: 100 * SECOND })
    }

    #[test]
    fn a_ramp_rises_and_nothing_is_nothing() {
        let path = drawn((0..100).map(|n| (n, n as f64)));
        assert!(path.starts_with("M0 30.0L0 30.0L1 29.7"), "{path}");
        assert!(path.ends_with("L99 0.0"), "{path}");
        assert_eq!(path.matches('M').count(), 1);
        assert_eq!(drawn([]), "");
    }

    #[test]
    fn a_pause_breaks_the_line() {
        let path = drawn((0..20).chain(70..100).map(|n| (n, 1.0)));
        assert_eq!(path.matches('M').count(), 2, "{path}");
    }
}
