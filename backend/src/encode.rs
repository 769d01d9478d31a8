//! From columns of samples to text, piece by piece: the counterpart of `decode`.

use std::str::FromStr;

use afterglow_formats::sheet;
use afterglow_wire::Timestamp;
use afterglow_wire::telemetry::Slice;

use crate::store::{Bucket, Sink, Stopped};

/// A piece of text is handed on when it has grown to this many bytes.
const PIECE: usize = 64 * 1024;

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `{name: [{"timestamp", "value"}, ...], ...}`
    #[default]
    Json,
    /// `{name: {"points": [{"timestamp", "value"}, ...], "slice"?: microseconds}, ...}`: says what the points are.
    Series,
    /// `{name: {"slices": [{"from", "count", "min", "max", "mean", "last"}, ...], "slice"?: microseconds}, ...}`: for
    /// [`Detail::Slices`](crate::store::Detail::Slices) and nothing else.
    Slices,
    /// A line `timestamp,signal,value` for each sample, after a line with these words.
    Csv,
    /// As [`Self::Csv`], for spreadsheets: a name that one would take for a formula begins with an apostrophe.
    SpreadsheetCsv,
    /// A line `{"timestamp", "signals": {name: value}}` for each sample; it can be sent back as it is.
    NdJson,
}

impl Format {
    /// What `Content-Type` calls it.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json | Self::Series | Self::Slices => "application/json",
            Self::Csv | Self::SpreadsheetCsv => "text/csv; charset=utf-8",
            Self::NdJson => "application/x-ndjson",
        }
    }
}

impl FromStr for Format {
    type Err = &'static str;

    /// As a query names it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::SpreadsheetCsv),
            "ndjson" => Ok(Self::NdJson),
            _ => Err("json, csv or ndjson is expected"),
        }
    }
}

/// Takes pieces of text.
pub trait Output {
    /// Takes a piece.
    ///
    /// # Errors
    /// [`Stopped::Cancelled`] or [`Stopped::Timeout`] when it cannot be handed on.
    fn write(&mut self, piece: Vec<u8>) -> Result<(), Stopped>;

    /// Whether more is wanted; see [`Sink::check`].
    ///
    /// # Errors
    /// As [`Sink::check`].
    fn check(&mut self) -> Result<(), Stopped> {
        Ok(())
    }
}

/// Writes an answer in one of the formats.
pub struct Encoder<O> {
    format: Format,
    output: O,
    piece: Vec<u8>,
    /// The current series' name as the format has it.
    name: String,
    series: usize,
    /// Whether the current series has a point.
    has_points: bool,
    /// Microseconds of the slices to which it is reduced.
    slice: Option<i64>,
}

impl<O: Output> Encoder<O> {
    /// Begins an answer.
    pub fn new(format: Format, output: O) -> Self {
        let mut piece = Vec::with_capacity(PIECE + 1024);
        piece.extend_from_slice(match format {
            Format::Json | Format::Series | Format::Slices => b"{",
            Format::Csv | Format::SpreadsheetCsv => b"timestamp,signal,value\n",
            Format::NdJson => b"",
        });
        Self { format, output, piece, name: String::new(), series: 0, has_points: false, slice: None }
    }

