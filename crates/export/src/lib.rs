//! Profiles as NDJSON, gzip, CSV and Parquet.
//!
//! Start at [`write()`], which takes records from a [`Source`] and writes them to anything that is
//! [`std::io::Write`], or at [`write_file`], which makes a complete file or none. What each format
//! holds is described in `docs/export-formats.md`. At most one batch of records and, for Parquet,
//! one row group are in memory. This crate must not know how profiles are stored.

mod cells;
mod columns;
mod csv;
mod error;
mod file;
mod leaf;
mod lines;
mod parquet_rows;
mod parquet_schema;
mod row;
mod sheet;
mod sink;
mod source;
mod summary;
mod table;

use std::io::Write;
use std::ops::ControlFlow;

pub use columns::{CSV_COLUMNS_MAX, PARQUET_ATTRIBUTES_MAX};
pub use error::Error;
pub use file::{Existing, Written, free_path, write_file};
pub use lines::GZIP_LEVEL;
pub use parquet_rows::{ROW_GROUP_BYTES, ROW_GROUP_ROWS, SCHEMA_KEY, WRITER_KEY, ZSTD_LEVEL};
pub use sheet::{Sheet, SheetColumn};
pub use source::{Batch, Source};
pub use table::TableData;

use columns::Columns;
use sink::Sink;

/// Name of the schema whose records are understood; the records say the same in `schema`.
pub const SCHEMA_NAME: &str = "user_profile.v1";

/// A format of export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// One canonical record a line.
    Ndjson,
    /// The same, compressed with gzip.
    NdjsonGz,
    /// One row a profile, flattened.
    Csv,
    /// One row an observation.
    CsvObservations,
    /// One row a profile, typed, with nested observations.
    Parquet,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] =
        [Self::Ndjson, Self::NdjsonGz, Self::Csv, Self::CsvObservations, Self::Parquet];

    /// The ending of file names, without the first dot: `ndjson.gz`.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::NdjsonGz => "ndjson.gz",
            Self::Csv | Self::CsvObservations => "csv",
            Self::Parquet => "parquet",
        }
    }

    /// The media type, for whoever sends an export over HTTP.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::NdjsonGz => "application/gzip",
            Self::Csv | Self::CsvObservations => "text/csv; charset=utf-8; header=present",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// Whether all records are read once before the first is written, to find the columns.
    #[must_use]
    pub fn has_first_pass(self) -> bool {
        matches!(self, Self::Csv | Self::Parquet)
    }
}

/// How to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The format.
    pub format: Format,
    /// CSV only: puts an apostrophe before texts that a spreadsheet would run as a formula.
    pub spreadsheet_safe: bool,
    /// CSV only: begins with a byte order mark, which Excel needs to see that the file is UTF-8 and
    /// which some other readers take for a part of the first column's name.
    pub byte_order_mark: bool,
}

impl Options {
    /// `format`, safe in spreadsheets, without a byte order mark.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self { format, spreadsheet_safe: true, byte_order_mark: false }
    }
}

/// What an export does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Reads all profiles to find the columns; nothing is written yet.
    FindingColumns,
    /// Writes.
    Writing,
}

/// How far an export is; told after every batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What it does.
    pub phase: Phase,
    /// Profiles done in this phase.
    pub profiles: u64,
}

/// Hears about progress, and stops the export with [`ControlFlow::Break`].
pub type OnProgress<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Profiles.
    pub profiles: u64,
    /// Rows or lines, without a header: for [`Format::CsvObservations`] the observations, else the
    /// profiles.
    pub rows: u64,
    /// Bytes, after compression.
    pub bytes: u64,
}

/// Writes all records of `source` to `out`, and flushes it.
///
/// Equal records give equal bytes. `out` may get parts of an export before an error; such a part is
/// never a complete gzip or Parquet file. NDJSON and CSV have no end mark, so whoever streams them
/// must break the connection on an error.
///
/// # Errors
/// Every [`Error`] but those of files.
pub fn write<S: Source, W: Write + Send>(
    source: &mut S,
    options: &Options,
    out: W,
    on_progress: OnProgress<'_>,
) -> Result<Summary, Error<S::Error>> {
    let mut feed = source::Feed::new(source, on_progress);
    let mut sink = Sink::new(out);
    let mut rows = None;
    match options.format {
        Format::Ndjson => lines::write_plain(&mut feed, &mut sink)?,
        Format::NdjsonGz => lines::write_gzip(&mut feed, &mut sink)?,
        Format::Csv => {
            let columns = Columns::find(&mut feed)?;
            columns.check_for_csv()?;
            csv::write_profiles(&mut feed, &columns, options, &mut sink)?;
        }
        Format::CsvObservations => {
            rows = Some(csv::write_observations(&mut feed, options, &mut sink)?);
        }
        Format::Parquet => {
            let columns = Columns::find(&mut feed)?;
            columns.check_for_parquet()?;
            parquet_rows::write(&mut feed, &columns, &mut sink)?;
        }
    }
    let profiles = feed.profiles();
    let bytes = sink.finish().map_err(|source| Error::Write { profiles, source })?;
    Ok(Summary { profiles, rows: rows.unwrap_or(profiles), bytes })
}
