//! What holds for drafts whatever the order, the cuts and the restarts; in a folder and in memory.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures_util::TryStreamExt;
use kartei_blob_store::{BlobName, BlobStore, Draft, Landed, SealKey, UNIT_BYTES, root_of};
use proptest::prelude::*;

const UNIT: usize = 1024 * 1024;

/// Pieces that the files of these tests have at most.
const PIECES_MAX: usize = 7;

/// One writer's life.
#[derive(Debug, Clone)]
struct Life {
    /// Its first piece, of those that the file has.
    begin: prop::sample::Index,
    /// How many bytes it gets, of those that are left.
    bytes: prop::sample::Index,
    /// The size of what it gets at once.
    at_once: usize,
    /// A checkpoint after so many of them.
    checkpoint: usize,
    end: End,
    /// Whether the store is opened again after it.
    is_restart: bool,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Dropped,
    Finished,
}

fn life() -> impl Strategy<Value = Life> {
    let end = prop_oneof![Just(End::Dropped), Just(End::Finished)];
    let sizes = (any::<prop::sample::Index>(), 1_000_usize..1_500_000, 1_usize..12);
    (any::<prop::sample::Index>(), sizes, end, any::<bool>()).prop_map(
        |(begin, (bytes, at_once, checkpoint), end, is_restart)| Life {
            begin,
            bytes,
            at_once,
            checkpoint,
            end,
            is_restart,
        },
    )
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// The caller's journal: runs that do not overlap.
#[derive(Debug, Default)]
struct Journal(BTreeMap<u64, Landed>);

impl Journal {
    /// Keeps a run, unless something of it is known already: it was sent again then.
    fn add(&mut self, run: Landed) {
        let before = self.0.range(..run.end()).next_back();
        if before.is_none_or(|(_, before)| before.end() <= run.offset) {
            self.0.insert(run.offset, run);
        }
    }

    fn gap(&self, size: u64) -> Option<(u64, u64)> {
        let mut from = 0;
        for run in self.0.values() {
            if run.offset > from {
                return Some((from, run.offset));
            }
            from = run.end();
        }
        (from < size).then_some((from, size))
    }

    fn rows(&self) -> Vec<Landed> {
        self.0.values().cloned().collect()
    }
}

async fn live(
    draft: &Draft,
    key: &SealKey,
    text: &[u8],
    life: &Life,
    journal: &mut Journal,
) -> Result<()> {
    let begin = life.begin.index(text.len().div_ceil(UNIT).max(1)) * UNIT;
    let text = &text[begin.min(text.len())..];
    let bytes = life.bytes.index(text.len() + 1);
    let mut writer = draft.write_from(key, begin as u64);
    for (number, piece) in text[..bytes].chunks(life.at_once).enumerate() {
        writer.write(Bytes::copy_from_slice(piece)).await?;
        if number == life.checkpoint {
            writer.checkpoint().await?.into_iter().for_each(|run| journal.add(run));
        }
    }
    if let End::Finished = life.end {
        let is_end = bytes == text.len();
        let settled = writer.finish(is_end).await?;
        ensure!(text[..bytes].ends_with(&settled.rest), "another rest");
        ensure!(!is_end || settled.rest.is_empty());
        settled.landed.into_iter().for_each(|run| journal.add(run));
    }
    Ok(())
}

/// Runs the lives, then brings what is missing, and finishes.
async fn write(
    url: &str,
    folder: &Path,
    text: &[u8],
    lives: &[Life],
    is_known: bool,
) -> Result<()> {
    let (name, key, size) = (BlobName::new("a/b")?, SealKey::random()?, text.len() as u64);
    let mut store = BlobStore::open(url, folder)?;
    let mut draft = store.begin_draft(&name, is_known.then_some(size)).await?;
    let mut journal = Journal::default();
    for life in lives {
        live(&draft, &key, text, life, &mut journal).await?;
        if life.is_restart {
            if url.is_empty() {
                store = BlobStore::open(url, folder)?;
            }
            draft = store.open_draft(&name, &draft.place()).await?;
        }
        for run in journal.rows() {
            let read = draft.read(&key, size, run.offset..run.end()).await?;
            let read = read.try_collect::<Vec<_>>().await?.concat();
            ensure!(read == text[range(run.offset, run.end())?], "what landed is not there");
        }
    }
    while let Some((from, to)) = journal.gap(size) {
        let mut writer = draft.write_from(&key, from);
        writer.write(Bytes::copy_from_slice(&text[range(from, to)?])).await?;
        let settled = writer.finish(to == size).await?;
        ensure!(settled.rest.is_empty(), "a gap of whole pieces leaves nothing");
        settled.landed.into_iter().for_each(|run| journal.add(run));
    }
    let rows = journal.rows();
    ensure!(root_of(size, &rows) == Some(blake3::hash(text).into()), "another digest");
    draft.finish(size, &rows).await?;
    let blob = store.open_sealed(&name, &key, size).await?;
    let read = blob.read(0..size).try_collect::<Vec<_>>().await?.concat();
    ensure!(read == text, "other bytes");
    ensure!(store.list_drafts().await?.is_empty(), "a draft is left");
    Ok(())
}

fn range(from: u64, to: u64) -> Result<std::ops::Range<usize>> {
    Ok(usize::try_from(from)?..usize::try_from(to)?)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_writers_makes_the_same_blob(
        units in 0..PIECES_MAX,
        more in prop_oneof![Just(0), Just(1), 0..UNIT],
        lives in prop::collection::vec(life(), 0..6),
        is_memory in any::<bool>(),
        is_known in any::<bool>(),
    ) {
        let folder = tempfile::tempdir()?;
        let text = noise(7, units * UNIT + more);
        let url = if is_memory { "memory:" } else { "" };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let written = runtime.block_on(write(url, folder.path(), &text, &lives, is_known));
        prop_assert!(written.is_ok(), "{written:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_writer_does_not_write_over_the_next_one() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (name, key) = (BlobName::new("takeover")?, SealKey::random()?);
    let store = BlobStore::open("", folder.path())?;
    let draft = store.begin_draft(&name, None).await?;
    let (old, new) = (Bytes::from(noise(1, UNIT)), Bytes::from(noise(2, UNIT)));
    for round in 0..40 {
        let offset = round % 3 * UNIT_BYTES;
        let mut first = draft.write_from(&key, offset);
        first.write(old.clone()).await?;
        drop(first);
        // As another request of the same process does.
        let draft = store.open_draft(&name, &draft.place()).await?;
        let mut second = draft.write_from(&key, offset);
        second.write(new.clone()).await?;
        ensure!(second.checkpoint().await?.len() == 1);
        let read = draft.read(&key, 3 * UNIT_BYTES, offset..offset + UNIT_BYTES).await?;
        let read = read.try_collect::<Vec<_>>().await?.concat();
        ensure!(read == new, "round {round}: the old writer's bytes");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_to_what_is_finished() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (name, key) = (BlobName::new("finished")?, SealKey::random()?);
    let store = BlobStore::open("", folder.path())?;
    let draft = store.begin_draft(&name, None).await?;
    let bytes = Bytes::from(noise(4, UNIT));
    let mut writer = draft.write_from(&key, 0);
    writer.write(bytes.clone()).await?;
    let landed = writer.checkpoint().await?;
    // One that sends the same again, opened by another request, and never stopped.
    let mut late = store.open_draft(&name, &draft.place()).await?.write_from(&key, 0);
    late.write(Bytes::from(noise(5, UNIT))).await?;
    late.checkpoint().await?;
    let mut writer = draft.write_from(&key, 0);
    writer.write(bytes.clone()).await?;
    writer.checkpoint().await?;
    draft.finish(UNIT_BYTES, &landed).await?;
    let after = async {
        late.write(Bytes::from(noise(6, UNIT))).await?;
        late.write(Bytes::from(noise(7, UNIT))).await?;
        late.checkpoint().await
    };
    let error = after.await.err().context("it was written after the end")?;
    ensure!(error.is_not_found(), "{error:?}");
    let blob = store.open_sealed(&name, &key, UNIT_BYTES).await?;
    ensure!(blob.read(0..UNIT_BYTES).try_collect::<Vec<_>>().await?.concat() == bytes);
    ensure!(store.head(&name).await?.size_bytes == UNIT_BYTES + 4096);
    Ok(())
}

#[tokio::test]
async fn a_call_that_was_given_up_ends_its_writer() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (name, key) = (BlobName::new("given-up")?, SealKey::random()?);
    let store = BlobStore::open("", folder.path())?;
    let draft = store.begin_draft(&name, None).await?;
    let mut writer = draft.write_from(&key, 0);
    let long = Bytes::from(noise(3, 20 * UNIT));
    {
        let mut writing = std::pin::pin!(writer.write(long.clone()));
        let polled = futures_util::poll!(&mut writing);
        ensure!(polled.is_pending(), "20 units need more than one look");
    }
    let next = writer.write(long).await.err().context("it went on in the middle")?;
    ensure!(next.to_string().contains("begin another writer"), "{next}");
    let checkpoint = writer.checkpoint().await.err().context("it knows what is there")?;
    ensure!(checkpoint.to_string().contains("begin another writer"), "{checkpoint}");
    Ok(())
}

#[tokio::test]
async fn what_does_not_fit_on_the_disk_is_said_and_leaves_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = BlobStore::open("", folder.path())?;
    // More than the disks of test machines, and what no file can be. Where the first one fits, or where
    // the file system reserves nothing, there is nothing to be said.
    for size in [12 * 1024 * 1024 * UNIT_BYTES, u64::MAX] {
        match store.begin_draft(&BlobName::new("large")?, Some(size)).await {
            Ok(draft) => draft.abort().await?,
            Err(error) => {
                let text = error.to_string();
                ensure!(error.is_full() && text.contains("no space is left"), "{error:?}");
            }
        }
    }
    ensure!(store.list_drafts().await?.is_empty(), "a draft is left");
    Ok(())
}

#[tokio::test]
async fn a_draft_that_lost_its_end_is_not_published() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (name, key) = (BlobName::new("cut")?, SealKey::random()?);
    let draft = BlobStore::open("", folder.path())?.begin_draft(&name, None).await?;
    let mut writer = draft.write_from(&key, 0);
    writer.write(Bytes::from(noise(8, UNIT + 5))).await?;
    let landed = writer.finish(true).await?.landed;
    for entry in std::fs::read_dir(folder.path().join(".drafts"))? {
        std::fs::File::options().write(true).open(entry?.path())?.set_len(UNIT_BYTES)?;
    }
    // As a relay finds it that starts after its disk was mended.
    let store = BlobStore::open("", folder.path())?;
    let draft = store.open_draft(&name, &draft.place()).await?;
    let error = draft.finish(UNIT_BYTES + 5, &landed).await.err().context("it was published")?;
    ensure!(error.is_not_found() && store.find(&name).await?.is_none(), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn drafts_outlive_the_sweep_and_are_no_blobs() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (name, key) = (BlobName::new("old/draft")?, SealKey::random()?);
    let store = BlobStore::open("", folder.path())?;
    let draft = store.begin_draft(&name, Some(3)).await?;
    let mut writer = draft.write_from(&key, 0);
    writer.write(Bytes::from("abc")).await?;
    let landed = writer.finish(true).await?.landed;
    for entry in std::fs::read_dir(folder.path().join(".drafts"))? {
        let file = std::fs::File::options().write(true).open(entry?.path())?;
        file.set_modified(std::time::SystemTime::UNIX_EPOCH)?;
    }
    let store = BlobStore::open("", folder.path())?;
    ensure!(store.list(None).try_collect::<Vec<_>>().await?.is_empty(), "a draft is no blob");
    let listed = store.list_drafts().await?;
    ensure!(listed.len() == 1 && listed[0].modified == std::time::SystemTime::UNIX_EPOCH);
    store.open_draft(&listed[0].name, &listed[0].place).await?.finish(3, &landed).await?;
    ensure!(store.head(&name).await?.size_bytes == 2 * 4096);
    Ok(())
}

#[tokio::test]
async fn a_blob_made_in_one_go_is_listed_as_a_draft_until_somebody_knows_of_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let key = SealKey::random()?;
    let store = BlobStore::open("", folder.path())?;
    for size in [0, 5, UNIT, UNIT + 5] {
        let (name, bytes) = (BlobName::new(format!("one/{size}"))?, noise(9, size));
        let draft = store.begin_draft(&name, Some(size as u64)).await?;
        let mut writer = draft.write_from(&key, 0);
        writer.write(Bytes::from(bytes.clone())).await?;
        ensure!(store.find(&name).await?.is_none(), "it is seen before it is whole");
        let landed = writer.publish().await?;
        ensure!(
            kartei_blob_store::root_of(size as u64, &landed)
                == Some(*blake3::hash(&bytes).as_bytes())
        );
        let listed = store.list_drafts().await?;
        ensure!(
            listed.len() == 1 && listed[0].name == name,
            "a process that dies here leaves no trace"
        );
        if size == 5 {
            draft.abort().await?;
        } else {
            draft.release().await?;
        }
        ensure!(store.list_drafts().await?.is_empty());
        draft.release().await?;
        let sealed = store.open_sealed(&name, &key, size as u64).await?;
        let read: Vec<Bytes> = sealed.read(0..size as u64).try_collect().await?;
        ensure!(read.concat() == bytes, "{size}");
    }
    Ok(())
}