    /// Ends the answer and returns what is left of it.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub fn finish(mut self) -> Result<O, Stopped> {
        self.end_series();
        if self.is_object() {
            self.piece.push(b'}');
        }
        self.output.write(self.piece)?;
        Ok(self.output)
    }

    /// Whether the answer is one JSON object.
    fn is_object(&self) -> bool {
        matches!(self.format, Format::Json | Format::Series | Format::Slices)
    }

    fn end_series(&mut self) {
        let slice = self.slice.take();
        if !self.is_object() || self.series == 0 {
            return;
        }
        self.piece.push(b']');
        if self.format != Format::Json {
            if let Some(slice) = slice {
                self.piece.extend_from_slice(format!(",\"slice\":{slice}").as_bytes());
            }
            self.piece.push(b'}');
        }
    }

    fn hand_on(&mut self) -> Result<(), Stopped> {
        if self.piece.len() < PIECE {
            return Ok(());
        }
        self.output.write(std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE + 1024)))
    }

    fn push(&mut self, time: i64, value: &str) {
        let timestamp = Timestamp::from_micros(time).text();
        let piece = &mut self.piece;
        match self.format {
            Format::Json | Format::Series | Format::Slices => {
                let start: &[u8] = if self.has_points { b",{\"timestamp\":\"" } else { b"{\"timestamp\":\"" };
                for part in [start, &timestamp, b"\",\"value\":", value.as_bytes(), b"}"] {
                    piece.extend_from_slice(part);
                }
            }
            Format::Csv | Format::SpreadsheetCsv => {
                for part in [&timestamp[..], b",", self.name.as_bytes(), b",", value.as_bytes(), b"\n"] {
                    piece.extend_from_slice(part);
                }
            }
            Format::NdJson => {
                let name = self.name.as_bytes();
                for part in [
                    &b"{\"timestamp\":\""[..],
                    &timestamp,
                    b"\",\"signals\":{",
                    name,
                    b":",
                    value.as_bytes(),
                    b"}}\n",
                ] {
                    piece.extend_from_slice(part);
                }
            }
        }
        self.has_points = true;
    }
}

impl<O: Output> Sink for Encoder<O> {
    fn series(&mut self, name: &str) -> Result<(), Stopped> {
        self.end_series();
        self.name = match self.format {
            Format::Json | Format::Series | Format::Slices | Format::NdJson => {
                serde_json::to_string(name).unwrap_or_default()
            }
            Format::Csv => csv_field(&sheet::for_programs(name)),
            Format::SpreadsheetCsv => csv_field(&sheet::for_people(name)),
        };
        if self.is_object() {
            self.piece.extend_from_slice(if self.series > 0 { b"," } else { b"" });
            self.piece.extend_from_slice(self.name.as_bytes());
            self.piece.extend_from_slice(match self.format {
                Format::Series => b":{\"points\":[",
                Format::Slices => b":{\"slices\":[",
                _ => b":[",
            });
        }
        self.series += 1;
        self.has_points = false;
        Ok(())
    }

    fn points(&mut self, times: &[i64], values: &[f64]) -> Result<(), Stopped> {
        let mut text = zmij::Buffer::new();
        for (time, value) in times.iter().zip(values) {
            self.push(*time, text.format_finite(*value));
            self.hand_on()?;
        }
        Ok(())
    }

    fn slices(&mut self, slices: &[Bucket]) -> Result<(), Stopped> {
        for slice in slices {
            let separator: &[u8] = if std::mem::replace(&mut self.has_points, true) { b"," } else { b"" };
            self.piece.extend_from_slice(separator);
            let slice = Slice {
                from: Timestamp::from_micros(slice.start),
                count: slice.count.cast_unsigned(),
                min: slice.min,
                max: slice.max,
                mean: slice.sum / slice.count as f64,
                last: slice.last,
            };
            serde_json::to_writer(&mut self.piece, &slice).map_err(std::io::Error::from)?;
            self.hand_on()?;
        }
        Ok(())
    }

    fn reduced(&mut self, slice: i64) -> Result<(), Stopped> {
        self.slice = Some(slice);
        Ok(())
    }

    fn check(&mut self) -> Result<(), Stopped> {
        self.output.check()
    }
}

