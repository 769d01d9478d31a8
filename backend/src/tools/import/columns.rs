//! Parquet files with the columns `timestamp`, `signal` and `value`.

mod numbers;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::panic::{self, PanicHookInfo};
use std::path::{Path, PathBuf};

use afterglow_wire::Timestamp;
use numbers::Numbers;
use parquet::basic::{Compression, ConvertedType, LogicalType, TimeUnit, Type};
use parquet::column::reader::{ColumnReaderImpl, get_typed_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader as _, RowGroupReader, SerializedFileReader};
use parquet::schema::types::SchemaDescriptor;

use super::super::{ToolError, tell};
use super::Importer;

/// Rows in memory at once.
const ROWS_AT_ONCE: usize = 65_536;

/// A Parquet file with the right columns.
pub(super) struct Columns {
    path: PathBuf,
    file: SerializedFileReader<File>,
    timestamp: Column,
    signal: Column,
    value: Column,
    unit: TimeUnit,
}

/// A column of the schema.
#[derive(Clone, Copy)]
struct Column {
    index: usize,
    /// Whether values may be missing.
    optional: bool,
}

/// One row; what is `None` is missing.
type Row = (Option<i64>, Option<ByteArray>, Option<f64>);

impl Columns {
    /// Opens a file and checks its schema.
    pub(super) fn open(path: &Path) -> std::result::Result<Self, ToolError> {
        let refused = |why: String| ToolError::Refused(format!("{} {why}", path.display()));
        let file = File::open(path).map_err(ToolError::file(path))?;
        let bytes = file.metadata().map_err(ToolError::file(path))?.len();
        let file = SerializedFileReader::new(file)
            .map_err(|error| refused(format!("cannot be read as Parquet: {error}")))?;
        check_places(file.metadata(), bytes).map_err(refused)?;
        let schema = file.metadata().file_metadata().schema_descr();
        let (timestamp, unit) = timestamp_column(schema).map_err(refused)?;
        let signal = column(schema, "signal", &[Type::BYTE_ARRAY], "UTF-8 (BYTE_ARRAY)").map_err(refused)?;
        let value = column(schema, "value", numbers::KINDS, numbers::ALLOWED).map_err(refused)?;
        if !numbers::are_plain(&schema.column(value.index)) {
            return Err(refused(format!(
                "has a column value of decimals, times or unsigned integers; {} is expected",
                numbers::ALLOWED
            )));
        }
        Ok(Self { path: path.to_owned(), timestamp, signal, value, unit, file })
    }

    pub(super) fn rows(&self) -> u64 {
        let groups = self.file.metadata().row_groups();
        groups.iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0)).sum()
    }

    /// Passes every row from the importer's position on to it.
    pub(super) fn read(&self, importer: &mut Importer) -> std::result::Result<(), ToolError> {
        let mut end = 0;
        for group in 0..self.file.num_row_groups() {
            let start = end;
            end += u64::try_from(self.file.metadata().row_group(group).num_rows()).unwrap_or(0);
            let damaged = |error: ParquetError| ToolError::File {
                path: self.path.clone(),
                error: std::io::Error::other(format!("row group {group} cannot be read: {error}")),
            };
            if importer.note.position >= end {
                continue;
            }
            let mut position = importer.note.position.max(start);
            let reader = self.file.get_row_group(group).map_err(damaged)?;
            let mut rows = self.rows_of(&*reader, position - start).map_err(damaged)?;
            loop {
                let part = rows.next().map_err(damaged)?;
                if part.is_empty() {
                    break;
                }
                for row in part {
                    position += 1;
                    if let Err(reason) = self.row(row, importer) {
                        importer.refuse(&format!("row {position}"), &reason);
                    }
                    importer.advance(position, position)?;
                }
            }
        }
        Ok(())
    }

    fn rows_of(&self, group: &dyn RowGroupReader, skip: u64) -> Result<Rows> {
        Ok(Rows {
            timestamp: Values::new(group, self.timestamp, skip)?,
            signal: Values::new(group, self.signal, skip)?,
            value: Numbers::new(group, self.value, skip)?,
        })
    }

    fn row(&self, row: Row, importer: &mut Importer) -> std::result::Result<(), String> {
        let missing = |what| move || format!("its {what} is missing");
        let given = row.0.ok_or_else(missing("timestamp"))?;
        let micros = match self.unit {
            TimeUnit::MILLIS => given.checked_mul(1_000),
            TimeUnit::MICROS => Some(given),
            TimeUnit::NANOS => Some(given.div_euclid(1_000)),
        };
        let timestamp = micros
            .map(Timestamp::from_micros)
            .filter(|timestamp| Some(timestamp.micros()) == micros)
            .ok_or_else(|| format!("the timestamp {given} does not lie between the years 1 and 9999"))?;
        let signal = row.1.ok_or_else(missing("signal"))?;
        let signal = std::str::from_utf8(signal.data()).map_err(|_| "the signal's name is not UTF-8")?;
        importer.sample(signal, timestamp, row.2.ok_or_else(missing("value"))?)
    }
}

