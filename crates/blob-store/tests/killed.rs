//! What a killed process was told to be durable is there for the next one, which goes on from it.
//!
//! The process that is killed is this program again, with the same test, told by its environment
//! what to write.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures_util::TryStreamExt;
use kartei_blob_store::{BlobName, BlobStore, KEY_BYTES, Landed, SealKey, root_of};

const SIZE: u64 = 19 * 1024 * 1024 + 77_777;

/// What is given to a writer at once.
const GIVEN: usize = 150_001;

const FOLDER: &str = "KARTEI_TEST_DRAFT_FOLDER";
const PLACE: &str = "KARTEI_TEST_DRAFT_PLACE";
const OFFSET: &str = "KARTEI_TEST_DRAFT_OFFSET";

/// Before what the killed process tells, as the test's own harness writes lines too.
const TOLD: &str = "told ";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_told_to_be_durable_outlives_the_process() -> Result<()> {
    if let Ok(folder) = std::env::var(FOLDER) {
        return write(&folder).await;
    }
    let folder = tempfile::tempdir()?;
    let (store, name, key, text) = (BlobStore::open("", folder.path())?, name()?, key(), text());
    let draft = store.begin_draft(&name, Some(SIZE)).await?;
    let mut rows: Vec<Landed> = Vec::new();
    let mut killed = 0;
    while let Some(offset) = Some(rows.last().map_or(0, Landed::end)).filter(|end| *end < SIZE) {
        // Each process gets a little further than the one before.
        let told = run(folder.path(), &draft.place(), offset, killed + 1)?;
        killed += 1;
        rows.extend(told);
        for row in &rows {
            let read = draft.read(&key, SIZE, row.offset..row.end()).await?;
            let read = read.try_collect::<Vec<_>>().await?.concat();
            let (from, to) = (usize::try_from(row.offset)?, usize::try_from(row.end())?);
            ensure!(read == text[from..to], "what was told at {from} is not there");
        }
    }
    ensure!(killed > 2, "nobody was killed in the middle");
    ensure!(root_of(SIZE, &rows) == Some(blake3::hash(&text).into()), "another digest");
    draft.finish(SIZE, &rows).await?;
    let blob = store.open_sealed(&name, &key, SIZE).await?;
    ensure!(blob.read(0..SIZE).try_collect::<Vec<_>>().await?.concat() == text, "other bytes");
    Ok(())
}

/// Starts a process, kills it when it has told so many rows, and answers all that it told.
fn run(folder: &Path, place: &str, offset: u64, rows: usize) -> Result<Vec<Landed>> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["--exact", "--nocapture", "what_was_told_to_be_durable_outlives_the_process"])
        .env(FOLDER, folder)
        .env(PLACE, place)
        .env(OFFSET, offset.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut told = Vec::new();
    for line in BufReader::new(child.stdout.take().context("it is piped")?).lines() {
        if let Some((_, row)) = line?.split_once(TOLD) {
            told.push(parse(row)?);
        }
        if told.len() == rows {
            child.kill()?;
        }
    }
    child.wait()?;
    ensure!(!told.is_empty(), "it told nothing");
    Ok(told)
}

async fn write(folder: &str) -> Result<()> {
    let (store, key, text) = (BlobStore::open("", folder.as_ref())?, key(), text());
    let draft = store.open_draft(&name()?, &std::env::var(PLACE)?).await?;
    let offset: u64 = std::env::var(OFFSET)?.parse()?;
    let mut writer = draft.write_from(&key, offset);
    for given in text[usize::try_from(offset)?..].chunks(GIVEN) {
        writer.write(Bytes::copy_from_slice(given)).await?;
        writer.checkpoint().await?.iter().for_each(tell);
    }
    writer.finish(true).await?.landed.iter().for_each(tell);
    Ok(())
}

/// One line, written at once.
fn tell(row: &Landed) {
    let tree: String = row.tree.iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{TOLD}{} {} {tree}.", row.offset, row.len);
}

fn parse(row: &str) -> Result<Landed> {
    let (row, _) = row.split_once('.').context("a line that was cut")?;
    let mut fields = row.split(' ');
    let mut next = || fields.next().context("a field is missing");
    let (offset, len, tree) = (next()?.parse()?, next()?.parse()?, next()?);
    let byte = |at| u8::from_str_radix(&tree[at..at + 2], 16);
    let tree = (0..tree.len()).step_by(2).map(byte).collect::<Result<_, _>>()?;
    Ok(Landed { offset, len, tree, part: None })
}

fn name() -> Result<BlobName> {
    Ok(BlobName::new("killed/draft")?)
}

fn key() -> SealKey {
    SealKey::from_bytes([9; KEY_BYTES])
}

fn text() -> Vec<u8> {
    (0..SIZE).map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()[5]).collect()
}
