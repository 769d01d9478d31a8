//! The formats of files with samples.

use std::path::Path;

use clap::ValueEnum;

/// How samples are written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line `timestamp,signal,value` for each sample, after a line with these words
    Csv,
    /// A line of JSON for each sample or instant, as POST /api/telemetry takes it
    #[value(name = "ndjson")]
    NdJson,
    /// Columns timestamp, signal and value
    Parquet,
}

impl Format {
    /// The format that a file's name tells.
    pub(super) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::NdJson),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// As a user writes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::NdJson => "ndjson",
            Self::Parquet => "parquet",
        }
    }
}
