//! Archives of imports without the lines of people who were erased.
//!
//! A line that goes leaves a blank one, so that the numbers of the others hold. What cannot be searched
//! (a line over the limit, a body that is no text, what follows a damaged place) was never applied, and
//! goes as well: nobody could say that the person is not in it.

use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use futures_util::TryStreamExt;
use kartei_blob_store::{BlobEntry, BlobName, BlobStore, Digest};
use kartei_ndjson::{LineReader, Source};
use kartei_relay_store::{OrgId, RelayStore, segment_folder};
use kartei_sync_core::ids_named;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::admin::now;
use crate::import::feed;

/// An import that has not ended after so long died with its relay.
const RUNNING_MS: i64 = 24 * 60 * 60 * 1_000;

/// Making a segment takes less than this, with much to spare.
const MAKING_MS: i64 = 10 * 60 * 1_000;

/// Tells of an id whether its profile was erased.
pub(super) type Erased<'a> = &'a dyn Fn(&str) -> bool;

/// Cleans everything that an organisation has outside its tables. `last` is the moment of its last
/// erasure, in milliseconds since 1970. Answers whether it could look at all.
pub(super) fn clean(
    store: &RelayStore,
    blobs: &BlobStore,
    org: OrgId,
    last: i64,
    erased: Erased<'_>,
) -> Result<bool> {
    let open = store.open_imports(org, now() - RUNNING_MS)?;
    let mut all = true;
    let prefix = BlobName::new(format!("imports/{org}"))?;
    for entry in listed(blobs, &prefix)? {
        let Some(digest) = digest_of(&entry.name) else { continue };
        if open.contains(&digest) {
            all = false;
            continue;
        }
        body(store, blobs, org, &prefix, &entry.name, digest, erased)
            .with_context(|| format!("archive {}", entry.name.as_str()))?;
    }
    for entry in listed(blobs, &BlobName::new(format!("reports/{org}"))?)? {
        let is_gzip = entry.name.as_str().ends_with(".gz");
        report_file(blobs, &entry.name, is_gzip, erased)
            .with_context(|| format!("report {}", entry.name.as_str()))?;
    }
    segments(store, blobs, org, last)?;
    for (id, answer) in store.import_answers(org)? {
        if let Some(answer) = without(&answer, erased) {
            store.replace_import_answer(org, &id, &answer)?;
        }
    }
    Ok(all)
}

/// Drops segments that may hold somebody who was erased: all that were made before, or were being made.
/// Whoever is making one does not get to add it; they are made anew by themselves.
fn segments(store: &RelayStore, blobs: &BlobStore, org: OrgId, last: i64) -> Result<()> {
    let chain = store.chain(org)?;
    let made = chain.segments.iter().map(|segment| segment.made_at);
    if made.min().is_some_and(|first| first > last + MAKING_MS) {
        return Ok(());
    }
    store.drop_chain(org)?;
    for entry in listed(blobs, &BlobName::new(segment_folder(org))?)? {
        Handle::current().block_on(blobs.delete(&entry.name))?;
    }
    Ok(())
}

fn listed(blobs: &BlobStore, prefix: &BlobName) -> Result<Vec<BlobEntry>> {
    Ok(Handle::current().block_on(blobs.list(Some(prefix)).try_collect())?)
}

fn digest_of(name: &BlobName) -> Option<[u8; 32]> {
    let hex = name.as_str().rsplit('/').next()?;
    hex.parse::<Digest>().ok().map(|digest| *digest.as_bytes())
}