/// The rows of a row group.
struct Rows {
    timestamp: Values<Int64Type>,
    signal: Values<ByteArrayType>,
    value: Numbers,
}

impl Rows {
    /// The next rows; none at the end.
    fn next(&mut self) -> Result<Vec<Row>> {
        let (times, names, values) = (self.timestamp.next()?, self.signal.next()?, self.value.next()?);
        if times.len() != names.len() || times.len() != values.len() {
            return Err(ParquetError::General("its columns have different lengths".into()));
        }
        Ok(times
            .into_iter()
            .zip(names)
            .zip(values)
            .map(|((time, name), value)| (time, name, value))
            .collect())
    }
}

/// The values of one column.
struct Values<T: DataType> {
    reader: ColumnReaderImpl<T>,
    optional: bool,
}

impl<T: DataType> Values<T> {
    fn new(group: &dyn RowGroupReader, column: Column, skip: u64) -> Result<Self> {
        let mut reader = get_typed_column_reader::<T>(group.get_column_reader(column.index)?);
        reader.skip_records(usize::try_from(skip).unwrap_or(usize::MAX))?;
        Ok(Self { reader, optional: column.optional })
    }

    fn next(&mut self) -> Result<Vec<Option<T::T>>> {
        let (mut values, mut levels) = (Vec::with_capacity(ROWS_AT_ONCE), Vec::new());
        let given = self.optional.then_some(&mut levels);
        self.reader.read_records(ROWS_AT_ONCE, given, None, &mut values)?;
        if !self.optional {
            return Ok(values.into_iter().map(Some).collect());
        }
        let mut values = values.into_iter();
        Ok(levels.into_iter().map(|level| if level > 0 { values.next() } else { None }).collect())
    }
}

/// Makes a panic of the library, which asserts what a damaged page does not keep, an end with a reason: exit code 2, as of other
/// files that cannot be used. What was committed before stays, and is noted.
pub(super) fn end_with_reason(path: &Path) {
    let (name, usual) = (path.display().to_string(), panic::take_hook());
    panic::set_hook(Box::new(move |about| {
        if is_of_parquet(about) {
            tell(&format!("afterglow: {name} cannot be read as Parquet: it is damaged"));
            std::process::exit(2);
        }
        usual(about);
    }));
}

/// Whether the library for Parquet panics.
pub(super) fn is_of_parquet(about: &PanicHookInfo<'_>) -> bool {
    about.location().is_some_and(|place| place.file().contains("/parquet-"))
}

/// Checks that every column lies within the file's `bytes`, for the reader trusts its directory and panics where that is damaged,
/// and is compressed in a way that is read.
fn check_places(metadata: &ParquetMetaData, bytes: u64) -> std::result::Result<(), String> {
    let within = |start: i64, length: i64| {
        let (start, length) = (u64::try_from(start).ok()?, u64::try_from(length).ok()?);
        start.checked_add(length).filter(|end| *end <= bytes)
    };
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let is_sound = group.num_rows() >= 0
            && group.columns().iter().all(|column| {
                let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
                within(start, column.compressed_size()).is_some()
                    && within(column.data_page_offset(), 0).is_some()
                    && column.num_values() >= 0
            });
        if !is_sound {
            return Err(format!("is damaged: row group {number} does not lie within its {bytes} bytes"));
        }
        for column in group.columns() {
            let compression = column.compression();
            if !matches!(compression, Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::ZSTD(_))
            {
                let name = compression.to_string();
                let name = name.split('(').next().unwrap_or_default();
                return Err(format!("is compressed with {name}; SNAPPY, ZSTD or no compression is expected"));
            }
        }
    }
    Ok(())
}

fn column(
    schema: &SchemaDescriptor,
    name: &str,
    kinds: &[Type],
    allowed: &str,
) -> std::result::Result<Column, String> {
    let found = schema.columns().iter().position(|column| column.path().string().eq_ignore_ascii_case(name));
    let Some(index) = found else {
        return Err(format!("has no column {name}; timestamp, signal and value are expected"));
    };
    let column = schema.column(index);
    if !kinds.contains(&column.physical_type()) || column.max_rep_level() > 0 || column.max_def_level() > 1 {
        return Err(format!("has a column {name} of type {}; {allowed} is expected", column.physical_type()));
    }
    Ok(Column { index, optional: column.max_def_level() == 1 })
}

fn timestamp_column(schema: &SchemaDescriptor) -> std::result::Result<(Column, TimeUnit), String> {
    const ALLOWED: &str = "an INT64 TIMESTAMP in milli-, micro- or nanoseconds";
    let found = column(schema, "timestamp", &[Type::INT64], ALLOWED)?;
    let described = schema.column(found.index);
    let unit = match (described.logical_type_ref(), described.converted_type()) {
        (Some(LogicalType::Timestamp(timestamp)), _) => timestamp.unit,
        (None, ConvertedType::TIMESTAMP_MILLIS) => TimeUnit::MILLIS,
        (None, ConvertedType::TIMESTAMP_MICROS) => TimeUnit::MICROS,
        _ => {
            return Err(format!(
                "has a column timestamp of integers that are no instants; {ALLOWED} is expected"
            ));
        }
    };
    Ok((found, unit))
}
