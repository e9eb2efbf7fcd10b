//! Looking for a text in everything that programs left.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Result;
use kartei_ndjson::Source;
use kartei_test_support::Postgres;

/// The files below a folder that hold one of the texts, as they lie or inflated.
pub(crate) fn files_with(folder: &Path, texts: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files_with(&path, texts)?);
        } else if holds(&std::fs::read(&path)?, texts) || holds(&inflated(&path)?, texts) {
            found.push(path);
        }
    }
    Ok(found)
}

fn holds(bytes: &[u8], texts: &[&str]) -> bool {
    texts.iter().any(|text| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
}

/// The text of a compressed file, as far as it can be read; nothing of what is none.
fn inflated(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let Ok(mut source) = Source::new(File::open(path)?) else { return Ok(bytes) };
    let mut piece = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = source.read(&mut piece) {
        bytes.extend_from_slice(&piece[..read]);
    }
    Ok(bytes)
}

/// The tables of a relay's database that hold one of the texts, in words or in bytes.
pub(crate) fn tables_with(
    cluster: &Postgres,
    database: &str,
    texts: &[&str],
) -> Result<Vec<String>> {
    let tables = cluster.sql(
        database,
        "SELECT string_agg(quote_ident(table_name), ' ') FROM information_schema.tables \
         WHERE table_schema = 'kartei'",
    )?;
    let mut found = Vec::new();
    for table in tables.split_whitespace() {
        for text in texts {
            let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            let rows = cluster.sql(
                database,
                &format!(
                    "SELECT count(*) FROM kartei.{table} t \
                     WHERE t::text LIKE '%{text}%' OR t::text LIKE '%{hex}%'"
                ),
            )?;
            if rows != "0" {
                found.push(format!("{table}: {text} in {rows} rows"));
            }
        }
    }
    Ok(found)
}
