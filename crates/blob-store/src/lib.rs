//! Bytes under names: one trait, kept in a folder, in memory or on S3.
