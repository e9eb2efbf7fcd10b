//! Measures how fast 256 MiB go into each kind of store and come back: durable puts of one stream,
//! and one stream read. `cargo run --release -p kartei-blob-store --example throughput [KIND…]`,
//! with the kinds `folder`, `memory`, `garage` and `s3s-fs`; all of them where none is named.

use std::convert::Infallible;
use std::time::Instant;

use anyhow::Result;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use kartei_blob_store::{BlobName, BlobStore};
use kartei_test_support::{S3Kind, S3Server};

const MIB: usize = 1024 * 1024;
const PIECES: usize = 256 * 4;

#[tokio::main]
async fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |kind: &str| wanted.is_empty() || wanted.iter().any(|named| named == kind);
    let folder = tempfile::tempdir()?;
    for (kind, url) in [("folder", ""), ("memory", "memory:")] {
        if is_wanted(kind) {
            measure(kind, &BlobStore::open(url, folder.path())?).await?;
        }
    }
    for (name, kind) in [("garage", S3Kind::Garage), ("s3s-fs", S3Kind::S3sFs)] {
        if is_wanted(name) {
            let server = S3Server::start(kind)?;
            let variable = |variable: &str| server.variable(variable);
            let store = BlobStore::open_with(&server.url(""), folder.path(), &variable)?;
            measure(name, &store).await?;
        }
    }
    Ok(())
}

/// Prints MiB per second of a put, a put whose name is found at the end, and a get; the best of
/// three.
async fn measure(label: &str, store: &BlobStore) -> Result<()> {
    let (name, prefix) = (BlobName::new("speed/blob")?, BlobName::new("speed/content")?);
    let (mut put, mut content, mut get) = (0.0_f64, 0.0_f64, 0.0_f64);
    for _ in 0..3 {
        put = put.max(
            rate(async {
                store.put_stream(&name, body()).await?;
                Ok(())
            })
            .await?,
        );
        let stored = std::cell::RefCell::new(None);
        content = content.max(
            rate(async {
                *stored.borrow_mut() =
                    Some(store.put_content_addressed(&prefix, body()).await?.name);
                Ok(())
            })
            .await?,
        );
        get = get.max(
            rate(async {
                let reading = store.get_stream(&name, None).await?;
                reading.bytes.try_for_each(|_| std::future::ready(Ok(()))).await?;
                Ok(())
            })
            .await?,
        );
        if let Some(name) = stored.into_inner() {
            store.delete(&name).await?;
        }
    }
    println!(
        "{label}: put {put:.0} MiB/s, content-addressed {content:.0} MiB/s, get {get:.0} MiB/s"
    );
    Ok(())
}

async fn rate(work: impl Future<Output = Result<()>>) -> Result<f64> {
    let began = Instant::now();
    work.await?;
    Ok(256.0 / began.elapsed().as_secs_f64())
}

fn body() -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> + Send {
    let piece = Bytes::from((0..=u8::MAX).cycle().take(MIB / 4).collect::<Vec<u8>>());
    stream::repeat(piece).take(PIECES).map(Ok)
}
