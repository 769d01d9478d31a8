//! Columns of numbers, whatever their type: other programs write what they count as integers, and measurements as 32-bit floats.

use parquet::basic::{LogicalType, Type};
use parquet::data_type::{DoubleType, FloatType, Int32Type, Int64Type};
use parquet::errors::Result;
use parquet::file::reader::RowGroupReader;
use parquet::schema::types::ColumnDescriptor;

use super::{Column, Values};

/// The types that are read.
pub(super) const KINDS: &[Type] = &[Type::DOUBLE, Type::FLOAT, Type::INT32, Type::INT64];
/// The same for messages.
pub(super) const ALLOWED: &str = "DOUBLE, FLOAT or a signed INT32 or INT64";

/// Whether the numbers of a column of one of [`KINDS`] are what they seem: no decimals, times or unsigned integers.
pub(super) fn are_plain(column: &ColumnDescriptor) -> bool {
    match column.logical_type_ref() {
        Some(LogicalType::Integer(integer)) => integer.is_signed,
        Some(_) => false,
        None => column.converted_type() == parquet::basic::ConvertedType::NONE,
    }
}

/// The values of one column as 64-bit floats; of large integers the nearest.
pub(super) enum Numbers {
    Double(Values<DoubleType>),
    Float(Values<FloatType>),
    Int32(Values<Int32Type>),
    Int64(Values<Int64Type>),
}

impl Numbers {
    /// The values after the first `skip` ones of a row group.
    pub(super) fn new(group: &dyn RowGroupReader, column: Column, skip: u64) -> Result<Self> {
        Ok(match group.metadata().column(column.index).column_type() {
            Type::FLOAT => Self::Float(Values::new(group, column, skip)?),
            Type::INT32 => Self::Int32(Values::new(group, column, skip)?),
            Type::INT64 => Self::Int64(Values::new(group, column, skip)?),
            _ => Self::Double(Values::new(group, column, skip)?),
        })
    }

    /// The next ones; none at the end.
    pub(super) fn next(&mut self) -> Result<Vec<Option<f64>>> {
        fn floats<T>(values: Vec<Option<T>>, float: impl Fn(T) -> f64) -> Vec<Option<f64>> {
            values.into_iter().map(|value| value.map(&float)).collect()
        }
        Ok(match self {
            Self::Double(values) => values.next()?,
            Self::Float(values) => floats(values.next()?, f64::from),
            Self::Int32(values) => floats(values.next()?, f64::from),
            Self::Int64(values) => floats(values.next()?, |value| value as f64),
        })
    }
}
