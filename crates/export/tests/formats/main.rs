//! Every format, read back by a reader that is not ours.

mod common;
mod csv_rows;
mod files;
mod lines;
mod parquet_rows;
mod trouble;