/// A field by RFC 4180: quoted where it has a comma, a quote, a line break, or blanks at its ends.
fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) || text.trim() != text {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use afterglow_wire::telemetry::{History, SeriesHistory};

    use super::*;

    #[derive(Default)]
    struct Text(Vec<u8>, usize);

    impl Output for Text {
        fn write(&mut self, piece: Vec<u8>) -> Result<(), Stopped> {
            self.0.extend(piece);
            self.1 += 1;
            Ok(())
        }
    }

    fn encode(format: Format, series: &[(&str, &[(i64, f64)])]) -> String {
        let mut encoder = Encoder::new(format, Text::default());
        for (name, points) in series {
            encoder.series(name).unwrap();
            for point in *points {
                encoder.points(&[point.0], &[point.1]).unwrap();
            }
        }
        String::from_utf8(encoder.finish().unwrap().0).unwrap()
    }

    const SERIES: &[(&str, &[(i64, f64)])] = &[("a\",b", &[(0, 1.5), (1, -0.0)]), ("c", &[(-1, f64::MAX)])];

    #[test]
    fn json_is_what_the_wire_type_reads() {
        let history: History = serde_json::from_str(&encode(Format::Json, SERIES)).unwrap();
        let read: Vec<_> =
            history["a\",b"].iter().map(|point| (point.timestamp.micros(), point.value)).collect();
        assert_eq!(read, [(0, 1.5), (1, -0.0)]);
        assert_eq!(history["c"][0].value, f64::MAX);
        assert_eq!(encode(Format::Json, &[]), "{}");
    }

    #[test]
    fn series_say_what_their_points_are() {
        let mut encoder = Encoder::new(Format::Series, Text::default());
        for (name, slice) in [("a", None), ("b", Some(60_000_000)), ("c", None)] {
            encoder.series(name).unwrap();
            encoder.points(&[0, 1], &[1.5, 2.5]).unwrap();
            slice.map_or(Ok(()), |slice| encoder.reduced(slice)).unwrap();
        }
        let text = String::from_utf8(encoder.finish().unwrap().0).unwrap();
        let read: SeriesHistory = serde_json::from_str(&text).unwrap();
        let slices: Vec<_> =
            read.iter().map(|(name, series)| (&**name, series.points.len(), series.slice)).collect();
        assert_eq!(slices, [("a", 2, None), ("b", 2, Some(60_000_000)), ("c", 2, None)]);
        assert_eq!(encode(Format::Series, &[]), "{}");
    }

    #[test]
    fn names_are_quoted_in_csv() {
        assert_eq!(
            encode(Format::Csv, SERIES),
            "timestamp,signal,value\n1970-01-01T00:00:00.000000Z,\"a\"\",b\",1.5\n\
             1970-01-01T00:00:00.000001Z,\"a\"\",b\",-0.0\n1969-12-31T23:59:59.999999Z,c,1.7976931348623157e+308\n"
        );
    }

    #[test]
    fn spreadsheets_get_no_formulas() {
        let check = |name, expected: &str| {
            let text = encode(Format::SpreadsheetCsv, &[(name, &[(0, -1.0)])]);
            let line = format!("1970-01-01T00:00:00.000000Z,{expected},-1.0");
            assert_eq!(text.lines().nth(1), Some(&*line));
        };
        check("=1+1", "'=1+1");
        check("@SUM(1,2)", "\"'@SUM(1,2)\"");
        check("＝1", "'＝1");
        check(" =1", "' =1");
        check("'+1", "''+1");
        check(" a", "\" a\"");
        check("a=1", "a=1");
        assert_eq!(
            encode(Format::Csv, &[("+12V", &[(0, 1.0)])]).lines().nth(1),
            Some("1970-01-01T00:00:00.000000Z,+12V,1.0")
        );
    }

    #[test]
    fn ndjson_can_be_sent_back() {
        assert_eq!(
            encode(Format::NdJson, &SERIES[..1]),
            "{\"timestamp\":\"1970-01-01T00:00:00.000000Z\",\"signals\":{\"a\\\",b\":1.5}}\n\
             {\"timestamp\":\"1970-01-01T00:00:00.000001Z\",\"signals\":{\"a\\\",b\":-0.0}}\n"
        );
    }

    #[test]
    fn long_answers_come_in_pieces() {
        let mut encoder = Encoder::new(Format::Csv, Text::default());
        encoder.series("a").unwrap();
        encoder.points(&(0..10_000).collect::<Vec<_>>(), &[0.5; 10_000]).unwrap();
        let text = encoder.finish().unwrap();
        assert!(text.1 > 5, "{} pieces", text.1);
        assert_eq!(text.0.iter().filter(|byte| **byte == b'\n').count(), 10_001);
    }
}
