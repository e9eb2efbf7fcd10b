//! Measures drafts in a folder: hashed, sealed and durable, by one writer and by four at once, reading
//! back, and small files. `cargo run --release -p kartei-blob-store --example drafts [GIB [FOLDER]]`; the
//! folder should be on the disk that is meant, so not on `/tmp` where that is memory.
//!
//! CPU seconds are the process's own as Linux tells them, user and system; elsewhere they are 0.

use std::time::Instant;

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt};
use kartei_blob_store::{BlobName, BlobStore, Draft, Landed, SealKey, root_of};

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// What a connection gives at once, about.
const GIVEN_BYTES: usize = 256 * 1024;

/// As often as the relay waits for the disk.
const CHECKPOINT_BYTES: u64 = 32 * MIB;

/// Small files of one measurement.
const SMALL_FILES: u32 = 1_000;

/// Ticks of a second in `/proc/self/stat`, on all Linux that there is.
const TICKS: f64 = 100.0;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let gib: u64 = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let folder = match arguments.next() {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let store = BlobStore::open("", folder.path())?;
    for writers in [1, 4, 1, 4] {
        measure(&store, gib * GIB, writers).await?;
    }
    for files in [1, 8, 1, 8] {
        measure_small(&store, files).await?;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: unknown");
    println!("{peak}");
    Ok(())
}

async fn measure(store: &BlobStore, size: u64, writers: u64) -> Result<()> {
    let (name, key) = (BlobName::new("speed")?, SealKey::random()?);
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let draft = store.begin_draft(&name, Some(size)).await?;
    let share = size / writers;
    let runs = (0..writers).map(|writer| write(draft.clone(), key.clone(), writer * share, share));
    let runs = runs.map(|run| async { tokio::spawn(run).await? });
    let landed = try_join_all(runs).await?.concat();
    root_of(size, &landed).context("the pieces are not the whole")?;
    draft.finish(size, &landed).await?;
    report(&format!("write, {writers} at once"), size, began, cpu);
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let blob = store.open_sealed(&name, &key, size).await?;
    let read: u64 = blob
        .read(0..size)
        .try_fold(0, |sum, piece| async move { Ok(sum + piece.len() as u64) })
        .await?;
    anyhow::ensure!(read == size);
    report("read", size, began, cpu);
    store.delete(&name).await?;
    Ok(())
}

/// Small files, from the beginning of a draft to its name, some at once.
async fn measure_small(store: &BlobStore, at_once: usize) -> Result<()> {
    let (began, key) = (Instant::now(), SealKey::random()?);
    let files = (0..SMALL_FILES).map(|number| small(store.clone(), key.clone(), number));
    let mut files = futures_util::stream::iter(files.map(tokio::spawn)).buffer_unordered(at_once);
    while let Some(stored) = files.next().await {
        stored??;
    }
    let rate = f64::from(SMALL_FILES) / began.elapsed().as_secs_f64();
    println!("files of 10 KiB, {at_once} at once: {rate:.0} a second");
    Ok(())
}

async fn small(store: BlobStore, key: SealKey, number: u32) -> Result<()> {
    let (name, bytes) = (BlobName::new(format!("small/{number}"))?, vec![7; 10_240]);
    let draft = store.begin_draft(&name, Some(10_240)).await?;
    let mut writer = draft.write_from(&key, 0);
    writer.write(bytes.into()).await?;
    draft.finish(10_240, &writer.finish(true).await?.landed).await?;
    store.delete(&name).await?;
    Ok(())
}

async fn write(draft: Draft, key: SealKey, offset: u64, len: u64) -> Result<Vec<Landed>> {
    let given = Bytes::from((0..=u8::MAX).cycle().take(GIVEN_BYTES).collect::<Vec<u8>>());
    let mut writer = draft.write_from(&key, offset);
    let mut landed = Vec::new();
    for number in 1..=len / given.len() as u64 {
        writer.write(given.clone()).await?;
        if (number * given.len() as u64).is_multiple_of(CHECKPOINT_BYTES) {
            landed.extend(writer.checkpoint().await?);
        }
    }
    landed.extend(writer.finish(true).await?.landed);
    Ok(landed)
}

fn report(what: &str, size: u64, began: Instant, cpu: f64) {
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let mib = (size / MIB) as f64;
    println!("{what}: {:.0} MiB/s, {:.2} CPU-s/GiB", mib / seconds, cpu / mib * 1024.0);
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS
}
