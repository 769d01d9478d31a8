//! Which series of a source made which name. A name may be made of several texts, such as a measurement and its tags, and two
//! series may then make the same one: neither can be told from the other in what is stored, so none of it is.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::{BuildHasher as _, Hash, RandomState};

use afterglow_wire::Code;

use super::{Verdict, shown};

/// Names that are kept; samples with further ones are refused.
const NAMES: usize = 250_000;

/// What goes into a name beside a measurement and a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tags {
    /// The tags' values: `cpu.n1.user`.
    #[default]
    Values,
    /// The tags' names as well: `cpu.host=n1.user`.
    Pairs,
}

impl Tags {
    /// Reads the setting.
    ///
    /// # Errors
    /// When it is neither.
    pub fn read(text: &str) -> Result<Self, String> {
        match text {
            "values" => Ok(Self::Values),
            "pairs" => Ok(Self::Pairs),
            _ => Err("values or pairs".into()),
        }
    }
}

/// The names of one source, and which series made each.
#[derive(Debug, Default)]
pub struct Series {
    hasher: RandomState,
    known: HashMap<String, Maker>,
}

/// What made a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Maker {
    /// The series with this hash.
    One(u64),
    Several,
}

impl Series {
    /// Takes note that `series`, which is all that tells it from others, makes `name`.
    ///
    /// # Errors
    /// When another series has made it before: from then on neither may have it.
    pub fn claim(&mut self, name: &str, series: impl Hash + Display) -> Result<(), Verdict> {
        let hash = self.hasher.hash_one(&series);
        let Some(maker) = self.known.get_mut(name) else {
            if self.known.len() >= NAMES {
                let message = format!("more than {NAMES} names are made of several texts here");
                return Err((Code::TooManySignals, message));
            }
            self.known.insert(name.to_owned(), Maker::One(hash));
            return Ok(());
        };
        if *maker == Maker::One(hash) {
            return Ok(());
        }
        *maker = Maker::Several;
        let message = format!(
            "{} has the name of another series, so both are refused from here on; `tags`, if it is pairs, keeps apart what has \
             other tags",
            shown(&series.to_string())
        );
        Err((Code::BadSignalName, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_series_with_one_name_neither_has_it() {
        let mut series = Series::default();
        assert_eq!(series.claim("m.a.v", "m,host=a v"), Ok(()));
        assert_eq!(series.claim("m.a.v", "m,host=a v"), Ok(()));
        assert_eq!(series.claim("m.b.v", "m,rack=b v"), Ok(()));
        let (code, message) = series.claim("m.a.v", "m,rack=a v").unwrap_err();
        assert!(code == Code::BadSignalName && message.contains("m,rack=a v"), "{message}");
        let (_, message) = series.claim("m.a.v", "m,host=a v").unwrap_err();
        assert!(message.contains("m,host=a v") && message.contains("`tags`"), "{message}");
        assert_eq!(series.claim("m.b.v", "m,rack=b v"), Ok(()));
    }

    #[test]
    fn tags_are_values_or_pairs() {
        assert_eq!(Tags::read("values"), Ok(Tags::Values));
        assert_eq!(Tags::read("pairs"), Ok(Tags::Pairs));
        assert!(Tags::read("names").unwrap_err().contains("pairs"));
    }
}
