//! A line that is a JSON object: names and values, or the contract's own form.

use afterglow_formats::json::{Cursor, Malformed, Scalar};
use afterglow_formats::{Verdict, number};
use afterglow_wire::{Code, Timestamp};

use super::{Line, TIMESTAMP, check_time, short};

impl Line {
    pub(super) fn object(&mut self, text: &str, prefix: &str, now: Timestamp) -> Result<(), String> {
        let mut cursor = Cursor::new(text);
        let outcome = self.members(&mut cursor, prefix, now).and_then(|read| match cursor.peek() {
            None => Ok(read),
            Some(_) => cursor.malformed("the end of the line"),
        });
        outcome.map_err(|Malformed { at, expected }| {
            format!("not a JSON object: expected {expected} at byte {at}")
        })?
    }

    /// The outer error is of the text, the inner one of what it says.
    fn members(
        &mut self,
        cursor: &mut Cursor<'_>,
        prefix: &str,
        now: Timestamp,
    ) -> Result<Result<(), String>, Malformed> {
        let (mut wrong, mut misplaced, mut nested, mut flat) = (None, None, false, None);
        let (mut first, mut key, mut scratch) = (true, String::new(), String::new());
        cursor.eat(b'{');
        while cursor.another(b'}', &mut first)? {
            let name = cursor.key(&mut key)?.to_owned();
            match &*name {
                TIMESTAMP => {
                    let stamp = match cursor.scalar(&mut scratch)? {
                        Scalar::Null => Ok(()),
                        Scalar::Text(text) => self.stamp(text),
                        Scalar::Number(number) => self.stamp(number.text),
                        other => Err(format!("{TIMESTAMP}: it is {}", other.kind())),
                    };
                    wrong = wrong.or(stamp.err());
                }
                // The contract's own form keeps the samples one level down.
                "signals" if cursor.peek() == Some(b'{') => {
                    nested = true;
                    let mut first = true;
                    cursor.eat(b'{');
                    while cursor.another(b'}', &mut first)? {
                        let name = cursor.key(&mut key)?.to_owned();
                        let value = cursor.value()?;
                        self.put(prefix, &name, value);
                    }
                }
                _ => {
                    let scalar = cursor.scalar(&mut scratch)?;
                    let text = match &scalar {
                        Scalar::Text(text) => text,
                        Scalar::Number(number) => number.text,
                        _ => "",
                    };
                    misplaced = misplaced.or(check_time(&name, text, now).err());
                    self.put(prefix, &name, value(&scalar));
                    flat.get_or_insert(name);
                }
            }
        }
        if let Some(name) = flat.filter(|_| nested) {
            let message = format!("{}: beside signals, only timestamp may stand", short(&name));
            wrong = wrong.or(Some(message));
        }
        // A line that has its own time has no other.
        let wrong = wrong.or(misplaced.filter(|_| self.timestamp.is_none()));
        Ok(wrong.map_or(Ok(()), Err))
    }
}

fn value(scalar: &Scalar<'_>) -> Result<f64, Verdict> {
    match scalar {
        Scalar::Number(number) if number.value.is_finite() => Ok(number.value),
        Scalar::Number(number) => Err(number::not_finite(number.text)),
        Scalar::Bool(flag) => Ok(f64::from(*flag)),
        Scalar::Word(text) => number::read(text),
        other => Err((Code::NotANumber, format!("the value is {}; a number is expected", other.kind()))),
    }
}
