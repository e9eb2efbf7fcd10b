//! Files of records.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

/// The text compressed, as one member.
///
/// # Errors
/// Never in practice: the target is memory.
pub fn gzipped(text: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text)?;
    Ok(encoder.finish()?)
}

/// What was compressed, decompressed.
///
/// # Errors
/// Where it is no gzip, or was cut off.
pub fn gunzipped(bytes: &[u8]) -> Result<String> {
    Ok(std::io::read_to_string(MultiGzDecoder::new(bytes))?)
}

/// Writes records, one a line; compressed where the name ends in `.gz`.
///
/// # Errors
/// Where the file cannot be written.
pub fn write_lines(path: &Path, records: &[Value]) -> Result<()> {
    let mut text: Vec<u8> = Vec::new();
    for record in records {
        serde_json::to_writer(&mut text, record)?;
        text.push(b'\n');
    }
    let is_compressed = path.extension().is_some_and(|extension| extension == "gz");
    let bytes = if is_compressed { gzipped(&text)? } else { text };
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// The lines of a file, decompressed where its name ends in `.gz`.
///
/// # Errors
/// Where the file cannot be read.
pub fn lines_of(path: &Path) -> Result<Vec<String>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let is_compressed = path.extension().is_some_and(|extension| extension == "gz");
    let text = match is_compressed {
        true => gunzipped(&bytes)?,
        false => String::from_utf8(bytes)?,
    };
    Ok(text.lines().map(str::to_owned).collect())
}
