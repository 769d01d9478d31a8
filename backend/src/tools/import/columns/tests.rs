use std::sync::Arc;

use parquet::data_type::{DoubleType, FloatType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::*;

/// A file with one row at the beginning of 2026, whose column of values is of this type, and the values that are read of it.
fn read<T: DataType>(
    columns: &str,
    value: T::T,
    compression: Compression,
) -> std::result::Result<Vec<f64>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let schema = Arc::new(parse_message_type(&format!("message other {{ {columns} }}")).unwrap());
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer =
        SerializedFileWriter::new(File::create(&path).unwrap(), schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut next = group.next_column().unwrap().unwrap();
    next.typed::<Int64Type>().write_batch(&[1_767_225_600_000_000], None, None).unwrap();
    next.close().unwrap();
    let mut next = group.next_column().unwrap().unwrap();
    next.typed::<ByteArrayType>().write_batch(&[ByteArray::from("oven")], None, None).unwrap();
    next.close().unwrap();
    let mut next = group.next_column().unwrap().unwrap();
    next.typed::<T>().write_batch(&[value], None, None).unwrap();
    next.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    let columns = Columns::open(&path).map_err(|error| error.to_string())?;
    let group = columns.file.get_row_group(0).unwrap();
    let rows = columns.rows_of(&*group, 0).unwrap().next().unwrap();
    Ok(rows.into_iter().filter_map(|(_, _, value)| value).collect())
}

const NAMES: &str = "required int64 Timestamp (TIMESTAMP(MICROS,true)); required binary SIGNAL (UTF8);";

fn plain<T: DataType>(value_column: &str, value: T::T) -> std::result::Result<Vec<f64>, String> {
    read::<T>(&format!("{NAMES} required {value_column};"), value, Compression::UNCOMPRESSED)
}

#[test]
fn values_may_be_of_other_types_and_names_of_columns_in_any_case() {
    assert_eq!(plain::<DoubleType>("double value", 21.3).unwrap(), [21.3]);
    assert_eq!(plain::<FloatType>("float Value", 21.3).unwrap(), [f64::from(21.3f32)]);
    assert_eq!(plain::<Int32Type>("int32 value", -7).unwrap(), [-7.0]);
    assert_eq!(plain::<Int32Type>("int32 value (INTEGER(8,true))", -7).unwrap(), [-7.0]);
    assert_eq!(plain::<Int64Type>("int64 value", 1 << 60).unwrap(), [2f64.powi(60)]);
}

#[test]
fn numbers_that_mean_something_else_are_refused() {
    for column in [
        "int64 value (INTEGER(64,false))",
        "int64 value (DECIMAL(9,2))",
        "int64 value (TIMESTAMP(MICROS,true))",
    ] {
        let message = plain::<Int64Type>(column, 5).unwrap_err();
        assert!(message.contains("decimals, times or unsigned integers; DOUBLE, FLOAT or"), "{message}");
    }
}

#[test]
fn a_compression_that_is_not_read_is_named() {
    for compression in [Compression::SNAPPY, Compression::UNCOMPRESSED] {
        assert_eq!(
            read::<DoubleType>(&format!("{NAMES} required double value;"), 1.5, compression).unwrap(),
            [1.5]
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gzip.parquet");
    std::fs::write(&path, GZIP).unwrap();
    let message = Columns::open(&path).err().unwrap().to_string();
    assert!(
        message.contains("is compressed with GZIP; SNAPPY, ZSTD or no compression is expected"),
        "{message}"
    );
}

/// A file that pyarrow has written with `compression="gzip"`.
const GZIP: &[u8] = include_bytes!("gzip.parquet");
