//! The range as part of the page's address, so that a link shows what its sender saw.

use afterglow_wire::Timestamp;

use super::expression::{from_to, typed};
use super::{Follow, Range, Zone};

/// The query parameters that say where the range begins and ends.
pub const KEYS: [&str; 2] = ["from", "to"];

/// The query parameters that say where the two cursors are.
pub const CURSORS: [&str; 2] = ["a", "b"];

/// The instant of a cursor that an address says; none when it is no time.
pub fn cursor(text: &str) -> Option<i64> {
    Timestamp::parse(text).ok().map(Timestamp::micros)
}

/// The parameters of `range`; none for the page's own default.
pub fn parameters(range: Range) -> Option<[(&'static str, String); 2]> {
    let values = match range {
        Range::Live(Follow::Fitting) => return None,
        Range::Live(Follow::Last(width)) => [format!("now-{}", typed(width)), "now".to_owned()],
        Range::Paused(span) | Range::Fixed(span) => {
            [span.from, span.to].map(|micros| Timestamp::from_micros(micros).to_string())
        }
    };
    let [from, to] = values;
    Some([(KEYS[0], from), (KEYS[1], to)])
}

/// The range that an address with these parameters asks for; the page's default when it does not say.
///
/// # Errors
/// What is not understood.
pub fn range(from: Option<&str>, to: Option<&str>, now: i64, zone: &dyn Zone) -> Result<Range, String> {
    match from {
        Some(from) => from_to(from, to, now, zone),
        None => Ok(Range::Live(Follow::Fitting)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HOUR, Span, Utc};
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let span = Span { from: 1_795_608_000_000_001, to: 1_795_608_000_500_000 };
        for sent in [
            Range::Live(Follow::Last(HOUR)),
            Range::Live(Follow::Last(1_234_567)),
            Range::Live(Follow::Fitting),
            Range::Fixed(span),
        ] {
            let written = parameters(sent);
            let [from, to] = [0, 1].map(|n| written.as_ref().map(|pairs| pairs[n].1.as_str()));
            assert_eq!(range(from, to, 1_795_700_000_000_000, &Utc), Ok(sent));
        }
    }
}
