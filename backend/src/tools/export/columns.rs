//! Samples as Parquet: columns `timestamp` (microseconds, UTC), `signal` and `value`.

use std::io::{Error, Write};
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use crate::store::{Sink, Stopped};

/// Rows of a row group; they are in memory, 16 MB.
const GROUP_ROWS: usize = 1_000_000;

/// Names handed to the file at once.
const NAMES_AT_ONCE: usize = 8_192;

const SCHEMA: &str = "message afterglow {
    required int64 timestamp (TIMESTAMP(MICROS,true));
    required binary signal (UTF8);
    required double value;
}";

/// Writes samples as row groups.
pub(super) struct ColumnWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    times: Vec<i64>,
    /// Each name and how many rows in a row are its.
    names: Vec<(ByteArray, usize)>,
    values: Vec<f64>,
}

impl<W: Write + Send> ColumnWriter<W> {
    pub(super) fn new(out: W) -> std::result::Result<Self, Error> {
        Self::begin(out).map_err(error)
    }

    fn begin(out: W) -> Result<Self> {
        let properties = WriterProperties::builder()
            .set_created_by(concat!("afterglow ", env!("CARGO_PKG_VERSION")).into())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .set_dictionary_enabled(false)
            .set_column_dictionary_enabled("signal".into(), true)
            .set_column_encoding("timestamp".into(), Encoding::DELTA_BINARY_PACKED)
            .build();
        let file =
            SerializedFileWriter::new(out, Arc::new(parse_message_type(SCHEMA)?), Arc::new(properties))?;
        Ok(Self { file, times: Vec::new(), names: Vec::new(), values: Vec::new() })
    }

    /// Writes what is left, and the file's end.
    pub(super) fn finish(mut self) -> std::result::Result<(), Error> {
        self.write_group().and_then(|()| self.file.close().map(|_| ())).map_err(error)
    }

    fn write_group(&mut self) -> Result<()> {
        if self.times.is_empty() {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        write_column::<Int64Type, _>(&mut group, [self.times.as_slice()])?;
        let names = self.names.iter().flat_map(|(name, count)| {
            let parts = (0..*count).step_by(NAMES_AT_ONCE);
            parts.map(move |start| vec![name.clone(); NAMES_AT_ONCE.min(count - start)])
        });
        write_column::<ByteArrayType, _>(&mut group, names)?;
        write_column::<DoubleType, _>(&mut group, [self.values.as_slice()])?;
        group.close()?;
        self.times.clear();
        self.values.clear();
        let last = self.names.pop();
        self.names.clear();
        self.names.extend(last.map(|(name, _)| (name, 0)));
        Ok(())
    }
}

/// What the system said, where it is that.
fn error(error: ParquetError) -> Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<Error>() {
            Ok(error) => *error,
            Err(other) => Error::other(other),
        },
        other => Error::other(other),
    }
}

fn write_column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    parts: impl IntoIterator<Item = impl AsRef<[T::T]>>,
) -> Result<()> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("the schema has too few columns".into()));
    };
    for part in parts {
        column.typed::<T>().write_batch(part.as_ref(), None, None)?;
    }
    column.close()
}

impl<W: Write + Send> Sink for ColumnWriter<W> {
    fn series(&mut self, name: &str) -> std::result::Result<(), Stopped> {
        self.names.push((ByteArray::from(name), 0));
        Ok(())
    }

    fn points(&mut self, mut times: &[i64], mut values: &[f64]) -> std::result::Result<(), Stopped> {
        while !times.is_empty() {
            let room = times.len().min(GROUP_ROWS - self.times.len());
            self.times.extend_from_slice(&times[..room]);
            self.values.extend_from_slice(&values[..room]);
            if let Some((_, count)) = self.names.last_mut() {
                *count += room;
            }
            (times, values) = (&times[room..], &values[room..]);
            if self.times.len() == GROUP_ROWS {
                self.write_group().map_err(error)?;
            }
        }
        Ok(())
    }
}

/// A file with these series, for tests of its reader.
#[cfg(test)]
pub(in crate::tools) fn parquet(series: &[(&str, &[i64], &[f64])]) -> std::result::Result<Vec<u8>, Stopped> {
    let mut out = Vec::new();
    let mut writer = ColumnWriter::new(&mut out)?;
    for (name, times, values) in series {
        writer.series(name)?;
        writer.points(times, values)?;
    }
    writer.finish()?;
    Ok(out)
}