/// A blob's bytes; nothing where another relay has removed it meanwhile.
fn reader(blobs: &BlobStore, name: &BlobName) -> Result<Option<impl Read + Send + 'static>> {
    match Handle::current().block_on(blobs.get_stream(name, None)) {
        Ok(reading) => Ok(Some(feed(reading.bytes))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn names_erased(line: &[u8], erased: Erased<'_>) -> bool {
    ids_named(line).iter().any(|id| erased(id))
}

/// What comes of a body.
enum Redacted {
    Clean,
    /// The text without what went, compressed.
    Rewritten(std::fs::File),
    /// Nothing of it is left.
    Nothing,
}

fn body(
    store: &RelayStore,
    blobs: &BlobStore,
    org: OrgId,
    prefix: &BlobName,
    name: &BlobName,
    digest: [u8; 32],
    erased: Erased<'_>,
) -> Result<()> {
    let Some(input) = reader(blobs, name)? else { return Ok(()) };
    let rewritten = match redact(input, erased)? {
        Redacted::Clean => return Ok(()),
        Redacted::Rewritten(file) => {
            let file = tokio::fs::File::from_std(file);
            let pieces = file_pieces(file);
            let stored = Handle::current().block_on(blobs.put_content_addressed(prefix, pieces))?;
            Some(*stored.digest.as_bytes())
        }
        Redacted::Nothing => None,
    };
    // First the new place, then the old one goes: what is broken off in between is done again.
    store.move_archive(org, &digest, rewritten.as_ref(), now())?;
    Handle::current().block_on(blobs.delete(name))?;
    Ok(())
}

/// A file as pieces of bytes.
fn file_pieces(
    file: tokio::fs::File,
) -> impl futures_util::Stream<Item = io::Result<bytes::Bytes>> + Send {
    use tokio::io::AsyncReadExt;
    const PIECE_BYTES: usize = 256 * 1024;
    futures_util::stream::try_unfold(file, |mut file| async move {
        let mut piece = bytes::BytesMut::with_capacity(PIECE_BYTES);
        let read = file.read_buf(&mut piece).await?;
        Ok((read > 0).then(|| (piece.freeze(), file)))
    })
}

/// Writes a body anew, in one pass; what was written is thrown away where nothing had to go.
fn redact(input: impl Read + Send + 'static, erased: Erased<'_>) -> Result<Redacted> {
    let Ok(source) = Source::new(input) else { return Ok(Redacted::Nothing) };
    let mut lines = LineReader::new(source);
    let mut output = compressed()?;
    let mut is_clean = true;
    loop {
        let block = match lines.next_block() {
            Ok(Some(block)) => block,
            Ok(None) => break,
            Err(kartei_ndjson::ReadError::Io(error)) => return Err(error.into()),
            Err(_) => {
                is_clean = false;
                break;
            }
        };
        for (_, line) in block.lines() {
            match line.filter(|line| !names_erased(line, erased)) {
                Some(line) => output.write_all(line)?,
                None => is_clean = false,
            }
            output.write_all(b"\n")?;
        }
    }
    if is_clean { Ok(Redacted::Clean) } else { Ok(Redacted::Rewritten(rewound(output)?)) }
}

type Compressed = GzEncoder<BufWriter<std::fs::File>>;

fn compressed() -> io::Result<Compressed> {
    Ok(GzEncoder::new(BufWriter::new(tempfile::tempfile()?), Compression::fast()))
}

fn rewound(output: Compressed) -> io::Result<std::fs::File> {
    let mut file = output.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// Takes lines out of a file of rejected lines or of what is wrong with them.
fn report_file(
    blobs: &BlobStore,
    name: &BlobName,
    is_gzip: bool,
    erased: Erased<'_>,
) -> Result<()> {
    let Some(input) = reader(blobs, name)? else { return Ok(()) };
    let input: Box<dyn Read> =
        if is_gzip { Box::new(MultiGzDecoder::new(input)) } else { Box::new(input) };
    let mut input = BufReader::new(input);
    let mut plain = BufWriter::new(tempfile::tempfile()?);
    let (mut line, mut is_clean) = (Vec::new(), true);
    while {
        line.clear();
        io::BufRead::read_until(&mut input, b'\n', &mut line)? > 0
    } {
        if names_erased(&line, erased) {
            is_clean = false;
            line.clear();
            line.push(b'\n');
        }
        plain.write_all(&line)?;
    }
    if is_clean {
        return Ok(());
    }
    let mut plain = plain.into_inner().map_err(io::IntoInnerError::into_error)?;
    plain.seek(SeekFrom::Start(0))?;
    let file = if is_gzip {
        let mut output = compressed()?;
        io::copy(&mut plain, &mut output)?;
        rewound(output)?
    } else {
        plain
    };
    let file = tokio::fs::File::from_std(file);
    Handle::current().block_on(blobs.put_reader(name, file))?;
    Ok(())
}

/// An import's answer without what it says of erased profiles; nothing where it says nothing.
fn without(answer: &str, erased: Erased<'_>) -> Option<String> {
    let mut answer: Value = serde_json::from_str(answer).ok()?;
    let errors = answer.get_mut("errors")?.as_array_mut()?;
    let mut is_clean = true;
    for error in errors {
        if error["id"].as_str().is_some_and(erased) {
            is_clean = false;
            *error = json!({
                "line": error["line"], "pointer": "", "keyword": error["keyword"],
                "message": "the profile was erased for good", "mend": "",
            });
        }
    }
    (!is_clean).then(|| answer.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(file: std::fs::File) -> String {
        let mut text = String::new();
        MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
        text
    }

    fn redacted(text: &'static [u8]) -> Redacted {
        redact(text, &|id| id == "p").unwrap()
    }

    #[test]
    fn lines_of_the_person_leave_blank_ones() {
        let text = b"{\"id\":\"a\"}\r\n\n{\"id\":\"p\",\"n\":1}\n{\"id\":\"b\"\n{\"x\":,\"id\": \"p\"\n{\"id\":\"c\"}";
        let Redacted::Rewritten(file) = redacted(text) else { panic!("something goes") };
        assert_eq!(text_of(file), "{\"id\":\"a\"}\n\n\n{\"id\":\"b\"\n\n{\"id\":\"c\"}\n");
        assert!(matches!(redacted(b"{\"id\":\"a\"}\n{\"id\":\"pp\"}\n"), Redacted::Clean));
    }

    #[test]
    fn what_cannot_be_searched_goes() {
        assert!(matches!(redacted(b"\x00\x01\x02\x03binary"), Redacted::Nothing));
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(b"{\"id\":\"a\"}\n{\"id\":\"b\"}\n").unwrap();
        let mut cut = packed.finish().unwrap();
        cut.truncate(cut.len() - 5);
        let done = redact(io::Cursor::new(cut), &|id| id == "p").unwrap();
        let Redacted::Rewritten(file) = done else { panic!("the end is damaged") };
        assert!(text_of(file).starts_with("{\"id\":\"a\"}\n"));
    }

    #[test]
    fn answers_lose_what_they_say_of_the_person() {
        let answer = json!({"errors": [
            {"line": 1, "id": "a", "message": "m"}, {"line": 2, "id": "p", "message": "secret"},
        ]});
        let told = without(&answer.to_string(), &|id| id == "p").unwrap();
        assert!(!told.contains("secret") && told.contains("\"line\":2"), "{told}");
        assert_eq!(without(&answer.to_string(), &|id| id == "q"), None);
    }
}
