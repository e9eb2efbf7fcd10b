//! Profiles as NDJSON, gzip, CSV and Parquet.
